import { describe, expect, it } from "vitest";
import { attemptsOf, type TaskEvent } from "../../src/lib/attempts";

const start = Date.UTC(2026, 0, 1);
let n = 0;
const event = (kind: string, ms: number, payload: Record<string, unknown> = {}): TaskEvent => ({ id: String(++n), kind: "task." + kind, occurred_at: new Date(start + ms).toISOString(), agent_id: "a", payload });

describe("attempts of a task", () => {
  it("reads a retry whose next attempt is told before its own end", () => {
    const found = attemptsOf([
      event("failed", 900, { exception: "E", hostname: "w2" }),
      event("sent", 0),
      event("received", 10, { hostname: "w1" }),
      event("started", 20),
      event("sent", 25, { eta: (start + 500) / 1000 }),
      event("received", 26, { eta: (start + 500) / 1000, hostname: "w2" }),
      event("retried", 40, { exception: "R" }),
      event("started", 600),
    ]);
    expect(found).toHaveLength(2);
    expect(found[0]).toMatchObject({ number: 1, from: start, started: start + 20, ended: start + 40, end: "retried", worker: "w1", exception: "R" });
    expect(found[1]).toMatchObject({ number: 2, from: start + 40, due: start + 500, started: start + 600, ended: start + 900, end: "failed", worker: "w2" });
  });
  it("knows one that runs, one that waits, and one whose beginning nobody told", () => {
    expect(attemptsOf([event("started", 5)])[0]).toMatchObject({ end: "running", ended: null });
    expect(attemptsOf([event("sent", 5)])[0]).toMatchObject({ end: "waiting", started: null });
    expect(attemptsOf([event("succeeded", 5)])[0]).toMatchObject({ end: "succeeded", started: null });
  });
  it("counts an end that was told twice once, and takes any time", () => {
    expect(attemptsOf([event("started", 1), event("failed", 2), event("failed", 3)])).toHaveLength(1);
    expect(attemptsOf([{ ...event("started", 1), occurred_at: "never" }])).toEqual([]);
    expect(attemptsOf([])).toEqual([]);
  });
});
