/** Small charts drawn as SVG: a spark line, a meter, and the stacked bars with a brush over time. */
import { useRef } from "preact/hooks";
import { clock, count } from "../lib/time";
import { zone } from "../lib/settings";
import type { Look } from "../lib/states";

export type Tone = "ink" | "fail" | "retry" | "run" | "done";

/** `label` says what it shows; the number it belongs to stands beside it. */
export function Spark({ values, tone = "ink", label, limit, mark, height = 20, max }: { values: readonly (number | null)[]; tone?: Tone; label: string; limit?: number; mark?: number; height?: number; max?: number }) {
  const numbers = values.map((v) => v ?? 0);
  const top = (max ?? Math.max(...numbers, limit ?? 0, 0)) * 1.08 || 1;
  const W = 200;
  const x = (i: number) => 2 + (i * (W - 8)) / Math.max(1, numbers.length - 1);
  const y = (v: number) => height - 2 - (v / top) * (height - 6);
  const line = numbers.map((v, i) => `${i ? "L" : "M"}${x(i).toFixed(1)} ${y(v).toFixed(1)}`).join("");
  const last = numbers.length - 1;
  return (
    <svg class={`spark t-${tone}`} viewBox={`0 0 ${W} ${height}`} height={height} preserveAspectRatio="none" role="img" aria-label={label}>
      {limit !== undefined && <line x1="0" x2={W} y1={y(limit)} y2={y(limit)} class="ch-limit" />}
      {mark !== undefined && <line x1={x(mark)} x2={x(mark)} y1="0" y2={height} class="ch-deploy" />}
      {numbers.length > 1 && (
        <>
          <path d={`${line}L${x(last)} ${height}L${x(0)} ${height}Z`} class="ch-area" />
          <path d={line} class="ch-line" />
          <path d={`M${x(last).toFixed(1)} ${y(numbers[last] ?? 0).toFixed(1)}h0`} class="ch-end" />
        </>
      )}
    </svg>
  );
}

export function Meter({ part, look = "run", label }: { part: number; look?: Look | "accent"; label: string }) {
  const width = Math.max(0, Math.min(1, part)) * 100;
  return (
    <svg class="meter" role="img" aria-label={label} preserveAspectRatio="none" viewBox="0 0 100 6">
      <rect width={width} height="6" class={`f-${look}`} />
    </svg>
  );
}

export interface Bar {
  t: number;
  /** From the base line up: failures first, so that their height can be compared. */
  parts: { look: Look; n: number }[];
}
export interface BrushProps {
  bars: readonly Bar[];
  from: number;
  until: number;
  bucketMs: number;
  /** The chosen range, when there is one. */
  range: [number, number] | null;
  onRange: (range: [number, number] | null) => void;
  marks?: readonly { at: number; label: string }[];
  label: string;
}
const BASE: readonly Look[] = ["fail", "retry", "stop", "run", "wait", "done"];

/** Stacked bars over time; drag to choose a range, or move its handles by arrow keys. Each bar tells its numbers. */
export function Brush({ bars, from, until, bucketMs, range, onRange, marks = [], label }: BrushProps) {
  const box = useRef<HTMLDivElement>(null);
  const length = Math.max(1, until - from);
  const top = Math.max(1, ...bars.map((b) => b.parts.reduce((sum, p) => sum + p.n, 0))) * 1.05;
  const place = (t: number) => Math.max(0, Math.min(100, ((t - from) / length) * 100));
  const timeAt = (clientX: number) => {
    const rect = box.current!.getBoundingClientRect();
    const t = from + ((clientX - rect.left) / rect.width) * length;
    return from + Math.round((Math.max(from, Math.min(until, t)) - from) / bucketMs) * bucketMs;
  };
  const drag = (event: PointerEvent, fixed?: number) => {
    if (event.button !== 0 || !box.current) return;
    event.preventDefault();
    const startX = event.clientX;
    const start = fixed ?? timeAt(startX);
    const host = box.current;
    host.setPointerCapture(event.pointerId);
    let moved = fixed !== undefined;
    let last: [number, number] | null = null;
    const move = (e: PointerEvent) => {
      if (Math.abs(e.clientX - startX) > 4) moved = true;
      if (!moved) return;
      const other = timeAt(e.clientX);
      if (other === start) return;
      last = [Math.min(start, other), Math.max(start, other)];
      show(last);
    };
    const end = (e: PointerEvent) => {
      host.removeEventListener("pointermove", move);
      host.removeEventListener("pointerup", end);
      host.removeEventListener("pointercancel", end);
      show(null);
      if (e.type === "pointercancel") return;
      if (last) onRange(last);
      else if (!moved) {
        const one = from + Math.floor((timeAt(startX) - from) / bucketMs) * bucketMs;
        onRange(range ? null : [one, one + bucketMs]);
      }
    };
    host.addEventListener("pointermove", move);
    host.addEventListener("pointerup", end);
    host.addEventListener("pointercancel", end);
  };
  const ghost = useRef<HTMLDivElement>(null);
  const show = (r: [number, number] | null) => {
    if (!ghost.current) return;
    ghost.current.hidden = !r;
    if (!r) return;
    ghost.current.style.left = place(r[0]) + "%";
    ghost.current.style.width = place(r[1]) - place(r[0]) + "%";
  };
  const step = (edge: 0 | 1) => (event: KeyboardEvent) => {
    if (!range || (event.key !== "ArrowLeft" && event.key !== "ArrowRight")) return;
    event.preventDefault();
    const next: [number, number] = [...range];
    next[edge] += (event.key === "ArrowRight" ? 1 : -1) * bucketMs * (event.shiftKey ? 5 : 1);
    next[edge] = Math.max(from, Math.min(until, next[edge]));
    if (next[0] < next[1]) onRange(next);
  };
  const z = zone.value;
  const edge = (t: number) => clock(t, z).replace(/:\d\d$/, "");
  const words = (bar: Bar) => `${clock(bar.t, z)}: ${bar.parts.filter((p) => p.n).map((p) => `${count(p.n)} ${p.look}`).join(", ") || "nothing"}`;
  return (
    <div class="brush" ref={box} role="group" aria-label={label} onPointerDown={drag}>
      <svg viewBox={`0 0 100 100`} preserveAspectRatio="none" aria-hidden="true">
        {bars.map((bar) => {
          let y = 100;
          const x = place(bar.t);
          const w = Math.max(0.1, place(bar.t + bucketMs) - x);
          const dim = range && (bar.t + bucketMs <= range[0] || bar.t >= range[1]);
          return (
            <g key={bar.t} class={dim ? "dim" : undefined}>
              <title>{words(bar)}</title>
              {BASE.map((look) => {
                const n = bar.parts.reduce((sum, p) => (p.look === look ? sum + p.n : sum), 0);
                if (!n) return null;
                const h = (n / top) * 100;
                y -= h;
                return <rect key={look} x={x + w * 0.06} y={y} width={w * 0.88} height={h} class={`f-${look}`} />;
              })}
            </g>
          );
        })}
      </svg>
      {marks.map((m) => (
        <div class="brush-mark" key={m.at} style={{ left: place(m.at) + "%" }}>
          <span>{m.label}</span>
        </div>
      ))}
      <span class="edge l">{edge(from)}</span>
      <span class="edge r">{edge(until)}</span>
      {range && (
        <>
          <div class="brush-range" style={{ left: place(range[0]) + "%", width: place(range[1]) - place(range[0]) + "%" }} />
          {([0, 1] as const).map((edge) => (
            <span
              key={edge}
              class="grip"
              role="slider"
              tabIndex={0}
              aria-label={edge ? "Until" : "From"}
              aria-valuemin={from}
              aria-valuemax={until}
              aria-valuenow={range[edge]}
              aria-valuetext={clock(range[edge], z)}
              style={{ left: place(range[edge]) + "%" }}
              onKeyDown={step(edge)}
              onPointerDown={(event) => {
                event.stopPropagation();
                drag(event, range[edge ? 0 : 1]);
              }}
            />
          ))}
        </>
      )}
      <div class="brush-range" ref={ghost} hidden />
    </div>
  );
}
