// The console on the seeded fleet (tests/console/seeded.py): which screens there are, a browser whose clock stands at the fleet's moment, and
// pages that are still. Environment beside that of browser.mjs: Z4J_SEEDED (a JSON file with the fleet's facts).
import { readFileSync } from "node:fs";
import { address, openBrowser, sizes } from "./browser.mjs";

export const facts = JSON.parse(readFileSync(process.env.Z4J_SEEDED, "utf8"));
const project = "/p/default";

/** Every screen: its name, where it is, and what it is for. */
export const screens = [
  { name: "signin", path: "/login", gate: true, says: "Signing in; with a second factor, or through the identity provider where there is one." },
  { name: "now", path: project, says: "Is anything wrong? What is found, worst first, four figures, and what moved." },
  { name: "tasks", path: `${project}/tasks`, says: "Every task of every engine, narrowed by a query that stands in the address." },
  { name: "task", path: `${project}/tasks/celery/${facts.failed}`, says: "One task: what happened when, its arguments, its exception, and what can be done about it." },
  { name: "names", path: `${project}/names`, says: "Task names with their rates, failures and runtimes." },
  { name: "name", path: `${project}/names/payments.charge`, says: "One name: how often it runs, how long, and how it fails." },
  { name: "errors", path: `${project}/errors`, says: "Failures that are the same, as one line each." },
  { name: "queues", path: `${project}/queues`, says: "What waits, since when, who listens, and what pauses a queue." },
  { name: "fleet", path: `${project}/fleet`, says: "Hosts and their workers: what each has in hand, and which are lost." },
  { name: "agents", path: `${project}/fleet?view=agents`, says: "Agents: which are there, what they can do, and which are behind." },
  { name: "connect", path: `${project}/fleet/connect`, says: "A new agent, with the variables that it reads." },
  { name: "loss", path: `${project}/fleet/losses/${facts.loss}`, says: "A worker that vanished: what was known, what it held, what to do with each." },
  { name: "schedules", path: `${project}/schedules`, says: "Every schedule in one place, and the day that they make." },
  { name: "bulk", path: `${project}/bulk`, says: "What was done to many tasks at once, by whom and with which outcome." },
  { name: "job", path: `${project}/bulk/${facts.job}`, says: "One of these jobs, task by task." },
  { name: "notifications", path: `${project}/notifications`, says: "What you were told; channels and subscriptions beside it." },
  { name: "audit", path: `${project}/audit`, says: "Who did what and when, with a proof that nothing was taken out." },
  { name: "plugins", path: "/plugins", says: "What is loaded, how it does, and with which settings." },
  { name: "settings", path: "/settings", says: "You, your sessions and keys; members, users and the installation." },
];

export async function openSeeded() {
  const browser = await openBrowser();
  return { browser, close: () => browser.close() };
}

/** A page at the fleet's moment, of somebody who is signed in: "admin", "viewer" or nobody. What the console logs as an error, and what its policy refuses, is kept in `faults`. */
export async function openPage({ browser }, { who = "admin", size = "wide", theme = "light" } = {}) {
  const context = await browser.newContext({ viewport: sizes[size], colorScheme: theme === "dark" ? "dark" : "light", reducedMotion: "reduce", locale: "en-US", timezoneId: "UTC" });
  await context.addCookies(Object.entries(facts.cookies[who] ?? {}).map(([name, value]) => ({ name, value, url: address })));
  await context.clock.setFixedTime(facts.at);
  await context.addInitScript((wanted) => localStorage.setItem("z4j.theme", wanted), theme);
  const page = await context.newPage();
  const faults = [];
  page.asked = new Set();
  page.on("request", (request) => request.url().includes("/api/") && page.asked.add(request));
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => page.asked.delete(request));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && !/status of (401|404)/.test(message.text()) && faults.push(`console: ${message.text()}`));
  return { context, page, faults };
}

/** Nothing loads or is asked for, the live connection stands, and two pictures in a row are the same. */
export async function still(page, { busy = false, live = true } = {}) {
  const wanted = { busy, live };
  await page.waitForFunction(
    ({ busy, live }) => {
      if (document.fonts.status !== "loaded" || !document.querySelector(".app, .gate")) return false;
      if (!busy && document.querySelector("[aria-busy=true]")) return false;
      return !live || !document.querySelector(".light") || document.querySelector(".light").textContent !== "Connecting";
    },
    wanted,
    { timeout: 30_000 },
  );
  let before = null;
  for (let i = 0; i < 40; i++) {
    const picture = await page.screenshot({ animations: "disabled" });
    if (before?.equals(picture) && (busy || page.asked.size === 0)) return picture;
    before = picture;
    await page.waitForTimeout(350);
  }
  throw new Error("the page does not come to rest");
}
