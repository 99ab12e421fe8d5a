/** One's own names and time zone, and what this browser keeps. */
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { me } from "../lib/session";
import { density, singleKeys, theme, themes, zone, zones } from "../lib/settings";
import { toast } from "../lib/toasts";
import { Text } from "../parts/form";
import { Act, Seg } from "../parts/panels";
import { Time } from "../parts/text";
import type { SetBar } from "./set-parts";

const words: Record<string, string> = { system: "System", light: "Light", dark: "Dark", contrast: "High contrast", utc: "UTC", local: "Local", relative: "Relative", compact: "Compact", comfortable: "Comfortable", on: "On", off: "Off" };
const offer = <T extends string>(ids: readonly T[]) => ids.map((id) => ({ id, title: words[id] ?? id }));

export function You({ bar }: { bar: SetBar }) {
  const who = me.value!;
  const [first, setFirst] = useState(who.first_name ?? "");
  const [last, setLast] = useState(who.last_name ?? "");
  const [shown, setShown] = useState(who.display_name ?? "");
  const [zoneName, setZoneName] = useState(who.timezone);
  const { busy, error, run } = useAct();
  const dirty = first !== (who.first_name ?? "") || last !== (who.last_name ?? "") || shown !== (who.display_name ?? "") || zoneName !== who.timezone;
  const save = () =>
    run(async () => {
      me.value = await api.patch("/api/v1/auth/me", { body: { first_name: first, last_name: last, display_name: shown, timezone: zoneName } });
      toast("Kept");
    });
  return (
    <>
      {bar()}
      <div class="pages">
        <section>
          <h2>You</h2>
          <dl class="kv w"><dt>E-mail</dt><dd>{who.email}</dd><dt>Role</dt><dd>{who.is_admin ? "administrator of the installation" : who.memberships.map((m) => `${m.role} of ${m.project_slug}`).join(", ") || "no project"}</dd><dt>Here since</dt><dd><Time at={who.created_at} /></dd></dl>
          <div class="grid2"><Text label="First name" value={first} onText={setFirst} maxLength={100} /><Text label="Last name" value={last} onText={setLast} maxLength={100} /></div>
          <Text label="Shown as" value={shown} onText={setShown} maxLength={200} />
          <Text label="Time zone" mono value={zoneName} onText={setZoneName} maxLength={64} help="an IANA name, like Europe/Vienna" />
          <Trouble error={error} />
          <div class="row"><Act primary why={!dirty ? "Nothing was changed" : busy ? "Under way" : null} onClick={save}>Save</Act></div>
        </section>
        <section>
          <h2>This browser</h2>
          <div class="choice-row"><span>Theme</span><Seg label="Theme" value={theme.value} onChange={(t) => (theme.value = t)} options={offer(themes)} /></div>
          <div class="choice-row"><span>Times</span><Seg label="Times" value={zone.value} onChange={(z) => (zone.value = z)} options={offer(zones)} /></div>
          <div class="choice-row"><span>Rows</span><Seg label="Rows" value={density.value} onChange={(d) => (density.value = d)} options={offer(["compact", "comfortable"] as const)} /></div>
          <div class="choice-row"><span>Single-letter keys</span><Seg label="Single-letter keys" value={singleKeys.value} onChange={(k) => (singleKeys.value = k)} options={offer(["on", "off"] as const)} /></div>
        </section>
      </div>
    </>
  );
}
