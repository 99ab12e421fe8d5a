/** Keeps the first page of a task list current from the live socket's row frames. A brain without watches is asked again instead. */
import { useEffect, useMemo, useReducer } from "preact/hooks";
import { live, type Frame } from "./live";
import { paused } from "./query";
import type { TaskFilter, Task } from "./tasks";
import { timeOf } from "./tasks";
import type { TaskState } from "./states";

type Counts = Partial<Record<TaskState, number>>;

/** What the frames of one watch say so far. */
export class WatchedPage {
  rows = new Map<string, Task>();
  gone = new Set<string>();
  counts: Counts | null = null;
  approximate = false;
  cursor: string | undefined;
  on = false;
  at = 0;

  take(frame: Frame): void {
    if (frame.reset) this.rows.clear();
    const cut = new Set((frame.cut as string[] | undefined) ?? []);
    for (const row of (frame.changed as Task[] | undefined) ?? []) {
      const old = this.rows.get(row.id);
      // Payloads that were too long for the frame stay as they were known.
      this.rows.set(row.id, cut.has(row.id) && old ? { ...old, ...row, args: old.args, kwargs: old.kwargs, exception: old.exception, traceback: old.traceback, result: old.result } : row);
      this.gone.delete(row.id);
    }
    let oldest = "";
    for (const row of this.rows.values()) if (!oldest || timeOf(row) < oldest) oldest = timeOf(row);
    for (const id of (frame.removed as string[] | undefined) ?? []) {
      const row = this.rows.get(id);
      this.rows.delete(id);
      // Pushed off the page by newer ones it still matches; one from the middle does not any more.
      if (row && timeOf(row) > oldest) this.gone.add(id);
    }
    if (frame.counts) {
      this.counts = frame.counts as Counts;
      this.approximate = frame.counts_approximate === true;
    }
    if (typeof frame.cursor === "string") this.cursor = frame.cursor;
    this.at = Date.now();
    if (frame.more !== true) this.on = true;
  }

  /** The rows of the list with what is newer: changes in place, new ones in the list's order. */
  lay(list: readonly Task[] | undefined): Task[] {
    const kept = (list ?? []).filter((t) => !this.gone.has(t.id));
    if (!this.rows.size) return kept;
    const known = new Set(kept.map((t) => t.id));
    const newer = [...this.rows.values()].filter((t) => !known.has(t.id));
    const changed = kept.map((t) => this.rows.get(t.id) ?? t);
    newer.sort((a, b) => (timeOf(a) < timeOf(b) ? 1 : timeOf(a) > timeOf(b) ? -1 : a.id < b.id ? 1 : -1));
    return [...newer, ...changed];
  }
}

export interface Watch {
  on: boolean;
  version: number;
  counts: Counts | null;
  approximate: boolean;
  lay: (list: readonly Task[] | undefined) => Task[];
}

let last = 0;
export function useWatch(slug: string, filter: TaskFilter): Watch {
  const query = new URLSearchParams({ ...filter, limit: "100" }).toString();
  const page = useMemo(() => new WatchedPage(), [slug, query]);
  const [version, redraw] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const id = `t${++last}`;
    let held: Frame[] = [];
    const take = (frame: Frame) => {
      page.take(frame);
      redraw(0);
    };
    const offFrame = live.onFrame((frame) => {
      if (frame.id !== id) return;
      if (frame.type === "refused") {
        page.on = false;
        redraw(0);
      } else if (frame.type === "rows") {
        if (paused.peek()) held = [...held, frame].slice(-200);
        else take(frame);
      }
    });
    const offPause = paused.subscribe((p) => {
      if (p) return;
      const waiting = held;
      held = [];
      for (const frame of waiting) take(frame);
    });
    const off = live.watch(id, () => ({ type: "watch", id, query, ...(page.cursor ? { after: page.cursor } : {}) }), { type: "unwatch", id });
    return () => {
      off();
      offFrame();
      offPause();
    };
  }, [page]);
  return { on: page.on, version, counts: page.counts, approximate: page.approximate, lay: (list) => page.lay(list) };
}
