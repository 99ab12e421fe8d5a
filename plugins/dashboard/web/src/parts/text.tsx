/** Names, ages, times and things to copy. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { zone } from "../lib/settings";
import { age, clock, full, now, when } from "../lib/time";
import { visible } from "../lib/text";
import { Icon } from "./icons";

/** A dotted name, cut in the middle: the path gives way, the function's name stays. */
export function Mid({ name: given, even = false }: { name: string; even?: boolean }) {
  const name = visible(given);
  const at = Math.max(name.lastIndexOf("."), name.lastIndexOf("/"), name.lastIndexOf(":")) + 1;
  return (
    <span class={even ? "mid even" : "mid"} title={name} dir="auto">
      <span>{name.slice(0, at)}</span>
      <span>{name.slice(at) || name}</span>
    </span>
  );
}

/** Not one that a calendar can have: agents tell any number. */
const noTime = (at: string | number): boolean => Number.isNaN(new Date(at).getTime());

/** How long ago, ticking; the whole time as tooltip. */
export function Age({ at, ago = false, empty = "" }: { at: string | number | null | undefined; ago?: boolean; empty?: string }) {
  if (at === null || at === undefined || at === "" || noTime(at)) return <>{empty}</>;
  const then = new Date(at).getTime();
  const ms = now.value - then;
  return (
    <time dateTime={new Date(then).toISOString()} title={full(then, zone.value)}>
      {ms < -1500 ? `in ${age(-ms)}` : ago ? `${age(ms)} ago` : age(ms)}
    </time>
  );
}

/** A time as the zone in the top bar says: UTC, local, or relative. */
export function Time({ at, ms = false }: { at: string | number | null | undefined; ms?: boolean }) {
  if (at === null || at === undefined || at === "" || noTime(at)) return null;
  const shown = zone.value === "relative" ? when(at, "relative", now.value) : clock(at, zone.value, Date.now(), ms);
  return (
    <time dateTime={new Date(at).toISOString()} title={full(at, zone.value)}>
      {shown}
    </time>
  );
}

/** A number whose tooltip says how old it is; grey once it is older than it should be. */
export function Fresh({ at, staleMs = 90_000, children, title }: { at: number; staleMs?: number; children: ComponentChildren; title?: string }) {
  const old = now.value - at;
  return (
    <span class={at && old > staleMs ? "is-stale" : undefined} title={`${title ? title + " · " : ""}${at ? `as of ${clock(at, zone.value === "relative" ? "utc" : zone.value)}, ${age(old)} ago` : "not read yet"}`}>
      {children}
    </span>
  );
}

export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** A button that copies, and says that it did. */
export function CopyButton({ text, label = "Copy", children }: { text: string; label?: string; children?: ComponentChildren }) {
  const [done, setDone] = useState<null | boolean>(null);
  const say = done === null ? label : done ? "Copied" : "The browser does not let this page copy";
  return (
    <button
      type="button"
      class="ib"
      aria-label={say}
      title={say}
      onClick={async (event) => {
        event.stopPropagation();
        setDone(await copyText(text));
        setTimeout(() => setDone(null), 1500);
      }}
    >
      {children}
      <Icon name={done ? "check" : "copy"} />
    </button>
  );
}

/** A block of text to copy: commands, tokens. */
export function Copy({ text, label }: { text: string; label?: string }) {
  return (
    <div class="copy">
      <pre>{text}</pre>
      <CopyButton text={text} label={label} />
    </div>
  );
}

/** A short id that is copied whole on click. */
export function Id({ id, length = 8 }: { id: string; length?: number }) {
  return (
    <span class="mono" title={id}>
      {id.slice(0, length)}
    </span>
  );
}

export function Kbd({ children }: { children: ComponentChildren }) {
  return <kbd class="kbd">{children}</kbd>;
}
