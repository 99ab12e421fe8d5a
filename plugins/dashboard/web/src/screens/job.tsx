/** One act on many tasks: how far it is, at what pace, and what became of each. */
import { useEffect, useState } from "preact/hooks";
import "./bulk.css";
import { addressOf, api, ApiError } from "../api/client";
import { useNames } from "../lib/people";
import { refresh, usePages, useQuery } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import type { ScreenProps } from "../screens";
import { taskStates, type Look, type TaskState } from "../lib/states";
import { age, count, now } from "../lib/time";
import { toast, toastError } from "../lib/toasts";
import { Empty, EmptyFilter, ErrorBox, Note, Skeleton } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Download, Link } from "../parts/link";
import { Menu } from "../parts/menu";
import { Act, Plan } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Fresh, Id, Mid, Time } from "../parts/text";
import { Filter, isOver, JobMark, leftWords, partsOf, Progress, verbs, worked, type Item, type Job } from "./bulk-parts";
import { Pace } from "./bulk-pace";
import { whyNotMine } from "./task-parts";

const outcomes: Record<string, { look: Look; word: string }> = { done: { look: "done", word: "done" }, sent: { look: "done", word: "sent" }, refused: { look: "fail", word: "refused" }, unknown: { look: "retry", word: "unknown" }, changed: { look: "stop", word: "left alone" }, started: { look: "run", word: "in flight" } };
const waits = { look: "wait", word: "to go" } as const;

const columnsOf = (engine: string | null, over: boolean): Column<Item>[] => [
  { id: "outcome", head: "Outcome", width: 104, cell: (i) => { const o = i.outcome ? (outcomes[i.outcome] ?? waits) : i.exclusion ? { look: "stop" as const, word: "left out" } : over ? { look: "stop" as const, word: "not tried" } : waits; return <State look={o.look}>{o.word}</State>; } },
  { id: "task", head: "Task", min: 160, cell: (i) => <Mid name={i.name ?? "unnamed"} /> },
  { id: "old", head: "Task id", width: 88, rank: 1, cell: (i) => <Link class="mono" to={to("task", { engine: i.engine, task: i.task_id })}><Id id={i.task_id} /></Link> },
  { id: "what", head: "What happened", width: 240, cell: (i) => (i.new_task_id ? <span class="row"><span class="q">now</span><Link class="mono" to={to("task", { engine: i.engine, task: i.new_task_id })}>{i.new_task_id.slice(0, 8)}</Link></span> : <span class="q2" title={i.reason ?? i.exclusion ?? ""}>{i.reason ?? i.exclusion}</span>) },
  { id: "was", head: "Was", width: 96, rank: 3, cell: (i) => <span class="q2">{taskStates[i.state as TaskState]?.word ?? i.state}</span> },
  ...(engine ? [] : [{ id: "engine", head: "Engine", width: 80, rank: 4, cell: (i: Item) => <span class="q">{i.engine}</span> }]),
  { id: "at", head: "At", width: 176, num: true, rank: 2, cell: (i) => <span class="q2"><Time at={i.finished_at} /></span> },
];
const card = (i: Item) => {
  const o = i.outcome ? (outcomes[i.outcome] ?? waits) : waits;
  return (
    <>
      <Mid name={i.name ?? "unnamed"} />
      <span class="r"><Time at={i.finished_at} /></span>
      <small><State look={o.look}>{o.word}</State><span>{i.reason ?? i.exclusion}</span></small>
      <small class="r mono">{i.task_id.slice(0, 8)}</small>
    </>
  );
};

export default function JobPage({ params }: ScreenProps) {
  const at = slug.value;
  const path = { slug: at, job_id: params.job ?? "" };
  const [cancelling, setCancelling] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const person = useNames();
  const answer = useQuery(`job ${at} ${path.job_id}`, (signal) => api.get("/api/v1/projects/{slug}/bulk-jobs/{job_id}", { path, signal }), { topics: ["bulk.changed", "command.changed"], leastMs: 1000 });
  const job = answer.value;
  const live = !!job && !isOver(job);
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(() => (refresh(`job ${at}`), refresh(`job-items ${at}`)), 2000);
    return () => clearInterval(timer);
  }, [live, at]);
  const selection = useQuery(job ? `selection ${at} ${job.selection_id}` : null, (signal) => api.get("/api/v1/projects/{slug}/selections/{selection_id}", { path: { slug: at, selection_id: job!.selection_id }, signal }));
  const outcome = param("outcome");
  const items = usePages(`job-items ${at} ${path.job_id} ${outcome}`, (cursor, signal) => api.get("/api/v1/projects/{slug}/bulk-jobs/{job_id}/items", { path, query: { limit: 100, ...(outcome && { outcome }), ...(cursor && { cursor }) }, signal }), (i: Item) => String(i.number), { topics: ["bulk.changed"], leastMs: 1500 });
  if (answer.error && !job) return answer.error.status === 404 ? <Empty title="There is no such bulk job" action={<Link class="btn" to={to("bulk")}>Bulk jobs</Link>} /> : <ErrorBox error={answer.error} retry={answer.refresh} what="The bulk job" />;
  if (!job) return <Skeleton />;

  const step = async (act: "pause" | "resume" | "cancel") => {
    setBusy(true);
    setProblem(null);
    try {
      if (act === "pause") await api.post("/api/v1/projects/{slug}/bulk-jobs/{job_id}/pause", { path });
      else if (act === "resume") await api.post("/api/v1/projects/{slug}/bulk-jobs/{job_id}/resume", { path });
      else await api.post("/api/v1/projects/{slug}/bulk-jobs/{job_id}/cancel", { path });
      toast({ pause: "Paused: what is under way is finished", resume: "It goes on", cancel: "Cancelled: what is under way is finished" }[act], act === "pause" ? { undo: () => void step("resume") } : {});
      setCancelling(false);
      for (const prefix of ["job", "jobs "]) refresh(prefix);
    } catch (error) {
      if (!(error instanceof ApiError)) return;
      if (act === "cancel") setProblem(error);
      else toastError(error);
    } finally {
      setBusy(false);
    }
  };
  const need = whyNotMine(job.action === "delete" ? "admin" : "operator");
  const parts = partsOf(job);
  const done = worked(job);
  const summary = (selection.value?.summary ?? null) as { by_queue?: { queue: string | null; count: number }[]; by_engine?: { engine: string; count: number }[]; excluded?: number; exclusions?: { reason: string; count: number }[] } | null;
  const engine = summary?.by_engine?.length === 1 ? summary.by_engine[0]!.engine : null;
  const report = (format: string) => addressOf("/api/v1/projects/{slug}/bulk-jobs/{job_id}/report", path, { format, outcome }) as `/api/${string}`;
  const tabs = [{ key: "", word: "All", n: job.total }, ...parts.filter((p) => p.n > 0 || p.key === outcome).map((p) => ({ key: p.key, word: p.word, n: p.n }))];
  return (
    <>
      <div class="bar">
        <span class="row"><Link to={to("bulk")}>Bulk jobs</Link><span class="q">/</span><h1>{verbs[job.action].title} {count(job.total)}</h1></span>
        <JobMark job={job} />
        {job.state === "running" && job.rate_per_second && <span class="q small">at most {count(job.rate_per_second)} a second</span>}
        <span class="push row">
          {job.state === "paused" ? <Act icon="play" primary={!need} why={need} onClick={() => void step("resume")}>Resume</Act> : <Act icon="pause" why={need ?? (isOver(job) ? `It is ${job.state}` : null)} onClick={() => void step("pause")}>Pause</Act>}
          <Act danger={!need && live} why={need ?? (isOver(job) ? `It is ${job.state}` : null)} onClick={() => setCancelling(true)}>{live ? `Cancel the remaining ${count(job.left)}…` : "Cancel"}</Act>
        </span>
      </div>
      <div class="split">
        <div class="job-main">
          <div class="prog">
            <div class="row">
              <p class="big"><Fresh at={answer.at}>{count(done)}</Fresh> <span class="q2 b-sub">of {count(job.total)} {isOver(job) ? "worked off" : "done"}</span></p>
              <span class="push q2">{live ? (job.state === "paused" ? "paused" : leftWords(job) ? <>about <b>{leftWords(job)}</b> left</> : "") : <>ended <Time at={job.finished_at} /></>}</span>
            </div>
            <Progress job={job} />
            <div class="row">
              <div class="keys wrap">{parts.filter((p) => p.n > 0).map((p) => <span key={p.key} class={`key k-${p.look === "none" ? "wait" : p.look}`}><b>{count(p.n)}</b> {p.word}</span>)}</div>
              <span class="push q small only-l">as of {age(now.value - answer.at)} ago</span>
            </div>
          </div>
          {job.error && job.state !== "cancelled" && <div class="pad"><Note kind={job.state === "failed" ? "bad" : "warn"}><b>{job.state === "paused" ? "It paused by itself." : "It stopped."}</b> {job.error}</Note></div>}
          <div class="sh job-sh">
            <h2>Results</h2>
            <span class="seg" role="group" aria-label="Outcome">
              {tabs.map((t) => <button type="button" key={t.key} aria-pressed={t.key === outcome} onClick={() => setParams({ outcome: t.key || null })}>{t.word.charAt(0).toUpperCase() + t.word.slice(1)} {count(t.n)}</button>)}
            </span>
            <span class="push"><Menu label="Report of each task" right button={<span class="btn bare"><Icon name="download" />Report</span>} items={["csv", "xlsx", "json"].map((f) => ({ title: f.toUpperCase(), act: () => document.getElementById(`report-${f}`)?.click() }))} />{["csv", "xlsx", "json"].map((f) => <Download key={f} id={`report-${f}`} class="vh" tabIndex={-1} aria-hidden="true" path={report(f)}>{f}</Download>)}</span>
          </div>
          {items.error && !items.value ? <ErrorBox error={items.error} retry={items.refresh} what="The results" /> : !items.value ? <Skeleton /> : items.value.length === 0 ? (
            outcome ? <EmptyFilter terms={[{ text: `outcome:${outcome}`, hits: job.total }]} onDrop={() => setParams({ outcome: null })} onClear={() => setParams({ outcome: null })} /> : <Empty title="It has no task" />
          ) : (
            <Table label="Results by task" rows={items.value} id={(i) => String(i.number)} columns={columnsOf(engine, !live)} onOpen={(i) => go(to("task", { engine: i.engine, task: i.task_id }))} card={card} more={items.more} loadingMore={items.loadingMore} />
          )}
        </div>
        {cancelling ? (
          <Plan label="Cancel the rest" title="Cancel the rest" total={job.left} what={<>tasks stay as they are,<br />and will not be tried</>} facts={[["Worked off", count(done)], ["Act", verbs[job.action].title]]} untouched={[<State look="run"><span class="whole">What is under way is finished; what was done stays done.</span></State>]} word="cancel" verb="Cancel the" danger keep="Let it go on" busy={busy} problem={problem} onAct={() => void step("cancel")} onClose={() => (setCancelling(false), setProblem(null))} />
        ) : (
          <aside class="job-side" aria-label="About this job">
            <div class="sec">
              <h2>Frozen selection <span class="push mono q"><Id id={job.selection_id} /></span></h2>
              <p class="terms-w"><Filter selection={selection.value} /></p>
              {selection.value && <p class="q small">Fixed at <Time at={selection.value.built_at} />: what matched later is not touched.</p>}
              {!!summary?.excluded && <ul class="list plain small">{(summary.exclusions ?? []).map((e) => <li key={e.reason}><b>{count(e.count)}</b> left out: {e.reason}</li>)}</ul>}
            </div>
            <Pace job={job as Job} at={answer.at} />
            <div class="sec">
              <h2>Who and when</h2>
              <dl class="kv">
                <dt>By</dt><dd>{person(job.created_by) ?? <span class="q">not told</span>}</dd>
                <dt>Asked</dt><dd><Time at={job.created_at} /></dd>
                <dt>Begun</dt><dd>{job.started_at ? <Time at={job.started_at} /> : <span class="q">not yet</span>}</dd>
                {job.finished_at && (<><dt>Ended</dt><dd><Time at={job.finished_at} /></dd></>)}
                {Object.entries(job.params as Record<string, unknown>).map(([k, v]) => (<><dt key={k}>{k.replace(/_/g, " ")}</dt><dd key={k + "v"}>{String(v)}</dd></>))}
              </dl>
            </div>
            {!!summary?.by_queue?.length && (
              <div class="sec">
                <h2>By queue</h2>
                <dl class="kv w">{summary.by_queue.slice(0, 8).map((q) => (<><dt key={q.queue} class="cut">{q.queue ?? "none"}</dt><dd class="num" key={`${q.queue}n`}>{count(q.count)}</dd></>))}</dl>
              </div>
            )}
          </aside>
        )}
      </div>
    </>
  );
}
