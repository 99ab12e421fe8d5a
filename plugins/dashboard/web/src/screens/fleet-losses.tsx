/** Workers that vanished: the list; each has a page. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { api } from "../api/client";
import { parse, problems, useAsk, valueOf, write, type Qualifier } from "../lib/ask";
import { usePages } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import { count } from "../lib/time";
import { Empty, EmptyFilter, ErrorBox, Skeleton } from "../parts/feedback";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, Mid, Time } from "../parts/text";
import type { Loss } from "./fleet-parts";

export const LossMark = ({ loss, big = false }: { loss: Loss; big?: boolean }) =>
  loss.closed_at ? <State look="stop" big={big}>closed</State> : loss.returned_at ? <State look="done" big={big}>came back</State> : <State look="fail" big={big}>lost</State>;

const columns: Column<Loss>[] = [
  { id: "state", head: "State", width: 112, cell: (l) => <LossMark loss={l} /> },
  { id: "worker", head: "Worker", width: 200, cell: (l) => <Mid name={l.worker} even /> },
  { id: "host", head: "Host", width: 120, rank: 3, cell: (l) => <span class="q2">{l.hostname}</span> },
  { id: "hands", head: "In hand", width: 72, num: true, cell: (l) => <span class={l.task_count ? "m" : "q"}>{count(l.task_count)}</span> },
  { id: "verdict", head: "What most likely happened", min: 200, cell: (l) => <span title={l.verdict}>{l.verdict}</span> },
  { id: "heard", head: "Last heard", width: 168, rank: 2, cell: (l) => <Time at={l.last_heartbeat} /> },
  { id: "age", head: "Lost", width: 72, num: true, cell: (l) => <span class="q2"><Age at={l.noticed_at} /></span> },
];
const card = (l: Loss) => (
  <>
    <Mid name={l.worker} even />
    <span class="r">{count(l.task_count)} in hand</span>
    <small><LossMark loss={l} /><span>{l.engine}</span></small>
    <small class="r"><Age at={l.noticed_at} ago /></small>
  </>
);
const qualifiers: Qualifier[] = [
  { key: "", hint: "part of a worker's or host's name" },
  { key: "state", hint: "open: nobody has seen to it", values: () => ["open"], check: (v) => (v === "open" ? null : `“${v}” is none of open`) },
];

export function Losses({ bar }: { bar: ComponentChildren }) {
  const at = slug.value;
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const wrong = problems(terms, qualifiers);
  const only = valueOf(terms, "state") === "open";
  const pages = usePages(wrong.length ? null : `losses ${at} list ${only}`, (cursor, signal) => api.get("/api/v1/projects/{slug}/worker-losses", { path: { slug: at }, query: { limit: 100, ...(only && { open: true }), ...(cursor && { cursor }) } as never, signal }), (l: Loss) => l.id, { topics: ["worker.changed", "agent.changed"], leastMs: 3000 });
  const word = valueOf(terms, "").toLowerCase();
  const rows = (pages.value ?? []).filter((l) => l.worker.toLowerCase().includes(word) || (l.hostname ?? "").toLowerCase().includes(word));
  useAsk({ where: "Lost workers", text, qualifiers, placeholder: "worker, host, state:open", onText: (q) => setParams({ q }), hits: pages.value && <><b>{count(rows.length)}{pages.more ? "+" : ""}</b> lost</> }, [rows.length, !!pages.value, !!pages.more]);
  if (pages.error && !pages.value) return <ErrorBox error={pages.error} retry={pages.refresh} what="The lost workers" />;
  return (
    <>
      <div class="bar">
        <h1>Lost workers</h1>
        <div class="facts only-l"><span>Those that vanished, or ended with tasks in hand</span></div>
        {bar}
      </div>
      <div class="split">
        {wrong.length ? <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty> : !pages.value ? <Skeleton /> : rows.length === 0 ? (
          terms.length ? <EmptyFilter terms={terms.map((t) => ({ text: write([t]) }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} /> : <Empty title="No worker was lost">A worker that falls silent, or ends with tasks in hand, leaves a post-mortem here.</Empty>
        ) : (
          <Table label="Lost workers" rows={rows} id={(l) => l.id} columns={columns} onCurrent={(l) => l && go(to("loss", { loss: l.id }))} onOpen={(l) => go(to("loss", { loss: l.id }))} card={card} more={pages.more} loadingMore={pages.loadingMore} rowClass={(l) => (l.closed_at ? "old" : undefined)} />
        )}
      </div>
    </>
  );
}
