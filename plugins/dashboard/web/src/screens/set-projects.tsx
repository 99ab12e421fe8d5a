/** One project's facts, and for administrators all of them. */
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { param, setParams } from "../lib/router";
import { load, me, projects, type Project } from "../lib/session";
import { toast } from "../lib/toasts";
import { Empty } from "../parts/feedback";
import { Choice, Text } from "../parts/form";
import { Act, Drawer } from "../parts/panels";
import { Table, type Column } from "../parts/table";
import { Age, Time } from "../parts/text";
import { RemovePlan } from "./remove-plan";
import { useSettled, type SetBar } from "./set-parts";

const columns: Column<Project>[] = [
  { id: "name", head: "Project", width: 200, cell: (p) => <span dir="auto">{p.name}</span> },
  { id: "slug", head: "Slug", width: 160, rank: 2, cell: (p) => <span class="mono q2">{p.slug}</span> },
  { id: "env", head: "Environment", width: 112, cell: (p) => <span class={p.environment === "production" ? "prod-word" : "q2"}>{p.environment}</span> },
  { id: "keeps", head: "Keeps", unit: "days", width: 88, num: true, cell: (p) => <span class="q2">{p.retention_days}</span> },
  { id: "what", head: "What for", min: 160, rank: 1, cell: (p) => <span class="q2" title={p.description ?? ""}>{p.description}</span> },
  { id: "made", head: "Made", width: 96, num: true, rank: 3, cell: (p) => <span class="q2"><Age at={p.created_at} ago /></span> },
];

export function Projects({ bar }: { bar: SetBar }) {
  const rows = projects.value;
  const row = param("row");
  const open = rows.find((p) => p.id === row);
  const [archiving, setArchiving] = useState<Project | null>(null);
  const close = () => setParams({ row: null });
  return (
    <>
      {bar(<Act icon="plus" onClick={() => setParams({ row: "new" })}>New project</Act>)}
      <div class="split">
        {rows.length === 0 ? <Empty title="There is no project" /> : <Table label="Projects" rows={rows} id={(p) => p.id} columns={columns} current={open?.id ?? ""} onCurrent={(p) => (setArchiving(null), setParams({ row: p?.id }))} onOpen={(p) => setParams({ row: p.id })} card={(p) => <><span class="cut">{p.name}</span><span class="r">{p.environment}</span><small class="mono">{p.slug}</small></>} />}
        {archiving ? (
          <RemovePlan title={`Archive ${archiving.name}`} verb="Archive" word={archiving.slug} what={<><span class="mono">{archiving.slug}</span>, {archiving.environment}</>} effects={["Nobody sees it any more, agents of it are refused, and its schedules do not fire."]} untouched={["Its data stays, and so does its audit log."]} onAct={async () => { await api.delete("/api/v1/projects/{slug}", { path: { slug: archiving.slug } }); toast(`${archiving.name} is archived`); setArchiving(null); close(); await load(); }} onClose={() => setArchiving(null)} />
        ) : row === "new" ? (
          <Drawer label="New project" takesFocus onClose={close} head={<h2 class="dh-title">New project</h2>}><div class="sec"><ProjectForm onDone={(p) => setParams({ row: p.id })} /></div></Drawer>
        ) : (
          open && <Drawer label={`Project ${open.name}`} onClose={close} head={<><h2 class="dh-title">{open.name}</h2><p class="q2"><span class="mono">{open.slug}</span>, {open.environment}</p></>} foot={<Act danger icon="trash" onClick={() => setArchiving(open)}>Archive</Act>}><div class="sec"><ProjectForm key={open.id} project={open} /></div></Drawer>
        )}
      </div>
    </>
  );
}

export function ProjectPage({ bar }: { bar: SetBar }) {
  const { project: p, picker } = useSettled();
  const administrator = !!me.value?.is_admin;
  return (
    <>
      {bar(picker)}
      {!p ? <Empty title="You are in no project yet" /> : (
        <div class="pages">
          <section>
            <h2>{p.name}</h2>
            {administrator ? <ProjectForm key={p.id} project={p} /> : (
              <dl class="kv w">
                <dt>Slug</dt><dd class="mono">{p.slug}</dd><dt>Environment</dt><dd>{p.environment}</dd><dt>Keeps</dt><dd>{p.retention_days} days</dd><dt>Time zone</dt><dd>{p.timezone}</dd>{p.description && <><dt>What for</dt><dd class="whole">{p.description}</dd></>}
              </dl>
            )}
          </section>
          <section>
            <h2>Facts</h2>
            <dl class="kv w">
              <dt>Id</dt><dd class="mono" title={p.id}>{p.id}</dd>
              <dt>Made</dt><dd><Time at={p.created_at} /></dd>
              <dt>Changed</dt><dd><Time at={p.updated_at} /></dd>
              <dt>Schedules by</dt><dd>{p.default_scheduler_owner}</dd>
              <dt>Schedulers</dt><dd>{p.allowed_schedulers?.join(", ") ?? "any"}</dd>
            </dl>
            {!administrator && <p class="q small">An administrator of the installation can change these.</p>}
          </section>
        </div>
      )}
    </>
  );
}

const environments = ["production", "staging", "development", "test"];

function ProjectForm({ project: p, onDone }: { project?: Project; onDone?: (made: Project) => void }) {
  const [name, setName] = useState(p?.name ?? "");
  const [slug, setSlug] = useState(p?.slug ?? "");
  const [environment, setEnvironment] = useState(p?.environment ?? "production");
  const [description, setDescription] = useState(p?.description ?? "");
  const [days, setDays] = useState(String(p?.retention_days ?? 30));
  const [zoneName, setZoneName] = useState(p?.timezone ?? "UTC");
  const { busy, error, run } = useAct();
  const body = { name: name.trim(), slug: slug.trim(), environment, description, retention_days: Number(days) || null, timezone: zoneName.trim() || null };
  const dirty = !p || name !== p.name || slug !== p.slug || environment !== p.environment || description !== (p.description ?? "") || Number(days) !== p.retention_days || zoneName !== p.timezone;
  const submit = () =>
    run(async () => {
      // Only what changed goes out: a value that is sent is recorded as changed.
      const old = p as unknown as Record<string, unknown>;
      const made = p ? await api.patch("/api/v1/projects/{slug}", { path: { slug: p.slug }, body: Object.fromEntries(Object.entries(body).filter(([k, v]) => v !== (old[k] ?? ""))) }) : await api.post("/api/v1/projects", { body });
      await load();
      toast(p ? "Kept" : `${made.name} is there`);
      onDone?.(made);
    });
  return (
    <form class="stack wide" onSubmit={(e) => e.preventDefault()}>
      <div class="grid2"><Text label="Name" value={name} onText={(t) => { setName(t); if (!p) setSlug(t.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 50)); }} maxLength={200} /><Text label="Slug" mono value={slug} onText={setSlug} maxLength={63} help={p && slug !== p.slug ? "Links to the project change." : undefined} /></div>
      <div class="grid2"><Choice label="Environment" value={environment} options={[...new Set([...environments, environment])].map((e) => ({ id: e, title: e }))} onPick={setEnvironment} help="production is red-edged, and plans want a word typed" /><Text label="Keeps events and tasks for days" type="number" min="1" max="3650" value={days} onText={setDays} help={p && Number(days) < p.retention_days ? <span class="bad">What is older than {days} days will be deleted.</span> : undefined} /></div>
      <Text label="What it is for" value={description} onText={setDescription} maxLength={2000} />
      <Text label="Time zone" mono value={zoneName} onText={setZoneName} maxLength={64} />
      <Trouble error={error} />
      <div class="row"><Act primary why={busy ? "Under way" : !body.name || body.slug.length < 2 ? "It needs a name and a slug" : !dirty ? "Nothing was changed" : null} onClick={submit}>{p ? "Save" : "Create"}</Act></div>
    </form>
  );
}
