/** Where messages go: the project's channels, which its admins keep, and one's own. */
import { useState } from "preact/hooks";
import { api, ApiError, type Schemas } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { channelTypes, configOf, draftOf, MASK, missing, typeTitle, whereTo, type Draft, type Member } from "../lib/notify";
import { refresh, useQuery } from "../lib/query";
import { param, setParams, slug } from "../lib/router";
import { toast } from "../lib/toasts";
import { Tree } from "../parts/data";
import { Empty, ErrorBox, Note, Skeleton } from "../parts/feedback";
import { Check, Choice, Lines, Text } from "../parts/form";
import { Act, Drawer } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Time } from "../parts/text";
import type { Bar } from "./notif-parts";
import { RemovePlan } from "./remove-plan";
import { whyNotMine } from "./task-parts";

type Test = Schemas["ChannelTest"];
export type Channel = (Schemas["Channel"] & { of: "project" }) | (Schemas["UserChannel"] & { of: "me" });

export function useChannels() {
  const at = slug.value;
  return useQuery(`channels ${at}`, async (signal): Promise<Channel[]> => {
    const [shared, own] = await Promise.all([api.get("/api/v1/projects/{slug}/notifications/channels", { path: { slug: at }, signal }), api.get("/api/v1/user/channels", { signal })]);
    return [...shared.map((c) => ({ ...c, of: "project" as const })), ...own.map((c) => ({ ...c, of: "me" as const }))];
  });
}
const shared = (id: string) => ({ slug: slug.value, channel_id: id });

const columns: Column<Channel>[] = [
  { id: "name", head: "Channel", width: 220, cell: (c) => <span dir="auto">{c.name}</span> },
  { id: "type", head: "Type", width: 96, cell: (c) => <span class="q2">{typeTitle(c.type)}</span> },
  { id: "to", head: "Goes to", min: 200, cell: (c) => <span class="q2" title={whereTo(c.type, c.config)} dir="auto">{whereTo(c.type, c.config)}</span> },
  { id: "of", head: "Of", width: 112, rank: 1, cell: (c) => <span class="q2">{c.of === "project" ? "the project" : "you alone"}</span> },
  { id: "state", head: "State", width: 104, cell: (c) => <StateOf channel={c} /> },
  { id: "changed", head: "Changed", width: 176, rank: 3, cell: (c) => <span class="q2"><Time at={c.updated_at} /></span> },
];
function StateOf({ channel: c }: { channel: Channel }) {
  if (!c.is_active) return <State look="stop">off</State>;
  if (c.of === "me" && !c.is_verified) return <State look="wait" title="No test of it has worked since its address changed">untested</State>;
  return <State look="done">on</State>;
}

export function Channels({ bar }: { bar: Bar }) {
  const answer = useChannels();
  const rows = answer.value;
  const row = param("row");
  const open = rows?.find((c) => c.id === row);
  const close = () => setParams({ row: null });
  return (
    <>
      {bar(
        <>
          <Act icon="plus" why={whyNotMine("admin")} onClick={() => setParams({ row: "new" })}>For the project</Act>
          <Act icon="plus" onClick={() => setParams({ row: "own" })}>For you</Act>
        </>,
      )}
      <div class="split">
        {answer.error && !rows ? <ErrorBox error={answer.error} retry={answer.refresh} what="The channels" /> : !rows ? <Skeleton /> : rows.length === 0 ? (
          <Empty title="No channel yet">A channel is where messages go: mail, a webhook, Slack, Discord, Teams, Telegram, PagerDuty. Without one, subscriptions ring the bell here.</Empty>
        ) : (
          <Table label="Channels" rows={rows} id={(c) => c.id} columns={columns} current={open?.id ?? ""} onCurrent={(c) => setParams({ row: c?.id })} onOpen={(c) => setParams({ row: c.id })} card={(c) => <><span class="cut">{c.name}</span><span class="r"><StateOf channel={c} /></span><small>{typeTitle(c.type)} {whereTo(c.type, c.config)}</small></>} />
        )}
        {row === "new" || row === "own" ? <ChannelForm key={row} of={row === "own" ? "me" : "project"} onClose={close} /> : open && <ChannelForm key={open.id} of={open.of} channel={open} onClose={close} />}
      </div>
    </>
  );
}

function ChannelForm({ of, channel, onClose }: { of: "project" | "me"; channel?: Channel; onClose: () => void }) {
  const [type, setType] = useState(channel?.type ?? "email");
  const old = channel ? (channel.config as Record<string, unknown>) : null;
  const [draft, setDraft] = useState<Draft>(() => draftOf(type, old ?? {}));
  const [name, setName] = useState(channel?.name ?? "");
  const [active, setActive] = useState(channel?.is_active ?? true);
  const [test, setTest] = useState<Test | null>(null);
  const [trying, setTrying] = useState(false);
  const [removing, setRemoving] = useState(false);
  const { busy, error, run } = useAct();
  const why = of === "project" ? whyNotMine("admin") : null;
  const config = configOf(type, draft, old);
  const lacks = missing(type, draft, old);
  const dirty = !channel || Object.keys(config).length > 0 || name !== channel.name || active !== channel.is_active;
  const known = !!channelTypes[type];

  const tryIt = async () => {
    setTrying(true);
    setTest(null);
    try {
      // What is stored is tested with its secrets; what was typed is tested as it stands.
      const stored = channel && Object.keys(config).length === 0;
      setTest(
        stored
          ? of === "project"
            ? await api.post("/api/v1/projects/{slug}/notifications/channels/{channel_id}/test", { path: shared(channel.id), deadlineMs: 60_000 })
            : await api.post("/api/v1/user/channels/{channel_id}/test", { path: { channel_id: channel.id }, deadlineMs: 60_000 })
          : of === "project"
            ? await api.post("/api/v1/projects/{slug}/notifications/channels/test", { path: { slug: slug.value }, body: { type, config: config as never }, deadlineMs: 60_000 })
            : await api.post("/api/v1/user/channels/test", { body: { type, config: config as never }, deadlineMs: 60_000 }),
      );
      refresh("channels ");
      refresh("deliveries ");
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      setTest({ success: false, status_code: null, error: e.message, response_body: null });
    } finally {
      setTrying(false);
    }
  };
  const save = () =>
    run(async () => {
      if (!channel) {
        const body = { name: name.trim(), type, config: config as never, is_active: active };
        if (of === "project") await api.post("/api/v1/projects/{slug}/notifications/channels", { path: { slug: slug.value }, body });
        else await api.post("/api/v1/user/channels", { body });
        onClose();
      } else {
        const body = { name: name.trim(), is_active: active, ...(Object.keys(config).length ? { config: config as never } : {}) };
        if (of === "project") await api.patch("/api/v1/projects/{slug}/notifications/channels/{channel_id}", { path: shared(channel.id), body });
        else await api.patch("/api/v1/user/channels/{channel_id}", { path: { channel_id: channel.id }, body });
        onClose();
      }
      toast(`Channel ${name.trim()} is kept`);
      refresh("channels ");
    });
  if (removing && channel)
    return (
      <RemovePlan
        title={`Delete channel ${channel.name}`}
        what={`${typeTitle(channel.type)}, ${whereTo(channel.type, channel.config)}`}
        effects={["Subscriptions that name it go on without it. Messages that wait for it are not sent."]}
        untouched={["What was delivered stays in the deliveries."]}
        onAct={async () => {
          if (of === "project") await api.delete("/api/v1/projects/{slug}/notifications/channels/{channel_id}", { path: shared(channel.id) });
          else await api.delete("/api/v1/user/channels/{channel_id}", { path: { channel_id: channel.id } });
          toast(`Channel ${channel.name} is deleted`);
          refresh("channels ");
          onClose();
        }}
        onClose={() => setRemoving(false)}
      />
    );
  const cannot = why ?? (!name.trim() ? "It needs a name" : lacks.length ? `Missing: ${lacks.join(", ")}` : !dirty ? "Nothing was changed" : null);
  return (
    <Drawer
      label={channel ? `Channel ${channel.name}` : "New channel"}
      onClose={onClose}
      head={<><h2 class="dh-title">{channel ? channel.name : "New channel"}</h2><p class="q">{of === "project" ? "Of the project: all its members can be told through it" : "Yours alone: for your own subscriptions, in every project"}</p></>}
      foot={
        <>
          {channel && <Act icon="trash" why={why} onClick={() => setRemoving(true)}>Delete</Act>}
          <span class="push row">
            <Act icon="send" why={why ?? (lacks.length ? `Missing: ${lacks.join(", ")}` : trying ? "Under way" : null)} onClick={() => void tryIt()}>{trying ? "Sending…" : "Test"}</Act>
            <Act primary why={cannot ?? (busy ? "Under way" : null)} onClick={save}>{channel ? "Save" : "Create"}</Act>
          </span>
        </>
      }
    >
      {test && <div class="sec"><TestResult test={test} /></div>}
      <div class="sec stack wide">
        {!channel && <Choice label="Type" value={type} options={Object.entries(channelTypes).map(([id, t]) => ({ id, title: t.title }))} onPick={(t) => { setType(t); setDraft(draftOf(t, {})); setTest(null); }} />}
        <Text label="Name" value={name} onText={setName} maxLength={200} readOnly={!!why} />
        {known ? channelTypes[type]!.members.map((m) => <MemberField key={m.key} member={m} value={draft[m.key] ?? ""} kept={old?.[m.key] === MASK || (m.kind === "secret" && !!old?.[m.key])} onSet={(v) => setDraft({ ...draft, [m.key]: v })} />) : <Tree value={old ?? {}} />}
        <Check label="Switched on" help="off: nothing is sent through it" on={active} onSet={setActive} disabled={!!why} />
        <Trouble error={error} />
      </div>
    </Drawer>
  );
}

function MemberField({ member: m, value, kept, onSet }: { member: Member; value: string | boolean; kept: boolean; onSet: (v: string | boolean) => void }) {
  if (m.kind === "switch") return <Check label={m.label} help={m.help} on={value === true} onSet={onSet} />;
  const text = String(value);
  if (m.kind === "list" || m.kind === "map") return <Lines label={m.label} help={m.help} value={text} onText={onSet} rows={m.kind === "list" ? 2 : 3} />;
  if (m.kind === "pick") return <Choice label={m.label} help={m.help} value={text} options={(m.options ?? []).map((o) => ({ id: o, title: o }))} onPick={onSet} />;
  if (m.kind === "secret") return <Text label={m.label} help={m.help} type="password" autocomplete="new-password" placeholder={kept ? "kept; type to replace it" : undefined} value={text} onText={onSet} />;
  return <Text label={m.label} help={m.help} type={m.kind === "number" ? "number" : "text"} value={text} onText={onSet} />;
}

export function TestResult({ test }: { test: Test }) {
  return (
    <div class="stack">
      <Note kind={test.success ? "good" : "bad"}>
        <b>{test.success ? "It was taken" : "It was not taken"}{test.status_code !== null ? `, ${test.status_code}` : ""}.</b> {test.error}
      </Note>
      {test.response_body && <pre class="raw" dir="auto">{test.response_body}</pre>}
    </div>
  );
}
