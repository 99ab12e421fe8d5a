/** Plans for a queue: what a purge takes and what it leaves, and pauses. */
import { useMemo, useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { newKey, send } from "../lib/commands";
import { useQuery } from "../lib/query";
import { slug, to } from "../lib/router";
import { readTasks } from "../lib/tasks";
import { count } from "../lib/time";
import { ErrorBox } from "../parts/feedback";
import { Plan, Seg } from "../parts/panels";
import { Link } from "../parts/link";
import { State } from "../parts/state";
import { Mid, Time } from "../parts/text";
import { pathOf, scheduleNames, useSchedulesOf, type Queue } from "./queue-parts";
import { useCapabilities, whyNot } from "./task-parts";

export interface WaitingTask {
  task_id: string;
  name: string;
  enqueued_at?: number;
  args?: unknown;
  kwargs?: unknown;
  position?: number;
}
const LOOK = 500;

/** Names, most of them first. */
export function byName(tasks: readonly WaitingTask[]): [string, number][] {
  const found = new Map<string, number>();
  for (const t of tasks) found.set(t.name, (found.get(t.name) ?? 0) + 1);
  return [...found].sort((a, b) => b[1] - a[1]);
}

export const brief = (t: WaitingTask): string => {
  const text = JSON.stringify(t.args ?? []).slice(1, -1) || JSON.stringify(t.kwargs ?? {}).slice(1, -1);
  return text.slice(0, 120);
};

export function Sample({ tasks }: { tasks: readonly WaitingTask[] }) {
  return (
    <ul class="tree">
      {tasks.map((t) => (
        <li key={t.task_id} title={t.task_id}>
          {t.enqueued_at && <span class="z"><Time at={t.enqueued_at * 1000} /></span>}
          <span class="fn" title={t.name} dir="auto">{t.name.slice(t.name.lastIndexOf(".") + 1)}</span>
          <span class="s" dir="auto">{brief(t)}</span>
        </li>
      ))}
    </ul>
  );
}

/** "12 waited and were removed, 2 reserved ones were not". */
export function purgeWords(name: string, result: Record<string, unknown>): string {
  const removed = Number(result.removed ?? 0);
  const left = Object.entries((result.not_removed ?? {}) as Record<string, number>).filter(([, n]) => n > 0);
  return `${count(removed)} removed from ${name}${left.length ? `; not reached: ${left.map(([what, n]) => `${count(n)} ${what}`).join(", ")}` : ""}`;
}

export function PurgePlan({ q, onClose }: { q: Queue; onClose: () => void }) {
  const at = slug.value;
  const capabilities = useCapabilities();
  const noCopy = whyNot(capabilities.value, q.engine, "purge_with_copy");
  const [copy, setCopy] = useState(true);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const key = useMemo(newKey, [q.key]);
  const depth = useQuery(`purge token ${at} ${q.key}`, (signal) => api.post("/api/v1/projects/{slug}/commands/purge-token", { path: { slug: at }, body: { queue: q.name, engine: q.engine }, signal }), { everyMs: 10_000 });
  const waiting = useQuery(!capabilities.value || whyNot(capabilities.value, q.engine, "list_waiting") ? null : `waiting ${at} ${q.key} plan`, (signal) => api.get("/api/v1/projects/{slug}/queues/{engine}/{queue}/waiting", { path: pathOf(q), query: { limit: LOOK }, signal }), { everyMs: 10_000 });
  const running = useQuery(`running ${at} ${q.key}`, (signal) => readTasks(at, { engine: q.engine, queue: q.name, state: "started" }, undefined, signal));
  const fed = useSchedulesOf(q).filter((s) => s.is_enabled);
  const tasks = (waiting.value?.items ?? []) as unknown as WaitingTask[];
  const whole = !!waiting.value && !waiting.value.next_cursor;
  // The list is newer than the figure where it was read to its end.
  const total = whole ? tasks.length : depth.error ? q.pending_count : (depth.value?.depth ?? null);
  const names = byName(tasks);
  const kept = copy && !noCopy;
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await send(
        "purge-queue",
        { queue: q.name, engine: q.engine, confirm_token: depth.value?.confirm_token ?? null, copy: kept, idempotency_key: key },
        { done: `${q.name} is purged`, doing: `Purging ${q.name}`, refresh: ["queues ", "waiting ", "copies ", "tasks "], words: (r) => purgeWords(q.name, r), ...(kept && { link: { text: "Safety copy", to: to("queues", {}, { view: "copies" }) } }) },
      );
      onClose();
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
      setBusy(false);
    }
  };
  const at5 = names.slice(0, 5);
  const started = running.value?.items.length ?? 0;
  return (
    <Plan
      label={`Purge ${q.name}`}
      title={<span class="row">Purge <span class="mono cut">{q.name}</span>{q.is_paused && <State look="stop">paused</State>}</span>}
      total={total}
      what={<>{total === 1 ? "task" : "tasks"} will be removed,<br />all of them waiting</>}
      facts={[
        ["Oldest", q.oldest_at || tasks[0]?.enqueued_at ? <Time at={tasks[0]?.enqueued_at ? tasks[0].enqueued_at * 1000 : q.oldest_at} /> : <span class="q">the engine does not tell</span>],
        ...(whole && tasks.length ? ([["Newest", <Time at={(tasks[tasks.length - 1]?.enqueued_at ?? 0) * 1000 || null} />]] as [string, preact.ComponentChildren][]) : []),
        ...at5.map(([name, n], i) => [i ? "" : whole ? "By task" : `Of the first ${tasks.length}`, <span class="row"><span>{count(n)}</span><Mid name={name} /></span>] as [string, preact.ComponentChildren]),
        ...(names.length > 5 ? ([["", <span class="q">and {names.length - 5} other names</span>]] as [string, preact.ComponentChildren][]) : []),
        ["Undo", noCopy ? <span class="t-retry" title={noCopy}>no: {noCopy}</span> : <label class="row"><input type="checkbox" checked={copy} onChange={(e) => setCopy(e.currentTarget.checked)} /> {copy ? "yes, from a safety copy" : "no: without a safety copy"}</label>],
      ]}
      untouched={[
        ...(started ? [<State look="run"><span class="whole"><b>{count(started)}{running.value?.next_cursor ? "+" : ""} already running</b>: cannot be purged, <Link to={to("tasks", {}, { q: `state:running queue:${q.name}` })}>cancel them instead</Link></span></State>] : []),
        ...(q.unacked_count ? [<State look="warn"><span class="whole"><b>{count(q.unacked_count)} reserved</b> by workers: they return here if a worker stops</span></State>] : []),
        ...(q.scheduled_count ? [<State look="wait"><span class="whole"><b>{count(q.scheduled_count)} scheduled</b> for later: they come when their time is</span></State>] : []),
      ]}
      sample={tasks.length > 0 && <Sample tasks={tasks.length > 2 ? [tasks[0]!, tasks[tasks.length >> 1]!, tasks[tasks.length - 1]!] : tasks} />}
      effects={[
        ...(fed.length ? [<><b>{scheduleNames(fed)} {fed.length === 1 ? "refills" : "refill"} this queue</b>{fed[0]?.next_run_at && <>, next at <Time at={fed[0].next_run_at} /></>}. <Link to={to("schedules", {}, { row: fed[0]!.id })}>Look</Link></>] : []),
        ...(!kept && total ? [<><b>This cannot be undone.</b> What is removed is gone.</>] : []),
      ]}
      word={q.name}
      most={1000}
      verb="Purge"
      danger
      keep="Keep the tasks"
      busy={busy}
      problem={problem && (problem.reason === "too_long_to_copy" ? <><b>The queue is too long for a safety copy.</b> {problem.message}</> : problem)}
      onAct={() => void act()}
      onClose={onClose}
    >
      {(waiting.error ?? (depth.error && !waiting.value)) && <ErrorBox error={(waiting.error ?? depth.error)!} what="What waits" retry={waiting.refresh} />}
    </Plan>
  );
}

const spans = [
  { id: "", title: "Until resumed" },
  { id: "600", title: "10 min" },
  { id: "3600", title: "1 h" },
  { id: "28800", title: "8 h" },
] as const;

/** One queue, or all queues of the engines that can. */
export function PausePlan({ queues, one, onClose }: { queues: readonly Queue[]; one?: Queue; onClose: () => void }) {
  const capabilities = useCapabilities();
  const [length, setLength] = useState<(typeof spans)[number]["id"]>("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const engines = [...new Set((one ? [one] : queues).map((q) => q.engine))].sort();
  const whole = (engine: string) => !one || whyNot(capabilities.value, engine, "pause_queue") !== null;
  const why = (engine: string) => whyNot(capabilities.value, engine, whole(engine) ? "pause_engine" : "pause_queue");
  const able = engines.filter((e) => !why(e));
  const hit = queues.filter((q) => able.includes(q.engine) && (whole(q.engine) || q.key === one?.key) && !q.is_paused);
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      for (const engine of able) {
        const queue = whole(engine) ? null : one!.name;
        const what = queue ? `Queue ${queue}` : `Everything of ${engine}`;
        const resume = () => void send("resume-queue", { engine, queue }, { done: `${what} goes on`, doing: `Resuming ${queue ?? engine}`, refresh: ["queues ", "wishes "] }).catch(() => {});
        await send("pause-queue", { engine, queue, seconds: length ? Number(length) : null }, { done: `${what} is paused`, doing: `Pausing ${queue ?? engine}`, refresh: ["queues ", "wishes "], undo: resume });
      }
      onClose();
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
      setBusy(false);
    }
  };
  const many = hit.length !== 1;
  return (
    <Plan
      label={one ? `Pause ${one.name}` : "Pause all queues"}
      title={one && !whole(one.engine) ? <span class="row">Pause <span class="mono cut">{one.name}</span></span> : one ? `Pause all of ${one.engine}` : "Pause all queues"}
      total={capabilities.value ? hit.length : null}
      single={!many}
      what={many ? "queues will be paused" : "No worker takes anything from it until it goes on. What runs finishes, what is reserved runs too."}
      facts={[["Waiting now", count(hit.reduce((sum, q) => sum + (q.pending_count ?? 0), 0))], ...(many ? able.map((e, i) => [i ? "" : "Engines", <span>{e} <span class="q">{hit.filter((q) => q.engine === e).length} queues</span></span>] as [string, preact.ComponentChildren]) : [])]}
      untouched={engines.filter((e) => why(e)).map((e) => <State look="stop"><span class="whole"><b>{e}</b>: {why(e)}</span></State>)}
      effects={one && whole(one.engine) && able.length ? [<>{whyNot(capabilities.value, one.engine, "pause_queue")}: <b>all queues of {one.engine} pause together.</b></>] : many && hit.length ? [<>Nothing is taken from any of them: what comes in waits, and gets older.</>] : []}
      word="pause"
      most={many ? 1 : 1000}
      verb="Pause"
      keep="Leave them running"
      busy={busy}
      problem={problem}
      onAct={() => void act()}
      onClose={onClose}
    >
      <div class="sec">
        <h2>For how long</h2>
        <Seg label="For how long" options={spans} value={length} onChange={setLength} />
        {length !== "" && <p class="q small lines">Where the engine can: else until somebody resumes it.</p>}
      </div>
    </Plan>
  );
}
