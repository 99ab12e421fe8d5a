/** A time chart: legend, table twin, picture and CSV. uPlot comes only when one is shown. */
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { theme, zone } from "../lib/settings";
import { save } from "../lib/save";
import { clock, full } from "../lib/time";
import { Icon } from "./icons";
import { Seg } from "./panels";

export interface Series {
  label: string;
  values: readonly (number | null)[];
  /** A name of tokens.css: --fill-done, --accent, --ink-2. */
  color: string;
  bars?: boolean;
  dash?: boolean;
  format?: (n: number) => string;
}
export interface ChartProps {
  label: string;
  /** Milliseconds. */
  times: readonly number[];
  series: readonly Series[];
  height?: number;
  marks?: readonly { at: number; label: string }[];
  onRange?: (range: [number, number]) => void;
}

const plain = (n: number) => n.toLocaleString("en");
const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A spreadsheet must not take a text of data for a formula. */
export const csvCell = (value: unknown): string => {
  const text = value === null || value === undefined ? "" : typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? "'" + value : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
};

export function Chart({ label, times, series, height = 180, marks = [], onRange }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [twin, setTwin] = useState<"chart" | "table">("chart");
  const [off, setOff] = useState<ReadonlySet<string>>(new Set());
  const look = theme.value;
  const z = zone.value;

  useEffect(() => {
    if (twin !== "chart" || !box.current) return;
    let gone = false;
    let seen: ResizeObserver | undefined;
    void Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]).then(([{ default: UPlot }]) => {
      const host = box.current;
      if (gone || !host) return;
      const line = token("--line");
      const ink = token("--ink-3");
      const font = `11px ${token("--font")}`;
      const axis = { stroke: ink, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, border: { show: false } };
      const options: uPlot.Options = {
        width: host.clientWidth,
        height,
        legend: { show: false },
        cursor: { drag: { x: !!onRange, y: false, setScale: false }, points: { size: 5 } },
        axes: [
          { ...axis, size: 28, values: (_, at) => at.map((s) => clock(s * 1000, z === "relative" ? "local" : z).slice(-8, -3)) },
          { ...axis, size: 56, values: (_, at) => at.map((n) => (series[0]?.format ?? plain)(n)) },
        ],
        scales: { y: { range: (_, __, max) => [0, (max || 1) * 1.05] } },
        series: [
          {},
          ...series.map((s) => ({
            label: s.label,
            show: !off.has(s.label),
            stroke: token(s.color),
            fill: s.bars ? token(s.color) : undefined,
            width: s.bars ? 0 : 1.5,
            dash: s.dash ? [3, 3] : undefined,
            points: { show: false },
            paths: s.bars ? UPlot.paths.bars!({ size: [0.85, 40] }) : undefined,
          })),
        ],
        hooks: {
          setSelect: [(u) => onRange && u.select.width > 3 && onRange([u.posToVal(u.select.left, "x") * 1000, u.posToVal(u.select.left + u.select.width, "x") * 1000])],
          draw: [
            (u) => {
              u.ctx.save();
              u.ctx.strokeStyle = token("--accent");
              u.ctx.fillStyle = ink;
              u.ctx.font = font;
              u.ctx.textAlign = "left";
              u.ctx.setLineDash([2, 2]);
              for (const m of marks) {
                const x = Math.round(u.valToPos(m.at / 1000, "x", true));
                u.ctx.beginPath();
                u.ctx.moveTo(x, u.bbox.top);
                u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
                u.ctx.stroke();
                u.ctx.fillText(m.label.slice(0, 24), x + 4, u.bbox.top + 10);
              }
              u.ctx.restore();
            },
          ],
        },
      };
      host.replaceChildren();
      plot.current = new UPlot(options, [times.map((t) => t / 1000), ...series.map((s) => [...s.values])] as uPlot.AlignedData, host);
      seen = new ResizeObserver(() => plot.current?.setSize({ width: host.clientWidth, height }));
      seen.observe(host);
    });
    return () => {
      gone = true;
      seen?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [twin, times, series, marks, height, look, z, off]);

  const csv = () => {
    const rows = [["time", ...series.map((s) => s.label)], ...times.map((t, i) => [new Date(t).toISOString(), ...series.map((s) => s.values[i])])];
    save("chart.csv", new Blob([rows.map((r) => r.map(csvCell).join(",")).join("\r\n") + "\r\n"], { type: "text/csv" }));
  };
  const png = () => plot.current?.ctx.canvas.toBlob((blob) => blob && save("chart.png", blob));
  return (
    <figure class="chart" aria-label={label}>
      <figcaption>
        {series.map((s) => (
          <button type="button" class="key-button" key={s.label} aria-pressed={!off.has(s.label)} onClick={() => setOff(new Set(off.has(s.label) ? [...off].filter((l) => l !== s.label) : [...off, s.label]))}>
            <svg viewBox="0 0 8 8" aria-hidden="true">
              <rect width="8" height="8" rx="2" style={{ fill: `var(${s.color})` }} />
            </svg>
            {s.label}
          </button>
        ))}
        <span class="push row">
          <Seg label="Shown as" value={twin} onChange={setTwin} options={[{ id: "chart", title: "Chart" }, { id: "table", title: "Table" }]} />
          {twin === "chart" && (
            <button type="button" class="ib" aria-label="Save as picture" title="Save as picture" onClick={png}>
              <Icon name="chart" />
            </button>
          )}
          <button type="button" class="ib" aria-label="Save as CSV" title="Save as CSV" onClick={csv}>
            <Icon name="download" />
          </button>
        </span>
      </figcaption>
      {twin === "chart" ? (
        <div ref={box} class="chart-box" style={{ height: `${height}px` }} role="img" aria-label={`${label}. The table has the same numbers.`} />
      ) : (
        <div class="chart-table" style={{ maxHeight: `${Math.max(height, 160)}px` }} tabIndex={0} role="region" aria-label={`${label}, numbers`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map((s) => (
                  <th scope="col" class="num" key={s.label}>
                    {s.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((t, i) => (
                <tr key={t}>
                  <td title={full(t, z)}>{clock(t, z === "relative" ? "local" : z)}</td>
                  {series.map((s) => {
                    const v = s.values[i];
                    return (
                      <td class="num" key={s.label}>
                        {v === null || v === undefined ? "" : (s.format ?? plain)(v)}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </figure>
  );
}
