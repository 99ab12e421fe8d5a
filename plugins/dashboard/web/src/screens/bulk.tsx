import { useMemo } from "preact/hooks";
import "./bulk.css";
import { api } from "../api/client";
import { parse, problems, useAsk, valueOf, write, type Qualifier } from "../lib/ask";
import { useKeys } from "../lib/keys";
import { useNames } from "../lib/people";
import { usePages } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import { count } from "../lib/time";
import { Empty, EmptyFilter, ErrorBox, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Table, type Column } from "../parts/table";
import { Age, Time } from "../parts/text";
import { Filter, isOver, JobMark, leftWords, Progress, useSelections, verbs, worked, type Job, type Selection } from "./bulk-parts";

const states = "waiting, running, paused, cancelled, done, failed";
const qualifiers: Qualifier[] = [{ key: "state", hint: states, values: (t) => states.split(", ").filter((s) => s.startsWith(t)), check: (v) => (states.split(", ").includes(v) ? null : `“${v}” is none of ${states}`) }];

const columnsOf = (selections: ReadonlyMap<string, Selection> | undefined, person: (id: string | null) => string | null): Column<Job>[] => [
  { id: "state", head: "State", width: 104, cell: (j) => <JobMark job={j} /> },
  { id: "action", head: "Act", width: 80, cell: (j) => <span class="m">{verbs[j.action].title}</span> },
  { id: "filter", head: "What", min: 180, cell: (j) => <span class="one-line"><Filter selection={selections?.get(j.selection_id)} /></span> },
  { id: "total", head: "Tasks", width: 80, num: true, cell: (j) => <span class="m">{count(j.total)}</span> },
  { id: "progress", head: "Progress", width: 144, cell: (j) => <span class="row prog-cell"><Progress job={j} /><span class="q2">{j.total ? `${Math.floor((worked(j) / j.total) * 100)} %` : ""}</span></span> },
  { id: "bad", head: "Refused", width: 72, num: true, rank: 2, cell: (j) => <span class={j.refused ? "bad m" : "q"}>{count(j.refused)}</span> },
  { id: "unknown", head: "Unknown", width: 80, num: true, rank: 3, cell: (j) => <span class={j.unknown ? "t-retry m" : "q"}>{count(j.unknown)}</span> },
  { id: "changed", head: "Left alone", width: 80, num: true, rank: 4, cell: (j) => <span class="q2">{count(j.changed)}</span> },
  { id: "by", head: "By", width: 112, rank: 5, cell: (j) => <span class="q2">{person(j.created_by)}</span> },
  { id: "made", head: "Started", width: 80, num: true, rank: 1, cell: (j) => <span class="q2"><Age at={j.created_at} ago /></span> },
];
const card = (j: Job) => (
  <>
    <span class="m">{verbs[j.action].title} {count(j.total)}</span>
    <span class="r">{j.total ? `${Math.floor((worked(j) / j.total) * 100)} %` : ""}</span>
    <small><JobMark job={j} />{!isOver(j) && leftWords(j) && <span>{leftWords(j)} left</span>}{j.refused > 0 && <span class="bad">{count(j.refused)} refused</span>}</small>
    <small class="r"><Age at={j.created_at} ago /></small>
  </>
);

export default function Bulk() {
  const at = slug.value;
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const wrong = problems(terms, [...qualifiers, { key: "", hint: "" }]);
  const words = valueOf(terms, "") ? ["Bulk jobs have no name: state:running"] : [];
  const state = valueOf(terms, "state");
  const pages = usePages(wrong.length + words.length ? null : `jobs ${at} ${state}`, (cursor, signal) => api.get("/api/v1/projects/{slug}/bulk-jobs", { path: { slug: at }, query: { limit: 100, ...(state && { state }), ...(cursor && { cursor }) }, signal }), (j: Job) => j.id, { topics: ["bulk.changed", "command.changed"], leastMs: 1500, everyMs: 10_000 });
  const selections = useSelections();
  const person = useNames();
  const rows = pages.value ?? [];
  useAsk({ where: "Bulk jobs", text, qualifiers, placeholder: "state:running", onText: (q) => setParams({ q }), hits: pages.value && <><b>{count(rows.length)}{pages.more ? "+" : ""}</b> {rows.length === 1 ? "job" : "jobs"}</> }, [rows.length, !!pages.value, !!pages.more]);
  useKeys({ Escape: () => text && setParams({ q: null }) });
  const columns = useMemo(() => columnsOf(selections.value, person), [selections.value, person(null), person("x")]);
  if (pages.error && !pages.value) return <ErrorBox error={pages.error} retry={pages.refresh} what="The bulk jobs" />;
  const under = rows.filter((j) => !isOver(j));
  return (
    <>
      <div class="bar">
        <h1>Bulk jobs</h1>
        {rows.length > 0 && (
          <div class="facts">
            <span><b>{count(under.length)}</b> under way</span>
            {under.some((j) => j.state === "paused") && <span><b class="t-stop">{count(under.filter((j) => j.state === "paused").length)}</b> paused</span>}
            {rows[0] && <span class="only-l">newest <Time at={rows[0].created_at} /></span>}
          </div>
        )}
      </div>
      <div class="split">
        {wrong.length + words.length ? <Empty title="The query is not understood">{[...wrong, ...words].map((w) => <p key={w}>{w}.</p>)}</Empty> : !pages.value ? <Skeleton /> : rows.length === 0 ? (
          terms.length ? <EmptyFilter terms={terms.map((t) => ({ text: write([t]) }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} /> : (
            <Empty title="No act on many tasks yet" action={<Link class="btn" to={to("tasks", {}, { q: "state:failed" })}>Failed tasks</Link>}>Choose tasks in the list with <kbd class="kbd">x</kbd>, or all that match with <kbd class="kbd">*</kbd>, and retry, cancel or delete them: each such act stands here, with what became of every task.</Empty>
          )
        ) : (
          <Table label="Bulk jobs" rows={rows} id={(j) => j.id} columns={columns} onCurrent={(j) => j && go(to("job", { job: j.id }))} onOpen={(j) => go(to("job", { job: j.id }))} card={card} more={pages.more} loadingMore={pages.loadingMore} rowClass={(j) => (isOver(j) ? undefined : "is-live")} />
        )}
      </div>
    </>
  );
}
