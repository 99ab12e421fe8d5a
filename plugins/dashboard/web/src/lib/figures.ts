/** Figures by task name, groups of errors, deploys. */
import { type AnswerOf, type Schemas } from "../api/client";

export type NameFigures = Schemas["NameFigures"];
export type Names = AnswerOf<"/api/v1/projects/{slug}/task-names">;
export type TaskFigures = AnswerOf<"/api/v1/projects/{slug}/task-figures">;
export type Bucket = TaskFigures["histogram"][number];
export type Group = Schemas["ErrorGroup"];
export type Groups = AnswerOf<"/api/v1/projects/{slug}/errors">;
export type Deploy = Schemas["Deploy"];

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
