/** What a retry or a cancel of one task would do, before it does it. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { isCut, readLiteral, type Json } from "../lib/pyliteral";
import { refresh, useQuery } from "../lib/query";
import { slug, to } from "../lib/router";
import { isProduction } from "../lib/session";
import type { Task } from "../lib/tasks";
import { toast } from "../lib/toasts";
import { REDACTED, Tree, asText } from "../parts/data";
import { ErrorBox, Note, Refusal, Skeleton } from "../parts/feedback";
import { Drawer } from "../parts/panels";
import { Mid } from "../parts/text";
import { TaskStateMark } from "../parts/state";
import { useAgents } from "./fleet-parts";
import type { Wish } from "./task-parts";

/** Who could take it to the engine; those that are there first. */
function useThrough(engine: string) {
  const agents = useAgents();
  const known = (agents.value ?? []).filter((a) => a.engine_adapters.includes(engine) && !a.is_revoked).map((a) => ({ id: a.id, name: a.name, online: a.state === "online" }));
  return { known: known.sort((a, b) => Number(b.online) - Number(a.online) || a.name.localeCompare(b.name)), none: !!agents.value && !known.some((a) => a.online) };
}

const titles: Record<Wish, string> = { retry: "Retry", edit: "Edit and retry", cancel: "Cancel" };

interface Change {
  kind: "added" | "removed" | "changed";
  pointer: string;
  before: unknown;
  after: unknown;
}

function starting(value: unknown, empty: string): string {
  const read = typeof value === "string" ? readLiteral(value) : value;
  if (read === undefined || isCut(read as Json)) return empty; // not known whole: nothing to begin with
  return read === null ? empty : JSON.stringify(read, null, 2);
}
function parsed(text: string, kind: "list" | "object"): { value?: unknown; problem?: string } {
  try {
    const value = JSON.parse(text) as unknown;
    if (kind === "list" ? !Array.isArray(value) : value === null || typeof value !== "object" || Array.isArray(value)) return { problem: kind === "list" ? "a list: [1, \"two\"]" : "an object: {\"a\": 1}" };
    return { value };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

export function TaskPlan({ task, wish, onClose }: { task: Task; wish: Wish; onClose: () => void }) {
  const at = slug.value;
  const [args, setArgs] = useState(() => starting(task.args, "[]"));
  const [kwargs, setKwargs] = useState(() => starting(task.kwargs, "{}"));
  const [agent, setAgent] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const [asked, setAsked] = useState({ args, kwargs });
  const key = useMemo(() => crypto.randomUUID?.() ?? String(Math.random()), [task.id, wish]);
  useEffect(() => {
    const timer = setTimeout(() => setAsked({ args, kwargs }), 300);
    return () => clearTimeout(timer);
  }, [args, kwargs]);
  const a = parsed(asked.args, "list");
  const k = parsed(asked.kwargs, "object");
  const edit = wish === "edit";
  const through = useThrough(task.engine);
  const away = through.none ? `No agent of ${task.engine} is online: it can be sent as soon as one is back` : through.known.some((a) => a.id === agent && !a.online) ? "That agent is away: wait until it is back, or choose another one" : null;
  const wrong = edit ? (a.problem && `Arguments: ${a.problem}`) || (k.problem && `Named arguments: ${k.problem}`) : undefined;
  const stale = edit && (args !== asked.args || kwargs !== asked.kwargs);
  const overrides = edit ? { override_args: a.value as unknown[], override_kwargs: k.value as Record<string, never> } : {};
  const preview = useQuery(wish === "cancel" || wrong ? null : `preview ${at} ${task.engine} ${task.task_id} ${JSON.stringify(overrides)}`, (signal) =>
    api.post("/api/v1/projects/{slug}/commands/retry-preview", { path: { slug: at }, body: { engine: task.engine, task_id: task.task_id, ...overrides } as never, signal, ownErrors: true }),
  );
  const shown = preview.value as { args: unknown; kwargs: unknown; queue: string | null; priority: string | null; is_known: boolean; changes: Change[]; retried_as: string | null; state: string } | undefined;
  const redacted = /\[REDACTED/.test(asText(shown?.args ?? task.args) + asText(shown?.kwargs ?? task.kwargs)) || REDACTED.test(asText(task.args));
  const act = async () => {
    if (busy || wrong || stale || away) return;
    setBusy(true);
    setProblem(null);
    const body = { engine: task.engine, task_id: task.task_id, idempotency_key: agent ? `${key} ${agent}` : key, ...(agent && { agent_id: agent }), ...overrides } as never;
    try {
      const command = wish === "cancel" ? await api.post("/api/v1/projects/{slug}/commands/cancel-task", { path: { slug: at }, body }) : await api.post("/api/v1/projects/{slug}/commands/retry-task", { path: { slug: at }, body });
      toast(wish === "cancel" ? `Cancel is ${command.status}` : `Retry is ${command.status}`, { link: { text: "See the task", to: to("task", { engine: task.engine, task: task.task_id }, { tab: "audit" }) } });
      refresh("task");
      onClose();
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const ready = !busy && !wrong && !stale && !away && (wish === "cancel" || !!shown);
  return (
    <Drawer
      label={`${titles[wish]} ${task.name}`}
      takesFocus
      onClose={onClose}
      wide={edit}
      head={
        <>
          <h2 class="dh-title">{titles[wish]}</h2>
          <Mid name={task.name} />
          <p class="q">Nothing happens until you confirm this plan.</p>
        </>
      }
      foot={
        <>
          <button type="button" class="btn" onClick={onClose}>
            Leave it
          </button>
          <button type="button" class={`btn pri push${wish === "cancel" ? " danger" : ""}`} aria-disabled={!ready} title={away ?? undefined} onClick={() => void (ready && act())}>
            {busy ? "Sending…" : wish === "cancel" ? "Cancel it" : "Send it again"}
          </button>
        </>
      }
    >
      {wish === "cancel" ? (
        <div class="sec">
          <p>
            It is <TaskStateMark state={task.state} />.{" "}
            {task.state === "started" ? `Worker ${task.worker_name ?? ""} is told to stop the run; what it did so far stays done.` : "It is taken out of its queue, or dropped by the worker that holds it when its turn comes."}
          </p>
        </div>
      ) : (
        <>
          {isProduction.value && (
            <div class="sec">
              <Note>
                <b>Production.</b> The task runs again, with all it does outside: mails, payments, writes.
              </Note>
            </div>
          )}
          {edit && (
            <div class="sec fields">
              <div class="field">
                <label for="plan-args">Arguments, as JSON</label>
                <textarea id="plan-args" class="in mono" spellcheck={false} value={args} onInput={(e) => setArgs(e.currentTarget.value)} />
              </div>
              <div class="field">
                <label for="plan-kwargs">Named arguments, as JSON</label>
                <textarea id="plan-kwargs" class="in mono" spellcheck={false} value={kwargs} onInput={(e) => setKwargs(e.currentTarget.value)} />
              </div>
              {[task.args, task.kwargs].some((v) => typeof v === "string" && v.length > 2 && starting(v, "") === "") && <Note kind="info">What it had was told cut short, so it does not stand here: write the arguments whole.</Note>}
              {wrong && <Note kind="bad">{wrong}</Note>}
            </div>
          )}
          {preview.error && !shown && <ErrorBox error={preview.error} what="The preview" retry={preview.refresh} />}
          {!preview.error && !shown && !wrong && <Skeleton rows={4} />}
          {shown && !wrong && (
            <>
              {edit && (
                <div class="sec">
                  <h2>
                    Against what it had <span class="push q">{shown.changes.length === 0 ? "the same" : `${shown.changes.length} differ`}</span>
                  </h2>
                  <div class="diff">
                    {shown.changes.map((c) => (
                      <>
                        {c.kind !== "added" && (
                          <div class="del" key={"-" + c.pointer}>
                            - {c.pointer}: {JSON.stringify(c.before)}
                          </div>
                        )}
                        {c.kind !== "removed" && (
                          <div class="add" key={"+" + c.pointer}>
                            + {c.pointer}: {JSON.stringify(c.after)}
                          </div>
                        )}
                      </>
                    ))}
                  </div>
                </div>
              )}
              <div class="sec">
                <h2>What is sent</h2>
                <dl class="kv w">
                  <dt>Queue</dt>
                  <dd>{shown.queue ?? "the engine's own choice"}</dd>
                  {shown.priority && (
                    <>
                      <dt>Priority</dt>
                      <dd>{shown.priority}</dd>
                    </>
                  )}
                </dl>
                {shown.is_known || edit ? (
                  <>
                    <Tree value={shown.args} empty="no arguments" />
                    <Tree value={shown.kwargs} empty="no named arguments" />
                  </>
                ) : (
                  <Note kind="info">The arguments are not known whole here: the engine's own copy is sent, as it is.</Note>
                )}
              </div>
              {redacted && (
                <div class="sec">
                  <Note>
                    <b>Some arguments are redacted here.</b> {edit ? "What you leave as [REDACTED] is sent as those letters." : "The engine's own copy, with the real ones, is sent."}
                  </Note>
                </div>
              )}
              {shown.retried_as && (
                <div class="sec">
                  <Note>
                    <b>It was retried already</b>, as <span class="mono">{shown.retried_as.slice(0, 13)}</span>.
                  </Note>
                </div>
              )}
            </>
          )}
        </>
      )}
      {(through.known.length > 1 || away) && (
        <div class="sec">
          <div class="field">
            <label for="plan-agent">Through</label>
            <select id="plan-agent" class="in" value={agent} onChange={(e) => (setAgent(e.currentTarget.value), setProblem(null))}>
              <option value="">any agent that is online</option>
              {through.known.map((a) => (
                <option key={a.id} value={a.id}>
                  {a.name}
                  {a.online ? "" : ", away"}
                </option>
              ))}
            </select>
          </div>
          {away && <Note>{away}.</Note>}
        </div>
      )}
      {problem && (
        <div class="sec">
          <Note kind="bad">
            <Refusal error={problem} />
          </Note>
        </div>
      )}
    </Drawer>
  );
}
