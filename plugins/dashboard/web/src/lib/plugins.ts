/** How a plugin instance is, in a shape and a word; and reading the settings that somebody types. */
import type { Schemas } from "../api/client";
import type { Look } from "./states";

export type Plugin = Schemas["Plugin"];
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

/** An object of settings, or why the text is none. */
export function readSettings(text: string): { settings: Record<string, unknown> } | { problem: string } {
  try {
    const value: unknown = JSON.parse(text.trim() || "{}");
    return value !== null && typeof value === "object" && !Array.isArray(value) ? { settings: value as Record<string, unknown> } : { problem: "It must be a JSON object, { … }" };
  } catch (error) {
    return { problem: error instanceof Error ? error.message.replace(/^JSON\.parse: /, "") : "It is no JSON" };
  }
}
