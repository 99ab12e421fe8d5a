/** What purges kept, and the way to put it back. */
import type { ComponentChildren } from "preact";
import { useMemo, useState } from "preact/hooks";
import { api, ApiError, type Schemas } from "../api/client";
import { parse, problems, useAsk, valueOf, write, type Qualifier } from "../lib/ask";
import { useNames } from "../lib/people";
import { refresh, usePages, useQuery } from "../lib/query";
import { param, setParams, slug, to } from "../lib/router";
import type { Look } from "../lib/states";
import { bytes, count } from "../lib/time";
import { toast } from "../lib/toasts";
import { Empty, EmptyFilter, ErrorBox, Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Act, Drawer, Plan } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, Id, Time } from "../parts/text";
import { whyNotMine } from "./task-parts";

type Copy = Schemas["QueueCopy"];
const looks: Record<Copy["state"], Look> = { copying: "run", kept: "done", restoring: "run", restored: "stop", expired: "stop", failed: "fail" };
const soon = 86_400_000;

const page = (cursor: string | undefined, signal: AbortSignal) => api.get("/api/v1/projects/{slug}/queue-copies", { path: { slug: slug.value }, query: { limit: 100, ...(cursor && { cursor }) }, signal });
/** The newest hundred. */
export function useCopies() {
  return useQuery(`copies ${slug.value} first`, async (signal) => (await page(undefined, signal)).items, { topics: ["queue.changed", "command.changed"], leastMs: 3000, everyMs: 60_000 });
}

const columns: Column<Copy>[] = [
  { id: "state", head: "State", width: 112, cell: (c) => <State look={looks[c.state]}>{c.state}</State> },
  { id: "queue", head: "Queue", min: 160, cell: (c) => <span class="m" dir="auto">{c.queue}</span> },
  { id: "engine", head: "Engine", width: 80, rank: 2, cell: (c) => <span class="q">{c.engine}</span> },
  { id: "messages", head: "Tasks", width: 88, num: true, cell: (c) => <span class="m">{count(c.messages)}</span> },
  { id: "bytes", head: "Size", width: 88, num: true, rank: 3, cell: (c) => <span class="q2">{bytes(c.bytes)}</span> },
  { id: "made", head: "Purged", width: 168, rank: 1, cell: (c) => <Time at={c.created_at} /> },
  { id: "gone", head: "Kept until", width: 168, cell: (c) => (c.state === "kept" ? <span class={new Date(c.expires_at).getTime() - Date.now() < soon ? "t-retry" : undefined}><Time at={c.expires_at} /></span> : null) },
];
const card = (c: Copy) => (
  <>
    <span class="cut m">{c.queue}</span>
    <span class="r">{count(c.messages)} tasks</span>
    <small><State look={looks[c.state]}>{c.state}</State><span>{c.engine}</span></small>
    <small class="r"><Age at={c.created_at} ago /></small>
  </>
);
const qualifiers: Qualifier[] = [{ key: "", hint: "part of a queue's name" }, { key: "state", hint: Object.keys(looks).join(", "), values: (t) => Object.keys(looks).filter((s) => s.startsWith(t)), check: (v) => (v in looks ? null : `“${v}” is none of ${Object.keys(looks).join(", ")}`) }];

export function QueueCopies({ bar }: { bar: ComponentChildren }) {
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const pages = usePages(`copies ${slug.value}`, page, (c: Copy) => c.id, { topics: ["queue.changed", "command.changed"], leastMs: 2000 });
  const wrong = problems(terms, qualifiers);
  const all = pages.value ?? [];
  const rows = wrong.length ? [] : all.filter((c) => c.queue.toLowerCase().includes(valueOf(terms, "").toLowerCase()) && (!valueOf(terms, "state") || c.state === valueOf(terms, "state")));
  useAsk({ where: "Safety copies", text, qualifiers, placeholder: "queue, state:", onText: (q) => setParams({ q }), hits: pages.value && <><b>{count(rows.length)}{pages.more ? "+" : ""}</b> {rows.length === 1 ? "copy" : "copies"}</> }, [rows.length, !!pages.value, !!pages.more]);
  const open = all.find((c) => c.id === param("row"));
  if (pages.error && !pages.value) return <ErrorBox error={pages.error} retry={pages.refresh} what="The safety copies" />;
  return (
    <>
      <div class="bar">
        <h1>Safety copies</h1>
        <div class="facts"><span>What purges took out, encrypted, for some days</span></div>
        <span class="push row">{bar}</span>
      </div>
      <div class="split">
        {!pages.value ? <Skeleton /> : all.length === 0 ? (
          <Empty title="No purge has kept anything">When a queue is purged, what it held is kept here for a while, and can be put back.</Empty>
        ) : rows.length === 0 ? (
          <EmptyFilter terms={terms.map((t) => ({ text: write([t]) }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} />
        ) : (
          <Table label="Safety copies" rows={rows} id={(c) => c.id} columns={columns} current={open?.id ?? ""} onCurrent={(c) => setParams({ row: c?.id })} card={card} more={pages.more} loadingMore={pages.loadingMore} rowClass={(c) => (c.state === "kept" ? undefined : "old")} />
        )}
        {open && <CopyDrawer key={open.id} c={open} onClose={() => setParams({ row: null })} />}
      </div>
    </>
  );
}

function CopyDrawer({ c, onClose }: { c: Copy; onClose: () => void }) {
  const [plan, setPlan] = useState<"restore" | "delete" | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const person = useNames();
  const path = { slug: slug.value, copy_id: c.id };
  const act = async () => {
    setBusy(true);
    setProblem(null);
    try {
      if (plan === "restore") await api.post("/api/v1/projects/{slug}/queue-copies/{copy_id}/restore", { path });
      else await api.delete("/api/v1/projects/{slug}/queue-copies/{copy_id}", { path });
      toast(plan === "restore" ? `${count(c.messages)} tasks go back to ${c.queue}` : "The safety copy is destroyed", plan === "restore" ? { link: { text: "See the queue", to: to("queues", {}, { row: `${c.engine}/${c.queue}` }) } } : {});
      for (const prefix of ["copies ", "queues ", "waiting "]) refresh(prefix);
      setPlan(null);
      if (plan === "delete") onClose();
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  if (plan)
    return (
      <Plan
        label={plan === "restore" ? "Put back" : "Destroy a safety copy"}
        title={plan === "restore" ? <span class="row">Put back into <span class="mono cut">{c.queue}</span></span> : "Destroy this safety copy"}
        total={c.messages}
        what={plan === "restore" ? <>tasks go back, behind what waits there,<br />each of them once</> : <>tasks can never be<br />put back any more</>}
        facts={[["Purged", <Time at={c.created_at} />], ["Queue", c.queue]]}
        effects={plan === "restore" ? ["They run as if they came now: times that have passed do not come back."] : []}
        word={c.queue}
        verb={plan === "restore" ? "Put back" : "Destroy"}
        danger={plan === "delete"}
        keep={plan === "restore" ? "Leave it" : "Keep it"}
        busy={busy}
        problem={problem}
        onAct={() => void act()}
        onClose={() => (setPlan(null), setProblem(null))}
      />
    );
  const no = whyNotMine("admin") ?? (c.state === "kept" ? null : `It is ${c.state}`);
  const left = Object.entries((c.not_removed ?? {}) as Record<string, number>).filter(([, n]) => n > 0);
  return (
    <Drawer
      label={`Safety copy of ${c.queue}`}
      onClose={onClose}
      head={
        <>
          <div class="row"><State look={looks[c.state]} big>{c.state}</State><span class="q cut">{c.engine}</span></div>
          <h2 class="mono">{c.queue}</h2>
          <div class="row">
            <Act icon="retry" primary={!no} why={no} onClick={() => setPlan("restore")}>Put back</Act>
            <Act icon="trash" why={whyNotMine("admin") ?? (c.state === "copying" || c.state === "restoring" ? "It is being worked on" : null)} onClick={() => setPlan("delete")}>Destroy</Act>
          </div>
        </>
      }
    >
      {c.error && <div class="sec"><Note kind="bad">{c.error}</Note></div>}
      <div class="sec">
        <dl class="kv w">
          <dt>Tasks</dt><dd>{count(c.messages)} <span class="q">{bytes(c.bytes)}</span></dd>
          <dt>Purged</dt><dd><Time at={c.created_at} /></dd>
          <dt>By</dt><dd>{person(c.created_by) ?? <span class="q">not told</span>}</dd>
          {c.state === "kept" && (<><dt>Kept until</dt><dd><Time at={c.expires_at} /> <span class="q">then destroyed</span></dd></>)}
          {c.restored_at && (<><dt>Put back</dt><dd>{count(c.restored)} <span class="q"><Time at={c.restored_at} /></span></dd></>)}
          <dt>Copy</dt><dd><Id id={c.id} length={13} /></dd>
        </dl>
      </div>
      {left.length > 0 && (
        <div class="sec">
          <h2>The purge did not reach</h2>
          <dl class="kv w">{left.map(([what, n]) => (<><dt key={what}>{what.replace(/_/g, " ")}</dt><dd key={what + "n"}>{count(n)}</dd></>))}</dl>
        </div>
      )}
      <div class="sec"><Link to={to("queues", {}, { row: `${c.engine}/${c.queue}` })}>The queue as it is now</Link></div>
    </Drawer>
  );
}
