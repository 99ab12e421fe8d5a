/** Data with its age. One entry per key, shared by all who look at it; gone a while after the last one left. */
import { signal, type ReadonlySignal, type Signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { ApiError, Page } from "../api/client";
import { live, type Topic } from "./live";

export interface Datum<T> {
  value: T | undefined;
  error: ApiError | null;
  /** When the answer came (milliseconds). Every number can show it. */
  at: number;
  loading: boolean;
}
export interface Watching {
  /** Asked again when the live socket tells of such a change. */
  topics?: readonly Topic[];
  /** Asked again after so long, while the tab is seen. */
  everyMs?: number;
  /** Not asked again sooner than this after an answer, whatever changes (a second). */
  leastMs?: number;
}

interface Entry {
  key: string;
  data: Signal<Datum<unknown>>;
  load: (signal: AbortSignal) => Promise<unknown>;
  users: number;
  watching: Watching;
  asking: AbortController | null;
  stale: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
  soon: ReturnType<typeof setTimeout> | undefined;
  leaving: ReturnType<typeof setTimeout> | undefined;
}
const entries = new Map<string, Entry>();
const KEEP_MS = 30_000;
const MOST = 200;

/** `.` pauses what moves by itself; asking by hand still works. */
export const paused = signal(false);
paused.subscribe((held) => {
  if (!held) for (const entry of entries.values()) if (entry.stale) run(entry);
});

const hidden = () => typeof document !== "undefined" && document.visibilityState === "hidden";

function plan(entry: Entry): void {
  clearTimeout(entry.timer);
  if (!entry.watching.everyMs || entry.users === 0) return;
  entry.timer = setTimeout(() => touch(entry), entry.watching.everyMs);
}

/** Something changed: ask again, or once the tab is seen and not paused. */
function touch(entry: Entry): void {
  if (entry.users === 0 || hidden() || paused.value) {
    entry.stale = true;
    return;
  }
  entry.stale = true;
  if (!entry.asking) later(entry); // else once more after this answer
}

function later(entry: Entry): void {
  const due = entry.data.peek().at + (entry.watching.leastMs ?? 1000) - Date.now();
  if (due <= 0) return run(entry);
  entry.soon ??= setTimeout(() => {
    entry.soon = undefined;
    if (entry.stale) touch(entry);
  }, due);
}

function run(entry: Entry): void {
  entry.asking?.abort();
  const asking = new AbortController();
  entry.asking = asking;
  entry.stale = false;
  entry.data.value = { ...entry.data.peek(), loading: true };
  entry.load(asking.signal).then(
    (value) => {
      if (entry.asking === asking) entry.data.value = { value, error: null, at: Date.now(), loading: false };
    },
    (error: ApiError) => {
      if (entry.asking === asking) entry.data.value = { ...entry.data.peek(), error, loading: false };
    },
  ).finally(() => {
    if (entry.asking !== asking) return;
    entry.asking = null;
    plan(entry);
    if (entry.stale) later(entry);
  });
}

function drop(entry: Entry): void {
  entry.asking?.abort();
  clearTimeout(entry.timer);
  if (entries.get(entry.key) === entry) entries.delete(entry.key);
}

live.onChange((topic) => {
  for (const entry of entries.values()) if (entry.watching.topics?.includes(topic)) touch(entry);
});
if (typeof document !== "undefined")
  document.addEventListener("visibilitychange", () => {
    if (!hidden()) for (const entry of entries.values()) if (entry.users && (entry.stale || entry.watching.everyMs)) touch(entry);
  });

/** Signed out, or another project: nothing of before may show. */
export function forgetAll(): void {
  for (const entry of [...entries.values()]) drop(entry);
}

/** After an act of ours: what it changed is asked again at once. `prefix` of the keys. */
export function refresh(prefix: string): void {
  for (const entry of entries.values()) if (entry.key.startsWith(prefix) && entry.users) run(entry);
}

const nothing: ReadonlySignal<Datum<unknown>> = signal({ value: undefined, error: null, at: 0, loading: false });

export interface Answer<T> extends Datum<T> {
  refresh: () => void;
}

/** `key` names what is asked for, filter and all; null asks nothing. Another key drops the former question. */
export function useQuery<T>(key: string | null, load: (signal: AbortSignal) => Promise<T>, watching: Watching = {}): Answer<T> {
  const entry = useMemo(() => {
    if (key === null) return null;
    const old = entries.get(key);
    if (old) return old;
    for (const other of entries.values()) if (entries.size >= MOST && other.users === 0) drop(other);
    const made: Entry = { key, data: signal<Datum<unknown>>({ value: undefined, error: null, at: 0, loading: true }), load, users: 0, watching, asking: null, stale: false, timer: undefined, soon: undefined, leaving: undefined };
    entries.set(key, made);
    return made;
  }, [key]);
  if (entry) {
    entry.load = load;
    entry.watching = watching;
  }
  useEffect(() => {
    if (!entry) return;
    entries.set(entry.key, entry);
    entry.users++;
    clearTimeout(entry.leaving);
    if (entry.asking === null && (entry.data.peek().at === 0 || entry.stale || Date.now() - entry.data.peek().at > 1000)) run(entry);
    else plan(entry);
    return () => {
      if (--entry.users > 0) return;
      clearTimeout(entry.timer);
      entry.asking?.abort();
      entry.asking = null;
      entry.leaving = setTimeout(() => entry.users === 0 && drop(entry), KEEP_MS);
    };
  }, [entry]);
  const data = (entry?.data ?? nothing).value as Datum<T>;
  return { ...data, refresh: () => entry && run(entry) };
}

export interface Pages<T> extends Datum<T[]> {
  /** Another page is there. */
  more: (() => void) | null;
  loadingMore: boolean;
  searchedUntil: string | null;
  refresh: () => void;
  /** The list begins anew with these rows. */
  replace: (rows: T[], cursor: string | null) => void;
}

/** A first page laid over old rows: those that stay keep their place, new ones come first, those that left its span are gone. */
export function merge<T>(old: readonly T[], first: readonly T[], id: (row: T) => string): T[] {
  const fresh = new Map(first.map((row) => [id(row), row]));
  const known = new Set(old.map(id));
  const end = old.reduce((last, row, at) => (fresh.has(id(row)) ? at : last), -1);
  return [...first.filter((row) => !known.has(id(row))), ...old.filter((row, at) => at > end || fresh.has(id(row))).map((row) => fresh.get(id(row)) ?? row)];
}

interface Held<T> {
  rows: T[];
  /** Of the rows; grows with them. */
  ids: Set<string>;
  cursor: string | null;
  searchedUntil: string | null;
}
const MOST_ROWS = 100_000;

/** A keyset-paged list: the first page is asked again as it changes, further ones when somebody scrolls there. */
export function usePages<T>(key: string | null, load: (cursor: string | undefined, signal: AbortSignal) => Promise<Page<T>>, id: (row: T) => string, watching: Watching = {}): Pages<T> {
  const held = useMemo(() => ({ list: signal<Held<T> | null>(null), busy: signal(false), error: signal<ApiError | null>(null), asking: null as AbortController | null }), [key]);
  useEffect(() => () => held.asking?.abort(), [held]);
  const begun = (rows: T[], cursor: string | null, searchedUntil: string | null): Held<T> => ({ rows, ids: new Set(rows.map(id)), cursor, searchedUntil });
  const first = useQuery<Page<T>>(key, (signal) => load(undefined, signal), watching);
  useEffect(() => {
    if (!first.value) return;
    const old = held.list.peek();
    held.list.value =
      old && old.rows.length > first.value.items.length
        ? begun(merge(old.rows, first.value.items, id), old.cursor, old.searchedUntil)
        : begun(first.value.items, first.value.next_cursor, first.value.searched_until ?? null);
  }, [first.value, held]);
  const list = held.list.value;
  const cursor = list?.cursor ?? null;
  const more = () => {
    if (!cursor || held.busy.peek()) return;
    held.busy.value = true;
    held.error.value = null;
    const asking = (held.asking = new AbortController());
    load(cursor, asking.signal)
      .then(
        (page) => {
          const now = held.list.peek();
          if (!now) return;
          const come = page.items.filter((row) => !now.ids.has(id(row)));
          for (const row of come) now.ids.add(id(row));
          held.list.value = { rows: [...now.rows, ...come], ids: now.ids, cursor: page.next_cursor, searchedUntil: page.searched_until ?? null };
        },
        (error: ApiError) => {
          if (!asking.signal.aborted) held.error.value = error;
        },
      )
      .finally(() => (held.busy.value = false));
  };
  return {
    value: list?.rows,
    error: held.error.value ?? first.error,
    at: first.at,
    loading: first.loading && !list,
    loadingMore: held.busy.value,
    more: cursor && (list?.rows.length ?? 0) < MOST_ROWS ? more : null,
    searchedUntil: list?.searchedUntil ?? null,
    refresh: () => {
      held.list.value = null;
      first.refresh();
    },
    replace: (rows, next) => {
      held.asking?.abort();
      held.list.value = begun(rows, next, null);
    },
  };
}
