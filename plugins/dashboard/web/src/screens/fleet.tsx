import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import "./fleet.css";
import { api } from "../api/client";
import { parse, problems, useAsk, valueOf, withTerm, without, write, type Qualifier } from "../lib/ask";
import { useKeys } from "../lib/keys";
import { useQuery } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import { useStep } from "../lib/clock";
import { bytes, count, now, span } from "../lib/time";
import { Empty, EmptyFilter, ErrorBox, Skeleton } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Act, Seg } from "../parts/panels";
import { Meter } from "../parts/spark";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, Mid } from "../parts/text";
import { Agents } from "./fleet-agents";
import { Losses } from "./fleet-losses";
import { fits, hostOf, jobsOf, openLossOf, rowsOf, stateOf, useAgents, useLosses, useRunning, useWorkers, workerStates, WorkerMark, type FleetRow, type Worker } from "./fleet-parts";
import { whyNotMine } from "./task-parts";
import { WorkerDrawer } from "./worker-drawer";

type View = "workers" | "agents" | "losses";

export default function Fleet() {
  const view = param("view");
  return view === "agents" ? <Agents bar={<FleetBar view="agents" />} /> : view === "losses" ? <Losses bar={<FleetBar view="losses" />} /> : <Workers />;
}

/** Which of the three, and the way to a new agent. */
export function FleetBar({ view }: { view: View }) {
  const agents = useAgents();
  const losses = useLosses();
  const open = losses.value?.filter((l) => !l.closed_at).length ?? 0;
  return (
    <span class="push row">
      <Seg
        label="Shown"
        value={view}
        onChange={(v) => setParams({ view: v === "workers" ? null : v, row: null, q: null, sort: null }, { replace: false })}
        options={[
          { id: "workers", title: "Workers" },
          { id: "agents", title: agents.value?.length ? `Agents ${agents.value.length}` : "Agents" },
          { id: "losses", title: open ? `Lost ${open}` : "Lost" },
        ]}
      />
      <Act icon="plus" why={whyNotMine("admin")} onClick={() => go(to("mint"))}>
        <span class="only-l">Connect an agent</span>
        <span class="only-s">Agent</span>
      </Act>
    </span>
  );
}

/** One line when agents are behind, or say something else that concerns their version. */
export function VersionBanner() {
  const at = slug.value;
  const versions = useQuery(`versions ${at}`, (signal) => api.get("/api/v1/projects/{slug}/agents/versions", { path: { slug: at }, signal }), { topics: ["agent.changed"], leastMs: 30_000 });
  const v = versions.value;
  if (!v) return null;
  const kinds = [...new Set(v.items.map((i) => i.agent_version).filter(Boolean))].sort();
  const odd = v.items.filter((i) => i.version_status && i.version_status !== "current");
  if (!v.message && v.behind.length === 0 && kinds.length < 2 && odd.length === 0) return null;
  return (
    <div class="banner">
      <Icon name="info" />
      <span>
        {v.message ? <b>{v.message}</b> : kinds.length > 1 ? <><b>{kinds.length} versions of agents are running:</b> {kinds.slice(0, 4).join(", ")}</> : <><b>{odd.length} {odd.length === 1 ? "agent is" : "agents are"} not of a known current version.</b></>}
        {!v.message && v.behind.length > 0 && ` ${v.behind.slice(0, 3).map((b) => `${b.name} ${b.agent_version}`).join(", ")}`}
      </span>
      {param("view") !== "agents" && <Link to={to("fleet", {}, { view: "agents" })}>Show the agents</Link>}
    </div>
  );
}

function Workers() {
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const answer = useWorkers();
  const losses = useLosses();
  const running = useRunning();
  const step = useStep(5000);
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set());
  const all = answer.value ?? [];
  const jobs = useMemo(() => jobsOf(running.value ?? [], all), [running.value, answer.value]);
  const state = (w: Worker) => stateOf(w, openLossOf(w, losses.value), Math.max(step, answer.at));
  const engines = [...new Set(all.map((w) => w.engine))].sort();
  const queues = [...new Set(all.flatMap((w) => w.queues))].sort();
  const qualifiers: Qualifier[] = useMemo(() => {
    const pick = (list: string[]) => (t: string) => list.filter((v) => v.toLowerCase().includes(t.toLowerCase()));
    const known = workerStates.split(", ");
    return [
      { key: "", hint: "part of a worker's or host's name" },
      { key: "state", hint: workerStates, values: pick(known), check: (v) => (known.includes(v) ? null : `“${v}” is none of ${workerStates}`) },
      { key: "engine", hint: engines.join(", "), values: pick(engines) },
      { key: "queue", hint: "one it listens to", values: pick(queues) },
    ];
  }, [engines.join(), queues.join()]);
  const wrong = problems(terms, qualifiers);
  const match = (w: Worker, but = -1) =>
    terms.every((t, i) => {
      if (i === but) return true;
      if (t.key === "state") return fits(state(w), t.value);
      if (t.key === "engine") return w.engine === t.value;
      if (t.key === "queue") return w.queues.includes(t.value);
      const low = t.value.toLowerCase();
      return w.name.toLowerCase().includes(low) || (w.hostname ?? "").toLowerCase().includes(low);
    });
  const found = wrong.length ? [] : all.filter((w) => match(w));
  const rows = useMemo(() => rowsOf(found, state, folded), [answer.value, losses.value, text, step, folded]);
  useAsk({ where: "Fleet", text, qualifiers, placeholder: "worker, host, engine: state: queue:", onText: (q) => setParams({ q }), hits: answer.value && <><b>{count(found.length)}</b> {found.length === 1 ? "worker" : "workers"}</> }, [found.length, answer.at > 0, engines.join(), queues.join()]);
  useKeys({ Escape: () => text && setParams({ q: null }) });

  const columns = useMemo(() => columnsOf(jobs, (name) => setFolded((old) => new Set(old.has(name) ? [...old].filter((n) => n !== name) : [...old, name]))), [jobs]);
  const open = all.find((w) => w.id === param("row"));
  if (answer.error && !answer.value) return <ErrorBox error={answer.error} retry={answer.refresh} what="The workers" />;
  const by = (wanted: string) => all.filter((w) => fits(state(w), wanted)).length;
  const chosen = valueOf(terms, "state");
  const fact = (n: number, look: "done" | "wait" | "fail" | "stop", word: string, always = false) => (n > 0 || always) && (
    <button type="button" class="fact" aria-pressed={chosen === word} onClick={() => setParams({ q: write(chosen === word ? without(terms, "state") : withTerm(terms, "state", word)) })}>
      <State look={look}><span><b>{count(n)}</b> {word}</span></State>
    </button>
  );
  return (
    <>
      <div class="bar">
        <h1>Fleet</h1>
        {answer.value && all.length > 0 && (
          <div class="facts">
            {fact(by("online"), "done", "online", true)}
            {fact(by("quiet"), "wait", "quiet")}
            {fact(by("lost"), "fail", "lost")}
            {fact(by("offline") - by("lost"), "stop", "offline")}
            <span class="q only-l">{count(new Set(all.map(hostOf)).size)} hosts · {count(engines.length)} {engines.length === 1 ? "engine" : "engines"}</span>
          </div>
        )}
        <FleetBar view="workers" />
      </div>
      <VersionBanner />
      <div class="split">
        {!answer.value ? (
          <Skeleton />
        ) : wrong.length ? (
          <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty>
        ) : all.length === 0 ? (
          <Empty title="No worker was seen yet" action={<Link class="btn pri" to={to("mint")}>Connect an agent</Link>}>Workers appear here as soon as an engine or an agent tells of one.</Empty>
        ) : found.length === 0 ? (
          <EmptyFilter terms={terms.map((t, i) => ({ text: write([t]), hits: all.filter((w) => match(w, i)).length }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} />
        ) : (
          <Table
            label="Workers by host"
            rows={rows}
            id={(r) => r.key}
            columns={columns}
            current={open?.id ?? ""}
            onCurrent={(r) => r?.kind === "worker" && setParams({ row: r.key })}
            rowClass={(r) => (r.kind === "host" ? "host" : r.state === "gone" ? "sub old" : "sub")}
            card={(r) => <Card row={r} jobs={jobs} />}
          />
        )}
        {open && <WorkerDrawer key={open.id} worker={open} state={state(open)} loss={openLossOf(open, losses.value)} onClose={() => setParams({ row: null })} />}
      </div>
    </>
  );
}

type Jobs = ReturnType<typeof jobsOf>;
function Job({ w, jobs }: { w: Worker; jobs: Jobs }) {
  const job = jobs.get(`${w.engine}/${w.name}`);
  if (w.state !== "online" || !job) return null;
  const ms = job.task.started_at ? now.value - new Date(job.task.started_at).getTime() : null;
  const short = job.task.name.slice(job.task.name.lastIndexOf(".") + 1);
  return (
    <span class="row job">
      <Link class="mono cut" title={job.task.name} to={to("task", { engine: job.task.engine, task: job.task.task_id })}>{short}</Link>
      {job.more > 0 && <span class="q small">+{job.more}</span>}
      <span class="push q2">{ms !== null && span(Math.max(0, ms)).replace(/^(\d+) ms$/, "0.$1 s").replace(/^0\.(\d)\d* s$/, "0.$1 s")}</span>
    </span>
  );
}
function Pool({ w }: { w: Worker }) {
  if (w.state !== "online") return null;
  if (!w.concurrency) return <span class="q2">{w.active_tasks} busy</span>;
  return (
    <span class="row pool">
      <Meter part={w.active_tasks / w.concurrency} label={`${w.active_tasks} of ${w.concurrency} busy`} />
      <span class="push">{w.active_tasks}/{w.concurrency}</span>
    </span>
  );
}

const forWorker = (show: (w: Worker, row: FleetRow & { kind: "worker" }) => ComponentChildren, host?: (list: Worker[]) => ComponentChildren) => (r: FleetRow) => (r.kind === "worker" ? show(r.worker, r) : host?.(r.workers));
const sum = (list: Worker[], of: (w: Worker) => number | null) => list.reduce((n, w) => n + (of(w) ?? 0), 0);

function columnsOf(jobs: Jobs, fold: (host: string) => void): Column<FleetRow>[] {
  return [
    {
      id: "name", head: "Host, worker", min: 180,
      cell: (r) =>
        r.kind === "worker" ? <Mid name={r.worker.name} even /> : (
          <span class="row">
            <button type="button" class="fold" aria-expanded={r.open} aria-label={`${r.open ? "Fold" : "Unfold"} ${r.name}`} onClick={() => fold(r.name)}><span class={r.open ? "turn open" : "turn"}><Icon name="right" small /></span></button>
            <span class="mono cut" title={r.name}>{r.name}</span>
            <span class="q small">{[...new Set(r.workers.map((w) => w.engine))].join(", ")}, {r.workers.length} {r.workers.length === 1 ? "worker" : "workers"}</span>
          </span>
        ),
    },
    { id: "state", head: "State", width: 96, cell: forWorker((_, r) => <WorkerMark state={r.state} />) },
    { id: "memory", head: "Memory", width: 88, num: true, rank: 3, cell: forWorker((w) => <span class="q2">{w.state === "online" ? bytes(w.memory_bytes) : ""}</span>, (l) => bytes(sum(l, (w) => (w.state === "online" ? w.memory_bytes : 0)) || null)) },
    { id: "load", head: "Load", width: 56, num: true, rank: 4, cell: forWorker((w) => <span class="q2">{Array.isArray(w.load_average) && w.state === "online" ? Number(w.load_average[0]).toFixed(1) : ""}</span>) },
    { id: "pool", head: "Pool", width: 104, cell: forWorker((w) => <Pool w={w} />) },
    { id: "job", head: "Current job and its age", width: 224, rank: 1, cell: forWorker((w) => <Job w={w} jobs={jobs} />) },
    { id: "queues", head: "Queues", width: 128, rank: 5, cell: forWorker((w) => <span class="q2" title={w.queues.join(", ")}>{w.queues.join(", ")}</span>) },
    { id: "failed", head: "Failed", unit: "24 h", width: 88, num: true, rank: 6, cell: forWorker((w) => <span class={w.failed ? "m" : "q"} title={`${count(w.processed)} ended in 24 hours, ${count(w.retried)} retries`}>{count(w.failed)}</span>) },
    { id: "seen", head: "Seen", width: 64, num: true, cell: forWorker((w) => <span class="q2"><Age at={w.last_heartbeat} /></span>) },
  ];
}

function Card({ row, jobs }: { row: FleetRow; jobs: Jobs }) {
  if (row.kind === "host")
    return (
      <>
        <b class="mono cut">{row.name}</b>
        <span class="r">{row.workers.length} {row.workers.length === 1 ? "worker" : "workers"}</span>
      </>
    );
  const job = jobs.get(`${row.worker.engine}/${row.worker.name}`);
  return (
    <>
      <Mid name={row.worker.name} even />
      <span class="r">{row.worker.concurrency ? `${row.worker.active_tasks}/${row.worker.concurrency}` : row.worker.active_tasks}</span>
      <small>
        <WorkerMark state={row.state} />
        <span>{row.worker.engine}</span>
        {job && <span class="mono">{job.task.name.slice(job.task.name.lastIndexOf(".") + 1)}</span>}
      </small>
      <small class="r"><Age at={row.worker.last_heartbeat} /></small>
    </>
  );
}
