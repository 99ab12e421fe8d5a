/** One queue: how long, how old, who feeds it, who serves it, what waits. */
import { useMemo, useState } from "preact/hooks";
import { api } from "../api/client";
import { sendNow } from "../lib/commands";
import { useQuery } from "../lib/query";
import { slug, to } from "../lib/router";
import { count, span } from "../lib/time";
import { Note, Skeleton } from "../parts/feedback";
import { Chart, type Series } from "../parts/chart";
import { Link } from "../parts/link";
import { Act, Drawer, Seg } from "../parts/panels";
import { State } from "../parts/state";
import { Age, Fresh, Time } from "../parts/text";
import { useCopies } from "./queue-copies";
import { DepthLine, EmptyIn, LATE_S, pathOf, readDepths, useQueues, useSchedulesOf, type Queue } from "./queue-parts";
import { PausePlan, PurgePlan, Sample, byName, type WaitingTask } from "./queue-plan";
import { useCapabilities, whyNot, whyNotMine } from "./task-parts";
import { useWishes, WishBy } from "./wishes";

export function QueueDrawer({ q, onClose }: { q: Queue; onClose: () => void }) {
  const at = slug.value;
  const [plan, setPlan] = useState<"purge" | "pause" | null>(null);
  const all = useQueues();
  const capabilities = useCapabilities();
  const noList = whyNot(capabilities.value, q.engine, "list_waiting");
  const waiting = useQuery(!capabilities.value || noList ? null : `waiting ${at} ${q.key}`, (signal) => api.get("/api/v1/projects/{slug}/queues/{engine}/{queue}/waiting", { path: pathOf(q), query: { limit: 100 }, signal }), { everyMs: 10_000, topics: ["queue.changed"], leastMs: 5000 });
  const workers = useQuery(`workers ${at}`, (signal) => api.get("/api/v1/projects/{slug}/workers", { path: { slug: at }, signal }), { topics: ["worker.changed", "agent.changed"], leastMs: 3000 });
  const wishes = useWishes();
  const copies = useCopies();
  const fed = useSchedulesOf(q);
  if (plan === "purge") return <PurgePlan q={q} onClose={() => setPlan(null)} />;
  if (plan === "pause") return <PausePlan one={q} queues={all.rows ?? [q]} onClose={() => setPlan(null)} />;

  const single = !whyNot(capabilities.value, q.engine, "pause_queue");
  const noPause = whyNotMine("operator") ?? (single ? null : whyNot(capabilities.value, q.engine, "pause_engine"));
  const noPurge = whyNotMine("admin") ?? whyNot(capabilities.value, q.engine, "purge_queue");
  const listens = (workers.value ?? []).filter((w) => w.engine === q.engine && w.state === "online" && w.queues.includes(q.name));
  const pauses = (wishes.value ?? []).filter((w) => w.kind === "pause" && w.engine === q.engine && (w.target === q.name || !w.target));
  const own = (copies.value ?? []).filter((c) => c.engine === q.engine && c.queue === q.name && c.state === "kept");
  const tasks = (waiting.value?.items ?? []) as unknown as WaitingTask[];
  const names = byName(tasks);
  const resume = () => sendNow("resume-queue", { engine: q.engine, queue: single ? q.name : null }, { done: single ? `Queue ${q.name} goes on` : `All queues of ${q.engine} go on`, doing: `Resuming ${q.name}`, refresh: ["queues ", "wishes "] });
  const late = (q.oldest_age_seconds ?? 0) > LATE_S;
  return (
    <Drawer
      label={`Queue ${q.name}`}
      onClose={onClose}
      head={
        <>
          <div class="row">
            <h2 class="dh-title cut" title={q.name} dir="auto">{q.name}</h2>
            {q.is_paused && <State look="stop">paused</State>}
            {q.empties.kind === "unheard" && <State look="warn">no listener</State>}
          </div>
          <p class="q small cut">{[q.engine, q.broker_type, q.broker_url_hint].filter(Boolean).join(" · ")}</p>
          <div class="row">
            {q.is_paused ? (
              <Act icon="play" primary={!noPause} why={noPause} onClick={resume}>{single ? "Resume" : `Resume all of ${q.engine}`}</Act>
            ) : (
              <Act icon="pause" why={noPause} onClick={() => setPlan("pause")}>{single || !capabilities.value ? "Pause" : `Pause all of ${q.engine}`}</Act>
            )}
            <Act icon="trash" danger={!noPurge} why={noPurge ?? (q.pending_count === 0 ? "Nothing waits in it" : null)} onClick={() => setPlan("purge")}>Purge…</Act>
          </div>
        </>
      }
      foot={
        <>
          <Link class="btn" to={to("tasks", {}, { q: `queue:${q.name}` })}>Tasks of this queue</Link>
          <span class="push q small">read <Age at={q.last_seen_at} ago /></span>
        </>
      }
    >
      {pauses.map((w) => (
        <div class="sec" key={w.id}>
          <Note kind="info" icon="pause">
            <b>{w.target ? "Paused" : `All of ${q.engine} is paused`}</b> <WishBy wish={w} />. It is said again to workers that come later.
          </Note>
        </div>
      ))}
      {q.is_paused && wishes.value && pauses.length === 0 && (
        <div class="sec">
          <Note kind="info" icon="pause"><b>Paused, and not from here as far as is known.</b> The engine says so itself.</Note>
        </div>
      )}
      <div class="sec">
        <div class="row lead-n">
          <Fresh at={all.at}><span class="big-n">{q.pending_count === null ? "?" : count(q.pending_count)}</span></Fresh>
          <span class="q2">waiting{q.oldest_at && q.pending_count ? <>, the oldest <span class={late ? "t-retry m" : undefined}>for <Age at={q.oldest_at} /></span></> : ""}</span>
        </div>
        <div class="depth">
          <DepthLine q={q} height={48} />
        </div>
        <p class="q tiny row"><span>30 min ago</span><span class="push">now</span></p>
      </div>
      <div class="sec">
        <dl class="kv w">
          <dt>Empty in</dt>
          <dd>{q.empties.kind === "empty" ? <span class="q">it is empty</span> : <EmptyIn q={q} />}</dd>
          {q.out !== null && (<><dt>Taken out</dt><dd>{q.out.toFixed(1)} a minute <span class="q">over 5 minutes</span></dd></>)}
          <dt>Growth</dt>
          <dd>{q.perMinute === null ? <span class="q">seen too short</span> : `${q.perMinute < 0 ? "−" : "+"}${Math.abs(q.perMinute).toFixed(1)} a minute`}</dd>
          <dt>Reserved</dt>
          <dd>{q.unacked_count === null ? <span class="q">the engine does not tell</span> : <>{count(q.unacked_count)} <span class="q">taken, not acknowledged</span></>}</dd>
          {q.scheduled_count !== null && (<><dt>For later</dt><dd>{count(q.scheduled_count)}</dd></>)}
        </dl>
      </div>
      <DepthOverTime q={q} />
      <div class="sec">
        <h2>Served by <span class="push q">{q.consumer_count === null ? "" : `${count(q.consumer_count)} ${q.consumer_count === 1 ? "listener" : "listeners"}`}</span></h2>
        {listens.length ? (
          <ul class="list plain">
            {listens.slice(0, 8).map((w) => (
              <li class="row" key={w.id}>
                <Link class="mono cut" to={to("fleet", {}, { row: w.id })}>{w.name}</Link>
                <span class="push q small">{w.concurrency !== null ? `${w.active_tasks} of ${w.concurrency} busy` : `${w.active_tasks} busy`}</span>
              </li>
            ))}
            {listens.length > 8 && <li class="q">and {listens.length - 8} more</li>}
          </ul>
        ) : (
          <p class={q.pending_count ? "bad" : "q"}>{q.pending_count ? "No worker listens to it: what waits stays." : "No worker listens to it."}</p>
        )}
      </div>
      <div class="sec">
        <h2>Waiting, oldest first <span class="push q">{tasks.length > 0 && (waiting.value?.next_cursor ? `the first ${tasks.length}` : count(tasks.length))}</span></h2>
        {noList ? <p class="q">{noList}.</p> : waiting.error && !waiting.value ? <p class="q">{waiting.error.message}</p> : !waiting.value ? <Skeleton rows={2} /> : tasks.length === 0 ? <p class="q">Nothing waits.</p> : (
          <>
            <Sample tasks={tasks.slice(0, 5)} />
            <p class="q small lines">{names.slice(0, 3).map(([n, k]) => `${count(k)} ${n}`).join(", ")}{names.length > 3 ? ` and ${names.length - 3} other names` : ""}</p>
          </>
        )}
      </div>
      <DeadLetters q={q} />
      {fed.length > 0 && (
        <div class="sec">
          <h2>Fed by schedules</h2>
          <ul class="list plain">
            {fed.slice(0, 6).map((s) => (
              <li class="row" key={s.id}>
                <Link class="cut" to={to("schedules", {}, { row: s.id })}>{s.name}</Link>
                <span class="push q small">{s.is_enabled ? <Age at={s.next_run_at} /> : "off"}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      {own.length > 0 && (
        <div class="sec">
          <h2>Safety copies</h2>
          <ul class="list plain">
            {own.slice(0, 4).map((c) => (
              <li class="row" key={c.id}>
                <Link to={to("queues", {}, { view: "copies", row: c.id })}>{count(c.messages)} tasks</Link>
                <span class="push q small"><Time at={c.created_at} /></span>
              </li>
            ))}
          </ul>
        </div>
      )}
    </Drawer>
  );
}

/** Where the engine keeps such. */
function DeadLetters({ q }: { q: Queue }) {
  const capabilities = useCapabilities();
  const can = capabilities.value?.some((c) => c.engine === q.engine && c.is_online && c.abilities.some((a) => a.action === "requeue_dead_letter" && a.available && a.how === "native"));
  const dead = useQuery(can ? `dead ${slug.value} ${q.key}` : null, (signal) => api.get("/api/v1/projects/{slug}/queues/{engine}/{queue}/dead-letters", { path: pathOf(q), query: { limit: 20 }, signal, ownErrors: true }));
  const items = (dead.value?.items ?? []) as unknown as (WaitingTask & { why?: string; dead_at?: number })[];
  if (!items.length) return null;
  return (
    <div class="sec">
      <h2>Thrown away, newest first <span class="push q">{dead.value?.next_cursor ? `${items.length}+` : count(items.length)}</span></h2>
      <ul class="tree">
        {items.slice(0, 5).map((t) => (
          <li key={t.task_id}>
            {t.dead_at && <span class="z"><Time at={t.dead_at * 1000} /></span>}
            <Link class="fn" title={t.name} to={to("task", { engine: q.engine, task: t.task_id })}>{t.name.slice(t.name.lastIndexOf(".") + 1)}</Link>
            <span class="z cut" title={t.why}>{t.why}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}

const spans = [
  { id: "6", title: "6 h" },
  { id: "24", title: "24 h" },
  { id: "168", title: "7 d" },
] as const;
/** What was sampled, in as many pieces as fit. */
function DepthOverTime({ q }: { q: Queue }) {
  const at = slug.value;
  const [hours, setHours] = useState<"6" | "24" | "168">("6");
  const answer = useQuery(`queue history ${at} ${q.key} ${hours}`, (signal) => readDepths(at, { hours: Number(hours), buckets: 96, engine: q.engine, queue: q.name }, signal), { everyMs: 60_000 });
  const one = answer.value?.items[0];
  const { times, series } = useMemo(() => {
    const since = answer.value ? new Date(answer.value.since).getTime() : 0;
    const step = (answer.value?.bucket_seconds ?? 60) * 1000;
    const waiting: Series = { label: "waiting, at most", color: "--accent", values: one?.pending ?? [] };
    const oldest: Series = { label: "oldest waits", color: "--fill-retry", values: one?.oldest_seconds.map((s) => (s === null ? null : s * 1000)) ?? [], format: (n) => span(n) };
    return { times: (one?.pending ?? []).map((_, i) => since + i * step), series: [[waiting], ...(one?.oldest_seconds.some((s) => s !== null) ? [[oldest]] : [])] };
  }, [answer.value]);
  const known = (one?.pending ?? []).filter((n) => n !== null).length; // one is no line
  return (
    <div class="sec stack">
      <div class="row"><h2>Over time</h2><span class="push"><Seg label="Span of the depth" value={hours} options={spans} onChange={setHours} /></span></div>
      {answer.error && !answer.value ? <Note>{answer.error.message}</Note> : !answer.value ? <Skeleton rows={4} /> : known < 2 ? <p class="q">It is looked at once a minute: the line begins in a few.</p> : series.map((s) => <Chart key={s[0]!.label} label={`${q.name}: ${s[0]!.label}`} times={times} series={s} height={110} />)}
    </div>
  );
}
