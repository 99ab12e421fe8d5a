import { useState } from "preact/hooks";
import { api } from "../api/client";
import { useQuery } from "../lib/query";
import { enter } from "../lib/session";
import { Note, Skeleton } from "../parts/feedback";
import { Link } from "../parts/link";
import { Card, Field, Go, Rules, Trouble, useAct } from "./card";
import { useLinkToken } from "./reset";

export function Invite() {
  const token = useLinkToken();
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [joined, setJoined] = useState(false);
  const { busy, error, run } = useAct();
  const preview = useQuery(token ? "invite " + token.slice(0, 8) : null, (signal) => api.get("/api/v1/invitations/preview", { query: { token }, signal, ownErrors: true }));
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/invitations/accept", { body: { token, display_name: name.trim() || null, password }, ownErrors: true });
      setJoined(true);
      await enter("/");
    });
  if (!token || preview.error)
    return (
      <Card title="Invitation">
        <Note kind="bad">
          <b>{token ? "This invitation was used, or is too old." : "This link has no token."}</b> Ask who invited you for another.
        </Note>
        <Link to="/login">Sign in</Link>
      </Card>
    );
  if (!preview.value)
    return (
      <Card title="Invitation">
        <Skeleton rows={3} />
      </Card>
    );
  const it = preview.value as unknown as Record<string, unknown>;
  return (
    <Card title={`Join ${String(it.project_name ?? it.project_slug ?? "the project")}`} sub={`As ${String(it.role ?? "member")}, with ${String(it.email ?? "your address")}.`} onSubmit={submit}>
      {joined ? (
        <>
          <Note kind="good">
            <b>You are in.</b> Sign in to go on.
          </Note>
          <Link class="btn pri big" to="/login">
            Sign in
          </Link>
        </>
      ) : (
        <>
          <Field label="Name" autocomplete="name" maxLength={200} value={name} onInput={(e) => setName(e.currentTarget.value)} />
          <Field label="Password" type="password" autocomplete="new-password" required maxLength={256} value={password} onInput={(e) => setPassword(e.currentTarget.value)} />
          <Rules password={password} />
          <Trouble error={error} words={{ account_exists: <b>There is an account with this address: sign in, then open the link again.</b> }} />
          <Go busy={busy}>Join</Go>
        </>
      )}
    </Card>
  );
}
