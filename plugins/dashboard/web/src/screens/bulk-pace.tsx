/** Tasks a second, as this tab sees the job's figures grow. */
import { useRef } from "preact/hooks";
import { count, span } from "../lib/time";
import { isOver, worked, type Job } from "./bulk-parts";

interface Seen {
  at: number;
  good: number;
  bad: number;
}
const MOST = 60;

/** Differences between looks, per second. */
export function paceOf(seen: readonly Seen[]): { good: number; bad: number }[] {
  return seen.slice(1).map((s, i) => {
    const before = seen[i]!;
    const seconds = Math.max(0.001, (s.at - before.at) / 1000);
    return { good: Math.max(0, s.good - before.good) / seconds, bad: Math.max(0, s.bad - before.bad) / seconds };
  });
}

export function Pace({ job, at }: { job: Job; at: number }) {
  const seen = useRef<Seen[]>([]);
  const last = seen.current[seen.current.length - 1];
  if (at && (!last || at - last.at > 900)) seen.current = [...seen.current, { at, good: job.done + job.sent, bad: job.refused + job.unknown + job.changed }].slice(-MOST);
  const bars = paceOf(seen.current);
  const top = Math.max(job.rate_per_second ?? 0, ...bars.map((b) => b.good + b.bad), 1) * 1.1;
  const begun = job.started_at ? new Date(job.started_at).getTime() : null;
  const end = job.finished_at ? new Date(job.finished_at).getTime() : at;
  const mean = begun && end > begun ? worked(job) / ((end - begun) / 1000) : null;
  const show = bars.length > 1 && !isOver(job);
  return (
    <div class="sec">
      <h2>Pace {mean !== null && <span class="push q">{mean < 10 ? mean.toFixed(1) : count(Math.round(mean))} a second on the whole</span>}</h2>
      {show && (
        <svg class="pace-b" viewBox="0 0 100 60" preserveAspectRatio="none" role="img" aria-label="Tasks a second since this page is open">
          {bars.map((b, i) => {
            const w = 100 / MOST;
            const x = 100 - (bars.length - i) * w;
            const bad = (b.bad / top) * 60;
            const good = (b.good / top) * 60;
            return (
              <g key={i}>
                <rect x={x} y={60 - bad} width={w * 0.8} height={bad} class="f-fail" />
                <rect x={x} y={60 - bad - good} width={w * 0.8} height={good} class="f-done" />
              </g>
            );
          })}
          {job.rate_per_second && <line x1="0" x2="100" y1={60 - (job.rate_per_second / top) * 60} y2={60 - (job.rate_per_second / top) * 60} class="ch-limit thin" />}
        </svg>
      )}
      <p class="q small">{job.rate_per_second ? `At most ${count(job.rate_per_second)} a second.` : "As fast as the engine takes them."}{begun && isOver(job) ? ` It took ${span(end - begun)}.` : ""}</p>
    </div>
  );
}
