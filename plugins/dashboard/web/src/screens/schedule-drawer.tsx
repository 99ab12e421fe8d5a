/** One schedule: when it fires next, in two zones; what it did; what was asked of its backend. */
import { useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { newKey } from "../lib/commands";
import { useNames } from "../lib/people";
import { refresh, useQuery } from "../lib/query";
import { setParams, slug, to } from "../lib/router";
import { count, span } from "../lib/time";
import { toast, toastError } from "../lib/toasts";
import { nextShift, span as zoneSpan, wallOf } from "../lib/zones";
import { Diff, Tree } from "../parts/data";
import { Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Act, Drawer, Plan } from "../parts/panels";
import { State } from "../parts/state";
import { Age, Mid, Time } from "../parts/text";
import { Marks, markOf, markWords, Times, useFires, whenWords, type Fire, type Schedule } from "./schedule-parts";
import { Schedulers } from "./schedulers";
import { whyNotMine } from "./task-parts";

const reasons: Record<string, string> = { agent_offline: "Nobody who has it is there", role_viewer: "Your role may not switch schedules" };
/** Why this one cannot, in the schedule's own words. */
export function whyNotSchedule(s: Schedule, act: "update" | "enable" | "trigger" | "delete"): string | null {
  const mine = whyNotMine(act === "update" || act === "delete" ? "admin" : "operator");
  if (mine) return mine;
  if (s.blocked) return reasons[s.blocked] ?? s.blocked;
  if (s.capabilities.includes(act)) return null;
  return s.read_only_reason?.replace(/^\w+: /, "") ?? `${s.scheduler} does not offer that`;
}
const looks = { ok: "done", late: "retry", failed: "fail", missed: "warn", open: "run" } as const;

export function ScheduleDrawer({ s, onClose }: { s: Schedule; onClose: () => void }) {
  const at = slug.value;
  const path = { slug: at, schedule_id: s.id };
  const [plan, setPlan] = useState<"delete" | "fire" | null>(null);
  const [about, setAbout] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const person = useNames();
  const fires = useFires(s);
  const preview = useQuery(s.owner_agent_id ? null : `preview ${at} ${s.id} ${s.revision} ${s.next_run_at}`, (signal) => api.get("/api/v1/projects/{slug}/schedules/{schedule_id}/preview", { path, query: { count: 10 }, signal, ownErrors: true }));
  const times = preview.value?.times.map((t) => new Date(t).getTime());

  const again = () => ["schedules ", "fires ", "preview "].forEach((prefix) => refresh(prefix));
  const tell = (error: unknown) => error instanceof ApiError && toastError(error, s.name);
  const flip = async () => {
    setBusy(true);
    try {
      const after = s.is_enabled ? await api.post("/api/v1/projects/{slug}/schedules/{schedule_id}/disable", { path }) : await api.post("/api/v1/projects/{slug}/schedules/{schedule_id}/enable", { path });
      const word = after.is_enabled ? "on" : "off";
      toast(after.pending ? `${s.name}: asked of its backend, not confirmed yet` : `${s.name} is ${word}`);
      again();
    } catch (error) {
      tell(error);
    } finally {
      setBusy(false);
    }
  };
  const fire = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const { trigger } = (await api.post("/api/v1/projects/{slug}/schedules/{schedule_id}/trigger", { path, body: { idempotency_key: newKey() } })) as unknown as { trigger: { outcome?: string; task_id?: string | null; new_task_id?: string | null; reason?: string } };
      const task = trigger.task_id ?? trigger.new_task_id;
      toast(`${s.name} fired: ${trigger.outcome ?? "sent"}${trigger.reason ? `, ${trigger.reason}` : ""}`, { ...(task && { link: { text: "See the task", to: to("task", { engine: s.engine, task }) } }), bad: trigger.outcome === "refused" });
      again();
      setPlan(null);
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const remove = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await api.delete("/api/v1/projects/{slug}/schedules/{schedule_id}", { path });
      toast(`Schedule ${s.name} is deleted`);
      again();
      onClose();
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
      setBusy(false);
    }
  };
  if (plan)
    return (
      <Plan
        label={plan === "fire" ? `Fire ${s.name} now` : `Delete ${s.name}`}
        title={<span class="row">{plan === "fire" ? "Fire now" : "Delete"} <span class="mono cut">{s.name}</span></span>}
        total={1}
        single
        what={plan === "fire" ? "One task is sent now, as if it were due. Its own times stay." : "It will not fire any more. Its past fires and their tasks stay."}
        facts={[["Task", <Mid name={s.task_name} />], ["Queue", s.queue ?? <span class="q">the engine's own choice</span>], ["Next", s.is_enabled ? <Time at={s.next_run_at} /> : "it is off"], ["Runs so far", count(s.total_runs)]]}
        effects={plan === "fire" ? ["The task runs with all it does outside: mails, payments, writes."] : s.scheduler !== "z4j-scheduler" ? [`${s.scheduler} keeps it: it is deleted there.`] : []}
        word={s.name}
        verb={plan === "fire" ? "Fire now" : "Delete"}
        danger={plan === "delete"}
        keep={plan === "fire" ? "Leave it" : "Keep it"}
        busy={busy}
        problem={problem}
        onAct={() => void (plan === "fire" ? fire() : remove())}
        onClose={() => (setPlan(null), setProblem(null))}
      />
    );
  const shift = s.kind === "cron" && s.timezone !== "UTC" ? nextShift(s.timezone, Date.now(), Date.now() + 14 * 86_400_000) : null;
  const drift = s.drift as { since?: string; members?: Record<string, { asked?: unknown; has?: unknown }> } | null;
  return (
    <Drawer
      label={`Schedule ${s.name}`}
      onClose={onClose}
      head={
        <>
          <div class="row">
            <h2 class="dh-title cut" title={s.name} dir="auto">{s.name}</h2>
            {s.pending ? <span class="tag line">pending change</span> : !s.is_enabled && <State look="stop">off</State>}
          </div>
          <Mid name={s.task_name} />
          <div class="row">
            <Act icon="edit" primary={!whyNotSchedule(s, "update")} why={whyNotSchedule(s, "update")} onClick={() => setParams({ edit: "1" })}>Edit</Act>
            <Act icon={s.is_enabled ? "pause" : "play"} why={whyNotSchedule(s, "enable") ?? (busy ? "Under way" : null)} onClick={() => void flip()}>{s.is_enabled ? "Switch off" : "Switch on"}</Act>
            <span class="push row"><Act icon="trash" why={whyNotSchedule(s, "delete")} onClick={() => setPlan("delete")}><span class="vh">Delete</span></Act></span>
          </div>
        </>
      }
      foot={
        <>
          <Act icon="play" why={whyNotSchedule(s, "trigger")} onClick={() => setPlan("fire")}>Fire now…</Act>
          <span class="push q small">{s.last_run_at ? <>last run <Age at={s.last_run_at} ago /></> : "never run"}</span>
        </>
      }
    >
      {s.read_only && <div class="sec"><Note kind="info" icon="lock"><b>Read only.</b> {(s.read_only_reason ?? "").replace(/^\w+: /, "")} <button type="button" class="link" onClick={() => setAbout(true)}>What can be changed where</button></Note></div>}
      {about && <Schedulers at={/^(\w+): /.exec(s.read_only_reason ?? "")?.[1] ?? null} onClose={() => setAbout(false)} />}
      {s.blocked && <div class="sec"><Note>{reasons[s.blocked] ?? s.blocked}.</Note></div>}
      {s.stopped_why && <div class="sec"><Note kind="bad"><b>It was stopped.</b> {s.stopped_why}</Note></div>}
      {s.pending && (
        <div class="sec">
          <Note kind={s.pending.state === "failed" ? "bad" : "info"}>
            <b>{s.pending.state === "failed" ? "A change was refused" : s.pending.state === "unknown" ? "Whether a change was taken is not known" : "A change is not confirmed yet"}</b>: {s.pending.change}, {s.pending.state}, asked <Age at={s.pending.since} ago />{s.pending.by ? ` by ${person(s.pending.by)}` : ""}.{s.pending.why ? ` ${s.pending.why}` : ""}
          </Note>
          <Diff changes={Object.entries(s.pending.values).map(([k, v]) => ({ at: k, before: (s as Record<string, unknown>)[k], after: v }))} empty="" />
        </div>
      )}
      {drift && (
        <div class="sec">
          <Note><b>Its backend has something else</b> than was asked for here{drift.since && <>, since <Time at={drift.since} /></>}. Edit it to ask again.</Note>
          <Diff changes={driftChanges(drift.members)} />
        </div>
      )}
      {shift && <div class="sec"><Note><b>Clocks go {shift.by > 0 ? "forward" : "back"} by {zoneSpan(shift.by)}</b> in {s.timezone} on {wallOf(shift.at, s.timezone)?.weekday} {wallOf(shift.at, s.timezone)?.day}.</Note></div>}
      <div class="sec">
        <dl class="kv w">
          <dt>When</dt><dd><span class="mono">{whenWords(s)}</span> {s.kind !== "interval" && <span class="q">{s.timezone}</span>}</dd>
          <dt>Engine, queue</dt><dd>{s.engine}{s.queue ? <>, <Link to={to("queues", {}, { row: `${s.engine}/${s.queue}` })}>{s.queue}</Link></> : ""}</dd>
          <dt>Kept by</dt><dd>{s.scheduler === "z4j-scheduler" ? "the brain" : s.scheduler}{s.instance ? <span class="q"> {s.instance}</span> : ""}</dd>
          <dt>If missed</dt><dd>{{ skip: "forgotten", fire_one_missed: "the latest is fired", fire_all_missed: "all are fired" }[s.catch_up] ?? s.catch_up}{s.catch_up_limit ? `, at most ${s.catch_up_limit}` : ""}</dd>
          {s.jitter_seconds ? (<><dt>Put off by</dt><dd>up to {s.jitter_seconds} s</dd></>) : null}
          {s.overlap && (<><dt>If one still runs</dt><dd>{s.overlap === "skip" ? "left out" : "both run"}</dd></>)}
          {s.applied_at && (<><dt>Applied</dt><dd><Time at={s.applied_at} /></dd></>)}
          <dt>Source</dt><dd>{s.source} <span class="q">revision {s.revision}</span></dd>
          {s.description && (<><dt>Note</dt><dd class="wraps">{s.description}</dd></>)}
        </dl>
      </div>
      <div class="sec">
        <h2>Next fires <span class="push q">{s.is_enabled ? "as applied now" : "if it were on"}</span></h2>
        {s.owner_agent_id ? <p class="q">{s.next_run_at ? <><Time at={s.next_run_at} />; </> : ""}its agent tells no more.</p> : <Times times={times} own={s.timezone} error={preview.error && !preview.value ? preview.error.message : null} />}
      </div>
      <div class="sec">
        <h2>Past fires <span class="push q">{count(s.total_runs)} {s.total_runs === 1 ? "run" : "runs"}</span></h2>
        {!fires.value ? <Skeleton rows={3} /> : fires.value.length === 0 ? <p class="q">It has not fired yet.</p> : (
          <>
            <div class="big-marks"><Marks fires={fires.value} /></div>
            <ul class="list plain past">{fires.value.slice(0, 12).map((f) => <Past key={f.id} f={f} person={person} />)}</ul>
          </>
        )}
      </div>
      {(s.args.length > 0 || Object.keys(s.kwargs).length > 0) && (
        <div class="sec">
          <h2>Arguments</h2>
          {s.args.length > 0 && <Tree value={s.args} />}
          {Object.keys(s.kwargs).length > 0 && <Tree value={s.kwargs} />}
        </div>
      )}
    </Drawer>
  );
}

/** Each member that was asked for and is otherwise at the backend. */
function driftChanges(members: Record<string, { asked?: unknown; has?: unknown }> | undefined) {
  return Object.entries(members ?? {}).map(([at, { asked, has }]) => ({ at, before: asked, after: has }));
}

function Past({ f, person }: { f: Fire; person: (id: string | null) => string | null }) {
  const mark = markOf(f);
  const late = new Date(f.fired_at).getTime() - new Date(f.scheduled_for).getTime();
  const facts = [f.reason === "trigger" ? `by hand${f.created_by ? `, ${person(f.created_by)}` : ""}` : f.reason === "catch_up" ? "caught up" : "", late > 2000 && f.reason !== "trigger" ? `${span(late)} late` : "", f.error_message ?? f.error_code ?? ""].filter(Boolean).join(" · ");
  return (
    <li class="row">
      <State look={looks[mark]}>{markWords[mark]}</State>
      <span class="q small cut" title={facts}>{facts}</span>
      <span class="push row">
        {f.task_id && <Link class="mono" to={to("task", { engine: f.engine, task: f.task_id })}>{f.task_id.slice(0, 8)}</Link>}
        <span class="q2"><Time at={f.scheduled_for} /></span>
      </span>
    </li>
  );
}
