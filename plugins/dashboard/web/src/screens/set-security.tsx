/** Password, second factor, trusted browsers, sessions. */
import { useState } from "preact/hooks";
import { api, type Schemas } from "../api/client";
import { Rules, Trouble, useAct } from "../gate/card";
import { refresh, useQuery } from "../lib/query";
import { save } from "../lib/save";
import { me } from "../lib/session";
import { toast } from "../lib/toasts";
import { ErrorBox, Skeleton } from "../parts/feedback";
import { Text } from "../parts/form";
import { Icon } from "../parts/icons";
import { Act, Dialog } from "../parts/panels";
import { Qr } from "../parts/qr";
import { State } from "../parts/state";
import { Age, CopyButton, Time } from "../parts/text";
import type { SetBar } from "./set-parts";

export function Security({ bar }: { bar: SetBar }) {
  return (
    <>
      {bar()}
      <div class="pages">
        <section><Factor /><Browsers /></section>
        <section><Password /></section>
        <section class="span"><Sessions /></section>
      </div>
    </>
  );
}

function Password() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const { busy, error, run } = useAct();
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/auth/change-password", { body: { current_password: current, new_password: next }, ownErrors: true });
      setCurrent("");
      setNext("");
      toast("The password is changed; all other sessions have ended");
      refresh("sessions");
      refresh("devices");
    });
  return (
    <form class="stack wide" onSubmit={(e) => { e.preventDefault(); if (current && next) submit(); }}>
      <h2>Password</h2>
      <input type="email" class="vh" tabIndex={-1} aria-hidden="true" autocomplete="username" value={me.value?.email} readOnly />
      <Text label="Current password" type="password" autocomplete="current-password" value={current} onText={setCurrent} maxLength={256} />
      <Text label="New password" type="password" autocomplete="new-password" value={next} onText={setNext} maxLength={256} />
      <Rules password={next} />
      <Trouble error={error} words={{ wrong_current_password: <b>That is not the current password.</b> }} />
      <div class="row"><button type="submit" class="btn" aria-disabled={busy || !current || !next}>Change password</button></div>
      <p class="q small">All other sessions end, and browsers that were trusted are asked for the second factor again.</p>
    </form>
  );
}

type Step = { kind: "enrol"; secret: string; address: string } | { kind: "codes"; codes: string[] } | { kind: "off" } | null;

function Factor() {
  const status = useQuery("mfa", (signal) => api.get("/api/v1/auth/mfa/status", { signal }));
  const [step, setStep] = useState<Step>(null);
  const { busy, error, run } = useAct();
  const v = status.value;
  const start = () =>
    run(async () => {
      const made = await api.post("/api/v1/auth/mfa/enroll-start", { body: {} });
      setStep({ kind: "enrol", secret: made.secret_base32, address: made.provisioning_url });
    });
  const anew = () =>
    run(async () => {
      setStep({ kind: "codes", codes: (await api.post("/api/v1/auth/mfa/recovery-codes/regenerate", { deadlineMs: 60_000 })).recovery_codes });
      refresh("mfa");
    });
  const close = () => {
    setStep(null);
    refresh("mfa");
  };
  return (
    <div class="stack wide">
      <h2>Second factor</h2>
      {status.error && !v ? <ErrorBox error={status.error} retry={status.refresh} what="The second factor" /> : !v ? <Skeleton rows={2} /> : v.enrolled ? (
        <>
          <dl class="kv w">
            <dt>App</dt><dd><State look="done">set up</State> <span class="q"><Age at={v.enrolled_at} ago /></span></dd>
            <dt>Recovery codes</dt><dd><span class={v.remaining_recovery_codes < 3 ? "t-retry" : ""}>{v.remaining_recovery_codes} left</span></dd>
          </dl>
          <div class="row wrap">
            <Act onClick={anew} why={busy ? "Under way" : null}>New recovery codes</Act>
            <Act onClick={start} why={busy ? "Under way" : null}>Move to another app</Act>
            <Act danger onClick={() => setStep({ kind: "off" })}>Turn it off</Act>
          </div>
        </>
      ) : (
        <>
          <p class="q2">Six digits of an authenticator app, asked for at sign-in and before sensitive acts.</p>
          <div class="row"><Act primary icon="lock" onClick={start} why={busy ? "Under way" : null}>Set up</Act></div>
        </>
      )}
      <Trouble error={error} />
      {step?.kind === "enrol" && <Enrol step={step} onCodes={(codes) => { setStep({ kind: "codes", codes }); refresh("mfa"); }} onClose={close} />}
      {step?.kind === "codes" && <Codes codes={step.codes} onClose={close} />}
      {step?.kind === "off" && <TurnOff onClose={close} />}
    </div>
  );
}

function Enrol({ step, onCodes, onClose }: { step: Extract<Step, { kind: "enrol" }>; onCodes: (codes: string[]) => void; onClose: () => void }) {
  const [code, setCode] = useState("");
  const { busy, error, run } = useAct();
  const good = /^\d{6}$/.test(code);
  const submit = () => run(async () => onCodes((await api.post("/api/v1/auth/mfa/enroll-complete", { body: { code }, ownErrors: true, deadlineMs: 60_000 })).recovery_codes));
  return (
    <Dialog title="Set up a second factor" onClose={onClose} foot={<><button type="button" class="btn" onClick={onClose}>Not now</button><button type="button" class="btn pri push" aria-disabled={!good || busy} onClick={() => good && submit()}>{busy ? "Making the codes…" : "Confirm"}</button></>}>
      <div class="enrol">
        <Qr text={step.address} label="The key as a QR code" />
        <div class="stack">
          <p>Scan this with an authenticator app, or type the key in:</p>
          <div class="copy"><pre class="secret-key">{step.secret.replace(/(.{4})(?=.)/g, "$1 ")}</pre><CopyButton text={step.secret} label="Copy the key" /></div>
          <form onSubmit={(e) => { e.preventDefault(); if (good) submit(); }}>
            <Text label="The six digits it shows" mono inputMode="numeric" autocomplete="one-time-code" maxLength={6} value={code} onText={(t) => setCode(t.replace(/\D/g, ""))} />
          </form>
          <Trouble error={error} words={{ wrong_totp: <b>That code does not match. Is the phone's clock right?</b> }} />
        </div>
      </div>
    </Dialog>
  );
}

function Codes({ codes, onClose }: { codes: string[]; onClose: () => void }) {
  const text = codes.join("\n");
  return (
    <Dialog title="Recovery codes, shown this once" foot={<><button type="button" class="btn" onClick={() => save("z4j-recovery-codes.txt", new Blob([text + "\n"], { type: "text/plain" }))}><Icon name="download" />Save as a file</button><button type="button" class="btn pri push" onClick={onClose}>I have kept them</button></>}>
      <p class="q2">Each lets you in once when the app is lost. The brain keeps only their hashes.</p>
      <div class="copy"><pre class="codes">{text}</pre><CopyButton text={text} label="Copy the codes" /></div>
    </Dialog>
  );
}

function TurnOff({ onClose }: { onClose: () => void }) {
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const { busy, error, run } = useAct();
  const ready = password && code.length >= 6 && !busy;
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/auth/mfa/disable", { body: { password, code }, ownErrors: true });
      toast("The second factor is off");
      onClose();
    });
  return (
    <Dialog title="Turn the second factor off" onClose={onClose} foot={<><button type="button" class="btn" onClick={onClose}>Leave it on</button><button type="button" class="btn pri danger push" aria-disabled={!ready} onClick={() => ready && submit()}>Turn it off</button></>}>
      <Text label="Password" type="password" autocomplete="current-password" value={password} onText={setPassword} />
      <Text label="Code of the app" mono inputMode="numeric" autocomplete="one-time-code" maxLength={20} value={code} onText={setCode} />
      <Trouble error={error} words={{ wrong_totp: <b>That code does not match.</b>, wrong_password: <b>That is not the password.</b> }} />
    </Dialog>
  );
}

function Browsers() {
  const answer = useQuery("devices", (signal) => api.get("/api/v1/auth/mfa/trusted-devices", { signal }));
  const live = answer.value?.filter((d) => !d.revoked_at);
  const { error, run } = useAct();
  if (!live?.length) return null;
  return (
    <div class="stack">
      <h2>Trusted browsers</h2>
      <ul class="lines">
        {live.map((d) => (
          <li key={d.id}><span class="cut" title={d.label}>{d.label}{d.is_current && <span class="tag">this one</span>}</span><span class="q small">until <Time at={d.expires_at} /></span><button type="button" class="btn" onClick={() => run(async () => { await api.post("/api/v1/auth/mfa/trusted-devices/{device_id}/revoke", { path: { device_id: d.id } }); toast("It is asked for the second factor again"); refresh("devices"); })}>Forget</button></li>
        ))}
      </ul>
      <Trouble error={error} />
    </div>
  );
}

/** "Firefox on Linux" is a guess; the whole text is the tooltip. */
export function browserOf(agent: string | null): string {
  if (!agent) return "unknown";
  const name = /Edg\//.test(agent) ? "Edge" : /Firefox\//.test(agent) ? "Firefox" : /Chrom(e|ium)\//.test(agent) ? "Chrome" : /Safari\//.test(agent) ? "Safari" : agent.split(/[ /]/)[0]!;
  const system = /Windows/.test(agent) ? "Windows" : /Android/.test(agent) ? "Android" : /iPhone|iPad/.test(agent) ? "iOS" : /Mac OS/.test(agent) ? "macOS" : /Linux/.test(agent) ? "Linux" : "";
  return system ? `${name} on ${system}` : name;
}

function Sessions() {
  const answer = useQuery("sessions", (signal) => api.get("/api/v1/auth/sessions", { signal }));
  const { busy, error, run } = useAct();
  const rows = answer.value && [...answer.value].sort((a, b) => Number(b.is_current) - Number(a.is_current));
  const others = rows?.filter((s) => !s.is_current).length ?? 0;
  const end = (s: Schemas["Session"]) =>
    run(async () => {
      await api.post("/api/v1/auth/sessions/{session_id}/revoke", { path: { session_id: s.id } });
      toast("That session has ended");
      refresh("sessions");
    });
  const endOthers = () =>
    run(async () => {
      const { revoked } = await api.post("/api/v1/auth/sessions/revoke-others");
      toast(`${revoked} ${revoked === 1 ? "session has" : "sessions have"} ended`);
      refresh("sessions");
    });
  return (
    <div class="stack">
      <div class="row"><h2>Sessions</h2><span class="push"><Act why={busy ? "Under way" : others ? null : "There is no other"} onClick={endOthers}>End all others</Act></span></div>
      <Trouble error={error} />
      {answer.error && !rows ? <ErrorBox error={answer.error} retry={answer.refresh} what="The sessions" /> : !rows ? <Skeleton rows={3} /> : (
        <div class="list-table">
          <table>
            <thead><tr><th scope="col">Browser</th><th scope="col" class="w-150">Address</th><th scope="col" class="w-150 only-l">Signed in</th><th scope="col" class="w-110">Seen</th><th scope="col" class="w-80"><span class="vh">End</span></th></tr></thead>
            <tbody>
              {rows.map((s) => (
                <tr key={s.id}>
                  <td title={s.user_agent_at_issue ?? ""}>{browserOf(s.user_agent_at_issue)} {s.is_current && <span class="tag">this one</span>}</td>
                  <td class="mono">{s.ip_at_issue}</td>
                  <td class="q2 only-l"><Time at={s.issued_at} /></td>
                  <td class="q2"><Age at={s.last_seen_at} ago /></td>
                  <td class="num">{!s.is_current && <button type="button" class="btn low" onClick={() => end(s)}>End</button>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
