import "./notifications.css";
import { param, setParams } from "../lib/router";
import { may } from "../lib/session";
import { Tabs } from "../parts/panels";
import { Channels } from "./notif-channels";
import { Deliveries } from "./notif-deliveries";
import { Inbox, useInbox } from "./notif-inbox";
import { Subscriptions } from "./notif-subs";
import type { Bar } from "./notif-parts";

export default function Notifications() {
  const manages = may("admin");
  const inbox = useInbox(false);
  const unread = inbox.value?.filter((n) => !n.read_at).length ?? 0;
  const items = [
    { id: "inbox", title: "Inbox", count: unread ? `${unread}${unread === inbox.value?.length && unread >= 200 ? "+" : ""} unread` : null },
    { id: "subscriptions", title: "Subscriptions" },
    { id: "channels", title: "Channels" },
    { id: "deliveries", title: "Deliveries" },
    ...(manages ? [{ id: "defaults", title: "For new members" }] : []),
  ];
  const tab = items.some((t) => t.id === param("tab")) ? param("tab") : "inbox";
  const bar: Bar = (tools) => (
    <div class="tab-bar">
      <Tabs label="Notifications" items={items} open={tab} onOpen={(id) => setParams({ tab: id === "inbox" ? null : id, row: null }, { replace: false })} />
      {tools && <div class="row">{tools}</div>}
    </div>
  );
  return (
    <>
      <h1 class="vh">Notifications</h1>
      {tab === "inbox" && <Inbox bar={bar} />}
      {tab === "subscriptions" && <Subscriptions key="mine" bar={bar} of="me" />}
      {tab === "defaults" && <Subscriptions key="new" bar={bar} of="new" />}
      {tab === "channels" && <Channels bar={bar} />}
      {tab === "deliveries" && <Deliveries bar={bar} />}
    </>
  );
}
