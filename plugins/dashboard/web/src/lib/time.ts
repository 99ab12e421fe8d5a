/** Times as people read them: ages, spans, clocks in the zone that was chosen. */
import { signal } from "@preact/signals";
import type { Zone } from "./settings";

/** Ticks once a second while the tab is seen. */
export const now = signal(Date.now());
setInterval(() => {
  if (typeof document === "undefined" || document.visibilityState !== "hidden") now.value = Date.now();
}, 1000);

const two = (n: number) => String(n).padStart(2, "0");

/** 4 ms, 640 ms, 30.1 s, 11 m 20 s, 2 h 05 m, 6 d 4 h. */
export function span(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "";
  const sign = ms < 0 ? "−" : "";
  const n = Math.abs(ms);
  if (n < 1000) return `${sign}${Math.round(n)} ms`;
  if (n < 59_950) return `${sign}${(n / 1000).toFixed(1)} s`;
  const s = Math.round(n / 1000);
  if (s < 3600) return `${sign}${Math.floor(s / 60)} m ${two(s % 60)} s`;
  if (s < 86_400) return `${sign}${Math.floor(s / 3600)} h ${two(Math.floor((s % 3600) / 60))} m`;
  return `${sign}${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

/** Whole seconds and coarser, for ages that tick: 0 s, 48 s, 11 m, 4 h, 6 d. */
export function age(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86_400)} d`;
}

function parts(at: Date, zone: Zone): { date: string; time: string; ms: string } {
  return zone === "utc"
    ? { date: at.toISOString().slice(0, 10), time: at.toISOString().slice(11, 19), ms: at.toISOString().slice(19, 23) }
    : { date: `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`, time: `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`, ms: "." + String(at.getMilliseconds()).padStart(3, "0") };
}

/** 14:02:11 today, 2026-11-26 14:02:11 on other days. */
export function clock(iso: string | number | null | undefined, zone: Zone, today = Date.now(), withMs = false): string {
  if (iso === null || iso === undefined || iso === "") return "";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const a = parts(at, zone);
  const time = withMs ? a.time + a.ms : a.time;
  return a.date === parts(new Date(today), zone).date ? time : `${a.date} ${time}`;
}

/** What a tooltip and a copied line say: the whole time, with its zone. */
export function full(iso: string | number, zone: Zone): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const a = parts(at, zone === "relative" ? "utc" : zone);
  if (zone !== "local") return `${a.date} ${a.time}${a.ms} UTC`;
  const minutes = -at.getTimezoneOffset();
  return `${a.date} ${a.time}${a.ms} UTC${minutes < 0 ? "−" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** As the zone says: a clock, or "2 m ago". */
export function when(iso: string | number, zone: Zone, today: number): string {
  if (zone !== "relative") return clock(iso, zone, today);
  const ms = today - new Date(iso).getTime();
  return ms < -1000 ? `in ${age(-ms)}` : `${age(ms)} ago`;
}

/** 90s, 15m, 1h, 2d -> milliseconds; null for anything else. */
export function duration(text: string): number | null {
  const found = /^(\d{1,6})(s|m|h|d|w)$/.exec(text);
  if (!found) return null;
  return Number(found[1]) * { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 }[found[2] as "s" | "m" | "h" | "d" | "w"];
}

/** "1h" means an hour before `today`; an ISO time means itself. Null when it is neither. */
export function moment(text: string, today: number): number | null {
  const back = duration(text);
  if (back !== null) return today - back;
  if (!/^\d{4}-\d\d-\d\d/.test(text)) return null;
  const at = new Date(/T|\s/.test(text) && !/(Z|[+-]\d\d:?\d\d)$/.test(text) ? text.replace(" ", "T") + "Z" : text).getTime();
  return Number.isNaN(at) ? null : at;
}

export const count = (n: number | null | undefined) => (n === null || n === undefined ? "" : n.toLocaleString("en"));
export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return "";
  if (n < 1024) return `${n} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = n / 1024;
  let i = 0;
  while (value >= 1024 && i < units.length - 1) {
    value /= 1024;
    i++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[i]}`;
}
