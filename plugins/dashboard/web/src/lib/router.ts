/** Where one is stands in the address, all of it: screen, filter, order, columns, range, zone, row, tab. */
import { computed, signal } from "@preact/signals";
import { screens, type Screen } from "../screens";

const read = () => ({ path: location.pathname, search: location.search, hash: location.hash });
export const place = signal(read());
addEventListener("popstate", () => (place.value = read()));

export type Params = Record<string, string>;

/** "/p/:slug/tasks/:id" against a path; null when it does not fit. */
export function match(pattern: string, path: string): Params | null {
  const want = pattern.split("/").filter(Boolean);
  const have = path.split("/").filter(Boolean);
  if (want.length !== have.length) return null;
  const found: Params = {};
  for (const [i, part] of want.entries()) {
    const given = have[i] ?? "";
    if (part.startsWith(":")) {
      try {
        found[part.slice(1)] = decodeURIComponent(given);
      } catch {
        return null;
      }
    } else if (part !== given) return null;
  }
  return found;
}

export interface Route {
  screen: Screen;
  params: Params;
}
export const route = computed<Route | null>(() => {
  for (const screen of screens) {
    const params = match(screen.path, place.value.path);
    if (params) return { screen, params };
  }
  return null;
});

const lastSlug = signal("");
export const slug = computed(() => {
  const here = /^\/p\/([^/]+)/.exec(place.value.path)?.[1];
  if (here) {
    const name = decodeURIComponent(here);
    queueMicrotask(() => (lastSlug.value = name));
    return name;
  }
  return lastSlug.value;
});

export const query = computed(() => new URLSearchParams(place.value.search));
export const param = (name: string): string => query.value.get(name) ?? "";

export function go(to: string, { replace = false } = {}): void {
  if (to === place.value.path + place.value.search + place.value.hash) return;
  history[replace ? "replaceState" : "pushState"](null, "", to);
  place.value = read();
}

/** Changes parts of the query; an empty value takes one away. */
export function setParams(change: Record<string, string | null | undefined>, { replace = true } = {}): void {
  const next = new URLSearchParams(place.value.search);
  for (const [name, value] of Object.entries(change)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  const text = next.toString().replace(/%3A/g, ":").replace(/%2F/g, "/").replace(/%2C/g, ",");
  go(place.value.path + (text ? "?" + text : ""), { replace });
}

/** The address of a screen: `to("task", { engine, task })`. The project is the current one unless told. */
export function to(id: string, params: Params = {}, search: Record<string, string> = {}): string {
  const screen = screens.find((s) => s.id === id);
  if (!screen) throw new Error(`no screen ${id}`);
  const path = screen.path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? (name === "slug" ? slug.value : "")));
  const text = new URLSearchParams(search).toString().replace(/%3A/g, ":");
  return text ? `${path}?${text}` : path;
}

/** Only a path of this console may be gone to after signing in. */
export function safeNext(next: string | null): string {
  if (!next || !/^\/(?![/\\])/.test(next) || /[\u0000-\u001f\\]/.test(next) || next.startsWith("/login")) return "/";
  return next;
}
