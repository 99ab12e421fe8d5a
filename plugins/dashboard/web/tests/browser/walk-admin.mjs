// Walks through audit, notifications, plugins and settings as an administrator does, each act with its effect seen, against a
// brain with the demo fleet: node tests/browser/walk-admin.mjs. What it makes it takes away; it ends other sessions of that user.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { address, openBrowser, openContext, patience, settle, signIn, totp } from "./browser.mjs";

const steps = [];
const step = (name, run) => steps.push({ name, run });
const tag = randomBytes(3).toString("hex");
const project = "/p/default";
const login = JSON.parse(readFileSync(process.env.Z4J_LOGIN, "utf8"));
const ask = (page, path) => page.evaluate(async (at) => (await fetch(at)).json(), "/api/v1" + path);
const drawer = (page) => page.getByRole("complementary");
const confirm = async (page, verb) => {
  const word = page.getByLabel(/: type /);
  const button = drawer(page).getByRole("button", { name: new RegExp(`^${verb}`) });
  await button.waitFor();
  if (await word.count()) {
    assert.equal(await button.getAttribute("aria-disabled"), "true", "a word must be typed first");
    await word.fill(await page.locator("label .mono").last().textContent());
  }
  await button.click();
};

step("the whole log is checked when one asks", async ({ page }) => {
  const before = (await ask(page, "/audit/verify")).checked_at;
  await page.goto(address + project + "/audit");
  await page.getByRole("button", { name: "Verify now" }).click();
  await page.getByText(/^Chain intact/).waitFor();
  for (let i = 0; i < 50 && (await ask(page, "/audit/verify")).checked_at === before; i++) await page.waitForTimeout(200);
  assert.notEqual((await ask(page, "/audit/verify")).checked_at, before);
});
step("a filter of the log holds, and a row opens with its proof", async ({ page }) => {
  await page.goto(address + project + "/audit?q=action:setup.");
  await page.getByRole("row").nth(1).click();
  await drawer(page).getByText("Proof").waitFor();
  assert.equal(await page.getByRole("row").count(), 2);
});
step("a bundle is saved, and is one", async ({ page }) => {
  const [file] = await Promise.all([page.waitForEvent("download"), drawer(page).getByRole("button", { name: "Bundle of this entry" }).click()]);
  assert.match(readFileSync(await file.path(), "utf8"), /^z4j-audit-bundle\/1\n/);
  await page.goto(address + project + "/audit?panel=bundle");
  const [whole] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download" }).click()]);
  assert.match(readFileSync(await whole.path(), "utf8"), /\nend\n$/);
});
step("a channel is made, tried, changed and deleted", async ({ page }) => {
  await page.goto(address + project + "/notifications?tab=channels&row=new");
  await drawer(page).getByLabel("Type").selectOption("telegram");
  await drawer(page).getByLabel("Name").fill("walk " + tag);
  await drawer(page).getByLabel("Bot token").fill("123456:" + "a".repeat(35));
  await drawer(page).getByLabel("Chat").fill("42");
  await drawer(page).getByRole("button", { name: /^Test/ }).click();
  await drawer(page).getByText("It was not taken").waitFor({ timeout: 60_000 });
  await drawer(page).getByRole("button", { name: "Create" }).click();
  await page.getByRole("row", { name: new RegExp("walk " + tag) }).click();
  await drawer(page).getByLabel("Switched on").uncheck();
  await drawer(page).getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: new RegExp(`walk ${tag}.*off`) }).click();
  await drawer(page).getByRole("button", { name: "Delete" }).click();
  await confirm(page, "Delete");
  await page.getByRole("row", { name: new RegExp("walk " + tag) }).waitFor({ state: "detached" });
});
step("one subscribes, mutes and unsubscribes", async ({ page }) => {
  const gone = (await ask(page, "/user/subscriptions")).items.find((s) => s.trigger === "command.timeout");
  assert.ok(!gone, "no such subscription at the start");
  await page.goto(address + project + "/notifications?tab=subscriptions&row=new");
  await drawer(page).getByLabel("When").selectOption("command.timeout");
  await drawer(page).getByRole("button", { name: "Subscribe" }).click();
  await page.getByRole("row", { name: /Nobody answered/ }).click();
  await drawer(page).getByRole("button", { name: "4 h" }).click();
  await page.getByRole("row", { name: /muted/ }).waitFor();
  await drawer(page).getByRole("button", { name: "Not any more" }).click();
  await page.getByRole("row", { name: /Nobody answered.*on$/ }).waitFor();
  await drawer(page).getByRole("button", { name: "Unsubscribe" }).click();
  await confirm(page, "Unsubscribe");
  await page.getByRole("row", { name: /Nobody answered/ }).waitFor({ state: "detached" });
});
step("what new members get is added and taken out", async ({ page }) => {
  await page.goto(address + project + "/notifications?tab=defaults&row=new");
  await drawer(page).getByLabel("When").selectOption("worker.offline");
  await drawer(page).getByRole("button", { name: "Add" }).click();
  await page.getByRole("row", { name: /worker went offline/ }).click();
  await drawer(page).getByRole("button", { name: "Take out" }).click();
  await confirm(page, "Take out");
  await page.getByRole("row", { name: /worker went offline/ }).waitFor({ state: "detached" });
});
step("the inbox is read", async ({ page }) => {
  await page.goto(address + project + "/notifications");
  await page.getByRole("row").nth(1).waitFor();
  await page.getByRole("row").nth(1).click();
  await drawer(page).getByText("you are subscribed").waitFor();
  await page.getByRole("button", { name: "Mark all read" }).click();
  await page.getByText("All are read").waitFor();
});
step("a plugin's settings are checked as one types, laid over the file, and go", async ({ page }) => {
  await page.goto(address + "/plugins?row=webhooks&tab=settings");
  const hosts = drawer(page).getByLabel("slack_hosts");
  await hosts.fill("x".repeat(300));
  await drawer(page).locator(".field", { hasText: "slack_hosts" }).getByRole("alert").waitFor();
  await hosts.fill("chat.corp\nother.corp");
  await drawer(page).getByText("the brain takes them").waitFor();
  await drawer(page).getByRole("button", { name: "JSON" }).click();
  const text = drawer(page).getByLabel("Laid over the file, as JSON");
  assert.deepEqual(JSON.parse(await text.inputValue()), { slack_hosts: ["chat.corp", "other.corp"] });
  await text.fill('{"slack_hosts": 5}');
  await drawer(page).getByText("/slack_hosts").waitFor();
  await text.fill('{"slack_hosts": ["chat.corp"]}');
  await drawer(page).getByText("the brain takes them").waitFor();
  await drawer(page).getByRole("button", { name: "Form" }).click();
  assert.equal(await hosts.inputValue(), "chat.corp");
  await drawer(page).getByRole("button", { name: "Save and start anew" }).click();
  await page.getByRole("row", { name: /webhooks.*laid over|webhooks/ }).waitFor();
  await drawer(page).getByText(/^Last changed/).waitFor();
  assert.deepEqual((await ask(page, "/plugins/webhooks")).override.settings, { slack_hosts: ["chat.corp"] });
});
step("what a plugin declares stands beside what was seen of it, and a contradiction stands out", async ({ page }) => {
  const seen = await ask(page, "/plugins/celery");
  await page.goto(address + "/plugins?row=celery&tab=can");
  const of = (verb) => drawer(page).locator(".cans li").filter({ hasText: new RegExp("^" + verb) }).first();
  await of("events").getByText(/\d+ done/).waitFor();
  await of("stream").getByText("is not asked for by itself").waitFor();
  assert.ok(seen.capabilities.find((c) => c.verb === "events").observed.done > 0);
  assert.equal(await drawer(page).locator(".cans .odd").count(), 0);
  const lie = (c) => (c.verb === "rate" ? { ...c, contradiction: "unsupported", observed: { ...seen.capabilities.find((x) => x.verb === "events").observed, asked: 2, done: 0, unsupported: 2, last_outcome: "unsupported", last_code: "unsupported", last_text: "no rates here" } } : c);
  await page.route("**/api/v1/plugins/celery", async (route) => route.fulfill({ json: { ...seen, capabilities: seen.capabilities.map(lie) } }));
  await page.goto(address + "/plugins?row=celery&tab=can");
  await drawer(page).getByText("One capability is not what it declares.").waitFor();
  await of("rate").getByText("answered 2 times that it can't").waitFor();
  await of("rate").getByText("no rates here").waitFor();
  assert.match(await drawer(page).locator(".cans li").first().textContent(), /^rate/, "it comes first");
  await page.unroute("**/api/v1/plugins/celery");
  await page.goto(address + "/plugins?row=webhooks");
});
step("a plugin is disabled and enabled by plans", async ({ page }) => {
  await drawer(page).getByRole("button", { name: "Disable" }).click();
  await confirm(page, "Disable");
  await page.getByRole("row", { name: /webhooks.*disabled/ }).waitFor();
  await drawer(page).getByRole("button", { name: "Enable" }).click();
  await confirm(page, "Enable");
  await page.getByRole("row", { name: /webhooks.*healthy/ }).waitFor();
  await drawer(page).getByRole("button", { name: "Back to the file" }).click();
  await confirm(page, "Back to the file");
  for (let i = 0; i < 20 && (await ask(page, "/plugins/webhooks")).override; i++) await page.waitForTimeout(200);
  assert.equal((await ask(page, "/plugins/webhooks")).override, null);
  await page.goto(address + "/plugins?row=storage");
  assert.equal(await drawer(page).getByRole("button", { name: /^Disable/ }).getAttribute("aria-disabled"), "true");
});
step("what is kept of a payload is shown before one relies on it", async ({ page }) => {
  await page.goto(address + "/settings?tab=installation");
  await page.getByRole("button", { name: "Redaction" }).click();
  await drawer(page).getByLabel("A payload, as JSON").fill('{"card": {"password": "hunter2", "order": 12}}');
  await drawer(page).getByText("/card/password").waitFor();
  await drawer(page).getByText("redacted").waitFor();
  assert.equal(await drawer(page).getByText("hunter2").count(), 0);
});
step("a key is shown once, opens what it may, and is revoked", async ({ page }) => {
  await page.goto(address + "/settings?tab=keys&row=new");
  await drawer(page).getByLabel("Name").fill("walk " + tag);
  await drawer(page).getByLabel("tasks:read").check();
  await drawer(page).getByRole("button", { name: "Create" }).click();
  const token = await page.getByRole("dialog").locator("pre").textContent();
  assert.match(token, /^z4k_/);
  const tried = (path) => fetch((process.env.Z4J_BRAIN ?? address) + "/api/v1" + path, { headers: { Authorization: "Bearer " + token } }).then((r) => r.status);
  assert.equal(await tried("/projects/default/tasks?limit=1"), 200);
  assert.equal(await tried("/projects/default/schedules"), 403);
  await page.getByRole("button", { name: "I have kept it" }).click();
  await page.getByRole("row", { name: new RegExp("walk " + tag) }).click();
  await drawer(page).getByRole("button", { name: "Revoke" }).click();
  await confirm(page, "Revoke");
  await page.getByRole("row", { name: new RegExp("walk " + tag) }).waitFor({ state: "detached" });
  assert.equal(await tried("/projects/default/tasks?limit=1"), 401);
});
step("a user is made, is given a role, loses it, is deactivated and deleted", async ({ page }) => {
  const email = `walk-${tag}@example.test`;
  await page.goto(address + "/settings?tab=users&row=new");
  await drawer(page).getByLabel("E-mail").fill(email);
  await drawer(page).getByLabel("Password", { exact: true }).fill("a phrase that is long " + tag);
  await drawer(page).getByRole("button", { name: "Create" }).click();
  await page.getByRole("row", { name: new RegExp(email) }).waitFor();
  await page.goto(address + "/settings?tab=members&project=default");
  await page.getByRole("button", { name: "Add a user" }).click();
  await page.getByRole("dialog").getByLabel("User").selectOption({ label: email });
  await page.getByRole("dialog").getByRole("button", { name: "Add" }).click();
  await page.getByLabel(`${email} as Operator`).click();
  await page.getByText(`${email} is operator`).waitFor();
  const member = async () => (await ask(page, "/projects/default/memberships")).find((m) => m.user_email === email);
  assert.equal((await member()).role, "operator");
  await page.getByRole("button", { name: "Undo" }).click();
  await page.getByText(`${email} is viewer`).waitFor();
  assert.equal((await member()).role, "viewer");
  await page.getByRole("button", { name: `Remove ${email}` }).click();
  await confirm(page, "Remove");
  await page.getByLabel(`${email} as Operator`).waitFor({ state: "detached" });
  await page.goto(address + "/settings?tab=users");
  await page.getByRole("row", { name: new RegExp(email) }).click();
  await drawer(page).getByRole("button", { name: "Deactivate" }).click();
  await confirm(page, "Deactivate");
  await page.getByRole("row", { name: new RegExp(email + ".*deactivated") }).waitFor();
  await drawer(page).getByRole("button", { name: "Delete" }).click();
  await confirm(page, "Delete");
  await page.getByRole("row", { name: new RegExp(email) }).waitFor({ state: "detached" });
});
step("somebody is invited by a link, and the invitation is withdrawn", async ({ page, browser }) => {
  const email = `guest-${tag}@example.test`;
  await page.goto(address + "/settings?tab=members&project=default");
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByRole("dialog").getByLabel("E-mail").fill(email);
  await page.getByRole("dialog").getByRole("button", { name: "Invite" }).click();
  const link = await page.getByRole("dialog").locator("pre").textContent();
  const guest = await openContext(browser);
  await guest.page.goto(link);
  await guest.page.getByRole("heading", { name: /^Join/ }).waitFor();
  await guest.context.close();
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: `Withdraw the invitation of ${email}` }).click();
  await page.getByText(email, { exact: true }).waitFor({ state: "detached" });
});
step("a project is made, changed and archived", async ({ page }) => {
  await page.goto(address + "/settings?tab=projects&row=new");
  await drawer(page).getByLabel("Name").fill("Walk " + tag);
  await drawer(page).getByLabel("Environment").selectOption("test");
  await drawer(page).getByRole("button", { name: "Create" }).click();
  await drawer(page).getByRole("button", { name: "Archive" }).waitFor();
  await drawer(page).getByLabel(/^Keeps/).fill("7");
  await drawer(page).getByRole("button", { name: "Save" }).click();
  await page.getByText("Kept", { exact: true }).waitFor();
  assert.equal((await ask(page, `/projects/walk-${tag}`)).retention_days, 7);
  await drawer(page).getByRole("button", { name: "Archive" }).click();
  await confirm(page, "Archive");
  await page.getByRole("row", { name: new RegExp("Walk " + tag) }).waitFor({ state: "detached" });
});
step("names and zone are kept", async ({ page }) => {
  await page.goto(address + "/settings");
  await page.getByLabel("Last name").fill(tag);
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Kept", { exact: true }).waitFor();
  assert.equal((await ask(page, "/auth/me")).last_name, tag);
});

step("a second factor is set up with its codes, and turned off", async ({ page }) => {
  await page.goto(address + "/settings?tab=security");
  await page.getByRole("button", { name: "Set up" }).click();
  await page.getByRole("img", { name: /QR/ }).waitFor();
  const secret = (await page.getByRole("dialog").locator("pre").textContent()).replace(/\s/g, "");
  await page.getByLabel("The six digits it shows").fill("000000");
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("That code does not match").waitFor();
  await page.getByLabel("The six digits it shows").fill(totp(secret));
  await page.getByRole("button", { name: "Confirm" }).click();
  await page.getByText("Recovery codes, shown this once").waitFor({ timeout: 60_000 }); // ten hashes
  assert.ok((await page.getByRole("dialog").locator("pre").textContent()).split("\n").length >= 8);
  await page.getByRole("button", { name: "I have kept them" }).click();
  await page.getByRole("button", { name: "Turn it off" }).click();
  await page.getByRole("dialog").getByLabel("Password").fill(login.password);
  await page.getByRole("dialog").getByLabel("Code of the app").fill(totp(secret, 1));
  await page.getByRole("dialog").getByRole("button", { name: "Turn it off" }).click();
  await page.getByRole("button", { name: "Set up" }).waitFor();
  assert.equal((await ask(page, "/auth/mfa/status")).enrolled, false);
});
step("a wrong password changes nothing; other sessions end", async ({ page, browser }) => {
  await page.goto(address + "/settings?tab=security");
  await page.getByLabel("Current password").fill("wrong wrong wrong 1");
  await page.getByLabel("New password").fill("another long phrase 1");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("That is not the current password").waitFor();
  const other = await openContext(browser, { state: await signIn(browser) });
  await page.reload();
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByText(/has ended|have ended/).waitFor();
  assert.equal((await ask(page, "/auth/sessions")).length, 1);
  await other.page.goto(address + project);
  await other.page.waitForURL((u) => u.pathname === "/login");
  await other.context.close();
});
step("no page scrolls sideways on a phone", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ["/audit", "/audit?panel=chain", "/notifications", "/notifications?tab=channels&row=new", "/notifications?tab=deliveries", "/errors", "/names"].map((p) => project + p).concat(["/plugins?row=celery", "/settings", "/settings?tab=security", "/settings?tab=members&project=default", "/settings?tab=installation", "/settings?tab=keys&row=new"])) {
    await page.goto(address + path);
    await settle(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path);
  }
});

const browser = await openBrowser();
const { context, page, faults } = await openContext(browser, { state: await signIn(browser) });
await page.goto(address + project);
page.setDefaultTimeout(patience);
let failed = 0;
for (const { name, run } of steps) {
  try {
    await run({ page, context, browser });
    console.log("ok    " + name);
  } catch (error) {
    failed++;
    console.log("FAIL  " + name + "\n      " + String(error.message).split("\n").slice(0, 8).join("\n      "));
    await page.screenshot({ path: `/tmp/walk-admin-${failed}.png` }).catch(() => {});
  }
}
for (const fault of faults.filter((f) => !/status of (401|403|409|422)/.test(f))) console.log("fault " + fault);
await browser.close();
process.exit(failed ? 1 : 0);
