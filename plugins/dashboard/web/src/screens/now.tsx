import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import "./now.css";
import { api, type Schemas } from "../api/client";
import { counts as railCounts } from "../frame/counts";
import { movers, sentence, type Finding, type Findings, type Mover } from "../lib/now";
import { useQuery } from "../lib/query";
import { go, slug, to } from "../lib/router";
import { me } from "../lib/session";
import { narrow, zone } from "../lib/settings";
import { age, clock, count, now, span } from "../lib/time";
import { ErrorBox, Skeleton } from "../parts/feedback";
import { Icon, type IconName } from "../parts/icons";
import { Link } from "../parts/link";
import { Spark, type Tone } from "../parts/spark";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Fresh, Mid, Time } from "../parts/text";
import { Start } from "./start";

type Stats = { tasks_by_state: Record<string, number>; tasks_total: number; agents_online: number; agents_offline: number; workers_online: number; workers_offline: number };
type Trend = { t: string; success: number; failure: number; retry: number; total: number };

const path = () => ({ slug: slug.value });

export default function Now() {
  const at = slug.value;
  const findings = useQuery(`now findings ${at}`, (signal) => api.get("/api/v1/projects/{slug}/findings", { path: path(), signal }), { topics: ["worker.changed", "queue.changed", "agent.changed", "task.changed"], leastMs: 5000, everyMs: 30_000 });
  const stats = useQuery(`now stats ${at}`, (signal) => api.get("/api/v1/projects/{slug}/stats", { path: path(), signal }) as Promise<unknown> as Promise<Stats>, { topics: ["task.changed", "worker.changed"], leastMs: 3000 });
  useEffect(() => {
    const items = findings.value?.items ?? [];
    const lost = items.filter((f) => f.kind === "worker_lost").length;
    railCounts.value = { ...railCounts.value, fleet: lost ? { text: `${lost} lost`, bad: true } : undefined };
  }, [findings.value]);
  if (stats.error && !stats.value) return <ErrorBox error={stats.error} retry={stats.refresh} what="This project" />;
  const s = stats.value;
  if (s && s.agents_online + s.agents_offline === 0 && s.tasks_total === 0) return <Start />;
  return (
    <div class="now">
      <Say findings={findings.value} at={findings.at} error={findings.error ? findings.refresh : null} />
      {findings.value ? findings.value.items.length > 0 && <FindingList items={findings.value.items} /> : !findings.error && <Skeleton rows={2} />}
      <Tiles stats={s} at={stats.at} />
      <div class="cols">
        <section>
          <Movers />
        </section>
        <section class="only-l">
          <Changed />
        </section>
      </div>
    </div>
  );
}

function Say({ findings, at, error }: { findings: Findings | undefined; at: number; error: (() => void) | null }) {
  const z = zone.value === "relative" ? "utc" : zone.value;
  const quiet = findings ? findings.checked.length - new Set(findings.items.map((f) => f.kind)).size : 0;
  return (
    <div class="say">
      <h1>{findings ? sentence(findings.items, clock(findings.clear_since, z)) : error ? "Not known" : "Looking…"}</h1>
      <span class="q">
        {findings && findings.checked.length > 0 && `${quiet} of ${findings.checked.length} watches are quiet · `}
        {findings && findings.unknown.length > 0 && `${findings.unknown.join(", ")} could not be asked · `}
        {at > 0 && <Fresh at={at}>as of {clock(at, z)}</Fresh>}
        {error && (
          <button type="button" class="link" onClick={error}>
            {" "}
            could not be read: try again
          </button>
        )}
      </span>
    </div>
  );
}

/** Where a finding's one button goes. */
function way(f: Finding): { title: string; to: string } {
  const id = f.subject?.id ?? "";
  switch (f.subject?.type ?? f.kind) {
    case "worker":
      return { title: f.kind === "worker_lost" ? "Post-mortem" : "Open fleet", to: to("fleet", {}, id ? { q: id } : {}) };
    case "queue":
      return { title: "Open queue", to: to("queues", {}, id ? { row: f.subject?.engine ? `${f.subject.engine}/${id}` : id } : {}) };
    case "task":
      return { title: "See tasks", to: to("tasks", {}, { q: `state:failed${id ? ` name:${id}` : ""} since:1h` }) };
    case "agent":
      return { title: "Open fleet", to: to("fleet", {}, id ? { q: id } : {}) };
    case "schedule":
      return { title: "Open schedule", to: to("schedules", {}, id ? { row: id } : {}) };
    case "audit":
      return { title: "Open audit", to: to("audit") };
    case "plugin":
      return { title: "Open plugin", to: to("plugins", {}, id ? { row: id } : {}) };
    case "stuck_commands":
      return { title: "See tasks", to: to("tasks") };
    default:
      return f.kind.includes("fail") ? { title: "See failures", to: to("tasks", {}, { q: "state:failed since:24h" }) } : { title: "Look", to: to("tasks") };
  }
}

function FindingList({ items }: { items: readonly Finding[] }) {
  return (
    <ol class="find" aria-label="Findings, worst first">
      {items.slice(0, 8).map((f, i) => {
        const target = way(f);
        const bad = f.severity === "critical";
        return (
          <li key={f.kind + (f.subject?.id ?? i)}>
            <State look={bad ? "fail" : f.severity === "warning" ? "warn" : "wait"} hideWord>
              {bad ? "Problem" : "Warning"}
            </State>
            <div class="lead" dir="auto">
              <p title={f.title}>{f.title}</p>
              {f.evidence && <p title={f.evidence}>{f.evidence}</p>}
            </div>
            <span class="when">{f.since && <span title={clock(f.since, "utc")}>{age(now.value - new Date(f.since).getTime())}</span>}</span>
            <button type="button" class="btn" onClick={() => go(target.to)}>
              {target.title}
            </button>
          </li>
        );
      })}
      {items.length > 8 && <li class="more-find q">and {items.length - 8} more of the same weight or less</li>}
    </ol>
  );
}

function Tiles({ stats, at }: { stats: Stats | undefined; at: number }) {
  const where = slug.value;
  const trends = useQuery(`now trends ${where}`, async (signal) => (await api.get("/api/v1/projects/{slug}/trends", { path: path(), query: { window: "1h", bucket: "1m" } as never, signal })).series as unknown as Trend[], { topics: ["task.changed"], leastMs: 10_000, everyMs: 60_000 });
  const queues = useQuery(`now queues ${where}`, (signal) => api.get("/api/v1/projects/{slug}/queues", { path: path(), signal }), { topics: ["queue.changed", "task.changed"], leastMs: 5000, everyMs: 30_000 });
  const minutes = fill(trends.value, trends.at);
  const whole = minutes.slice(0, -1); // the last minute is not over
  const runs = whole.map((m) => m.success + m.failure);
  const lastRuns = runs.length ? average(runs.slice(-5)) : null;
  const usual = range(runs.slice(0, -5).filter((n) => n > 0));
  const five = whole.slice(-5);
  const failed = five.reduce((sum, m) => sum + m.failure, 0);
  const ended = five.reduce((sum, m) => sum + m.success + m.failure, 0);
  const ratio = ended ? failed / ended : null;
  const before = whole.slice(0, -5);
  const ratioBefore = rate(before);
  const isBad = ratio !== null && ratio > 0.01 && ratio > 2 * (ratioBefore ?? 0);
  const waiting = [...(queues.value ?? [])].filter((q) => q.oldest_age_seconds !== null && (q.pending_count ?? 0) > 0).sort((a, b) => (b.oldest_age_seconds ?? 0) - (a.oldest_age_seconds ?? 0));
  const oldest = waiting[0];
  const oldestMs = oldest ? (oldest.oldest_age_seconds ?? 0) * 1000 : null;
  const depth = (queues.value ?? []).reduce((sum, q) => sum + (q.pending_count ?? 0), 0);
  const workers = stats ? stats.workers_online + stats.workers_offline : 0;
  return (
    <div class="tiles">
      <Tile title="Throughput" aside={usual ? `usual ${count(usual[0])}–${count(usual[1])}` : ""} to={to("byname")} at={trends.at} figure={lastRuns === null ? "…" : count(Math.round(lastRuns))} unit="runs/min" values={runs} label="Runs a minute over the last hour" />
      <Tile
        title="Failure ratio"
        aside={ratioBefore === null ? "" : `before ${percent(ratioBefore)}`}
        to={to("tasks", {}, { q: "state:failed since:1h" })}
        at={trends.at}
        figure={ratio === null ? (trends.value ? "none ended" : "…") : percent(ratio)}
        unit={ratio === null ? "" : "of runs, 5 min"}
        tone={isBad ? "fail" : "ink"}
        values={whole.map((m) => (m.success + m.failure ? m.failure / (m.success + m.failure) : 0))}
        max={Math.max(0.02, ...whole.map((m) => (m.success + m.failure ? m.failure / (m.success + m.failure) : 0)))}
        label="Share of runs that failed over the last hour"
      />
      <Tile
        title="Oldest waiting"
        aside={waiting[1] ? `next: ${waiting[1].name} ${span((waiting[1].oldest_age_seconds ?? 0) * 1000)}` : `${count(depth)} wait in all`}
        to={oldest ? to("queues", {}, { row: `${oldest.engine}/${oldest.name}` }) : to("queues")}
        at={queues.at}
        figure={oldestMs === null ? (queues.value ? "none" : "…") : span(oldestMs)}
        unit={oldest ? oldest.name : ""}
        tone={oldestMs !== null && oldestMs > 60_000 ? "retry" : "ink"}
        values={[]}
        label=""
        picture={<Columns label="Tasks waiting by queue" items={[...(queues.value ?? [])].filter((q) => (q.pending_count ?? 0) > 0).sort((a, b) => (b.pending_count ?? 0) - (a.pending_count ?? 0)).map((q) => ({ name: `${q.engine} ${q.name}`, n: q.pending_count ?? 0 }))} />}
      />
      <Tile
        title="Live workers"
        aside={stats && stats.workers_offline > 0 ? `${count(stats.workers_offline)} away` : ""}
        to={to("fleet")}
        at={at}
        figure={stats ? count(stats.workers_online) : "…"}
        unit={stats ? `of ${count(workers)}` : ""}
        tone={stats && workers > 0 && stats.workers_online === 0 ? "fail" : "ink"}
        values={[]}
        label=""
        picture={<Cells online={stats?.workers_online ?? 0} away={stats?.workers_offline ?? 0} />}
      />
    </div>
  );
}

function Tile(props: { title: string; aside: string; to: string; at: number; figure: string; unit: string; tone?: Tone; values: readonly number[]; max?: number; label: string; picture?: ComponentChildren }) {
  const tone = props.tone ?? "ink";
  return (
    <Link class="tile" to={props.to}>
      <h2>{props.title}</h2>
      <span class="d">{props.aside}</span>
      <p class="v">
        <Fresh at={props.at}>
          <span class={tone === "ink" ? undefined : `t-${tone}`}>{props.figure}</span>
        </Fresh>{" "}
        <small>{props.unit}</small>
      </p>
      {props.picture ? <div class="picture">{props.picture}</div> : props.values.length > 1 ? <Spark values={props.values} tone={tone} height={36} label={props.label} max={props.max} /> : <span class="spark-room" />}
    </Link>
  );
}

/** One column for each queue that holds something, the fullest first. */
function Columns({ items, label }: { items: readonly { name: string; n: number }[]; label: string }) {
  const top = Math.max(1, ...items.map((i) => i.n));
  const shown = items.slice(0, 24);
  return (
    <svg role="img" aria-label={`${label}: ${shown.map((i) => `${i.name} ${count(i.n)}`).join(", ") || "none"}`} width="100%" height="28">
      {shown.map((i, at) => (
        <rect key={i.name} x={at * 20} y={28 - Math.max(2, (i.n / top) * 26)} width="16" height={Math.max(2, (i.n / top) * 26)} rx="1.5" class="f-wait">
          <title>
            {i.name}: {count(i.n)} waiting
          </title>
        </rect>
      ))}
    </svg>
  );
}

/** One cell for each worker: full is online, an outline is away. */
function Cells({ online, away }: { online: number; away: number }) {
  const all = Math.min(48, online + away);
  return (
    <svg role="img" aria-label={`${count(online)} workers online, ${count(away)} away`} width="100%" height="28">
      {Array.from({ length: all }, (_, i) => (
        <rect key={i} x={(i % 24) * 10 + 0.5} y={all > 24 ? (i < 24 ? 3.5 : 16.5) : 16.5} width="7" height="10" rx="1.5" class={i < online ? "f-done" : "cell-away"} />
      ))}
    </svg>
  );
}

const percent = (part: number) => `${(part * 100).toFixed(part < 0.1 ? 1 : 0)} %`;
const average = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / Math.max(1, list.length);
const rate = (list: readonly Trend[]): number | null => {
  const ended = list.reduce((sum, m) => sum + m.success + m.failure, 0);
  return ended ? list.reduce((sum, m) => sum + m.failure, 0) / ended : null;
};
function range(list: readonly number[]): [number, number] | null {
  if (list.length < 10) return null;
  const sorted = [...list].sort((a, b) => a - b);
  return [sorted[Math.floor(sorted.length * 0.1)]!, sorted[Math.floor(sorted.length * 0.9)]!];
}
/** Minutes in which nothing ended are left out by the brain: they are zeros here. */
function fill(series: readonly Trend[] | undefined, at: number): Trend[] {
  if (!series?.length) return [];
  const known = new Map(series.map((m) => [Math.floor(new Date(m.t).getTime() / 60_000), m]));
  const last = Math.floor(at / 60_000);
  const first = Math.max(last - 59, Math.min(...known.keys()));
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => known.get(first + i) ?? { t: "", success: 0, failure: 0, retry: 0, total: 0 });
}

const columns: Column<Mover>[] = [
  { id: "name", head: "Task", min: 220, cell: (m) => <Mid name={m.name} /> },
  { id: "engine", head: "Engine", width: 80, rank: 3, cell: (m) => <span class="q">{m.engine}</span> },
  { id: "runs", head: "Runs/h", width: 80, num: true, cell: (m) => count(m.perHour) },
  { id: "move", head: "Move", width: 72, num: true, rank: 2, cell: (m) => <span class="q">{m.move === null ? "" : `${m.move < 0 ? "−" : "+"}${count(Math.min(9999, Math.round(Math.abs(m.move) * 100)))} %`}</span> },
  { id: "fail", head: "Fail %", width: 64, num: true, cell: (m) => <span class={(m.failure_rate ?? 0) >= 0.01 ? "bad m" : undefined}>{m.failure_rate === null ? "" : (m.failure_rate * 100).toFixed(1)}</span> },
  { id: "p95", head: "p95", width: 84, num: true, cell: (m) => span(m.runtime_ms?.p95) },
  { id: "usual", head: "Usual", width: 64, num: true, rank: 1, cell: (m) => (m.times === null ? "" : <span class={m.times >= 1.5 ? "t-retry m" : "q"}>×{m.times >= 10 ? Math.round(m.times) : m.times.toFixed(1)}</span>) },
];
const card = (m: Mover) => (
  <>
    <Mid name={m.name} />
    <span class={(m.failure_rate ?? 0) >= 0.01 ? "r bad m" : "r"}>{m.failure_rate === null ? "" : `${(m.failure_rate * 100).toFixed(1)} % fail`}</span>
    <small>
      <span>{m.engine}</span>
      <span>{count(m.perHour)}/h</span>
    </small>
    <small class="r">p95 {span(m.runtime_ms?.p95)}</small>
  </>
);

function Movers() {
  const at = slug.value;
  const names = useQuery(
    `now names ${at}`,
    async (signal) => {
      const of = (hours: number) => api.get("/api/v1/projects/{slug}/task-names", { path: { slug: at }, query: { hours, limit: 200 }, signal });
      const [hour, day] = await Promise.all([of(1), of(24)]);
      return movers(hour.items, day.items);
    },
    { topics: ["task.changed"], leastMs: 15_000, everyMs: 60_000 },
  );
  const rows = names.value ?? [];
  return (
    <>
      <div class="sh">
        <h2>{rows.length || names.value === undefined ? "Top movers" : "Failed last"}</h2>
        <span class="q small only-l">{rows.length ? "this hour against the hours of a day" : ""}</span>
        <Link class="push small" to={to("byname")}>
          {rows.length ? `All ${count(rows.length)}${rows.length >= 200 ? "+" : ""} names` : "By name"}
        </Link>
      </div>
      {names.error && names.value === undefined ? (
        <ErrorBox error={names.error} retry={names.refresh} what="The figures by name" />
      ) : names.value === undefined ? (
        <Skeleton rows={8} />
      ) : rows.length === 0 ? (
        <RecentFailures />
      ) : (
        <Table label="Top movers" rows={narrow.value ? rows.slice(0, 8) : rows} id={(m) => `${m.engine} ${m.name}`} columns={columns} onCurrent={(m) => m && go(to("name", { name: m.name }))} onOpen={(m) => go(to("name", { name: m.name }))} card={card} />
      )}
    </>
  );
}

/** When nothing ran this hour: what failed last. */
function RecentFailures() {
  const at = slug.value;
  const answer = useQuery(`now failures ${at}`, async (signal) => (await api.get("/api/v1/projects/{slug}/tasks", { path: path(), query: { state: "failure", limit: 30 }, signal })) as { items: Schemas["Task"][] }, { topics: ["task.changed"], leastMs: 5000 });
  const rows = answer.value?.items ?? [];
  if (!answer.value) return <Skeleton rows={8} />;
  if (!rows.length) return <p class="pad q">Nothing ran in the last hour, and nothing failed that is kept.</p>;
  const failureColumns: Column<Schemas["Task"]>[] = [
    { id: "name", head: "Task", min: 220, cell: (t) => <Mid name={t.name} /> },
    { id: "exception", head: "Exception", min: 160, cell: (t) => <span class="mono" title={t.exception ?? ""}>{t.exception}</span> },
    { id: "at", head: "Ended", width: 176, num: true, cell: (t) => <span class="q2"><Time at={t.finished_at} /></span> },
  ];
  return <Table label="Failed last" rows={rows} id={(t) => t.id} columns={failureColumns} onCurrent={(t) => t && go(to("task", { engine: t.engine, task: t.task_id }))} card={(t) => <><Mid name={t.name} /><span class="r"><Time at={t.finished_at} /></span><small class="bad"><span class="cut">{t.exception}</span></small></>} />;
}

type Act = { id: string; action: string; occurred_at: string; target_type: string; target_id: string | null; user_id: string | null; outcome: string | null; metadata: Record<string, unknown> };
const noise = /^(schedule\.(fire|ack|tick)|auth\.|session\.|openapi\.|selection\.|audit\.(check|verify)|command\.(?!issue)|bulk_job\.completed)/;
const icons: [RegExp, IconName][] = [
  [/^(bulk|command)/, "bulk"],
  [/^schedule/, "schedules"],
  [/^(agent|worker)/, "fleet"],
  [/^queue/, "queues"],
  [/^plugin/, "plugins"],
  [/^audit/, "audit"],
  [/^(member|invitation|user|api_key)/, "user"],
  [/^notification/, "alerts"],
];
const words = (action: string) => {
  const text = action.replace(/^command\.issue\./, "").replace(/[._]/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
};

/** "celery:418be349-…" -> "celery 418be349"; names stay whole. */
const shortId = (id: string | null) => (id ?? "").replace(/([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f-]{22}/, "$1").replace(/^(\w+):/, "$1 ").slice(0, 80);

function Changed() {
  const at = slug.value;
  const acts = useQuery(`now acts ${at}`, async (signal) => (await api.get("/api/v1/activity", { query: { limit: 200, project_slug: at }, signal })).items as Act[], { topics: ["audit.changed", "command.changed", "project.changed"], leastMs: 15_000, everyMs: 60_000 });
  const deploys = useQuery(`now deploys ${at}`, async (signal) => (await api.get("/api/v1/projects/{slug}/deploys", { path: { slug: at }, query: { limit: 10 }, signal })).items, { topics: ["project.changed"], leastMs: 15_000 });
  const rows = [
    ...(acts.value ?? []).filter((a) => !noise.test(a.action)).map((a) => ({ id: a.id, at: a.occurred_at, icon: icons.find(([of]) => of.test(a.action))?.[1] ?? ("info" as const), title: words(a.action), sub: [a.user_id && a.user_id === me.value?.id ? "by you ·" : "", a.target_type.replace(/_/g, " "), shortId(a.target_id)].filter(Boolean).join(" ") })),
    ...(deploys.value ?? []).map((d) => ({ id: d.id, at: d.at, icon: "flag" as const, title: `Deploy ${d.label}`, sub: [d.note, d.created_by_name].filter(Boolean).join(" · ") })),
  ]
    .sort((a, b) => (a.at < b.at ? 1 : -1))
    .slice(0, 14);
  const z = zone.value === "relative" ? "local" : zone.value;
  return (
    <>
      <div class="sh">
        <h2>What changed</h2>
        <Link class="push small" to={to("audit")}>
          Audit
        </Link>
      </div>
      {acts.error && !acts.value ? (
        <ErrorBox error={acts.error} retry={acts.refresh} what="The log" />
      ) : !acts.value ? (
        <Skeleton rows={5} />
      ) : rows.length === 0 ? (
        <p class="pad q">Nobody changed anything lately.</p>
      ) : (
        <ol class="log">
          {rows.map((r) => (
            <li key={r.id}>
              <time dateTime={r.at} title={clock(r.at, "utc")}>
                {now.value - new Date(r.at).getTime() < 86_400_000 ? clock(r.at, z, new Date(r.at).getTime()).slice(0, 5) : clock(r.at, z).slice(5, 10)}
              </time>
              <Icon name={r.icon} />
              <div class="cut" dir="auto">
                <p>{r.title}</p>
                <p title={r.sub}>{r.sub}</p>
              </div>
            </li>
          ))}
        </ol>
      )}
    </>
  );
}
