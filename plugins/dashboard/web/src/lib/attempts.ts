/** The events of one task -> its attempts: since when it waited, until when it had to, when it ran, how that ended. */
import type { Task } from "./tasks";

export interface TaskEvent {
  id: string;
  kind: string;
  occurred_at: string;
  agent_id: string;
  payload: Record<string, unknown>;
}
export interface Attempt {
  number: number;
  from: number;
  /** Not before this: back-off or a planned start. */
  due: number | null;
  started: number | null;
  ended: number | null;
  end: "waiting" | "running" | "failed" | "retried" | "succeeded" | "stopped";
  worker: string | null;
  exception: string | null;
  traceback: string | null;
}

const ends: Record<string, Attempt["end"]> = { "task.failed": "failed", "task.retried": "retried", "task.succeeded": "succeeded", "task.revoked": "stopped", "task.rejected": "stopped" };
const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

export function attemptsOf(events: readonly TaskEvent[], task?: Pick<Task, "created_at" | "eta">): Attempt[] {
  // Engines count their messages (`clock`); where two events have one time, the cause comes first.
  const order = ["task.sent", "task.received", "task.started", "task.retried", "task.failed", "task.succeeded", "task.revoked", "task.rejected"];
  const sorted = [...events].sort((a, b) => new Date(a.occurred_at).getTime() - new Date(b.occurred_at).getTime() || order.indexOf(a.kind) - order.indexOf(b.kind));
  const attempts: Attempt[] = [];
  let now: Attempt | null = null;
  // Celery sends and receives the next attempt before it tells that this one will be retried.
  let next = null as { due: number | null; worker: string | null } | null;
  const dueOf = (event: TaskEvent): number | null => {
    const eta = event.payload.eta;
    const due = typeof eta === "number" ? eta * 1000 : typeof eta === "string" ? new Date(eta).getTime() : NaN;
    return Number.isFinite(due) ? due : null;
  };
  const begin = (from: number): Attempt => {
    const made: Attempt = { number: attempts.length + 1, from, due: null, started: null, ended: null, end: "waiting", worker: null, exception: null, traceback: null };
    attempts.push(made);
    return made;
  };
  for (const event of sorted) {
    const at = new Date(event.occurred_at).getTime();
    if (!Number.isFinite(at)) continue;
    const last: Attempt | undefined = attempts[attempts.length - 1];
    const isNext: boolean = now !== null && now.started !== null && (event.kind === "task.sent" || event.kind === "task.received");
    if (isNext) {
      next = { due: dueOf(event) ?? next?.due ?? null, worker: text(event.payload.hostname) };
    } else if (event.kind === "task.sent") {
      now ??= last && last.ended === null ? last : begin(at);
    } else if (event.kind === "task.received") {
      now ??= begin(last?.ended ?? at);
      now.due = dueOf(event) ?? now.due;
      now.worker = text(event.payload.hostname) ?? text(event.payload.worker) ?? now.worker;
    } else if (event.kind === "task.started") {
      now ??= begin(last?.ended ?? at);
      now.started ??= at;
      now.end = "running";
      now.worker = text(event.payload.hostname) ?? text(event.payload.worker) ?? now.worker;
    } else if (ends[event.kind]) {
      const end = ends[event.kind]!;
      if (!now && end === "retried" && last?.end === "failed") last.end = "retried";
      if (!now && last) continue; // told twice
      now ??= begin(at);
      now.ended = at;
      now.end = end;
      now.exception = text(event.payload.exception);
      now.traceback = text(event.payload.traceback);
      now.worker = text(event.payload.hostname) ?? text(event.payload.worker) ?? now.worker;
      now = null;
      if (next && end === "retried") {
        now = begin(at);
        now.due = next.due;
        now.worker = next.worker;
      }
      next = null;
    }
  }
  const last = attempts[attempts.length - 1];
  if (last?.end === "retried" && task?.eta) {
    const due = new Date(task.eta).getTime();
    if (due > (last.ended ?? 0)) Object.assign(begin(last.ended!), { due });
  }
  return attempts;
}
