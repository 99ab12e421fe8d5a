/** Who is signed in, which project is looked at, and what they may do there. */
import { computed, effect, signal } from "@preact/signals";
import { api, ApiError, onRefusal, type Schemas } from "../api/client";
import { live } from "./live";
import { forgetAll } from "./query";
import { go, place, safeNext, slug } from "./router";

export type Me = Schemas["Me"];
export type Project = Schemas["Project"];
export type Role = "viewer" | "operator" | "admin";

/** undefined: not asked yet; null: nobody. */
export const me = signal<Me | null | undefined>(undefined);
export const projects = signal<Project[]>([]);
export const startError = signal<ApiError | null>(null);

export const project = computed(() => projects.value.find((p) => p.slug === slug.value));
export const role = computed<Role | null>(() => (me.value?.memberships.find((m) => m.project_slug === slug.value)?.role as Role | undefined) ?? (me.value?.is_admin ? "admin" : null));
const ranks: Role[] = ["viewer", "operator", "admin"];
export const may = (need: Role): boolean => role.value !== null && ranks.indexOf(role.value) >= ranks.indexOf(need);
export const isProduction = computed(() => project.value?.environment === "production");

const here = () => place.value.path + place.value.search;
export const isGate = (path: string) => /^\/(login|setup|reset|invite)(\/|$)/.test(path);

onRefusal.signedOut = () => {
  if (me.value === undefined || isGate(place.value.path)) return;
  me.value = null;
  live.follow(null);
  forgetAll();
  go("/login?next=" + encodeURIComponent(here()), { replace: true });
};
onRefusal.wantsCode = () => {
  if (!place.value.path.startsWith("/login")) go("/login/mfa?next=" + encodeURIComponent(here()));
};

export async function start(): Promise<void> {
  startError.value = null;
  try {
    await load();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) await nobody();
    else if (error.status === 403 && error.code === "mfa_reverify_required") me.value = null;
    else startError.value = error;
  }
}

async function nobody(): Promise<void> {
  me.value = null;
  const path = place.value.path;
  if (isGate(path)) return;
  try {
    const status = await api.get("/api/v1/setup/status", { ownErrors: true });
    if (status.first_boot) return go("/setup", { replace: true });
  } catch {
    // set up long ago: the status is for those signed in
  }
  go("/login?next=" + encodeURIComponent(here()), { replace: true });
}

/** After signing in as well. */
export async function load(): Promise<void> {
  const who = await api.get("/api/v1/auth/me", { ownErrors: true });
  if (who.password_change_required) {
    me.value = who;
    return go("/login/password", { replace: true });
  }
  const all = await api.get("/api/v1/projects");
  projects.value = all;
  me.value = who;
}

export async function enter(next: string | null): Promise<void> {
  await load();
  if (place.value.path !== "/login/password") go(safeNext(next), { replace: true });
}

export async function signOut(): Promise<void> {
  try {
    await api.post("/api/v1/auth/logout", { ownErrors: true });
  } finally {
    me.value = null;
    live.follow(null);
    forgetAll();
    go("/login", { replace: true });
  }
}

/** "/" is no place of its own: the first project, in production only when there is no other. */
export function home(): string {
  const first = projects.value.find((p) => p.environment !== "production") ?? projects.value[0];
  return first ? `/p/${encodeURIComponent(first.slug)}` : "/settings";
}

effect(() => {
  const at = project.value;
  live.follow(me.value && at ? at.id : null);
});
