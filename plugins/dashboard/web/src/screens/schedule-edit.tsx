/** A schedule, new or changed: every keystroke is tried out by its own scheduler before it is saved. */
import { useEffect, useId, useMemo, useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { refresh, useQuery } from "../lib/query";
import { setParams, slug } from "../lib/router";
import { toast } from "../lib/toasts";
import { allZones, knowsZone } from "../lib/zones";
import { ErrorBox, Note } from "../parts/feedback";
import { Drawer, Seg } from "../parts/panels";
import { useAgents } from "./fleet-parts";
import { useQueues } from "./queue-parts";
import { Times, tryOut, type Schedule } from "./schedule-parts";

type Kind = "cron" | "interval" | "clocked" | "solar";
const kinds: { id: Kind; title: string; hint: string; help: string }[] = [
  { id: "cron", title: "Cron", hint: "30 2 * * *", help: "Minute, hour, day, month, weekday; seconds as a sixth." },
  { id: "interval", title: "Interval", hint: "5m", help: "30s, 5m, 2h or 1d: at its multiples since 1970, UTC." },
  { id: "clocked", title: "Once", hint: "2027-01-31T09:00:00", help: "By the clock of the zone, unless an offset stands behind it." },
  { id: "solar", title: "Sun", hint: "sunset:52.5:13.4", help: "dawn, sunrise, noon, sunset, dusk or midnight, at a latitude and longitude." },
];
export interface Form {
  name: string;
  kind: Kind;
  expression: string;
  timezone: string;
  engine: string;
  task_name: string;
  queue: string;
  args: string;
  kwargs: string;
  catch_up: string;
  overlap: string;
  jitter_seconds: string;
  clock_changes: string;
  description: string;
  is_enabled: boolean;
}
export function formOf(s: Schedule | null): Form {
  const options = (s?.options ?? {}) as { clock_changes?: string };
  return {
    name: s?.name ?? "",
    kind: (s?.kind as Kind) ?? "cron",
    expression: s?.expression ?? "",
    timezone: s?.timezone ?? "UTC",
    engine: s?.engine ?? "",
    task_name: s?.task_name ?? "",
    queue: s?.queue ?? "",
    args: JSON.stringify(s?.args ?? []),
    kwargs: JSON.stringify(s?.kwargs ?? {}),
    catch_up: s?.catch_up ?? "skip",
    overlap: s?.overlap ?? "",
    jitter_seconds: s?.jitter_seconds ? String(s.jitter_seconds) : "",
    clock_changes: options.clock_changes ?? "",
    description: s?.description ?? "",
    is_enabled: s?.is_enabled ?? true,
  };
}
function json(text: string, list: boolean): unknown {
  const value = JSON.parse(text || (list ? "[]" : "{}")) as unknown;
  if (list ? !Array.isArray(value) : value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(list ? 'a list: [1, "two"]' : 'an object: {"a": 1}');
  return value;
}
/** What is wrong with it before the brain is asked, by member. */
export function formProblems(f: Form): Partial<Record<keyof Form, string>> {
  const found: Partial<Record<keyof Form, string>> = {};
  for (const key of ["name", "expression", "engine", "task_name"] as const) if (!f[key].trim()) found[key] = "It is needed";
  for (const [key, list] of [["args", true], ["kwargs", false]] as const)
    try {
      json(f[key], list);
    } catch (error) {
      found[key] = (error as Error).message;
    }
  if (f.timezone && !knowsZone(f.timezone)) found.timezone = "No zone of that name is known";
  if (f.jitter_seconds && !(Number(f.jitter_seconds) >= 0 && Number(f.jitter_seconds) <= 86_400)) found.jitter_seconds = "0 to 86400 seconds";
  return found;
}
function allMembers(f: Form, s: Schedule | null): Record<string, unknown> {
  const options = { ...((s?.options ?? {}) as Record<string, unknown>) };
  if (f.clock_changes) options.clock_changes = f.clock_changes;
  else delete options.clock_changes;
  return {
    kind: f.kind,
    expression: f.expression.trim(),
    timezone: f.timezone.trim() || "UTC",
    engine: f.engine.trim(),
    task_name: f.task_name.trim(),
    queue: f.queue.trim(),
    args: json(f.args, true),
    kwargs: json(f.kwargs, false),
    catch_up: f.catch_up,
    ...(f.overlap && { overlap: f.overlap }),
    ...(f.jitter_seconds !== "" ? { jitter_seconds: Number(f.jitter_seconds) } : s?.jitter_seconds ? { jitter_seconds: 0 } : {}),
    ...(Object.keys(options).length || s?.options ? { options } : {}),
    description: f.description,
    is_enabled: f.is_enabled,
  };
}
/** The members the brain takes: all of a new one, of an old one those that differ. */
export function membersOf(f: Form, s: Schedule | null): Record<string, unknown> {
  const all = allMembers(f, s);
  if (!s) return { name: f.name.trim(), ...Object.fromEntries(Object.entries(all).filter(([, v]) => v !== "")) };
  const before = allMembers(formOf(s), s);
  return Object.fromEntries(Object.entries(all).filter(([k, v]) => JSON.stringify(v) !== JSON.stringify(before[k])));
}

export function ScheduleEdit({ s, onClose }: { s: Schedule | null; onClose: () => void }) {
  const at = slug.value;
  const [f, setForm] = useState<Form>(() => formOf(s));
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const [asked, setAsked] = useState(f);
  const id = useId();
  const agents = useAgents();
  const queues = useQueues();
  useEffect(() => {
    const timer = setTimeout(() => setAsked(f), 350);
    return () => clearTimeout(timer);
  }, [f]);
  const set = (change: Partial<Form>) => setForm((old) => ({ ...old, ...change }));
  const engines = [...new Set((agents.value ?? []).flatMap((a) => a.engine_adapters))].sort();
  useEffect(() => {
    if (!s && !f.engine && engines.length) set({ engine: engines[0]! });
  }, [engines.join()]);
  const names = useQuery(`names ${at} ${f.engine}`, async (signal) => {
    const of = (agents.value ?? []).filter((a) => a.engine_adapters.includes(f.engine)).slice(0, 3);
    const lists = await Promise.all(of.map((a) => api.get("/api/v1/projects/{slug}/agents/{agent_id}/registry", { path: { slug: at, agent_id: a.id }, query: { limit: 500 }, signal })));
    return [...new Set(lists.flatMap((l) => l.items.map((i) => i.name)))].sort();
  });
  const wrong = formProblems(f);
  const trying = ["cron", "interval", "clocked", "solar"].includes(asked.kind) && asked.expression.trim() && knowsZone(asked.timezone || "UTC") ? { kind: asked.kind, expression: asked.expression.trim(), timezone: asked.timezone || "UTC", ...(asked.clock_changes && { options: { clock_changes: asked.clock_changes } }), ...(asked.jitter_seconds && !wrong.jitter_seconds && { jitter_seconds: Number(asked.jitter_seconds) }) } : null;
  const ahead = useQuery(trying ? `try ${at} ${s?.id} ${JSON.stringify(trying)}` : null, (signal) => tryOut(at, s?.id ?? null, s ? trying! : { name: "new", engine: asked.engine || "celery", task_name: asked.task_name || "task", ...trying! }, signal));
  const changed = useMemo(() => (Object.keys(wrong).length ? {} : membersOf(f, s)), [f, s]);
  const why = Object.keys(wrong).length ? "Something is missing or wrong" : busy ? "Saving" : ahead.value?.why ?? (s && Object.keys(changed).length === 0 ? "Nothing is changed" : null);
  const save = async () => {
    if (why) return;
    setBusy(true);
    setProblem(null);
    try {
      const saved = s
        ? await api.patch("/api/v1/projects/{slug}/schedules/{schedule_id}", { path: { slug: at, schedule_id: s.id }, body: changed as never })
        : await api.post("/api/v1/projects/{slug}/schedules", { path: { slug: at }, body: changed as never });
      toast(saved.pending ? `${saved.name}: asked of its backend, not confirmed yet` : s ? `${saved.name} is changed, and in effect` : `${saved.name} is made`);
      for (const prefix of ["schedules ", "preview ", "fires "]) refresh(prefix);
      setParams({ new: null, edit: null, row: saved.id });
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const kind = kinds.find((k) => k.id === f.kind)!;
  const refused = problem?.field as keyof Form | undefined;
  const field = (key: keyof Form, label: string, input: preact.JSX.Element, help?: string, wide = false) => {
    const touched = JSON.stringify(f[key]) !== JSON.stringify(formOf(s)[key]);
    const said = refused === key ? problem?.message : touched ? wrong[key] : undefined;
    return (
      <div class={wide ? "field span2" : "field"}>
        <label for={`${id}${key}`}>{label}</label>
        {input}
        {said ? <p class="help bad">{said}</p> : help && <p class="help">{help}</p>}
      </div>
    );
  };
  const text = (key: "expression" | "timezone" | "engine" | "task_name" | "queue" | "name" | "description" | "jitter_seconds", more: preact.JSX.IntrinsicElements["input"] = {}) => <input id={`${id}${key}`} class="in" autocomplete="off" spellcheck={false} aria-invalid={!!wrong[key] && f[key] !== ""} value={f[key]} onInput={(e) => set({ [key]: e.currentTarget.value })} {...more} />;
  const pick = (key: "catch_up" | "overlap" | "clock_changes", options: [string, string][]) => (
    <select id={`${id}${key}`} class="in" value={f[key]} onChange={(e) => set({ [key]: e.currentTarget.value })}>
      {options.map(([value, title]) => <option key={value} value={value}>{title}</option>)}
    </select>
  );
  return (
    <Drawer
      label={s ? `Edit ${s.name}` : "New schedule"}
      onClose={onClose}
      takesFocus
      wide
      head={
        <>
          <h2 class="dh-title">{s ? <>Edit <span class="mono">{s.name}</span></> : "New schedule"}</h2>
          <p class="q small">{s && s.scheduler !== "z4j-scheduler" ? `${s.scheduler} keeps it: the change is asked of it, and shown as pending until it is read there.` : "The brain keeps it: what is saved is in effect at once."}</p>
        </>
      }
      foot={
        <>
          <button type="button" class="btn" onClick={onClose}>{s ? "Leave it" : "Forget it"}</button>
          <button type="button" class="btn pri push" aria-disabled={!!why} title={why ?? undefined} onClick={() => void save()}>{busy ? "Saving…" : s ? "Save and apply" : "Make it"}</button>
        </>
      }
    >
      <div class="sec">
        <div class="edit-form">
          {!s && field("name", "Name", text("name", { maxLength: 200, placeholder: "nightly report" }), undefined, true)}
          <div class="span2"><Seg label="Kind" options={kinds} value={f.kind} onChange={(k) => set({ kind: k, ...(kinds.some((x) => x.hint === f.expression) || !f.expression ? { expression: "" } : {}) })} /></div>
          {field("expression", "When", text("expression", { class: "in mono", maxLength: 1024, placeholder: kind.hint }), kind.help, f.kind === "interval")}
          {f.kind !== "interval" && field("timezone", "Time zone", text("timezone", { list: `${id}zones`, maxLength: 64 }))}
          {f.kind === "cron" && field("clock_changes", "When the clocks change", pick("clock_changes", [["", "A time of day runs once"], ["every_instant", "By real time, whatever it names"]]), f.clock_changes ? "Skipped times do not come, repeated ones come twice." : "Skipped: at the end of the gap. Repeated: the first time.", true)}
          {field("engine", "Engine", text("engine", { list: `${id}engines`, maxLength: 40 }))}
          {field("queue", "Queue", text("queue", { list: `${id}queues`, maxLength: 200, placeholder: "the engine's own choice" }))}
          {field("task_name", "Task", text("task_name", { class: "in mono", list: `${id}names`, maxLength: 500, placeholder: "shop.tasks.report" }), undefined, true)}
          {field("args", "Arguments, as JSON", <textarea id={`${id}args`} class="in mono" spellcheck={false} value={f.args} onInput={(e) => set({ args: e.currentTarget.value })} />)}
          {field("kwargs", "Named arguments, as JSON", <textarea id={`${id}kwargs`} class="in mono" spellcheck={false} value={f.kwargs} onInput={(e) => set({ kwargs: e.currentTarget.value })} />)}
          {field("catch_up", "If missed", pick("catch_up", [["skip", "Forget it"], ["fire_one_missed", "Fire the latest"], ["fire_all_missed", "Fire all"]]))}
          {field("overlap", "If one still runs", pick("overlap", [["", s?.overlap ? "As it is" : "Both run"], ["allow", "Both run"], ["skip", "Leave it out"]]))}
          {field("jitter_seconds", "Put off by up to", text("jitter_seconds", { type: "number", min: 0, max: 86_400, placeholder: "0 s" }))}
          {field("description", "Note", text("description", { maxLength: 1000 }))}
          <label class="row span2"><input type="checkbox" checked={f.is_enabled} onChange={(e) => set({ is_enabled: e.currentTarget.checked })} /> It is on</label>
        </div>
        <datalist id={`${id}zones`}>{allZones().map((z) => <option key={z} value={z} />)}</datalist>
        <datalist id={`${id}engines`}>{engines.map((e) => <option key={e} value={e} />)}</datalist>
        <datalist id={`${id}queues`}>{(queues.value ?? []).filter((q) => q.engine === f.engine).map((q) => <option key={q.id} value={q.name} />)}</datalist>
        <datalist id={`${id}names`}>{(names.value ?? []).map((n) => <option key={n} value={n} />)}</datalist>
      </div>
      {problem && !refused && <div class="sec"><Note kind="bad">{problem.status === 409 ? <><b>It was not taken.</b> {problem.message}</> : problem.message}</Note></div>}
      <div class="sec">
        <h2>Next fires <span class="push q">{s ? "with your change" : "as it stands here"}</span></h2>
        {!trying ? <p class="q">Say when, and they stand here.</p> : ahead.error ? <ErrorBox error={ahead.error} what="The next fires" retry={ahead.refresh} /> : <Times times={ahead.value?.times} own={trying.timezone} error={ahead.value?.why} />}
      </div>
    </Drawer>
  );
}
