/** What the list of bulk jobs and the page of one share. */
import { api, type Schemas } from "../api/client";
import { useQuery } from "../lib/query";
import { slug } from "../lib/router";
import type { Look } from "../lib/states";
import { count, span } from "../lib/time";
import { State } from "../parts/state";

export type Job = Schemas["BulkJob"];
export type Selection = Schemas["Selection"];
export type Item = Schemas["BulkItem"];
export const isOver = (j: Pick<Job, "state">) => j.state === "done" || j.state === "cancelled" || j.state === "failed";

const looks: Record<Job["state"], Look> = { waiting: "wait", running: "run", paused: "stop", cancelled: "stop", done: "done", failed: "fail" };
export const JobMark = ({ job, big = false }: { job: Job; big?: boolean }) => (
  <State look={job.state === "done" && job.refused + job.unknown > 0 ? "warn" : looks[job.state]} big={big}>
    {job.state}
  </State>
);
export const verbs: Record<Job["action"], { title: string; past: string }> = {
  retry: { title: "Retry", past: "sent again" },
  cancel: { title: "Cancel", past: "cancelled" },
  delete: { title: "Delete", past: "deleted" },
  requeue: { title: "Requeue", past: "requeued" },
};
export const worked = (j: Pick<Job, "done" | "sent" | "refused" | "unknown" | "changed">) => j.done + j.sent + j.refused + j.unknown + j.changed;

type Part = { key: string; look: "done" | "fail" | "stop" | "retry" | "run" | "none"; word: string; n: number };
/** Each task is in exactly one of these. */
export function partsOf(j: Job): Part[] {
  const started = Math.max(0, j.total - worked(j) - j.left);
  return [
    { key: "done", look: "done", word: verbs[j.action].past, n: j.done },
    { key: "sent", look: "done", word: "sent, not confirmed", n: j.sent },
    { key: "refused", look: "fail", word: "refused", n: j.refused },
    { key: "unknown", look: "retry", word: "unknown", n: j.unknown },
    { key: "changed", look: "stop", word: "left alone", n: j.changed },
    { key: "started", look: "run", word: "in flight", n: started },
    { key: "waiting", look: "none", word: isOver(j) ? "not tried" : "to go", n: j.left },
  ];
}
export function Progress({ job }: { job: Job }) {
  let x = 0;
  const parts = partsOf(job);
  const words = parts.filter((p) => p.n).map((p) => `${count(p.n)} ${p.word}`).join(", ");
  return (
    <svg class="pbar" role="img" aria-label={words || "nothing yet"} preserveAspectRatio="none" viewBox="0 0 100 12">
      <title>{words}</title>
      <rect width="100" height="12" class="f-none" />
      {parts.map((p) => {
        const w = job.total ? (p.n / job.total) * 100 : 0;
        const at = x;
        x += w;
        return w > 0 && p.look !== "none" ? <rect key={p.key} x={at} width={w} height="12" class={`f-${p.look}`} /> : null;
      })}
    </svg>
  );
}
export const leftWords = (j: Job) => (j.estimated_seconds_left === null ? null : span(Math.round(j.estimated_seconds_left) * 1000).replace(/\.0 s$/, " s"));

/** The newest hundred selections, to say what jobs were about. */
export function useSelections() {
  const at = slug.value;
  return useQuery(`selections ${at}`, async (signal) => new Map((await api.get("/api/v1/projects/{slug}/selections", { path: { slug: at }, query: { limit: 200 }, signal })).items.map((s) => [s.id, s])), { topics: ["bulk.changed", "command.changed"], leastMs: 5000 });
}
const names: Record<string, string> = { task_ids: "ids", search: "", is_enabled: "state" };
/** A filter in the words of the query bar. */
export function filterTerms(filter: Record<string, unknown> | undefined): { key: string; value: string }[] {
  return Object.entries(filter ?? {}).filter(([, v]) => v !== null && v !== "").map(([k, v]) => ({ key: names[k] ?? k, value: Array.isArray(v) ? (k === "task_ids" ? `${v.length} chosen` : v.join(",")) : String(v) }));
}
export function Filter({ selection }: { selection: Selection | undefined }) {
  if (!selection) return null;
  const terms = filterTerms(selection.filter as Record<string, unknown>);
  if (!terms.length) return <span class="q">chosen one by one</span>;
  return (
    <>
      {terms.map((t) => (
        <span class="term" key={t.key + t.value}>
          <i>{t.key}{t.key && ":"}</i>
          {t.value}
        </span>
      ))}
    </>
  );
}
