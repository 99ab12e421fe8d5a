/** Who is in a project, in which role, and who is invited. */
import { useState } from "preact/hooks";
import { api, ApiError, type Schemas } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { refresh, useQuery } from "../lib/query";
import { me } from "../lib/session";
import { toast, toastError } from "../lib/toasts";
import { ErrorBox, NotAllowed, Skeleton } from "../parts/feedback";
import { Choice, Text } from "../parts/form";
import { Icon } from "../parts/icons";
import { Act, Dialog } from "../parts/panels";
import { Age, Copy } from "../parts/text";
import { RemovePlan } from "./remove-plan";
import { useSettled, type SetBar } from "./set-parts";

type Role = "viewer" | "operator" | "admin";
type Member = Schemas["Membership"];
const roles: readonly { id: Role; title: string; help: string }[] = [
  { id: "viewer", title: "Viewer", help: "reads" },
  { id: "operator", title: "Operator", help: "acts on tasks and workers" },
  { id: "admin", title: "Admin", help: "changes the project" },
];

export function Members({ bar }: { bar: SetBar }) {
  const { project, picker } = useSettled();
  const at = project?.slug ?? "";
  const mine = me.value?.is_admin || me.value?.memberships.some((m) => m.project_slug === at && m.role === "admin");
  const members = useQuery(mine && at ? `members ${at}` : null, (signal) => api.get("/api/v1/projects/{slug}/memberships", { path: { slug: at }, signal }), { topics: ["project.changed"] });
  const invited = useQuery(mine && at ? `invitations ${at}` : null, (signal) => api.get("/api/v1/projects/{slug}/invitations", { path: { slug: at }, signal }), { topics: ["project.changed"] });
  const [dialog, setDialog] = useState<"add" | "invite" | { link: string; email: string; mailed: boolean } | null>(null);
  /** Shown at once; what the brain says holds. */
  const [wished, setWished] = useState<Record<string, Role | undefined>>({});
  const [leaving, setLeaving] = useState<Member | null>(null);
  const setRole = async (m: Member, role: Role, undo = true) => {
    setWished({ ...wished, [m.id]: role });
    try {
      await api.patch("/api/v1/projects/{slug}/memberships/{membership_id}", { path: { slug: at, membership_id: m.id }, body: { role } });
      toast(`${m.user_email} is ${role}`, undo ? { undo: () => void setRole(m, m.role, false) } : {});
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      if (e.reason === "last_project_admin") toast("A project keeps one admin", { bad: true });
      else toastError(e);
    }
    refresh(`members ${at}`);
    setWished((w) => ({ ...w, [m.id]: undefined }));
  };
  const withdraw = async (id: string, email: string) => {
    try {
      await api.delete("/api/v1/projects/{slug}/invitations/{invitation_id}", { path: { slug: at, invitation_id: id } });
      toast(`The invitation of ${email} is withdrawn`);
    } catch (e) {
      if (!(e instanceof ApiError)) throw e;
      toastError(e);
    }
    refresh(`invitations ${at}`);
  };
  if (!mine) return <>{bar(picker)}<NotAllowed need="admin" /></>;
  return (
    <>
      {bar(<>{picker}{me.value?.is_admin && <button type="button" class="btn" onClick={() => setDialog("add")}>Add a user</button>}<Act icon="plus" primary onClick={() => setDialog("invite")}>Invite</Act></>)}
      <div class="split">
        <div class="scroll">
          {members.error && !members.value ? <ErrorBox error={members.error} retry={members.refresh} what="The members" /> : !members.value ? <Skeleton rows={6} /> : (
            <div class="list-table flush">
              <table>
                <thead><tr><th scope="col">Member</th>{roles.map((r) => <th scope="col" class="w-110 mid-cell" key={r.id} title={r.help}>{r.title}</th>)}<th scope="col" class="w-110 only-l">Since</th><th scope="col" class="w-act"><span class="vh">Remove</span></th></tr></thead>
                <tbody>
                  {members.value.map((m) => (
                    <tr key={m.id}>
                      <td title={m.user_email}>{m.user_display_name ?? m.user_email} {m.user_display_name && <span class="q">{m.user_email}</span>} {m.user_id === me.value?.id && <span class="tag">you</span>}</td>
                      {roles.map((r) => <td class="mid-cell" key={r.id}><label class="radio-cell"><input type="radio" name={`role-${m.id}`} checked={(wished[m.id] ?? m.role) === r.id} onChange={() => void setRole(m, r.id)} /><span class="vh">{m.user_email} as {r.title}</span></label></td>)}
                      <td class="q2 only-l"><Age at={m.created_at} ago /></td>
                      <td class="num"><button type="button" class="btn low" aria-label={`Remove ${m.user_email}`} onClick={() => setLeaving(m)}><span class="only-l">Remove</span><span class="only-s"><Icon name="trash" /></span></button></td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
          {!!invited.value?.length && (
            <>
              <h2 class="list-head">Invited</h2>
              <div class="list-table flush">
                <table>
                  <thead><tr><th scope="col">E-mail</th><th scope="col" class="w-110">As</th><th scope="col" class="w-110">Ends</th><th scope="col" class="w-act"><span class="vh">Withdraw</span></th></tr></thead>
                  <tbody>{invited.value.map((i) => <tr key={i.id}><td title={i.email}>{i.email}</td><td class="q2">{i.role}</td><td class="q2"><Age at={i.expires_at} /></td><td class="num"><button type="button" class="btn low" aria-label={`Withdraw the invitation of ${i.email}`} onClick={() => void withdraw(i.id, i.email)}><span class="only-l">Withdraw</span><span class="only-s"><Icon name="trash" /></span></button></td></tr>)}</tbody>
                </table>
              </div>
            </>
          )}
        </div>
        {leaving && (
          <RemovePlan
            title={`Remove ${leaving.user_email}`}
            verb="Remove"
            what={`${leaving.role} of ${project?.name ?? at} since ${leaving.created_at.slice(0, 10)}`}
            effects={["Subscriptions in this project end, and API keys no longer open it. It holds at once."]}
            untouched={["The account stays, and what the person did stays in the audit log."]}
            onAct={async () => {
              await api.delete("/api/v1/projects/{slug}/memberships/{membership_id}", { path: { slug: at, membership_id: leaving.id } });
              toast(`${leaving.user_email} is no longer a member`);
              setLeaving(null);
              refresh(`members ${at}`);
            }}
            onClose={() => setLeaving(null)}
          />
        )}
      </div>
      {dialog === "invite" && <Invite at={at} onClose={() => setDialog(null)} onDone={(made) => { setDialog(made); refresh(`invitations ${at}`); }} />}
      {dialog === "add" && <Add at={at} taken={members.value?.map((m) => m.user_id) ?? []} onClose={() => { setDialog(null); refresh(`members ${at}`); }} />}
      {dialog && typeof dialog === "object" && (
        <Dialog title={`Invitation of ${dialog.email}`} foot={<button type="button" class="btn pri push" onClick={() => setDialog(null)}>Done</button>}>
          <p class="q2">{dialog.mailed ? "A mail with this link is on its way." : "No mail can be sent from here: hand the link over another way."} It is shown this once and works once.</p>
          <Copy text={dialog.link} label="Copy the link" />
        </Dialog>
      )}
    </>
  );
}

function Invite({ at, onClose, onDone }: { at: string; onClose: () => void; onDone: (made: { link: string; email: string; mailed: boolean }) => void }) {
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState("7");
  const { busy, error, run } = useAct();
  const ready = /.@./.test(email) && !busy;
  const submit = () =>
    run(async () => {
      const made = await api.post("/api/v1/projects/{slug}/invitations", { path: { slug: at }, body: { email: email.trim(), role, ttl_days: Number(days) || null } });
      onDone({ link: new URL(made.accept_url_path, location.origin).href, email: email.trim(), mailed: made.email_sent });
    });
  return (
    <Dialog title="Invite somebody" onClose={onClose} foot={<><button type="button" class="btn" onClick={onClose}>Not now</button><button type="button" class="btn pri push" aria-disabled={!ready} onClick={() => ready && submit()}>Invite</button></>}>
      <Text label="E-mail" type="email" value={email} onText={setEmail} maxLength={320} />
      <Choice label="As" value={role} options={roles.map((r) => ({ id: r.id, title: `${r.title}: ${r.help}` }))} onPick={setRole} />
      <Text label="The link works for days" type="number" min="1" max="30" value={days} onText={setDays} />
      <Trouble error={error} />
    </Dialog>
  );
}

function Add({ at, taken, onClose }: { at: string; taken: readonly string[]; onClose: () => void }) {
  const users = useQuery("users", (signal) => api.get("/api/v1/users", { query: { limit: 500 }, signal })).value?.filter((u) => u.is_active && !taken.includes(u.id));
  const [user, setUser] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const { busy, error, run } = useAct();
  const chosen = user || users?.[0]?.id;
  const ready = !!chosen && !busy;
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/projects/{slug}/memberships", { path: { slug: at }, body: { user_id: chosen!, role } });
      toast("Added");
      onClose();
    });
  return (
    <Dialog title="Add a user" onClose={onClose} foot={<><button type="button" class="btn" onClick={onClose}>Not now</button><button type="button" class="btn pri push" aria-disabled={!ready} onClick={() => ready && submit()}>Add</button></>}>
      {users?.length === 0 ? <p class="q2">Everybody who has an account is a member. Invite somebody new.</p> : (
        <>
          <Choice label="User" value={chosen ?? ""} options={(users ?? []).map((u) => ({ id: u.id, title: u.email }))} onPick={setUser} />
          <Choice label="As" value={role} options={roles.map((r) => ({ id: r.id, title: `${r.title}: ${r.help}` }))} onPick={setRole} />
        </>
      )}
      <Trouble error={error} />
    </Dialog>
  );
}
