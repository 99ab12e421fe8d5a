/** A list as a grid: one tab stop, virtual rows, columns that leave by rank when room runs short, cards on a phone. */
import { Component, type ComponentChildren } from "preact";
import type { Signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { useKeys } from "../lib/keys";
import { narrow, rowHeight } from "../lib/settings";
import { Pill } from "./pill";

export interface Column<R> {
  id: string;
  head: string;
  /** Dim, after the head: "s", "/min". */
  unit?: string;
  /** Pixels; without it the column takes what is left, at least `min`. */
  width?: number;
  min?: number;
  num?: boolean;
  /** The higher, the sooner it leaves when room runs short; 0 never. */
  rank?: number;
  /** Not shown until somebody asks for it. */
  extra?: boolean;
  cell: (row: R) => ComponentChildren;
  /** For sorting in the browser and for files; lists that the brain orders leave `sort` off. */
  value?: (row: R) => string | number | null | undefined;
  sort?: boolean;
}

export interface TableProps<R> {
  label: string;
  rows: readonly R[];
  id: (row: R) => string;
  columns: readonly Column<R>[];
  /** The row the drawer shows. */
  current?: string;
  onCurrent?: (row: R | null) => void;
  /** Enter: the row's page. */
  onOpen?: (row: R) => void;
  selected?: Signal<ReadonlySet<string>>;
  /** `*`: all that match, not only those loaded. */
  onAll?: () => void;
  /** "name" or "-name". */
  sort?: string;
  onSort?: (sort: string) => void;
  rowClass?: (row: R) => string | undefined;
  /** The two lines of a card below 720 px. */
  card?: (row: R) => ComponentChildren;
  more?: (() => void) | null;
  loadingMore?: boolean;
  fresh?: { count: number; take: () => void };
  /** Set while the reader holds something: pointer inside, scrolled, focused. New rows wait then. */
  busy?: Signal<boolean>;
  foot?: ComponentChildren;
}

const CARD = 57;
const SELECT = 34;

/** Columns that fit: the flexible one needs its minimum, the others leave by rank. */
export function fit<R>(columns: readonly Column<R>[], width: number, extra: number): readonly Column<R>[] {
  let shown = [...columns];
  const needed = () => shown.reduce((sum, c) => sum + (c.width ?? c.min ?? 180), extra);
  while (width > 0 && needed() > width) {
    const last = shown.reduce<Column<R> | null>((worst, c) => ((c.rank ?? 0) > (worst?.rank ?? 0) ? c : worst), null);
    if (!last) break;
    shown = shown.filter((c) => c !== last);
  }
  return shown;
}

/** Those the address names (`cols`), or the usual ones. */
export function chosen<R>(columns: readonly Column<R>[], names: string): readonly Column<R>[] {
  if (!names) return columns.filter((c) => !c.extra);
  const wanted = names.split(",");
  const found = columns.filter((c) => wanted.includes(c.id));
  return found.length ? found : columns.filter((c) => !c.extra);
}

export function sorted<R>(rows: readonly R[], columns: readonly Column<R>[], sort: string | undefined): readonly R[] {
  const down = sort?.startsWith("-");
  const value = columns.find((c) => c.id === sort?.replace(/^-/, ""))?.value;
  if (!value) return rows;
  return [...rows].sort((a, b) => {
    const x = value(a) ?? null;
    const y = value(b) ?? null;
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1; // nothing comes last, either way
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y), "en", { numeric: true });
    return down ? -order : order;
  });
}

/** Rows drawn beyond what is seen, each way. */
const AROUND = 10;
/** Pixels left below a row that is scrolled to. */
const BELOW = 8;
/** The rows to draw. All are of one height, so nothing is measured or kept for each: a list may have a hundred thousand. */
function useWindow(count: number, size: number, box: { current: HTMLElement | null }, body: { current: HTMLElement | null }) {
  const [view, setView] = useState({ from: 0, to: 40 });
  const look = useRef(() => {});
  look.current = () => {
    const el = box.current;
    if (!el) return;
    const from = Math.max(0, Math.floor(el.scrollTop / size) - AROUND);
    const to = Math.ceil((el.scrollTop + el.clientHeight) / size) + AROUND;
    setView((v) => (v.from === from && v.to === to ? v : { from, to }));
  };
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    const scrolled = () => look.current();
    const seen = new ResizeObserver(scrolled);
    seen.observe(el);
    el.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      seen.disconnect();
      el.removeEventListener("scroll", scrolled);
    };
  }, []);
  useLayoutEffect(() => look.current(), [size, count]);
  const from = Math.min(view.from, Math.max(0, count - 1));
  const items = Array.from({ length: Math.max(0, Math.min(view.to, count) - from) }, (_, i) => from + i);
  const reveal = (index: number) => {
    const el = box.current;
    if (!el) return;
    const head = body.current?.offsetTop ?? 0; // stays on top of what scrolls
    const top = index * size;
    if (top < el.scrollTop) el.scrollTop = top;
    else if (top + size + head + BELOW > el.scrollTop + el.clientHeight) el.scrollTop = top + size + head + BELOW - el.clientHeight;
  };
  return { items, reveal };
}

export function Table<R>(props: TableProps<R>) {
  const { rows, id, selected, onCurrent, onOpen, current } = props;
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [cursor, setCursor] = useState<string | null>(current || null);
  const anchor = useRef<string | null>(null);
  const inside = useRef(false);
  const cards = narrow.value && !!props.card;
  const size = cards ? CARD : rowHeight.value;
  const body = useRef<HTMLDivElement>(null);
  const { items, reveal } = useWindow(rows.length, size, box, body);

  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    const seen = new ResizeObserver(() => setWidth(el.clientWidth));
    seen.observe(el);
    setWidth(el.clientWidth);
    return () => seen.disconnect();
  }, []);
  useEffect(() => {
    if (current) setCursor(current); // closed, the reader stays where they were
  }, [current]);

  const shown = useMemo(() => fit(props.columns, width, selected ? SELECT : 0), [props.columns, width, !!selected]);
  const template = `${selected ? SELECT + "px " : ""}${shown.map((c) => (c.width ? c.width + "px" : `minmax(${Math.min(c.min ?? 120, 120)}px, 1fr)`)).join(" ")}`;
  const at = useMemo(() => (cursor === null ? -1 : rows.findIndex((r) => id(r) === cursor)), [rows, cursor]);
  const tell = () => {
    if (props.busy) props.busy.value = inside.current || (box.current?.scrollTop ?? 0) > 4 || !!current || (selected?.peek().size ?? 0) > 0;
  };
  useEffect(tell, [current, selected?.value]);

  const moveTo = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (!row) return;
    setCursor(id(row));
    if (document.activeElement === document.body) box.current?.focus({ preventScroll: true });
    reveal(Math.max(0, Math.min(rows.length - 1, index)));
    if (current) onCurrent?.(row); // the drawer follows
  };
  const toggle = (index: number, range: boolean) => {
    const row = rows[index];
    if (!row || !selected) return;
    const next = new Set(selected.peek());
    const from = range && anchor.current !== null ? rows.findIndex((r) => id(r) === anchor.current) : index;
    const on = range ? true : !next.has(id(row));
    for (let i = Math.min(from < 0 ? index : from, index); i <= Math.max(from < 0 ? index : from, index); i++) {
      const one = rows[i];
      if (one) next[on ? "add" : "delete"](id(one));
    }
    anchor.current = id(row);
    selected.value = next;
  };
  const page = Math.max(1, Math.floor((box.current?.clientHeight ?? 400) / size) - 2);
  const withRow = (act: (row: R) => void) => () => rows[at] && act(rows[at]);

  useKeys({
    j: () => moveTo(at + 1),
    k: () => moveTo(at < 0 ? 0 : at - 1),
    ...(current ? { "]": () => moveTo(at + 1), "[": () => moveTo(at - 1) } : {}),
    ...(selected ? { x: () => toggle(at, false), X: () => toggle(at, true) } : {}),
    ...(props.onAll ? { "*": props.onAll } : {}),
    ...(at >= 0 && onOpen ? { Enter: withRow(onOpen) } : {}),
    ...(at >= 0 && onCurrent ? { o: withRow(onCurrent) } : {}),
  });
  const inGrid = (event: KeyboardEvent) => {
    const steps: Record<string, () => void> = {
      ArrowDown: () => moveTo(at + 1),
      ArrowUp: () => moveTo(at < 0 ? 0 : at - 1),
      PageDown: () => moveTo(at + page),
      PageUp: () => moveTo(at - page),
      Home: () => moveTo(0),
      End: () => moveTo(rows.length - 1),
      " ": () => (selected ? toggle(at, event.shiftKey) : at >= 0 && rows[at] && onCurrent?.(rows[at])),
    };
    const step = event.ctrlKey || event.metaKey || event.altKey ? undefined : steps[event.key];
    if (!step || event.target !== box.current) return;
    event.preventDefault();
    step();
  };

  const acts = useRef<RowActs<R>>({} as RowActs<R>);
  Object.assign(acts.current, {
    toggle,
    click: (row: R, index: number, shift: boolean) => {
      setCursor(id(row));
      if (shift && selected) toggle(index, true);
      else if (cards && onOpen) onOpen(row);
      else onCurrent?.(row);
    },
    open: (row: R) => onOpen?.(row),
  });
  const lastIndex = items[items.length - 1] ?? 0;
  useEffect(() => {
    if (props.more && !props.loadingMore && rows.length > 0 && lastIndex >= rows.length - 20) props.more();
  }, [lastIndex, rows.length, props.more, props.loadingMore]);

  const sortDown = props.sort?.startsWith("-");
  const sortBy = props.sort?.replace(/^-/, "");
  const all = selected && rows.length > 0 && rows.every((r) => selected.value.has(id(r)));
  return (
    <div class="tbl">
      {!!props.fresh?.count && <Pill count={props.fresh.count} onTake={props.fresh.take} />}
      <div
        ref={box}
        class="grid"
        role="grid"
        aria-label={props.label}
        aria-rowcount={props.more ? -1 : rows.length + 1}
        aria-multiselectable={selected ? true : undefined}
        aria-activedescendant={at >= 0 && items.includes(at) ? `row-${at}` : undefined}
        tabIndex={0}
        onKeyDown={inGrid}
        onFocus={(event) => event.target === box.current && at < 0 && rows[0] && setCursor(id(rows[0]))}
        onScroll={tell}
        onMouseEnter={() => ((inside.current = true), tell())}
        onMouseLeave={() => ((inside.current = false), tell())}
      >
        <div class={cards ? "tr head vh" : "tr head"} role="row" aria-rowindex={1} style={{ gridTemplateColumns: template }}>
          {selected && (
            <div class="th pick-cell" role="columnheader">
              <Tick on={!!all} label="Select all that are loaded" onToggle={() => (selected.value = all ? new Set() : new Set(rows.map(id)))} />
            </div>
          )}
          {shown.map((c) => (
            <div key={c.id} class={c.num ? "th num" : "th"} role="columnheader" aria-sort={c.sort && sortBy === c.id ? (sortDown ? "descending" : "ascending") : undefined}>
              {c.sort && props.onSort ? (
                <button type="button" tabIndex={-1} onClick={() => props.onSort?.(sortBy === c.id && !sortDown ? "-" + c.id : c.id)}>
                  {c.head}
                  {sortBy === c.id && <span class="sort"> {sortDown ? "↓" : "↑"}</span>}
                </button>
              ) : (
                c.head
              )}
              {c.unit && <small> {c.unit}</small>}
            </div>
          ))}
        </div>
        <div ref={body} class="tbody" role="rowgroup" style={{ height: `${rows.length * size}px` }}>
          {items.map((index) => {
            const row = rows[index];
            if (row === undefined) return null;
            const key = id(row);
            return (
              <Row
                key={key}
                row={row}
                index={index}
                start={index * size}
                size={size}
                template={template}
                shown={shown}
                card={cards ? props.card : undefined}
                name={`tr${cards ? " card" : ""}${cursor === key ? " at" : ""}${current === key ? " open" : ""}${selected?.value.has(key) ? " on" : ""} ${props.rowClass?.(row) ?? ""}`}
                tick={selected ? selected.value.has(key) : undefined}
                picked={selected ? selected.value.has(key) : current !== undefined ? current === key : undefined}
                acts={acts.current}
              />
            );
          })}
        </div>
        {props.loadingMore && <p class="more-rows q small">Reading older ones…</p>}
        {props.foot}
      </div>
    </div>
  );
}

interface RowActs<R> {
  toggle: (index: number, range: boolean) => void;
  click: (row: R, index: number, shift: boolean) => void;
  open: (row: R) => void;
}
interface RowProps<R> {
  row: R;
  index: number;
  start: number;
  size: number;
  template: string;
  shown: readonly Column<R>[];
  card?: (row: R) => ComponentChildren;
  name: string;
  tick: boolean | undefined;
  picked: boolean | undefined;
  acts: RowActs<R>;
}

/** Drawn again only when something of it changed: scrolling draws the rows that come, not those that stay. */
class Row<R> extends Component<RowProps<R>> {
  override shouldComponentUpdate(next: RowProps<R>) {
    const now = this.props;
    return (Object.keys(next) as (keyof RowProps<R>)[]).some((k) => next[k] !== now[k]);
  }
  override render() {
    const { row, index, start, size, template, shown, card, name, tick, picked, acts } = this.props;
    return (
      <div
        id={`row-${index}`}
        class={name}
        role="row"
        aria-rowindex={index + 2}
        aria-selected={picked}
        style={{ transform: `translateY(${start}px)`, height: `${size}px`, gridTemplateColumns: card ? undefined : template }}
        onClick={(event) => {
          if (!event.defaultPrevented && !(event.target as Element).closest("a,button,input")) acts.click(row, index, event.shiftKey);
        }}
        onDblClick={() => acts.open(row)}
      >
        {card ? (
          <div role="gridcell" class="card-cell">
            {card(row)}
          </div>
        ) : (
          <>
            {tick !== undefined && (
              <div class="td pick-cell" role="gridcell">
                <Tick on={tick} label="Select" onToggle={(range) => acts.toggle(index, range)} />
              </div>
            )}
            {shown.map((c) => (
              <div key={c.id} class={c.num ? "td num" : "td"} role="gridcell">
                {c.cell(row)}
              </div>
            ))}
          </>
        )}
      </div>
    );
  }
}

function Tick({ on, label, onToggle }: { on: boolean; label: string; onToggle: (range: boolean) => void }) {
  return (
    <span class="tick" onClick={(event) => (event.preventDefault(), event.stopPropagation(), onToggle(event.shiftKey))}>
      <input type="checkbox" tabIndex={-1} checked={on} aria-label={label} />
    </span>
  );
}
