/** What this browser keeps: theme, density, rail, zone, single-letter keys. Nothing of the installation's data. */
import { effect, signal } from "@preact/signals";

function kept(name: string): string | null {
  try {
    return localStorage.getItem("z4j." + name);
  } catch {
    return null;
  }
}

function keep<T extends string>(name: string, first: T, allowed: readonly T[]) {
  const old = kept(name) as T | null;
  const value = signal<T>(old && allowed.includes(old) ? old : first);
  let started = false;
  effect(() => {
    const now = value.value;
    if (started)
      try {
        localStorage.setItem("z4j." + name, now);
      } catch {
        // storage is off: it holds for this page
      }
    started = true;
  });
  return value;
}

export type Theme = "system" | "light" | "dark" | "contrast";
export const themes: readonly Theme[] = ["system", "light", "dark", "contrast"];
export const theme = keep<Theme>("theme", "system", themes);
export const density = keep("density", "compact", ["compact", "comfortable"] as const);
export const rail = keep("rail", "wide", ["wide", "icons"] as const);
export const singleKeys = keep("keys", "on", ["on", "off"] as const);
export const zones = ["utc", "local", "relative"] as const;
export type Zone = (typeof zones)[number];
export const zone = keep<Zone>("zone", "utc", zones);

/** Below 720 px: cards, the thumb bar, one column. */
export const narrow = signal(false);
/** 28 px rows, or 36. */
export const rowHeight = signal(28);

export function startSettings(): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const more = matchMedia("(prefers-contrast: more)");
  const small = matchMedia("(max-width: 719px)");
  const system = signal(0);
  for (const query of [dark, more]) query.addEventListener("change", () => system.value++);
  narrow.value = small.matches;
  const tight = matchMedia("(max-width: 1019px)");
  cramped.value = tight.matches;
  tight.addEventListener("change", () => (cramped.value = tight.matches));
  const roomy = matchMedia("(min-width: 1360px)");
  wideEnough.value = roomy.matches;
  roomy.addEventListener("change", () => (wideEnough.value = roomy.matches));
  small.addEventListener("change", () => (narrow.value = small.matches));
  effect(() => {
    void system.value;
    const wanted = theme.value;
    document.documentElement.dataset.theme = wanted !== "system" ? wanted : more.matches ? "contrast" : dark.matches ? "dark" : "light";
  });
  effect(() => {
    if (density.value === "comfortable") document.documentElement.dataset.density = "comfortable";
    else delete document.documentElement.dataset.density;
    rowHeight.value = density.value === "comfortable" ? 36 : 28;
  });
}

/** How many open drawers want the rail folded; below 1360 px it is. */
export const railFolded = signal(0);
export const wideEnough = signal(true);
/** Below 1020 px the rail is always icons. */
export const cramped = signal(false);
