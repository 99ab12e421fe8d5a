import { describe, expect, it } from "vitest";
import { byTrouble, isOff, readSettings, stateOf, type Plugin } from "../../src/lib/plugins";

const plugin = (more: object) => ({ instance: "a", state: "started", health: "ok", configured: { enabled: true, settings: {} }, override: null, ...more }) as Plugin;

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
