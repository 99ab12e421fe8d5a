/** What the settings pages share. */
import type { ComponentChildren } from "preact";
import { param, setParams, slug } from "../lib/router";
import { projects, type Project } from "../lib/session";

/** Settings stand outside of projects: the one that was looked at last, unless the address names another. */
export function useSettled(): { project: Project | undefined; picker: ComponentChildren } {
  const wanted = param("project") || slug.value;
  const found = projects.value.find((p) => p.slug === wanted) ?? projects.value[0];
  const picker = projects.value.length > 1 && (
    <select class="in pick-project" aria-label="Project" value={found?.slug} onChange={(e) => setParams({ project: e.currentTarget.value, row: null })}>
      {projects.value.map((p) => <option key={p.id} value={p.slug}>{p.name}</option>)}
    </select>
  );
  return { project: found, picker };
}
export type SetBar = (tools?: ComponentChildren) => ComponentChildren;
