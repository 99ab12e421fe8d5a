/** Figures by task name, groups of errors, deploys: endpoints that an older brain does not have. */
import { raw, type ApiError } from "../api/client";

export interface Runtime {
  avg: number;
  p50: number;
  p95: number;
  p99: number;
  total: number;
}
export interface NameFigures {
  name: string;
  engine: string;
  sent: number;
  succeeded: number;
  failed: number;
  retried: number;
  revoked: number;
  failure_rate: number;
  retry_share: number;
  per_minute: number;
  runtime_ms: Runtime | null;
}
export interface Names {
  items: NameFigures[];
  since: string;
  until: string;
  truncated: boolean;
  next_cursor: string | null;
}
export interface Point {
  t: string;
  succeeded: number;
  failed: number;
  retried: number;
  revoked?: number;
  p50: number | null;
  p95: number | null;
  p99: number | null;
}
export interface TaskFigures extends NameFigures {
  histogram: Bucket[];
  wait_ms: { p50: number; p95: number; p99: number; sampled: number } | null;
  series: Point[];
  bucket_seconds: number;
  since?: string;
  until?: string;
  before: { succeeded: number; failed: number; failure_rate: number; runtime_ms: Runtime | null };
}
export interface Bucket {
  le_ms: number | null;
  count: number;
}
export interface Group {
  fingerprint: string;
  exception: string | null;
  message: string | null;
  count: number;
  first_seen_at: string;
  last_seen_at: string;
  is_new: boolean;
  task_names: string[];
  task_names_more: boolean;
  queues: string[];
  sample: { engine: string; task_id: string } | null;
  series: number[];
}
export interface Groups {
  items: Group[];
  since: string;
  until: string;
  bucket_seconds: number;
  total_groups: number;
  truncated: boolean;
  next_cursor: string | null;
}
export interface GroupDetail extends Group {
  traceback: string | null;
  by_name: Counted[];
  by_queue: Counted[];
  open_failures: number;
  open_failures_capped: boolean;
}
interface Counted {
  name?: string;
  value?: string;
  count: number;
}
export const countedName = (c: Counted): string => c.value ?? c.name ?? "";
export interface Deploy {
  id: string;
  at: string;
  label: string;
  note: string | null;
  created_by_name: string | null;
}

/** The answer, or null where the brain has no such endpoint. */
export async function optional<T>(slug: string, path: string, query: Record<string, string | number | undefined>, signal?: AbortSignal): Promise<T | null> {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== "") words.set(key, String(value));
  try {
    return await raw.get<T>(`/api/v1/projects/${encodeURIComponent(slug)}/${path}?${words}`, signal);
  } catch (error) {
    const refused = error as ApiError;
    if (refused.status === 405 || (refused.status === 404 && refused.code === "http_404")) return null;
    throw error;
  }
}

/** Deploys that a chart of the last so many hours marks. */
export const marksOf = (deploys: readonly Deploy[] | null | undefined) => (deploys ?? []).map((d) => ({ at: new Date(d.at).getTime(), label: d.label }));

export const percent = (share: number): string => (share === 0 ? "0" : share < 0.001 ? "<0.1" : share < 0.1 ? (share * 100).toFixed(1) : String(Math.round(share * 100)));
export function rate(perMinute: number): string {
  if (perMinute === 0) return "0";
  if (perMinute < 0.01) return "<0.01";
  if (perMinute >= 100) return Math.round(perMinute).toLocaleString("en");
  return perMinute >= 10 ? perMinute.toFixed(0) : perMinute >= 0.1 ? perMinute.toFixed(1) : perMinute.toFixed(2);
}
/** Buckets from the first to the last that has something; the empty ones between stay. */
export function trimmed(buckets: readonly Bucket[]): Bucket[] {
  const first = buckets.findIndex((b) => b.count > 0);
  if (first < 0) return [];
  let last = buckets.length - 1;
  while (buckets[last]!.count === 0) last--;
  return buckets.slice(first, last + 1);
}
/** "+12%", "−40%", "as before"; nothing where there was nothing. */
export function against(now: number | null | undefined, before: number | null | undefined): string | null {
  if (now === null || now === undefined || !before) return null;
  const change = (now - before) / before;
  if (Math.abs(change) < 0.05) return "as before";
  return `${change > 0 ? "+" : "−"}${Math.abs(change) >= 10 ? `${Math.round(Math.abs(change))} times` : `${Math.round(Math.abs(change) * 100)}%`}`;
}
export const ranges = [
  { id: "1", title: "1 h" },
  { id: "24", title: "24 h" },
  { id: "168", title: "7 d" },
  { id: "720", title: "30 d" },
] as const;
export const rangeOf = (text: string) => ranges.find((r) => r.id === text)?.id ?? "24";
export const rangeWords = (id: string) => ranges.find((r) => r.id === id)?.title ?? id;
