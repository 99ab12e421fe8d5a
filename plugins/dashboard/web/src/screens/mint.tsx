/** A new agent: its name, then its token, over the fleet. */
import { useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { refresh } from "../lib/query";
import { go, slug, to } from "../lib/router";
import { may } from "../lib/session";
import { NotAllowed, Note } from "../parts/feedback";
import { Dialog } from "../parts/panels";
import { CredentialsDialog, type Credentials } from "./credentials";
import { Agents } from "./fleet-agents";
import { FleetBar } from "./fleet";

export default function Mint() {
  const [made, setMade] = useState<Credentials | null>(null);
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const close = () => go(to("fleet", {}, { view: "agents" }));
  const clean = name.trim();
  const mint = async () => {
    if (!clean || busy) return;
    setBusy(true);
    setProblem(null);
    try {
      setMade(await api.post("/api/v1/projects/{slug}/agents", { path: { slug: slug.value }, body: { name: clean } }));
      refresh("agents ");
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  if (!may("admin")) return <><h1 class="vh">Connect an agent</h1><NotAllowed need="admin" /></>;
  return (
    <>
      <Agents bar={<FleetBar view="agents" />} />
      {made ? (
        <CredentialsDialog made={made} onClose={close} onAnother={() => (setMade(null), setName(""))} />
      ) : (
        <Dialog
          title="Connect an agent"
          onClose={close}
          foot={
            <>
              <button type="button" class="btn" onClick={close}>Leave it</button>
              <button type="button" class="btn pri push" aria-disabled={!clean || busy} onClick={() => void mint()}>{busy ? "Making…" : "Make its token"}</button>
            </>
          }
        >
          <p class="q2">An agent watches workers that the brain can't reach, and does what is asked of them. It only dials out: no open port.</p>
          <form class="field" onSubmit={(e) => (e.preventDefault(), void mint())}>
            <label for="agent-name">Name</label>
            <input id="agent-name" class="in" autofocus maxLength={200} placeholder="mail-4" autocomplete="off" spellcheck={false} value={name} onInput={(e) => setName(e.currentTarget.value)} />
            <p class="help">One agent may have many processes, web servers and workers, all with the same variables.</p>
          </form>
          {problem && <Note kind="bad">{problem.reason === "conflict_duplicate_name" || problem.status === 409 ? <><b>There is an agent of that name.</b> Take another one, or delete or rotate that one.</> : problem.message}</Note>}
        </Dialog>
      )}
    </>
  );
}
