/** What one hears of, and what new members of the project are subscribed to. */
import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { cleanFilters, filterWords, filtersOf, triggers, triggerWords, type Filters } from "../lib/notify";
import { refresh, useQuery } from "../lib/query";
import { param, setParams, slug } from "../lib/router";
import { project } from "../lib/session";
import { now, span } from "../lib/time";
import { toast } from "../lib/toasts";
import { Empty, ErrorBox, Skeleton } from "../parts/feedback";
import { Check, Checks, Choice, Text } from "../parts/form";
import { Act, Drawer } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, Time } from "../parts/text";
import { useChannels, type Channel } from "./notif-channels";
import type { Bar } from "./notif-parts";
import { RemovePlan } from "./remove-plan";

type Sub = Schemas["Subscription"];
type Default = Schemas["DefaultSubscription"];
type Row = Pick<Default, "id" | "trigger" | "in_app" | "project_channel_ids" | "cooldown_seconds"> & { filters: Filters } & Partial<Pick<Sub, "user_channel_ids" | "muted_until" | "is_active" | "last_fired_at">>;

const isMuted = (r: Row) => !!r.muted_until && new Date(r.muted_until).getTime() > now.value;
function StateOf({ row }: { row: Row }) {
  if (row.is_active === false) return <State look="stop">off</State>;
  if (isMuted(row)) return <State look="stop" title="Nothing is sent until then">muted, <Age at={row.muted_until} /></State>;
  return <State look="done">on</State>;
}
function ways(row: Row, channels: readonly Channel[] | undefined): string {
  const names = [...row.project_channel_ids, ...(row.user_channel_ids ?? [])].map((id) => channels?.find((c) => c.id === id)?.name ?? "a channel");
  return [...(row.in_app ? ["bell"] : []), ...names].join(", ") || "nowhere";
}

export function Subscriptions({ bar, of }: { bar: Bar; of: "me" | "new" }) {
  const at = slug.value;
  const id = project.value?.id;
  const answer = useQuery<Row[]>(id ? `subscriptions ${of} ${at}` : null, async (signal) =>
    of === "me"
      ? ((await api.get("/api/v1/user/subscriptions", { query: { project_id: id!, limit: 500 }, signal })).items as Row[])
      : ((await api.get("/api/v1/projects/{slug}/notifications/defaults", { path: { slug: at }, signal })) as Row[]),
  );
  const channels = useChannels().value;
  const rows = answer.value;
  const row = param("row");
  const open = rows?.find((r) => r.id === row);
  const free = triggers.filter((t) => !rows?.some((r) => r.trigger === t.id));
  const columns: Column<Row>[] = [
    { id: "trigger", head: "When", width: 264, cell: (r) => triggerWords(r.trigger) },
    { id: "filters", head: "Only", min: 140, rank: 2, cell: (r) => <span class="q2" title={filterWords(r.filters)}>{filterWords(r.filters) || <span class="q">all</span>}</span> },
    { id: "ways", head: "Told by", min: 160, cell: (r) => <span class={ways(r, channels) === "nowhere" ? "t-retry" : "q2"} title={ways(r, channels)}>{ways(r, channels)}</span> },
    { id: "cooldown", head: "At most every", width: 104, num: true, rank: 3, cell: (r) => <span class="q2">{r.cooldown_seconds ? span(r.cooldown_seconds * 1000) : ""}</span> },
    ...(of === "me"
      ? ([
          { id: "fired", head: "Last", width: 88, num: true, rank: 1, cell: (r) => <span class="q2"><Age at={r.last_fired_at} ago /></span> },
          { id: "state", head: "State", width: 120, cell: (r) => <StateOf row={r} /> },
        ] as Column<Row>[])
      : []),
  ];
  const close = () => setParams({ row: null });
  return (
    <>
      {bar(<Act icon="plus" why={rows && free.length === 0 ? "There is one for every trigger" : null} onClick={() => setParams({ row: "new" })}>{of === "me" ? "Subscribe" : "Add"}</Act>)}
      <div class="split">
        {answer.error && !rows ? <ErrorBox error={answer.error} retry={answer.refresh} what="The subscriptions" /> : !rows ? <Skeleton /> : rows.length === 0 ? (
          <Empty title={of === "me" ? "You hear of nothing in this project" : "New members hear of nothing"}>{of === "me" ? "Subscribe to a trigger to be told by the bell here, or through channels." : "What stands here, a new member is subscribed to."}</Empty>
        ) : (
          <Table label="Subscriptions" rows={rows} id={(r) => r.id} columns={columns} current={open?.id ?? ""} onCurrent={(r) => setParams({ row: r?.id })} onOpen={(r) => setParams({ row: r.id })} card={(r) => <><span class="cut">{triggerWords(r.trigger)}</span><span class="r">{of === "me" && <StateOf row={r} />}</span><small>{ways(r, channels)}{filterWords(r.filters) && `, ${filterWords(r.filters)}`}</small></>} />
        )}
        {(row === "new" || open) && rows && <SubForm key={row} of={of} row={open} free={free.map((t) => t.id)} channels={channels ?? []} onClose={close} />}
      </div>
    </>
  );
}

const hours = [1, 4, 24, 168];

function SubForm({ of, row, free, channels, onClose }: { of: "me" | "new"; row?: Row; free: readonly string[]; channels: readonly Channel[]; onClose: () => void }) {
  const [trigger, setTrigger] = useState(row?.trigger ?? free[0] ?? "");
  const [filters, setFilters] = useState<Filters>(row?.filters ?? {});
  const [bell, setBell] = useState(row?.in_app ?? true);
  const [through, setThrough] = useState<string[]>([...(row?.project_channel_ids ?? []), ...(row?.user_channel_ids ?? [])]);
  const [cooldown, setCooldown] = useState(String(row?.cooldown_seconds ?? 0));
  const [active, setActive] = useState(row?.is_active ?? true);
  const [removing, setRemoving] = useState(false);
  const { busy, error, run } = useAct();
  const mine = of === "me";
  const path = { slug: slug.value };
  const kept = filtersOf(trigger);
  const told = (key: keyof Filters) => kept.includes(key);
  const ids = (kind: Channel["of"]) => through.filter((id) => channels.find((c) => c.id === id)?.of === kind);
  const again = () => {
    refresh("subscriptions ");
    onClose();
  };
  const save = () =>
    run(async () => {
      const shared = { filters: cleanFilters(filters, trigger) as never, in_app: bell, project_channel_ids: ids("project"), cooldown_seconds: Math.min(86_400, Math.max(0, Math.round(Number(cooldown) || 0))) };
      if (mine) {
        const body = { ...shared, user_channel_ids: ids("me") };
        if (row) await api.patch("/api/v1/user/subscriptions/{sub_id}", { path: { sub_id: row.id }, body: { ...body, is_active: active } });
        else await api.post("/api/v1/user/subscriptions", { body: { ...body, trigger, project_id: project.value!.id } });
      } else if (row) await api.patch("/api/v1/projects/{slug}/notifications/defaults/{default_id}", { path: { ...path, default_id: row.id }, body: shared });
      else await api.post("/api/v1/projects/{slug}/notifications/defaults", { path, body: { ...shared, trigger } });
      toast(mine ? "The subscription is kept" : "New members will be subscribed so");
      again();
    });
  const mute = (h: number) =>
    run(async () => {
      // There is no null for it: an end that has passed is no mute.
      const until = new Date(Date.now() + h * 3_600_000 - (h ? 0 : 1000)).toISOString();
      await api.patch("/api/v1/user/subscriptions/{sub_id}", { path: { sub_id: row!.id }, body: { muted_until: until } });
      toast(h ? `Muted for ${span(h * 3_600_000)}` : "No longer muted");
      refresh("subscriptions ");
    });
  if (removing && row)
    return (
      <RemovePlan
        title={mine ? "Unsubscribe" : "Take out"}
        verb={mine ? "Unsubscribe" : "Take out"}
        what={triggerWords(row.trigger)}
        effects={mine ? [] : ["Only who joins from now on: members keep the subscriptions they have."]}
        untouched={mine ? ["What is in your inbox stays."] : []}
        onAct={async () => {
          if (mine) await api.delete("/api/v1/user/subscriptions/{sub_id}", { path: { sub_id: row.id } });
          else await api.delete("/api/v1/projects/{slug}/notifications/defaults/{default_id}", { path: { ...path, default_id: row.id } });
          toast(mine ? "Unsubscribed" : "Taken out");
          again();
        }}
        onClose={() => setRemoving(false)}
      />
    );
  return (
    <Drawer
      label="Subscription"
      onClose={onClose}
      head={<><h2 class="dh-title">{row ? triggerWords(row.trigger) : mine ? "Subscribe" : "For new members"}</h2><p class="q">{mine ? "To you, in this project" : "Who joins this project is subscribed so"}</p></>}
      foot={<>{row && <button type="button" class="btn" onClick={() => setRemoving(true)}>{mine ? "Unsubscribe" : "Take out"}</button>}<span class="push"><Act primary why={busy ? "Under way" : !trigger ? "Choose a trigger" : !bell && through.length === 0 ? "Choose the bell or a channel" : null} onClick={save}>{row ? "Save" : mine ? "Subscribe" : "Add"}</Act></span></>}
    >
      <div class="sec stack wide">
        {!row && <Choice label="When" value={trigger} options={triggers.filter((t) => free.includes(t.id)).map((t) => ({ id: t.id, title: t.title }))} onPick={setTrigger} help={triggers.find((t) => t.id === trigger)?.help} />}
        {told("slower_than_seconds") && <Text label="Slower than, seconds" type="number" min="1" placeholder="300" value={String(filters.slower_than_seconds ?? "")} onText={(v) => setFilters({ ...filters, slower_than_seconds: v ? Number(v) : undefined })} />}
        {told("depth_over") && <Text label="More than so many wait" type="number" min="1" placeholder="1000" value={String(filters.depth_over ?? "")} onText={(v) => setFilters({ ...filters, depth_over: v ? Number(v) : undefined })} />}
        {told("task_name") && <Text label="Task name has" mono value={filters.task_name ?? ""} onText={(v) => setFilters({ ...filters, task_name: v })} />}
        {told("task_name_pattern") && <Text label="Task name is like" mono placeholder="billing.*" value={filters.task_name_pattern ?? ""} onText={(v) => setFilters({ ...filters, task_name_pattern: v })} />}
        {told("queue") && <Text label="Queue" mono value={filters.queue ?? ""} onText={(v) => setFilters({ ...filters, queue: v })} />}
        {told("priority") && <Checks inline label="Priority; none ticked: all" options={["critical", "high", "normal", "low"].map((p) => ({ id: p, title: p }))} on={filters.priority ?? []} onSet={(priority) => setFilters({ ...filters, priority })} />}
      </div>
      <div class="sec stack wide">
        <Check label="Ring the bell here" on={bell} onSet={setBell} />
        <Checks label="And send through" options={channels.filter((c) => mine || c.of === "project").map((c) => ({ id: c.id, title: c.name, help: `${c.type}, ${c.of === "project" ? "the project's" : "yours"}${c.is_active ? "" : ", switched off"}` }))} on={through} onSet={setThrough} empty="There is no channel yet." />
        <Text label="At most once in so many seconds" type="number" min="0" max="86400" value={cooldown} onText={setCooldown} help="0: each time, up to 60 a minute" />
        {row && mine && <Check label="Switched on" on={active} onSet={setActive} />}
        <Trouble error={error} />
      </div>
      {row && mine && (
        <div class="sec">
          <h2>Mute {isMuted(row) && <span class="push q">until <Time at={row.muted_until} /></span>}</h2>
          <div class="row wrap">
            {hours.map((h) => <button type="button" class="btn" key={h} onClick={() => mute(h)}>{h < 24 ? `${h} h` : `${h / 24} d`}</button>)}
            {isMuted(row) && <button type="button" class="btn" onClick={() => mute(0)}>Not any more</button>}
          </div>
        </div>
      )}
    </Drawer>
  );
}
