/** Many tasks at once: a frozen selection, its plan, then a job. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { api, ApiError, type Schemas } from "../api/client";
import { refresh } from "../lib/query";
import { slug, to } from "../lib/router";
import { taskStates, type TaskState } from "../lib/states";
import { count, span } from "../lib/time";
import { toast } from "../lib/toasts";
import { ErrorBox } from "../parts/feedback";
import { Plan } from "../parts/panels";
import { State } from "../parts/state";
import { Mid, Time } from "../parts/text";

export type BulkAction = Schemas["Selection"]["action"];
export interface BulkWish {
  action: BulkAction;
  /** The tasks named, or the filter that finds them. */
  ids?: string[];
  filter?: Record<string, unknown>;
  word: string;
}
interface Summary {
  by_task: { name: string; count: number }[];
  by_state: { state: TaskState; count: number }[];
  by_queue: { queue: string | null; count: number }[];
  oldest: string | null;
  newest: string | null;
  samples: { engine: string; task_id: string; name: string }[];
  excluded: number;
  exclusions: { reason: string; count: number }[];
  arguments_unsure: number;
}
const words: Record<BulkAction, { title: string; verb: string; will: string; done: string }> = {
  retry: { title: "Retry", verb: "Retry", will: "tasks will be sent again", done: "Retrying" },
  cancel: { title: "Cancel", verb: "Cancel", will: "tasks will be cancelled", done: "Cancelling" },
  delete: { title: "Delete", verb: "Delete", will: "tasks will be forgotten by their engine", done: "Deleting" },
  requeue: { title: "Requeue", verb: "Requeue", will: "dead letters will go back to their queue", done: "Requeueing" },
};

export function BulkPlan({ wish, onClose, onDone }: { wish: BulkWish; onClose: () => void; onDone: () => void }) {
  const at = slug.value;
  const [selection, setSelection] = useState<Schemas["Selection"] | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const [rate, setRate] = useState("");
  const [attempt, again] = useState(0);
  const key = useMemo(() => crypto.randomUUID?.() ?? String(Math.random()), [wish]);

  useEffect(() => {
    const asking = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const path = { slug: at };
    const look = (s: Schemas["Selection"]) => {
      setSelection(s);
      if (s.state === "building")
        timer = setTimeout(
          () =>
            api
              .get("/api/v1/projects/{slug}/selections/{selection_id}", { path: { ...path, selection_id: s.id }, signal: asking.signal })
              .then(look, fail),
          300,
        );
    };
    const fail = (e: ApiError) => !asking.signal.aborted && setError(e);
    setSelection(null);
    setError(null);
    api
      .post("/api/v1/projects/{slug}/selections", { path, body: { action: wish.action, ...(wish.ids ? { task_ids: wish.ids } : { filter: wish.filter as never }) }, signal: asking.signal })
      .then(look, fail);
    return () => {
      asking.abort();
      clearTimeout(timer);
    };
  }, [wish, attempt]);

  const w = words[wish.action];
  const ready = selection?.state === "ready" ? selection : null;
  const s = ready?.summary as Summary | undefined;
  const pace = Number(rate) || null;
  const act = async () => {
    if (!ready) return;
    setBusy(true);
    setProblem(null);
    try {
      const job = await api.post("/api/v1/projects/{slug}/bulk-jobs", { path: { slug: at }, body: { selection_id: ready.id, rate_per_second: pace, idempotency_key: key } });
      toast(`${w.done} ${count(ready.total)} tasks`, { link: { text: "See the job", to: to("job", { job: job.id }) } });
      refresh("tasks ");
      onDone();
    } catch (e) {
      if (e instanceof ApiError) setProblem(e);
    } finally {
      setBusy(false);
    }
  };
  const failed = selection?.state === "failed" ? (selection.error ?? "The selection failed") : null;
  return (
    <Plan
      label={`${w.title} many tasks`}
      title={`${w.title} ${wish.word}`}
      total={ready ? ready.total : failed || error ? 0 : null}
      what={ready ? `${w.will}${ready.estimated_seconds ? `, in about ${span(pace ? (ready.total / pace) * 1000 : ready.estimated_seconds * 1000)}` : ""}` : "being found, frozen as they are now"}
      facts={
        s && [
          ["Oldest", <Time at={s.oldest} />],
          ["Newest", <Time at={s.newest} />],
          ...s.by_task.slice(0, 5).map((t, i) => [i ? "" : "By task", <span class="row"><span class="pn">{count(t.count)}</span><Mid name={t.name} /></span>] as [string, preact.ComponentChildren]),
          ...(s.by_task.length > 5 ? ([["", <span class="q">and {s.by_task.length - 5} other names</span>]] as [string, preact.ComponentChildren][]) : []),
          ["By state", s.by_state.map((b) => `${count(b.count)} ${taskStates[b.state]?.word ?? b.state}`).join(", ")],
        ]
      }
      untouched={s?.exclusions.map((e) => (
        <State look="warn">
          <span class="whole">
            <b>{count(e.count)}</b> {e.reason}
          </span>
        </State>
      ))}
      sample={
        s && (
          <ul class="tree">
            {s.samples.slice(0, 4).map((t) => (
              <li key={t.task_id}>
                <span class="z">{t.task_id.slice(0, 8)}</span>
                <Mid name={t.name} />
              </li>
            ))}
          </ul>
        )
      }
      effects={[...(wish.action === "retry" && ready ? ["Each task runs again, with all it does outside: mails, payments, writes."] : []), ...(s && s.arguments_unsure > 0 ? [`Of ${count(s.arguments_unsure)} the arguments are not known whole here: they depend on what the engine still has.`] : [])]}
      word={wish.action}
      most={1000}
      verb={w.verb}
      danger={wish.action !== "retry"}
      keep="Leave them"
      busy={busy}
      problem={failed ?? problem}
      onAct={() => void act()}
      onClose={onClose}
    >
      {error && <ErrorBox error={error} what="The selection" retry={() => again((n) => n + 1)} />}
      {ready && (
        <div class="sec field">
          <label for="bulk-rate">At most so many a second</label>
          <input id="bulk-rate" class="in" type="number" min="1" max="100000" placeholder="no limit" value={rate} onInput={(e) => setRate(e.currentTarget.value)} />
        </div>
      )}
    </Plan>
  );
}
