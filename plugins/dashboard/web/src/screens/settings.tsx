import "./settings.css";
import { param, setParams } from "../lib/router";
import { me } from "../lib/session";
import { Tabs } from "../parts/panels";
import type { SetBar } from "./set-parts";
import { Installation } from "./set-installation";
import { Keys } from "./set-keys";
import { Members } from "./set-members";
import { ProjectPage, Projects } from "./set-projects";
import { Security } from "./set-security";
import { Users } from "./set-users";
import { You } from "./set-you";

export default function Settings() {
  const administrator = !!me.value?.is_admin;
  const items = [
    { id: "you", title: "You" },
    { id: "security", title: "Sign-in" },
    { id: "keys", title: "API keys" },
    { id: "members", title: "Members" },
    { id: "project", title: "Project" },
    ...(administrator ? [{ id: "users", title: "Users" }, { id: "projects", title: "Projects" }, { id: "installation", title: "Installation" }] : []),
  ];
  const tab = items.some((t) => t.id === param("tab")) ? param("tab") : "you";
  const bar: SetBar = (tools) => (
    <div class="tab-bar">
      <Tabs label="Settings" items={items} open={tab} onOpen={(id) => setParams({ tab: id === "you" ? null : id, row: null, q: null }, { replace: false })} />
      {tools && <div class="row">{tools}</div>}
    </div>
  );
  return (
    <>
      <h1 class="vh">Settings</h1>
      {tab === "you" && <You bar={bar} />}
      {tab === "security" && <Security bar={bar} />}
      {tab === "keys" && <Keys bar={bar} />}
      {tab === "members" && <Members bar={bar} />}
      {tab === "project" && <ProjectPage bar={bar} />}
      {tab === "users" && <Users bar={bar} />}
      {tab === "projects" && <Projects bar={bar} />}
      {tab === "installation" && <Installation bar={bar} />}
    </>
  );
}
