/** Agents: who reports, since when, of which version; their tokens. */
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import "./fleet.css";
import { parse, problems, useAsk, write, type Qualifier } from "../lib/ask";
import { useKeys } from "../lib/keys";
import { param, setParams, to } from "../lib/router";
import type { Look } from "../lib/states";
import { count } from "../lib/time";
import { ColumnPicker } from "../parts/columns";
import { Empty, EmptyFilter, ErrorBox, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { State } from "../parts/state";
import { Table, chosen, sorted, type Column } from "../parts/table";
import { Age } from "../parts/text";
import { AgentDrawer } from "./agent-drawer";
import { VersionBanner } from "./fleet";
import { useAgents, type Agent } from "./fleet-parts";

export const agentState = (a: Agent): { look: Look; word: string } =>
  a.is_revoked ? { look: "stop", word: "revoked" } : a.state === "online" ? (a.state_reason ? { look: "warn", word: "online" } : { look: "done", word: "online" }) : a.state === "unknown" ? { look: "wait", word: "never seen" } : { look: "fail", word: "offline" };
const words = "online, offline, never, revoked";
const fits = (a: Agent, wanted: string) => agentState(a).word.startsWith(wanted);

const columns: Column<Agent>[] = [
  { id: "state", head: "State", width: 112, cell: (a) => <State look={agentState(a).look} title={a.state_reason ?? undefined}>{agentState(a).word}</State> },
  { id: "name", head: "Agent", min: 160, sort: true, value: (a) => a.name, cell: (a) => <span class="row"><span class="m cut" title={a.name} dir="auto">{a.name}</span>{a.is_local && <span class="tag line" title="A plugin of the brain itself">in the brain</span>}</span> },
  { id: "engines", head: "Engines", width: 144, rank: 1, cell: (a) => <span class="q2" title={a.engine_adapters.join(", ")}>{a.engine_adapters.join(", ")}</span> },
  { id: "version", head: "Version", width: 96, sort: true, value: (a) => a.agent_version, cell: (a) => <span class={a.is_behind || a.is_outdated ? "t-retry m" : "q2"} title={a.version_status ?? undefined}>{a.agent_version}</span> },
  { id: "framework", head: "Framework", width: 104, rank: 4, cell: (a) => <span class="q2">{a.is_local || a.framework_adapter === "unknown" ? "" : a.framework_adapter}</span> },
  { id: "host", head: "Host", width: 120, rank: 3, cell: (a) => <span class="q2" title={a.host_name ?? ""}>{a.host_name}</span> },
  { id: "transport", head: "Way", width: 88, rank: 5, cell: (a) => <span class="q2">{a.is_local ? "" : a.transport}</span> },
  { id: "skew", head: "Clock", width: 72, num: true, rank: 6, cell: (a) => a.clock_skew_ms !== null && <span class={Math.abs(a.clock_skew_ms) > 5000 ? "t-retry" : "q"} title="How far its clock is off the brain's">{(a.clock_skew_ms / 1000).toFixed(1)} s</span> },
  { id: "event", head: "Last event", width: 88, num: true, rank: 2, sort: true, value: (a) => (a.last_event_at ? -new Date(a.last_event_at).getTime() : null), cell: (a) => <span class="q2"><Age at={a.last_event_at} /></span> },
  { id: "seen", head: "Seen", width: 72, num: true, sort: true, value: (a) => (a.last_seen_at ? -new Date(a.last_seen_at).getTime() : null), cell: (a) => <span class="q2"><Age at={a.last_seen_at} /></span> },
];
const card = (a: Agent) => (
  <>
    <span class="cut m">{a.name}</span>
    <span class="r">{a.agent_version}</span>
    <small><State look={agentState(a).look}>{agentState(a).word}</State><span>{a.engine_adapters.join(", ")}</span></small>
    <small class="r"><Age at={a.last_seen_at} /></small>
  </>
);

export function Agents({ bar }: { bar: ComponentChildren }) {
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const answer = useAgents();
  const all = answer.value ?? [];
  const engines = [...new Set(all.flatMap((a) => a.engine_adapters))].sort();
  const qualifiers: Qualifier[] = useMemo(
    () => [
      { key: "", hint: "part of a name or host" },
      { key: "state", hint: words, values: (t) => words.split(", ").filter((w) => w.startsWith(t)), check: (v) => (words.split(", ").includes(v) ? null : `“${v}” is none of ${words}`) },
      { key: "engine", hint: engines.join(", "), values: (t) => engines.filter((e) => e.startsWith(t)) },
    ],
    [engines.join()],
  );
  const wrong = problems(terms, qualifiers);
  const match = (a: Agent, but = -1) => terms.every((t, i) => i === but || (t.key === "state" ? fits(a, t.value) : t.key === "engine" ? a.engine_adapters.includes(t.value) : `${a.name} ${a.host_name ?? ""}`.toLowerCase().includes(t.value.toLowerCase())));
  const rows = sorted(wrong.length ? [] : all.filter((a) => match(a)), columns, param("sort"));
  useAsk({ where: "Agents", text, qualifiers, placeholder: "name, host, state: engine:", onText: (q) => setParams({ q }), hits: answer.value && <><b>{count(rows.length)}</b> {rows.length === 1 ? "agent" : "agents"}</>, tools: <ColumnPicker columns={columns} /> }, [rows.length, answer.at > 0, engines.join()]);
  useKeys({ Escape: () => text && setParams({ q: null }) });
  const open = all.find((a) => a.id === param("row"));
  if (answer.error && !answer.value) return <ErrorBox error={answer.error} retry={answer.refresh} what="The agents" />;
  const n = (state: string) => all.filter((a) => fits(a, state)).length;
  return (
    <>
      <div class="bar">
        <h1>Agents</h1>
        {all.length > 0 && (
          <div class="facts">
            <State look="done"><span><b>{count(n("online"))}</b> online</span></State>
            {n("offline") > 0 && <State look="fail"><span><b>{count(n("offline"))}</b> offline</span></State>}
            {n("never") > 0 && <State look="wait"><span><b>{count(n("never"))}</b> never seen</span></State>}
          </div>
        )}
        {bar}
      </div>
      <VersionBanner />
      <div class="split">
        {!answer.value ? <Skeleton /> : wrong.length ? <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty> : all.length === 0 ? (
          <Empty title="No agent is there yet" action={<Link class="btn pri" to={to("mint")}>Connect an agent</Link>}>An agent reports what workers do, and does what is asked of them.</Empty>
        ) : rows.length === 0 ? (
          <EmptyFilter terms={terms.map((t, i) => ({ text: write([t]), hits: all.filter((a) => match(a, i)).length }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} />
        ) : (
          <Table label="Agents" rows={rows} id={(a) => a.id} columns={chosen(columns, param("cols"))} current={open?.id ?? ""} onCurrent={(a) => setParams({ row: a?.id })} sort={param("sort")} onSort={(sort) => setParams({ sort })} card={card} rowClass={(a) => (a.is_revoked ? "old" : undefined)} />
        )}
        {open && <AgentDrawer key={open.id} a={open} onClose={() => setParams({ row: null })} />}
      </div>
    </>
  );
}
