/** Schedules out of a file: what would change first, then the change. */
import { useState } from "preact/hooks";
import { addressOf, api, ApiError, type Schemas } from "../api/client";
import { refresh } from "../lib/query";
import { slug } from "../lib/router";
import { count } from "../lib/time";
import { toast, toastError } from "../lib/toasts";
import { Diff, differences } from "../parts/data";
import { Note } from "../parts/feedback";
import { Download } from "../parts/link";
import { Plan, Seg } from "../parts/panels";
import { State } from "../parts/state";

type Answer = Awaited<ReturnType<typeof ask>>;
type Mode = "upsert" | "replace_for_source";
const ask = (at: string, schedules: unknown[], mode: Mode) => api.post("/api/v1/projects/{slug}/schedules:diff", { path: { slug: at }, body: { schedules, mode } as never });

/** `[…]` or `{"schedules": […]}`; a sentence when it is neither. */
export function readFile(text: string): unknown[] | string {
  try {
    const value = JSON.parse(text) as unknown;
    const list = Array.isArray(value) ? value : (value as { schedules?: unknown } | null)?.schedules;
    if (!Array.isArray(list)) return 'A list of schedules is expected, or {"schedules": […]}';
    if (list.length > 2000) return `${count(list.length)} schedules are too many for one go: 2,000`;
    return list;
  } catch (error) {
    return (error as Error).message;
  }
}

export function ExportLink({ query }: { query: Record<string, unknown> }) {
  return <Download class="vh" id="schedule-export" tabIndex={-1} aria-hidden="true" path={addressOf("/api/v1/projects/{slug}/schedules:export", { slug: slug.value }, query) as `/api/${string}`}>Export</Download>;
}

export async function Resync(): Promise<void> {
  try {
    const said = await api.post("/api/v1/projects/{slug}/schedules:resync", { path: { slug: slug.value } });
    toast(said.agents_dispatched + said.instances_asked ? `Asked ${count(said.agents_dispatched)} agents and ${count(said.instances_asked)} backends to tell theirs` : "Nobody keeps schedules elsewhere");
    refresh("schedules ");
  } catch (error) {
    if (error instanceof ApiError) toastError(error);
  }
}

export function ScheduleImport({ onClose }: { onClose: () => void }) {
  const at = slug.value;
  const [text, setText] = useState("");
  const [mode, setMode] = useState<Mode>("upsert");
  const [answer, setAnswer] = useState<Answer | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const list = text.trim() ? readFile(text) : null;
  const compare = async (next = mode) => {
    if (!Array.isArray(list)) return;
    setBusy(true);
    setProblem(null);
    try {
      setAnswer(await ask(at, list, next));
    } catch (error) {
      if (error instanceof ApiError) setProblem(error.message);
    } finally {
      setBusy(false);
    }
  };
  const act = async () => {
    if (!Array.isArray(list)) return;
    setBusy(true);
    setProblem(null);
    try {
      const done = await api.post("/api/v1/projects/{slug}/schedules:import", { path: { slug: at }, body: { schedules: list, mode } as never });
      toast(`${count(done.inserted)} made, ${count(done.updated)} changed, ${count(done.deleted)} deleted${done.failed ? `, ${count(done.failed)} failed: ${Object.values(done.errors)[0] ?? ""}` : ""}`, { bad: done.failed > 0 });
      refresh("schedules ");
      onClose();
    } catch (error) {
      if (error instanceof ApiError) setProblem(error.message);
      setBusy(false);
    }
  };
  const n = answer?.summary;
  const total = n ? n.insert + n.update + n.delete : null;
  const shown = (title: string, changes: Schemas["ScheduleChanges"]) =>
    changes.slice(0, 20).map((c) => (
      <div key={title + c.name}>
        <p class="small m">{title} {c.name}</p>
        <Diff changes={title === "Make" ? [{ at: "", after: c.proposed }] : title === "Delete" ? [{ at: "", before: c.current }] : differences(c.current, c.proposed)} />
      </div>
    ));
  return (
    <Plan
      label="Import schedules"
      title="Import or compare"
      total={answer ? total : 0}
      single={!answer}
      what={answer ? <>schedules would change:<br />{count(n?.insert)} new, {count(n?.update)} changed, {count(n?.delete)} deleted</> : "A file says which schedules there should be: JSON, as an export gives it."}
      untouched={n && n.unchanged > 0 ? [<State look="done"><span><b>{count(n.unchanged)}</b> are as the file says</span></State>] : []}
      effects={answer ? Object.entries(answer.errors).slice(0, 5).map(([i, why]) => <><b>Number {Number(i) + 1}:</b> {why}</>) : []}
      word="import"
      most={50}
      verb="Apply"
      keep="Leave them"
      busy={busy}
      problem={problem ?? (typeof list === "string" ? list : null)}
      onAct={() => void act()}
      onClose={onClose}
    >
      <div class="sec fields">
        <div class="row">
          <Seg label="Mode" value={mode} onChange={(m) => (setMode(m), answer && void compare(m))} options={[{ id: "upsert", title: "Add and change" }, { id: "replace_for_source", title: "And delete what it lacks" }]} />
        </div>
        {mode === "replace_for_source" && <Note>Schedules of the file's source label that it has no more are deleted; others are left alone.</Note>}
        <div class="field">
          <label for="import-file">File</label>
          <input id="import-file" type="file" accept=".json,application/json" onChange={(e) => void e.currentTarget.files?.[0]?.text().then((t) => (setText(t), setAnswer(null)))} />
        </div>
        <div class="field">
          <label for="import-text">Or its text</label>
          <textarea id="import-text" class="in mono" spellcheck={false} placeholder='{"schedules": [{"name": "nightly report", …}]}' value={text} onInput={(e) => (setText(e.currentTarget.value), setAnswer(null))} />
        </div>
        <div class="row"><button type="button" class="btn" aria-disabled={!Array.isArray(list) || busy} onClick={() => void compare()}>Compare with what is there</button></div>
      </div>
      {answer && total !== 0 && <div class="sec changes">{shown("Make", answer.inserted)}{shown("Change", answer.updated)}{shown("Delete", answer.deleted)}</div>}
    </Plan>
  );
}
