import { useMemo, useState } from "preact/hooks";
import "./queues.css";
import { parse, problems, useAsk, valueOf, without, write, type Qualifier } from "../lib/ask";
import { useKeys } from "../lib/keys";
import { param, setParams } from "../lib/router";
import { count, duration } from "../lib/time";
import { ColumnPicker } from "../parts/columns";
import { Empty, EmptyFilter, ErrorBox, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Act, Seg } from "../parts/panels";
import { State } from "../parts/state";
import { Table, chosen, sorted, type Column } from "../parts/table";
import { Age, Fresh } from "../parts/text";
import { to } from "../lib/router";
import { QueueCopies, useCopies } from "./queue-copies";
import { QueueDrawer } from "./queue-drawer";
import { DepthLine, EmptyIn, LATE_S, useQueues, type Queue } from "./queue-parts";
import { PausePlan } from "./queue-plan";
import { whyNotMine } from "./task-parts";

const isLate = (q: Queue) => (q.oldest_age_seconds ?? 0) > LATE_S && !q.isDead;
const stateOf = (q: Queue) => (q.is_paused ? "paused" : q.empties.kind === "unheard" ? "unheard" : isLate(q) ? "late" : "ok");
const rate = (n: number | null) => (n === null ? "" : n >= 9.95 ? count(Math.round(n)) : n.toFixed(1).replace(/\.0$/, ""));
const arrivals = (q: Queue) => (q.out === null || q.perMinute === null ? null : Math.max(0, q.out + q.perMinute));
const ETA = { paused: 1e15, unheard: 1e14, never: 1e13, steady: 1e9, unknown: 1e8, empty: 0 } as const;

const columns: Column<Queue>[] = [
  {
    id: "name", head: "Queue", min: 160, sort: true, value: (q) => q.name,
    cell: (q) => (
      <span class="row">
        <span class="cut m" title={q.name} dir="auto">{q.name}</span>
        {q.is_paused && <span class="push"><State look="stop">paused</State></span>}
      </span>
    ),
  },
  { id: "engine", head: "Engine", width: 80, rank: 3, sort: true, value: (q) => q.engine, cell: (q) => <span class="q">{q.engine}</span> },
  { id: "waiting", head: "Waiting", width: 80, num: true, sort: true, value: (q) => q.pending_count, cell: (q) => <span class={q.pending_count ? "m" : "q"}>{q.pending_count === null ? <span title="The engine does not tell">?</span> : count(q.pending_count)}</span> },
  { id: "line", head: "30 min", width: 88, rank: 2, cell: (q) => <DepthLine q={q} /> },
  { id: "oldest", head: "Oldest", width: 80, num: true, sort: true, value: (q) => (q.oldest_at ? -new Date(q.oldest_at).getTime() : null), cell: (q) => <span class={isLate(q) ? "t-retry" : "q2"}>{q.pending_count ? <Age at={q.oldest_at} /> : ""}</span> },
  { id: "in", head: "In", unit: "/m", width: 64, num: true, rank: 5, sort: true, value: arrivals, cell: (q) => <span class="q2">{rate(arrivals(q))}</span> },
  { id: "out", head: "Out", unit: "/m", width: 64, num: true, rank: 5, sort: true, value: (q) => q.out, cell: (q) => <span class="q2">{rate(q.out)}</span> },
  { id: "growth", head: "Growth", unit: "/m", width: 88, num: true, rank: 4, sort: true, value: (q) => q.perMinute, cell: (q) => <span class="q2" title="Over five minutes">{q.perMinute === null ? "" : Math.abs(q.perMinute) < 0.05 ? "0" : `${q.perMinute > 0 ? "+" : "−"}${rate(Math.abs(q.perMinute))}`}</span> },
  { id: "empty", head: "Empty in", width: 96, num: true, sort: true, value: (q) => (q.empties.kind === "in" ? q.empties.ms : ETA[q.empties.kind]), cell: (q) => <EmptyIn q={q} /> },
  { id: "held", head: "Reserved", width: 80, num: true, rank: 4, sort: true, value: (q) => q.unacked_count, cell: (q) => <span class="q2" title="Taken by a worker and not acknowledged: a purge does not reach them">{count(q.unacked_count)}</span> },
  { id: "scheduled", head: "Later", width: 64, num: true, rank: 7, sort: true, value: (q) => q.scheduled_count, cell: (q) => <span class="q2" title="To be sent at a later time">{count(q.scheduled_count)}</span> },
  { id: "workers", head: "Workers", width: 80, num: true, rank: 1, sort: true, value: (q) => q.consumer_count, cell: (q) => <span class={q.empties.kind === "unheard" ? "bad m" : q.consumer_count ? "q2" : "q"}>{count(q.consumer_count)}</span> },
  { id: "broker", head: "Broker", width: 200, rank: 8, extra: true, cell: (q) => <span class="q2 mono">{q.broker_type} {q.broker_url_hint}</span> },
  { id: "seen", head: "Read", width: 72, num: true, rank: 9, extra: true, cell: (q) => <span class="q2"><Age at={q.last_seen_at} /></span> },
];

const card = (q: Queue) => (
  <>
    <span class="cut m">{q.name}</span>
    <span class="r m">{count(q.pending_count)}</span>
    <small>
      {q.is_paused && <State look="stop">paused</State>}
      <span>{q.engine}</span>
      {isLate(q) && <span class="t-retry">oldest <Age at={q.oldest_at} /></span>}
    </small>
    <small class="r"><EmptyIn q={q} /></small>
  </>
);

const words = (q: string) => (v: string) => (q.split(", ").includes(v) ? null : `“${v}” is none of ${q}`);
const states = "paused, late, unheard, ok";
const over = /^>?(\d+[smhd])$/;
const age = (v: string) => duration(over.exec(v)?.[1] ?? "");

export default function Queues() {
  return param("view") === "copies" ? <QueueCopies bar={<Views />} /> : <List />;
}

function Views() {
  const copies = useCopies();
  const kept = copies.value?.filter((c) => c.state === "kept").length;
  return <Seg label="Shown" value={param("view") === "copies" ? "copies" : "queues"} onChange={(v) => setParams({ view: v === "copies" ? "copies" : null, row: null, q: null }, { replace: false })} options={[{ id: "queues", title: "Queues" }, { id: "copies", title: kept ? `Safety copies ${kept}` : "Safety copies" }]} />;
}

function List() {
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const answer = useQueues();
  const all = answer.rows ?? [];
  const engines = [...new Set(all.map((q) => q.engine))].sort();
  const qualifiers: Qualifier[] = useMemo(
    () => [
      { key: "", hint: "part of a name" },
      { key: "engine", hint: engines.join(", "), values: (t) => engines.filter((e) => e.startsWith(t)) },
      { key: "state", hint: states, values: (t) => states.split(", ").filter((s) => s.startsWith(t)), check: words(states) },
      { key: "oldest", hint: ">5m: something waits longer", values: () => [">1m", ">10m", ">1h"], check: (v) => (age(v) === null ? `“${v}” is no span: >5m` : null) },
    ],
    [engines.join()],
  );
  const wrong = problems(terms, qualifiers);
  const match = (q: Queue, but = -1) =>
    terms.every((t, i) => {
      if (i === but) return true;
      if (t.key === "engine") return q.engine === t.value;
      if (t.key === "state") return stateOf(q) === t.value || (t.value === "late" && isLate(q));
      if (t.key === "oldest") return (q.oldest_age_seconds ?? -1) * 1000 > (age(t.value) ?? Infinity);
      return q.name.toLowerCase().includes(t.value.toLowerCase());
    });
  const sort = param("sort") || "-waiting";
  const flows = all.some((q) => q.out !== null);
  const own = useMemo(() => columns.filter((c) => (flows ? c.id !== "growth" : c.id !== "in" && c.id !== "out")), [flows]);
  const rows = sorted(sorted(wrong.length ? [] : all.filter((q) => match(q)), own, "name"), own, sort);
  useAsk({ where: "Queues", text, qualifiers, placeholder: "name, engine: state: oldest:>5m", onText: (q) => setParams({ q }), hits: answer.value && <><b>{count(rows.length)}</b> {rows.length === 1 ? "queue" : "queues"}</>, tools: <ColumnPicker columns={own} /> }, [rows.length, answer.at > 0, engines.join(), flows]);

  const [pausing, setPausing] = useState(false);
  const open = all.find((q) => q.key === param("row"));
  useKeys({ Escape: () => text && setParams({ q: null }) });
  if (answer.error && !answer.value) return <ErrorBox error={answer.error} retry={answer.refresh} what="The queues" />;

  const waiting = all.reduce((sum, q) => sum + (q.pending_count ?? 0), 0);
  const told = (n: number, tone: string, word: string, state: string) => n > 0 && (
    <button type="button" class="fact" aria-pressed={valueOf(terms, "state") === state} onClick={() => setParams({ q: valueOf(terms, "state") === state ? write(without(terms, "state")) : write([...without(terms, "state"), { key: "state", value: state }]) })}>
      <b class={tone}>{count(n)}</b> {word}
    </button>
  );
  return (
    <>
      <div class="bar">
        <h1>Queues</h1>
        {answer.value && (
          <div class="facts">
            <span><Fresh at={answer.at}><b>{count(waiting)}</b></Fresh> waiting</span>
            {told(all.filter(isLate).length, "t-retry", "late", "late")}
            {told(all.filter((q) => q.is_paused).length, "t-stop", "paused", "paused")}
            {told(all.filter((q) => q.empties.kind === "unheard").length, "bad", "unheard", "unheard")}
          </div>
        )}
        <span class="push row">
          <Views />
          <Act icon="pause" why={whyNotMine("operator")} onClick={() => (setParams({ row: null }), setPausing(true))}>Pause all</Act>
        </span>
      </div>
      <div class="split">
        {!answer.value ? (
          <Skeleton rows={12} />
        ) : wrong.length ? (
          <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty>
        ) : all.length === 0 ? (
          <Empty title="No queue was seen yet" action={<Link class="btn" to={to("fleet")}>Look at the fleet</Link>}>Queues appear here as soon as an engine tells of one.</Empty>
        ) : rows.length === 0 ? (
          <EmptyFilter terms={terms.map((t, i) => ({ text: write([t]), hits: all.filter((q) => match(q, i)).length }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} />
        ) : (
          <Table label="Queues" rows={rows} id={(q) => q.key} columns={chosen(own, param("cols"))} current={open?.key ?? ""} onCurrent={(q) => (setPausing(false), setParams({ row: q?.key }))} sort={sort} onSort={(s) => setParams({ sort: s })} card={card} rowClass={(q) => (q.isDead ? "old" : undefined)} />
        )}
        {pausing ? <PausePlan queues={all} onClose={() => setPausing(false)} /> : open && <QueueDrawer key={open.key} q={open} onClose={() => setParams({ row: null })} />}
      </div>
    </>
  );
}
