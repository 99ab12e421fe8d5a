/** What became of messages: who took them, who did not, and in which words. */
import { api, type Page, type Schemas } from "../api/client";
import { triggerWords, typeTitle } from "../lib/notify";
import { usePages } from "../lib/query";
import { param, setParams, slug, to } from "../lib/router";
import { may } from "../lib/session";
import { Empty, ErrorBox, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Drawer } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Mid, Time } from "../parts/text";
import type { Bar } from "./notif-parts";

type Delivery = Schemas["Delivery"];
const looks = { sent: "done", failed: "fail", skipped: "stop" } as const;
const StateOf = ({ d }: { d: Delivery }) => <State look={looks[d.status]}>{d.status}</State>;
const isTest = (d: Delivery) => !d.subscription_id;

const columns: Column<Delivery>[] = [
  { id: "time", head: "Time ↓", width: 176, cell: (d) => <span class="q2"><Time at={d.sent_at} /></span> },
  { id: "state", head: "State", width: 88, cell: (d) => <StateOf d={d} /> },
  { id: "channel", head: "Channel", width: 160, cell: (d) => <span title={d.channel_name ?? ""} dir="auto">{d.channel_name ?? <span class="q">deleted</span>}</span> },
  { id: "what", head: "What", width: 168, rank: 2, cell: (d) => <span class="q2">{isTest(d) ? "Test" : triggerWords(d.trigger)}</span> },
  { id: "task", head: "Task", width: 160, rank: 3, cell: (d) => (d.task_name ? <Mid name={d.task_name} /> : null) },
  { id: "code", head: "Code", width: 56, num: true, cell: (d) => <span class="mono">{d.response_code}</span> },
  { id: "reply", head: "Reply", min: 200, cell: (d) => <span class={d.status === "failed" ? "mono" : "mono q2"} title={d.error ?? d.response_body ?? ""} dir="auto">{d.response_body ?? d.error}</span> },
  { id: "tries", head: "Tries", width: 56, num: true, rank: 1, cell: (d) => <span class={d.attempts > 1 ? "m" : "q"}>{d.attempts}</span> },
];

export function Deliveries({ bar }: { bar: Bar }) {
  const at = slug.value;
  const all = may("admin");
  const pages = usePages<Delivery>(
    `deliveries ${at}`,
    (cursor, signal): Promise<Page<Delivery>> =>
      all ? api.get("/api/v1/projects/{slug}/notifications/deliveries", { path: { slug: at }, query: { limit: 100, cursor }, signal }) : api.get("/api/v1/user/deliveries", { query: { project_slug: at, limit: 100, cursor }, signal }),
    (d) => d.id,
    { topics: ["notification.changed"], everyMs: 20_000, leastMs: 3000 },
  );
  const rows = pages.value;
  const open = rows?.find((d) => d.id === param("row"));
  return (
    <>
      {bar(null)}
      <div class="split">
        {pages.error && !rows ? <ErrorBox error={pages.error} retry={pages.refresh} what="The deliveries" /> : !rows ? <Skeleton /> : rows.length === 0 ? (
          <Empty title="Nothing was sent yet">Messages that went through channels stand here{all ? "" : ", those of your subscriptions"}, with the other side's reply. A channel's test is the quickest way to one.</Empty>
        ) : (
          <Table label="Deliveries" rows={rows} id={(d) => d.id} columns={columns} current={open?.id ?? ""} onCurrent={(d) => setParams({ row: d?.id })} onOpen={(d) => setParams({ row: d.id })} more={pages.more} loadingMore={pages.loadingMore} rowClass={(d) => (d.status === "failed" ? "is-bad" : undefined)} card={(d) => <><span class="cut">{d.channel_name ?? "deleted channel"}</span><span class="r"><Time at={d.sent_at} /></span><small><StateOf d={d} /> {d.response_body ?? d.error ?? d.response_code}</small></>} />
        )}
        {open && (
          <Drawer label="Delivery" onClose={() => setParams({ row: null })} head={<><div class="row"><State look={looks[open.status]} big>{open.status}</State><span class="q cut">{isTest(open) ? "test" : triggerWords(open.trigger)}</span></div><p class="q2 cut">{open.channel_name ?? "a channel that is gone"}, <Time at={open.sent_at} ms /></p></>}>
            {open.error && <div class="sec"><h2>Why</h2><p class="whole" dir="auto">{open.error}</p></div>}
            <div class="sec">
              <h2>Reply {open.response_code !== null && <span class="push mono">{open.response_code}</span>}</h2>
              {open.response_body ? <pre class="raw" dir="auto">{open.response_body}</pre> : <p class="q">The other side said nothing.</p>}
            </div>
            <div class="sec">
              <dl class="kv w">
                <dt>Channel</dt><dd>{open.channel_name ?? <span class="q">deleted</span>} {open.channel_type && <span class="q">{typeTitle(open.channel_type)}</span>}</dd>
                <dt>Tries</dt><dd>{open.attempts}</dd>
                {open.task_name && <><dt>Task</dt><dd title={open.task_name}>{open.task_id ? <Link to={to("tasks", {}, { q: open.task_id })}>{open.task_name}</Link> : open.task_name}</dd></>}
                {open.triggered_by_email && <><dt>Tried by</dt><dd>{open.triggered_by_email}</dd></>}
              </dl>
            </div>
          </Drawer>
        )}
      </div>
    </>
  );
}
