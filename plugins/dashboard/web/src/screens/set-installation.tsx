/** The installation: versions, sign-in by a provider, mail, and every setting with where it comes from. */
import { useMemo } from "preact/hooks";
import { api } from "../api/client";
import { parse, useAsk, valueOf } from "../lib/ask";
import { useQuery } from "../lib/query";
import { param, setParams, slug, to } from "../lib/router";
import { now, count, span } from "../lib/time";
import { Empty, ErrorBox, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Drawer } from "../parts/panels";
import { State } from "../parts/state";
import { Table, type Column } from "../parts/table";
import { Copy, CopyButton } from "../parts/text";
import type { SetBar } from "./set-parts";
import { TryMail, TryRedaction } from "./set-trials";

type Setting = { name: string; value: string; source: string; is_secret: boolean; description: string };
const groupOf = (name: string) => (/SMTP/.test(name) ? "mail" : /OIDC/.test(name) ? "sso" : /RETENTION|_DAYS|PRUNE/.test(name) ? "retention" : /REDACTION/.test(name) ? "redaction" : /MFA|LOGIN|SESSION|PASSWORD|LOCKOUT/.test(name) ? "sign-in" : /AUDIT/.test(name) ? "audit" : /NOTIFICATION/.test(name) ? "notifications" : "other");
const groups = ["mail", "sso", "retention", "redaction", "sign-in", "audit", "notifications", "other"];
const qualifiers = [{ key: "", hint: "part of a name or of what it does" }, { key: "about", hint: groups.join(", "), values: () => groups }, { key: "from", hint: "default, file, environment", values: () => ["default", "file", "environment"] }];
const columns: Column<Setting>[] = [
  { id: "name", head: "Setting", width: 344, cell: (s) => <span class="mono" title={s.name}>{s.name}</span> },
  { id: "value", head: "Value", min: 120, cell: (s) => (s.is_secret ? <span class="redact">secret</span> : <span class={s.source === "default" ? "mono q2" : "mono m"} title={s.value}>{s.value || <span class="q">empty</span>}</span>) },
  { id: "from", head: "From", width: 112, cell: (s) => <span class={s.source === "default" ? "q" : ""}>{s.source}</span> },
  { id: "what", head: "What it does", min: 160, rank: 1, cell: (s) => <span class="q2" title={s.description}>{s.description}</span> },
];

interface System { z4j_version: string; abi_version: string; database_type: string | null; database_version: string | null; database_size_mb: number | null; uptime_seconds: number; status: string; reason?: string; brains?: { id: string }[] }

export function Installation({ bar }: { bar: SetBar }) {
  const answer = useQuery("settings", (signal) => api.get("/api/v1/admin/settings", { signal }));
  const system = useQuery("system", async (signal) => (await api.get("/api/v1/health/system", { signal })) as System, { everyMs: 30_000 });
  const sso = useQuery("oidc", (signal) => api.get("/api/v1/auth/oidc", { signal })).value;
  const text = param("q");
  const terms = useMemo(() => parse(text), [text]);
  const rows = useMemo(() => {
    const part = valueOf(terms, "").toLowerCase();
    const [about, from] = [valueOf(terms, "about"), valueOf(terms, "from")];
    return (answer.value?.settings ?? []).filter((s) => (!part || s.name.toLowerCase().includes(part) || s.description.toLowerCase().includes(part)) && (!about || groupOf(s.name) === about) && (!from || s.source.includes(from)));
  }, [answer.value, terms]);
  useAsk({ where: "Settings", text, qualifiers, placeholder: "name, about: from:", onText: (q) => setParams({ q, row: null }), hits: answer.value && <><b>{count(rows.length)}</b> settings</> }, [rows.length, !!answer.value]);
  const open = answer.value?.settings.find((s) => s.name === param("row"));
  const value = (name: string) => answer.value?.settings.find((s) => s.name === name)?.value ?? "";
  const relay = value("Z4J_SMTP_HOST");
  const sys = system.value;
  return (
    <>
      {bar()}
      {sys && (
        <div class="facts-line">
          <State look={sys.status === "ok" ? "done" : "warn"}>{sys.status === "ok" ? "z4j" : `z4j ${sys.status}`} {sys.z4j_version}</State>
          <span><i>ABI</i> {sys.abi_version}</span>
          <span><i>Database</i> {sys.database_type} {sys.database_version}{sys.database_size_mb !== null && `, ${sys.database_size_mb.toFixed(0)} MB`}</span>
          <span><i>Up</i> {span((sys.uptime_seconds + Math.max(0, (now.value - system.at) / 1000)) * 1000)}</span>
          {sys.brains && <span><i>Brains</i> {sys.brains.length}</span>}
          <span><i>Sign-in by provider</i> {sso ? (sso.enabled ? sso.name || "on" : "off") : "…"}</span>
          <button type="button" class="link" onClick={() => setParams({ row: "mail" })}><i>Mail</i> {relay ? `by ${relay}` : "no relay of its own"}</button>
          <button type="button" class="link" onClick={() => setParams({ row: "redaction" })}><i>Redaction</i> try it</button>
        </div>
      )}
      <div class="split">
        {answer.error && !answer.value ? <ErrorBox error={answer.error} retry={answer.refresh} what="The settings" /> : !answer.value ? <Skeleton /> : rows.length === 0 ? <Empty title="No setting matches" action={<button type="button" class="btn" onClick={() => setParams({ q: null })}>Drop the filter</button>} /> : (
          <Table label="Settings" rows={rows} id={(s) => s.name} columns={columns} current={open?.name ?? ""} onCurrent={(s) => setParams({ row: s?.name })} onOpen={(s) => setParams({ row: s.name })} card={(s) => <><span class="mono cut">{s.name.replace(/^Z4J_/, "")}</span><span class="r mono">{s.is_secret ? "secret" : s.value}</span><small>{s.description}</small></>} />
        )}
        {param("row") === "mail" && (
          <Drawer label="Mail" onClose={() => setParams({ row: null })} head={<><h2 class="dh-title">Mail</h2><p class="q2">Resets and invitations go {relay ? `through ${relay}` : "through an e-mail channel of the project they are about"}</p></>}>
            {relay && <TryMail />}
            <div class="sec stack">
              <p class="q2">An e-mail channel is tried where it is, with the relay's reply: {slug.value ? <Link to={to("notifications", {}, { tab: "channels" })}>Notifications, Channels</Link> : "Notifications, Channels"}, then Test. On the brain's machine, with what the DNS says of the sender:</p>
              <Copy text="z4j-brain smtp-test --to you@example.com" label="Copy the command" />
            </div>
            <div class="sec"><dl class="kv w">{(answer.value?.settings ?? []).filter((s) => groupOf(s.name) === "mail").map((s) => [<dt key={s.name} title={s.description}>{s.name.replace(/^Z4J_SMTP_/, "").toLowerCase().replace(/_/g, " ")}</dt>, <dd key={s.name + "v"} class="mono">{s.is_secret ? "secret" : s.value || <span class="q">empty</span>}</dd>])}</dl></div>
          </Drawer>
        )}
        {param("row") === "redaction" && answer.value && <TryRedaction rules={answer.value.settings.filter((s) => groupOf(s.name) === "redaction")} onClose={() => setParams({ row: null })} />}
        {open && (
          <Drawer label="Setting" onClose={() => setParams({ row: null })} head={<><div class="row"><span class="mono cut">{open.name}</span><CopyButton text={open.name} label="Copy the name" /></div><p class="q2">from {open.source === "default" ? "nowhere: it is the default" : open.source}</p></>}>
            <div class="sec"><p class="whole">{open.description}</p></div>
            <div class="sec"><h2>Value</h2>{open.is_secret ? <p><span class="redact">secret</span> <span class="q">no page shows it</span></p> : <pre class="raw">{open.value || "empty"}</pre>}</div>
            <div class="sec"><p class="q small">Settings stand in z4j.toml or in variables, and come into force when the brain starts: home is <span class="mono">{answer.value?.z4j_home}</span>.</p></div>
          </Drawer>
        )}
      </div>
    </>
  );
}
