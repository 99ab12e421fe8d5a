/** What the list of queues, its drawer and its plans share. */
import { api } from "../api/client";
import { depths, emptying, slope, type Emptying, type Sample } from "../lib/depths";
import { useQuery } from "../lib/query";
import { slug } from "../lib/router";
import { age, now, span } from "../lib/time";

type Wire = Awaited<ReturnType<typeof readQueues>>[number];
export interface Queue extends Wire {
  key: string;
  samples: readonly Sample[];
  /** Growth in a minute, over the last five. */
  perMinute: number | null;
  out: number | null;
  empties: Emptying;
  isDead: boolean;
}
export const LATE_S = 300;

const readQueues = (signal: AbortSignal) => api.get("/api/v1/projects/{slug}/queues", { path: { slug: slug.value }, signal });

export const pathOf = (q: Pick<Wire, "engine" | "name">) => ({ slug: slug.value, engine: q.engine, queue: q.name });
export const isDead = (q: Pick<Wire, "name">) => /(^|[._-])(dlq|dead|dead-?letters?|XQ|DQ)$/.test(q.name) && !/\.DQ$/.test(q.name);

export const readDepths = (at: string, query: { hours: number; buckets: number; engine?: string; queue?: string }, signal: AbortSignal) => api.get("/api/v1/projects/{slug}/queue-depths", { path: { slug: at }, query, signal });
const begun = new Set<string>();
/** Queues with how long they were of late. */
export function useQueues() {
  const at = slug.value;
  const past = useQuery(`queue depths ${at}`, async (signal) => {
    if (begun.has(at)) return null;
    const found = await readDepths(at, { hours: 1, buckets: 60 }, signal);
    const since = new Date(found.since).getTime();
    for (const q of found.items) {
      const samples = q.pending.flatMap((n, i) => (n === null ? [] : [{ at: since + i * found.bucket_seconds * 1000, n }]));
      depths.begin(`${at} ${q.engine}/${q.queue}`, samples, Date.now());
    }
    begun.add(at);
    return found.until;
  });
  const answer = useQuery(
    `queues ${at}`,
    async (signal) => {
      const list = await readQueues(signal);
      const t = Date.now();
      for (const q of list) if (q.pending_count !== null) depths.add(`${at} ${q.engine}/${q.name}`, t, q.pending_count);
      return list;
    },
    { topics: ["queue.changed", "agent.changed"], leastMs: 2000, everyMs: 10_000 },
  );
  const out = useOut(answer.value?.map((q) => q.engine) ?? []);
  void past.value; // drawn again with it
  const rows: Queue[] | undefined = answer.value?.map((q) => {
    const samples = depths.of(`${at} ${q.engine}/${q.name}`);
    const perMinute = slope(samples);
    return { ...q, key: `${q.engine}/${q.name}`, samples, perMinute, out: out?.get(`${q.engine}/${q.name}`) ?? (out ? 0 : null), isDead: isDead(q), empties: emptying({ pending: q.pending_count, paused: q.is_paused, workers: q.consumer_count }, perMinute) };
  });
  return { ...answer, rows };
}

const OUT_MINUTES = 5;
/** Tasks taken out in a minute, from the facets of the last five; null where there are too many to count. */
function useOut(engines: readonly string[]): Map<string, number> | null {
  const names = [...new Set(engines)].sort();
  const at = slug.value;
  const answer = useQuery(
    names.length ? `queue flow ${at} ${names.join()}` : null,
    async (signal) => {
      const found = new Map<string, number>();
      const since = new Date(Date.now() - OUT_MINUTES * 60_000).toISOString();
      const read = (engine: string, state?: string) => api.get("/api/v1/projects/{slug}/tasks:facets", { path: { slug: at }, query: { engine, since, buckets: 1, top: 100, state }, signal });
      for (const engine of names) {
        const [all, waiting] = await Promise.all([read(engine), read(engine, "pending")]);
        if (!all.by_queue || !waiting.by_queue || all.approximate) return null;
        for (const { value, count } of all.by_queue) found.set(`${engine}/${value}`, count / OUT_MINUTES);
        for (const { value, count } of waiting.by_queue) found.set(`${engine}/${value}`, Math.max(0, (found.get(`${engine}/${value}`) ?? 0) - count / OUT_MINUTES));
      }
      return found;
    },
    { everyMs: 30_000 },
  );
  return answer.value ?? null;
}

export function useSchedulesOf(q: Pick<Queue, "engine" | "name">) {
  const at = slug.value;
  const all = useQuery(`schedules ${at} of queues`, async (signal) => (await api.get("/api/v1/projects/{slug}/schedules", { path: { slug: at }, query: { limit: 500 }, signal })).items, { topics: ["schedule.changed"], leastMs: 5000 });
  return (all.value ?? []).filter((s) => s.engine === q.engine && s.queue === q.name).sort((a, b) => String(a.next_run_at).localeCompare(String(b.next_run_at)));
}
export const scheduleNames = (list: readonly { name: string }[]): string => (list.length === 1 ? `Schedule ${list[0]!.name}` : list.length === 2 ? `Schedules ${list[0]!.name} and ${list[1]!.name}` : `${list.length} schedules`);

/** Depth over the last half hour; what was not seen stays empty. */
export function DepthLine({ q, minutes = 30, height = 20 }: { q: Pick<Queue, "samples" | "is_paused" | "empties">; minutes?: number; height?: number }) {
  const end = now.value;
  const from = end - minutes * 60_000;
  const seen = q.samples.filter((s) => s.at >= from);
  const first = seen[0];
  const last = seen[seen.length - 1];
  if (!first || !last || end - first.at < 1000) return null; // one moment is no line
  const top = Math.max(...seen.map((s) => s.n), 1) * 1.08;
  const x = (t: number) => ((t - from) / (end - from)) * 196 + 1;
  const y = (n: number) => height - 2 - (n / top) * (height - 5);
  const line = seen.map((s, i) => `${i ? "L" : "M"}${x(s.at).toFixed(1)} ${y(s.n).toFixed(1)}`).join("") + `L${x(end).toFixed(1)} ${y(last.n).toFixed(1)}`;
  const tone = q.is_paused ? "stop" : q.empties.kind === "never" || q.empties.kind === "unheard" ? "retry" : "ink";
  return (
    <svg class={`spark t-${tone}`} viewBox={`0 0 200 ${height}`} height={height} preserveAspectRatio="none" role="img" aria-label={`Over ${age(end - first.at)}: from ${first.n} to ${last.n}, at most ${Math.max(...seen.map((s) => s.n))}`}>
      <title>{`Over ${age(end - first.at)}: from ${first.n} to ${last.n}`}</title>
      <path d={`${line}L${x(end).toFixed(1)} ${height}L${x(first.at).toFixed(1)} ${height}Z`} class="ch-area" />
      <path d={line} class="ch-line" />
      <path d={`M${x(end).toFixed(1)} ${y(last.n).toFixed(1)}h0`} class="ch-end" />
    </svg>
  );
}

export function EmptyIn({ q }: { q: Pick<Queue, "empties" | "perMinute"> }) {
  const e = q.empties;
  const pace = q.perMinute === null ? "" : `${q.perMinute >= 0 ? "grows by" : "shrinks by"} ${Math.abs(q.perMinute).toFixed(1)} a minute, over the last 5`;
  switch (e.kind) {
    case "in":
      return <span class={e.ms > 15 * 60_000 ? "t-retry" : undefined} title={pace}>{e.ms < 60_000 ? "under 1 m" : e.ms > 86_400_000 * 9 ? "over 9 d" : span(Math.round(e.ms / 60_000) * 60_000).replace(" 00 s", "")}</span>;
    case "never":
      return <span class="bad" title={pace}>never</span>;
    case "paused":
      return <span class="t-stop">paused</span>;
    case "unheard":
      return <span class="bad" title="Tasks wait, and no worker listens to it">no listener</span>;
    case "steady":
      return <span class="q" title={pace}>steady</span>;
    case "unknown":
      return <span class="q" title="Seen too short">…</span>;
    case "empty":
      return null;
  }
}
