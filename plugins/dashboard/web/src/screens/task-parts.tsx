/** What the drawer of the task list and the page of a task share. */
import type { ComponentChildren } from "preact";
import { api, type Schemas } from "../api/client";
import { useQuery } from "../lib/query";
import { slug, to } from "../lib/router";
import { may, role } from "../lib/session";
import { isOver, taskStates } from "../lib/states";
import { attemptsOf, type Attempt, type TaskEvent } from "../lib/attempts";
import { runOf, waitOf, type Task } from "../lib/tasks";
import { bytes, now, span } from "../lib/time";
import { Tree, asText, countRedacted, readValue } from "../parts/data";
import { Act } from "../parts/panels";
import { CopyButton, Id, Time } from "../parts/text";
import { Link } from "../parts/link";
import { State } from "../parts/state";

export type TaskDetail = Task & { sources?: Record<string, { agent_id: string; name: string | null }[]> };
type Ability = { action: string; how: string; available: boolean; reason?: string | null };
type Capability = { engine: string; agent_id: string; is_online: boolean; abilities: Ability[] };

/** `when` false asks nothing. */
export function useTask(engine: string, id: string, when = true) {
  const at = { slug: slug.value, engine, task_id: id };
  return useQuery(!when ? null : `task ${at.slug} ${engine} ${id}`, async (signal) => (await api.get("/api/v1/projects/{slug}/tasks/{engine}/{task_id}", { path: at, signal })) as TaskDetail, { topics: ["task.changed"], leastMs: 2000 });
}

export function useEvents(engine: string, id: string) {
  const at = slug.value;
  return useQuery(`events ${at} ${engine} ${id}`, async (signal) => (await api.get("/api/v1/projects/{slug}/events", { path: { slug: at }, query: { engine, task_id: id, limit: 500 }, signal })).items as TaskEvent[], { topics: ["task.changed"], leastMs: 2000 });
}

export function useCapabilities() {
  const at = slug.value;
  return useQuery(`capabilities ${at}`, async (signal) => (await api.get("/api/v1/projects/{slug}/capabilities", { path: { slug: at }, signal })).items as Capability[], { topics: ["agent.changed"], leastMs: 10_000 });
}

/** Why an engine cannot do something; null when it can, or when it is not known. */
export function whyNot(capabilities: readonly Capability[] | undefined, engine: string, action: string): string | null {
  if (!capabilities) return null;
  const own = capabilities.filter((c) => c.engine === engine);
  if (own.length === 0) return `No agent of ${engine} is known`;
  const online = own.filter((c) => c.is_online);
  if (online.length === 0) return `No agent of ${engine} is online`;
  const able = online.map((c) => c.abilities.find((a) => a.action === action));
  if (able.some((a) => a?.available)) return null;
  return able.find((a) => a?.reason)?.reason ?? `${engine} cannot do that`;
}

export const whyNotMine = (need: "operator" | "admin"): string | null => (may(need) ? null : `It needs the role ${need}; yours is ${role.value ?? "none"}`);

export interface Can {
  retry: string | null;
  edit: string | null;
  cancel: string | null;
  remove: string | null;
}
export function whatCan(task: Task, capabilities: readonly Capability[] | undefined): Can {
  const mine = whyNotMine("operator");
  const over = isOver(task.state);
  return {
    retry: mine ?? (over || task.state === "unknown" ? whyNot(capabilities, task.engine, "retry_task") : "It has not ended yet"),
    edit: mine ?? (over || task.state === "unknown" ? whyNot(capabilities, task.engine, "retry_edited") : "It has not ended yet"),
    cancel: mine ?? (over ? "Already finished: there is nothing to cancel" : whyNot(capabilities, task.engine, task.state === "started" ? "terminate_running" : "cancel_waiting")),
    remove: whyNotMine("admin") ?? whyNot(capabilities, task.engine, "delete_task"),
  };
}

export type Wish = "retry" | "edit" | "cancel";

/** `few`: two, for the thumb. */
export function Actions({ can, onWish, keys = false, few = false }: { can: Can; onWish: (wish: Wish) => void; keys?: boolean; few?: boolean }) {
  return (
    <>
      <Act primary={!can.retry} icon="retry" why={can.retry} onClick={() => onWish("retry")} keyHint={keys ? "r" : undefined}>
        Retry
      </Act>
      {!few && (
        <Act icon="edit" why={can.edit} onClick={() => onWish("edit")}>
          Edit and retry
        </Act>
      )}
      <Act icon="stop" why={can.cancel} onClick={() => onWish("cancel")}>
        Cancel
      </Act>
    </>
  );
}

/** "attempt 3", "retries in 4 m", "cannot be told apart": what stands beside the state. */
export function stateFacts(task: Task): string {
  const facts: string[] = [];
  if (task.retry_count > 0) facts.push(`attempt ${task.retry_count + 1}`);
  if (task.state === "retry" && task.eta) facts.push(new Date(task.eta).getTime() > now.value ? `again in ${span(new Date(task.eta).getTime() - now.value)}` : "its turn is due");
  if (task.retried_as) facts.push("retried");
  if (task.reconciled_as) facts.push(`found out: ${task.reconciled_as}`);
  return facts.join(" · ");
}

export function Facts({ task }: { task: TaskDetail }) {
  const wait = waitOf(task, now.value);
  const run = runOf(task, now.value);
  const sender = task.sources?.sent?.[0]?.name;
  return (
    <dl class="kv two">
      <dt>Id</dt>
      <dd>
        <Id id={task.task_id} length={13} />
      </dd>
      <dt>Engine</dt>
      <dd>{task.engine}</dd>
      <dt>Queue</dt>
      <dd title={task.queue ?? ""}>{task.queue ? <Link to={to("tasks", {}, { q: `queue:${task.queue}` })}>{task.queue}</Link> : <span class="q">none</span>}</dd>
      <dt>Worker</dt>
      <dd title={task.worker_name ?? ""}>{task.worker_name ?? <span class="q">none</span>}</dd>
      <dt>Seen</dt>
      <dd>
        <Time at={task.created_at} ms />
      </dd>
      <dt>Told by</dt>
      <dd title={sender ?? ""}>{sender ?? <span class="q">not known</span>}</dd>
      <dt>{task.state === "pending" || task.state === "received" ? "Waits" : "Waited"}</dt>
      <dd class={(wait ?? 0) > 60_000 ? "t-retry m" : ""}>{wait === null ? <span class="q">not known</span> : span(wait)}</dd>
      <dt>{task.state === "started" ? "Runs" : "Ran"}</dt>
      <dd class={task.state === "failure" ? "bad m" : ""}>{run === null ? <span class="q">not yet</span> : span(run)}</dd>
    </dl>
  );
}

const looks: Record<Attempt["end"], { fill: string; word: string; look: "fail" | "retry" | "done" | "stop" | "run" | "wait" }> = {
  failed: { fill: "f-fail", word: "failed", look: "fail" },
  retried: { fill: "f-fail", word: "failed, tried again", look: "fail" },
  succeeded: { fill: "f-done", word: "succeeded", look: "done" },
  stopped: { fill: "f-stop", word: "cancelled", look: "stop" },
  running: { fill: "f-run", word: "running", look: "run" },
  waiting: { fill: "f-wait", word: "waiting", look: "wait" },
};

/** Positional and named arguments; "none" only when there is neither. */
export function Arguments({ task }: { task: Task }) {
  const hasNone = (v: unknown) => {
    const { value } = readValue(v);
    return value === null || (typeof value === "object" && Object.keys(value).length === 0);
  };
  if (hasNone(task.args) && hasNone(task.kwargs)) return <p class="q">none, or none that was told</p>;
  return (
    <>
      {!hasNone(task.args) && <Tree value={task.args} />}
      {!hasNone(task.kwargs) && <Tree value={task.kwargs} />}
    </>
  );
}
export function argumentsNote(task: Task): string {
  const hidden = countRedacted(readValue(task.args).value) + countRedacted(readValue(task.kwargs).value);
  return bytes(asText(task.args).length + asText(task.kwargs).length) + (hidden ? `, ${hidden} redacted` : "");
}

/** Each attempt on one time axis: thin is back-off or waiting, thick is running. */
export function Timeline({ task, events, axis = false }: { task: Task; events: readonly TaskEvent[]; axis?: boolean }) {
  const attempts = attemptsOf(events, task);
  if (!attempts.length) return <p class="q">No event of it was kept.</p>;
  const open = attempts.some((a) => a.end === "running" || a.end === "waiting");
  const first = Math.min(...attempts.map((a) => a.from));
  const last = Math.max(open ? now.value : 0, ...attempts.map((a) => a.ended ?? a.started ?? a.from), first + 1);
  const x = (t: number) => Math.max(0, Math.min(100, ((t - first) / (last - first)) * 100));
  const bar = (a: number, b: number, name: string, thick: boolean) => <rect x={`${x(a)}%`} width={`${Math.max(0.6, x(b) - x(a))}%`} y={thick ? 5 : 8} height={thick ? 12 : 6} rx="1.5" class={name} />;
  const shown = attempts.length > 40 ? [...attempts.slice(0, 5), ...attempts.slice(-35)] : attempts;
  const steps = [0, 0.25, 0.5, 0.75, 1];
  return (
    <>
      <div class="tl" role="group" aria-label="Attempts">
        {axis && (
          <>
            <span />
            <div class="axis">
              {steps.map((s) => (
                <span key={s}>{span((last - first) * s)}</span>
              ))}
            </div>
            <span class="num tiny">run</span>
          </>
        )}
        {shown.map((a) => {
          const end = a.ended ?? last;
          return (
            <>
              <span class="q2 cut" key={`n${a.number}`}>
                <State look={looks[a.end].look} title={looks[a.end].word}>
                  <span class="cut">
                    {a.number} {a.worker ?? ""}
                  </span>
                </State>
              </span>
              <svg key={`s${a.number}`} role="img" aria-label={`Attempt ${a.number}: ${looks[a.end].word}, waited ${span((a.started ?? end) - a.from)}${a.started ? `, ran ${span(end - a.started)}` : ""}`}>
                {axis && steps.map((s) => <line key={s} x1={`${s * 100}%`} x2={`${s * 100}%`} y1="0" y2="22" class="ch-grid" />)}
                {a.due !== null && a.due > a.from && bar(a.from, Math.min(a.due, a.started ?? end), "f-retry dim", false)}
                {bar(Math.max(a.from, Math.min(a.due ?? a.from, a.started ?? end)), a.started ?? end, "f-wait", false)}
                {a.started !== null && bar(a.started, end, looks[a.end].fill, true)}
              </svg>
              <span class="num" key={`r${a.number}`}>
                {a.started === null ? "" : span(end - a.started)}
              </span>
            </>
          );
        })}
      </div>
      {axis && (
        <div class="row small keys">
          <Key name="f-retry dim">back-off</Key>
          <Key name="f-wait">waiting</Key>
          <Key name="f-fail">ran and failed</Key>
          <Key name="f-done">ran and succeeded</Key>
        </div>
      )}
    </>
  );
}

function Key({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <span class="key-plain">
      <svg viewBox="0 0 8 8" aria-hidden="true">
        <rect width="8" height="8" rx="2" class={name} />
      </svg>
      {children}
    </span>
  );
}

export function CopyTask({ task }: { task: Task }) {
  return <CopyButton text={location.origin + to("task", { engine: task.engine, task: task.task_id })} label="Copy the link to this task" />;
}
export const stateWord = (task: Task) => taskStates[task.state].word;
export type Command = Schemas["Command"];
