/** Keeps the first page of a task list current from the live socket's row frames. A brain without watches is asked again instead. */
import { useEffect, useMemo, useReducer } from "preact/hooks";
import { live, type Frame } from "./live";
import { paused } from "./query";
import type { TaskFilter, Task } from "./tasks";
import { timeOf } from "./tasks";
import type { TaskState } from "./states";

type Counts = Partial<Record<TaskState, number>>;

/** So many rows are carried beside the list before it is begun anew from the page the brain keeps. */
const MOST_SEEN = 2000;
const newestFirst = (a: Task, b: Task) => (timeOf(a) < timeOf(b) ? 1 : timeOf(a) > timeOf(b) ? -1 : a.id < b.id ? 1 : -1);

/** What the frames of one watch say so far: the page as the brain has it, and what was seen since the list was read. */
export class WatchedPage {
  rows = new Map<string, Task>();
  seen = new Map<string, Task>();
  gone = new Set<string>();
  counts: Counts | null = null;
  approximate = false;
  cursor: string | undefined;
  nextCursor: string | null = null;
  on = false;
  /** Between what was seen and the page lie rows nobody told of: the list must begin anew. */
  gap = false;

  take(frame: Frame): void {
    const before = frame.reset && this.rows.size > 0 ? new Set(this.rows.keys()) : null;
    if (frame.reset) this.rows.clear();
    const cut = new Set((frame.cut as string[] | undefined) ?? []);
    for (const row of (frame.changed as Task[] | undefined) ?? []) {
      const old = this.seen.get(row.id);
      // Payloads that were too long for the frame stay as they were known.
      const whole = cut.has(row.id) && old ? { ...old, ...row, args: old.args, kwargs: old.kwargs, exception: old.exception, traceback: old.traceback, result: old.result } : row;
      this.rows.set(row.id, whole);
      this.gone.delete(row.id);
      if (old || this.seen.size < MOST_SEEN) this.seen.set(row.id, whole);
      else this.gap = true;
    }
    if (before && ![...before].some((id) => this.rows.has(id))) this.gap = true;
    let oldest = "";
    for (const row of this.rows.values()) if (!oldest || timeOf(row) < oldest) oldest = timeOf(row);
    for (const id of (frame.removed as string[] | undefined) ?? []) {
      const row = this.rows.get(id);
      this.rows.delete(id);
      // Pushed off the page by newer ones it still matches; one from the middle does not any more.
      if (row && timeOf(row) > oldest) {
        this.gone.add(id);
        this.seen.delete(id);
      }
    }
    if (frame.counts) {
      this.counts = frame.counts as Counts;
      this.approximate = frame.counts_approximate === true;
    }
    if (typeof frame.cursor === "string") this.cursor = frame.cursor;
    if (typeof frame.next_cursor === "string" || frame.next_cursor === null) this.nextCursor = frame.next_cursor as string | null;
    if (frame.more !== true) this.on = true;
  }

  /**
   * The rows of the list with what the frames said. While the reader holds something, rows change in place and only newer ones
   * come, on top; else all stand in the list's order. What is older than the list reaches is left to paging.
   */
  lay(list: readonly Task[] | undefined, hold: boolean): readonly Task[] {
    if (!list || (!this.seen.size && !this.gone.size)) return list ?? [...this.seen.values()].sort(newestFirst);
    const places = this.placesOf(list);
    let now = list.slice();
    if (this.gone.size) {
      const left = new Set([...this.gone].map((id) => places.get(id)).filter((at) => at !== undefined));
      if (left.size) now = now.filter((_, at) => !left.has(at));
    }
    const first = now[0] ? timeOf(now[0]) : "";
    const last = now.length ? timeOf(now[now.length - 1]!) : "";
    const others: Task[] = [];
    if (now.length === list.length) {
      for (const [id, row] of this.seen) {
        const at = places.get(id);
        if (at !== undefined) now[at] = row;
        else if (timeOf(row) >= (hold ? first : last)) others.push(row);
      }
    } else {
      now = now.map((t) => this.seen.get(t.id) ?? t);
      for (const [id, row] of this.seen) if (!places.has(id) && timeOf(row) >= (hold ? first : last)) others.push(row);
    }
    if (hold) return others.length ? [...others.sort(newestFirst), ...now] : now;
    return [...others, ...now].sort(newestFirst);
  }

  private places = new Map<string, number>();
  private placed: readonly Task[] = [];
  /** Where each row of the list stands; a list that only grew is not gone through again. */
  private placesOf(list: readonly Task[]): ReadonlyMap<string, number> {
    let at = list.length < this.placed.length ? 0 : this.placed.length;
    for (let i = 0; i < at; i++) if (list[i] !== this.placed[i]) at = 0;
    if (at === 0) this.places.clear();
    for (; at < list.length; at++) this.places.set(list[at]!.id, at);
    this.placed = list;
    return this.places;
  }

  /** The page alone, for a list that begins anew. */
  anew(): { rows: Task[]; cursor: string | null } {
    this.seen = new Map(this.rows);
    this.gone.clear();
    this.gap = false;
    return { rows: [...this.rows.values()].sort(newestFirst), cursor: this.nextCursor };
  }
}

export interface Watch {
  on: boolean;
  version: number;
  counts: Counts | null;
  approximate: boolean;
  lay: (list: readonly Task[] | undefined, hold: boolean) => readonly Task[];
  /** It is time to begin the list anew: with this, once the reader holds nothing. */
  isLong: boolean;
  anew: () => { rows: Task[]; cursor: string | null };
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
  return { on: page.on, version, counts: page.counts, approximate: page.approximate, lay: (list, hold) => page.lay(list, hold), isLong: page.on && (page.gap || page.seen.size > 500), anew: () => page.anew() };
}
