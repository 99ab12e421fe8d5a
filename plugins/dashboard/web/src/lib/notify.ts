/** Triggers, channel types and filters in words, and between forms and the API's shapes. */
export interface TriggerWords {
  id: string;
  title: string;
  help: string;
}
export const triggers: readonly TriggerWords[] = [
  { id: "task.failed", title: "A task failed", help: "its latest attempt failed" },
  { id: "task.succeeded", title: "A task succeeded", help: "" },
  { id: "task.retried", title: "A task is retried", help: "" },
  { id: "task.slow", title: "A task is slow", help: "it runs, or ran, longer than the limit; 300 s unless told" },
  { id: "agent.offline", title: "An agent went offline", help: "" },
  { id: "agent.online", title: "An agent came online", help: "" },
  { id: "worker.offline", title: "A worker went offline", help: "" },
  { id: "queue.depth_high", title: "A queue is deep", help: "more wait than the limit; 1,000 unless told" },
  { id: "command.timeout", title: "Nobody answered a command", help: "" },
  { id: "schedule.fire.failed", title: "A schedule could not fire", help: "" },
  { id: "schedule.fire.succeeded", title: "A schedule fired", help: "" },
  { id: "schedule.task_failed", title: "A scheduled task failed", help: "" },
  { id: "schedule.circuit_breaker.tripped", title: "A schedule was stopped after failures", help: "" },
  { id: "audit.chain_broken", title: "The audit log is broken", help: "the check met a new break" },
];
export const triggerWords = (id: string): string => triggers.find((t) => t.id === id)?.title ?? id;
/** Which filters a trigger looks at. */
export const filtersOf = (trigger: string): readonly (keyof Filters)[] => {
  const own: (keyof Filters)[] = trigger === "task.slow" ? ["slower_than_seconds"] : trigger === "queue.depth_high" ? ["depth_over"] : [];
  if (/^task\./.test(trigger) || trigger === "schedule.task_failed") return [...own, "priority", "task_name", "task_name_pattern", "queue"];
  return trigger === "queue.depth_high" ? [...own, "queue"] : own;
};

export interface Filters {
  priority?: string[];
  task_name?: string;
  task_name_pattern?: string;
  queue?: string;
  slower_than_seconds?: number;
  depth_over?: number;
}
export function filterWords(filters: Filters): string {
  const said: string[] = [];
  if (filters.priority?.length) said.push(filters.priority.join(" or "));
  if (filters.task_name) said.push(`name has ${filters.task_name}`);
  if (filters.task_name_pattern) said.push(`name like ${filters.task_name_pattern}`);
  if (filters.queue) said.push(`queue ${filters.queue}`);
  if (filters.slower_than_seconds) said.push(`over ${filters.slower_than_seconds} s`);
  if (filters.depth_over) said.push(`over ${filters.depth_over.toLocaleString("en")}`);
  return said.join(", ");
}
/** Only what the trigger looks at, only what was filled in. */
export function cleanFilters(filters: Filters, trigger: string): Filters {
  const kept = filtersOf(trigger);
  return Object.fromEntries(Object.entries(filters).filter(([k, v]) => kept.includes(k as keyof Filters) && v !== "" && v !== undefined && v !== null && !(Array.isArray(v) && v.length === 0) && !Number.isNaN(v)));
}

export interface Member {
  key: string;
  label: string;
  help?: string;
  kind?: "text" | "number" | "switch" | "list" | "map" | "secret" | "pick";
  options?: readonly string[];
  first?: unknown;
  needed?: boolean;
}
const address: Member = { key: "webhook_url", label: "Webhook address", kind: "secret", needed: true };
/** What the brain's own notifiers take. A type that is not here is shown as it is. */
export const channelTypes: Record<string, { title: string; members: readonly Member[] }> = {
  email: {
    title: "E-mail",
    members: [
      { key: "to_addrs", label: "To", kind: "list", help: "at most 50, one a line", needed: true },
      { key: "from_addr", label: "From", help: "empty: who signs in" },
      { key: "smtp_host", label: "Relay", needed: true },
      { key: "smtp_port", label: "Port", kind: "number", first: 587, help: "25, 465, 587 or 2525" },
      { key: "smtp_user", label: "Signs in as", help: "empty: nobody" },
      { key: "smtp_pass", label: "Password", kind: "secret", help: "with xoauth2 the access token" },
      { key: "smtp_tls", label: "TLS", kind: "switch", first: true, help: "at once on port 465, else by STARTTLS" },
      { key: "smtp_auth", label: "Way to sign in", kind: "pick", options: ["auto", "plain", "login", "cram-md5", "xoauth2"], first: "auto" },
    ],
  },
  webhook: {
    title: "Webhook",
    members: [
      { key: "url", label: "Address", help: "each message is POSTed there as JSON", needed: true },
      { key: "hmac_secret", label: "Key of the signature", kind: "secret", help: "then requests have X-Z4J-Signature" },
      { key: "headers", label: "Further headers", kind: "map", help: "Name: value, one a line, at most 20" },
    ],
  },
  slack: { title: "Slack", members: [address] },
  discord: { title: "Discord", members: [address] },
  teams: { title: "Teams", members: [address] },
  telegram: {
    title: "Telegram",
    members: [
      { key: "bot_token", label: "Bot token", kind: "secret", needed: true },
      { key: "chat_id", label: "Chat", help: "a number, or @name", needed: true },
    ],
  },
  pagerduty: {
    title: "PagerDuty",
    members: [
      { key: "integration_key", label: "Integration key", kind: "secret", help: "of an Events API v2 integration", needed: true },
      { key: "severity_default", label: "Severity", kind: "pick", options: ["critical", "error", "warning", "info"], first: "warning" },
      { key: "severity_map", label: "Severity by trigger", kind: "map", help: "task.failed: critical, one a line" },
    ],
  },
};
export const typeTitle = (type: string): string => channelTypes[type]?.title ?? type;
export const MASK = "••••••••";

export type Draft = Record<string, string | boolean>;
const lines = (text: string) => text.split("\n").map((l) => l.trim()).filter(Boolean);

/** A config as texts of a form. A secret that is there stays away: an empty field keeps it. */
export function draftOf(type: string, config: Record<string, unknown>): Draft {
  return Object.fromEntries(
    (channelTypes[type]?.members ?? []).map((m) => {
      const value = config[m.key] ?? m.first;
      if (m.kind === "switch") return [m.key, value === true];
      if (m.kind === "secret") return [m.key, ""];
      if (m.kind === "list") return [m.key, Array.isArray(value) ? value.join("\n") : ""];
      if (m.kind === "map") return [m.key, value && typeof value === "object" ? Object.entries(value).map(([k, v]) => `${k}: ${String(v)}`).join("\n") : ""];
      return [m.key, value === undefined || value === null ? "" : String(value)];
    }),
  );
}
/** The config to send: for a new channel what was filled in, for one that is there what differs (null takes a member away). */
export function configOf(type: string, draft: Draft, old: Record<string, unknown> | null): Record<string, unknown> {
  const before = old ? draftOf(type, old) : null;
  const out: Record<string, unknown> = {};
  for (const m of channelTypes[type]?.members ?? []) {
    const value = draft[m.key];
    if (value === undefined || (before && value === before[m.key])) continue;
    if (m.kind === "switch") out[m.key] = value;
    else if (value === "") {
      if (old && m.kind !== "secret") out[m.key] = null;
    } else if (m.kind === "number") out[m.key] = Number(value);
    else if (m.kind === "list") out[m.key] = lines(String(value));
    else if (m.kind === "map") out[m.key] = Object.fromEntries(lines(String(value)).map((l) => [l.slice(0, (l + ":").indexOf(":")).trim(), l.slice((l + ":").indexOf(":") + 1).trim()]));
    else out[m.key] = value;
  }
  return out;
}
export const missing = (type: string, draft: Draft, old: Record<string, unknown> | null): string[] =>
  (channelTypes[type]?.members ?? []).filter((m) => m.needed && !draft[m.key] && !(m.kind === "secret" && old?.[m.key])).map((m) => m.label);

/** Where a channel goes, in one line, without secrets. */
export function whereTo(type: string, config: Record<string, unknown>): string {
  const to = config.to_addrs;
  if (type === "email" && Array.isArray(to)) return `${to.slice(0, 2).join(", ")}${to.length > 2 ? ` and ${to.length - 2} more` : ""}${config.smtp_host ? ` by ${String(config.smtp_host)}` : ""}`;
  const text = config.url ?? config.chat_id;
  return typeof text === "string" ? text : "";
}
