import { signal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import "./audit.css";
import { addressOf, api, type Page, type Schemas } from "../api/client";
import { entryOf, outcomeOf, outcomes, targetOf, type Entry } from "../lib/audit";
import { parse, problems, useAsk, valueOf, write, type Qualifier } from "../lib/ask";
import { useFresh } from "../lib/fresh";
import { usePeople } from "../lib/people";
import { usePages } from "../lib/query";
import { param, setParams, slug } from "../lib/router";
import { may, me } from "../lib/session";
import { count, duration, moment } from "../lib/time";
import { useStep } from "../lib/clock";
import { Empty, EmptyFilter, ErrorBox, NotAllowed, Skeleton } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Download } from "../parts/link";
import { Menu } from "../parts/menu";
import { Seg } from "../parts/panels";
import { Table, type Column } from "../parts/table";
import { Mid, Time } from "../parts/text";
import { BundleDialog } from "./audit-bundle";
import { ChainDrawer, ChainHead, useVerdict } from "./audit-chain";
import { AuditDrawer } from "./audit-drawer";
import { Outcome, whoOf, type People } from "./audit-parts";

const columnsFor = (people: People, all: boolean): Column<Entry>[] => [
  { id: "time", head: "Time ↓", width: 176, cell: (e) => <span class="q2"><Time at={e.occurred_at} /></span> },
  { id: "who", head: "Who", width: 160, rank: 2, cell: (e) => <span class={e.user_id ? "" : "q"} title={whoOf(e, people)}>{whoOf(e, people)}</span> },
  { id: "action", head: "Action", width: 240, cell: (e) => <Mid name={e.action} even /> },
  { id: "target", head: "Target", min: 160, cell: (e) => <Target entry={e} /> },
  ...(all ? [{ id: "project", head: "Project", width: 112, rank: 3, cell: (e: Entry) => <span class={e.project_slug ? "q2" : "q"}>{e.project_slug ?? "installation"}</span> }] : []),
  { id: "outcome", head: "Outcome", width: 96, cell: (e) => <Outcome entry={e} /> },
  ...(all ? [] : [{ id: "leaf", head: "Leaf", width: 80, num: true, rank: 4, cell: (e: Entry) => <span class="q mono">{count(e.seq)}</span> }]),
];

function Target({ entry }: { entry: Entry }) {
  const { kind, name } = targetOf(entry);
  return (
    <span class="q2" title={`${kind} ${name}`} dir="auto">
      {kind} <span class="t-ink">{name}</span>
    </span>
  );
}

function qualifiersFor(people: People, all: boolean): Qualifier[] {
  const action = { key: "action", hint: "its beginning, like command.issue.", values: () => ["access.", "agent.", "api_key.", "audit.", "auth.", "bulk_job.", "command.issue.", "membership.", "notifications.", "plugin.", "project.", "schedule.", "user."] };
  if (all) return [action];
  return [
    action,
    { key: "who", hint: "an e-mail address", values: () => [...people.values()].map((p) => p.email), check: (v) => ([...people.values()].some((p) => p.email === v) || /^[0-9a-f-]{36}$/.test(v) ? null : `“${v}” is nobody known here`) },
    { key: "outcome", hint: outcomes.join(", "), values: () => [...outcomes], check: (v) => ((outcomes as readonly string[]).includes(v) ? null : `“${v}” is no outcome; they are ${outcomes.join(", ")}`) },
    { key: "since", hint: "1h, 7d or a time", values: () => ["1h", "24h", "7d"], check: (v) => (moment(v, Date.now()) === null ? `“since:${v}” is no time: 1h, 7d, 2026-05-13T10:00` : null) },
  ];
}

export default function Audit() {
  const at = slug.value;
  const administrator = !!me.value?.is_admin;
  const all = administrator && param("scope") === "all";
  const people = usePeople();
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const qualifiers = useMemo(() => qualifiersFor(people, all), [people.size, all]);
  const wrong = problems(terms, qualifiers);
  const step = useStep(60_000);
  const since = moment(valueOf(terms, "since"), duration(valueOf(terms, "since")) === null ? 0 : step);
  const who = valueOf(terms, "who");
  const filter = {
    action_prefix: valueOf(terms, "action") || undefined,
    outcome: valueOf(terms, "outcome") || undefined,
    user_id: who ? ([...people.values()].find((p) => p.email === who)?.id ?? who) : undefined,
    since: since === null ? undefined : new Date(since).toISOString(),
  };
  const question = JSON.stringify(filter);
  const allowed = may("admin");
  const pages = usePages<Entry>(
    !allowed || wrong.length ? null : `audit ${all ? "" : at} ${question}`,
    async (cursor, asking) => {
      if (!all) {
        const page = (await api.get("/api/v1/projects/{slug}/audit", { path: { slug: at }, query: { ...filter, cursor, limit: 100 }, signal: asking })) as Page<Schemas["AuditEntry"]>;
        return { items: page.items.map(entryOf), next_cursor: page.next_cursor };
      }
      const page = await api.get("/api/v1/activity", { query: { limit: 100, before_cursor: cursor, action_prefix: filter.action_prefix }, signal: asking });
      return { items: page.items.map(entryOf), next_cursor: page.next_before_cursor };
    },
    (e) => e.id,
    { topics: ["audit.changed"], everyMs: 20_000, leastMs: 5000 },
  );
  const busy = useMemo(() => signal(false), []);
  const fresh = useFresh(pages.value, (e) => e.id, busy.value, at + all + question);
  const verdict = useVerdict(administrator);
  const columns = useMemo(() => columnsFor(people, all), [people.size, all]);
  const open = fresh.rows.find((e) => e.id === param("row"));

  useAsk(
    {
      where: "Audit",
      text,
      qualifiers,
      placeholder: all ? "action:" : "action: who: outcome: since:",
      onText: (q) => setParams({ q, row: null }, { replace: false }),
      hits: pages.value && <><b>{count(pages.value.length)}{pages.more ? "+" : ""}</b> entries</>,
      tools: <Tools path={all ? null : (format) => addressOf("/api/v1/projects/{slug}/audit", { slug: at }, { ...filter, format }) as `/api/${string}`} />,
    },
    [pages.value?.length, !!pages.more, qualifiers, question, all],
  );
  if (!allowed) return <><h1 class="vh">Audit</h1><NotAllowed need="admin" /></>;
  const panel = param("panel");
  return (
    <>
      <h1 class="vh">Audit</h1>
      {administrator && (
        <ChainHead answer={verdict}>
          <Seg label="Entries of" value={all ? "all" : "project"} onChange={(scope) => setParams({ scope: scope === "all" ? "all" : null, q: null, row: null }, { replace: false })} options={[{ id: "project", title: "This project" }, { id: "all", title: "Installation" }]} />
        </ChainHead>
      )}
      <div class="split">
        {pages.error && !pages.value ? (
          <ErrorBox error={pages.error} retry={pages.refresh} what="The audit log" />
        ) : wrong.length ? (
          <Empty title="The query is not understood">{wrong.map((w) => <p key={w}>{w}.</p>)}</Empty>
        ) : !pages.value ? (
          <Skeleton rows={24} />
        ) : pages.value.length === 0 ? (
          terms.length ? (
            <EmptyFilter terms={terms.map((t) => ({ text: write([t]) }))} onDrop={(i) => setParams({ q: write(terms.filter((_, k) => k !== i)) })} onClear={() => setParams({ q: null })} />
          ) : (
            <Empty title="Nothing is recorded yet">Every change that people, programs or the brain make is an entry here.</Empty>
          )
        ) : (
          <Table
            label="Audit log"
            rows={fresh.rows}
            id={(e) => e.id}
            columns={columns}
            current={open?.id ?? ""}
            onCurrent={(e) => setParams({ row: e?.id, panel: null })}
            onOpen={(e) => setParams({ row: e.id, panel: null })}
            card={(e) => (
              <>
                <span class="mono cut">{e.action}</span>
                <span class="r"><Time at={e.occurred_at} /></span>
                <small><Outcome entry={e} /> <span class="cut">{whoOf(e, people)}, {targetOf(e).kind} {targetOf(e).name}</span></small>
              </>
            )}
            more={pages.more}
            loadingMore={pages.loadingMore}
            fresh={fresh}
            busy={busy}
            rowClass={(e) => (outcomeOf(e).look === "fail" ? "is-bad" : undefined)}
          />
        )}
        {open ? (
          <AuditDrawer key={open.id} entry={open} people={people} onClose={() => setParams({ row: null })} />
        ) : (
          panel === "chain" && administrator && <ChainDrawer verdict={verdict.value} people={people} onClose={() => setParams({ panel: null })} />
        )}
      </div>
      {panel === "bundle" && administrator && <BundleDialog onClose={() => setParams({ panel: null })} />}
    </>
  );
}

function Tools({ path }: { path: ((format: string) => `/api/${string}`) | null }) {
  if (!path) return null;
  return <Menu right label="Save this list as a file" button={<span class="ib" title="Save this list as a file"><Icon name="download" /></span>} items={[]} head={<span class="row">{["csv", "xlsx", "json"].map((f) => <Download key={f} class="btn" path={path(f)}>{f.toUpperCase()}</Download>)}</span>} />;
}

