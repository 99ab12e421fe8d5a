// What the troubleshooting page tells people to look at, on screen: node tests/browser/rows.mjs [NAME...], with tests/console/test_rows.py behind it.
import assert from "node:assert/strict";
import { address } from "./browser.mjs";
import { ask, runCases, stage, test, until } from "./cases.mjs";

const drawer = (page) => page.getByRole("complementary");
const agents = "/p/default/fleet?view=agents";
const open = async (page, name) => {
  await page.goto(address + agents);
  await page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) }).click();
  await drawer(page).getByRole("heading", { name, exact: true }).waitFor();
};

test("row_04_token_shown_once", async (page, context) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(address + "/p/default/fleet/connect");
  await page.getByLabel("Name").fill("row-4");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog");
  await dialog.getByText("The token is shown once.").waitFor();
  const env = await dialog.locator(".env pre").textContent();
  const [, token] = /^Z4J_TOKEN=(\S{43})$/m.exec(env);
  for (const line of [/^Z4J_HMAC_SECRET=\S+$/m, /^Z4J_BRAIN_URL=\S+$/m, /^Z4J_PROJECT_ID=default$/m, /^Z4J_AGENT_NAME=row-4$/m]) assert.match(env, line);
  await dialog.getByRole("button", { name: "Copy the variables" }).click();
  assert.equal((await page.evaluate(() => navigator.clipboard.readText())).trim(), env.trim());
  await stage("connect", env);
  await dialog.getByText("Connected: row-4").waitFor();
  await dialog.getByRole("button", { name: "Done" }).click();
  await dialog.waitFor({ state: "detached" });
  await open(page, "row-4");
  const kept = await page.evaluate(() => document.documentElement.outerHTML + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + JSON.stringify(history.state) + location.href);
  assert.ok(!kept.includes(token), "the token is nowhere in the page once its dialog is closed");
  assert.ok(!JSON.stringify(await ask(page, "/agents")).includes(token));
});

test("row_08_who_is_online_and_when_it_last_reported", async (page) => {
  await stage("join", "row-8");
  await page.goto(address + agents);
  const row = page.getByRole("row").filter({ hasText: "row-8" });
  await row.getByText("online", { exact: true }).waitFor();
  const at = await page.getByRole("columnheader").allTextContents().then((heads) => heads.indexOf("Last event"));
  assert.ok(at > 0, "there is a column of the last event");
  const last = row.getByRole("gridcell").nth(at);
  assert.equal(await last.textContent(), "", "it told of nothing yet");
  await stage("report", "row-8", "row-8-task");
  await until("an age of its last event", async () => /^\d+ ?m?s/.test(await last.textContent()));
  await stage("leave", "row-8");
  await row.getByText("offline", { exact: true }).waitFor();
});

test("row_09_the_drawer_lists_engines", async (page) => {
  await stage("join", "row-9", { engines: ["celery", "rq", "huey"], capabilities: { celery: ["retry_task"], rq: ["retry_task"], huey: ["cancel_task", "purge_queue"] } });
  await open(page, "row-9");
  const section = drawer(page).locator(".sec").filter({ has: page.getByRole("heading", { name: "Engines" }) });
  await section.getByText("huey", { exact: true }).waitFor();
  assert.deepEqual((await section.locator("b").allTextContents()).sort(), ["celery", "huey", "rq"]);
  assert.match(await section.locator("li").filter({ hasText: "huey" }).textContent(), /cancel task, purge queue/);
  await drawer(page).getByText("1.12.0").first().waitFor();
});

test("row_13_the_drawer_lists_task_names", async (page) => {
  await stage("join", "row-13");
  await stage("register", "row-13", ["shop.add", "shop.drop"], []);
  await open(page, "row-13");
  const section = drawer(page).locator(".sec").filter({ has: page.getByRole("heading", { name: /^Task names it knows/ }) });
  await section.getByText("shop.drop").waitFor();
  assert.equal(await section.locator("li").count(), 2);
  await stage("register", "row-13", ["shop.total"], ["shop.drop"]);
  await stage("leave", "row-13");
  await open(page, "row-13");
  await section.getByText("shop.total").waitFor();
  assert.equal(await section.getByText("shop.drop").count(), 0);
});

test("row_14_the_banner_names_agents_and_both_versions", async (page) => {
  await stage("join", "row-14", { agent_version: "0.9.3" });
  await stage("join", "row-14-new");
  for (const path of ["/p/default/fleet", agents]) {
    await page.goto(address + path);
    const banner = page.locator(".banner");
    await banner.waitFor();
    const text = await banner.textContent();
    for (const word of [/row-14 \(0\.9\.3\)/, /brain \(1\.12\.0\)/, /newer/]) assert.match(text, word);
    assert.ok(!text.includes("row-14-new"), text);
    assert.equal(text.split("row-14").length, 2, `each agent once: ${text}`);
  }
  await open(page, "row-14");
  await drawer(page).getByText("Its version is 0.9.3.").waitFor();
  await stage("leave", "row-14");
  await stage("join", "row-14");
  await page.goto(address + "/p/default/fleet");
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
  await until("a banner that is gone", async () => (await ask(page, "/agents/versions")).behind.length === 0);
  await page.reload();
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
  await page.waitForTimeout(500);
  assert.equal(await page.getByText("newer than these agents").count(), 0);
});

test("row_17_a_tampered_entry_is_seen", async (page) => {
  await page.goto(address + "/p/default/audit");
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.getByText(/^Chain intact/).waitFor();
  const { seq, id } = await stage("tamper");
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.locator(".chain.bad").waitFor();
  await page.getByRole("button", { name: "Details" }).click();
  await drawer(page).getByRole("heading", { name: "Chain broken" }).waitFor();
  await drawer(page).getByText(`an entry was changed, first at leaf ${seq}`, { exact: false }).waitFor();
  await drawer(page).getByText(id).waitFor(); // rows 18 to 21: what broke first, and what to do
  await drawer(page).getByText("keep the database as it is").waitFor();
});

test("row_26_a_read_only_schedule_leads_to_the_overview", async (page) => {
  await stage("join", "row-26", { schedulers: ["rq-scheduler"], runtime_features: [], capabilities: { "rq-scheduler": ["list", "disable", "trigger_now", "delete"] } });
  await stage("schedules", "row-26", [{ name: "hourly", scheduler: "rq-scheduler", engine: "rq", task_name: "shop.report", kind: "interval", expression: "3600" }]);
  await page.goto(address + "/p/default/schedules");
  await page.getByRole("row").filter({ hasText: "hourly" }).click();
  await drawer(page).getByText("Read only.").waitFor();
  const edit = drawer(page).getByRole("button", { name: /^Edit/ });
  assert.equal(await edit.getAttribute("aria-disabled"), "true");
  assert.ok((await edit.getAttribute("title")).length > 10, "the button tells why it cannot");
  await drawer(page).getByRole("button", { name: "What can be changed where" }).click();
  const overview = page.getByRole("dialog", { name: "What can be changed here" });
  assert.equal(await overview.locator("dd b").textContent(), "the backend, or the agent, does not allow it");
  for (const word of ["rq-scheduler", "celery beat", "z4j-scheduler", "beat_static_schedule"]) await overview.getByText(word).first().waitFor();
  await page.keyboard.press("Escape");
  await overview.waitFor({ state: "detached" });
});

test("row_35_wait_for_it_or_choose_another_agent", async (page) => {
  const engine = "dramatiq"; // no other agent here has it
  const hello = { engines: [engine], capabilities: { [engine]: ["retry_by_reference_v1", "retry_task"] } };
  await stage("join", "row-35", hello);
  await stage("join", "row-35-other", hello);
  await stage("report", "row-35", "row-35-task", engine);
  await page.goto(`${address}/p/default/tasks/${engine}/row-35-task`);
  await page.getByRole("button", { name: "Retry", exact: false }).first().click();
  const through = page.getByLabel("Through");
  await through.selectOption({ label: "row-35" });
  await stage("leave", "row-35");
  await page.getByText("That agent is away: wait until it is back, or choose another one").waitFor();
  const send = page.getByRole("button", { name: "Send it again" });
  assert.equal(await send.getAttribute("aria-disabled"), "true");
  await stage("leave", "row-35-other");
  await page.getByText(`No agent of ${engine} is online`).waitFor();
  await stage("join", "row-35-other", hello);
  await through.selectOption({ label: "row-35-other" });
  await until("a button that works", async () => (await send.getAttribute("aria-disabled")) === "false");
  await send.click();
  await page.locator(".toast").filter({ hasText: "Retry is" }).waitFor();
  assert.deepEqual(await stage("asked", "row-35-other"), ["retry_task"]);
});

test("row_36_a_refusal_shows_its_request_id", async (page) => {
  await stage("join", "row-36", { engines: ["taskiq"], capabilities: { taskiq: ["retry_by_reference_v1", "retry_task"] } });
  await stage("report", "row-36", "row-36-task", "taskiq");
  await page.goto(`${address}/p/default/tasks/taskiq/row-36-task`);
  await page.getByRole("button", { name: "Retry", exact: false }).first().click();
  const send = page.getByRole("button", { name: "Send it again" });
  await until("a plan", async () => (await send.getAttribute("aria-disabled")) === "false");
  let told = null;
  await page.route("**/commands/retry-task", async (route) => {
    // The agent goes between what the page shows and what it sends.
    await stage("leave", "row-36");
    const answer = await route.fetch();
    told = { status: answer.status(), id: answer.headers()["x-request-id"], body: await answer.text() };
    await route.fulfill({ response: answer });
  });
  await send.click();
  const alert = page.getByRole("alert").filter({ hasText: "Request" });
  await alert.waitFor();
  assert.equal(told.status, 503, told.body);
  assert.match(told.id, /^req_[0-9a-f]{16}$/);
  assert.ok((await alert.textContent()).includes(told.id));
  const lines = await stage("logged", told.id);
  assert.ok(lines.some((line) => line.includes("request refused") && line.includes("/commands/retry-task")), lines.join("\n"));
  // A list that cannot be read, and a line at the foot of the page.
  await page.route(/\/api\/v1\/projects\/default\/queues(\?|$)/, async (route) => route.fulfill({ status: 500, headers: { "X-Request-Id": "req_00000000deadbeef" }, json: { error: "internal", message: "the store is gone", request_id: "req_00000000deadbeef", details: {} } }));
  await page.goto(address + "/p/default/queues");
  await page.getByText("req_00000000deadbeef").waitFor();
  await page.route("**/audit/verify", async (route) => (route.request().method() === "POST" ? route.fulfill({ status: 503, json: { error: "unavailable", message: "not now", request_id: "req_00000000feedbeef", details: {} } }) : route.continue()));
  await page.goto(address + "/p/default/audit");
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.locator(".toast.bad").filter({ hasText: "not now Request req_00000000feedbeef" }).waitFor();
}, { expected: /status of 50[03]/ });

await runCases();
