import { useEffect, useMemo, useState } from "preact/hooks";
import "./figures.css";
import { api } from "../api/client";
import { parse, problems, useAsk, valueOf, write, type Qualifier } from "../lib/ask";
import { rangeOf, ranges, rangeWords, type Group, type Groups } from "../lib/figures";
import { usePages, useQuery } from "../lib/query";
import { param, setParams, slug, to } from "../lib/router";
import { suggest } from "../lib/tasks";
import { count } from "../lib/time";
import { Trace } from "../parts/data";
import { Empty, EmptyFilter, ErrorBox, Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Act, Drawer, Seg } from "../parts/panels";
import { Spark } from "../parts/spark";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, CopyButton, Mid, Time } from "../parts/text";
import { BulkPlan, type BulkWish } from "./bulk-plan";
import { whyNotMine } from "./task-parts";

const namesOf = (g: Group) => g.task_names.join(", ") + (g.task_names_more ? " and more" : "");
const nothingSaid = "an exception without a name";
const columns = (range: string): Column<Group>[] => [
  { id: "count", head: "Count", width: 72, num: true, cell: (g) => <span class="m">{count(g.count)}</span> },
  { id: "over", head: `Over ${range}`, width: 144, rank: 3, cell: (g) => <span class="row spark-cell"><Spark values={g.series} tone="fail" height={18} label={`${count(g.count)} over ${range}`} /></span> },
  { id: "what", head: "Error", min: 240, cell: (g) => <span dir="auto" title={g.message ?? ""}>{g.is_new && <><span class="tag new">new</span> </>}<span class="mono bad">{g.exception ?? nothingSaid}</span> <span class="q2">{g.message}</span></span> },
  { id: "task", head: "Task", width: 176, rank: 2, cell: (g) => (g.task_names.length === 1 ? <Mid name={g.task_names[0]!} /> : <span class="q2" title={namesOf(g)}>{g.task_names.length}{g.task_names_more ? "+" : ""} names</span>) },
  { id: "queue", head: "Queue", width: 96, rank: 4, cell: (g) => <span class="q2" title={g.queues.join(", ")}>{g.queues.join(", ")}</span> },
  { id: "first", head: "First", width: 72, num: true, rank: 1, cell: (g) => <span class="q2"><Age at={g.first_seen_at} /></span> },
  { id: "last", head: "Last", width: 72, num: true, cell: (g) => <span class="q2"><Age at={g.last_seen_at} /></span> },
];
const qualifiersFor = (at: string): Qualifier[] => [
  { key: "", hint: "part of the exception or its message" },
  { key: "name", hint: "a task's name, exactly", values: suggest(at, "name") },
  { key: "queue", hint: "exactly", values: suggest(at, "queue") },
  { key: "exception", hint: "its type, exactly", values: suggest(at, "exception") },
];

export default function Errors() {
  const at = slug.value;
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const qualifiers = useMemo(() => qualifiersFor(at), [at]);
  const wrong = problems(terms, qualifiers);
  const hours = rangeOf(param("range"));
  const order = param("order") === "count" ? ("count" as const) : ("last_seen" as const);
  const question = { hours: Number(hours), order, q: valueOf(terms, ""), name: valueOf(terms, "name"), queue: valueOf(terms, "queue"), exception: valueOf(terms, "exception") };
  const [about, setAbout] = useState<Omit<Groups, "items"> | undefined>(undefined);
  useEffect(() => setAbout(undefined), [at]);
  const pages = usePages<Group>(
    wrong.length ? null : `errors ${at} ${JSON.stringify(question)}`,
    async (cursor, signal) => {
      const page = await api.get("/api/v1/projects/{slug}/errors", { path: { slug: at }, query: { ...question, buckets: 24, limit: 50, cursor }, signal });
      setAbout(page);
      return page;
    },
    (g) => g.fingerprint,
    { topics: ["task.changed"], leastMs: 5000 },
  );
  const rows = pages.value;
  const shown = useMemo(() => columns(rangeWords(hours)), [hours]);
  const fingerprint = param("row");
  useAsk(
    { where: "Errors", text, qualifiers, placeholder: "message, name: queue: exception:", onText: (q) => setParams({ q, row: null }, { replace: false }), hits: about && <><b>{count(about.total_groups)}</b> groups</> },
    [about?.total_groups, at],
  );
  return (
    <>
      <h1 class="vh">Errors</h1>
      <div class="tool-line">
        <Seg label="Span" value={hours} options={ranges} onChange={(range) => setParams({ range: range === "24" ? null : range })} />
        <Seg label="Order" value={order} options={[{ id: "last_seen", title: "Latest" }, { id: "count", title: "Most" }]} onChange={(o) => setParams({ order: o === "count" ? o : null })} />
        {about && <span class="q small push only-l">whole hours since <Time at={about.since} />{about.truncated && "; there are more groups than are looked at"}</span>}
      </div>
      <div class="split">
        {pages.error && !rows ? <ErrorBox error={pages.error} retry={pages.refresh} what="The errors" /> : wrong.length ? <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty> : !rows ? <Skeleton rows={12} /> : rows.length === 0 ? (
          terms.length ? <EmptyFilter terms={terms.map((t) => ({ text: write([t]) }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} /> : <Empty title={`Nothing failed in ${rangeWords(hours)}`} action={hours !== "720" && <button type="button" class="btn" onClick={() => setParams({ range: "720" })}>Look at 30 days</button>} />
        ) : (
          <Table label="Errors" rows={rows} id={(g) => g.fingerprint} columns={shown} current={fingerprint} onCurrent={(g) => setParams({ row: g?.fingerprint })} onOpen={(g) => setParams({ row: g.fingerprint })} more={pages.more} loadingMore={pages.loadingMore} card={(g) => <><span class="mono cut bad">{g.exception ?? nothingSaid}</span><span class="r m">{count(g.count)}</span><small>{g.is_new && <span class="tag new">new</span>}<Age at={g.last_seen_at} ago /> <span class="cut">{g.message}</span></small></>} />
        )}
        {fingerprint && <GroupDrawer key={fingerprint} fingerprint={fingerprint} row={rows?.find((g) => g.fingerprint === fingerprint)} onClose={() => setParams({ row: null })} />}
      </div>
    </>
  );
}

function GroupDrawer({ fingerprint, row, onClose }: { fingerprint: string; row: Group | undefined; onClose: () => void }) {
  const at = slug.value;
  const [wish, setWish] = useState<BulkWish | null>(null);
  const answer = useQuery(`error ${at} ${fingerprint}`, (signal) => api.get("/api/v1/projects/{slug}/errors/{fingerprint}", { path: { slug: at, fingerprint }, query: { hours: 720, buckets: 60 }, signal }), { topics: ["task.changed"], leastMs: 5000 });
  const d = answer.value;
  const g = d ?? row;
  if (wish) return <BulkPlan wish={wish} onClose={() => setWish(null)} onDone={() => (setWish(null), answer.refresh())} />;
  const open = d ? `${count(d.open_failures)}${d.open_failures_capped ? "+" : ""}` : "";
  const retry = (action: "retry" | "delete") => setWish({ action, filter: { fingerprint, state: "failure" }, word: `${open} that stand failed` });
  return (
    <Drawer
      label="Error group"
      onClose={onClose}
      head={
        <>
          <div class="row"><State look="fail" big>{g?.exception ?? nothingSaid}</State>{g?.is_new && <span class="tag new">new</span>}</div>
          <p class="q2 cut" title={g?.message ?? ""} dir="auto">{g?.message}</p>
          <div class="row"><Act primary icon="retry" why={whyNotMine("operator") ?? (!d ? "Being counted" : d.open_failures === 0 ? "No task of it stands failed now" : null)} onClick={() => retry("retry")}>Retry {d?.open_failures ? open : "the group"}</Act><Link class="btn" to={to("tasks", {}, { q: `group:${fingerprint}` })}>See its tasks</Link></div>
        </>
      }
      foot={<><span class="q small">Group <span class="mono">{fingerprint}</span></span><span class="push"><CopyButton text={fingerprint} label="Copy the group's id" /></span></>}
    >
      {answer.error && <div class="sec"><Note>{answer.error.status === 404 ? "Nothing is kept of this group any more." : answer.error.message}</Note></div>}
      {!g ? !answer.error && <Skeleton rows={8} /> : (
        <>
          <div class="sec">
            <div class="row lead-n"><span class="big-n">{count(g.count)}</span><span class="q2">{d ? "in 30 days" : "in the span of the list"}{d && <>, <b class="m">{open}</b> stand failed now</>}</span></div>
            <div class="spark-wide"><Spark values={g.series} tone="fail" height={40} label={`${count(g.count)} failures over time`} /></div>
            <dl class="kv w">
              <dt>First seen</dt><dd><Time at={g.first_seen_at} /> <span class="q"><Age at={g.first_seen_at} ago /></span></dd>
              <dt>Last seen</dt><dd><Time at={g.last_seen_at} /> <span class="q"><Age at={g.last_seen_at} ago /></span></dd>
              {g.sample && <><dt>Sample</dt><dd><Link class="mono" to={to("task", { engine: g.sample.engine, task: g.sample.task_id })}>{g.sample.task_id.slice(0, 13)}</Link></dd></>}
            </dl>
          </div>
          {d && (
            <>
              <div class="sec"><h2>By task</h2><ul class="counted">{d.by_name.map((n) => <li key={n.value}><Link to={to("name", { name: n.value })}><Mid name={n.value} /></Link><span class="num">{count(n.count)}</span></li>)}</ul></div>
              {d.by_queue.length > 0 && <div class="sec"><h2>By queue</h2><ul class="counted">{d.by_queue.map((n) => <li key={n.value}><span class="cut">{n.value || "none"}</span><span class="num">{count(n.count)}</span></li>)}</ul></div>}
              <div class="sec"><h2>Traceback of the sample</h2>{d.traceback ? <Trace text={d.traceback} exception={d.exception} /> : <p class="q">The engine told none.</p>}</div>
            </>
          )}
        </>
      )}
    </Drawer>
  );
}
