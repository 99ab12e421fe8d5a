/** One's own API keys. A key never opens more than its owner's roles do. */
import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { refresh, useQuery } from "../lib/query";
import { param, setParams } from "../lib/router";
import { me, projects } from "../lib/session";
import { toast } from "../lib/toasts";
import { Empty, ErrorBox, Note, Skeleton } from "../parts/feedback";
import { Checks, Choice, Lines, Text } from "../parts/form";
import { Act, Dialog, Drawer } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Age, Copy, Time } from "../parts/text";
import { now } from "../lib/time";
import { RemovePlan } from "./remove-plan";
import type { SetBar } from "./set-parts";

type Key = Schemas["ApiKey"];
const ended = (k: Key) => !!k.expires_at && new Date(k.expires_at).getTime() < now.value;
const StateOf = ({ k }: { k: Key }) => (ended(k) ? <State look="stop">expired</State> : <State look="done">good</State>);
const columns: Column<Key>[] = [
  { id: "name", head: "Key", width: 160, cell: (k) => <span dir="auto">{k.name}</span> },
  { id: "prefix", head: "Begins", width: 104, rank: 3, cell: (k) => <span class="mono q2">{k.prefix}…</span> },
  { id: "state", head: "State", width: 88, cell: (k) => <StateOf k={k} /> },
  { id: "scopes", head: "Scopes", min: 160, cell: (k) => <span class="mono q2" title={k.scopes.join(", ")}>{k.scopes.join(" ") || "none"}</span> },
  { id: "project", head: "Project", width: 104, rank: 2, cell: (k) => <span class="q2">{k.project_slug ?? "all of yours"}</span> },
  { id: "ips", head: "From", width: 136, rank: 4, cell: (k) => <span class="mono q2" title={k.allowed_ips.join(", ")}>{k.allowed_ips.join(" ") || <span class="q">anywhere</span>}</span> },
  { id: "used", head: "Used", width: 96, num: true, rank: 1, cell: (k) => <span class="q2"><Age at={k.last_used_at} ago empty="never" /></span> },
  { id: "end", head: "Ends", width: 88, num: true, cell: (k) => <span class="q2">{k.expires_at ? <Age at={k.expires_at} /> : "never"}</span> },
];

export function Keys({ bar }: { bar: SetBar }) {
  const answer = useQuery("api-keys", (signal) => api.get("/api/v1/api-keys", { signal }));
  const [token, setToken] = useState<{ name: string; token: string } | null>(null);
  const [removing, setRemoving] = useState<Key | null>(null);
  const rows = answer.value;
  const row = param("row");
  const open = rows?.find((k) => k.id === row);
  const close = () => setParams({ row: null });
  return (
    <>
      {bar(<Act icon="plus" onClick={() => setParams({ row: "new" })}>New key</Act>)}
      <div class="split">
        {answer.error && !rows ? <ErrorBox error={answer.error} retry={answer.refresh} what="Your keys" /> : !rows ? <Skeleton /> : rows.length === 0 ? <Empty title="You have no API key">For scripts and other programs: it acts as you do, within the scopes that it is given.</Empty> : (
          <Table label="API keys" rows={rows} id={(k) => k.id} columns={columns} current={open?.id ?? ""} onCurrent={(k) => (setRemoving(null), setParams({ row: k?.id }))} onOpen={(k) => setParams({ row: k.id })} card={(k) => <><span class="cut">{k.name}</span><span class="r"><StateOf k={k} /></span><small class="mono">{k.scopes.join(" ")}</small></>} />
        )}
        {row === "new" && <NewKey onClose={close} onMade={(made) => { setToken(made); close(); refresh("api-keys"); }} />}
        {removing ? (
          <RemovePlan title={`Revoke ${removing.name}`} verb="Revoke" what={<>The key that begins <span class="mono">{removing.prefix}</span>{removing.last_used_at ? <>, used <Age at={removing.last_used_at} ago /></> : ", never used"}</>} effects={["Whatever uses it is refused from the next request on. A key cannot be brought back."]} onAct={async () => { await api.delete("/api/v1/api-keys/{key_id}", { path: { key_id: removing.id } }); toast(`${removing.name} is revoked`); setRemoving(null); close(); refresh("api-keys"); }} onClose={() => setRemoving(null)} />
        ) : (
          open && (
            <Drawer label={`Key ${open.name}`} onClose={close} head={<><h2 class="dh-title">{open.name}</h2><p class="q2"><span class="mono">{open.prefix}…</span></p></>} foot={<Act danger icon="trash" onClick={() => setRemoving(open)}>Revoke</Act>}>
              <div class="sec"><h2>Scopes</h2><p class="row wrap">{open.scopes.map((s) => <span class="tag mono" key={s}>{s}</span>)}</p></div>
              <div class="sec">
                <dl class="kv w">
                  <dt>Project</dt><dd>{open.project_slug ?? "all of yours"}</dd>
                  <dt>From</dt><dd class="mono whole">{open.allowed_ips.join("\n") || "anywhere"}</dd>
                  <dt>Made</dt><dd><Time at={open.created_at} /></dd>
                  <dt>Ends</dt><dd>{open.expires_at ? <Time at={open.expires_at} /> : "never"}</dd>
                  <dt>Used last</dt><dd>{open.last_used_at ? <><Time at={open.last_used_at} /> <span class="q">from {open.last_used_ip}</span></> : "never"}</dd>
                </dl>
              </div>
            </Drawer>
          )
        )}
      </div>
      {token && (
        <Dialog title={`${token.name}: shown this once`} foot={<button type="button" class="btn pri push" onClick={() => setToken(null)}>I have kept it</button>}>
          <Copy text={token.token} label="Copy the key" />
          <p class="q2">Send it as <span class="mono">Authorization: Bearer …</span>. The brain keeps only a hash: a lost key is replaced by a new one.</p>
        </Dialog>
      )}
    </>
  );
}

function NewKey({ onClose, onMade }: { onClose: () => void; onMade: (made: { name: string; token: string }) => void }) {
  const known = useQuery("key-scopes", (signal) => api.get("/api/v1/api-keys/scopes", { signal })).value;
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>([]);
  const [project, setProject] = useState("");
  const [days, setDays] = useState("90");
  const [ips, setIps] = useState("");
  const { busy, error, run } = useAct();
  const offered = (known?.scopes ?? []).filter((s) => me.value?.is_admin || !known?.admin_only.includes(s));
  const group = (end: RegExp) => offered.filter((s) => end.test(s)).map((s) => ({ id: s, title: <span class="mono">{s}</span> }));
  const submit = () =>
    run(async () => {
      const made = await api.post("/api/v1/api-keys", { body: { name: name.trim(), scopes, project_id: project || null, expires_in_days: days ? Number(days) : null, allowed_ips: ips.split(/[\s,]+/).filter(Boolean) } });
      onMade({ name: made.name, token: made.token });
    });
  return (
    <Drawer label="New API key" takesFocus wide onClose={onClose} head={<><h2 class="dh-title">New API key</h2><p class="q">It acts as you do, within these scopes</p></>} foot={<span class="push"><Act primary why={busy ? "Under way" : !name.trim() ? "It needs a name" : scopes.length === 0 ? "It needs a scope" : null} onClick={submit}>Create</Act></span>}>
      <div class="sec stack wide">
        <Text label="Name" value={name} onText={setName} maxLength={200} placeholder="deploys of the shop" />
        <Choice label="Project" value={project} onPick={setProject} options={[{ id: "", title: "All of mine" }, ...projects.value.map((p) => ({ id: p.id, title: p.name }))]} />
        <div class="grid2"><Text label="Ends after days" type="number" min="1" max="3650" value={days} onText={setDays} help="empty: never" /></div>
        <Lines label="Only from these addresses" rows={2} value={ips} onText={setIps} help="addresses or CIDR blocks, one a line; empty: from anywhere" />
        <Trouble error={error} />
      </div>
      <div class="sec stack wide">
        <Checks inline wide label="Reading" options={group(/:read$/)} on={scopes} onSet={setScopes} />
        <Checks inline wide label="Changing, which implies reading" options={group(/:write$/)} on={scopes} onSet={setScopes} />
        {group(/\*$/).length > 0 && <Checks inline wide label="Everything" options={group(/\*$/)} on={scopes} onSet={setScopes} />}
        {scopes.includes("admin:*") && <Note>This key can do all that you can through the API.</Note>}
      </div>
    </Drawer>
  );
}
