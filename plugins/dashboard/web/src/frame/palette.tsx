/** Ctrl or Cmd-K: go somewhere, find by id, act. */
import { signal } from "@preact/signals";
import { useEffect, useId, useState } from "preact/hooks";
import { api, type Page, type Schemas } from "../api/client";
import { go, slug, to } from "../lib/router";
import { me, projects, signOut } from "../lib/session";
import { density, singleKeys, theme, themes, zone, zones } from "../lib/settings";
import { screens } from "../screens";
import { Icon, type IconName } from "../parts/icons";
import { useModal } from "../parts/panels";

export const paletteOpen = signal(false);
export const helpOpen = signal(false);

interface Entry {
  id: string;
  title: string;
  hint?: string;
  icon: IconName;
  act: () => void;
}

/** Acts that a screen offers while it is there: "Retry 12 selected". */
export const screenActs = signal<readonly Entry[]>([]);
export function useActs(acts: readonly Entry[], changes: readonly unknown[]): void {
  useEffect(() => {
    screenActs.value = acts;
    return () => void (screenActs.value = []);
  }, changes);
}

function all(): Entry[] {
  const next = <T,>(list: readonly T[], now: T) => list[(list.indexOf(now) + 1) % list.length]!;
  return [
    ...screenActs.value,
    ...screens
      .filter((s) => s.icon && (!s.admin || me.value?.is_admin))
      .map((s) => ({ id: "go " + s.id, title: s.title, hint: s.key ? `g ${s.key}` : undefined, icon: s.icon!, act: () => go(to(s.id)) })),
    ...projects.value.filter((p) => p.slug !== slug.value).map((p) => ({ id: "project " + p.slug, title: `Project ${p.name}`, hint: p.environment, icon: "right" as const, act: () => go(`/p/${encodeURIComponent(p.slug)}`) })),
    { id: "theme", title: `Theme: ${theme.value}`, hint: "next", icon: "theme", act: () => (theme.value = next(themes, theme.value)) },
    { id: "zone", title: `Times: ${zone.value}`, hint: "t", icon: "schedules", act: () => (zone.value = next(zones, zone.value)) },
    { id: "density", title: `Rows: ${density.value}`, icon: "table", act: () => (density.value = density.value === "compact" ? "comfortable" : "compact") },
    { id: "keys", title: `Single-letter keys: ${singleKeys.value}`, icon: "key", act: () => (singleKeys.value = singleKeys.value === "on" ? "off" : "on") },
    { id: "help", title: "Keys and help", hint: "?", icon: "info", act: () => (helpOpen.value = true) },
    { id: "out", title: "Sign out", icon: "out", act: () => void signOut() },
  ];
}

export function Palette() {
  return paletteOpen.value ? <Box /> : null;
}

function Box() {
  const [typed, setTyped] = useState("");
  const [pick, setPick] = useState(0);
  const [found, setFound] = useState<Entry[]>([]);
  const listId = useId();
  const close = () => (paletteOpen.value = false);
  const box = useModal(close);

  // An id, or part of a name: asked of the brain.
  useEffect(() => {
    setFound([]);
    const text = typed.trim();
    if (text.length < 3 || !slug.value) return;
    const asking = new AbortController();
    const timer = setTimeout(() => {
      api
        .get("/api/v1/projects/{slug}/tasks", { path: { slug: slug.value }, query: { search: text, limit: 6 }, signal: asking.signal })
        .then((answer) =>
          setFound(
            (answer as Page<Schemas["Task"]>).items.map((t) => ({
              id: "task " + t.id,
              title: t.name,
              hint: `${t.state} · ${t.task_id.slice(0, 13)}`,
              icon: "tasks",
              act: () => go(to("task", { engine: t.engine, task: t.task_id })),
            })),
          ),
        )
        .catch(() => {});
    }, 150);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [typed]);

  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const entries = [...all().filter((e) => words.every((w) => e.title.toLowerCase().includes(w))), ...found];
  if (typed.trim().length >= 2 && slug.value) entries.push({ id: "list", title: `Tasks that match “${typed.trim()}”`, icon: "filter", act: () => go(to("tasks", {}, { q: typed.trim() })) });
  const chosen = Math.min(pick, entries.length - 1);
  const run = (entry: Entry | undefined) => {
    if (!entry) return;
    close();
    entry.act();
  };
  return (
    <dialog ref={box} class="palette" aria-label="Go, find, act" onCancel={(e) => (e.preventDefault(), close())} onMouseDown={(e) => e.target === box.current && close()}>
      <input
        autofocus
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={chosen >= 0 ? `${listId}-${chosen}` : undefined}
        aria-label="Go, find by id, act"
        placeholder="Go, find by id, act"
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(e) => (setTyped(e.currentTarget.value), setPick(0))}
        onKeyDown={(event) => {
          const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
          if (step) setPick(Math.max(0, Math.min(entries.length - 1, chosen + step)));
          else if (event.key === "Enter") run(entries[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      <ul id={listId} role="listbox" aria-label="What can be done">
        {entries.slice(0, 40).map((entry, i) => (
          <li key={entry.id} id={`${listId}-${i}`} role="option" aria-selected={i === chosen} onMouseMove={() => setPick(i)} onClick={() => run(entry)} ref={(el) => {
              if (i === chosen) el?.scrollIntoView?.({ block: "nearest" });
            }}>
            <Icon name={entry.icon} />
            <span class="cut">{entry.title}</span>
            {entry.hint && <span class="q small push">{entry.hint}</span>}
          </li>
        ))}
        {entries.length === 0 && <li class="q">Nothing by that name</li>}
      </ul>
    </dialog>
  );
}
