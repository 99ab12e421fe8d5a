/** What a worker tells of itself. Agents tell anything: what has another shape than it should is left out. */

export interface Active {
  id: string;
  name: string;
  /** Seconds since 1970, 0 when it was not told. */
  time_start: number;
  worker_pid: number;
}
export interface WorkerMeta {
  active: Active[];
  processes: number[];
  registered: string[];
  uptime: number | null;
  prefetch: number | null;
}

const objectOf = (v: unknown): Record<string, unknown> => (v !== null && typeof v === "object" && !Array.isArray(v) ? (v as Record<string, unknown>) : {});
const listOf = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
const isNumber = (v: unknown): v is number => typeof v === "number" && Number.isFinite(v);

export function metaOf(metadata: unknown): WorkerMeta {
  const meta = objectOf(metadata);
  const stats = objectOf(meta.stats);
  return {
    active: listOf(meta.active)
      .map(objectOf)
      .filter((a) => typeof a.id === "string" && a.id !== "")
      .map((a) => ({ id: a.id as string, name: typeof a.name === "string" ? a.name : "", time_start: isNumber(a.time_start) ? a.time_start : 0, worker_pid: isNumber(a.worker_pid) ? a.worker_pid : 0 })),
    processes: [...new Set(listOf(objectOf(stats.pool).processes).filter(isNumber))],
    registered: listOf(meta.registered).filter((name): name is string => typeof name === "string"),
    uptime: isNumber(stats.uptime) ? stats.uptime : null,
    prefetch: isNumber(stats.prefetch_count) ? stats.prefetch_count : null,
  };
}
