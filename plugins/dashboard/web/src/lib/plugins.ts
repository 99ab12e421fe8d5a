/** How a plugin instance is, in a shape and a word; and reading the settings that somebody types. */
import type { Schemas } from "../api/client";
import type { Look } from "./states";
import { count } from "./time";

export type Plugin = Schemas["Plugin"];
export type Capability = Schemas["PluginCapability"];
export function stateOf(p: Pick<Plugin, "state" | "health" | "configured" | "override">): { look: Look; word: string } {
  if (p.state === "started") return p.health === "ok" ? { look: "done", word: "healthy" } : { look: p.health === "degraded" ? "warn" : "fail", word: p.health };
  if (p.state === "refused" || p.state === "faulted" || p.state === "stuck" || p.state === "quarantined") return { look: "fail", word: p.state };
  if (p.state === "disabled" || isOff(p)) return { look: "stop", word: "disabled" };
  if (p.state === "stopped" || p.state === "destroyed") return { look: "stop", word: "stopped" };
  return { look: "wait", word: p.state };
}
/** The file's word, unless something was laid over it. */
export const isOff = (p: Pick<Plugin, "configured" | "override">): boolean => (p.override?.enabled ?? p.configured?.enabled) === false;
const worst: Look[] = ["fail", "warn", "retry", "run", "wait", "done", "stop"];
export const byTrouble = (a: Plugin, b: Plugin): number => worst.indexOf(stateOf(a).look) - worst.indexOf(stateOf(b).look) || a.instance.localeCompare(b.instance);

const ends = ["done", "sent", "refused", "unsupported", "unknown", "failed"] as const;
/** What became of the times that it was asked for, or that it never was. */
export function seenOf(c: Pick<Capability, "observed" | "observable" | "declared">): string {
  if (!c.observed) return c.observable ? (c.declared ? "not asked for yet" : "") : "is not asked for by itself";
  const seen = c.observed;
  return ends.filter((end) => seen[end] > 0).map((end) => `${count(seen[end])} ${end}`).join(", ");
}
/** Where what it does is at odds with what it says. */
export function contradictionOf(c: Pick<Capability, "contradiction" | "observed">): string | null {
  if (c.contradiction === "unsupported") return `It declares this, and answered ${times(c.observed?.unsupported ?? 0)} that it can't.`;
  if (c.contradiction === "undeclared") return `It served this ${times(c.observed?.undeclared ?? 0)} while it did not declare it.`;
  return null;
}
const times = (n: number) => (n === 1 ? "once" : `${count(n)} times`);
/** Contradictions first, then what was seen, what is declared, and the rest. */
export const byOdds = (a: Capability, b: Capability): number => oddsOf(b) - oddsOf(a);
const oddsOf = (c: Capability) => (c.contradiction ? 4 : 0) + (c.observed ? 2 : 0) + (c.declared ? 1 : 0);
export function lookOf(c: Capability): Look {
  if (c.contradiction) return "fail";
  if (c.declared === null) return "wait";
  return c.declared ? "done" : "stop";
}

/** An object of settings, or why the text is none. */
export function readSettings(text: string): { settings: Record<string, unknown> } | { problem: string } {
  try {
    const value: unknown = JSON.parse(text.trim() || "{}");
    return value !== null && typeof value === "object" && !Array.isArray(value) ? { settings: value as Record<string, unknown> } : { problem: "It must be a JSON object, { … }" };
  } catch (error) {
    return { problem: error instanceof Error ? error.message.replace(/^JSON\.parse: /, "") : "It is no JSON" };
  }
}
