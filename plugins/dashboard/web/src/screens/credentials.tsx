/** A token, shown this once: the block of variables, how to start, and a line that waits for the agent. */
import { useState } from "preact/hooks";
import { type Schemas } from "../api/client";
import { now } from "../lib/time";
import { Note } from "../parts/feedback";
import { Dialog, Seg } from "../parts/panels";
import { State } from "../parts/state";
import { Copy, Time } from "../parts/text";
import { useAgents } from "./fleet-parts";

export type Credentials = Schemas["AgentCredentials"];

const kinds = {
  service: { title: "Service", run: "z4j-agent doctor && z4j-agent", note: "Beside the broker; your application stays as it is." },
  celery: { title: "Celery", run: "pip install z4j-bare z4j-celery\ncelery -A your_app worker", note: "Import z4j_celery where the Celery application is made." },
  rq: { title: "RQ", run: "pip install z4j-bare z4j-rq\nrq worker -c rq_settings", note: "rq_settings calls register_worker_bootstrap of z4j_rq." },
  django: { title: "Django", run: "pip install z4j-django z4j-celery", note: "z4j_django goes into INSTALLED_APPS, after the applications that have tasks." },
} as const;
const forms = { env: ".env", compose: "Compose", systemd: "systemd" } as const;
type Form = keyof typeof forms;

/** The block of variables in the words of who reads it. Values have no line breaks: the brain makes them. */
export function envAs(form: Form, env: string): string {
  const pairs = env.trim().split("\n").map((l) => l.replace(/^export\s+/, "")).filter((l) => l.includes("="));
  if (form === "env") return pairs.join("\n");
  const parts = pairs.map((l) => [l.slice(0, l.indexOf("=")), l.slice(l.indexOf("=") + 1)] as const);
  if (form === "compose") return ["environment:", ...parts.map(([k, v]) => `  ${k}: ${JSON.stringify(v.replace(/^(["'])(.*)\1$/, "$2")).replace(/\$/g, "$$$$")}`)].join("\n");
  return ["[Service]", ...parts.map(([k, v]) => `Environment=${JSON.stringify(`${k}=${v.replace(/^(["'])(.*)\1$/, "$2")}`).replace(/%/g, "%%")}`)].join("\n");
}

export function CredentialsDialog({ made, rotated = false, onClose, onAnother }: { made: Credentials; rotated?: boolean; onClose: () => void; onAnother?: () => void }) {
  const [kind, setKind] = useState<keyof typeof kinds>("service");
  const [form, setForm] = useState<Form>("env");
  const [since] = useState(Date.now());
  const [leaving, setLeaving] = useState(false);
  const agents = useAgents();
  const name = made.agent.name;
  const agent = agents.value?.find((a) => a.id === made.agent.id);
  const here = agent?.state === "online" && !!agent.last_connect_at && (!rotated || new Date(agent.last_connect_at).getTime() > since - 1000);
  const knocked = !here && agent?.state_reason;
  const seconds = Math.max(0, Math.floor((now.value - since) / 1000));
  return (
    <Dialog
      title={rotated ? `A new token for ${name}` : `Agent ${name} is ready to connect`}
      onClose={() => (here || leaving ? onClose() : setLeaving(true))}
      foot={
        <>
          {leaving && !here ? <span class="t-retry small">The token is gone once this is closed.</span> : <span class="q small only-l">Trouble? <span class="mono">z4j-agent doctor</span> tells which.</span>}
          <span class="push row">
            {onAnother && <button type="button" class="btn" onClick={onAnother}>Mint another</button>}
            <button type="button" class="btn pri" onClick={onClose}>{leaving && !here ? "Close for good" : "Done"}</button>
          </span>
        </>
      }
    >
      <Note icon="key"><b>The token is shown once.</b> Only its keyed hash is kept; a lost one is replaced by rotating it, the agent stays.{made.previous_token_until && <> The old one is good until <Time at={made.previous_token_until} />.</>}</Note>
      <div class="row wrap">
        <Seg label="Kind of agent" value={kind} onChange={setKind} options={(Object.keys(kinds) as (keyof typeof kinds)[]).map((id) => ({ id, title: kinds[id].title }))} />
        <span class="push"><Seg label="Written as" value={form} onChange={setForm} options={(Object.keys(forms) as Form[]).map((id) => ({ id, title: forms[id] }))} /></span>
      </div>
      <div class="env"><Copy text={envAs(form, made.env)} label="Copy the variables" /></div>
      <div class="field">
        <span class="lab">Then start it</span>
        <Copy text={kinds[kind].run} label="Copy the commands" />
        <p class="help">{kinds[kind].note}</p>
      </div>
      <div class={here ? "listen here" : "listen"} role="status">
        {here ? <State look="done"><b>Connected: {name}</b></State> : <><span class="pulse" /><b>Waiting for {name}</b></>}
        <span class="q cut">{here ? [agent?.framework_adapter, agent?.engine_adapters.join(", "), agent?.agent_version].filter(Boolean).join(" · ") : knocked ? agent.state_reason : "nothing has knocked yet"}</span>
        {!here && <span class="q push">{Math.floor(seconds / 60)}:{String(seconds % 60).padStart(2, "0")}</span>}
      </div>
    </Dialog>
  );
}
