// Ten jobs by keyboard alone, against a brain with the demo fleet: node tests/browser/keyboard.mjs [NAME...]. After each key something
// has the focus, it shows that it has, and it is in sight.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { address, patience } from "./browser.mjs";
import { ask, runCases, test, until } from "./cases.mjs";

/** What is wrong with the focus, and the name of what has it. */
function focusNow() {
  const el = document.activeElement;
  if (!el || el === document.body || el === document.documentElement) return { wrong: "nothing has the focus" };
  const name = (el.getAttribute("aria-label") ?? el.labels?.[0]?.textContent ?? el.textContent ?? "").trim() || el.title;
  const told = { name, role: el.getAttribute("role") ?? el.tagName.toLowerCase() };
  const mark = el.getAttribute("role") === "grid" ? el.querySelector(".tr.at") : el.closest(".ask") ?? el;
  if (!mark) return { ...told, wrong: "no row shows that the list has the focus" };
  const style = getComputedStyle(mark);
  if ((style.outlineStyle === "none" || parseFloat(style.outlineWidth) === 0) && style.boxShadow === "none") return { ...told, wrong: "the focus does not show" };
  const box = mark.getBoundingClientRect();
  const hit = document.elementFromPoint(Math.min(box.left + box.width / 2, innerWidth - 1), Math.min(box.top + box.height / 2, innerHeight - 1));
  if (!hit || !(mark.contains(hit) || hit.contains(mark))) return { ...told, wrong: `what has the focus is not in sight, ${hit?.className ?? "nothing"} is there` };
  return told;
}

class Hands {
  constructor(page) {
    this.page = page;
    this.begun = false;
  }
  /** Presses keys one after the other. Before the first Tab or act the page may have no focus yet. */
  async press(...keys) {
    for (const key of keys) {
      await this.page.keyboard.press(key);
      await this.look(`after ${key}`);
    }
  }
  async type(text) {
    await this.page.keyboard.type(text);
    await this.look(`after typing ${text}`);
  }
  async look(when) {
    const end = Date.now() + 5000;
    for (;;) {
      const now = await this.page.evaluate(focusNow).catch((error) => ({ wrong: error.message }));
      if (now.role) this.begun = true;
      if (!now.wrong || (!this.begun && !now.role)) return now;
      if (Date.now() > end) throw new Error(`${when} at ${this.page.url()}: ${now.wrong} (${now.role ?? ""} ${now.name ?? ""})`);
      await this.page.waitForTimeout(50);
    }
  }
  /** Tab until something of that name has the focus. */
  async tabTo(name, role = null, key = "Tab") {
    const seen = [];
    for (let i = 0; i < 150; i++) {
      await this.press(key);
      const now = await this.look("");
      if (now.name?.match(name) && (!role || now.role === role)) return;
      seen.push(now.name?.slice(0, 30));
    }
    throw new Error(`Tab does not come to ${name}: ${seen.join(", ")}`);
  }
  /** The screen after g and a letter; its list, when it has one, filtered. */
  async goTo(letter, path, filter) {
    await this.press("g");
    await this.press(letter);
    await this.page.waitForURL((u) => u.pathname === path);
    if (filter === undefined) return;
    await this.page.getByRole("grid").waitFor();
    await this.press("/");
    await this.type(filter);
    await this.press("Enter");
    await this.page.waitForURL((u) => u.searchParams.get("q")?.includes(filter.split(":").pop()));
    await this.page.getByRole("row").nth(1).waitFor();
    await this.press("Enter"); // nothing typed: on to the list
    assert.equal((await this.look("")).role, "grid");
  }
  /** In production a word goes first. */
  async typeWord(word) {
    if (!(await this.page.getByLabel(`type ${word} to go on`).count())) return;
    await this.tabTo(/ to go on$/);
    await this.type(word);
  }
  async toast(text) {
    await this.page.locator(".toast").filter({ hasText: text }).first().waitFor({ timeout: patience });
  }
}

const by = (name, run, options) =>
  test(
    name,
    async (page, context) => {
      // A test that reaches for the mouse is none.
      for (const word of ["click", "dblclick", "hover", "tap", "fill", "check"]) page[word] = () => assert.fail(`by keyboard alone, not ${word}`);
      const hands = new Hands(page);
      if (!options?.signedOut) {
        await page.goto(address + "/p/default");
        await page.getByRole("navigation", { name: "Screens" }).first().waitFor();
      }
      await run(hands, page, context);
    },
    options,
  );
const failed = (hands) => hands.goTo("t", "/p/default/tasks", "state:failed name:charge_card");

by(
  "sign_in",
  async (hands, page) => {
    const login = JSON.parse(readFileSync(process.env.Z4J_LOGIN, "utf8"));
    await page.goto(address + "/login");
    await page.getByLabel("E-mail").waitFor();
    await until("the field of the e-mail address", () => page.evaluate(() => document.activeElement?.tagName === "INPUT"));
    await hands.type(login.email);
    await hands.tabTo(/^Password/, "input");
    await hands.type(login.password);
    await page.keyboard.press("Enter");
    await page.waitForURL((u) => u.pathname.startsWith("/p/"));
  },
  { signedOut: true },
);
by("find_a_failed_task", async (hands, page) => {
  await failed(hands);
  await hands.press("j", "k", "ArrowDown", "o");
  await page.getByRole("complementary").getByText("failed").first().waitFor();
  await hands.press("]", "[", "Escape");
  await page.getByRole("complementary").waitFor({ state: "detached" });
});
by("read_its_traceback", async (hands, page) => {
  await failed(hands);
  await hands.press("j", "Enter");
  await page.getByRole("tab", { name: "Timeline" }).waitFor();
  await hands.tabTo(/^Timeline/, "tab");
  await hands.press("ArrowRight", "ArrowRight");
  await page.getByText("frames in celery").first().waitFor();
  await hands.tabTo(/frames in celery/);
  await hands.press("Enter");
  await page.getByText("trace_task").first().waitFor();
  await page.getByText("raise ValueError").first().waitFor();
  await hands.press("Escape");
  await page.waitForURL((u) => u.pathname === "/p/default/tasks");
});
by("retry_it", async (hands, page) => {
  await failed(hands);
  await hands.press("j", "o");
  await page.getByRole("complementary").waitFor();
  const [engine, id] = new URL(page.url()).searchParams.get("row").split("/");
  await hands.press("r");
  await page.getByText("Nothing happens until you confirm").waitFor();
  await hands.tabTo(/^Send it again/);
  await until("a plan that is ready", () => page.evaluate(() => document.activeElement.getAttribute("aria-disabled") !== "true"));
  await hands.press("Enter");
  await hands.toast("Retry is");
  await until("a retry", async () => (await ask(page, `/tasks/${engine}/${id}`)).retried_as);
});
by("cancel_a_waiting_one", async (hands, page) => {
  await hands.goTo("t", "/p/default/tasks", "state:waiting queue:night");
  await hands.press("j", "o");
  await page.getByRole("complementary").waitFor();
  const [engine, id] = new URL(page.url()).searchParams.get("row").split("/");
  await hands.press("c");
  await page.getByText("Nothing happens until you confirm").waitFor();
  await hands.tabTo(/^Cancel it/);
  await hands.press("Enter");
  await hands.toast("Cancel is");
  await until("a cancelled task", async () => (await ask(page, `/tasks/${engine}/${id}`)).state === "revoked");
});
by("purge_a_queue_with_preview", async (hands, page) => {
  const night = async () => (await ask(page, "/queues")).find((q) => q.engine === "celery" && q.name === "night").pending_count;
  await until("something waits", async () => (await night()) > 1);
  await hands.goTo("q", "/p/default/queues", "night");
  await hands.press("o");
  await page.getByRole("complementary").waitFor();
  await hands.tabTo(/^Purge…/);
  await hands.press("Enter");
  await page.getByText("all of them waiting").waitFor();
  await hands.typeWord("night");
  await hands.tabTo(/^Purge \d+/);
  await hands.press("Enter");
  await hands.toast("removed from night");
  await until("an empty queue", async () => (await night()) < 2);
});
by("bulk_retry_with_preview", async (hands, page) => {
  await failed(hands);
  await hands.press("x", "j", "x");
  await page.getByText("2 selected").waitFor();
  await hands.press("r");
  await page.getByRole("button", { name: /^Retry 2/ }).waitFor();
  await hands.typeWord("retry");
  await hands.tabTo(/^Retry 2/);
  await hands.press("Enter");
  await hands.toast("Retrying 2 tasks");
  await hands.goTo("b", "/p/default/bulk");
  await page.getByRole("row").filter({ hasText: /retry/i }).first().waitFor();
});
by("edit_a_schedule", async (hands, page) => {
  const every = async () => (await ask(page, "/schedules?search=stocktaking")).items[0].expression;
  const wanted = (await every()) === "45s" ? "50s" : "45s";
  await hands.goTo("s", "/p/default/schedules", "stocktaking");
  await hands.press("o");
  await page.getByRole("complementary").waitFor();
  await hands.tabTo(/^Edit/);
  await hands.press("Enter");
  await page.getByLabel("When", { exact: true }).waitFor();
  await hands.tabTo(/^When$/);
  await hands.press("Control+a");
  await hands.type(wanted);
  await hands.tabTo(/^Save and apply/);
  await hands.press("Enter");
  await hands.toast("is changed, and in effect");
  assert.equal(await every(), wanted);
});
by("mint_an_agent", async (hands, page) => {
  const name = `keys-${Date.now()}`;
  await hands.goTo("f", "/p/default/fleet");
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
  await hands.tabTo(/Connect an agent/);
  await hands.press("Enter");
  await page.getByRole("dialog").getByLabel("Name").waitFor();
  await hands.look("in the dialog");
  await hands.type(name);
  await hands.press("Enter");
  await page.getByRole("heading", { name: `Agent ${name} is ready to connect` }).waitFor();
  await hands.tabTo(/^Copy the variables/);
  await hands.tabTo(/^Done/);
  await hands.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await hands.look("after the dialog");
  assert.ok((await ask(page, "/agents")).some((a) => a.name === name));
});
by("verify_the_audit_log", async (hands, page) => {
  const checked = async () => (await (await page.request.get(address + "/api/v1/audit/verify")).json()).checked_at;
  const before = await checked();
  await hands.goTo("a", "/p/default/audit");
  await page.getByRole("button", { name: "Verify now" }).waitFor();
  await hands.tabTo(/^Verify now/);
  await hands.press("Enter");
  await until("another check", async () => (await checked()) !== before);
  await page.getByText(/^Chain intact/).waitFor();
});

await runCases();
