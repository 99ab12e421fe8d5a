/** What the screens of the fleet share: who runs where, what they do, what can be done to them. */
import { api, type Schemas } from "../api/client";
import { useQuery } from "../lib/query";
import { slug } from "../lib/router";
import { readTasks, type Task } from "../lib/tasks";
import { State } from "../parts/state";

export type Worker = Schemas["Worker"];
export type Agent = Schemas["Agent"];
export type Loss = Schemas["WorkerLoss"];

export function useWorkers() {
  const at = slug.value;
  return useQuery(`workers ${at}`, (signal) => api.get("/api/v1/projects/{slug}/workers", { path: { slug: at }, signal }), { topics: ["worker.changed", "agent.changed"], leastMs: 2000, everyMs: 15_000 });
}
export function useAgents() {
  const at = slug.value;
  return useQuery(`agents ${at}`, (signal) => api.get("/api/v1/projects/{slug}/agents", { path: { slug: at }, signal }), { topics: ["agent.changed"], leastMs: 2000, everyMs: 30_000 });
}
export function useLosses() {
  const at = slug.value;
  return useQuery(`losses ${at}`, async (signal) => (await api.get("/api/v1/projects/{slug}/worker-losses", { path: { slug: at }, query: { limit: 100 }, signal })).items, { topics: ["worker.changed", "agent.changed"], leastMs: 3000, everyMs: 60_000 });
}
/** What runs now, the newest five hundred, in one question. */
export function useRunning() {
  const at = slug.value;
  return useQuery(`running ${at}`, async (signal) => (await readTasks(at, { state: "started" }, undefined, signal, 500)).items, { topics: ["task.changed"], leastMs: 2000, everyMs: 15_000 });
}

/** Of each worker the task that runs longest among the newest it can have at work, and how many more: an end that nobody told of is not shown as work. */
export function jobsOf(tasks: readonly Task[], workers: readonly Pick<Worker, "engine" | "name" | "active_tasks">[]): Map<string, { task: Task; more: number }> {
  const held = new Map<string, Task[]>();
  for (const task of tasks) {
    const key = `${task.engine}/${task.worker_name}`;
    held.set(key, [...(held.get(key) ?? []), task]);
  }
  const found = new Map<string, { task: Task; more: number }>();
  for (const w of workers) {
    const own = (held.get(`${w.engine}/${w.name}`) ?? []).sort((a, b) => (b.started_at ?? "").localeCompare(a.started_at ?? "")).slice(0, w.active_tasks);
    const task = own[own.length - 1];
    if (task) found.set(`${w.engine}/${w.name}`, { task, more: own.length - 1 });
  }
  return found;
}

export type WorkerState = "busy" | "idle" | "quiet" | "lost" | "gone";
const QUIET_MS = 30_000;
/** lost: away with an open post-mortem; gone: away, and nothing is asked of anybody. */
export function stateOf(w: Pick<Worker, "state" | "last_heartbeat" | "active_tasks">, loss: Loss | undefined, today: number): WorkerState {
  if (w.state !== "online") return loss ? "lost" : "gone";
  if (w.last_heartbeat && today - new Date(w.last_heartbeat).getTime() > QUIET_MS) return "quiet";
  return w.active_tasks > 0 ? "busy" : "idle";
}
export const openLossOf = (w: Pick<Worker, "engine" | "name">, losses: readonly Loss[] | undefined) => losses?.find((l) => l.engine === w.engine && l.worker === w.name && !l.closed_at && !l.returned_at);

const looks = { busy: "done", idle: "done", quiet: "wait", lost: "fail", gone: "stop" } as const;
export function WorkerMark({ state, big = false }: { state: WorkerState; big?: boolean }) {
  return (
    <State look={looks[state]} big={big}>
      {state === "gone" ? "offline" : state}
    </State>
  );
}
export const workerStates = "busy, idle, quiet, lost, offline, online";
export const fits = (state: WorkerState, wanted: string) => (wanted === "online" ? state === "busy" || state === "idle" || state === "quiet" : wanted === "offline" ? state === "gone" || state === "lost" : state === wanted);

/** The host of a worker: Celery says its node's name there when it knows nothing else. */
export const hostOf = (w: Pick<Worker, "hostname" | "name">): string => (w.hostname ? (w.hostname === w.name && w.name.includes("@") ? w.name.slice(w.name.indexOf("@") + 1) : w.hostname) : w.name.includes("@") ? w.name.slice(w.name.indexOf("@") + 1) : "host not told");

export type FleetRow = { kind: "host"; key: string; name: string; workers: Worker[]; open: boolean } | { kind: "worker"; key: string; worker: Worker; state: WorkerState };

/** Hosts with their workers under them: those in trouble first, folded ones without. */
export function rowsOf(workers: readonly Worker[], state: (w: Worker) => WorkerState, folded: ReadonlySet<string>): FleetRow[] {
  const hosts = new Map<string, Worker[]>();
  for (const w of workers) hosts.set(hostOf(w), [...(hosts.get(hostOf(w)) ?? []), w]);
  const trouble = (list: Worker[]) => (list.some((w) => state(w) === "lost") ? 0 : list.some((w) => state(w) === "quiet") ? 1 : list.every((w) => state(w) === "gone") ? 3 : 2);
  const rows: FleetRow[] = [];
  for (const [name, list] of [...hosts].sort((a, b) => trouble(a[1]) - trouble(b[1]) || a[0].localeCompare(b[0], "en", { numeric: true }))) {
    const open = !folded.has(name);
    rows.push({ kind: "host", key: `host ${name}`, name, workers: list, open });
    if (!open) continue;
    const rank = { lost: 0, quiet: 1, busy: 2, idle: 2, gone: 3 };
    for (const worker of [...list].sort((a, b) => rank[state(a)] - rank[state(b)] || a.name.localeCompare(b.name, "en", { numeric: true }))) rows.push({ kind: "worker", key: worker.id, worker, state: state(worker) });
  }
  return rows;
}

