import { useMemo, useState } from "preact/hooks";
import "./schedules.css";
import { api } from "../api/client";
import { parse, problems, useAsk, valueOf, withTerm, without, write, type Qualifier } from "../lib/ask";
import { useStep } from "../lib/clock";
import { useKeys } from "../lib/keys";
import { usePages } from "../lib/query";
import { param, setParams, slug } from "../lib/router";
import { age, count, now } from "../lib/time";
import { nextShift } from "../lib/zones";
import { ColumnPicker } from "../parts/columns";
import { Empty, EmptyFilter, ErrorBox, Skeleton } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Menu } from "../parts/menu";
import { Act } from "../parts/panels";
import { State } from "../parts/state";
import { Table, chosen, type Column } from "../parts/table";
import { Age, Mid, Time } from "../parts/text";
import { ScheduleDrawer } from "./schedule-drawer";
import { ScheduleEdit } from "./schedule-edit";
import { ExportLink, Resync, ScheduleImport } from "./schedule-import";
import { Marks, markOf, runs, useFires, whenWords, type Schedule } from "./schedule-parts";
import { whyNotMine } from "./task-parts";

const SOON = 3 * 86_400_000;
/** What wants a word beside the name: the worst first. */
function Flag({ s, today }: { s: Schedule; today: number }) {
  if (s.pending) return s.pending.state === "failed" ? <State look="fail" title={s.pending.why ?? undefined}>change refused</State> : <State look="run" title={`${s.pending.change}, ${s.pending.state}`}>pending</State>;
  if (!s.is_enabled) return <State look="stop" title={s.stopped_why ?? undefined}>{s.stopped_why === "archived" ? "archived" : s.stopped_why ? "stopped" : "off"}</State>;
  if (s.drift) return <State look="warn" title="Its backend has something else than was asked for here">drift</State>;
  if (s.failures > 0) return <State look="fail">{s.failures} failed</State>;
  if (s.next_run_at && new Date(s.next_run_at).getTime() < today - 60_000) return <State look="warn">overdue</State>;
  const shift = s.kind === "cron" && s.timezone !== "UTC" ? shiftOf(s.timezone, today) : null;
  if (shift) return <State look="warn" title="The clocks of its zone change within three days">clocks change</State>;
  if (s.kind === "clocked") return <State look="wait">once</State>;
  return null;
}
const shifts = new Map<string, ReturnType<typeof nextShift>>();
function shiftOf(zone: string, today: number) {
  const key = `${zone} ${Math.floor(today / 3_600_000)}`;
  if (!shifts.has(key)) shifts.set(key, nextShift(zone, today, today + SOON));
  return shifts.get(key) ?? null;
}

function MarksCell({ s }: { s: Schedule }) {
  const fires = useFires(s);
  const missed = fires.value?.filter((f) => markOf(f) === "missed").length ?? 0;
  return (
    <span class="row" title={missed ? `${missed} missed` : undefined}>
      <Marks fires={fires.value} />
    </span>
  );
}

function Next({ s }: { s: Schedule }) {
  if (!s.is_enabled) return <span class="q">off</span>;
  if (!s.next_run_at) return <span class="q">never</span>;
  const ms = new Date(s.next_run_at).getTime() - now.value;
  return <span title={s.next_run_at}>{ms > 0 ? `in ${age(ms)}` : "now"}</span>;
}

const columns: Column<Schedule>[] = [
  {
    id: "name", head: "Schedule", min: 264,
    cell: (s) => (
      <span class="row">
        <span class="cut m" title={s.name} dir="auto">{s.name}</span>
        {s.read_only && <span class="q lock" title={s.read_only_reason ?? "It can only be read"}><Icon name="lock" small /><span class="vh">read only</span></span>}
        <span class="push"><Flag s={s} today={Math.floor(now.value / 5000) * 5000} /></span>
      </span>
    ),
  },
  { id: "engine", head: "Engine", width: 72, rank: 3, cell: (s) => <span class="q">{s.engine}</span> },
  { id: "when", head: "When", width: 120, cell: (s) => <span class="mono" title={`${s.kind}: ${s.expression}`}>{whenWords(s)}</span> },
  { id: "zone", head: "Zone", width: 136, rank: 2, cell: (s) => <span class="q2" title={s.timezone}>{s.kind === "interval" ? <span class="q">any</span> : s.timezone}</span> },
  { id: "next", head: "Next", width: 80, num: true, cell: (s) => <span class="q2"><Next s={s} /></span> },
  { id: "marks", head: "Last 30 marks", width: 136, cell: (s) => <MarksCell s={s} /> },
  { id: "task", head: "Task", width: 200, rank: 6, cell: (s) => <Mid name={s.task_name} /> },
  { id: "queue", head: "Queue", width: 112, rank: 5, cell: (s) => <span class="q2">{s.queue}</span> },
  { id: "last", head: "Last run", width: 80, num: true, rank: 4, cell: (s) => <span class="q2"><Age at={s.last_run_at} /></span> },
  { id: "runs", head: "Runs", width: 72, num: true, rank: 7, extra: true, cell: (s) => <span class="q2">{runs(s)}</span> },
  { id: "scheduler", head: "Kept by", width: 136, rank: 8, extra: true, cell: (s) => <span class="q2" title={s.instance ?? ""}>{s.scheduler}</span> },
  { id: "source", head: "Source", width: 120, rank: 9, extra: true, cell: (s) => <span class="q2">{s.source}</span> },
  { id: "edited", head: "Edited", width: 176, rank: 9, extra: true, cell: (s) => <Time at={s.updated_at} /> },
];
const card = (s: Schedule) => (
  <>
    <span class="cut m">{s.name}</span>
    <span class="r"><Next s={s} /></span>
    <small><span class="mono">{whenWords(s)}</span><Flag s={s} today={now.value} /></small>
    <small class="r">{s.engine}</small>
  </>
);

const qualifiers: Qualifier[] = [
  { key: "", hint: "part of a name or task" },
  { key: "state", hint: "on, off", values: () => ["on", "off"], check: (v) => (v === "on" || v === "off" ? null : `“${v}” is none of on, off`) },
  { key: "engine", hint: "celery, rq, …" },
  { key: "scheduler", hint: "z4j-scheduler, celery-beat, …" },
  { key: "source", hint: "dashboard, imported, …" },
];

export default function Schedules() {
  const at = slug.value;
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const wrong = problems(terms, qualifiers);
  const step = useStep(60_000);
  const [importing, setImporting] = useState(false);
  const query = useMemo(() => {
    const state = valueOf(terms, "state");
    const found: Record<string, unknown> = { search: valueOf(terms, ""), engine: valueOf(terms, "engine"), scheduler: valueOf(terms, "scheduler"), source: valueOf(terms, "source") };
    if (state) found.is_enabled = state === "on";
    return Object.fromEntries(Object.entries(found).filter(([, v]) => v !== ""));
  }, [text]);
  const pages = usePages(wrong.length ? null : `schedules ${at} ${JSON.stringify(query)}`, (cursor, signal) => api.get("/api/v1/projects/{slug}/schedules", { path: { slug: at }, query: { ...query, limit: 100, ...(cursor && { cursor }) } as never, signal }), (s: Schedule) => s.id, { topics: ["schedule.changed", "agent.changed"], leastMs: 3000, everyMs: 20_000 });
  const rows = pages.value ?? [];
  useAsk({ where: "Schedules", text, qualifiers, placeholder: "name, task, state: engine: scheduler:", onText: (q) => setParams({ q, row: null }), hits: pages.value && <><b>{count(rows.length)}{pages.more ? "+" : ""}</b> {rows.length === 1 ? "schedule" : "schedules"}</>, tools: <ColumnPicker columns={columns} /> }, [rows.length, !!pages.value, !!pages.more]);
  useKeys({ Escape: () => text && setParams({ q: null }) });
  const open = rows.find((s) => s.id === param("row"));
  const making = param("new") === "1";
  if (pages.error && !pages.value) return <ErrorBox error={pages.error} retry={pages.refresh} what="The schedules" />;
  const on = rows.filter((s) => s.is_enabled);
  const meeting = on.filter((s) => s.kind === "cron" && s.timezone !== "UTC" && shiftOf(s.timezone, step)).length;
  const failing = on.filter((s) => s.failures > 0).length;
  const waits = rows.filter((s) => s.pending && s.pending.state !== "failed").length;
  const chosenState = valueOf(terms, "state");
  const no = whyNotMine("admin");
  const put = (row: string | null, more: Record<string, string | null> = {}) => (setImporting(false), setParams({ row, new: null, edit: null, ...more }));
  return (
    <>
      <div class="bar">
        <h1>Schedules</h1>
        {rows.length > 0 && (
          <div class="facts">
            {(["on", "off"] as const).map((w) => {
              const n = w === "on" ? on.length : rows.length - on.length;
              return (n > 0 || chosenState === w) && (
                <button type="button" class="fact" key={w} aria-pressed={chosenState === w} onClick={() => setParams({ q: write(chosenState === w ? without(terms, "state") : withTerm(terms, "state", w)) })}><b>{count(n)}{pages.more ? "+" : ""}</b> {w}</button>
              );
            })}
            {meeting > 0 && <span><b class="t-retry">{meeting}</b> meet a clock change</span>}
            {failing > 0 && <span><b class="bad">{failing}</b> failing</span>}
            {waits > 0 && <span><b>{waits}</b> pending</span>}
          </div>
        )}
        <span class="push row">
          <Menu class="more-menu" label="More" right button={<span class="btn">Files<Icon name="down" small /></span>} items={[{ title: "Import or compare…", act: () => (put(null), setImporting(true)) }, { title: "Export what is shown", act: () => document.getElementById("schedule-export")?.click() }, { title: "Read the backends anew", act: () => Resync() }]} />
          <ExportLink query={query} />
          <Act icon="plus" why={no} onClick={() => put(null, { new: "1" })}>New</Act>
        </span>
      </div>
      <div class="split">
        {wrong.length ? <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty> : !pages.value ? <Skeleton /> : rows.length === 0 ? (
          terms.length ? <EmptyFilter terms={terms.map((t) => ({ text: write([t]) }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} /> : (
            <Empty title="There is no schedule yet" action={<><Act icon="plus" primary={!no} why={no} onClick={() => put(null, { new: "1" })}>New schedule</Act><Act why={no} onClick={() => setImporting(true)}>Import</Act></>}>Those that the brain fires, and those that celery beat, rq-scheduler and the like keep, stand here in one list.</Empty>
          )
        ) : (
          <Table label="Schedules" rows={rows} id={(s) => s.id} columns={chosen(columns, param("cols"))} current={open?.id ?? ""} onCurrent={(s) => put(s?.id ?? null)} card={card} more={pages.more} loadingMore={pages.loadingMore} rowClass={(s) => (s.is_enabled ? undefined : "old")} />
        )}
        {importing ? <ScheduleImport onClose={() => setImporting(false)} /> : making ? <ScheduleEdit s={null} onClose={() => setParams({ new: null })} /> : open && (param("edit") === "1" ? <ScheduleEdit key={open.id} s={open} onClose={() => setParams({ edit: null })} /> : <ScheduleDrawer key={open.id} s={open} onClose={() => put(null)} />)}
      </div>
    </>
  );
}
