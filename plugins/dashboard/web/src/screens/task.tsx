import { useEffect, useMemo, useState } from "preact/hooks";
import "./tasks.css";
import "./task.css";
import { api, type Page, type Schemas } from "../api/client";
import { useKeys } from "../lib/keys";
import { useAsk } from "../lib/ask";
import { useQuery } from "../lib/query";
import { go, param, setParams, slug, to } from "../lib/router";
import { may } from "../lib/session";
import type { ScreenProps } from "../screens";
import { attemptsOf } from "../lib/attempts";
import { taskStates, type TaskState } from "../lib/states";
import { visible } from "../lib/text";
import { readTasks, runOf, waitOf, type Task } from "../lib/tasks";
import { count, now, span } from "../lib/time";
import { Diff, Raw, Trace, Tree, asText, differences, readValue, type Change } from "../parts/data";
import { Empty, ErrorBox, Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Seg, Tabs } from "../parts/panels";
import { TaskStateMark } from "../parts/state";
import { CopyButton, Mid, Time } from "../parts/text";
import { Actions, Arguments, CopyTask, Timeline, argumentsNote, stateFacts, useCapabilities, useEvents, useTask, whatCan, type TaskDetail, type Wish } from "./task-parts";
import { TaskPlan } from "./task-plan";

/** As much of a name as the task list takes; the end tells names apart. */
const NAME_ASKED = 200;
/** What can be told of a task, as it happens. */
const LIFE = ["sent", "received", "started", "retried", "ended"];

type TreeAnswer = { nodes: { task_id: string; name: string; state: TaskState; parent_task_id: string | null; received_at: string | null; finished_at: string | null }[]; truncated: boolean; node_count: number };

export default function TaskPage({ params }: ScreenProps) {
  const engine = params.engine ?? "";
  const id = params.task ?? "";
  const at = slug.value;
  const { value: task, error, refresh } = useTask(engine, id);
  const events = useEvents(engine, id);
  const capabilities = useCapabilities();
  const tree = useQuery(`task tree ${at} ${engine} ${id}`, (signal) => api.get("/api/v1/projects/{slug}/tasks/{engine}/{task_id}/tree", { path: { slug: at, engine, task_id: id }, signal }) as Promise<unknown> as Promise<TreeAnswer>, { topics: ["task.changed"], leastMs: 5000 });
  const [wish, setWish] = useState<Wish | null>(null);
  const can = task ? whatCan(task, capabilities.value) : null;
  useEffect(() => {
    if (task) document.title = visible(`${task.name.split(".").pop()} ${task.task_id.slice(0, 8)} · z4j`);
  }, [task?.name]);
  useKeys({
    r: () => can && !can.retry && setWish("retry"),
    e: () => can && !can.edit && setWish("edit"),
    c: () => can && !can.cancel && setWish("cancel"),
  });
  useAsk({ where: "Task", text: "", qualifiers: [{ key: "", hint: "" }], placeholder: id, onText: (q) => go(to("tasks", {}, { q })), hits: <span class="only-l">Esc: the list</span> }, [id]);
  if (error && !task) return error.status === 404 ? <Empty title="There is no such task" action={<Link class="btn" to={to("tasks", {}, { q: id })}>Look for it</Link>}>It may have been deleted, or lies past the days that tasks are kept.</Empty> : <ErrorBox error={error} retry={refresh} what="The task" />;
  if (!task || !can) return <Skeleton />;
  const attempts = attemptsOf(events.value ?? [], task);
  const tabs = [
    { id: "timeline", title: "Timeline" },
    { id: "arguments", title: "Arguments" },
    { id: "exception", title: task.exception ? "Exception" : "Result" },
    { id: "tree", title: "Tree", count: tree.value && tree.value.node_count > 1 ? tree.value.node_count : null },
    { id: "attempts", title: "Attempts", count: attempts.length > 1 ? attempts.length : null },
    { id: "audit", title: "Audit" },
  ];
  const tab = tabs.some((t) => t.id === param("tab")) ? param("tab") : "timeline";
  return (
    <>
      <div class="bar task-bar">
        <TaskStateMark state={task.state} big />
        <h1 class="vh">{task.name}</h1>
        <Mid name={task.name} />
        <span class="q cut only-l">{stateFacts(task)}</span>
        <span class="push row only-l">
          <Actions can={can} onWish={setWish} keys />
          <CopyTask task={task} />
        </span>
      </div>
      <div class="bar facts-bar">
        <FactLine task={task} cancel={can.cancel} />
      </div>
      <Tabs label="Parts of the task" items={tabs} open={tab} onOpen={(t) => setParams({ tab: t === "timeline" ? null : t })} />
      <div class="split">
        <div class="scroll" role="tabpanel" aria-label={tabs.find((t) => t.id === tab)?.title} tabIndex={0}>
          {tab === "timeline" && <Overview task={task} events={events.value} tree={tree.value} />}
          {tab === "arguments" && <ArgumentsTab task={task} />}
          {tab === "exception" && <Outcome task={task} />}
          {tab === "tree" && <div class="pad">{tree.value ? <Related tree={tree.value} task={task} /> : <Skeleton rows={6} />}</div>}
          {tab === "attempts" && <Attempts task={task} events={events.value} />}
          {tab === "audit" && <AuditTab task={task} />}
        </div>
        {wish && <TaskPlan task={task} wish={wish} onClose={() => setWish(null)} />}
      </div>
      {!wish && (
        <div class="act only-s">
          <Actions can={can} onWish={setWish} few />
        </div>
      )}
    </>
  );
}

function FactLine({ task, cancel }: { task: TaskDetail; cancel: string | null }) {
  const wait = waitOf(task, now.value);
  const run = runOf(task, now.value);
  return (
    <div class="facts">
      <span>
        Id <b class="mono" title={task.task_id}>{task.task_id.slice(0, 8)}</b>
        <CopyButton text={task.task_id} label="Copy the id" />
      </span>
      <span>Engine <b>{task.engine}</b></span>
      {task.queue && <span>Queue <b>{task.queue}</b></span>}
      {task.worker_name && <span>Worker <b>{task.worker_name}</b></span>}
      <span>Attempt <b>{task.retry_count + 1}</b></span>
      <span>Seen <b><Time at={task.created_at} ms /></b></span>
      {wait !== null && <span>{task.state === "pending" ? "Waits" : "Waited"} <b class={wait > 60_000 ? "t-retry" : undefined}>{span(wait)}</b></span>}
      {run !== null && <span>{task.state === "started" ? "Runs" : "Ran"} <b class={task.state === "failure" ? "bad" : undefined}>{span(run)}</b></span>}
      {cancel && <span>Cancel: <b>{cancel.charAt(0).toLowerCase() + cancel.slice(1)}</b></span>}
    </div>
  );
}

function Overview({ task, events, tree }: { task: TaskDetail; events: ReturnType<typeof useEvents>["value"]; tree: TreeAnswer | undefined }) {
  const view = param("view") === "events" ? "events" : "timeline";
  return (
    <div class="page task-page">
      <div>
        {task.reconciled_as && (
          <div class="sec">
            <Note kind="info">
              <b>No event told its end.</b> The brain asked the engine and found: {task.reconciled_as}
              {task.evidence ? `, ${asText(task.evidence)}` : ""}.
            </Note>
          </div>
        )}
        <div class="sec">
          <h2>
            What happened
            <span class="push">
              <Seg label="Shown as" value={view} onChange={(v) => setParams({ view: v === "events" ? v : null })} options={[{ id: "timeline", title: "Timeline" }, { id: "events", title: `All ${events ? count(events.length) : ""} events` }]} />
            </span>
          </h2>
          {!events ? <Skeleton rows={3} /> : view === "timeline" ? <Timeline task={task} events={events} axis /> : <Events events={events} />}
        </div>
        <div class="sec duo">
          <div>
            {task.exception || task.traceback ? (
              <>
                <h2 class="h">
                  Exception <span class="push"><Link to="?tab=exception">Raw</Link></span>
                </h2>
                <Trace text={task.traceback} exception={task.exception} />
              </>
            ) : (
              <>
                <h2 class="h">Result</h2>
                <Tree value={task.result} empty={task.state === "success" ? "none, or not stored by the engine" : "not yet"} />
              </>
            )}
          </div>
          <div>
            <h2 class="h">
              Arguments <span class="push q">{argumentsNote(task)}</span>
            </h2>
            <Arguments task={task} />
          </div>
        </div>
      </div>
      <div>
        {task.fingerprint && task.state === "failure" && (
          <div class="sec">
            <Note kind="bad">
              <b>Others may fail the same way.</b> <Link to={to("tasks", {}, { q: `group:${task.fingerprint}` })}>See the tasks of this error</Link>
            </Note>
          </div>
        )}
        <div class="sec">
          <h2>
            Related <span class="push q">{tree ? `${count(tree.node_count)} ${tree.node_count === 1 ? "task" : "tasks"}` : ""}</span>
          </h2>
          {tree ? <Related tree={tree} task={task} most={12} /> : <Skeleton rows={3} />}
          {task.retry_of && <RetryLink word="A retry of" task={task} id={task.retry_of} />}
          {task.retried_as && <RetryLink word="Retried as" task={task} id={task.retried_as} />}
        </div>
        <AgainstSuccess task={task} />
        <div class="sec">
          <h2>Told by</h2>
          <dl class="kv">
            {Object.entries(task.sources ?? {}).sort(([a], [b]) => LIFE.indexOf(a) - LIFE.indexOf(b)).map(([what, who]) => (
              <>
                <dt key={what + "t"}>{what}</dt>
                <dd key={what}>{who.map((w) => w.name ?? "an agent that is gone").join(", ")}</dd>
              </>
            ))}
          </dl>
          {!Object.keys(task.sources ?? {}).length && <p class="q">not known</p>}
        </div>
      </div>
    </div>
  );
}

function RetryLink({ word, task, id }: { word: string; task: Task; id: string }) {
  return (
    <p class="small">
      {word} <Link class="mono" to={to("task", { engine: task.engine, task: id })}>{id.slice(0, 13)}</Link>
    </p>
  );
}

function Events({ events }: { events: NonNullable<ReturnType<typeof useEvents>["value"]> }) {
  return (
    <ol class="events">
      {[...events].reverse().map((e) => (
        <li key={e.id}>
          <span class="mono q"><Time at={e.occurred_at} ms /></span>
          <span class="m">{e.kind.replace(/^task\./, "")}</span>
          <span class="q cut">{Object.entries(e.payload).filter(([, v]) => v !== null && typeof v !== "object").slice(0, 6).map(([k, v]) => `${k} ${String(v).slice(0, 60).replace(/\n/g, " ")}`).join(" · ")}</span>
        </li>
      ))}
    </ol>
  );
}

function Related({ tree, task, most = 500 }: { tree: TreeAnswer; task: Task; most?: number }) {
  const rows = useMemo(() => {
    const known = new Map(tree.nodes.map((n) => [n.task_id, n]));
    const children = new Map<string, TreeAnswer["nodes"]>();
    const roots: TreeAnswer["nodes"] = [];
    for (const n of tree.nodes) {
      if (n.parent_task_id && n.parent_task_id !== n.task_id && known.has(n.parent_task_id)) children.set(n.parent_task_id, [...(children.get(n.parent_task_id) ?? []), n]);
      else roots.push(n);
    }
    const out: { node: TreeAnswer["nodes"][number]; depth: number }[] = [];
    const seen = new Set<string>();
    const stack = roots.map((node) => ({ node, depth: 0 })).reverse();
    while (stack.length) {
      const next = stack.pop()!;
      if (seen.has(next.node.task_id)) continue; // a ring: agents tell anything
      seen.add(next.node.task_id);
      out.push(next);
      for (const child of [...(children.get(next.node.task_id) ?? [])].reverse()) stack.push({ node: child, depth: next.depth + 1 });
    }
    return out;
  }, [tree]);
  if (tree.node_count <= 1) return <p class="q">It stands alone.</p>;
  const here = rows.findIndex((r) => r.node.task_id === task.task_id);
  const from = most < rows.length ? Math.max(0, Math.min(here - 3, rows.length - most)) : 0;
  return (
    <>
      <ul class="gtree">
        {rows.slice(from, from + most).map(({ node, depth }) => (
          <li key={node.task_id} class={node.task_id === task.task_id ? "here" : undefined}>
            <svg class="indent" width={Math.min(depth, 8) * 14} height="1" aria-hidden="true" />
            <TaskStateMark state={node.state} hideWord />
            <Link class="mid-link" to={to("task", { engine: task.engine, task: node.task_id })}><Mid name={node.name} /></Link>
            <span class="num">{node.received_at && node.finished_at ? span(new Date(node.finished_at).getTime() - new Date(node.received_at).getTime()) : taskStates[node.state]?.word}</span>
          </li>
        ))}
      </ul>
      {(from > 0 || rows.length > from + most) && <p class="q small"><Link to="?tab=tree">All {count(rows.length)}</Link></p>}
      {tree.truncated && <p class="q small">There are more than {count(tree.nodes.length)}: the rest is not shown.</p>}
    </>
  );
}

/** What differs from the latest run of that name that went well. */
function AgainstSuccess({ task }: { task: Task }) {
  const at = slug.value;
  const wanted = task.state === "failure" || task.state === "retry";
  const last = useQuery(wanted ? `task last success ${at} ${task.engine} ${task.name}` : null, async (signal) => (await readTasks(at, { name: task.name?.slice(-NAME_ASKED), state: "success", engine: task.engine }, undefined, signal, 20)).items.find((t) => t.name === task.name) ?? null);
  if (!wanted || !last.value) return null;
  const other = last.value;
  const changes: Change[] = [
    ...differences({ worker: other.worker_name, queue: other.queue, run: span(other.runtime_ms), attempt: other.retry_count + 1 }, { worker: task.worker_name, queue: task.queue, run: span(runOf(task, 0)), attempt: task.retry_count + 1 }),
    ...differences(readValue(other.args).value, readValue(task.args).value, "args"),
    ...differences(readValue(other.kwargs).value, readValue(task.kwargs).value, "kwargs"),
  ];
  return (
    <div class="sec">
      <h2>
        Against the last success
        <span class="push"><Link to={to("task", { engine: other.engine, task: other.task_id })}><Time at={other.finished_at ?? other.updated_at} /></Link></span>
      </h2>
      <Diff changes={changes.slice(0, 24)} />
      {changes.length > 24 && <p class="q small">and {changes.length - 24} more</p>}
    </div>
  );
}

function ArgumentsTab({ task }: { task: Task }) {
  const view = param("view") === "raw" ? "raw" : "tree";
  return (
    <div class="pad">
      <h2 class="h">
        Arguments <span class="q">{argumentsNote(task)}</span>
        <span class="push">
          <Seg label="Shown as" value={view} onChange={(v) => setParams({ view: v === "raw" ? v : null })} options={[{ id: "tree", title: "Tree" }, { id: "raw", title: "Raw" }]} />
        </span>
      </h2>
      {view === "tree" ? (
        <Arguments task={task} />
      ) : (
        <div class="fields">
          <Raw value={task.args} label="Arguments, raw" />
          <Raw value={task.kwargs} label="Named arguments, raw" />
        </div>
      )}
    </div>
  );
}

function Outcome({ task }: { task: Task }) {
  const view = param("view") === "raw" ? "raw" : "folded";
  if (!task.exception && !task.traceback)
    return (
      <div class="pad">
        <h2 class="h">Result</h2>
        <Tree value={task.result} empty={task.state === "success" ? "none, or not stored by the engine" : "not yet"} />
      </div>
    );
  return (
    <div class="pad">
      <h2 class="h">
        Exception
        <span class="push row">
          <CopyButton text={task.traceback ?? task.exception ?? ""} label="Copy the traceback" />
          <Seg label="Shown as" value={view} onChange={(v) => setParams({ view: v === "raw" ? v : null })} options={[{ id: "folded", title: "Folded" }, { id: "raw", title: "Raw" }]} />
        </span>
      </h2>
      {view === "raw" ? <Raw value={task.traceback ?? task.exception} label="Traceback" /> : <Trace text={task.traceback} exception={task.exception} />}
    </div>
  );
}

function Attempts({ task, events }: { task: Task; events: ReturnType<typeof useEvents>["value"] }) {
  if (!events) return <Skeleton rows={4} />;
  const all = attemptsOf(events, task);
  const begun = all.filter((a) => a.started !== null || a.ended !== null);
  const last = begun.slice(-4);
  const row = (name: string, cell: (a: (typeof all)[number]) => preact.ComponentChildren) => (
    <tr>
      <th scope="row">{name}</th>
      {last.map((a) => (
        <td key={a.number}>{cell(a)}</td>
      ))}
    </tr>
  );
  return (
    <div class="pad">
      <h2 class="h">Attempts</h2>
      <Timeline task={task} events={events} axis />
      {last.length > 0 && (
        <>
          <h2 class="h side-head">Side by side {begun.length > 4 && <span class="q">the last 4 of {begun.length}</span>}</h2>
          <div class="side">
            <table>
              <thead>
                <tr>
                  <td />
                  {last.map((a) => (
                    <th scope="col" key={a.number}>Attempt {a.number}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {row("Worker", (a) => a.worker ?? "")}
                {row("Waited", (a) => span((a.started ?? a.ended ?? a.from) - a.from))}
                {row("Started", (a) => <Time at={a.started} ms />)}
                {row("Ran", (a) => (a.started && a.ended ? span(a.ended - a.started) : ""))}
                {row("Exception", (a) => <span class="mono whole">{a.exception}</span>)}
                {row("Traceback", (a) => a.traceback && <Trace text={a.traceback} exception={a.exception} />)}
              </tbody>
            </table>
          </div>
        </>
      )}
    </div>
  );
}

type AuditRow = { id: string; occurred_at: string; action: string; target_id: string | null; result: string; user_id: string | null; metadata?: Record<string, unknown> };

/** What was asked for and written down about this task: commands, and the audit rows that name it. */
function AuditTab({ task }: { task: Task }) {
  const at = slug.value;
  const commands = useQuery(`task commands ${at} ${task.engine} ${task.task_id}`, async (signal) => ((await api.get("/api/v1/projects/{slug}/commands", { path: { slug: at }, query: { limit: 500 }, signal })) as Page<Schemas["Command"]>).items.filter((c) => c.target_id === task.task_id), { topics: ["command.changed"] });
  const audit = useQuery(may("admin") ? `task audit ${at} ${task.engine} ${task.task_id}` : null, async (signal) => ((await api.get("/api/v1/projects/{slug}/audit", { path: { slug: at }, query: { action_prefix: "command", limit: 500 }, signal })) as unknown as Page<AuditRow>).items.filter((a) => a.target_id === task.task_id || JSON.stringify(a.metadata ?? {}).includes(task.task_id)), { topics: ["audit.changed", "command.changed"] });
  return (
    <div class="pad">
      <h2 class="h">Commands about it <span class="q">of the latest 500 of the project</span></h2>
      {commands.error ? <ErrorBox error={commands.error} retry={commands.refresh} what="The commands" /> : !commands.value ? <Skeleton rows={2} /> : commands.value.length === 0 ? <p class="q">none</p> : (
        <ol class="events">
          {commands.value.map((c) => (
            <li key={c.id}>
              <span class="mono q"><Time at={c.issued_at} ms /></span>
              <span class="m">{c.action} {c.status}</span>
              <span class="q whole">{c.error ?? (c.result ? asText(c.result) : "")}</span>
            </li>
          ))}
        </ol>
      )}
      <h2 class="h side-head">Audit</h2>
      {!may("admin") ? <p class="q">The audit log is for project admins.</p> : audit.error ? <ErrorBox error={audit.error} retry={audit.refresh} what="The audit log" /> : !audit.value ? <Skeleton rows={2} /> : audit.value.length === 0 ? <p class="q">no row among the latest 500 about commands</p> : (
        <ol class="events">
          {audit.value.map((a) => (
            <li key={a.id}>
              <span class="mono q"><Time at={a.occurred_at} ms /></span>
              <span class="m">{a.action}</span>
              <span class="q cut">{a.result}</span>
            </li>
          ))}
        </ol>
      )}
    </div>
  );
}
