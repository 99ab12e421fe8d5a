import { useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { useQuery } from "../lib/query";
import { go, query } from "../lib/router";
import { enter, me } from "../lib/session";
import { Note } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Link } from "../parts/link";
import { Card, Field, Go, Rules, Trouble, useAct } from "./card";

const withNext = (path: string) => {
  const next = query.value.get("next");
  return next ? `${path}?next=${encodeURIComponent(next)}` : path;
};

export function SignIn() {
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [keep, setKeep] = useState(false);
  const { busy, error, run } = useAct();
  const sso = useQuery("oidc", (signal) => api.get("/api/v1/auth/oidc", { signal, ownErrors: true }));
  const refused = query.value.get("sso");
  const submit = () =>
    run(async () => {
      const answer = await api.post("/api/v1/auth/login", { body: { email: email.trim(), password, remember_me: keep }, ownErrors: true });
      if (answer.mfa_required) go(withNext("/login/mfa"), { replace: true });
      else if (answer.password_change_required) go("/login/password", { replace: true });
      else await enter(query.value.get("next"));
    });
  return (
    <Card title="Sign in" sub={location.host} onSubmit={submit} foot="Every sign-in is recorded in the audit log">
      {sso.value?.enabled && (
        <>
          {/* A plain address: the brain answers with a redirect to the identity provider. */}
          <button type="button" class="btn big" onClick={() => location.assign(`/api/v1/auth/oidc/start?next=${encodeURIComponent(query.value.get("next") ?? "/")}`)}>
            <Icon name="key" />
            Continue with {sso.value.name || "single sign-on"}
          </button>
          <p class="or">or</p>
        </>
      )}
      {refused && <Note kind="bad">{refused === "unavailable" ? "The identity provider cannot be reached." : "The identity provider's word was refused. The audit log says why."}</Note>}
      <Field label="E-mail" type="email" autocomplete="username" required autofocus maxLength={320} value={email} onInput={(e) => setEmail(e.currentTarget.value)} />
      <Field label="Password" type="password" autocomplete="current-password" required maxLength={256} value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
      <Trouble
        error={error}
        words={{
          invalid_credentials: (
            <>
              <b>That pair does not match.</b> After several wrong tries an account rests for a while.
            </>
          ),
        }}
      />
      <div class="row">
        <label class="row q2">
          <input type="checkbox" checked={keep} onChange={(e) => setKeep(e.currentTarget.checked)} /> Keep me signed in for 30 days
        </label>
        <Link class="push" to="/login/forgot">
          Forgot it?
        </Link>
      </div>
      <Go busy={busy}>Sign in</Go>
    </Card>
  );
}

export function Code() {
  const [code, setCode] = useState("");
  const [trust, setTrust] = useState(false);
  const { busy, error, run } = useAct();
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/auth/mfa/verify", { body: { code: code.replace(/\s/g, ""), remember_device: trust }, ownErrors: true });
      await enter(query.value.get("next"));
    });
  if (error?.status === 401 && error.reason === "unauthenticated") go(withNext("/login"), { replace: true });
  return (
    <Card title="Second factor" sub={me.value ? "What you asked for needs a fresh code." : "The code of your app, or a recovery code."} onSubmit={submit}>
      <Field label="Code" inputMode="text" autocomplete="one-time-code" required autofocus maxLength={20} value={code} onInput={(e) => setCode(e.currentTarget.value)} help="Six digits, or a recovery code like ABCD-EFGH-JKLM" />
      <Trouble error={error} words={{ wrong_totp: <b>That code is not right. Codes change every 30 s.</b>, wrong_recovery_code: <b>That recovery code is not right, or was used.</b> }} />
      <label class="row q2">
        <input type="checkbox" checked={trust} onChange={(e) => setTrust(e.currentTarget.checked)} /> Trust this browser for 30 days
      </label>
      <Go busy={busy}>Go on</Go>
      <Link to={withNext("/login")}>Sign in as somebody else</Link>
    </Card>
  );
}

/** An administrator gave a password that must be replaced. */
export function NewPassword() {
  const [current, setCurrent] = useState("");
  const [password, setPassword] = useState("");
  const { busy, error, run } = useAct();
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/auth/change-password", { body: { current_password: current, new_password: password }, ownErrors: true });
      me.value = undefined;
      try {
        await enter("/");
      } catch (failure) {
        if (failure instanceof ApiError) location.assign("/");
        else throw failure;
      }
    });
  return (
    <Card title="Choose a password" sub="The one you signed in with was given to you. It works this once." onSubmit={submit}>
      <Field label="Current password" type="password" autocomplete="current-password" required maxLength={256} value={current} onInput={(e) => setCurrent(e.currentTarget.value)} />
      <Field label="New password" type="password" autocomplete="new-password" required maxLength={256} value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
      <Rules password={password} />
      <Trouble error={error} words={{ wrong_current_password: <b>The current password is not right.</b> }} />
      <Go busy={busy}>Use it</Go>
    </Card>
  );
}
