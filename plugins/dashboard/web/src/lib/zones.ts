/** Wall clocks of time zones, by the browser's own tables. */
const forms = new Map<string, Intl.DateTimeFormat | null>();
function form(zone: string): Intl.DateTimeFormat | null {
  if (!forms.has(zone)) {
    try {
      forms.set(zone, new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", year: "numeric", month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" }));
    } catch {
      forms.set(zone, null); // a zone that this browser does not know
    }
  }
  return forms.get(zone) ?? null;
}

export interface Wall {
  weekday: string;
  day: string; // 25 Oct
  year: number;
  time: string; // 02:30, with seconds when there are some
  name: string; // CEST
  /** Minutes east of UTC. */
  offset: number;
}
export const knowsZone = (zone: string): boolean => form(zone) !== null;

export function wallOf(ms: number, zone: string): Wall | null {
  const parts = form(zone)?.formatToParts(ms);
  if (!parts) return null;
  const at = (type: string) => parts.find((p) => p.type === type)?.value ?? "";
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const month = at("month").slice(0, 3);
  const asUtc = Date.UTC(Number(at("year")), months.indexOf(month), Number(at("day")), Number(at("hour")), Number(at("minute")), Number(at("second")));
  const seconds = at("second");
  return { weekday: at("weekday"), day: `${Number(at("day"))} ${month}`, year: Number(at("year")), time: `${at("hour")}:${at("minute")}${seconds !== "00" ? `:${seconds}` : ""}`, name: at("timeZoneName"), offset: Math.round((asUtc - Math.floor(ms / 1000) * 1000) / 60_000) };
}

export interface Shift {
  /** When the clocks change. */
  at: number;
  /** Minutes forward; negative: back. */
  by: number;
}
/** The first change of clocks in a span, found to the second. */
export function nextShift(zone: string, from: number, until: number): Shift | null {
  const STEP = 7 * 86_400_000;
  for (let t = from; t < until; t += STEP) {
    const end = Math.min(t + STEP, until);
    const before = wallOf(t, zone)?.offset;
    const after = wallOf(end, zone)?.offset;
    if (before === undefined || after === undefined) return null;
    if (before === after) continue;
    let low = t;
    let high = end;
    while (high - low > 1000) {
      const middle = Math.floor((low + high) / 2);
      if (wallOf(middle, zone)?.offset === before) low = middle;
      else high = middle;
    }
    return { at: Math.floor(high / 1000) * 1000, by: (wallOf(high, zone)?.offset ?? 0) - before };
  }
  return null;
}

/** What a clock change does to a list of due times: a word for each, "" where nothing is to be said. */
export function notesOf(times: readonly number[], zone: string): string[] {
  return times.map((t, i) => {
    const here = wallOf(t, zone);
    if (!here) return "";
    const before = i > 0 ? wallOf(times[i - 1]!, zone) : null;
    const next = i + 1 < times.length ? wallOf(times[i + 1]!, zone) : null;
    const same = (a: Wall | null) => a && a.day === here.day && a.time === here.time && a.offset !== here.offset;
    if (same(before)) return "again";
    if (same(next)) return "first of two";
    const shift = nextShift(zone, t - 24 * 3_600_000, t + 3_600_000);
    if (!shift) return "";
    if (shift.by > 0 && t >= shift.at && t - shift.at < 3_600_000) return t === shift.at ? "clocks go forward then" : "after the gap";
    if (shift.by < 0 && Math.abs(t - shift.at) < -shift.by * 60_000) return "clocks go back";
    return before && before.offset !== here.offset ? `now ${here.name}` : "";
  });
}

export const span = (minutes: number): string => (Math.abs(minutes) % 60 ? `${Math.abs(minutes)} minutes` : Math.abs(minutes) === 60 ? "an hour" : `${Math.abs(minutes) / 60} hours`);

export const ownZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
export const allZones = (): string[] => {
  const list = (Intl as { supportedValuesOf?: (what: string) => string[] }).supportedValuesOf?.("timeZone") ?? [];
  return list.includes("UTC") ? list : ["UTC", ...list];
};
