import { useMemo, useState } from "preact/hooks";
import { api } from "../api/client";
import { place } from "../lib/router";
import { Note } from "../parts/feedback";
import { Link } from "../parts/link";
import { Card, Field, Go, Rules, Trouble, useAct } from "./card";

/** The token of a mailed link stands after the hash, where no server sees it; taken out of the address at once. */
export function useLinkToken(): string {
  return useMemo(() => {
    const { hash, search, path } = place.value;
    const token = new URLSearchParams(hash.replace(/^#/, "")).get("token") ?? new URLSearchParams(search).get("token") ?? "";
    if (token) history.replaceState(null, "", path);
    return token;
  }, []);
}

export function Forgot() {
  const [email, setEmail] = useState("");
  const [sent, setSent] = useState(false);
  const { busy, error, run } = useAct();
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/auth/password-reset/request", { body: { email: email.trim() }, ownErrors: true });
      setSent(true);
    });
  return (
    <Card title="Forgot the password" sub="A link comes by mail, when the address is known here and mail can be sent." onSubmit={submit}>
      {sent ? (
        <Note kind="good">
          <b>Asked for.</b> If the address is known, the link is on its way. It works for 30 minutes.
        </Note>
      ) : (
        <>
          <Field label="E-mail" type="email" autocomplete="username" required maxLength={320} value={email} onInput={(e) => setEmail(e.currentTarget.value)} />
          <Trouble error={error} />
          <Go busy={busy}>Send the link</Go>
        </>
      )}
      <Link to="/login">Back to sign-in</Link>
    </Card>
  );
}

export function Reset() {
  const token = useLinkToken();
  const [password, setPassword] = useState("");
  const [done, setDone] = useState(false);
  const { busy, error, run } = useAct();
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/auth/password-reset/confirm", { body: { token, new_password: password }, ownErrors: true });
      setDone(true);
    });
  return (
    <Card title="Choose a new password" sub="All sessions of this account end." onSubmit={submit}>
      {done ? (
        <>
          <Note kind="good">
            <b>Done.</b> Sign in with the new password.
          </Note>
          <Link class="btn pri big" to="/login">
            Sign in
          </Link>
        </>
      ) : (
        <>
          {!token && (
            <Note kind="bad">
              <b>This link has no token.</b> Open the one in the mail, whole.
            </Note>
          )}
          <Field label="New password" type="password" autocomplete="new-password" required maxLength={256} value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
          <Rules password={password} />
          <Trouble error={error} words={{ invalid_or_expired: <b>The link was used, or is too old. Ask for another.</b>, not_found: <b>The link was used, or is too old. Ask for another.</b> }} />
          <Go busy={busy}>Use it</Go>
        </>
      )}
    </Card>
  );
}
