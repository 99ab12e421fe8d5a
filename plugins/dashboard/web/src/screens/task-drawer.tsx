import { useState } from "preact/hooks";
import { useKeys } from "../lib/keys";
import { go, to } from "../lib/router";
import { narrow } from "../lib/settings";
import { count } from "../lib/time";
import type { Task } from "../lib/tasks";
import { Trace, Tree } from "../parts/data";
import { Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Drawer } from "../parts/panels";
import { TaskStateMark } from "../parts/state";
import { Kbd, Mid } from "../parts/text";
import { Actions, Arguments, argumentsNote, CopyTask, Facts, Timeline, stateFacts, useCapabilities, useEvents, useTask, whatCan, type Wish } from "./task-parts";
import { TaskPlan } from "./task-plan";

/** What a row is, without leaving the list. */
export function TaskDrawer({ row, place, total, onClose }: { row: Task; place: number; total: number | null; onClose: () => void }) {
  const { value, error } = useTask(row.engine, row.task_id);
  const events = useEvents(row.engine, row.task_id);
  const capabilities = useCapabilities();
  const [wish, setWish] = useState<Wish | null>(null);
  const task = value && value.id === row.id ? { ...row, ...value } : row;
  const can = whatCan(task, capabilities.value);
  const page = to("task", { engine: task.engine, task: task.task_id });
  useKeys({ r: () => !can.retry && setWish("retry"), e: () => !can.edit && setWish("edit"), c: () => !can.cancel && setWish("cancel") });
  if (wish) return <TaskPlan task={task} wish={wish} onClose={() => setWish(null)} />;
  return (
    <Drawer
      label={`Task ${task.task_id.slice(0, 8)}`}
      onClose={onClose}
      onOpenPage={() => go(page)}
      head={
        <>
          <div class="row">
            <TaskStateMark state={task.state} big />
            <span class="q cut">{stateFacts(task)}</span>
          </div>
          <Mid name={task.name} />
          <div class="row">
            <Actions can={can} onWish={setWish} keys={!narrow.value} few={narrow.value} />
            <span class="push">
              <CopyTask task={task} />
            </span>
          </div>
        </>
      }
      foot={
        <>
          <span class="q small">
            {place < 0 ? "not among the rows read" : place + 1}
            {total && place >= 0 ? ` of ${count(total)}` : ""}
          </span>
          <span class="push row">
            <Kbd>[</Kbd>
            <Kbd>]</Kbd>
            <span class="q small">previous, next</span>
          </span>
        </>
      }
    >
      {error && (
        <div class="sec">
          <Note>{error.status === 404 ? "It is gone from the store: what stands here is the row of the list." : error.message}</Note>
        </div>
      )}
      {task.reconciled_as && (
        <div class="sec">
          <Note kind="info">
            <b>No event told its end.</b> The brain asked the engine and found: {task.reconciled_as}
            {task.evidence ? `, ${typeof task.evidence === "string" ? task.evidence : JSON.stringify(task.evidence)}` : ""}.
          </Note>
        </div>
      )}
      <div class="sec">
        <Facts task={task} />
      </div>
      <div class="sec">
        <h2>
          Attempts <span class="push q">{task.fingerprint && <Link to={to("tasks", {}, { q: `group:${task.fingerprint}` })}>Same error</Link>}</span>
        </h2>
        {events.value ? <Timeline task={task} events={events.value} /> : <Skeleton rows={1} />}
      </div>
      {(task.exception || task.traceback) && (
        <div class="sec">
          <h2>
            Exception
            <span class="push">
              <Link to={page + "?tab=exception"}>Whole</Link>
            </span>
          </h2>
          <Trace text={task.traceback} exception={task.exception} />
        </div>
      )}
      <div class="sec">
        <h2>
          Arguments <span class="push q">{argumentsNote(task)}</span>
        </h2>
        <Arguments task={task} />
      </div>
      {task.result !== null && task.result !== undefined && (
        <div class="sec">
          <h2>Result</h2>
          <Tree value={task.result} />
        </div>
      )}
    </Drawer>
  );
}
