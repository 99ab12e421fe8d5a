/** The task list's question: terms of the query bar -> the API's filter, and what the rows say of time. */
import { api, type AnswerOf, type Page, type Schemas } from "../api/client";
import type { Qualifier, Term } from "./ask";
import { valueOf } from "./ask";
import { moment } from "./time";
import { stateOf, taskStates, type TaskState } from "./states";

export type Task = Schemas["Task"];

const states = (typed: string) => Object.values(taskStates).map((s) => s.word).filter((w) => w.startsWith(typed.toLowerCase()));

type Suggested = "name" | "queue" | "worker" | "engine" | "exception";
/** Values of the project as somebody types. */
export function suggest(slug: string, field: Suggested): (prefix: string) => Promise<string[]> {
  return async (prefix) => {
    try {
      return (await api.get("/api/v1/projects/{slug}/suggestions", { path: { slug }, query: { field, limit: 12, prefix } })).items.map((i) => i.value);
    } catch {
      return [];
    }
  };
}

export function taskQualifiers(slug: string): Qualifier[] {
  const time = (value: string) => (moment(value, Date.now()) === null ? `“${value}” is no time: 15m, 2h, 3d, or 2026-05-13T10:00` : null);
  return [
    { key: "", hint: "part of a name, queue, worker or id" },
    { key: "state", hint: "failed, running, waiting, …", values: states, check: (v) => (stateOf(v) ? null : `“${v}” is no state: ${Object.values(taskStates).map((s) => s.word).join(", ")}`) },
    { key: "name", hint: "part of the task's name", values: suggest(slug, "name") },
    { key: "queue", hint: "exactly", values: suggest(slug, "queue") },
    { key: "worker", hint: "exactly", values: suggest(slug, "worker") },
    { key: "engine", hint: "celery, rq, …", values: suggest(slug, "engine") },
    { key: "priority", hint: "critical, high, normal, low", values: (t) => ["critical", "high", "normal", "low"].filter((p) => p.startsWith(t)) },
    { key: "arg", hint: "user_id:42, or 0:4711 for the first one", many: true },
    { key: "since", hint: "15m, 2h, 3d, or a time", values: (t) => ["15m", "1h", "6h", "24h", "7d"].filter((v) => v.startsWith(t)), check: time },
    { key: "until", hint: "15m ago, or a time", check: time },
    { key: "group", hint: "an error group", check: (v) => (/^[0-9a-f]{16}$/.test(v) ? null : "a group is 16 hex digits") },
  ];
}

export type TaskFilter = Record<string, string>;

/** What the API takes. `today` makes "1h" a time; without a time term the filter is the same at any moment. */
export function taskFilter(terms: readonly Term[], today: number): TaskFilter {
  const filter: TaskFilter = {};
  const put = (name: string, value: string | null) => {
    if (value) filter[name] = value;
  };
  put("search", valueOf(terms, ""));
  put("state", stateOf(valueOf(terms, "state")));
  for (const key of ["name", "queue", "worker", "engine", "priority"]) put(key, valueOf(terms, key));
  put("fingerprint", valueOf(terms, "group"));
  const args = terms.filter((t) => t.key === "arg").map((t) => t.value.replace(/,/g, "\\,"));
  put("arg", args.join(","));
  for (const key of ["since", "until"]) {
    const at = valueOf(terms, key) ? moment(valueOf(terms, key), today) : null;
    if (at !== null) filter[key] = new Date(at).toISOString();
  }
  return filter;
}

export async function readTasks(slug: string, filter: TaskFilter, cursor: string | undefined, signal: AbortSignal, limit = 100): Promise<Page<Task>> {
  const query = { ...filter, cursor, limit } as Record<string, unknown>;
  return (await api.get("/api/v1/projects/{slug}/tasks", { path: { slug }, query: query as never, signal })) as Page<Task>;
}

const ms = (iso: string | null | undefined) => (iso ? new Date(iso).getTime() : null);

/** How long it waited for its latest run, or waits. */
export function waitOf(task: Task, today: number): number | null {
  const begun = ms(task.started_at);
  const seen = task.retry_count > 0 && task.received_at ? ms(task.received_at) : Math.min(ms(task.created_at) ?? Infinity, ms(task.received_at) ?? Infinity);
  if (seen === null || !Number.isFinite(seen)) return null;
  const eta = ms(task.eta) ?? 0;
  if (task.state === "pending" || task.state === "received") return Math.max(0, today - Math.max(seen, eta));
  if (begun === null) return null;
  // While it retries, the eta is that of the run to come.
  return Math.max(0, begun - (eta <= begun ? Math.max(seen, eta) : Math.min(seen, begun)));
}

export function runOf(task: Task, today: number): number | null {
  const begun = ms(task.started_at);
  if (task.state === "started") return begun === null ? null : Math.max(0, today - begun);
  if (task.runtime_ms !== null) return task.runtime_ms;
  const ended = ms(task.finished_at);
  return begun === null || ended === null ? null : Math.max(0, ended - begun);
}

/** When the list's order says it was: its latest start, receipt or first sight. */
export const timeOf = (task: Task): string => task.sort_at ?? task.started_at ?? task.received_at ?? task.created_at;

export type Facets = AnswerOf<"/api/v1/projects/{slug}/tasks:facets">;
/** Counts over time for a filter. */
export const readFacets = (slug: string, filter: TaskFilter, from: number, until: number, signal: AbortSignal): Promise<Facets> =>
  api.get("/api/v1/projects/{slug}/tasks:facets", { path: { slug }, query: { ...filter, since: new Date(from).toISOString(), until: new Date(until).toISOString(), buckets: BARS }, signal });
/** How many bars a brush has at most. */
export const BARS = 60;

export interface Stats {
  tasks_by_state: Partial<Record<TaskState, number>>;
  tasks_total: number;
  tasks_capped: boolean;
  tasks_approximate: boolean;
}
