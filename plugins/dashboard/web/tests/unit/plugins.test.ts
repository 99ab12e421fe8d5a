import { describe, expect, it } from "vitest";
import { byOdds, byTrouble, contradictionOf, isOff, lookOf, readSettings, seenOf, stateOf, type Capability, type Plugin } from "../../src/lib/plugins";

const plugin = (more: object) => ({ instance: "a", state: "started", health: "ok", configured: { enabled: true, settings: {} }, override: null, ...more }) as Plugin;

const none = { asked: 0, done: 0, sent: 0, refused: 0, unsupported: 0, unknown: 0, failed: 0, undeclared: 0, first_at: "", last_at: "", last_outcome: "done", last_code: null, last_text: null };
const capability = (more: object, seen?: object) => ({ kind: "engine", verb: "retry", declared: true, observable: true, contradiction: null, observed: seen ? { ...none, ...seen } : null, ...more }) as Capability;

describe("a capability", () => {
  it("tells what became of it, or that it was never asked for", () => {
    expect(seenOf(capability({}, { done: 10, failed: 2 }))).toBe("10 done, 2 failed");
    expect(seenOf(capability({}))).toBe("not asked for yet");
    expect(seenOf(capability({ declared: false }))).toBe("");
    expect(seenOf(capability({ observable: false }))).toBe("is not asked for by itself");
  });
  it("is at odds in two ways", () => {
    expect(contradictionOf(capability({}, { done: 1 }))).toBe(null);
    expect(contradictionOf(capability({ contradiction: "unsupported" }, { unsupported: 1 }))).toBe("It declares this, and answered once that it can't.");
    expect(contradictionOf(capability({ contradiction: "undeclared", declared: false }, { undeclared: 3 }))).toBe("It served this 3 times while it did not declare it.");
  });
  it("that is at odds looks bad and comes first", () => {
    const odd = capability({ verb: "rate", contradiction: "unsupported" }, { unsupported: 1 });
    expect(lookOf(odd)).toBe("fail");
    expect([lookOf(capability({})), lookOf(capability({ declared: false })), lookOf(capability({ declared: null }))]).toEqual(["done", "stop", "wait"]);
    const list = [capability({ verb: "a", declared: false }), capability({ verb: "b" }), capability({ verb: "c" }, { done: 1 }), odd];
    expect(list.sort(byOdds).map((c) => c.verb)).toEqual(["rate", "c", "b", "a"]);
  });
});

describe("a plugin", () => {
  it("is healthy only when it runs and says so", () => {
    expect(stateOf(plugin({}))).toEqual({ look: "done", word: "healthy" });
    expect(stateOf(plugin({ health: "degraded" })).look).toBe("warn");
    expect(stateOf(plugin({ health: "failing" })).look).toBe("fail");
    expect(stateOf(plugin({ state: "stuck" })).look).toBe("fail");
    expect(stateOf(plugin({ state: "quarantined" }))).toEqual({ look: "fail", word: "quarantined" });
    expect(stateOf(plugin({ state: "created" })).look).toBe("wait");
  });
  it("is off by what was laid over the file before what the file says", () => {
    expect(isOff(plugin({ configured: { enabled: false } }))).toBe(true);
    expect(isOff(plugin({ configured: { enabled: false }, override: { enabled: true } }))).toBe(false);
    expect(isOff(plugin({ override: { enabled: null } }))).toBe(false);
    expect(isOff(plugin({ configured: null }))).toBe(false);
  });
  it("in trouble comes first", () => {
    const list = [plugin({ instance: "b" }), plugin({ instance: "a" }), plugin({ instance: "z", state: "faulted" })];
    expect(list.sort(byTrouble).map((p) => p.instance)).toEqual(["z", "a", "b"]);
  });
  it("takes an object of settings and nothing else", () => {
    expect(readSettings('{"a": 1}')).toEqual({ settings: { a: 1 } });
    expect(readSettings("  ")).toEqual({ settings: {} });
    for (const text of ["[]", "null", "3", "{", '{"a": }']) expect(readSettings(text)).toHaveProperty("problem");
  });
});
