import { useEffect, useMemo, useState } from "preact/hooks";
import "./figures.css";
import { api } from "../api/client";
import { parse, problems, useAsk, valueOf } from "../lib/ask";
import { percent, rangeOf, ranges, rangeWords, rate, type NameFigures, type Names } from "../lib/figures";
import { usePages } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import { suggest } from "../lib/tasks";
import { count, span } from "../lib/time";
import { Empty, ErrorBox, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Seg } from "../parts/panels";
import { Meter } from "../parts/spark";
import { Table, type Column } from "../parts/table";
import { Mid } from "../parts/text";

/** Head -> what the brain orders by. */
const orders = { runs: "count", failed: "failures", rate: "failure_rate", time: "runtime", p95: "p95" } as const;
const sortOf = (text: string) => (Object.hasOwn(orders, text) ? (text as keyof typeof orders) : "runs");
const page = (n: NameFigures) => to("name", { name: n.name }, rangeOf(param("range")) === "24" ? {} : { range: rangeOf(param("range")) });
const ended = (n: NameFigures) => n.succeeded + n.failed;
const columnsFor = (whole: number): Column<NameFigures>[] => [
  { id: "name", head: "Task", min: 240, cell: (n) => <Link class="plain-link" to={page(n)}><Mid name={n.name} /></Link> },
  { id: "engine", head: "Engine", width: 80, rank: 6, cell: (n) => <span class="q2">{n.engine}</span> },
  { id: "per", head: "Rate", unit: "/min", width: 80, num: true, rank: 3, cell: (n) => <span class="q2">{rate(n.per_minute)}</span> },
  { id: "runs", head: "Ended", width: 80, num: true, sort: true, cell: (n) => count(ended(n)) },
  { id: "failed", head: "Failed", width: 72, num: true, sort: true, cell: (n) => <span class={n.failed ? "bad m" : "q"}>{count(n.failed)}</span> },
  { id: "rate", head: "Failed", unit: "%", width: 72, num: true, sort: true, rank: 1, cell: (n) => <span class={n.failure_rate >= 0.1 ? "bad m" : "q2"}>{percent(n.failure_rate)}</span> },
  { id: "retry", head: "Retried", unit: "%", width: 80, num: true, rank: 4, cell: (n) => <span class={n.retry_share >= 0.1 ? "t-retry m" : "q2"}>{percent(n.retry_share)}</span> },
  { id: "p50", head: "p50", width: 80, num: true, rank: 2, cell: (n) => <span class="q2">{span(n.runtime_ms?.p50)}</span> },
  { id: "p95", head: "p95 run", width: 80, num: true, sort: true, cell: (n) => span(n.runtime_ms?.p95) },
  { id: "p99", head: "p99", width: 80, num: true, rank: 5, cell: (n) => <span class="q2">{span(n.runtime_ms?.p99)}</span> },
  { id: "time", head: "Time in all", width: 144, num: true, sort: true, rank: 7, cell: (n) => <span class="row"><Meter part={whole ? (n.runtime_ms?.total ?? 0) / whole : 0} look="wait" label={`of the longest`} /><span class="time-n">{span(n.runtime_ms?.total)}</span></span> },
];

export default function ByName() {
  const at = slug.value;
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const qualifiers = useMemo(() => [{ key: "", hint: "part of a task's name", values: suggest(at, "name") }], [at]);
  const wrong = problems(terms, qualifiers);
  const hours = rangeOf(param("range"));
  const sort = sortOf(param("sort").replace(/^-/, ""));
  const [about, setAbout] = useState<Names | undefined>(undefined);
  useEffect(() => setAbout(undefined), [at]);
  const question = { hours: Number(hours), q: valueOf(terms, ""), order: orders[sort] };
  const pages = usePages<NameFigures>(
    wrong.length ? null : `names ${at} ${JSON.stringify(question)}`,
    async (cursor, signal) => {
      const found = await api.get("/api/v1/projects/{slug}/task-names", { path: { slug: at }, query: { ...question, limit: 100, cursor }, signal });
      setAbout(found);
      return found;
    },
    (n) => `${n.engine} ${n.name}`,
    { topics: ["task.changed"], leastMs: 10_000 },
  );
  const rows = pages.value;
  const longest = useMemo(() => Math.max(0, ...(rows ?? []).map((n) => n.runtime_ms?.total ?? 0)), [rows]);
  const columns = useMemo(() => columnsFor(longest), [longest]);
  useAsk({ where: "By name", text, qualifiers, placeholder: "part of a task's name", onText: (q) => setParams({ q }, { replace: false }), hits: rows && about && <><b>{count(rows.length)}{pages.more ? "+" : ""}</b> names</> }, [rows?.length, !!pages.more, at, !!about]);
  return (
    <>
      <h1 class="vh">Tasks by name</h1>
      <div class="tool-line">
        <Seg label="Span" value={hours} options={ranges} onChange={(range) => setParams({ range: range === "24" ? null : range })} />
        {about?.truncated && <span class="q small push">There are more names than are looked at: narrow by a part of the name.</span>}
      </div>
      <div class="split">
        {pages.error && !rows ? <ErrorBox error={pages.error} retry={pages.refresh} what="The figures" /> : wrong.length ? <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty> : !rows ? <Skeleton rows={16} /> : rows.length === 0 ? <Empty title={text ? "No name matches" : `No task ended in ${rangeWords(hours)}`} action={text ? <button type="button" class="btn" onClick={() => setParams({ q: null })}>Drop the filter</button> : hours !== "720" && <button type="button" class="btn" onClick={() => setParams({ range: "720" })}>Look at 30 days</button>} /> : (
          <Table label="Tasks by name" rows={rows} id={(n) => `${n.engine} ${n.name}`} columns={columns} onOpen={(n) => go(page(n))} onCurrent={(n) => n && go(page(n))} sort={"-" + sort} onSort={(by) => setParams({ sort: by.replace(/^-/, "") === "runs" ? null : by.replace(/^-/, "") })} more={pages.more} loadingMore={pages.loadingMore} card={(n) => <><Mid name={n.name} /><span class="r">{span(n.runtime_ms?.p95)}</span><small>{count(ended(n))} ended, <span class={n.failed ? "bad" : ""}>{count(n.failed)} failed</span>, {rate(n.per_minute)} a minute</small></>} />
        )}
      </div>
    </>
  );
}
