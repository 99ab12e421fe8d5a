import { useEffect } from "preact/hooks";
import { api } from "../api/client";
import { useQuery } from "../lib/query";
import { go, to } from "../lib/router";
import { projects } from "../lib/session";
import type { Task } from "../lib/tasks";
import type { ScreenProps } from "../screens";
import { Empty, ErrorBox, Skeleton } from "../parts/feedback";

const MOST = 50;

/** /t/<id>: the task of that id, in whichever project one may see. */
export default function Find({ params }: ScreenProps) {
  const id = params.task ?? "";
  const found = useQuery(`find ${id}`, async (signal) => {
    for (const project of projects.value.slice(0, MOST)) {
      const { items } = (await api.get("/api/v1/projects/{slug}/tasks", { path: { slug: project.slug }, query: { search: id, limit: 5 }, signal })) as { items: Task[] };
      const task = items.find((t) => t.task_id === id || t.id === id);
      if (task) return { slug: project.slug, task };
    }
    return null;
  });
  const there = found.value;
  useEffect(() => {
    if (there) go(to("task", { slug: there.slug, engine: there.task.engine, task: there.task.task_id }), { replace: true });
  }, [there]);
  return (
    <>
      <h1 class="vh">Find a task</h1>
      {found.error ? (
        <ErrorBox error={found.error} retry={found.refresh} what="The projects" />
      ) : there === null ? (
        <Empty title="No task has this id">
          <span class="mono">{id}</span> is in no project that you may see{projects.value.length > MOST ? `, of the first ${MOST}` : ""}.
        </Empty>
      ) : (
        <Skeleton rows={3} />
      )}
    </>
  );
}
