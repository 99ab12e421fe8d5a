import { useMemo, useState } from "preact/hooks";
import "./figures.css";
import { api, ApiError } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { against, marksOf, percent, rangeOf, ranges, rangeWords, rate, trimmed, type Bucket, type Deploy, type Group, type TaskFigures } from "../lib/figures";
import { refresh, useQuery } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import { count, span } from "../lib/time";
import { toast, toastError } from "../lib/toasts";
import type { ScreenProps } from "../screens";
import { Chart, type Series } from "../parts/chart";
import { Empty, ErrorBox, Skeleton } from "../parts/feedback";
import { Text } from "../parts/form";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Act, Dialog, Seg } from "../parts/panels";
import { Meter } from "../parts/spark";
import { Age, Mid } from "../parts/text";
import { whyNotMine } from "./task-parts";

/** One task name: how often, how long, how well, and what changed it. */
export default function Name({ params }: ScreenProps) {
  const at = slug.value;
  const name = params.name ?? "";
  const hours = rangeOf(param("range"));
  const [marking, setMarking] = useState(false);
  const answer = useQuery(`figures ${at} ${name} ${hours}`, (signal) => api.get("/api/v1/projects/{slug}/task-figures", { path: { slug: at }, query: { name, hours: Number(hours), buckets: 60 }, signal }), { topics: ["task.changed"], leastMs: 10_000 });
  const from = useMemo(() => new Date(Date.now() - Number(hours) * 3_600_000).toISOString(), [hours, answer.at]);
  const deploys = useQuery(`deploys ${at} ${hours}`, async (signal) => (await api.get("/api/v1/projects/{slug}/deploys", { path: { slug: at }, query: { since: from, limit: 20 }, signal })).items, { topics: ["project.changed"] });
  const groups = useQuery(`errors of ${at} ${name} ${hours}`, async (signal) => (await api.get("/api/v1/projects/{slug}/errors", { path: { slug: at }, query: { name, hours: Number(hours), order: "count", buckets: 0, limit: 5 }, signal })).items, { topics: ["task.changed"], leastMs: 10_000 });
  const f = answer.value;
  const marks = useMemo(() => marksOf(deploys.value), [deploys.value]);
  const { times, runs, lengths } = useMemo(() => seriesOf(f), [f]);
  const choose = ([a, b]: [number, number]) => goTasks(name, a, b);
  if (answer.error && !f) return <><h1 class="vh">{name}</h1><ErrorBox error={answer.error} retry={answer.refresh} what="The figures" /></>;
  return (
    <>
      <div class="bar">
        <Link class="ib" to={to("byname")} aria-label="All names" title="All names"><Icon name="left" /></Link>
        <h1 class="name-head"><Mid name={name} even /></h1>
        <span class="push row">
          <Seg label="Span" value={hours} options={ranges} onChange={(range) => setParams({ range: range === "24" ? null : range })} />
          <span class="only-l"><Act icon="flag" why={whyNotMine("operator")} onClick={() => setMarking(true)}>Mark a deploy</Act></span>
          <Link class="btn only-l" to={to("tasks", {}, { q: `name:${name}` })}>Tasks</Link>
        </span>
      </div>
      {f === undefined ? <Skeleton rows={16} /> : f.succeeded + f.failed === 0 ? <Empty title={`None of these ended in ${rangeWords(hours)}`} action={hours !== "720" && <button type="button" class="btn" onClick={() => setParams({ range: "720" })}>Look at 30 days</button>} /> : (
        <div class="scroll figures">
          <Tiles f={f} range={rangeWords(hours)} />
          <div class="fig-cols">
            <section class="stack">
              <h2>Ended</h2>
              <Chart label="Runs that ended, over time" times={times} series={runs} height={150} marks={marks} onRange={choose} />
              <h2>Run time</h2>
              <Chart label="Run time percentiles, over time" times={times} series={lengths} height={150} marks={marks} onRange={choose} />
            </section>
            <section class="stack">
              <h2>Run times</h2>
              <Histogram buckets={f.histogram} />
              {f.runtime_ms && <p class="q small">{span(f.runtime_ms.avg)} on average, {span(f.runtime_ms.total)} of work in all</p>}
              {f.wait_ms && (
                <>
                  <h2>Wait before it starts</h2>
                  <dl class="kv w"><dt>p50, p95, p99</dt><dd>{span(f.wait_ms.p50)}, {span(f.wait_ms.p95)}, {span(f.wait_ms.p99)}</dd><dt>Out of</dt><dd class="q">the newest {count(f.wait_ms.sampled)}</dd></dl>
                </>
              )}
              {!!groups.value?.length && <><h2>Errors</h2><GroupList groups={groups.value} /></>}
              {!!deploys.value?.length && <><h2>Deploys</h2><DeployList deploys={deploys.value} /></>}
            </section>
          </div>
        </div>
      )}
      {marking && <MarkDeploy at={at} onClose={() => setMarking(false)} />}
    </>
  );
}

function goTasks(name: string, from: number, until: number): void {
  const iso = (t: number) => new Date(t).toISOString().slice(0, 19) + "Z";
  go(to("tasks", {}, { q: `name:${name} since:${iso(from)} until:${iso(until)}` }));
}

function seriesOf(f: TaskFigures | null | undefined): { times: number[]; runs: Series[]; lengths: Series[] } {
  if (!f) return { times: [], runs: [], lengths: [] };
  // Empty buckets are left out by the brain: nothing ended there, and nothing took any time.
  const step = f.bucket_seconds * 1000;
  const known = new Map(f.series.map((p) => [new Date(p.t).getTime(), p]));
  const all = [...known.keys()].sort((a, b) => a - b);
  const times: number[] = [];
  for (let t = all[0] ?? 0; all.length && t <= all[all.length - 1]! && times.length < 2000; t += step) times.push(t);
  const rows = times.map((t) => known.get(t));
  const length = (label: string, key: "p50" | "p95" | "p99", color: string, dash = false): Series => ({ label, color, dash, format: (n) => span(n), values: rows.map((p) => p?.[key] ?? null) });
  return {
    times,
    runs: [
      { label: "ended", color: "--fill-done", bars: true, values: rows.map((p) => (p ? p.succeeded + p.failed : 0)) },
      { label: "failed", color: "--fill-fail", bars: true, values: rows.map((p) => p?.failed ?? 0) },
      { label: "retried", color: "--fill-retry", values: rows.map((p) => p?.retried ?? 0) },
    ],
    lengths: [length("p50", "p50", "--ink-3"), length("p95", "p95", "--fill-run"), length("p99", "p99", "--accent", true)],
  };
}

function Tiles({ f, range }: { f: TaskFigures; range: string }) {
  const b = f.before;
  const ended = f.succeeded + f.failed;
  const tiles: [string, preact.ComponentChildren, string | null][] = [
    ["Ended", <>{count(ended)} <small>{rate(f.per_minute)} a minute</small></>, against(ended, b.succeeded + b.failed)],
    ["Failed", <span class={f.failure_rate >= 0.1 ? "bad" : ""}>{percent(f.failure_rate)}% <small>{count(f.failed)}</small></span>, against(f.failure_rate, b.failure_rate)],
    ["Run time, p95", <>{span(f.runtime_ms?.p95) || "not known"} <small>{f.runtime_ms && `p50 ${span(f.runtime_ms.p50)}, p99 ${span(f.runtime_ms.p99)}`}</small></>, against(f.runtime_ms?.p95, b.runtime_ms?.p95)],
    ["Retried", <span class={f.retry_share >= 0.1 ? "t-retry" : ""}>{percent(f.retry_share)}% <small>{count(f.retried)} attempts</small></span>, null],
  ];
  return (
    <div class="tiles" aria-label={`Figures of ${range}`} role="group">
      {tiles.map(([title, value, change]) => (
        <div class="tile plain" key={title}><h2>{title}</h2><span class="d" title={`against the ${range} before`}>{change}</span><p class="v">{value}</p></div>
      ))}
    </div>
  );
}

function Histogram({ buckets }: { buckets: readonly Bucket[] }) {
  const shown = trimmed(buckets);
  const most = Math.max(1, ...shown.map((b) => b.count));
  const whole = shown.reduce((sum, b) => sum + b.count, 0);
  if (!shown.length) return <p class="q">No run told how long it took.</p>;
  const before = (b: Bucket) => buckets[buckets.indexOf(b) - 1]?.le_ms;
  return (
    <table class="histogram">
      <colgroup><col class="h-le" /><col /><col class="h-n" /></colgroup>
      <thead class="vh"><tr><th scope="col">Up to</th><th scope="col">Share</th><th scope="col">Runs</th></tr></thead>
      <tbody>
        {shown.map((b) => (
          <tr key={b.le_ms ?? "more"}>
            <th scope="row">{b.le_ms === null ? `over ${span(before(b))}` : span(b.le_ms).replace(".0", "")}</th>
            <td><Meter part={b.count / most} look="run" label={`${percent(b.count / whole)}%`} /></td>
            <td class="num">{count(b.count)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function GroupList({ groups }: { groups: readonly Group[] }) {
  return <ul class="counted">{groups.map((g) => <li key={g.fingerprint}><Link class="cut mono" to={to("errors", {}, { row: g.fingerprint })} title={g.message ?? ""}>{g.exception ?? g.message}</Link><span class="num">{count(g.count)}</span></li>)}</ul>;
}

function DeployList({ deploys }: { deploys: readonly Deploy[] }) {
  return <ul class="counted">{deploys.slice(0, 8).map((d) => <li key={d.id} title={d.note ?? ""}><span class="cut"><span class="mono">{d.label}</span> <span class="q">{d.note}</span></span><span class="q2 small"><Age at={d.at} ago /></span></li>)}</ul>;
}

function MarkDeploy({ at, onClose }: { at: string; onClose: () => void }) {
  const [label, setLabel] = useState("");
  const [note, setNote] = useState("");
  const { busy, error, run } = useAct();
  const ready = label.trim() && !busy;
  const submit = () =>
    run(async () => {
      const made = await api.post("/api/v1/projects/{slug}/deploys", { path: { slug: at }, body: { label: label.trim(), ...(note.trim() ? { note: note.trim() } : {}) } });
      const undo = () =>
        void api.delete("/api/v1/projects/{slug}/deploys/{deploy_id}", { path: { slug: at, deploy_id: made.id } }).then(
          () => refresh("deploys "),
          (e: unknown) => (e instanceof ApiError ? toastError(e) : toast("It could not be taken back", { bad: true })),
        );
      toast(`Deploy ${made.label} is marked`, { undo });
      refresh("deploys ");
      onClose();
    });
  return (
    <Dialog title="Mark a deploy" onClose={onClose} foot={<><button type="button" class="btn" onClick={onClose}>Not now</button><button type="button" class="btn pri push" aria-disabled={!ready} onClick={() => ready && submit()}>Mark it, now</button></>}>
      <Text label="Label" mono value={label} onText={setLabel} maxLength={80} placeholder="v3.2.1, or a commit" />
      <Text label="Note" value={note} onText={setNote} maxLength={500} />
      <Trouble error={error} />
      <p class="q small">A line on every chart over time. From a pipeline: POST /api/v1/projects/{at}/deploys with a key that may tasks:write.</p>
    </Dialog>
  );
}
