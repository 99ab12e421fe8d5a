/** One worker: what it does, its children, its queues and limits, and what can be done to it. */
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { useQuery } from "../lib/query";
import { slug, to } from "../lib/router";
import { bytes, count, now, span } from "../lib/time";
import { metaOf, type Active } from "../lib/worker-meta";
import { Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Act, Drawer } from "../parts/panels";
import { Age, Fresh, Mid, Time } from "../parts/text";
import { hostOf, useWorkers, WorkerMark, type Loss, type Worker, type WorkerState } from "./fleet-parts";
import { ConsumerForm, LimitForm, PoolForm, useWhy, WorkerPlan, type WorkerEnd } from "./worker-acts";
import { ForgetWish, useWishes, WishBy, wishWords } from "./wishes";
import { useQueues } from "./queue-parts";

export function WorkerDrawer({ worker, state, loss, onClose }: { worker: Worker; state: WorkerState; loss?: Loss; onClose: () => void }) {
  const at = slug.value;
  const [plan, setPlan] = useState<WorkerEnd | null>(null);
  const detail = useQuery(`worker ${at} ${worker.id}`, (signal) => api.get("/api/v1/projects/{slug}/workers/{worker_id}", { path: { slug: at, worker_id: worker.id }, signal }), { topics: ["worker.changed", "agent.changed"], leastMs: 2000, everyMs: 10_000 });
  const list = useWorkers();
  const queues = useQueues();
  const wishes = useWishes();
  const why = useWhy(worker);
  if (plan) return <WorkerPlan w={worker} wish={plan} onClose={() => setPlan(null)} />;
  const w = detail.value ?? worker;
  const { active, processes, registered, uptime, prefetch } = metaOf(detail.value?.metadata);
  const own = (wishes.value ?? []).filter((x) => x.engine === w.engine && (x.worker_name === w.name || (!x.worker_name && x.kind !== "consumer" && x.kind !== "autoscale" && x.kind !== "pause")));
  const online = w.state === "online";
  const known = [...new Set((queues.value ?? []).filter((q) => q.engine === w.engine).map((q) => q.name))];
  const load = Array.isArray(w.load_average) ? (w.load_average as number[]).map((n) => n.toFixed(1)).join("  ") : null;
  const size = processes.length || w.concurrency;
  return (
    <Drawer
      label={`Worker ${w.name}`}
      onClose={onClose}
      head={
        <>
          <div class="row">
            <WorkerMark state={state} big />
            <span class="q cut">{w.engine} on {hostOf(w)}</span>
          </div>
          <Mid name={w.name} even />
          <div class="row">
            <Act icon="retry" why={why("restart_worker")} onClick={() => setPlan("restart")}>Restart…</Act>
            <Act icon="stop" danger={!why("shutdown_worker", "admin")} why={why("shutdown_worker", "admin")} onClick={() => setPlan("shutdown")}>Shut down…</Act>
          </div>
        </>
      }
      foot={
        <>
          <Link class="btn" to={to("tasks", {}, { q: `worker:${w.name}` })}>Tasks of this worker</Link>
          <span class="push q small">{online ? "seen" : "last seen"} <Age at={w.last_heartbeat} ago /></span>
        </>
      }
    >
      {loss && (
        <div class="sec">
          <Note kind="bad">
            <b>Lost.</b> {loss.verdict.charAt(0).toUpperCase() + loss.verdict.slice(1)}. <Link to={to("loss", { loss: loss.id })}>{loss.task_count ? `${count(loss.task_count)} ${loss.task_count === 1 ? "task was" : "tasks were"} in its hands` : "Post-mortem"}</Link>
          </Note>
        </div>
      )}
      <div class="sec">
        <dl class="kv two">
          <dt>Process</dt><dd>{w.pid ?? <span class="q">not told</span>}</dd>
          <dt>At once</dt><dd><Fresh at={list.at}>{size ?? <span class="q">not told</span>}</Fresh></dd>
          <dt>Memory</dt><dd>{bytes(w.memory_bytes) || <span class="q">not told</span>}</dd>
          <dt>Load</dt><dd title="Of its host: 1, 5 and 15 minutes">{load ?? <span class="q">not told</span>}</dd>
          {uptime !== null && (<><dt>Up since</dt><dd><Time at={detail.at - uptime * 1000} /></dd></>)}
          {prefetch !== null && (<><dt>Prefetch</dt><dd>{count(prefetch)}</dd></>)}
          <dt>Ended</dt><dd>{count(w.processed)} <span class="q">24 h</span></dd>
          <dt>Failed</dt><dd class={w.failed ? "m" : undefined}>{count(w.failed)} {w.processed > 0 && <span class="q">{((w.failed / w.processed) * 100).toFixed(1)} %</span>}</dd>
          <dt>First seen</dt><dd><Time at={w.created_at} /></dd>
          <dt>Retries</dt><dd>{count(w.retried)}</dd>
        </dl>
      </div>
      {online && (
        <div class="sec">
          <h2>In its hands <span class="push q">{detail.value ? (active.length ? `as of ${span(Math.max(0, now.value - detail.at)).replace(/\.\d s/, " s")} ago` : "") : ""}</span></h2>
          {!detail.value ? <Skeleton rows={2} /> : active.length === 0 && processes.length === 0 ? <p class="q">Nothing runs.</p> : (
            <ul class="list plain kids">
              {active.filter((a) => !a.worker_pid || !processes.includes(a.worker_pid)).map((a) => <li class="row" key={a.id}><TaskOf a={a} engine={w.engine} at={detail.at} /></li>)}
              {processes.map((pid) => {
                const its = active.find((a) => a.worker_pid === pid);
                return (
                  <li class="row" key={pid}>
                    <span class="mono q pid" title="Child process">{pid}</span>
                    {its ? <TaskOf a={its} engine={w.engine} at={detail.at} /> : <span class="q">idle</span>}
                  </li>
                );
              })}
            </ul>
          )}
        </div>
      )}
      <div class="sec">
        <h2>Pool {online && size !== null && <span class="push q">{w.active_tasks} of {size} busy</span>}</h2>
        <PoolForm w={w} size={size} />
      </div>
      <div class="sec">
        <h2>Listens to</h2>
        <ConsumerForm w={w} known={known} />
      </div>
      {(w.state === "online" || own.length > 0) && <div class="sec">
        <h2>Limits of a task here <span class="push q">{registered.length ? `${registered.length} known` : ""}</span></h2>
        <LimitForm w={w} names={registered} />
        {own.length > 0 && (
          <ul class="list plain lines">
            {own.map((x) => (
              <li class="row" key={x.id}>
                <span class="two-lines"><span>{wishWords(x)}</span><span class="q small"><WishBy wish={x} />{x.asserted > 0 ? `, said again ${count(x.asserted)} times` : ""}</span></span>
                <span class="push"><ForgetWish wish={x} /></span>
              </li>
            ))}
          </ul>
        )}
      </div>}
    </Drawer>
  );
}

function TaskOf({ a, engine, at }: { a: Active; engine: string; at: number }) {
  const short = a.name ? a.name.slice(a.name.lastIndexOf(".") + 1) : a.id.slice(0, 8);
  return (
    <>
      <Link class="mono cut" title={`${a.name ?? ""} ${a.id}`} to={to("task", { engine, task: a.id })}>{short}</Link>
      <span class="push q2">{a.time_start ? span(Math.max(0, Math.max(at, now.value) - a.time_start * 1000)) : ""}</span>
    </>
  );
}
