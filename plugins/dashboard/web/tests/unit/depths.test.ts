import { describe, expect, it } from "vitest";
import { Depths, KEEP_MS, emptying, slope } from "../../src/lib/depths";

const line = (from: number, perMinute: number, steps: number, stepMs = 15_000) => Array.from({ length: steps }, (_, i) => ({ at: i * stepMs, n: from + (perMinute * i * stepMs) / 60_000 }));

describe("depths of queues", () => {
  it("keeps one sample a step, the newest, and half an hour of them", () => {
    const d = new Depths();
    for (let t = 0; t <= KEEP_MS + 600_000; t += 2000) d.add("a", t, t);
    const kept = d.of("a");
    expect(kept.length).toBeLessThanOrEqual(KEEP_MS / 10_000 + 2);
    expect(kept.at(-1)).toEqual({ at: KEEP_MS + 600_000, n: KEEP_MS + 600_000 });
    expect(kept[0]!.at).toBeGreaterThanOrEqual(600_000);
    expect(d.of("b")).toEqual([]);
  });
  it("takes nothing twice, and no more than so many queues", () => {
    const d = new Depths();
    d.add("a", 5, 1);
    d.add("a", 5, 2);
    expect(d.of("a")).toEqual([{ at: 5, n: 1 }]);
    for (let i = 0; i < 600; i++) d.add(`q${i}`, 1, 1);
    expect(d.of("q599")).toEqual([]);
  });
  it("begins with what was before the tab looked", () => {
    const d = new Depths();
    d.add("a", KEEP_MS, 3);
    d.begin("a", [{ at: -1, n: 0 }, { at: 0, n: 1 }, { at: 60_000, n: 2 }, { at: KEEP_MS, n: 9 }], KEEP_MS);
    expect(d.of("a")).toEqual([{ at: 0, n: 1 }, { at: 60_000, n: 2 }, { at: KEEP_MS, n: 3 }]);
    d.begin("b", [{ at: 60_000, n: 2 }], KEEP_MS);
    expect(d.of("b")).toEqual([{ at: 60_000, n: 2 }]);
  });
  it("fits a line, and says nothing from too little", () => {
    expect(slope([])).toBeNull();
    expect(slope(line(100, -12, 2))).toBeNull();
    expect(slope(line(100, -12, 3, 2000))).toBeNull();
    expect(slope(line(100, -12, 8))).toBeCloseTo(-12);
    expect(slope([...line(1000, 0, 4), ...line(10, 6, 21).map((s) => ({ ...s, at: s.at + 3_600_000 }))])).toBeCloseTo(6);
  });
  it("tells when a queue is empty", () => {
    const q = (pending: number | null, paused = false, workers: number | null = 1) => ({ pending, paused, workers });
    expect(emptying(q(600), -60)).toEqual({ kind: "in", ms: 600_000 });
    expect(emptying(q(600), 60).kind).toBe("never");
    expect(emptying(q(600), 3).kind).toBe("steady");
    expect(emptying(q(600), null).kind).toBe("unknown");
    expect(emptying(q(0), null).kind).toBe("empty");
    expect(emptying(q(5, true), -60).kind).toBe("paused");
    expect(emptying(q(5, false, 0), -60).kind).toBe("unheard");
    expect(emptying(q(0, false, 0), null).kind).toBe("empty");
    expect(emptying(q(null), null).kind).toBe("unknown");
  });
});
