/** A post-mortem: last sign of life, what else is known, what it held and what to do with each. */
import { useState } from "preact/hooks";
import "./fleet.css";
import { api, ApiError } from "../api/client";
import { useNames } from "../lib/people";
import { refresh, useQuery } from "../lib/query";
import { go, slug, to } from "../lib/router";
import type { ScreenProps } from "../screens";
import { bytes, count, span } from "../lib/time";
import { toast, toastError } from "../lib/toasts";
import { Empty, ErrorBox, Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Act } from "../parts/panels";
import { State, TaskStateMark } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, Id, Mid, Time } from "../parts/text";
import type { TaskState } from "../lib/states";
import { BulkPlan, type BulkWish } from "./bulk-plan";
import { LossMark } from "./fleet-losses";
import { whyNotMine } from "./task-parts";

interface Held {
  task_id: string;
  name: string | null;
  queue: string | null;
  state: TaskState;
  since: string;
  age_seconds: number;
  advice: string;
}
interface Facts {
  load_average?: number[] | null;
  memory_bytes?: number | null;
  concurrency?: number | null;
  queues?: string[];
  neighbours?: { engine: string; name: string; state: string; last_heartbeat: string | null }[];
  said_goodbye?: boolean;
}
const columns: Column<Held>[] = [
  { id: "state", head: "Then", width: 104, cell: (t) => <TaskStateMark state={t.state} /> },
  { id: "name", head: "Task", min: 180, cell: (t) => <Mid name={t.name ?? "unnamed"} /> },
  { id: "queue", head: "Queue", width: 104, rank: 2, cell: (t) => <span class="q2">{t.queue}</span> },
  { id: "age", head: "Held for", width: 96, num: true, cell: (t) => <span class="q2">{span(t.age_seconds * 1000)}</span> },
  { id: "id", head: "Id", width: 96, rank: 1, cell: (t) => <span class="q2"><Id id={t.task_id} /></span> },
];

const heldWords = (state: string, n: number) => `${count(n)} ${n === 1 ? "was" : "were"} ${state === "started" ? "running" : "reserved"}`;

export default function LossPage({ params }: ScreenProps) {
  const at = slug.value;
  const person = useNames();
  const path = { slug: at, loss_id: params.loss ?? "" };
  const answer = useQuery(`loss ${at} ${path.loss_id}`, (signal) => api.get("/api/v1/projects/{slug}/worker-losses/{loss_id}", { path, signal }), { topics: ["worker.changed"], leastMs: 3000 });
  const [wish, setWish] = useState<BulkWish | null>(null);
  const loss = answer.value;
  if (answer.error && !loss) return answer.error.status === 404 ? <Empty title="There is no such post-mortem" action={<Link class="btn" to={to("fleet", {}, { view: "losses" })}>Lost workers</Link>} /> : <ErrorBox error={answer.error} retry={answer.refresh} what="The post-mortem" />;
  if (!loss) return <Skeleton />;
  const facts = loss.facts as unknown as Facts;
  const tasks = loss.tasks as unknown as Held[];
  const near = facts.neighbours ?? [];
  const advice = [...new Map(tasks.map((t) => [t.state, t.advice]))];
  const close = async () => {
    try {
      await api.post("/api/v1/projects/{slug}/worker-losses/{loss_id}/close", { path });
      toast(`The loss of ${loss.worker} is closed`);
      for (const prefix of ["loss", "losses "]) refresh(prefix);
    } catch (error) {
      if (error instanceof ApiError) toastError(error);
    }
  };
  return (
    <>
      <div class="bar">
        <span class="row"><Link to={to("fleet", {}, { view: "losses" })}>Lost workers</Link><span class="q">/</span><h1 class="cut">{loss.worker}</h1></span>
        <LossMark loss={loss} />
        <span class="push row">
          {tasks.length > 0 && <Act icon="retry" why={whyNotMine("operator")} onClick={() => setWish({ action: "retry", ids: tasks.map((t) => t.task_id), word: `what ${loss.worker} held` })}>Retry what it held…</Act>}
          <Act icon="check" primary={!loss.closed_at && !whyNotMine("operator")} why={whyNotMine("operator") ?? (loss.closed_at ? "It is closed" : null)} onClick={() => void close()}>Close</Act>
        </span>
      </div>
      <div class="split">
        <div class="loss">
          <div class="hands">
            <div class="verdict">
              <p>{loss.verdict.charAt(0).toUpperCase() + loss.verdict.slice(1)}.</p>
              <p class="q2">Last heard at <Time at={loss.last_heartbeat} />, missed at <Time at={loss.noticed_at} />, after {span(new Date(loss.noticed_at).getTime() - new Date(loss.last_heartbeat).getTime())} of silence.</p>
              {loss.returned_at && <p class="q2"><State look="done"><span>A worker of that name is back since <Time at={loss.returned_at} />.</span></State></p>}
            </div>
            <div class="sh"><h2>In its hands: {count(loss.task_count)} {loss.task_count === 1 ? "task" : "tasks"}</h2>{loss.task_count > tasks.length && <span class="q small">the first {tasks.length}</span>}</div>
            {tasks.length === 0 ? <p class="q pad">Nothing that is known of.</p> : (
              <>
                {advice.map(([state, words]) => <div class="pad" key={state}><Note kind={state === "started" ? "warn" : "info"}><b>{heldWords(state, tasks.filter((t) => t.state === state).length)}.</b> {words.charAt(0).toUpperCase() + words.slice(1)}.</Note></div>)}
                <div class="held-list"><Table label="What it held" rows={tasks} id={(t) => t.task_id} columns={columns} onCurrent={(t) => t && go(to("task", { engine: loss.engine, task: t.task_id }))} onOpen={(t) => go(to("task", { engine: loss.engine, task: t.task_id }))}
                  card={(t) => <><Mid name={t.name ?? "unnamed"} /><span class="r">{span(t.age_seconds * 1000)}</span><small><TaskStateMark state={t.state} /><span>{t.queue}</span></small></>} /></div>
              </>
            )}
          </div>
          <div class="side">
            <div class="sec">
              <h2>Last sign of life</h2>
              <dl class="kv w">
                <dt>Engine</dt><dd>{loss.engine}</dd>
                <dt>Host</dt><dd>{loss.hostname ?? <span class="q">not told</span>}</dd>
                <dt>Process</dt><dd>{loss.pid ?? <span class="q">not told</span>}</dd>
                <dt>Memory then</dt><dd>{bytes(facts.memory_bytes) || <span class="q">not told</span>}</dd>
                <dt>Load then</dt><dd>{Array.isArray(facts.load_average) ? facts.load_average.map((n) => n.toFixed(1)).join("  ") : <span class="q">not told</span>}</dd>
                <dt>At once</dt><dd>{facts.concurrency ?? <span class="q">not told</span>}</dd>
                <dt>Listened to</dt><dd title={facts.queues?.join(", ")}>{facts.queues?.join(", ") || <span class="q">not told</span>}</dd>
              </dl>
            </div>
            <div class="sec">
              <h2>Others on its host <span class="push q">{near.length || ""}</span></h2>
              {near.length === 0 ? <p class="q">None is known.</p> : (
                <ul class="list plain">
                  {near.map((n) => (
                    <li class="row" key={n.engine + n.name}>
                      <State look={n.state === "online" ? "done" : "stop"}><span class="mono">{n.name}</span></State>
                      <span class="push q small"><Age at={n.last_heartbeat} ago /></span>
                    </li>
                  ))}
                </ul>
              )}
            </div>
            {loss.closed_at && <div class="sec"><p class="q2">Closed {loss.closed_by ? `by ${person(loss.closed_by)}, ` : ""}<Time at={loss.closed_at} />.</p></div>}
          </div>
        </div>
        {wish && <BulkPlan wish={wish} onClose={() => setWish(null)} onDone={() => setWish(null)} />}
      </div>
    </>
  );
}
