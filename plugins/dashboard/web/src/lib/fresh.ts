/** Rows that came while the reader holds something wait; those that are there change in place. */
import { useMemo, useState } from "preact/hooks";

export interface FreshRows<R> {
  rows: readonly R[];
  count: number;
  take: () => void;
}

/** So many of the uppermost are remembered: new ones come above them. */
const MOST_KNOWN = 500;

/** Splits a list: what may be shown, and how many new ones wait. `known` are the ids of the uppermost that were shown. */
export function split<R>(rows: readonly R[], id: (row: R) => string, known: ReadonlySet<string> | null, hold: boolean): { shown: readonly R[]; waiting: number } {
  if (!known || !hold) return { shown: rows, waiting: 0 };
  let newest = rows.findIndex((row) => known.has(id(row)));
  if (newest < 0) newest = known.size ? rows.length : 0;
  // New ones stand above the first known one; between known ones they are a page that was scrolled to.
  return { shown: newest ? rows.slice(newest) : rows, waiting: newest };
}

export function useFresh<R>(rows: readonly R[] | undefined, id: (row: R) => string, hold: boolean, question: string): FreshRows<R> {
  const memory = useMemo(() => ({ known: null as Set<string> | null, of: null as readonly R[] | null }), [question]);
  const [, again] = useState(0);
  const { shown, waiting } = split(rows ?? [], id, memory.known, hold);
  if (rows && (waiting === 0 || !memory.known) && memory.of !== shown) {
    memory.known = new Set(shown.slice(0, MOST_KNOWN).map(id));
    memory.of = shown;
  }
  return {
    rows: shown,
    count: waiting,
    take: () => {
      memory.known = memory.of = null;
      again((n) => n + 1);
    },
  };
}
