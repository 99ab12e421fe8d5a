/** Top bar, rail, thumb bar, and the band that says when what one sees is no longer live. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { currentAsk } from "../lib/ask";
import { useKeys, pending } from "../lib/keys";
import { live } from "../lib/live";
import { paused, useQuery } from "../lib/query";
import { go, place, route, slug, to } from "../lib/router";
import { home, isProduction, me, project, projects, signOut } from "../lib/session";
import { cramped, rail, railFolded, theme, themes, wideEnough, zone, zones } from "../lib/settings";
import { age, clock, now } from "../lib/time";
import { toast } from "../lib/toasts";
import { screens, type Screen } from "../screens";
import { Toasts } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Menu } from "../parts/menu";
import { copyText } from "../parts/text";
import { AskBox } from "./ask-box";
import { Help } from "./help";
import { Palette, helpOpen, paletteOpen } from "./palette";
import { railCounts } from "./counts";

const next = <T,>(list: readonly T[], at: T): T => list[(list.indexOf(at) + 1) % list.length]!;
const zoneNames = { utc: "UTC", local: "Local", relative: "Relative" };
const shownScreens = (): Screen[] => screens.filter((s) => s.icon && (!s.admin || me.value?.is_admin));

export async function copyPlace(): Promise<void> {
  toast((await copyText(location.href)) ? "The link to this is copied" : "The browser does not let this page copy");
}

export function Frame({ children }: { children: ComponentChildren }) {
  useKeys({
    "?": () => (helpOpen.value = true),
    "mod+k": () => (paletteOpen.value = true),
    "/": () => (paletteOpen.value = true),
    t: () => (zone.value = next(zones, zone.value)),
    ".": () => (paused.value = !paused.value),
    y: () => void copyPlace(),
    Escape: () => {
      const parent = route.value?.screen.parent;
      if (parent) go(history.state === null && document.referrer === "" ? to(parent) : to(parent));
    },
    ...Object.fromEntries(shownScreens().map((s) => [`g ${s.key}`, () => go(to(s.id))])),
  });
  const folded = rail.value === "icons" || cramped.value || (railFolded.value > 0 && !wideEnough.value);
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <div class="app" data-env={isProduction.value ? "production" : undefined} data-rail={folded ? "icons" : undefined}>
        <Top />
        <Rail folded={folded} />
        <main class="main" id="main" tabIndex={-1}>
          <Band />
          {currentAsk.value && <AskBox below />}
          {children}
        </main>
        <Thumb />
      </div>
      <Toasts />
      <Palette />
      <Help />
      {pending.value && (
        <p class="pending" role="status">
          <kbd class="kbd">g</kbd> then n t e q f s b a l
        </p>
      )}
    </>
  );
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M4 4.500h12M16 4.500 4 15.500M4 15.500h12M12.500 10h3.500" />
    </svg>
  );
}

function Top() {
  const at = project.value;
  return (
    <header class="top">
      <Menu
        class="place"
        label="Switch project"
        button={
          <>
            <Mark />
            <span class="cut">
              <b>{at?.name ?? "z4j"}</b>
              <small>{at?.environment ?? "installation"}</small>
            </span>
            <Icon name="down" small />
          </>
        }
        items={projects.value.map((p) => ({ title: p.name, hint: p.environment, on: p.slug === slug.value, act: () => go(samePlaceIn(p.slug)) }))}
      />
      <AskBox />
      <div class="top-right">
        <Light />
        <button type="button" class="ib wide" title="Times: UTC, local, relative (t)" aria-label={`Times: ${zoneNames[zone.value]}`} onClick={() => (zone.value = next(zones, zone.value))}>
          {zoneNames[zone.value]}
          <Icon name="down" small />
        </button>
        <button type="button" class="ib" title={`Theme: ${theme.value}`} aria-label={`Theme: ${theme.value}`} onClick={() => (theme.value = next(themes, theme.value))}>
          <Icon name="theme" />
        </button>
        <Bell />
        <Menu
          class="me-button"
          label={`You: ${me.value?.email ?? ""}`}
          button={<span class="me">{initials()}</span>}
          right
          head={me.value?.email}
          items={[
            { title: "Your settings", act: () => go("/settings") },
            { title: "Keys and help", hint: "?", act: () => (helpOpen.value = true) },
            { title: "Sign out", act: () => void signOut() },
          ]}
        />
      </div>
    </header>
  );
}

/** The same screen in another project, without what belongs to this one. */
function samePlaceIn(other: string): string {
  const screen = route.value?.screen;
  return screen && !screen.parent && screen.path.includes(":slug") ? to(screen.id, { slug: other }) : `/p/${encodeURIComponent(other)}`;
}

function initials(): string {
  const name = me.value?.display_name || me.value?.email || "?";
  const words = name.split(/[\s.@_-]+/).filter(Boolean);
  return ((words[0]?.[0] ?? "?") + (words[1]?.[0] ?? words[0]?.[1] ?? "")).toUpperCase();
}

function Light() {
  const state = live.state.value;
  const word = paused.value ? "Paused" : { on: "Live", wait: "Connecting", lost: "Lost", off: "Off" }[state];
  const since = live.lastAt.value ? `Last word ${age(now.value - live.lastAt.value)} ago` : "Nothing heard yet";
  return (
    <button type="button" class={`light ${paused.value ? "held" : state === "on" ? "" : state === "lost" ? "off" : "wait"}`} title={`${since}. Pause with .`} onClick={() => (paused.value = !paused.value)}>
      <span>{word}</span>
    </button>
  );
}

function Bell() {
  const unread = useQuery(me.value ? "bell" : null, (signal) => api.get("/api/v1/user/notifications/unread-count", { signal }), { topics: ["notification.changed"], everyMs: 60_000 });
  const n = unread.value?.unread ?? 0;
  return (
    <Link class="ib" to={slug.value ? to("notifications") : "/settings"} aria-label={n ? `${n > 99 ? "99+" : n} unread notifications` : "Notifications"} title="Notifications">
      <Icon name="alerts" />
      {n > 0 && <span class="n">{n > 99 ? "99+" : n}</span>}
    </Link>
  );
}

function Band() {
  const [since, setSince] = useState(0);
  const state = live.state.value;
  const z = zone.value === "relative" ? "utc" : zone.value;
  if (paused.value) return <BandLine text={`Paused. Showing ${clock(since || remember(setSince), z)}.`} act="Go on" onAct={() => ((paused.value = false), setSince(0))} />;
  if (since) setSince(0);
  if (state === "lost") return <BandLine text={`Connection lost. Showing ${clock(live.lastAt.value, z)}; trying again.`} />;
  return null;
}
function remember(set: (n: number) => void): number {
  const at = Date.now();
  set(at);
  return at;
}
function BandLine({ text, act, onAct }: { text: string; act?: string; onAct?: () => void }) {
  return (
    <div class="band" role="status">
      <span>{text}</span>
      {act && (
        <button type="button" class="btn bare" onClick={onAct}>
          {act}
        </button>
      )}
    </div>
  );
}

function isCurrent(screen: Screen): boolean {
  const at = route.value?.screen;
  return at?.id === screen.id || at?.parent === screen.id;
}

function Rail({ folded }: { folded: boolean }) {
  const counts = railCounts();
  return (
    <nav class="rail" aria-label="Screens">
      {shownScreens().map((s) => (
        <>
          {s.apart && <hr key={s.id + "-"} />}
          <Link key={s.id} to={to(s.id)} aria-current={isCurrent(s) ? "page" : undefined} title={folded ? s.title : undefined}>
            <Icon name={s.icon!} />
            {s.title}
            {counts[s.id] && <span class={counts[s.id]!.bad ? "count bad" : "count"}>{counts[s.id]!.text}</span>}
          </Link>
        </>
      ))}
      <p class="foot">
        <button type="button" class="link" onClick={() => (helpOpen.value = true)}>
          ? keys
        </button>
      </p>
      <button type="button" class="fold-rail" aria-label={folded ? "Unfold the rail" : "Fold the rail to icons"} title={folded ? "Unfold" : "Fold to icons"} onClick={() => (rail.value = rail.value === "icons" ? "wide" : "icons")}>
        <Icon name={folded ? "right" : "left"} small />
      </button>
    </nav>
  );
}

function Thumb() {
  const [more, setMore] = useState(false);
  return (
    <nav class="thumb" aria-label="Screens">
      {shownScreens()
        .filter((s) => s.thumb)
        .map((s) => (
          <Link key={s.id} to={to(s.id)} aria-current={isCurrent(s) ? "page" : undefined} onGo={() => setMore(false)}>
            <Icon name={s.icon!} />
            {s.title}
          </Link>
        ))}
      <button type="button" aria-expanded={more} onClick={() => setMore(!more)}>
        <Icon name="more" />
        More
      </button>
      {more && (
        <div class="more-sheet">
          {shownScreens()
            .filter((s) => !s.thumb)
            .map((s) => (
              <Link key={s.id} to={to(s.id)} onGo={() => setMore(false)}>
                <Icon name={s.icon!} />
                {s.title}
              </Link>
            ))}
          <button type="button" onClick={() => void signOut()}>
            <Icon name="out" />
            Sign out
          </button>
        </div>
      )}
    </nav>
  );
}

/** An address that is none: the way home. */
export function Lost() {
  return (
    <div class="say-box">
      <h2>There is no such page</h2>
      <p class="q2">
        <span class="mono">{place.value.path}</span>
      </p>
      <Link class="btn" to={home()}>
        Go to Now
      </Link>
    </div>
  );
}
