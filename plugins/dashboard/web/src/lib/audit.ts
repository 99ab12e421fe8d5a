/** What an entry of the audit log says, in words: outcome, target, what changed. */
import type { Schemas } from "../api/client";
import type { Change } from "../parts/data";
import { differences } from "../parts/data";
import type { Look } from "./states";

/** An entry of a project's log, or of the activity list, which tells less. */
export interface Entry {
  id: string;
  seq: number | null;
  action: string;
  target_type: string;
  target_id: string | null;
  result: string;
  outcome: string | null;
  user_id: string | null;
  api_key_id: string | null;
  project_id: string | null;
  project_slug: string | null;
  metadata: Record<string, unknown>;
  event_id: string | null;
  source_ip: string | null;
  user_agent: string | null;
  occurred_at: string;
  row_hmac: string | null;
  prev_row_hmac: string | null;
}
export const entryOf = (row: Partial<Entry> & Pick<Entry, "id" | "action" | "target_type" | "result" | "occurred_at">): Entry => ({
  seq: null, target_id: null, outcome: null, user_id: null, api_key_id: null, project_id: null, project_slug: null, metadata: {}, event_id: null, source_ip: null, user_agent: null, row_hmac: null, prev_row_hmac: null,
  ...row,
});

export function outcomeOf(entry: Pick<Entry, "outcome" | "result">): { look: Look; word: string } {
  if (entry.outcome === "deny") return { look: "fail", word: "denied" };
  if (entry.outcome === "sanitized") return { look: "warn", word: "cleaned" };
  if (entry.outcome === "error" || entry.outcome === "failure" || /^fail/.test(entry.result)) return { look: "fail", word: "failed" };
  if (entry.result === "partial") return { look: "warn", word: "in part" };
  return { look: "done", word: "allowed" };
}
export const outcomes = ["allow", "deny", "failure", "error", "sanitized"] as const;

const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
/** A name that a person knows it by, else nothing. */
export function nameOf(entry: Entry): string | null {
  for (const key of ["name", "email", "task_name", "worker_name", "queue", "slug", "trigger"]) if (isText(entry.metadata[key])) return entry.metadata[key];
  return null;
}
/** "schedule stocktaking", "user 0f07d537"; ids are cut, names are not. */
export function targetOf(entry: Entry): { kind: string; name: string } {
  const kind = entry.target_type.replace(/_/g, " ");
  const id = entry.target_id ?? "";
  const many = typeof entry.metadata.fires === "number" && !id ? `${entry.metadata.fires} fires` : null;
  return { kind, name: nameOf(entry) ?? many ?? (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id) ? id.slice(0, 8) : id) };
}

/** Values that the entry tells from before and after; and the names of others that changed, whose values it does not keep. */
export function changesOf(metadata: Record<string, unknown>): { changes: Change[]; names: string[] } {
  const changes: Change[] = [];
  for (const [key, before] of Object.entries(metadata)) {
    const of = /^(.+)_before$/.exec(key)?.[1];
    if (of && (of in metadata || `${of}_after` in metadata)) changes.push(...differences(before, metadata[`${of}_after`] ?? metadata[of], of));
  }
  if ("before" in metadata && "after" in metadata) changes.push(...differences(metadata.before, metadata.after));
  const names = ["changed", "fields", "keys"].flatMap((key) => (Array.isArray(metadata[key]) ? (metadata[key] as unknown[]).filter(isText) : []));
  return { changes, names };
}

export type Verdict = Schemas["AuditVerdict"];
export interface Chain {
  look: Look;
  title: string;
  /** The row's tint: done, fail, retry or none. */
  kind: "good" | "bad" | "warn" | "none";
}
const reasons: Record<string, string> = {
  mac_mismatch: "an entry was changed",
  missing_mac: "an entry lost its MAC",
  link_mismatch: "an entry is gone, moved or added",
  prefix_missing: "the log's beginning is gone",
  head_mismatch: "the newest entries are gone, or the head record is false",
  tree_mismatch: "an entry is not the one the tree was made of",
  checkpoint_mismatch: "a stored checkpoint is not of this log",
  prune_mismatch: "the record of what retention took is false",
  rolled_back: "a checkpoint outside the database knows a longer log",
  forked: "a checkpoint outside the database knows another past",
};
export const reasonOf = (reason: string | null | undefined): string => (reason ? (reasons[reason] ?? reason) : "");

/** What stands at the head of the page. Never "intact" of a log that was not read. */
export function chainOf(verdict: Verdict): Chain {
  if (verdict.ok === false) return { look: "fail", title: `Chain broken: ${reasonOf(verdict.reason) || "see the last check"}`, kind: "bad" };
  if (verdict.is_checking && verdict.ok === null) return { look: "run", title: "First check under way", kind: "none" };
  if (verdict.ok === null) return { look: "wait", title: "Not checked yet", kind: "none" };
  if ((verdict.acknowledged_breaks ?? 0) > 0) return { look: "warn", title: `Chain intact but for ${verdict.acknowledged_breaks} known ${verdict.acknowledged_breaks === 1 ? "break" : "breaks"}`, kind: "warn" };
  return { look: "done", title: "Chain intact", kind: "good" };
}

/** The name of a bundle's file, and the command that checks it on another machine. */
export const bundleName = (from?: number | null, to?: number | null): string => `audit${from ? `-${from}` : ""}${to && to !== from ? `-${to}` : ""}.z4jaudit`;
export const verifyCommand = (file: string): string => `z4j-audit-verify ${file} --key log.key`;
/** "a7e0 41c9 … 08d2 f613" */
export const shortHash = (hex: string): string => (hex.length <= 20 ? hex : `${hex.slice(0, 4)} ${hex.slice(4, 8)} … ${hex.slice(-8, -4)} ${hex.slice(-4)}`);
