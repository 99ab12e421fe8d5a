/** What the list of schedules, its drawer and its editor share. */
import { api, type Schemas } from "../api/client";
import { useQuery } from "../lib/query";
import { slug } from "../lib/router";
import { clock, count } from "../lib/time";
import { notesOf, ownZone, wallOf } from "../lib/zones";
import { zone as shownZone } from "../lib/settings";
import { Skeleton } from "../parts/feedback";

export type Schedule = Schemas["Schedule"];
export type Fire = Awaited<ReturnType<typeof readFires>>[number];
const readFires = (id: string, limit: number, signal: AbortSignal) => api.get("/api/v1/projects/{slug}/schedules/{schedule_id}/fires", { path: { slug: slug.value, schedule_id: id }, query: { limit }, signal });

export const MARKS = 30;
/** Asked anew only when the schedule itself has run. */
export function useFires(s: Pick<Schedule, "id" | "last_run_at" | "total_runs">, limit = MARKS) {
  return useQuery(`fires ${slug.value} ${s.id} ${limit} ${s.last_run_at} ${s.total_runs}`, (signal) => readFires(s.id, limit, signal), { everyMs: 60_000 });
}

export type Mark = "ok" | "late" | "failed" | "missed" | "open";
const LATE_MS = 15_000;
export function markOf(f: Pick<Fire, "status" | "task_state" | "scheduled_for" | "fired_at" | "reason">): Mark {
  if (f.status === "skipped" || f.status === "missed" || f.status === "buffered") return "missed";
  if (f.status === "acked_failed" || f.status === "failed" || f.task_state === "failure" || f.task_state === "rejected") return "failed";
  if (!f.status.startsWith("acked") || (f.task_state !== null && f.task_state !== "success" && f.task_state !== "revoked")) return "open";
  return f.reason !== "trigger" && new Date(f.fired_at).getTime() - new Date(f.scheduled_for).getTime() > LATE_MS ? "late" : "ok";
}
export const markWords: Record<Mark, string> = { ok: "ok", late: "late", failed: "failed", missed: "missed", open: "under way" };

/** Thirty marks, the newest at the right: full ok, low late, red failed, outlined missed. */
export function Marks({ fires }: { fires: readonly Fire[] | undefined }) {
  if (!fires) return null;
  const marks = fires.slice(0, MARKS).map(markOf).reverse();
  const n = (m: Mark) => marks.filter((x) => x === m).length;
  const words = marks.length ? (Object.keys(markWords) as Mark[]).filter((m) => n(m)).map((m) => `${n(m)} ${markWords[m]}`).join(", ") : "never fired";
  const W = 100 / MARKS;
  return (
    <svg class="marks" role="img" aria-label={`Last ${marks.length}: ${words}`}>
      <title>{words}</title>
      {marks.map((m, i) => {
        const x = `${((MARKS - marks.length + i) * W).toFixed(2)}%`;
        const w = `${(W * 0.69).toFixed(2)}%`;
        return m === "missed" ? <rect key={i} x={x} y="2.5" width={w} height="9" class="m-miss" /> : <rect key={i} x={x} y={m === "late" || m === "open" ? 7 : 2} width={w} height={m === "late" || m === "open" ? 5 : 10} class={{ ok: "f-done", late: "f-retry", failed: "f-fail", open: "f-run" }[m]} />;
      })}
    </svg>
  );
}

/** "every 10 min", the cron itself, "at 25 Oct 06:00". */
export function whenWords(s: Pick<Schedule, "kind" | "expression">): string {
  if (s.kind === "interval") {
    const found = /^(\d+)(s|m|h|d)?$/.exec(s.expression);
    if (!found) return `every ${s.expression}`;
    const seconds = Number(found[1]) * { s: 1, m: 60, h: 3600, d: 86_400 }[(found[2] ?? "s") as "s" | "m" | "h" | "d"];
    const [n, unit] = ([[86_400, "d"], [3600, "h"], [60, "min"]] as const).find(([length]) => seconds >= length && seconds % length === 0) ?? [1, "s"];
    return `every ${seconds / n} ${unit}`;
  }
  if (s.kind === "clocked") return `at ${s.expression.slice(0, 10)}`;
  if (s.kind === "solar") return s.expression.split(":")[0] ?? s.expression;
  return s.expression;
}

/** The zone beside the schedule's own: the reader's, or UTC where that is the schedule's. */
export function otherZone(own: string): string {
  const mine = shownZone.value === "local" ? ownZone() : "UTC";
  return mine === own ? (own === "UTC" ? ownZone() : "UTC") : mine;
}

/** Next times in two zones, with what clock changes do to them. */
export function Times({ times, own, error }: { times: readonly number[] | undefined; own: string; error?: string | null }) {
  if (error) return <p class="bad">{error}</p>;
  if (!times) return <Skeleton rows={4} />;
  if (times.length === 0) return <p class="q">It will not fire again.</p>;
  const other = otherZone(own);
  const two = other !== own;
  const notes = notesOf(times, own);
  const cell = (t: number, zone: string, named: boolean) => {
    const w = wallOf(t, zone);
    return w ? `${named ? w.weekday + " " : ""}${w.day} ${w.time}${named && zone !== "UTC" ? ` ${w.name}` : ""}` : clock(t, "utc", 0);
  };
  return (
    <table class="fires-t">
      <thead>
        <tr>
          {two && <th scope="col">{other}</th>}
          <th scope="col">{own}</th>
          <th scope="col" class="num">Note</th>
        </tr>
      </thead>
      <tbody>
        {times.map((t, i) => (
          <tr key={t} class={notes[i] ? "warn" : undefined}>
            {two && <td>{cell(t, other, false)}</td>}
            <td>{cell(t, own, true)}</td>
            <td class="num q">{notes[i]}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const NOBODY = "00000000-0000-0000-0000-000000000000";
const DAY = 86_400_000;
/** The next ten of a schedule as it might be, by its own scheduler: first a day ahead, then farther. */
export async function tryOut(at: string, id: string | null, members: Record<string, unknown>, signal: AbortSignal): Promise<{ times: number[]; why: string | null }> {
  const from = Date.now();
  let times: number[] = [];
  for (const days of [1, 30, 399]) {
    const answer = await api.post("/api/v1/projects/{slug}/schedules:simulate", {
      path: { slug: at },
      body: { schedule_ids: [id ?? NOBODY], what_if: [{ ...(id && { schedule_id: id }), ...members, is_enabled: true }] as never, with_disabled: true, from: new Date(from).toISOString(), until: new Date(from + days * DAY).toISOString(), most: 200 },
      signal,
      ownErrors: true,
    });
    const mine = answer.schedules.findIndex((s) => s.is_changed || s.schedule_id === id);
    const said = answer.schedules[mine];
    if (said?.why_not) return { times: [], why: said.why_not };
    times = answer.fires.filter((f) => f.schedule === mine).map((f) => new Date(f.at).getTime());
    if (times.length >= 10) break;
  }
  return { times: times.slice(0, 10), why: null };
}

export const runs = (s: Schedule) => count(s.total_runs);
