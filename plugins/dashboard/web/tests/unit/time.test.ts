import { describe, expect, it } from "vitest";
import { age, bytes, clock, duration, full, moment, span, when } from "../../src/lib/time";

const noon = Date.UTC(2026, 4, 13, 12, 0, 0);
describe("times", () => {
  it("writes spans with the unit that reads best", () => {
    expect([4, 640, 30_100, 59_960, 680_000, 7_500_000, 532_800_000, -1500].map(span)).toEqual(["4 ms", "640 ms", "30.1 s", "1 m 00 s", "11 m 20 s", "2 h 05 m", "6 d 4 h", "−1.5 s"]);
    expect(span(null)).toBe("");
  });
  it("never shows a negative age", () => expect(age(-5000)).toBe("0 s"));
  it("shows the day when it is another", () => {
    expect(clock(noon, "utc", noon + 1000)).toBe("12:00:00");
    expect(clock(noon, "utc", noon + 86_400_000)).toBe("2026-05-13 12:00:00");
    expect(clock("nonsense", "utc")).toBe("");
  });
  it("says the zone in the whole time", () => expect(full(noon, "utc")).toBe("2026-05-13 12:00:00.000 UTC"));
  it("is relative when asked", () => {
    expect(when(noon, "relative", noon + 61_000)).toBe("1 m ago");
    expect(when(noon, "relative", noon - 61_000)).toBe("in 1 m");
  });
  it("reads durations and moments, and refuses the rest", () => {
    expect(duration("90s")).toBe(90_000);
    expect(duration("1y")).toBeNull();
    expect(moment("1h", noon)).toBe(noon - 3_600_000);
    expect(moment("2026-05-13 12:00", noon)).toBe(noon);
    expect(moment("yesterday", noon)).toBeNull();
  });
  it("writes sizes", () => expect([12, 1230, 5_000_000].map(bytes)).toEqual(["12 B", "1.2 KiB", "4.8 MiB"]));
});
