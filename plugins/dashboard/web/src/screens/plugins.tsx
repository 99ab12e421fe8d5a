import { useEffect, useMemo, useState } from "preact/hooks";
import "./plugins.css";
import { api, ApiError, type Schemas } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { parse, useAsk, valueOf } from "../lib/ask";
import { byOdds, byTrouble, contradictionOf, isOff, lookOf, readSettings, seenOf, stateOf, type Capability, type Plugin } from "../lib/plugins";
import { fieldsOf, MASK, textOf, valueOfField, withField, type SettingField, type Settings as FormSettings } from "../lib/settings-form";
import { usePeople } from "../lib/people";
import { refresh, useQuery, type Answer } from "../lib/query";
import { param, setParams } from "../lib/router";
import { me } from "../lib/session";
import { bytes, count } from "../lib/time";
import { toast } from "../lib/toasts";
import { Tree } from "../parts/data";
import { Empty, ErrorBox, NotAllowed, Note, Skeleton } from "../parts/feedback";
import { Choice, Lines, Text } from "../parts/form";
import { Act, Drawer, Plan, Seg, Tabs } from "../parts/panels";
import { State } from "../parts/state";
import { Table, sorted, type Column } from "../parts/table";
import { Age, Time } from "../parts/text";

type Ability = { action: string; how: string; available: boolean; reason?: string | null; workers?: Record<string, string> };
const qualifiers = [{ key: "", hint: "part of a name" }, { key: "kind", hint: "engine, scheduler, notifier, storage", values: () => ["engine", "scheduler", "notifier", "storage"] }];

function StateOf({ plugin, big }: { plugin: Plugin; big?: boolean }) {
  const { look, word } = stateOf(plugin);
  return <State look={look} big={big} title={plugin.why ?? undefined}>{word}</State>;
}
const columns: Column<Plugin>[] = [
  { id: "instance", head: "Instance", width: 136, sort: true, value: (p) => p.instance, cell: (p) => <span class="m">{p.instance}</span> },
  { id: "state", head: "State", width: 104, cell: (p) => <StateOf plugin={p} /> },
  { id: "plugin", head: "Plugin", width: 176, rank: 1, sort: true, value: (p) => p.plugin, cell: (p) => <span class="mono" title={p.plugin_id ?? ""}>{p.plugin}</span> },
  { id: "version", head: "Version", width: 72, rank: 2, cell: (p) => <span class="q2">{p.version}</span> },
  { id: "kind", head: "Kind", width: 88, rank: 3, cell: (p) => <span class="q2">{p.kinds}</span> },
  { id: "why", head: "Last error", min: 160, cell: (p) => <span class={p.why && stateOf(p).look !== "done" ? "bad" : "q"} title={p.why ?? ""} dir="auto">{p.why ?? (p.problems[0] ? p.problems[0].message : "none")}</span> },
  { id: "calls", head: "Calls", width: 80, num: true, rank: 4, sort: true, value: (p) => p.calls, cell: (p) => <span class="q2">{count(p.calls)}</span> },
  { id: "errors", head: "Errors", width: 72, num: true, sort: true, value: (p) => p.errors, cell: (p) => <span class={p.errors ? "m" : "q"}>{count(p.errors)}</span> },
  { id: "from", head: "Settings", width: 104, rank: 5, cell: (p) => <span class={p.override ? "m" : "q2"}>{p.override ? "laid over" : p.configured ? "file" : "built in"}</span> },
  { id: "since", head: "Up", width: 64, num: true, rank: 6, sort: true, value: (p) => p.started_at, cell: (p) => <span class="q2"><Age at={p.started_at} /></span> },
];

export default function Plugins() {
  const administrator = !!me.value?.is_admin;
  const answer = useQuery(administrator ? "plugins" : null, async (signal) => (await api.get("/api/v1/plugins", { signal })).items, { topics: ["plugin.changed"], everyMs: 10_000 });
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const rows = useMemo(() => {
    const kind = valueOf(terms, "kind");
    const part = valueOf(terms, "");
    const found = (answer.value ?? []).filter((p) => (!kind || (p.kinds ?? "").includes(kind)) && (p.instance.includes(part) || p.plugin.includes(part)));
    return param("sort") ? sorted(found, columns, param("sort")) : [...found].sort(byTrouble);
  }, [answer.value, terms, param("sort")]);
  useAsk({ where: "Plugins", text, qualifiers, placeholder: "name, kind:", onText: (q) => setParams({ q, row: null }), hits: answer.value && <><b>{count(rows.length)}</b> instances</> }, [rows.length, !!answer.value]);
  const open = answer.value?.find((p) => p.instance === param("row"));
  if (!administrator) return <><h1 class="vh">Plugins</h1><NotAllowed need="administrator" /></>;
  return (
    <>
      <h1 class="vh">Plugins</h1>
      <div class="split">
        {answer.error && !answer.value ? <ErrorBox error={answer.error} retry={answer.refresh} what="The plugins" /> : !answer.value ? <Skeleton /> : rows.length === 0 ? <Empty title="No plugin matches" action={<button type="button" class="btn" onClick={() => setParams({ q: null })}>Drop the filter</button>} /> : (
          <Table label="Plugins" rows={rows} id={(p) => p.instance} columns={columns} current={open?.instance ?? ""} onCurrent={(p) => setParams({ row: p?.instance, tab: null })} onOpen={(p) => setParams({ row: p.instance })} sort={param("sort")} onSort={(sort) => setParams({ sort })} rowClass={(p) => (stateOf(p).look === "fail" ? "is-bad" : undefined)} card={(p) => <><span class="cut m">{p.instance}</span><span class="r"><StateOf plugin={p} /></span><small>{p.plugin} {p.version}{p.why && <span class={stateOf(p).look === "done" ? "cut" : "cut bad"}>{p.why}</span>}</small></>} />
        )}
        {open && <PluginDrawer key={open.instance} plugin={open} onClose={() => setParams({ row: null, tab: null })} />}
      </div>
    </>
  );
}

const path = (p: Plugin) => ({ path: { instance: p.instance } });

function PluginDrawer({ plugin: p, onClose }: { plugin: Plugin; onClose: () => void }) {
  const [wish, setWish] = useState<"enable" | "disable" | "reset" | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const off = isOff(p);
  const isEngine = (p.kinds ?? "").includes("engine");
  const seen = useQuery(`plugin ${p.instance} capabilities`, async (signal) => (await api.get("/api/v1/plugins/{instance}", { ...path(p), signal })).capabilities, { topics: ["plugin.changed"], everyMs: 10_000 });
  const isAsked = (isEngine && !!p.engine) || !!seen.value?.length || (!seen.value && param("tab") === "can");
  const tabs = [{ id: "health", title: "Health" }, ...(isAsked ? [{ id: "can", title: "Capabilities" }] : []), { id: "settings", title: "Settings" }];
  const tab = tabs.some((t) => t.id === param("tab")) ? param("tab") : "health";
  const act = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      if (wish === "enable") await api.post("/api/v1/plugins/{instance}/enable", path(p));
      else if (wish === "disable") await api.post("/api/v1/plugins/{instance}/disable", path(p));
      else await api.delete("/api/v1/plugins/{instance}/override", path(p));
      toast(wish === "reset" ? `${p.instance} follows the file again` : `${p.instance} is ${wish}d`);
      setWish(null);
      refresh("plugins");
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      setProblem(e.message);
    } finally {
      setBusy(false);
    }
  };
  if (wish) {
    const effects = wish === "disable" ? [isEngine ? "The brain hears nothing more of this engine and can command nothing there; its workers go on." : (p.kinds ?? "").includes("notifier") ? "Messages of its channels are not sent while it is off." : (p.kinds ?? "").includes("scheduler") ? "Its schedules do not fire while it is off." : "What it does is not done while it is off."] : ["The instance starts anew, with what it is given then."];
    return <Plan label={`${wish} ${p.instance}`} title={`${wish === "reset" ? "Back to the file" : wish === "disable" ? "Disable" : "Enable"}: ${p.instance}`} total={1} single what={<><span class="mono">{p.plugin}</span> {p.version}, in project {p.project}</>} verb={wish === "reset" ? "Back to the file" : wish === "disable" ? "Disable" : "Enable"} danger={wish === "disable"} word={wish === "disable" ? p.instance : undefined} effects={effects} untouched={["The configuration file stays as it is: this is stored over its word, and recorded in the audit log."]} busy={busy} problem={problem} onAct={() => void act()} onClose={() => setWish(null)} />;
  }
  return (
    <Drawer
      label={`Plugin ${p.instance}`}
      onClose={onClose}
      head={<><div class="row"><StateOf plugin={p} big /><span class="m cut">{p.instance}</span></div><p class="q2 cut"><span class="mono">{p.plugin}</span> {p.version}, {p.kinds}</p></>}
      foot={
        <>
          {off ? <Act icon="play" onClick={() => setWish("enable")}>Enable</Act> : <Act icon="stop" why={p.required ? "The brain cannot run without it" : null} onClick={() => setWish("disable")}>Disable</Act>}
          <span class="push"><Act why={p.override ? null : "Nothing is laid over the file"} onClick={() => setWish("reset")}>Back to the file</Act></span>
        </>
      }
    >
      <div class="drawer-tabs"><Tabs label="Of the plugin" items={tabs} open={tab} onOpen={(id) => setParams({ tab: id === "health" ? null : id })} /></div>
      {tab === "health" && <Health plugin={p} />}
      {tab === "can" && <><Seen plugin={p} answer={seen} />{isEngine && p.engine && <Abilities plugin={p} />}</>}
      {tab === "settings" && <Settings plugin={p} />}
    </Drawer>
  );
}

function Health({ plugin: p }: { plugin: Plugin }) {
  const numbers = ([["Calls", p.calls], ["Errors", p.errors], ["Faults", p.faults], ["Late answers", p.late_answers], ["Slow calls", p.slow_calls], ["Operations open", p.operations_open], ["Operations expired", p.operations_expired], ["Log lines held back", p.log_lines_suppressed]] as const).map(([name, n]) => [name, n] as const);
  return (
    <>
      {p.why && <div class="sec stack"><Note kind={stateOf(p).look === "fail" ? "bad" : "warn"}><b>{p.why}</b>{p.step && <> While: {p.step}.</>}</Note>{p.what_to_do && <p class="q2 whole">{p.what_to_do}</p>}</div>}
      {p.problems.length > 0 && <div class="sec"><h2>Problems of its settings</h2><Problems list={p.problems} /></div>}
      <div class="sec">
        <dl class="kv w">
          <dt>Started</dt><dd>{p.started_at ? <><Time at={p.started_at} /> <span class="q"><Age at={p.started_at} ago /></span></> : <span class="q">it is not running</span>}</dd>
          <dt>Runs on</dt><dd>{p.runs_on ? <>{p.runs_on.host_name ?? p.runs_on.brain_id.slice(0, 8)}{p.runs_on.is_this && <span class="q"> this brain</span>}</> : <span class="q">{(p.kinds ?? "").includes("engine") ? "no brain now" : "each brain"}</span>}</dd>
          {p.isolation && <><dt>Runs in</dt><dd>{p.process ? <>a process of its own{p.process.pid !== null && <span class="q"> {p.process.pid}, {p.process.sandbox}</span>}</> : "the brain"}</dd></>}
          {p.process !== null && p.process.pid !== null && <><dt>It uses</dt><dd>{bytes(p.process.memory_bytes)} of memory, {p.process.cpu_percent === null ? <span class="q">its share of the processors is not known yet</span> : <>{p.process.cpu_percent} % of a processor <span class="q">over the last minute</span></>}</dd></>}
          {p.process !== null && p.process.deaths > 0 && <><dt>Processes died</dt><dd>{count(p.process.deaths)}{p.process.last_death_at && <span class="q">, the last <Age at={p.process.last_death_at} ago /></span>}<p class="q2 whole">{p.process.last_death}</p></dd></>}
          {p.sha256 && <><dt>Signed by</dt><dd>{p.signer ? <>{p.signer.name ?? "a trusted key"} <span class="q mono">{p.signer.key_id}</span></> : <span class="q">nobody</span>}</dd><dt>SHA-256</dt><dd class="mono whole">{p.sha256}</dd></>}
          <dt>Project</dt><dd>{p.project}</dd>
          {p.engine && <><dt>Engine</dt><dd>{p.engine}</dd></>}
          <dt>Id</dt><dd class="mono" title={p.plugin_id ?? ""}>{p.plugin_id}</dd>
        </dl>
      </div>
      <div class="sec">
        <h2>Since it started</h2>
        <dl class="kv w">{numbers.map(([name, n], i) => [<dt key={name}>{name}</dt>, <dd key={name + "v"} class={i && n ? "m" : ""}>{count(n)}</dd>])}</dl>
      </div>
    </>
  );
}

function Problems({ list }: { list: readonly Schemas["PluginProblem"][] }) {
  return (
    <ul class="stack">
      {list.map((x, i) => (
        <li key={i}><Note kind="bad">{x.where && <span class="mono">{x.where} </span>}{x.message}{x.expected && <>; {x.expected}</>}{x.hint && <span class="q"> {x.hint}</span>}</Note></li>
      ))}
    </ul>
  );
}

/** What it declares, beside what was seen of it: how often it was asked for each, and what came of it. */
function Seen({ plugin: p, answer }: { plugin: Plugin; answer: Answer<Capability[]> }) {
  if (answer.error && !answer.value) return <ErrorBox error={answer.error} retry={answer.refresh} what="The capabilities" />;
  if (!answer.value) return <Skeleton rows={8} />;
  if (!answer.value.length) return <Empty title={p.state === "started" ? "It declares nothing that it could be asked for" : "It does not run here, and nothing was seen of this version"} />;
  const kinds = [...new Set(answer.value.map((c) => c.kind))];
  const odd = answer.value.filter((c) => c.contradiction);
  return (
    <>
      {odd.length > 0 && <div class="sec"><Note kind="bad">{odd.length === 1 ? "One capability is" : `${count(odd.length)} capabilities are`} not what it declares.</Note></div>}
      {kinds.map((kind) => (
        <div class="sec" key={kind}>
          <h2>{kinds.length > 1 ? `Declared, as ${kind}` : "Declared"}<span class="push">seen of version {p.version}</span></h2>
          <ul class="cans">
            {answer.value!.filter((c) => c.kind === kind).sort(byOdds).map((c) => (
              <li key={c.verb} class={c.contradiction ? "odd" : undefined}>
                <State look={lookOf(c)} title={c.declared === null ? "It does not run here" : c.declared ? "declared" : "not declared"}>{c.verb.replace(/_/g, " ")}</State>
                <span class={c.observed ? "m" : "q"}>{seenOf(c) || "not declared"}</span>
                {c.contradiction && <p class="bad small">{contradictionOf(c)}</p>}
                {c.observed && <p class="q small">last <Age at={c.observed.last_at} ago />: {c.observed.last_outcome}{c.observed.last_code && c.observed.last_code !== c.observed.last_outcome && `, ${c.observed.last_code}`}{c.observed.last_text && <>: <span dir="auto">{c.observed.last_text}</span></>}</p>}
              </li>
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}

/** What can be done with the engine (natively, emulated, on a condition), as it finds now. */
function Abilities({ plugin: p }: { plugin: Plugin }) {
  const answer = useQuery(`capabilities ${p.project}`, async (signal) => (await api.get("/api/v1/projects/{slug}/capabilities", { path: { slug: p.project }, signal })).items as { engine: string; agent_id: string; is_online: boolean; abilities: Ability[] }[], { topics: ["agent.changed"], leastMs: 10_000 });
  const own = answer.value?.filter((c) => c.engine === p.engine);
  if (answer.error && !own) return <ErrorBox error={answer.error} retry={answer.refresh} what="The actions" />;
  if (!own) return <Skeleton rows={8} />;
  if (!own.length) return <Empty title="It has not told yet what it can do" />;
  return (
    <>
      {own.map((c) => (
        <div class="sec" key={c.agent_id}>
          <h2>{own.length > 1 ? `Agent ${c.agent_id.slice(0, 8)}` : "Action"}<span class="push">{c.is_online ? "as it finds now" : "offline: as it was last"}</span></h2>
          <ul class="cans">
            {c.abilities.map((a) => (
              <li key={a.action}>
                <State look={a.available ? "done" : a.how === "impossible" ? "stop" : "warn"}>{a.action.replace(/_/g, " ")}</State>
                <span class="q">{a.how === "impossible" ? "no" : a.how}</span>
                {a.reason && <p class="q small">{a.reason}</p>}
              </li>
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}

/** The file's settings, and what is laid over them here: a form from the plugin's own description, or JSON. The brain checks as one types. */
function Settings({ plugin: p }: { plugin: Plugin }) {
  const people = usePeople();
  const first = useMemo(() => JSON.stringify(p.override?.settings ?? {}, null, 2), [p.override?.updated_at]);
  const [text, setText] = useState(first);
  const [asText, setAsText] = useState(false);
  const [found, setFound] = useState<Schemas["PluginProblem"][] | null>(null);
  const [valid, setValid] = useState<boolean | null>(null);
  const { busy, error, run } = useAct();
  const described = useQuery(p.configured ? `plugin schema ${p.plugin} ${p.version}` : null, async (signal) => (await api.get("/api/v1/plugins/{instance}/schema", { ...path(p), signal, ownErrors: true })).schema);
  const fields = useMemo(() => fieldsOf(described.value), [described.value]);
  useEffect(() => setText(first), [first]);
  const read = useMemo(() => readSettings(text), [text]);
  const dirty = text !== first;
  useEffect(() => {
    setValid(null);
    setFound(null);
    if (!("settings" in read) || !dirty) return;
    const asking = new AbortController();
    const timer = setTimeout(() => {
      api.post("/api/v1/plugins/{instance}/validate", { ...path(p), body: { settings: read.settings as never }, signal: asking.signal }).then(
        (answer) => {
          setValid(answer.valid);
          setFound(answer.problems);
        },
        () => setValid(null),
      );
    }, 300);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [read, dirty]);
  const save = () =>
    run(async () => {
      if (!("settings" in read)) return;
      await api.put("/api/v1/plugins/{instance}/settings", { ...path(p), body: { settings: read.settings as never } });
      toast(`${p.instance} starts anew with these settings`);
      refresh("plugins");
    });
  if (!p.configured) return <div class="sec"><p class="q2">It is part of the brain's start and takes its settings from the configuration file alone.</p></div>;
  const why = !dirty ? "Nothing was changed" : "problem" in read ? read.problem : valid === false ? "The brain refuses them as they stand" : valid === null ? "Being checked" : busy ? "Under way" : null;
  const file = p.configured.settings as FormSettings;
  const isForm = !asText && fields.length > 0 && "settings" in read;
  const elsewhere = (found ?? []).filter((x) => !isForm || !fields.some((f) => isAbout(x, f)));
  return (
    <>
      <div class="sec stack">
        <div class="row">
          <span class="q2">{p.configured.enabled ? "Enabled" : "Disabled"} in the file</span>
          {fields.length > 0 && <span class="push"><Seg label="Settings as" value={asText ? "json" : "form"} options={[{ id: "form", title: "Form" }, { id: "json", title: "JSON" }]} onChange={(v) => setAsText(v === "json")} /></span>}
        </div>
        {described.error && !described.value && <Note>How they are described could not be read: {described.error.message}.</Note>}
        {isForm ? fields.map((f) => <SettingInput key={f.name} field={f} own={read.settings} file={file} problems={(found ?? []).filter((x) => isAbout(x, f))} onOwn={(own) => setText(JSON.stringify(own, null, 2))} />) : described.loading && !described.value ? <Skeleton rows={6} /> : (
          <>
            <h2>In the file</h2>
            <Tree value={file} empty="none" />
            <Lines label="Laid over the file, as JSON" rows={Math.min(16, Math.max(4, text.split("\n").length + 1))} value={text} onText={setText} help={`${MASK}  keeps a secret as it is`} />
          </>
        )}
        {"problem" in read && <Note kind="bad">{read.problem}</Note>}
        {elsewhere.length > 0 && <Problems list={elsewhere} />}
        {valid && <p><State look="done">the brain takes them</State></p>}
        <Trouble error={error} />
        <div class="row"><Act primary why={why} onClick={save}>Save and start anew</Act>{dirty && <button type="button" class="btn" onClick={() => setText(first)}>As it was</button>}</div>
      </div>
      {p.override && <div class="sec"><p class="q small">Last changed <Time at={p.override.updated_at} />{p.override.updated_by && ` by ${people.get(p.override.updated_by)?.email ?? p.override.updated_by.slice(0, 8)}`}{p.override.enabled !== null && `; ${p.override.enabled ? "enabled" : "disabled"} here, whatever the file says`}.</p></div>}
    </>
  );
}

const isAbout = (problem: Schemas["PluginProblem"], field: SettingField) => problem.where === `/${field.name}` || !!problem.where?.startsWith(`/${field.name}/`);

function SettingInput({ field: f, own, file, problems, onOwn }: { field: SettingField; own: FormSettings; file: FormSettings; problems: readonly Schemas["PluginProblem"][]; onOwn: (own: FormSettings) => void }) {
  const isOwn = Object.hasOwn(own, f.name);
  const given = isOwn ? own[f.name] : file[f.name];
  const isKept = f.kind === "secret" && given !== undefined && (given === MASK || !isOwn);
  // What is typed stands as it was typed, also where it is no value yet.
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? (isKept ? "" : textOf(f, given));
  useEffect(() => setTyped(null), [isOwn]);
  const set = (text: string) => {
    setTyped(text);
    onOwn(withField(own, file, f, valueOfField(f, text)));
  };
  const isDefault = f.fallback !== undefined && f.fallback !== null;
  const fallback = isDefault ? textOf(f, f.fallback).replace(/\n/g, ", ") || "empty" : "";
  const help = (
    <>
      {f.help}
      {fallback && `${f.help ? "; " : ""}${fallback} unless set`}
      {isOwn && <> <button type="button" class="link" onClick={() => { setTyped(null); onOwn(withField(own, file, f, undefined)); }}>{Object.hasOwn(file, f.name) ? "as in the file" : "not set"}</button></>}
      {problems.map((x) => <span class="bad" role="alert" key={x.message}> {x.message}{x.expected && `; ${x.expected}`}</span>)}
    </>
  );
  const label = `${f.name}${f.isRequired ? ", required" : ""}${isOwn ? ", laid over the file" : ""}`;
  if (f.kind === "choice" || f.kind === "yes") {
    const options = f.kind === "yes" ? [{ id: "true", title: "yes" }, { id: "false", title: "no" }] : f.options.map((o) => ({ id: o, title: o }));
    const plain = f.kind === "yes" && isDefault ? (f.fallback === true ? "yes" : "no") : fallback;
    return <Choice label={label} help={help} value={shown} options={Object.hasOwn(file, f.name) ? options : [{ id: "", title: plain ? `not set: ${plain}` : "not set" }, ...options]} onPick={set} />;
  }
  if (f.kind === "lines" || f.kind === "json") return <Lines label={label} rows={Math.min(8, Math.max(2, shown.split("\n").length))} value={shown} onText={set} help={<>{f.kind === "lines" ? "One a line. " : "JSON. "}{help}</>} />;
  return <Text label={label} mono type={f.kind === "secret" ? "password" : "text"} autocomplete="new-password" inputMode={f.kind === "number" ? "numeric" : undefined} value={shown} placeholder={isKept ? (given === MASK ? "set; it stays unless something else is typed" : textOf(f, given)) : fallback} onText={set} help={help} />;
}
