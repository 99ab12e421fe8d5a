import { describe, expect, it } from "vitest";
import { bundleName, chainOf, changesOf, entryOf, outcomeOf, shortHash, targetOf, type Verdict } from "../../src/lib/audit";

const entry = (more: object) => entryOf({ id: "1", action: "a.b", target_type: "schedule", result: "success", occurred_at: "2026-05-13T10:00:00Z", ...more });
const verdict = (more: object): Verdict => ({ ok: null, checked_at: null, is_checking: false, rows_done: 0, rows_all: 0, check_trouble: null, tree_trouble: null, witness_trouble: null, retention_trouble: null, ...more }) as Verdict;

describe("an audit entry", () => {
  it("tells a refusal from a failure, and a failure from what was allowed", () => {
    expect(outcomeOf(entry({ outcome: "deny", result: "failed" })).word).toBe("denied");
    expect(outcomeOf(entry({ outcome: "failure", result: "failed" })).word).toBe("failed");
    expect(outcomeOf(entry({ outcome: "allow", result: "failure" })).word).toBe("failed");
    expect(outcomeOf(entry({ outcome: "allow" })).word).toBe("allowed");
    expect(outcomeOf(entry({ outcome: null, result: "partial" })).look).toBe("warn");
  });
  it("names its target by what people know it by, and cuts ids only", () => {
    expect(targetOf(entry({ target_id: "55b13f4a-70c8-43ad-a807-096af3c7b13d", metadata: { name: "stocktaking" } }))).toEqual({ kind: "schedule", name: "stocktaking" });
    expect(targetOf(entry({ target_id: "55b13f4a-70c8-43ad-a807-096af3c7b13d" })).name).toBe("55b13f4a");
    expect(targetOf(entry({ target_type: "notification_channel", target_id: "host:/long/folder" }))).toEqual({ kind: "notification channel", name: "host:/long/folder" });
    expect(targetOf(entry({ metadata: { fires: 2 } })).name).toBe("2 fires");
  });
  it("shows values from before and after, and only names where the log keeps no values", () => {
    expect(changesOf({ role: "operator", role_before: "viewer" }).changes).toEqual([{ at: "role", before: "viewer", after: "operator" }]);
    expect(changesOf({ before: { a: 1, b: 2 }, after: { a: 1, b: 3 } }).changes).toEqual([{ at: "b", before: 2, after: 3 }]);
    expect(changesOf({ fields: ["description", "retention_days"] })).toEqual({ changes: [], names: ["description", "retention_days"] });
    expect(changesOf({ entries_before: 5 }).changes).toEqual([]);
  });
});

describe("the chain", () => {
  it("is never said to be intact when nobody looked", () => {
    expect(chainOf(verdict({})).title).toBe("Not checked yet");
    expect(chainOf(verdict({ is_checking: true })).look).toBe("run");
    expect(chainOf(verdict({ ok: true }))).toMatchObject({ title: "Chain intact", kind: "good" });
    expect(chainOf(verdict({ ok: true, acknowledged_breaks: 1 }))).toMatchObject({ kind: "warn", title: "Chain intact but for 1 known break" });
    expect(chainOf(verdict({ ok: false, reason: "rolled_back" }))).toMatchObject({ kind: "bad", look: "fail" });
    expect(chainOf(verdict({ ok: false, reason: "something_new" })).title).toContain("something_new");
  });
  it("names files and hashes", () => {
    expect(bundleName(16, 16)).toBe("audit-16.z4jaudit");
    expect(bundleName(1, 9)).toBe("audit-1-9.z4jaudit");
    expect(bundleName()).toBe("audit.z4jaudit");
    expect(shortHash("a7e041c900000000000000000000000008d2f613")).toBe("a7e0 41c9 … 08d2 f613");
  });
});
