/** The state of the chain: the page's head, and all that is known of it in a drawer. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { bundleName, chainOf, reasonOf, shortHash, verifyCommand, type Verdict } from "../lib/audit";
import type { Person } from "../lib/people";
import { refresh, useQuery, type Answer } from "../lib/query";
import { setParams } from "../lib/router";
import { count } from "../lib/time";
import { toast, toastError } from "../lib/toasts";
import { useAct, Trouble } from "../gate/card";
import { Note, Skeleton } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Drawer } from "../parts/panels";
import { State } from "../parts/state";
import { Age, Copy, CopyButton, Id, Time } from "../parts/text";

export const useVerdict = (on: boolean): Answer<Verdict> => useQuery(on ? "audit-verdict" : null, (signal) => api.get("/api/v1/audit/verify", { signal }), { topics: ["audit.changed"], everyMs: 10_000, leastMs: 2000 });
export const useCheckpoint = (on: boolean) => useQuery(on ? "audit-checkpoint" : null, (signal) => api.get("/api/v1/audit/checkpoint", { signal }), { topics: ["audit.changed"], everyMs: 30_000, leastMs: 5000 });

async function verifyNow(): Promise<void> {
  try {
    await api.post("/api/v1/audit/verify");
    toast("The whole log is being checked");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 409) toast("A check is under way already");
    else toastError(error);
  }
  refresh("audit-verdict");
}

export function ChainHead({ answer, children }: { answer: Answer<Verdict>; children: ComponentChildren }) {
  const checkpoint = useCheckpoint(true).value;
  const v = answer.value;
  if (!v) return <div class="chain none">{answer.error ? <span class="q2">The chain's state could not be read: {answer.error.message}</span> : <span class="q2">Reading the chain's state…</span>}<span class="push">{children}</span></div>;
  const chain = chainOf(v);
  const blocked = v.forwarding?.filter((f) => f.refuses_changes) ?? [];
  const troubles = [v.check_trouble, v.tree_trouble, v.witness_trouble, v.retention_trouble].filter((t): t is string => !!t);
  return (
    <>
      <div class={`chain ${chain.kind}`} role="status">
        <State look={chain.look}>{chain.title}</State>
        <span class="q2 cut">
          {v.is_checking ? (
            <>checking {count(v.rows_done)} of {count(v.rows_all)} entries</>
          ) : (
            <>
              {checkpoint?.created_at ? (
                <>
                  checkpoint <b class="m">{count(checkpoint.size)}</b> at <Time at={checkpoint.created_at} />, {checkpoint.is_witnessed ? "witnessed" : checkpoint.witness_key ? "not witnessed yet" : "no witness"}
                </>
              ) : (
                "no checkpoint yet"
              )}
              {v.checked_at && <> · {count(v.rows_verified)} entries verified <Age at={v.checked_at} ago /></>}
            </>
          )}
        </span>
        <span class="push">
          {children}
          <button type="button" class="btn" onClick={() => setParams({ panel: "chain", row: null })}>Details</button>
          <button type="button" class="btn only-l" onClick={() => setParams({ panel: "bundle", row: null })}><Icon name="download" />Bundle</button>
          <button type="button" class="btn" aria-disabled={v.is_checking} onClick={() => !v.is_checking && void verifyNow()}><Icon name="audit" />Verify now</button>
        </span>
      </div>
      {blocked.length > 0 && <div class="banner bad" role="alert"><Icon name="errors" /><span>Changes are refused: {blocked.map((f) => f.name).join(", ")} {blocked.length === 1 ? "takes" : "take"} no entries. {blocked[0]?.last_error}</span></div>}
      {troubles.map((t) => <div class="banner" key={t}><Icon name="errors" /><span title={t}>{t}</span></div>)}
    </>
  );
}

export function ChainDrawer({ verdict: v, people, onClose }: { verdict: Verdict | undefined; people: ReadonlyMap<string, Person>; onClose: () => void }) {
  const checkpoint = useCheckpoint(true).value;
  const breaks = useQuery("audit-breaks", (signal) => api.get("/api/v1/audit/breaks", { signal }));
  const chain = v && chainOf(v);
  return (
    <Drawer
      label="The audit log's chain"
      onClose={onClose}
      head={<><h2 class="dh-title">{chain ? <State look={chain.look} big>{v?.ok === false ? "Chain broken" : chain.title}</State> : "The chain"}</h2><p class="q">{v?.checked_at ? <>Whole log last checked <Age at={v.checked_at} ago /></> : "It was not checked yet"}</p></>}
      foot={<button type="button" class="btn" onClick={() => setParams({ panel: "bundle", row: null })}><Icon name="download" />Signed bundle</button>}
    >
      {!v ? <Skeleton rows={6} /> : (
        <>
          {v.ok === false && <Broken verdict={v} />}
          <div class="sec">
            <h2>Last check</h2>
            <dl class="kv w">
              <dt>Entries</dt><dd>{count(v.rows_verified)}</dd>
              {(v.pruned_through ?? 0) > 0 && <><dt>Retention took</dt><dd>the first {count(v.pruned_through)}</dd></>}
              {(v.acknowledged_breaks ?? 0) > 0 && <><dt>Known breaks</dt><dd>{count(v.acknowledged_breaks)}</dd></>}
              {v.head_hmac && <><dt>Head</dt><dd class="mono" title={v.head_hmac}>{shortHash(v.head_hmac)}</dd></>}
              {v.tree && <><dt>Tree</dt><dd>{count(v.tree.size)} leaves, {count(v.tree.checkpoint_size)} under a checkpoint</dd></>}
              {v.secrets?.map((s, i) => [<dt key={`t${s.id}`}>{i ? "" : "MACs made by"}</dt>, <dd key={s.id}><span class="mono">{s.id}</span> <span class="q">{count(s.rows)} entries</span></dd>])}
            </dl>
          </div>
          {checkpoint && (
            <div class="sec">
              <h2>Checkpoint {checkpoint.note && <span class="push"><CopyButton text={checkpoint.note} label="Copy the signed note" /></span>}</h2>
              <dl class="kv w">
                <dt>Leaves</dt><dd>{count(checkpoint.size)}</dd>
                {checkpoint.root_hash && <><dt>Root</dt><dd class="mono" title={checkpoint.root_hash}>{checkpoint.root_hash}</dd></>}
                <dt>Signed</dt><dd>{checkpoint.created_at ? <Time at={checkpoint.created_at} /> : "not yet"}</dd>
                <dt>Witness</dt><dd>{checkpoint.witness_key ? (checkpoint.is_witnessed ? "co-signed" : "has not co-signed it yet") : <span class="q">none is configured</span>}</dd>
              </dl>
            </div>
          )}
          {v.forwarding && v.forwarding.length > 0 && (
            <div class="sec">
              <h2>Receivers</h2>
              {v.forwarding.map((f) => (
                <p key={f.name} class="row"><State look={f.refuses_changes ? "fail" : f.behind ? "warn" : "done"}>{f.name}</State><span class="q push">{f.behind ? `${count(f.behind)} behind` : "has all"}</span></p>
              ))}
            </div>
          )}
          <div class="sec">
            <h2>Acknowledged breaks</h2>
            {breaks.error ? <p class="q2">{breaks.error.message}</p> : breaks.value?.length === 0 ? <p class="q">None. A break that can be explained, a restore for instance, is acknowledged here and told apart from new ones.</p> : (
              <ul class="breaks">
                {breaks.value?.map((b) => (
                  <li key={b.id}>
                    <State look={b.is_genuine ? "warn" : "fail"}>{reasonOf(b.reason)}{b.seq !== null ? `, leaf ${count(b.seq)}` : ""}</State>
                    <p class="whole">{b.note}</p>
                    <p class="q small">{(b.acknowledged_by && people.get(b.acknowledged_by)?.email) ?? "on the machine"}, <Time at={b.acknowledged_at} />{b.is_genuine ? "" : " · its record is not genuine"}</p>
                  </li>
                ))}
              </ul>
            )}
          </div>
          {checkpoint && <Keys current={checkpoint.key} former={checkpoint.previous_keys} />}
        </>
      )}
    </Drawer>
  );
}

function Keys({ current, former }: { current: string; former: string[] }) {
  return (
    <div class="sec">
      <h2>Check it without us</h2>
      <div class="stack">
        <Copy text={verifyCommand(bundleName())} label="Copy the command" />
        <p class="q small">Works offline. log.key is the public key; carry it over another way than the bundle:</p>
        <Copy text={[current, ...former].join("\n")} label="Copy the public key" />
      </div>
    </div>
  );
}

/** A break: keep everything as it is, or say what it was. */
function Broken({ verdict: v }: { verdict: Verdict }) {
  const [note, setNote] = useState("");
  const { busy, error, run } = useAct();
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/audit/breaks", { body: { reason: v.reason ?? "", note: note.trim(), seq: v.first_broken_seq ?? null, row_id: v.first_broken_id ?? null } });
      toast("The break is acknowledged; the log is checked again");
      await api.post("/api/v1/audit/verify").catch(() => undefined);
      refresh("audit-");
    });
  return (
    <div class="sec stack">
      <Note kind="bad">
        <b>{reasonOf(v.reason)}{v.first_broken_seq ? `, first at leaf ${count(v.first_broken_seq)}` : ""}.</b> What nobody can explain is a compromise: keep the database as it is, save a bundle, look at who had access. {(v.rows_after_break ?? 0) > 0 && `${count(v.rows_after_break)} entries come after it and hang on nothing.`}
      </Note>
      {v.first_broken_id && <p class="q small">It is entry <Id id={v.first_broken_id} length={36} />{v.first_broken_at && <>, of <Time at={v.first_broken_at} /></>}.</p>}
      <form class="field" onSubmit={(e) => { e.preventDefault(); if (note.trim()) submit(); }}>
        <label for="break-note">It can be explained: by what?</label>
        <input id="break-note" class="in" maxLength={1000} placeholder="restored the backup of 3 May" value={note} onInput={(e) => setNote(e.currentTarget.value)} />
        <Trouble error={error} />
        <button type="submit" class="btn" aria-disabled={busy || !note.trim()}>Acknowledge this break</button>
      </form>
    </div>
  );
}
