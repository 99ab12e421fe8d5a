// Walks through the console as a person does, against a brain with the demo fleet: node tests/browser/walk.mjs
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { address, openBrowser, openContext, patience, settle, signIn } from "./browser.mjs";

const steps = [];
const step = (name, run) => steps.push({ name, run });
const url = (page) => new URL(page.url());

step("a wrong password says so, and not which half was wrong", async ({ page }) => {
  await page.goto(address + "/p/default/tasks?q=state:failed");
  await page.waitForURL((u) => u.pathname === "/login");
  await page.getByLabel("E-mail").fill("nobody@example.com");
  await page.getByLabel("Password", { exact: true }).fill("wrong wrong wrong 1");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("That pair does not match").waitFor();
});
step("signing in goes on to where one wanted to be", async ({ page }) => {
  const login = JSON.parse(readFileSync(process.env.Z4J_LOGIN, "utf8"));
  await page.getByLabel("E-mail").fill(login.email);
  await page.getByLabel("Password", { exact: true }).fill(login.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((u) => u.pathname === "/p/default/tasks" && u.searchParams.get("q") === "state:failed");
  await page.getByRole("row").nth(3).waitFor();
});
step("the query bar offers, takes and drops terms", async ({ page }) => {
  await page.keyboard.press("/");
  await page.keyboard.type("que");
  await page.getByRole("option", { name: /^queue:/ }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("orders");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.searchParams.get("q") === "state:failed queue:orders");
  await page.getByRole("button", { name: "Drop state:failed" }).first().click();
  await page.waitForURL((u) => u.searchParams.get("q") === "queue:orders");
});
step("a term that is none is named", async ({ page }) => {
  await page.goto(address + "/p/default/tasks?q=stat:x");
  await page.getByText("The query is not understood").waitFor();
});
step("j, o and Esc open and close the drawer, x selects", async ({ page }) => {
  await page.goto(address + "/p/default/tasks?q=state:failed");
  await page.getByRole("row").nth(3).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("o");
  await page.getByRole("complementary").waitFor();
  assert.ok(url(page).searchParams.get("row"), "the open row stands in the address");
  await page.keyboard.press("Escape");
  await page.getByRole("complementary").waitFor({ state: "detached" });
  await page.keyboard.press("x");
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.getByText("2 selected").waitFor();
});
step("many at once: a plan first, then a job", async ({ page }) => {
  await page.getByRole("region", { name: "Selected tasks" }).getByRole("button", { name: "Retry" }).click();
  const act = page.getByRole("button", { name: /^Retry 2$/ });
  await act.waitFor();
  if (await page.getByText("Production: type").count()) {
    assert.equal(await act.getAttribute("aria-disabled"), "true", "a word must be typed first");
    await page.getByLabel(/Production: type/).fill("retry");
  }
  await act.click();
  await page.getByText("Retrying 2 tasks").waitFor();
});
step("a task's page: tabs stand in the address", async ({ page }) => {
  await page.goto(address + "/p/default/tasks?q=state:failed name:charge_card");
  await page.getByRole("row").nth(2).waitFor();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await page.getByRole("tab", { name: "Timeline" }).waitFor();
  await page.getByRole("tab", { name: "Exception" }).click();
  assert.equal(url(page).searchParams.get("tab"), "exception");
  await page.getByText("frames in celery").first().waitFor();
});
step("edit and retry shows the difference before it sends", async ({ page }) => {
  await page.keyboard.press("e");
  await page.getByLabel("Arguments, as JSON", { exact: true }).fill("[1, ");
  await page.getByText(/^Arguments: /).waitFor();
  await page.getByLabel("Arguments, as JSON", { exact: true }).fill('[1, 2.5]');
  await page.getByText("Against what it had").waitFor();
  await page.getByRole("button", { name: "Send it again" }).click();
  await page.getByText(/Retry is/).waitFor();
});
step("the palette goes anywhere", async ({ page }) => {
  await page.keyboard.press("Control+k");
  await page.keyboard.type("queues");
  await page.keyboard.press("Enter");
  await page.waitForURL((u) => u.pathname === "/p/default/queues");
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForURL((u) => u.pathname === "/p/default/tasks");
});
step("a theme is kept", async ({ page }) => {
  const before = await page.evaluate(() => document.documentElement.dataset.theme);
  await page.getByRole("button", { name: /^Theme/ }).click();
  const after = await page.evaluate(() => localStorage.getItem("z4j.theme"));
  assert.notEqual(before, after);
});
step("a lost connection is said, and ends", async ({ page, context }) => {
  await page.goto(address + "/p/default/tasks");
  await page.getByRole("button", { name: "Live" }).waitFor();
  await page.getByRole("button", { name: "Live" }).click();
  await page.getByText(/Paused\. Showing/).waitFor();
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText(/Paused\. Showing/).waitFor({ state: "detached" });
  void context;
});
step("no page scrolls sideways on a phone", async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const path of ["/p/default", "/p/default/tasks", "/settings"]) {
    await page.goto(address + path);
    await settle(page);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), path);
  }
});

const browser = await openBrowser();
const { context, page, faults } = await openContext(browser);
page.setDefaultTimeout(patience);
let failed = 0;
for (const { name, run } of steps) {
  try {
    await run({ page, context, browser, signIn });
    console.log("ok    " + name);
  } catch (error) {
    failed++;
    console.log("FAIL  " + name + "\n      " + String(error.message).split("\n").slice(0, 6).join("\n      "));
    await page.screenshot({ path: `/tmp/walk-${failed}.png` }).catch(() => {});
  }
}
for (const fault of faults) console.log("fault " + fault);
await browser.close();
process.exit(failed || faults.length ? 1 : 0);
