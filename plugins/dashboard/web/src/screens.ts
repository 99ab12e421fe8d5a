/** Every screen, once. The rail, the keys, the palette and the router read this table. To add one: a line here, a file in screens/. */
import type { ComponentType } from "preact";
import type { IconName } from "./parts/icons";
import type { Params } from "./lib/router";

export interface ScreenProps {
  params: Params;
}
export interface Screen {
  id: string;
  title: string;
  /** After `g`. */
  key?: string;
  icon?: IconName;
  path: string;
  /** Which rail entry is lit; itself when left out. Screens without an icon are not in the rail. */
  parent?: string;
  /** A line in the rail before it. */
  apart?: boolean;
  /** Also in the phone's thumb bar. */
  thumb?: boolean;
  admin?: boolean;
  load: () => Promise<{ default: ComponentType<ScreenProps> }>;
}

export const screens: Screen[] = [
  { id: "now", title: "Now", key: "n", icon: "now", path: "/p/:slug", thumb: true, load: () => import("./screens/now") },
  { id: "tasks", title: "Tasks", key: "t", icon: "tasks", path: "/p/:slug/tasks", thumb: true, load: () => import("./screens/tasks") },
  { id: "task", title: "Task", path: "/p/:slug/tasks/:engine/:task", parent: "tasks", load: () => import("./screens/task") },
  { id: "byname", title: "By name", key: "m", icon: "byname", path: "/p/:slug/names", load: () => import("./screens/byname") },
  { id: "name", title: "Task name", path: "/p/:slug/names/:name", parent: "byname", load: () => import("./screens/name") },
  { id: "errors", title: "Errors", key: "e", icon: "errors", path: "/p/:slug/errors", load: () => import("./screens/errors") },
  { id: "queues", title: "Queues", key: "q", icon: "queues", path: "/p/:slug/queues", thumb: true, load: () => import("./screens/queues") },
  { id: "fleet", title: "Fleet", key: "f", icon: "fleet", path: "/p/:slug/fleet", thumb: true, load: () => import("./screens/fleet") },
  { id: "mint", title: "Connect an agent", path: "/p/:slug/fleet/connect", parent: "fleet", load: () => import("./screens/mint") },
  { id: "loss", title: "Lost worker", path: "/p/:slug/fleet/losses/:loss", parent: "fleet", load: () => import("./screens/loss") },
  { id: "schedules", title: "Schedules", key: "s", icon: "schedules", path: "/p/:slug/schedules", load: () => import("./screens/schedules") },
  { id: "bulk", title: "Bulk jobs", key: "b", icon: "bulk", path: "/p/:slug/bulk", load: () => import("./screens/bulk") },
  { id: "job", title: "Bulk job", path: "/p/:slug/bulk/:job", parent: "bulk", load: () => import("./screens/job") },
  { id: "notifications", title: "Notifications", key: "l", icon: "alerts", path: "/p/:slug/notifications", apart: true, load: () => import("./screens/notifications") },
  { id: "audit", title: "Audit", key: "a", icon: "audit", path: "/p/:slug/audit", load: () => import("./screens/audit") },
  { id: "plugins", title: "Plugins", key: "p", icon: "plugins", path: "/plugins", admin: true, load: () => import("./screens/plugins") },
  { id: "find", title: "Find a task", path: "/t/:task", load: () => import("./screens/find") },
  { id: "settings", title: "Settings", key: ",", icon: "settings", path: "/settings", load: () => import("./screens/settings") },
];
