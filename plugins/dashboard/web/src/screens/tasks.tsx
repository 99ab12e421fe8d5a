import { signal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import "./tasks.css";
import { addressOf, api } from "../api/client";
import { parse, problems, useAsk, valueOf, withTerm, without, write } from "../lib/ask";
import { useStep } from "../lib/clock";
import { useFresh } from "../lib/fresh";
import { useKeys } from "../lib/keys";
import { usePages, useQuery } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import { may } from "../lib/session";
import { taskStates, type TaskState } from "../lib/states";
import { BARS, readFacets, readTasks, runOf, taskFilter, taskQualifiers, timeOf, waitOf, type Facets, type Stats, type Task } from "../lib/tasks";
import { count, duration, moment, now, span } from "../lib/time";
import { useActs } from "../frame/palette";
import { ColumnPicker } from "../parts/columns";
import { Empty, EmptyFilter, ErrorBox, Skeleton } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Download, Link } from "../parts/link";
import { Menu } from "../parts/menu";
import { Act, Dialog } from "../parts/panels";
import { Brush, type Bar } from "../parts/spark";
import { State, TaskStateMark } from "../parts/state";
import { Table, chosen, type Column } from "../parts/table";
import { Views } from "../parts/views";
import { Age, CopyButton, Id, Mid, Time } from "../parts/text";
import { BulkPlan, type BulkAction, type BulkWish } from "./bulk-plan";
import { TaskDrawer } from "./task-drawer";
import { useTask, whyNotMine } from "./task-parts";
import { useWatch } from "../lib/watch";

const key = (t: Task) => `${t.engine}/${t.task_id}`;
const amber = (ms: number | null) => (ms !== null && ms > 60_000 ? "t-retry" : "q2");

/** Ticks only where the task goes on. */
function Wait({ task }: { task: Task }) {
  const waits = task.state === "pending" || task.state === "received";
  const ms = waitOf(task, waits ? now.value : 0);
  return <span class={amber(ms)}>{span(ms)}</span>;
}
function Run({ task }: { task: Task }) {
  const ms = runOf(task, task.state === "started" ? now.value : 0);
  return <>{span(ms)}</>;
}
function StateCell({ task }: { task: Task }) {
  const due = task.state === "retry" && task.eta ? new Date(task.eta).getTime() - now.value : 0;
  return <TaskStateMark state={task.state} more={due > 1000 ? `in ${span(Math.floor(due / 1000) * 1000).replace(".0", "")}` : undefined} />;
}

const columns: Column<Task>[] = [
  { id: "state", head: "State", width: 116, cell: (t) => <StateCell task={t} /> },
  { id: "name", head: "Task", min: 220, cell: (t) => <Mid name={t.name} /> },
  { id: "queue", head: "Queue", width: 104, rank: 2, cell: (t) => <span class="q2" title={t.queue ?? ""}>{t.queue}</span> },
  { id: "age", head: "Age ↓", width: 64, num: true, cell: (t) => <span class="q2"><Age at={timeOf(t)} /></span> },
  { id: "wait", head: "Wait", width: 88, num: true, cell: (t) => <Wait task={t} /> },
  { id: "run", head: "Run", width: 88, num: true, cell: (t) => <Run task={t} /> },
  { id: "worker", head: "Worker", width: 144, rank: 5, cell: (t) => <span class="q2" title={t.worker_name ?? ""}>{t.worker_name}</span> },
  { id: "try", head: "Try", width: 48, num: true, rank: 1, cell: (t) => <span class={t.retry_count ? "m" : "q"}>{t.retry_count + 1}</span> },
  { id: "id", head: "Id", width: 112, rank: 6, cell: (t) => <span class="row q2"><Id id={t.task_id} /><CopyButton text={t.task_id} label="Copy the id" /></span> },
  { id: "engine", head: "Engine", width: 80, rank: 7, extra: true, cell: (t) => <span class="q2">{t.engine}</span> },
  { id: "priority", head: "Priority", width: 80, rank: 8, extra: true, cell: (t) => <span class="q2">{t.priority}</span> },
  { id: "started", head: "Started", width: 168, rank: 8, extra: true, cell: (t) => <Time at={t.started_at} /> },
  { id: "finished", head: "Finished", width: 168, rank: 8, extra: true, cell: (t) => <Time at={t.finished_at} /> },
  { id: "exception", head: "Exception", width: 240, rank: 9, extra: true, cell: (t) => <span class="mono" title={t.exception ?? ""}>{t.exception}</span> },
];

const card = (t: Task) => (
  <>
    <Mid name={t.name} />
    <span class="r"><Run task={t} /></span>
    <small>
      <StateCell task={t} />
      <span>{t.queue}</span>
      <span>{t.worker_name}</span>
    </small>
    <small class="r"><Age at={timeOf(t)} ago /></small>
  </>
);

const legend: { states: TaskState[]; look: "fail" | "retry" | "run" | "wait" | "done" | "stop"; word: string; term: string }[] = [
  { states: ["failure"], look: "fail", word: "failed", term: "failed" },
  { states: ["retry"], look: "retry", word: "retrying", term: "retrying" },
  { states: ["started"], look: "run", word: "running", term: "running" },
  { states: ["pending"], look: "wait", word: "waiting", term: "waiting" },
  { states: ["received"], look: "wait", word: "reserved", term: "reserved" },
  { states: ["success"], look: "done", word: "succeeded", term: "succeeded" },
  { states: ["revoked"], look: "stop", word: "cancelled", term: "cancelled" },
  { states: ["rejected"], look: "stop", word: "rejected", term: "rejected" },
];
/** Those whose shape another one has too say their word. */
const spoken = (term: string) => ["failed", "reserved", "rejected"].includes(term);
const ranges = ["15m", "1h", "6h", "24h", "7d"];

/** The question of the address bar, as the API takes it; "since 1h" moves on in steps. */
function useQuestion() {
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const qualifiers = useMemo(() => taskQualifiers(slug.value), [slug.value]);
  const moves = ["since", "until"].some((k) => duration(valueOf(terms, k)) !== null);
  const step = useStep(60_000);
  const wrong = problems(terms, qualifiers);
  const filter = useMemo(() => taskFilter(terms, step), [text, moves ? step : 0]);
  return { text, terms, qualifiers, filter, wrong, step };
}

export default function Tasks() {
  const { text, terms, qualifiers, filter, wrong, step } = useQuestion();
  const at = slug.value;
  const question = JSON.stringify(filter);
  const selected = useMemo(() => signal<ReadonlySet<string>>(new Set()), [at, question]);
  const busy = useMemo(() => signal(false), []);
  const [wish, setWish] = useState<BulkWish | null>(null);

  const watch = useWatch(at, filter);
  const pages = usePages(wrong.length ? null : `tasks ${at} ${question}`, (cursor, asking) => readTasks(at, filter, cursor, asking), (t) => t.id, { topics: watch.on ? [] : ["task.changed"] });
  const rows = useMemo(() => (watch.on ? watch.lay(pages.value, busy.value) : (pages.value ?? [])), [pages.value, watch.version, busy.value]);
  useEffect(() => {
    if (!watch.isLong || busy.value || !pages.value) return;
    const { rows: newest, cursor } = watch.anew();
    pages.replace(newest, cursor);
  }, [watch.isLong, watch.version, busy.value]);
  const fresh = useFresh(rows, (t) => t.id, busy.value, at + question);

  const range = ranges.includes(param("range")) ? param("range") : "1h";
  const { facets, bars, marks, from, until, bucketMs } = useBars(filter, terms, range, step);
  const stats = useQuery(`tasks stats ${at}`, (asking) => api.get("/api/v1/projects/{slug}/stats", { path: { slug: at }, signal: asking }) as Promise<unknown> as Promise<Stats>, { topics: ["task.changed"], leastMs: 3000 });
  const onlyState = Object.keys(filter).every((k) => k === "state");
  const counts = watch.counts ?? (onlyState ? stats.value?.tasks_by_state : facets?.by_state);
  const approximate = watch.counts ? watch.approximate : onlyState ? stats.value?.tasks_approximate || stats.value?.tasks_capped : facets?.approximate;
  const total = counts ? (filter.state ? (counts[filter.state as TaskState] ?? 0) : Object.values(counts).reduce((a, b) => a + (b ?? 0), 0)) : null;

  const setTerm = (k: string, value: string) => setParams({ q: write(valueOf(terms, k) === value ? without(terms, k) : withTerm(terms, k, value)), row: null }, { replace: false });
  useAsk(
    {
      where: "Tasks",
      text,
      qualifiers,
      placeholder: "name, state: queue: worker: arg: since:",
      onText: (q) => setParams({ q, row: null }, { replace: false }),
      hits: total === null ? pages.value && <b>{count(pages.value.length)}{pages.more ? "+" : ""}</b> : <><b>{approximate ? "about " : ""}{count(total)}</b> tasks</>,
      tools: (
        <>
          <Views screen="tasks" />
          <ColumnPicker columns={columns} />
          <Export filter={filter} />
        </>
      ),
    },
    [total, approximate, pages.value?.length, question, at],
  );

  // A link may open a row that is not on the pages read so far.
  const wanted = param("row");
  const listed = wanted ? fresh.rows.find((t) => key(t) === wanted) : undefined;
  const slash = wanted.indexOf("/");
  const outside = useTask(wanted.slice(0, slash), wanted.slice(slash + 1), !!pages.value && !listed && slash > 0);
  const open = listed ?? (wanted ? outside.value : undefined);
  const openAt = listed ? fresh.rows.indexOf(listed) : -1;
  const chosenIds = [...selected.value];
  const bulk = (action: BulkAction, all: boolean) => {
    const { arg, ...rest } = filter;
    setParams({ row: null });
    setWish(all ? { action, filter: { ...rest, ...(arg ? { arg: terms.filter((t) => t.key === "arg").map((t) => t.value) } : {}) }, word: "all that match" } : { action, ids: chosenIds.map((id) => id.slice(id.indexOf("/") + 1)), word: `${count(chosenIds.length)} selected` });
  };
  useActs(
    chosenIds.length
      ? [
          { id: "retry sel", title: `Retry ${chosenIds.length} selected`, icon: "retry", act: () => bulk("retry", false) },
          { id: "cancel sel", title: `Cancel ${chosenIds.length} selected`, icon: "stop", act: () => bulk("cancel", false) },
        ]
      : [],
    [chosenIds.length],
  );
  useKeys({
    b: () => setParams({ tall: param("tall") ? null : "1" }),
    Escape: () => {
      if (selected.peek().size) selected.value = new Set();
      else if (text) setParams({ q: null });
    },
    ...(chosenIds.length ? { r: () => bulk("retry", false), c: () => bulk("cancel", false) } : {}),
  });

  const since = valueOf(terms, "since");
  const till = valueOf(terms, "until");
  const chosenRange: [number, number] | null = since || till ? [moment(since, step + 60_000) ?? from, moment(till, step + 60_000) ?? until] : null;
  const columnsShown = useMemo(() => chosen(columns, param("cols")), [param("cols")]);
  const nothing = pages.value && rows.length === 0 && fresh.count === 0;
  return (
    <>
      <h1 class="vh">Tasks</h1>
      <div class={param("tall") ? "strip tall" : "strip"}>
        <div class="facets" role="group" aria-label="States">
          {legend.map((l) => {
            const n = counts ? l.states.reduce((sum, s) => sum + (counts[s] ?? 0), 0) : null;
            const on = filter.state !== undefined && l.states.includes(filter.state as TaskState);
            if (!n && !on && !["fail", "done"].includes(l.look)) return null;
            return (
              <button type="button" class={on ? "ib on" : "ib"} key={l.term} aria-pressed={on} title={`${l.word}: show only these`} onClick={() => setTerm("state", l.term)}>
                <State look={l.look}>
                  <b>{n === null ? "…" : count(n)}</b>
                  {(spoken(l.term) || on) && <span class={l.term === "failed" || on ? "" : "only-l"}> {l.word}</span>}
                </State>
                {!spoken(l.term) && !on && <span class="vh">{l.word}</span>}
              </button>
            );
          })}
          <Menu class="range" label="Span of the chart" button={<span class="ib">{range}<Icon name="down" small /></span>} items={ranges.map((r) => ({ title: r, on: r === range, act: () => setParams({ range: r === "1h" ? null : r }) }))} />
          <button type="button" class="ib only-l" aria-label={param("tall") ? "Lower chart (b)" : "Taller chart (b)"} title={param("tall") ? "Lower chart (b)" : "Taller chart (b)"} onClick={() => setParams({ tall: param("tall") ? null : "1" })}>
            <Icon name="expand" small />
          </button>
        </div>
        <Brush
          bars={bars}
          marks={marks}
          from={from}
          until={until}
          bucketMs={bucketMs}
          range={chosenRange}
          onRange={(r) => setParams({ q: write(r ? withTerm(withTerm(terms, "since", new Date(r[0]).toISOString().slice(0, 19) + "Z"), "until", r[1] >= until ? "" : new Date(r[1]).toISOString().slice(0, 19) + "Z") : without(without(terms, "since"), "until")) })}
          label="Tasks over time by state; drag to choose a range"
        />
      </div>
      <div class="split">
        {pages.error && !pages.value ? (
          <ErrorBox error={pages.error} retry={pages.refresh} what="The tasks" />
        ) : wrong.length ? (
          <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty>
        ) : !pages.value ? (
          <Skeleton rows={24} />
        ) : nothing ? (
          terms.length ? <Nothing terms={terms} searchedUntil={pages.searchedUntil} more={pages.more} /> : <NoTask />
        ) : (
          <Table
            label="Tasks"
            rows={fresh.rows}
            id={key}
            columns={columnsShown}
            current={open ? key(open) : ""}
            onCurrent={(t) => (setWish(null), setParams({ row: t ? key(t) : null }))}
            onOpen={(t) => go(to("task", { engine: t.engine, task: t.task_id }))}
            selected={selected}
            onAll={() => (selected.value = new Set(fresh.rows.map(key)))}
            card={card}
            more={pages.more}
            loadingMore={pages.loadingMore}
            fresh={fresh}
            busy={busy}
            rowClass={(t) => (t.state === "failure" ? "is-bad" : undefined)}
            foot={pages.searchedUntil && !pages.more ? <p class="more-rows q small">Searched back to <Time at={pages.searchedUntil} />.</p> : undefined}
          />
        )}
        {selected.value.size > 0 && !wish && <SelectionBar n={selected.value.size} total={total} all={fresh.rows.length > 0 && chosenIds.length >= fresh.rows.length} canAll={!!filter.state && !filter.fingerprint} onAct={bulk} onClear={() => (selected.value = new Set())} />}
        {wish ? (
          <BulkPlan wish={wish} onClose={() => setWish(null)} onDone={() => { setWish(null); selected.value = new Set(); }} />
        ) : (
          open && <TaskDrawer key={key(open)} row={open} place={openAt} total={total} onClose={() => setParams({ row: null })} />
        )}
      </div>
    </>
  );
}

function useBars(filter: Record<string, string>, terms: ReturnType<typeof parse>, range: string, step: number) {
  const at = slug.value;
  const rest = Object.fromEntries(Object.entries(filter).filter(([name]) => !["since", "until", "state"].includes(name))); // the legend shows every state
  const until = step + 60_000;
  const chosenFrom = moment(valueOf(terms, "since"), until);
  const length = duration(range)!;
  const from = Math.min(until - length, chosenFrom ?? Infinity);
  const facets = useQuery(`tasks facets ${at} ${JSON.stringify(rest)} ${from} ${until}`, (asking) => readFacets(at, rest, from, until, asking), { topics: ["task.changed"], leastMs: 5000 });
  const [last, setLast] = useState<Facets | null>(null);
  useEffect(() => {
    if (facets.value !== undefined) setLast(facets.value);
  }, [facets.value]);
  useEffect(() => setLast(null), [at]);
  const deploys = useQuery(`deploys ${at}`, async (asking) => (await api.get("/api/v1/projects/{slug}/deploys", { path: { slug: at }, query: { limit: 50 }, signal: asking })).items, { topics: ["project.changed"], leastMs: 30_000 });
  const marks = useMemo(() => (deploys.value ?? []).map((d) => ({ at: new Date(d.at).getTime(), label: d.label })).filter((d) => d.at > from && d.at < until), [deploys.value, from, until]);
  const shown = facets.value ?? last;
  const bucketMs = shown ? shown.bucket_seconds * 1000 : (until - from) / BARS;
  const bars: Bar[] = useMemo(() => (shown?.series ?? []).map((b) => ({ t: new Date(b.t).getTime(), parts: Object.entries(b.counts).map(([s, n]) => ({ look: taskStates[s as TaskState]?.look ?? "wait", n: n ?? 0 })) })), [shown]);
  return { facets: shown, bars, marks, from, until, bucketMs };
}

function Nothing({ terms, searchedUntil, more }: { terms: ReturnType<typeof parse>; searchedUntil: string | null; more: (() => void) | null }) {
  const at = slug.value;
  const totals = useQuery(`tasks without ${at} ${write(terms)}`, async (asking) => {
    const until = Date.now();
    return Promise.all(terms.map(async (_, i) => {
      const rest = taskFilter(terms.filter((_, k) => k !== i), until);
      return (await readFacets(at, rest, until - 86_400_000, until, asking)).total;
    }));
  });
  return (
    <EmptyFilter
      terms={terms.map((t, i) => ({ text: write([t]), hits: totals.value?.[i] ?? null }))}
      onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })}
      onClear={() => setParams({ q: null })}
    >
      {searchedUntil && (
        <>
          Searched back to <Time at={searchedUntil} />. {more && <button type="button" class="link" onClick={more}>Search further back</button>}
        </>
      )}
    </EmptyFilter>
  );
}

function NoTask() {
  return (
    <Empty title="No task was seen yet" action={may("admin") && <Link class="btn pri" to={to("mint")}>Connect an agent</Link>}>
      As soon as an engine tells of one, it stands here.
    </Empty>
  );
}

const fields = ["task_id", "name", "state", "priority", "queue", "worker", "received_at", "started_at", "finished_at", "runtime_ms", "retry_count", "exception", "traceback", "args", "kwargs", "result", "tags"];
function Export({ filter }: { filter: Record<string, string> }) {
  const [open, setOpen] = useState(false);
  const [names, setNames] = useState<readonly string[]>(fields.slice(0, 12));
  const address = (format: string) => addressOf("/api/v1/projects/{slug}/tasks", { slug: slug.value }, { ...filter, format, fields: names.join(",") }) as `/api/${string}`;
  return (
    <>
      <button type="button" class="ib" aria-label="Save this list as a file" title="Save this list as a file" onClick={() => setOpen(true)}>
        <Icon name="download" />
      </button>
      {open && (
        <Dialog
          title="Save this list as a file"
          onClose={() => setOpen(false)}
          foot={
            <>
              <button type="button" class="btn" onClick={() => setOpen(false)}>Close</button>
              <span class="push row">
                {["csv", "xlsx", "json"].map((f) => <Download key={f} class="btn" path={address(f)}>{f.toUpperCase()}</Download>)}
              </span>
            </>
          }
        >
          <ul class="picks">
            {fields.map((f) => (
              <li key={f}>
                <label class="row">
                  <input type="checkbox" checked={names.includes(f)} onChange={(e) => setNames(fields.filter((n) => (n === f ? e.currentTarget.checked : names.includes(n))))} /> {f}
                </label>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}

function SelectionBar({ n, total, all, canAll, onAct, onClear }: { n: number; total: number | null; all: boolean; canAll: boolean; onAct: (action: BulkAction, all: boolean) => void; onClear: () => void }) {
  const [every, setEvery] = useState(false);
  useEffect(() => {
    if (!all) setEvery(false);
  }, [all]);
  const whole = every && canAll;
  return (
    <div class="selection" role="region" aria-label="Selected tasks">
      <b>{whole ? `All ${total === null ? "" : count(total)} that match` : `${count(n)} selected`}</b>
      {all && !every && (total ?? 0) > n && (
        <button type="button" class="link" title={canAll ? undefined : "Narrow to one state first"} aria-disabled={!canAll} onClick={() => canAll && setEvery(true)}>
          {canAll ? `all ${count(total)} that match` : "narrow to one state to take all"}
        </button>
      )}
      <Act icon="retry" why={whyNotMine("operator")} onClick={() => onAct("retry", whole)}>Retry</Act>
      <Act icon="stop" why={whyNotMine("operator")} onClick={() => onAct("cancel", whole)}>Cancel</Act>
      <Act icon="trash" why={whyNotMine("admin")} onClick={() => onAct("delete", whole)}>Delete</Act>
      <button type="button" class="ib" aria-label="Select none (Esc)" title="Select none (Esc)" onClick={onClear}>
        <Icon name="x" />
      </button>
    </div>
  );
}
