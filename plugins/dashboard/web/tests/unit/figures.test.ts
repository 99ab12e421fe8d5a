import { describe, expect, it } from "vitest";
import { against, percent, rangeOf, rate, trimmed } from "../../src/lib/figures";

describe("figures", () => {
  it("never round a failure away", () => {
    expect(percent(0)).toBe("0");
    expect(percent(0.0004)).toBe("<0.1");
    expect(percent(0.095)).toBe("9.5");
    expect(percent(0.244)).toBe("24");
    expect(rate(0.004)).toBe("<0.01");
    expect(rate(3.27)).toBe("3.3");
    expect(rate(1234.5)).toBe("1,235");
  });
  it("keep the empty buckets between, not those at the ends", () => {
    const b = (...n: number[]) => n.map((count, i) => ({ le_ms: i, count }));
    expect(trimmed(b(0, 2, 0, 1, 0)).map((x) => x.count)).toEqual([2, 0, 1]);
    expect(trimmed(b(0, 0))).toEqual([]);
    expect(trimmed([])).toEqual([]);
  });
  it("compare with the span before only where there was something", () => {
    expect(against(112, 100)).toBe("+12%");
    expect(against(60, 100)).toBe("−40%");
    expect(against(101, 100)).toBe("as before");
    expect(against(5, 0)).toBeNull();
    expect(against(null, 3)).toBeNull();
    expect(against(2000, 100)).toBe("+19 times");
  });
  it("take only a span that is offered", () => {
    expect(rangeOf("168")).toBe("168");
    expect(rangeOf("9999")).toBe("24");
  });
});
