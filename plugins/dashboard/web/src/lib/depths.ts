/** How long queues were: what the brain sampled by the minute, then what this tab saw. At most half an hour. */
export interface Sample {
  at: number;
  n: number;
}
export const KEEP_MS = 30 * 60_000;
const STEP_MS = 10_000;
const MOST_QUEUES = 500;

export class Depths {
  private all = new Map<string, Sample[]>();

  add(key: string, at: number, n: number): void {
    if (!this.all.has(key) && this.all.size >= MOST_QUEUES) return;
    const list = this.all.get(key) ?? [];
    const last = list[list.length - 1];
    if (last && at <= last.at) return;
    const before = list[list.length - 2];
    // The last one moves along until a step is full, so that the line ends now.
    if (last && before && last.at - before.at < STEP_MS) list.pop();
    list.push({ at, n });
    while (list.length && list[0]!.at < at - KEEP_MS) list.shift();
    this.all.set(key, list);
  }

  /** What was before this tab looked. */
  begin(key: string, samples: readonly Sample[], now: number): void {
    const own = this.all.get(key) ?? [];
    const first = own[0]?.at ?? Infinity;
    if (!own.length && !this.all.has(key) && this.all.size >= MOST_QUEUES) return;
    this.all.set(key, [...samples.filter((s) => s.at >= now - KEEP_MS && s.at < first), ...own]);
  }

  of(key: string): readonly Sample[] {
    return this.all.get(key) ?? [];
  }
}

/** Of this tab; the keys carry the project. */
export const depths = new Depths();

const FIT_MS = 5 * 60_000;
const LEAST_MS = 20_000;

/** Change in a minute, a straight line through the last five; null while too little was seen. */
export function slope(samples: readonly Sample[]): number | null {
  const end = samples[samples.length - 1];
  if (!end) return null;
  const near = samples.filter((s) => s.at >= end.at - FIT_MS);
  const first = near[0]!;
  if (near.length < 3 || end.at - first.at < LEAST_MS) return null;
  const n = near.length;
  const meanX = near.reduce((sum, s) => sum + (s.at - first.at), 0) / n;
  const meanY = near.reduce((sum, s) => sum + s.n, 0) / n;
  let xy = 0;
  let xx = 0;
  for (const s of near) {
    const dx = s.at - first.at - meanX;
    xy += dx * (s.n - meanY);
    xx += dx * dx;
  }
  return xx ? (xy / xx) * 60_000 : null;
}

export type Emptying = { kind: "empty" | "unknown" | "steady" | "never" | "paused" | "unheard" } | { kind: "in"; ms: number };

/** When a queue will be empty at the pace of now. */
export function emptying(q: { pending: number | null; paused: boolean; workers: number | null }, perMinute: number | null): Emptying {
  if (q.paused) return { kind: "paused" };
  if (q.pending === null) return { kind: "unknown" };
  if (q.workers === 0 && q.pending > 0) return { kind: "unheard" };
  if (q.pending === 0) return { kind: "empty" };
  if (perMinute === null) return { kind: "unknown" };
  const small = Math.max(1, q.pending * 0.02); // per minute: less than that is standing still
  if (perMinute > small) return { kind: "never" };
  if (perMinute > -small) return { kind: "steady" };
  return { kind: "in", ms: (q.pending / -perMinute) * 60_000 };
}
