/** What the first screen says: findings, figures, what moved. */
import { type AnswerOf } from "../api/client";
import { type NameFigures } from "./figures";
import { count } from "./time";

export type Findings = AnswerOf<"/api/v1/projects/{slug}/findings">;
export type Finding = Findings["items"][number];

const numbers = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"];
const say = (n: number, one: string, many: string) => `${numbers[n] ?? count(n)} ${n === 1 ? one : many}`;

/** "Two problems, one warning": the page's one sentence. */
export function sentence(items: readonly Finding[], clearSince: string): string {
  const bad = items.filter((f) => f.severity === "critical").length;
  const warn = items.filter((f) => f.severity === "warning").length;
  if (!bad && !warn) return clearSince ? `All clear since ${clearSince}` : "All clear";
  const words = [bad ? say(bad, "problem", "problems") : "", warn ? say(warn, "warning", "warnings") : ""].filter(Boolean).join(", ");
  return words.charAt(0) + words.slice(1).toLowerCase();
}

export interface Mover extends NameFigures {
  perHour: number;
  /** This hour against an hour of the day before it, in parts of one; null without a day to compare. */
  move: number | null;
  /** How many times the usual failure ratio; null when there is nothing usual. */
  times: number | null;
}

/** The names of this hour, those that fail most against their usual first, then the busiest. */
export function movers(hour: readonly NameFigures[], day: readonly NameFigures[]): Mover[] {
  const usual = new Map(day.map((d) => [`${d.engine} ${d.name}`, d]));
  return hour
    .map((h) => {
      const d = usual.get(`${h.engine} ${h.name}`);
      const runs = h.succeeded + h.failed;
      const others = d ? d.succeeded + d.failed - runs : 0;
      const restFailed = d ? d.failed - h.failed : 0;
      const rate = runs ? h.failed / runs : 0;
      const usually = others > 0 ? restFailed / others : null;
      return {
        ...h,
        perHour: runs,
        move: others >= 23 ? runs / (others / 23) - 1 : null,
        times: usually === null || usually <= 0 ? null : rate / usually,
      };
    })
    .sort((a, b) => score(b) - score(a) || b.perHour - a.perHour);
}
function score(m: Mover): number {
  const rate = m.failure_rate ?? 0;
  return rate < 0.005 ? 0 : rate * Math.min(50, m.times ?? 2);
}
