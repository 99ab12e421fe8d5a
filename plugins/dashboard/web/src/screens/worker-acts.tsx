/** What can be done to one worker: its pool, its queues, limits of its tasks, its end. */
import { useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { send, sendNow, type Told } from "../lib/commands";
import { count } from "../lib/time";
import { Icon } from "../parts/icons";
import { Act, Plan } from "../parts/panels";
import type { Worker } from "./fleet-parts";
import { useCapabilities, whyNotMine } from "./task-parts";

type Ability = { action: string; available: boolean; reason?: string | null; workers?: Record<string, string> };
type Capability = { engine: string; is_online: boolean; abilities: Ability[] };

/** Why this worker cannot; null when it can, or when it is not known. */
export function whyNotWorker(capabilities: readonly Capability[] | undefined, w: Pick<Worker, "engine" | "name" | "state">, action: string): string | null {
  if (w.state !== "online") return "It is not online";
  if (!capabilities) return null;
  const own = capabilities.filter((c) => c.engine === w.engine && c.is_online).map((c) => c.abilities.find((a) => a.action === action));
  if (own.length === 0) return `No agent of ${w.engine} is online`;
  const can = own.find((a) => a && (a.workers ? !(w.name in a.workers) : a.available));
  if (can) return null;
  return own.map((a) => a?.workers?.[w.name] ?? a?.reason).find(Boolean) ?? `${w.engine} cannot do that`;
}

export function useWhy(w: Worker) {
  const capabilities = useCapabilities();
  return (action: string, need: "operator" | "admin" = "operator") => whyNotMine(need) ?? whyNotWorker(capabilities.value as Capability[] | undefined, w, action);
}

const told = (w: Worker, done: string, doing: string, more: Partial<Told> = {}): Told => ({ done: `${w.name}: ${done}`, doing: `${w.name}: ${doing}`, refresh: ["worker", "wishes ", "queues "], ...more });
const target = (w: Worker) => ({ worker_name: w.name, engine: w.engine });

/** `size`: how many processes there are; Celery goes on telling the number it was started with as its concurrency. */
export function PoolForm({ w, size }: { w: Worker; size: number | null }) {
  const why = useWhy(w);
  const [by, setBy] = useState("1");
  const [min, setMin] = useState("");
  const [max, setMax] = useState("");
  const n = Number(by);
  const wrong = Number.isInteger(n) && n >= 1 && n <= 100 ? null : "1 to 100";
  const no = why("pool_resize") ?? wrong;
  const resize = (delta: number) =>
    sendNow("pool-resize", { ...target(w), delta }, told(w, "its pool is resized", "pool", { undo: () => resizeBack(-delta), words: (r) => `${w.name}: its pool ${delta > 0 ? "grew" : "shrank"} by ${Math.abs(delta)}${typeof r.size === "number" ? `, to ${r.size}` : ""}` }));
  const resizeBack = (delta: number) => sendNow("pool-resize", { ...target(w), delta }, told(w, "its pool is as it was", "pool"));
  const noScale = why("autoscale");
  const badScale = Number(min) >= 0 && Number(max) >= 1 && Number(min) <= Number(max) && min !== "" && max !== "" ? null : "Least and most, the least first";
  return (
    <>
      <div class="row">
        <label class="q2 small" for="pool-by">By</label>
        <input id="pool-by" class="in n" type="number" min="1" max="100" value={by} onInput={(e) => setBy(e.currentTarget.value)} />
        <Act icon="plus" why={no} onClick={() => resize(n)}>Grow</Act>
        <Act why={no ?? (size !== null && n >= size ? "A pool keeps one process at least" : null)} onClick={() => resize(-n)}>Shrink</Act>
      </div>
      {why("pool_resize") && w.state === "online" && <p class="q small lines">{why("pool_resize")}.</p>}
      {!noScale && (
        <div class="row lines">
          <label class="q2 small" for="scale-min">Autoscale</label>
          <input id="scale-min" class="in n" type="number" min="0" aria-label="At least" placeholder="least" value={min} onInput={(e) => setMin(e.currentTarget.value)} />
          <input class="in n" type="number" min="1" aria-label="At most" placeholder="most" value={max} onInput={(e) => setMax(e.currentTarget.value)} />
          <Act why={badScale} onClick={() => sendNow("autoscale", { ...target(w), min: Number(min), max: Number(max) }, told(w, `it scales between ${min} and ${max}`, "autoscale"))}>Set</Act>
        </div>
      )}
    </>
  );
}

export function ConsumerForm({ w, known }: { w: Worker; known: readonly string[] }) {
  const why = useWhy(w);
  const [queue, setQueue] = useState("");
  const add = (name: string) => sendNow("add-consumer", { ...target(w), queue: name }, told(w, `it listens to ${name}`, `listening to ${name}`));
  const drop = (name: string) => sendNow("cancel-consumer", { ...target(w), queue: name }, told(w, `it does not listen to ${name} any more`, `leaving ${name}`, { undo: () => add(name) }));
  const no = why("add_consumer");
  return (
    <>
      <ul class="list plain">
        {w.queues.map((name) => (
          <li class="row" key={name}>
            <span class="mono cut" title={name}>{name}</span>
            <span class="push">
              {!why("cancel_consumer") && (
                <button type="button" class="ib" aria-label={`Stop listening to ${name}`} title={`Stop listening to ${name}`} onClick={() => drop(name)}><Icon name="x" small /></button>
              )}
            </span>
          </li>
        ))}
        {w.queues.length === 0 && <li class="q">none told</li>}
      </ul>
      {no ? (
        w.state === "online" && <p class="q small lines">{no}.</p>
      ) : (
        <form class="row lines" onSubmit={(e) => (e.preventDefault(), queue.trim() && (add(queue.trim()), setQueue("")))}>
          <input class="in mono" list="known-queues" aria-label="Queue to listen to as well" placeholder="another queue" maxLength={200} value={queue} onInput={(e) => setQueue(e.currentTarget.value)} />
          <datalist id="known-queues">{known.filter((k) => !w.queues.includes(k)).map((k) => <option key={k} value={k} />)}</datalist>
          <Act icon="plus" why={queue.trim() ? null : "Name a queue first"} onClick={() => (add(queue.trim()), setQueue(""))}>Listen</Act>
        </form>
      )}
    </>
  );
}

const RATE = /^(0|[1-9]\d{0,8}(\.\d+)?(\/[smh])?)$/;
export const rateProblem = (rate: string): string | null => (RATE.test(rate) ? null : "A rate: 10/s, 100/m, 1000/h, or 0 for no limit");
const seconds = (text: string) => (text === "" ? null : Number(text));

export function LimitForm({ w, names }: { w: Worker; names: readonly string[] }) {
  const why = useWhy(w);
  const [task, setTask] = useState("");
  const [rate, setRate] = useState("");
  const [soft, setSoft] = useState("");
  const [hard, setHard] = useState("");
  const noRate = why("rate_limit");
  const noTime = why("time_limit");
  if (names.length === 0 || (noRate && noTime)) return noRate && w.state === "online" ? <p class="q small">{noRate}.</p> : null;
  const unnamed = task ? null : "Choose a task first";
  const badTime = soft === "" && hard === "" ? null : soft !== "" && hard !== "" && Number(soft) > Number(hard) ? "The soft limit comes first" : [soft, hard].every((v) => v === "" || Number(v) > 0) ? null : "Seconds above zero";
  return (
    <div class="fields">
      <select class="in mono" aria-label="Task" value={task} onChange={(e) => setTask(e.currentTarget.value)}>
        <option value="">choose a task…</option>
        {names.map((n) => <option key={n} value={n}>{n}</option>)}
      </select>
      {!noRate && (
        <div class="row">
          <label class="q2 small lim" for="lim-rate">Rate</label>
          <input id="lim-rate" class="in" placeholder="10/m, 0 for none" value={rate} onInput={(e) => setRate(e.currentTarget.value)} />
          <Act why={unnamed ?? rateProblem(rate)} onClick={() => sendNow("rate-limit", { ...target(w), task_name: task, rate }, told(w, `${task} runs at most ${rate === "0" ? "as often as it comes" : rate}`, "rate limit"))}>Set</Act>
        </div>
      )}
      {!noTime && (
        <div class="row">
          <label class="q2 small lim" for="lim-soft">Seconds</label>
          <input id="lim-soft" class="in" type="number" min="1" placeholder="soft" value={soft} onInput={(e) => setSoft(e.currentTarget.value)} />
          <input class="in" type="number" min="1" aria-label="Hard limit, seconds" placeholder="hard" value={hard} onInput={(e) => setHard(e.currentTarget.value)} />
          <Act why={unnamed ?? badTime} onClick={() => sendNow("time-limit", { ...target(w), task_name: task, soft: seconds(soft), hard: seconds(hard) }, told(w, `${task} has new time limits`, "time limit"))}>Set</Act>
        </div>
      )}
    </div>
  );
}

export type WorkerEnd = "restart" | "shutdown";
export function WorkerPlan({ w, wish, onClose }: { w: Worker; wish: WorkerEnd; onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const down = wish === "shutdown";
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await send(down ? "shutdown-worker" : "restart-worker", target(w), told(w, down ? "it ends after what it does" : "its pool starts anew", down ? "shutdown" : "restart"));
      onClose();
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
      setBusy(false);
    }
  };
  return (
    <Plan
      label={`${down ? "Shut down" : "Restart"} ${w.name}`}
      title={<span class="row">{down ? "Shut down" : "Restart"} <span class="mono cut">{w.name}</span></span>}
      total={1}
      single
      what={down ? "It finishes what it does, takes nothing more, and ends." : "Its pool of processes is ended and started anew; the worker itself stays."}
      facts={[["In its hands", <>{count(w.active_tasks)} {w.active_tasks === 1 ? "task" : "tasks"}</>], ["Listens to", w.queues.join(", ") || "none told"], ["Ended in 24 h", count(w.processed)]]}
      effects={[down ? <><b>Whether it comes back is its supervisor's business.</b> What it had reserved goes back to its queues.</> : <>What is changed here and not kept as a wish is as the worker was started.</>]}
      word={w.name}
      verb={down ? "Shut down" : "Restart"}
      danger={down}
      keep="Leave it running"
      busy={busy}
      problem={problem}
      onAct={() => void act()}
      onClose={onClose}
    />
  );
}

