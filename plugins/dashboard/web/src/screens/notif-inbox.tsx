/** What rang: newest first, over all one's projects. */
import { api, ApiError, type Schemas } from "../api/client";
import { triggerWords } from "../lib/notify";
import { refresh, useQuery } from "../lib/query";
import { param, setParams, to } from "../lib/router";
import { projects } from "../lib/session";
import { toast, toastError } from "../lib/toasts";
import { Empty, ErrorBox, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Drawer, Seg } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, Time } from "../parts/text";
import type { Bar } from "./notif-parts";

type Note = Schemas["Notification"];
export const useInbox = (unread: boolean) => useQuery(`inbox ${unread}`, (signal) => api.get("/api/v1/user/notifications", { query: { limit: 200, unread_only: unread || undefined }, signal }), { topics: ["notification.changed", "task.changed"], leastMs: 5000, everyMs: 30_000 });
const projectOf = (n: Note) => projects.value.find((p) => p.id === n.project_id);
const lookOf = (trigger: string) => (/failed|broken|tripped|offline/.test(trigger) ? "fail" : /online|succeeded/.test(trigger) ? "done" : "warn") as "fail" | "done" | "warn";

async function markRead(n: Note): Promise<void> {
  if (n.read_at) return;
  await api.post("/api/v1/user/notifications/{notification_id}/read", { path: { notification_id: n.id } }).catch((e: unknown) => e instanceof ApiError || Promise.reject(e));
  refresh("inbox ");
  refresh("bell");
}

export function Inbox({ bar }: { bar: Bar }) {
  const unread = param("show") === "unread";
  const answer = useInbox(unread);
  const rows = answer.value;
  const open = rows?.find((n) => n.id === param("row"));
  const several = projects.value.length > 1;
  const columns: Column<Note>[] = [
    { id: "what", head: "What", width: 220, cell: (n) => <State look={lookOf(n.trigger)}><span class={n.read_at ? "q2" : "b"}>{triggerWords(n.trigger)}</span></State> },
    { id: "title", head: "Said", min: 240, cell: (n) => <span class={n.read_at ? "q2" : ""}><bdi>{subject(n)}</bdi> {n.body && <bdi class="q">{n.body}</bdi>}</span> },
    ...(several ? [{ id: "project", head: "Project", width: 120, rank: 2, cell: (n: Note) => <span class="q2">{projectOf(n)?.name}</span> }] : []),
    { id: "age", head: "Age ↓", width: 72, num: true, cell: (n) => <span class="q2"><Age at={n.created_at} /></span> },
  ];
  const all = async () => {
    try {
      await api.post("/api/v1/user/notifications/read-all");
      toast("All are read");
    } catch (e) {
      if (e instanceof ApiError) toastError(e);
    }
    refresh("inbox ");
    refresh("bell");
  };
  const take = (n: Note | null) => {
    setParams({ row: n?.id });
    if (n) void markRead(n);
  };
  return (
    <>
      {bar(
        <>
          <Seg label="Which" value={unread ? "unread" : "all"} onChange={(show) => setParams({ show: show === "unread" ? "unread" : null, row: null })} options={[{ id: "all", title: "All" }, { id: "unread", title: "Unread" }]} />
          <button type="button" class="btn" aria-disabled={!rows?.some((n) => !n.read_at)} onClick={() => rows?.some((n) => !n.read_at) && void all()}>Mark all read</button>
        </>,
      )}
      <div class="split">
        {answer.error && !rows ? <ErrorBox error={answer.error} retry={answer.refresh} what="The inbox" /> : !rows ? <Skeleton /> : rows.length === 0 ? (
          <Empty title={unread ? "All is read" : "Nothing has rung yet"}>{!unread && <>What you hear of is chosen under <Link to={"?tab=subscriptions"}>Subscriptions</Link>.</>}</Empty>
        ) : (
          <Table
            label="Inbox"
            rows={rows}
            id={(n) => n.id}
            columns={columns}
            current={open?.id ?? ""}
            onCurrent={take}
            onOpen={take}
            card={(n) => <><span class={n.read_at ? "cut q2" : "cut b"}>{subject(n) || triggerWords(n.trigger)}</span><span class="r"><Age at={n.created_at} /></span><small><State look={lookOf(n.trigger)} hideWord>{triggerWords(n.trigger)}</State><bdi class="cut">{n.body}</bdi></small></>}
            foot={rows.length >= 200 ? <p class="more-rows q small">The newest 200 stand here.</p> : undefined}
          />
        )}
        {open && (
          <Drawer label="Notification" onClose={() => setParams({ row: null })} head={<><h2 class="dh-title">{triggerWords(open.trigger)}</h2><p class="q2 cut">{projectOf(open)?.name}, <Time at={open.created_at} /></p></>}>
            <div class="sec"><p class="whole" dir="auto">{open.title}</p>{open.body && <p class="whole q2" dir="auto">{open.body}</p>}</div>
            <div class="sec"><About note={open} /></div>
          </Drawer>
        )}
      </div>
    </>
  );
}

/** The title without the words that the column beside it says. */
const subject = (n: Note) => n.title.replace(/^[A-Z][^:]{2,40}: /, "");

function About({ note }: { note: Note }) {
  const data = note.data as Record<string, unknown>;
  const at = projectOf(note)?.slug ?? "";
  const text = (key: string) => (typeof data[key] === "string" ? data[key] : "");
  const rows = (["task_name", "engine", "queue", "worker_name", "agent_name", "priority"] as const).filter((k) => text(k));
  return (
    <dl class="kv w">
      {text("task_id") && text("engine") && <><dt>Task</dt><dd><Link to={to("task", { slug: at, engine: text("engine"), task: text("task_id") })}>{text("task_id").slice(0, 13)}</Link></dd></>}
      {rows.map((k) => [<dt key={k}>{k.replace("_name", "").replace(/^./, (c) => c.toUpperCase())}</dt>, <dd key={k + "v"} title={text(k)}>{text(k)}</dd>])}
      <dt>Because</dt><dd>{note.reason === "subscribed" ? <Link to="?tab=subscriptions">you are subscribed</Link> : note.reason}</dd>
    </dl>
  );
}
