/** One agent: its engines, processes, registry and connections; rotate, revoke, delete. */
import { useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { refresh, usePages, useQuery } from "../lib/query";
import { slug } from "../lib/router";
import { may } from "../lib/session";
import { bytes, count, span } from "../lib/time";
import { toast } from "../lib/toasts";
import { Note, Skeleton } from "../parts/feedback";
import { Act, Drawer, Plan, Seg } from "../parts/panels";
import { State } from "../parts/state";
import { Age, Id, Mid, Time } from "../parts/text";
import { CredentialsDialog, type Credentials } from "./credentials";
import { agentState } from "./fleet-agents";
import type { Agent } from "./fleet-parts";
import { whyNotMine } from "./task-parts";

type Wish = "rotate" | "revoke" | "delete";
interface Engine {
  name: string;
  version?: string | null;
  state?: string;
  health?: string;
  reason?: string | null;
  capabilities?: string[];
}

export function AgentDrawer({ a, onClose }: { a: Agent; onClose: () => void }) {
  const at = slug.value;
  const path = { slug: at, agent_id: a.id };
  const [wish, setWish] = useState<Wish | null>(null);
  const [made, setMade] = useState<Credentials | null>(null);
  const detail = useQuery(`agent ${at} ${a.id}`, (signal) => api.get("/api/v1/projects/{slug}/agents/{agent_id}", { path, signal }), { topics: ["agent.changed"], leastMs: 3000 });
  const sources = useQuery(`sources ${at}`, async (signal) => (await api.get("/api/v1/projects/{slug}/event-sources", { path: { slug: at }, signal })).items as unknown as { agent_id: string; ingest: { waiting_bytes: number; duplicates: number; dead_letters: number; dropped: Record<string, number> } | null }[], { leastMs: 5000, topics: ["agent.changed"] });
  const processes = useQuery(a.is_local ? null : `agent-workers ${at}`, (signal) => api.get("/api/v1/projects/{slug}/agent-workers", { path: { slug: at }, query: { limit: 500 }, signal }), { topics: ["agent.changed"], leastMs: 3000 });
  if (made) return <CredentialsDialog made={made} rotated onClose={() => setMade(null)} />;
  if (wish) return <AgentPlan a={a} wish={wish} onClose={() => setWish(null)} onMade={(m) => (setWish(null), setMade(m))} onGone={onClose} />;
  const local = a.is_local ? "It is a plugin of the brain: its configuration makes and ends it" : null;
  const no = whyNotMine("admin") ?? local;
  const d = detail.value;
  const engines = (d?.engines ?? []) as unknown as Engine[];
  const source = sources.value?.find((s) => s.agent_id === a.id)?.ingest;
  const own = (processes.value ?? []).filter((p) => p.agent_id === a.id);
  const { look, word } = agentState(a);
  return (
    <Drawer
      label={`Agent ${a.name}`}
      onClose={onClose}
      head={
        <>
          <div class="row"><State look={look} big>{word}</State><span class="q cut">{a.is_local ? "a plugin of the brain" : a.framework_adapter === "unknown" ? "" : a.framework_adapter}</span></div>
          <h2 class="cut" title={a.name} dir="auto">{a.name}</h2>
          <div class="row">
            <Act icon="key" why={no} onClick={() => setWish("rotate")}>New token…</Act>
            <Act icon="lock" why={no ?? (a.is_revoked ? "It is revoked" : null)} onClick={() => setWish("revoke")}>Revoke…</Act>
            <Act icon="trash" danger={!no} why={no} onClick={() => setWish("delete")}>Delete…</Act>
          </div>
        </>
      }
    >
      {a.state_reason && <div class="sec"><Note kind={a.state === "online" ? "warn" : "bad"}>{a.state_reason}</Note></div>}
      {a.is_revoked && <div class="sec"><Note kind="info" icon="lock"><b>Revoked.</b> No token of it is good any more; a new one brings it back, with its name and history.</Note></div>}
      {(a.is_behind || a.is_outdated) && <div class="sec"><Note><b>It is older than what this brain knows.</b> Its version is {a.agent_version}. It works, perhaps with fewer commands: upgrade its packages, then start it again.</Note></div>}
      <div class="sec">
        <dl class="kv two">
          <dt>Version</dt><dd>{a.agent_version ?? <span class="q">not told</span>}</dd>
          <dt>Protocol</dt><dd>{a.protocol_version}</dd>
          <dt>Host</dt><dd title={a.host_name ?? ""}>{a.host_name ?? <span class="q">not told</span>}</dd>
          <dt>Way</dt><dd>{a.is_local ? "within" : (a.transport ?? <span class="q">none yet</span>)}</dd>
          <dt>Seen</dt><dd>{a.last_seen_at ? <Age at={a.last_seen_at} ago /> : <span class="q">never</span>}</dd>
          <dt>Clock</dt><dd>{a.clock_skew_ms === null ? <span class="q">not told</span> : `${(a.clock_skew_ms / 1000).toFixed(1)} s off`}</dd>
          <dt>Connected</dt><dd>{a.last_connect_at ? <Time at={a.last_connect_at} /> : <span class="q">never</span>}</dd>
          <dt>Events</dt><dd>{count(d?.events_persisted)}</dd>
          <dt>Made</dt><dd><Time at={a.created_at} /></dd>
          <dt>Dropped</dt><dd class={d?.events_dropped ? "t-retry m" : undefined}>{count(d?.events_dropped)}</dd>
          {a.token_changed_at && (<><dt>Token</dt><dd>new <Age at={a.token_changed_at} ago /></dd></>)}
          {a.previous_token_until && (<><dt>Old one</dt><dd title="The former token is good until then"><Time at={a.previous_token_until} /></dd></>)}
        </dl>
        {source && (source.waiting_bytes > 0 || source.dead_letters > 0) && <p class="q small lines">{bytes(source.waiting_bytes)} wait to be stored{source.dead_letters ? `, ${count(source.dead_letters)} could not be read` : ""}.</p>}
      </div>
      <div class="sec">
        <h2>Engines</h2>
        {!d ? <Skeleton rows={1} /> : engines.length === 0 ? <p class="q">None was told of.</p> : (
          <ul class="list plain">
            {engines.map((e) => (
              <li key={e.name} class="two-lines">
                <span class="row"><State look={e.health && e.health !== "ok" ? "warn" : "done"}><b>{e.name}</b></State><span class="q">{e.version}</span>{e.reason && <span class="t-retry cut" title={e.reason}>{e.reason}</span>}</span>
                <span class="q small wraps">{(e.capabilities ?? a.capabilities[e.name] ?? []).map((c) => c.replace(/_/g, " ")).join(", ")}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
      {!a.is_local && (
        <div class="sec">
          <h2>Processes <span class="push q">{own.length || ""}</span></h2>
          {!processes.value ? <Skeleton rows={1} /> : own.length === 0 ? <p class="q">None was seen.</p> : (
            <ul class="list plain">
              {own.slice(0, 20).map((p) => (
                <li class="row" key={p.id}>
                  <State look={p.state === "online" ? "done" : "stop"}><span class="mono cut">{p.worker_id ?? `process ${p.pid ?? "?"}`}</span></State>
                  <span class="q small">{p.role}</span>
                  <span class="push q small"><Age at={p.last_seen_at} ago /></span>
                </li>
              ))}
            </ul>
          )}
        </div>
      )}
      <Registry a={a} total={d?.registry_size ?? null} />
      {!a.is_local && <Connections a={a} />}
    </Drawer>
  );
}

/** Task names that it knows. */
function Registry({ a, total }: { a: Agent; total: number | null }) {
  const names = usePages(`registry ${slug.value} ${a.id}`, (cursor, signal) => api.get("/api/v1/projects/{slug}/agents/{agent_id}/registry", { path: { slug: slug.value, agent_id: a.id }, query: { limit: 12, ...(cursor && { cursor }) }, signal }), (t) => `${t.engine} ${t.name}`);
  return (
    <div class="sec">
      <h2>Task names it knows <span class="push q">{count(total)}</span></h2>
      {names.error ? <p class="q">{names.error.message}</p> : !names.value ? <Skeleton rows={2} /> : names.value.length === 0 ? <p class="q">None was told of.</p> : (
        <ul class="list plain">
          {names.value.map((t) => (
            <li class="row" key={`${t.engine} ${t.name}`}><Mid name={t.name} /><span class="push q small" title={t.workers.map(String).join(", ")}>{t.workers.length ? `${t.workers.length} ${t.workers.length === 1 ? "worker" : "workers"}` : t.engine}</span></li>
          ))}
          {names.more && <li><button type="button" class="link" onClick={names.more}>More</button></li>}
        </ul>
      )}
    </div>
  );
}

function Connections({ a }: { a: Agent }) {
  const list = usePages(`connections ${slug.value} ${a.id}`, (cursor, signal) => api.get("/api/v1/projects/{slug}/agents/{agent_id}/connections", { path: { slug: slug.value, agent_id: a.id }, query: { limit: 10, ...(cursor && { cursor }) }, signal }), (c) => c.id, { topics: ["agent.changed"], leastMs: 3000 });
  return (
    <div class="sec">
      <h2>Connections, newest first</h2>
      {!list.value ? <Skeleton rows={2} /> : list.value.length === 0 ? <p class="q">It never connected.</p> : (
        <ul class="list plain">
          {list.value.map((c) => (
            <li key={c.id} class="two-lines">
              <span class="row"><State look={c.disconnected_at ? "stop" : "done"}>{c.disconnected_at ? `${span(new Date(c.disconnected_at).getTime() - new Date(c.connected_at).getTime())} long` : "connected"}</State><span class="push q small"><Time at={c.connected_at} /></span></span>
              <span class="q small cut" title={c.reason ?? ""}>{[c.agent_version, c.transport, c.source_ip, c.worker_id, c.close_code ? `closed with ${c.close_code}` : "", c.reason].filter(Boolean).join(" · ")}</span>
            </li>
          ))}
          {list.more && <li><button type="button" class="link" onClick={list.more}>Older ones</button></li>}
        </ul>
      )}
      {may("admin") && <p class="q tiny lines">Agent <Id id={a.id} length={36} /></p>}
    </div>
  );
}

const overlaps = [
  { id: "0", title: "At once" },
  { id: "3600", title: "1 h" },
  { id: "86400", title: "A day" },
  { id: "604800", title: "A week" },
] as const;

function AgentPlan({ a, wish, onClose, onMade, onGone }: { a: Agent; wish: Wish; onClose: () => void; onMade: (made: Credentials) => void; onGone: () => void }) {
  const [overlap, setOverlap] = useState<(typeof overlaps)[number]["id"]>("86400");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const path = { slug: slug.value, agent_id: a.id };
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      if (wish === "rotate") onMade(await api.post("/api/v1/projects/{slug}/agents/{agent_id}/rotate-token", { path, body: { overlap_seconds: Number(overlap) } }));
      else if (wish === "revoke") {
        await api.post("/api/v1/projects/{slug}/agents/{agent_id}/revoke", { path });
        toast(`${a.name} is revoked`);
        onClose();
      } else {
        await api.delete("/api/v1/projects/{slug}/agents/{agent_id}", { path });
        toast(`${a.name} is deleted`);
        onGone();
      }
      for (const prefix of ["agent", "versions "]) refresh(prefix);
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
      setBusy(false);
    }
  };
  const said = {
    rotate: { title: "A new token for", what: "The agent gets a new token, shown once. Its name and history stay.", verb: "Make a new token", keep: "Leave it" },
    revoke: { title: "Revoke", what: "No token of it is good any more, on all brains at once. The agent stays, and can be given a new token later.", verb: "Revoke", keep: "Leave it" },
    delete: { title: "Delete", what: "The agent is gone for good, and its name is free. Its tasks, events and commands stay.", verb: "Delete", keep: "Keep it" },
  }[wish];
  return (
    <Plan
      label={`${said.title} ${a.name}`}
      title={<span class="row">{said.title} <span class="mono cut">{a.name}</span></span>}
      total={1}
      single
      what={said.what}
      facts={[["Now", agentState(a).word], ["Engines", a.engine_adapters.join(", ") || "none told"]]}
      effects={wish !== "rotate" ? (a.state === "online" ? [<><b>It is connected.</b> Its connections end at once, and what its workers do is not seen from then on.</>] : []) : overlap === "0" && a.state === "online" ? [<><b>Its connections end at once.</b> Until it has the new token, nothing is seen of its workers.</>] : []}
      word={wish === "rotate" ? undefined : a.name}
      verb={said.verb}
      danger={wish !== "rotate"}
      keep={said.keep}
      busy={busy}
      problem={problem}
      onAct={() => void act()}
      onClose={onClose}
    >
      {wish === "rotate" && (
        <div class="sec">
          <h2>The old token ends</h2>
          <Seg label="The old token ends" options={overlaps} value={overlap} onChange={setOverlap} />
        </div>
      )}
    </Plan>
  );
}
