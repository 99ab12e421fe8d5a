import { describe, expect, it } from "vitest";
import { nextShift, notesOf, wallOf } from "../../src/lib/zones";
import { markOf, whenWords } from "../../src/screens/schedule-parts";
import { formOf, formProblems, membersOf } from "../../src/screens/schedule-edit";
import { readFile } from "../../src/screens/schedule-import";
import type { Schedule } from "../../src/screens/schedule-parts";

const utc = (text: string) => Date.parse(text + "Z");

describe("clocks of zones", () => {
  it("tells the wall clock", () => {
    expect(wallOf(utc("2026-10-25T00:30:00"), "Europe/Berlin")).toMatchObject({ day: "25 Oct", time: "02:30", offset: 120 });
    expect(wallOf(utc("2026-10-25T01:30:00"), "Europe/Berlin")).toMatchObject({ time: "02:30", offset: 60 });
    expect(wallOf(utc("2026-07-01T00:00:30"), "Asia/Kolkata")).toMatchObject({ time: "05:30:30", offset: 330 });
    expect(wallOf(0, "Nowhere/Land")).toBeNull();
  });
  it("finds the next change to the second, and its size", () => {
    expect(nextShift("Europe/Berlin", utc("2026-10-01T00:00:00"), utc("2026-11-01T00:00:00"))).toEqual({ at: utc("2026-10-25T01:00:00"), by: -60 });
    expect(nextShift("Europe/Berlin", utc("2027-03-01T00:00:00"), utc("2027-04-01T00:00:00"))).toEqual({ at: utc("2027-03-28T01:00:00"), by: 60 });
    expect(nextShift("Australia/Lord_Howe", utc("2026-10-01T00:00:00"), utc("2026-10-31T00:00:00"))?.by).toBe(30);
    expect(nextShift("UTC", 0, utc("2027-01-01T00:00:00"))).toBeNull();
  });
  it("says what a change does to due times", () => {
    const back = ["2026-10-24T00:30:00", "2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-26T01:30:00"].map(utc);
    expect(notesOf(back, "Europe/Berlin")).toEqual(["", "first of two", "again", ""]);
    const forward = ["2027-03-27T01:30:00", "2027-03-28T01:00:00", "2027-03-29T00:30:00"].map(utc);
    expect(notesOf(forward, "Europe/Berlin")[1]).toBe("clocks go forward then");
    expect(notesOf([utc("2026-10-24T09:00:00"), utc("2026-10-25T10:00:00")], "Europe/Berlin")[1]).toMatch(/^now (CET|GMT\+1)$/);
    expect(notesOf(back, "UTC")).toEqual(["", "", "", ""]);
  });
});

describe("schedules", () => {
  it("marks fires", () => {
    const f = (status: string, task_state: string | null = "success", late = 0, reason = "due") => markOf({ status, task_state, reason, scheduled_for: "2026-01-01T00:00:00Z", fired_at: new Date(Date.UTC(2026, 0, 1) + late).toISOString() });
    expect([f("acked_success"), f("acked_success", "failure"), f("acked_failed", null), f("skipped", null), f("acked_success", "success", 60_000), f("acked_success", "success", 60_000, "trigger"), f("pending", null), f("acked_success", "started")]).toEqual(["ok", "failed", "failed", "missed", "late", "ok", "open", "open"]);
  });
  it("says when in words", () => {
    expect(whenWords({ kind: "interval", expression: "10m" })).toBe("every 10 min");
    expect(whenWords({ kind: "interval", expression: "1d" })).toBe("every 1 d");
    expect(whenWords({ kind: "solar", expression: "sunset:52:13" })).toBe("sunset");
  });
  const s = { id: "1", name: "a", kind: "cron", expression: "0 1 * * *", timezone: "UTC", engine: "celery", task_name: "t", queue: "q", args: [1], kwargs: {}, catch_up: "skip", overlap: null, jitter_seconds: 5, options: { headers: { a: 1 } }, description: null, is_enabled: true } as unknown as Schedule;
  it("sends only what was changed, and keeps options it does not know", () => {
    expect(membersOf(formOf(s), s)).toEqual({});
    expect(membersOf({ ...formOf(s), expression: " 0 2 * * * ", queue: "" }, s)).toEqual({ expression: "0 2 * * *", queue: "" });
    expect(membersOf({ ...formOf(s), clock_changes: "every_instant", jitter_seconds: "" }, s)).toEqual({ options: { headers: { a: 1 }, clock_changes: "every_instant" }, jitter_seconds: 0 });
  });
  it("names what is wrong", () => {
    expect(formProblems(formOf(s))).toEqual({});
    expect(Object.keys(formProblems({ ...formOf(s), args: "{}", kwargs: "[", timezone: "Mars/Base", name: " " })).sort()).toEqual(["args", "kwargs", "name", "timezone"]);
  });
  it("reads a file, or says why not", () => {
    expect(readFile('{"schedules":[{}]}')).toEqual([{}]);
    expect(readFile("[1]")).toEqual([1]);
    expect(readFile('{"a":1}')).toMatch(/expected/);
    expect(typeof readFile("[")).toBe("string");
  });
});
