import { useState } from "preact/hooks";
import { api } from "../api/client";
import { useQuery } from "../lib/query";
import { query } from "../lib/router";
import { enter } from "../lib/session";
import { Note } from "../parts/feedback";
import { Link } from "../parts/link";
import { State } from "../parts/state";
import { Card, Field, Go, Rules, Trouble, useAct } from "./card";

/** First boot: the first account, with the token of the brain's log. */
export function Setup() {
  const [token, setToken] = useState(query.value.get("token") ?? "");
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const { busy, error, run } = useAct();
  const status = useQuery("setup", (signal) => api.get("/api/v1/setup/status", { signal, ownErrors: true }));
  const over = status.error?.status === 401 || status.value?.first_boot === false;
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/setup/complete", { body: { token: token.trim(), email: email.trim(), display_name: name.trim() || null, password }, ownErrors: true });
      await enter("/");
    });
  const encrypted = location.protocol === "https:";
  if (over)
    return (
      <Card title="Already set up" sub="This brain has its first account.">
        <Link class="btn pri big" to="/login">
          Sign in
        </Link>
      </Card>
    );
  return (
    <Card
      title="Make the first account"
      sub="It becomes the administrator of this brain."
      onSubmit={submit}
      aside={
        <>
          <h2>This brain</h2>
          <dl class="kv w">
            <dt>Address</dt>
            <dd>{location.host}</dd>
            <dt>TLS</dt>
            <dd>
              <State look={encrypted ? "done" : "warn"}>{encrypted ? "encrypted" : "plain http"}</State>
            </dd>
          </dl>
          {!encrypted && (
            <div class="setup-note">
              <Note>
                <b>Not encrypted.</b> Fine on loopback. From elsewhere the session cookie is refused.
              </Note>
            </div>
          )}
        </>
      }
    >
      <Field label="Setup token" required maxLength={200} autocomplete="off" spellcheck={false} value={token} onInput={(e) => setToken(e.currentTarget.value)} help="From the banner in the brain's log, valid for a quarter of an hour after it started" />
      <Field label="E-mail" type="email" autocomplete="username" required maxLength={320} value={email} onInput={(e) => setEmail(e.currentTarget.value)} />
      <Field label="Name" autocomplete="name" maxLength={200} value={name} onInput={(e) => setName(e.currentTarget.value)} />
      <Field label="Password" type="password" autocomplete="new-password" required maxLength={256} value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
      <Rules password={password} />
      <Trouble error={error} words={{ invalid_token: <b>That is not the token in the log.</b>, expired: <b>The token is too old. Start the brain again for a new one.</b>, no_active_token: <b>No token is waiting. Start the brain again for a new one.</b> }} />
      <Go busy={busy}>Create and sign in</Go>
    </Card>
  );
}
