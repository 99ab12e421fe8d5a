/** One entry: what it says, what changed, its proof, and how to check that elsewhere. */
import { bundleName, changesOf, nameOf, shortHash, targetOf, verifyCommand, type Entry } from "../lib/audit";
import { me } from "../lib/session";
import { setParams, to } from "../lib/router";
import { count } from "../lib/time";
import { Diff, Tree } from "../parts/data";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Drawer } from "../parts/panels";
import { Copy, CopyButton, Time } from "../parts/text";
import { saveBundle } from "./audit-bundle";
import { useCheckpoint } from "./audit-chain";
import { Outcome, whoOf, type People } from "./audit-parts";

const hidden = /_before$|_after$|^(before|after|changed|fields|keys)$/;

function TargetLink({ entry }: { entry: Entry }) {
  const { kind, name } = targetOf(entry);
  const task = /^([^:]+):(.+)$/.exec(entry.target_id ?? "");
  if (entry.target_type === "task" && task?.[1] && task[2]) return <Link to={to("task", { engine: task[1], task: task[2] })}>task {task[2].slice(0, 8)}</Link>;
  return <>{kind} {name}</>;
}

export function AuditDrawer({ entry: e, people, onClose }: { entry: Entry; people: People; onClose: () => void }) {
  const administrator = !!me.value?.is_admin;
  const checkpoint = useCheckpoint(administrator).value;
  const { changes, names } = changesOf(e.metadata);
  const rest = Object.fromEntries(Object.entries(e.metadata).filter(([k]) => !hidden.test(k)));
  const who = whoOf(e, people);
  const file = bundleName(e.seq, e.seq);
  const covered = checkpoint && e.seq !== null && checkpoint.size >= e.seq;
  return (
    <Drawer
      label="Audit entry"
      onClose={onClose}
      head={
        <>
          <div class="row"><Outcome entry={e} big /><span class="mono cut">{e.action}</span></div>
          <p class="q2 cut" title={nameOf(e) ?? ""}>{who} at <Time at={e.occurred_at} ms /></p>
        </>
      }
      foot={administrator && e.seq !== null && <button type="button" class="btn" aria-disabled={!covered} title={covered ? undefined : "No checkpoint covers this entry yet"} onClick={() => covered && void saveBundle({ from: e.seq!, to: e.seq! }, file)}><Icon name="download" />Bundle of this entry</button>}
    >
      {(changes.length > 0 || names.length > 0) && (
        <div class="sec">
          <h2>{changes.length ? "Before and after" : "What changed"}</h2>
          {changes.length > 0 && <Diff changes={changes} />}
          {names.length > 0 && <p class="row wrap">{names.map((n) => <span class="tag" key={n}>{n}</span>)}</p>}
          {names.length > 0 && !changes.length && <p class="q small">The log keeps which fields changed, not their values.</p>}
        </div>
      )}
      <div class="sec">
        <dl class="kv w">
          <dt>Target</dt><dd><TargetLink entry={e} /></dd>
          {e.target_id && <><dt>Target's id</dt><dd class="mono" title={e.target_id}>{e.target_id}</dd></>}
          {e.api_key_id && <><dt>Credential</dt><dd>API key <span class="mono">{e.api_key_id.slice(0, 8)}</span></dd></>}
          {e.source_ip && <><dt>From</dt><dd>{e.source_ip}</dd></>}
          {e.user_agent && <><dt>Program</dt><dd title={e.user_agent}>{e.user_agent}</dd></>}
          {e.project_slug && <><dt>Project</dt><dd>{e.project_slug}</dd></>}
          {e.event_id && <><dt>Event</dt><dd class="mono" title={e.event_id}>{e.event_id}</dd></>}
        </dl>
      </div>
      {Object.keys(rest).length > 0 && <div class="sec"><h2>Details</h2><Tree value={rest} /></div>}
      {e.seq !== null && (
        <div class="sec">
          <h2>Proof</h2>
          <dl class="kv w">
            <dt>Leaf</dt><dd>{count(e.seq)}{checkpoint && checkpoint.size >= e.seq ? <span class="q"> of {count(checkpoint.size)}</span> : ""}</dd>
            {e.row_hmac && <><dt>MAC</dt><dd class="row"><span class="mono" title={e.row_hmac}>{shortHash(e.row_hmac)}</span><CopyButton text={e.row_hmac} label="Copy the MAC" /></dd></>}
            <dt>Follows</dt><dd class="mono" title={e.prev_row_hmac ?? ""}>{e.prev_row_hmac ? shortHash(e.prev_row_hmac) : "nothing: it is the first"}</dd>
            {checkpoint && <><dt>In checkpoint</dt><dd>{covered ? <>{count(checkpoint.size)} <span class="q"><Time at={checkpoint.created_at} /></span></> : <span class="q">not yet; one is signed soon</span>}</dd></>}
          </dl>
        </div>
      )}
      {administrator && e.seq !== null && (
        <div class="sec">
          <h2>Check it without us</h2>
          <Copy text={verifyCommand(file)} label="Copy the command" />
          <p class="q small">Works offline, with the public key only: <button type="button" class="link" onClick={() => setParams({ panel: "chain", row: null })}>copy it</button>.</p>
        </div>
      )}
    </Drawer>
  );
}
