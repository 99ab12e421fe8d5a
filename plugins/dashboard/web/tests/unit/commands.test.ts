import { describe, expect, it } from "vitest";
import { isOver, outcomeOf } from "../../src/lib/commands";
import { byName, brief, purgeWords } from "../../src/screens/queue-plan";
import { wishWords } from "../../src/screens/wishes";

const end = (status: string, result: unknown = null, error: string | null = null) => outcomeOf({ status: status as never, result: result as never, error });

describe("what became of a command", () => {
  it("says how sure it is", () => {
    expect(end("completed", { outcome: "done" })).toEqual({ good: true, words: "done" });
    expect(end("completed", null)).toEqual({ good: true, words: "done" });
    expect(end("completed", { outcome: "sent", workers: { a: "done", b: "no answer" } })).toEqual({ good: true, words: "sent, not confirmed by all: b: no answer" });
    expect(end("completed", { outcome: "refused", reason: "it is static" })).toEqual({ good: false, words: "refused: it is static" });
    expect(end("completed", { outcome: "unknown" }).good).toBe(false);
  });
  it("gives the reason where it failed", () => {
    expect(end("failed", null, "no such worker")).toEqual({ good: false, words: "no such worker" });
    expect(end("timeout").good).toBe(false);
    expect(end("cancelled").good).toBe(false);
  });
  it("is over only when it is", () => {
    expect(["pending", "dispatched", "completed", "timeout"].map((s) => isOver({ status: s as never }))).toEqual([false, false, true, true]);
  });
});

describe("what a purge says", () => {
  it("counts what was and what was not reached", () => {
    expect(purgeWords("mail", { removed: 1200, not_removed: { unacked: 2, scheduled: 0 } })).toBe("1,200 removed from mail; not reached: 2 unacked");
    expect(purgeWords("mail", {})).toBe("0 removed from mail");
  });
  it("splits what waits by name", () => {
    const t = (name: string, args: unknown = []) => ({ task_id: name, name, args });
    expect(byName([t("a"), t("b"), t("b")])).toEqual([["b", 2], ["a", 1]]);
    expect(brief({ ...t("a", ["x", 2]) })).toBe('"x",2');
    expect(brief({ ...t("a", []), kwargs: { k: 1 } })).toBe('"k":1');
    expect(brief({ ...t("a", ["y".repeat(500)]) })).toHaveLength(120);
  });
});

describe("wishes in words", () => {
  it("says each kind", () => {
    const w = (kind: string, target: string | null, args: object) => wishWords({ kind, target, args: args as never, worker_name: null });
    expect(w("rate_limit", "shop.add", { rate: "10/m" })).toBe("shop.add: at most 10/m");
    expect(w("time_limit", "shop.add", { soft: 5, hard: null })).toBe("shop.add: soft 5 s, hard none");
    expect(w("pause", "orders", {})).toBe("queue orders is paused");
    expect(w("pause", null, {})).toBe("all queues are paused");
    expect(w("consumer", "mail", { add_consumer: "mail" })).toBe("also listens to mail");
    expect(w("consumer", "mail", { cancel_consumer: "mail" })).toBe("does not listen to mail");
  });
});
