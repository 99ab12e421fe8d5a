// Pictures of the console on the seeded fleet, compared with those that are kept: node tests/browser/shots.mjs [NAME...].
// Environment beside that of seeded.mjs: Z4J_SHOTS (the folder of the kept ones), Z4J_SHOTS_OUT (where what differs is written, as
// NAME.actual.png and NAME.diff.png), Z4J_UPDATE_SHOTS=1 (the kept ones are written anew, and docs/console with them, at Z4J_SHOTS_DOCS).
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { address } from "./browser.mjs";
import { compare, pack } from "./pictures.mjs";
import { facts, openPage, openSeeded, screens, still } from "./seeded.mjs";

/** A digit that is another one is more than that. */
const TOLERANCE = 12; // pixels

const project = "/p/default";
const empty = "/p/staging";
const wide = { size: "wide", theme: "light" };
const phone = { size: "phone", theme: "dark" };
const click = (role, name) => (page) => page.getByRole(role, { name }).first().click();
const fail = (status, code, message, details = {}) => (route) =>
  route.fulfill({ status, contentType: "application/json", body: JSON.stringify({ error: code, message, request_id: "req_5f0d9c4b7a21e836", details }) });
const select = async (page) => {
  for (const key of ["j", "x", "j", "x", "j", "x"]) await page.keyboard.press(key);
  await page.getByText("3 selected").waitFor();
};

/** An answer in which some numbers are others: those that depend on how fast the machine is. */
const steady = (numbers) => async (route) => {
  const answer = await route.fetch();
  const body = (await answer.text()).replace(/"(\w+)":\d+/g, (whole, name) => (name in numbers ? `"${name}":${numbers[name]}` : whole));
  await route.fulfill({ response: answer, body });
};
const calls = ["**/api/v1/plugins", steady({ calls: 1280, errors: 0 })]; // how often it was asked something
const verdict = ["**/api/v1/audit/verify", steady({ rows_verified: facts.entries, rows_all: facts.entries })]; // whether the last entry was there when it began
const routes = { plugins: calls, audit: verdict };

/** name, path; then what the page needs before (`route`: [address, answer]) and after (`act`) it is opened. One that changes something in the store is taken last. */
const shots = [
  ...screens.flatMap((s) => [{ ...s, name: `${s.name}-light`, view: wide, route: routes[s.name] }, { ...s, name: `${s.name}-dark-390`, view: phone, route: routes[s.name] }]),
  { name: "empty-first", path: empty },
  { name: "empty-tasks", path: `${empty}/tasks` },
  { name: "empty-filter", path: `${project}/tasks?q=state:failed name:no.such.task` },
  { name: "error", path: `${project}/queues`, route: ["**/api/v1/projects/default/queues", fail(500, "internal_error", "the store does not answer")], expect: /500/ },
  { name: "not-allowed", path: "/plugins", who: "viewer" },
  { name: "not-allowed-act", path: `${project}/queues?row=celery/payments`, who: "viewer", expect: /409/ },
  { name: "loading", path: `${project}/tasks`, route: ["**/api/v1/projects/default/tasks*", () => {}], busy: true },
  { name: "task-drawer", path: `${project}/tasks?q=state:failed`, act: async (page) => { await page.keyboard.press("j"); await page.keyboard.press("o"); await page.getByRole("complementary").waitFor(); } },
  { name: "task-exception", path: `${project}/tasks/celery/${facts.failed}?tab=exception` },
  { name: "task-arguments", path: `${project}/tasks/celery/${facts.failed}?tab=arguments` },
  { name: "hard-names", path: `${project}/tasks?q=queue:crm state:failed` },
  { name: "hard-task", path: `${project}/tasks/celery/${facts.hard[0]}` },
  { name: "hard-task-390", path: `${project}/tasks/celery/${facts.hard[1]}`, view: phone },
  { name: "queue-drawer", path: `${project}/queues?row=celery/payments`, expect: /409/ },
  { name: "worker-drawer", path: `${project}/fleet`, act: async (page) => { await page.getByText("celery@mail-06").first().click(); await page.getByRole("complementary").waitFor(); } },
  { name: "schedule-drawer", path: `${project}/schedules`, act: async (page) => { await page.getByText("nightly-ledger-close").first().click(); await page.getByRole("complementary").waitFor(); } },
  { name: "audit-drawer", route: verdict, path: `${project}/audit`, act: async (page) => { await page.getByRole("row").nth(3).click(); await page.getByRole("complementary").waitFor(); } },
  { name: "channels", path: `${project}/notifications?tab=channels` },
  { name: "members", path: "/settings?tab=members" },
  { name: "palette", path: `${project}/queues`, act: async (page) => { await page.keyboard.press("Control+k"); await page.getByRole("dialog").waitFor(); await page.keyboard.type("pay"); await page.getByText("payments.charge").first().waitFor(); } },
  { name: "keys", path: `${project}/queues`, act: (page) => page.keyboard.press("?") },
  { name: "paused", path: `${project}/tasks`, act: click("button", "Live"), live: false },
  { name: "cut", path: `${project}/fleet`, live: false, cut: true },
  { name: "toast", path: `${project}/tasks`, act: async (page) => { await page.keyboard.press("y"); await page.locator(".toast").waitFor(); } },
  { name: "contrast", path: `${project}/tasks`, view: { size: "wide", theme: "contrast" } },
  { name: "plan", last: true, path: `${project}/tasks?q=state:failed name:payments.charge`, act: async (page) => { await select(page); await page.getByRole("region", { name: "Selected tasks" }).getByRole("button", { name: "Retry" }).click(); await page.getByRole("button", { name: /^Retry 3$/ }).waitFor(); } },
];

/** What is another in each run by its nature, an address or a hash, is written over; numbers, times and names are not. */
function writeOver() {
  for (const e of document.querySelectorAll(".gate p")) if (e.textContent === location.host) e.textContent = "z4j.acme.example";
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const known = /^(e81d06b4|a11ce000|7d1f0c9a|b0b0)/; // ids that the fleet gives
  const id = /(?<![\w-])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])|(?<![\w-])(?=[a-f]*\d)[0-9a-f]{8}(?![\w-])|(?<![\w-])[0-9a-f]{3}…/g;
  const hash = /\b[0-9a-f]{64}\b|\b[0-9a-f]{4} [0-9a-f]{4} … [0-9a-f]{4} [0-9a-f]{4}\b/g;
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const over = (text) => (known.test(text) ? text : text.replace(/[0-9a-f]/g, "0"));
    const steady = node.parentElement.closest(".tree, .diff, .trace, .grid[aria-label=Tasks]") ? node.data : node.data.replace(hash, over).replace(id, over);
    if (steady !== node.data) node.data = steady;
  }
}

async function take(seeded, shot) {
  const { context, page, faults } = await openPage(seeded, { ...(shot.view ?? wide), who: shot.gate ? "nobody" : (shot.who ?? "admin") });
  try {
    if (shot.route) await page.route(...shot.route);
    let socket = null;
    if (shot.cut)
      await page.routeWebSocket("**/ws/dashboard", (ws) => {
        if (socket) return ws.close();
        socket = ws;
        ws.connectToServer();
      });
    await page.goto(address + shot.path);
    if (!shot.busy) await still(page, { live: !shot.gate });
    if (shot.cut) {
      await socket.close();
      await page.getByText("Connection lost").waitFor();
    }
    if (shot.act) await shot.act(page);
    await page.evaluate(writeOver);
    const picture = await still(page, { busy: shot.busy, live: false });
    return { picture, faults: faults.filter((fault) => !shot.expect?.test(fault)) };
  } finally {
    await context.close();
  }
}

const only = process.argv.slice(2);
const kept = process.env.Z4J_SHOTS;
const out = process.env.Z4J_SHOTS_OUT;
const update = process.env.Z4J_UPDATE_SHOTS === "1";
mkdirSync(kept, { recursive: true });
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const seeded = await openSeeded();
const bad = [];
async function look(shot) {
  const begin = performance.now();
  const file = join(kept, shot.name + ".png");
  let said = "";
  try {
    const { picture, faults } = await take(seeded, shot);
    said = faults.join(" | ");
    if (update) {
      writeFileSync(file, pack(picture));
      if (shot.says && shot.view === wide) writeFileSync(join(process.env.Z4J_SHOTS_DOCS, shot.name.replace("-light", "") + ".png"), pack(picture));
    } else if (!existsSync(file)) {
      said ||= `there is no ${file}: Z4J_UPDATE_SHOTS=1 writes it`;
    } else {
      const { pixels, diff } = compare(readFileSync(file), picture);
      if (pixels > TOLERANCE) {
        writeFileSync(join(out, shot.name + ".actual.png"), picture);
        writeFileSync(join(out, shot.name + ".diff.png"), diff);
        said ||= `${pixels} pixels differ, ${TOLERANCE} may: see ${join(out, shot.name)}.actual.png and .diff.png`;
      }
    }
  } catch (error) {
    said = String(error.message).split("\n").slice(0, 4).join(" ");
  }
  if (said) bad.push(shot.name);
  console.log(`${said ? "FAIL " : "ok   "} ${shot.name} ${Math.round(performance.now() - begin)} ms ${said}`);
}
const wanted = shots.filter((shot) => !only.length || only.includes(shot.name));
const queue = wanted.filter((shot) => !shot.last);
await Promise.all([0, 1].map(async () => { // most of the time of each is waiting
  for (let shot = queue.shift(); shot; shot = queue.shift()) await look(shot);
}));
for (const shot of wanted.filter((shot) => shot.last)) await look(shot);
if (!only.length)
  for (const file of readdirSync(kept).filter((f) => f.endsWith(".png") && !shots.some((s) => s.name + ".png" === f))) {
    console.log(`FAIL  ${file} is kept, and no shot is called so`);
    bad.push(file);
  }
await seeded.close();
console.log(bad.length ? `${bad.length} of ${wanted.length} are not as they were: ${bad.join(" ")}` : `all ${wanted.length} are as they were`);
process.exit(bad.length ? 1 : 0);
