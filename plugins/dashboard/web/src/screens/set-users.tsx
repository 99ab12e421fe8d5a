/** All accounts; for administrators of the installation. */
import { useState } from "preact/hooks";
import { api, ApiError, type Schemas } from "../api/client";
import { Rules, Trouble, useAct } from "../gate/card";
import { refresh, useQuery } from "../lib/query";
import { param, setParams } from "../lib/router";
import { me } from "../lib/session";
import { toast } from "../lib/toasts";
import { ErrorBox, Skeleton } from "../parts/feedback";
import { Check, Text } from "../parts/form";
import { Act, Drawer } from "../parts/panels";
import { State } from "../parts/state";
import { Table, sorted, type Column } from "../parts/table";
import { Age, Time } from "../parts/text";
import { RemovePlan } from "./remove-plan";
import type { SetBar } from "./set-parts";

type User = Schemas["UserAdmin"];
const StateOf = ({ u }: { u: User }) => (u.is_active ? u.password_change_required ? <State look="wait" title="The next sign-in must choose a password">new password due</State> : <State look="done">active</State> : <State look="stop">deactivated</State>);
const columns: Column<User>[] = [
  { id: "email", head: "E-mail", min: 200, sort: true, value: (u) => u.email, cell: (u) => <>{u.email}{u.id === me.value?.id && <> <span class="tag">you</span></>}</> },
  { id: "name", head: "Name", width: 176, rank: 2, sort: true, value: (u) => u.display_name, cell: (u) => <span class="q2" dir="auto">{u.display_name}</span> },
  { id: "role", head: "Role", width: 120, cell: (u) => (u.is_admin ? <span class="m">administrator</span> : <span class="q2">user</span>) },
  { id: "state", head: "State", width: 152, cell: (u) => <StateOf u={u} /> },
  { id: "mfa", head: "Second factor", width: 112, rank: 1, cell: (u) => (u.has_second_factor ? <State look="done">set up</State> : <span class="q">none</span>) },
  { id: "seen", head: "Signed in", width: 104, num: true, sort: true, value: (u) => u.last_login_at, cell: (u) => <span class="q2"><Age at={u.last_login_at} ago empty="never" /></span> },
];
const words: Record<string, string> = { self_demote: "Nobody demotes himself", self_deactivate: "Nobody deactivates himself", self_delete: "Nobody deletes himself", last_admin: "The installation keeps one active administrator" };

export function Users({ bar }: { bar: SetBar }) {
  const answer = useQuery("users", (signal) => api.get("/api/v1/users", { query: { limit: 500 }, signal }));
  const rows = answer.value && sorted(answer.value, columns, param("sort") || "email");
  const row = param("row");
  const open = rows?.find((u) => u.id === row);
  const close = () => setParams({ row: null });
  return (
    <>
      {bar(<Act icon="plus" onClick={() => setParams({ row: "new" })}>New user</Act>)}
      <div class="split">
        {answer.error && !rows ? <ErrorBox error={answer.error} retry={answer.refresh} what="The users" /> : !rows ? <Skeleton /> : (
          <Table label="Users" rows={rows} id={(u) => u.id} columns={columns} current={open?.id ?? ""} onCurrent={(u) => setParams({ row: u?.id })} onOpen={(u) => setParams({ row: u.id })} sort={param("sort") || "email"} onSort={(sort) => setParams({ sort: sort === "email" ? null : sort })} card={(u) => <><span class="cut">{u.email}</span><span class="r"><StateOf u={u} /></span><small>{u.is_admin ? "administrator" : "user"}, signed in <Age at={u.last_login_at} ago empty="never" /></small></>} />
        )}
        {row === "new" ? <NewUser onClose={close} /> : open && <UserDrawer key={open.id} user={open} onClose={close} />}
      </div>
    </>
  );
}

function NewUser({ onClose }: { onClose: () => void }) {
  const [email, setEmail] = useState("");
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [administrator, setAdministrator] = useState(false);
  const [change, setChange] = useState(true);
  const { busy, error, run } = useAct();
  const submit = () =>
    run(async () => {
      await api.post("/api/v1/users", { body: { email: email.trim(), display_name: name.trim() || null, password, is_admin: administrator, password_change_required: change } });
      toast(`${email.trim()} may sign in`);
      refresh("users");
      refresh("people");
      onClose();
    });
  return (
    <Drawer label="New user" takesFocus onClose={onClose} head={<><h2 class="dh-title">New user</h2><p class="q">An invitation by mail needs no password from you: see Members</p></>} foot={<span class="push"><Act primary why={busy ? "Under way" : !/.@./.test(email) ? "It needs an e-mail address" : password.length < 8 ? "It needs a password" : null} onClick={submit}>Create</Act></span>}>
      <div class="sec stack wide">
        <Text label="E-mail" type="email" value={email} onText={setEmail} maxLength={320} />
        <Text label="Shown as" value={name} onText={setName} maxLength={200} />
        <Text label="Password" type="password" autocomplete="new-password" value={password} onText={setPassword} maxLength={256} />
        <Rules password={password} />
        <Check label="Must choose another at the first sign-in" on={change} onSet={setChange} />
        <Check label="Administrator of the installation" help="may do everything everywhere" on={administrator} onSet={setAdministrator} />
        <Trouble error={error} />
      </div>
    </Drawer>
  );
}

function UserDrawer({ user: u, onClose }: { user: User; onClose: () => void }) {
  const [name, setName] = useState(u.display_name ?? "");
  const [password, setPassword] = useState("");
  const [wish, setWish] = useState<"delete" | "deactivate" | "mfa" | "admin" | null>(null);
  const { busy, error, run } = useAct();
  const path = { user_id: u.id };
  const self = u.id === me.value?.id;
  const after = (text: string) => {
    toast(text);
    setWish(null);
    refresh("users");
    refresh("people");
  };
  const patch = (body: { is_admin?: boolean; is_active?: boolean; display_name?: string }) => api.patch("/api/v1/users/{user_id}", { path, body });
  if (wish) {
    const plans = {
      delete: { title: `Delete ${u.email}`, verb: "Delete", effects: ["Sessions end. API keys, memberships and subscriptions go with the account."], untouched: ["What the person did stays in the audit log under the same id."], act: async () => { await api.delete("/api/v1/users/{user_id}", { path }); after(`${u.email} is deleted`); onClose(); }, word: u.email },
      deactivate: { title: `Deactivate ${u.email}`, verb: "Deactivate", effects: ["Sessions end at once, and API keys are refused."], untouched: ["Memberships and keys stay, and work again once the account is active."], act: async () => { await patch({ is_active: false }); after(`${u.email} is deactivated`); }, word: undefined },
      mfa: { title: `Take the second factor of ${u.email}`, verb: "Take it away", effects: ["The next sign-in asks for the password alone. Do this for who lost the app and the recovery codes, and is known to be the one who asks."], untouched: [], act: async () => { await api.post("/api/v1/users/{user_id}/reset-mfa", { path }); after("The second factor is gone"); }, word: undefined },
      admin: { title: u.is_admin ? `${u.email} no longer administrator` : `${u.email} administrator`, verb: u.is_admin ? "Take the role" : "Give the role", effects: [u.is_admin ? "What remains are the roles in projects." : "An administrator may do everything everywhere."], untouched: [], act: async () => { await patch({ is_admin: !u.is_admin }); after(u.is_admin ? "The role is taken" : "The role is given"); }, word: undefined },
    };
    const plan = plans[wish];
    const guarded = () => plan.act().catch((e: unknown) => Promise.reject(e instanceof ApiError && words[e.reason] ? new ApiError(e.status, e.code, words[e.reason]!, e.requestId) : e));
    return <RemovePlan title={plan.title} verb={plan.verb} what={`${u.is_admin ? "Administrator" : "User"}, here since ${u.created_at.slice(0, 10)}`} effects={plan.effects} untouched={plan.untouched} word={plan.word} onAct={guarded} onClose={() => setWish(null)} />;
  }
  return (
    <Drawer label={`User ${u.email}`} onClose={onClose} head={<><h2 class="dh-title cut">{u.email}</h2><p class="row"><StateOf u={u} /><span class="q2">{u.is_admin ? "administrator" : "user"}</span></p></>} foot={<><Act danger icon="trash" why={self ? words.self_delete : null} onClick={() => setWish("delete")}>Delete</Act><span class="push">{u.is_active ? <Act why={self ? words.self_deactivate : null} onClick={() => setWish("deactivate")}>Deactivate</Act> : <Act onClick={() => run(async () => { await patch({ is_active: true }); after(`${u.email} is active again`); })}>Activate</Act>}</span></>}>
      <div class="sec">
        <dl class="kv w">
          <dt>Signed in</dt><dd>{u.last_login_at ? <Time at={u.last_login_at} /> : "never"}</dd>
          <dt>Second factor</dt><dd>{u.has_second_factor ? "set up" : "none"}</dd>
          <dt>Here since</dt><dd><Time at={u.created_at} /></dd>
          <dt>Id</dt><dd class="mono" title={u.id}>{u.id}</dd>
        </dl>
      </div>
      <div class="sec stack wide">
        <Text label="Shown as" value={name} onText={setName} maxLength={200} />
        <div class="row wrap">
          <Act why={name === (u.display_name ?? "") ? "Nothing was changed" : busy ? "Under way" : null} onClick={() => run(async () => { await patch({ display_name: name }); after("Kept"); })}>Save the name</Act>
          <Act why={self ? words.self_demote : null} onClick={() => setWish("admin")}>{u.is_admin ? "Take the administrator's role" : "Make administrator"}</Act>
          <Act why={u.has_second_factor ? null : "There is none"} onClick={() => setWish("mfa")}>Reset second factor</Act>
        </div>
      </div>
      <form class="sec stack wide" onSubmit={(e) => e.preventDefault()}>
        <Text label="Give another password" type="password" autocomplete="new-password" value={password} onText={setPassword} maxLength={256} help="Sessions end, and the next sign-in must choose another." />
        {password && <Rules password={password} />}
        <Trouble error={error} />
        <div class="row"><Act why={self ? "Change your own under Sign-in" : password.length < 8 ? "Type one first" : busy ? "Under way" : null} onClick={() => run(async () => { await api.post("/api/v1/users/{user_id}/password", { path, body: { new_password: password } }); setPassword(""); after("The password is set"); })}>Set password</Act></div>
      </form>
    </Drawer>
  );
}
