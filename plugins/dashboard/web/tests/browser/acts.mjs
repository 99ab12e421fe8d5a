// Acts that reach the demo fleet, each with its effect seen in the API afterwards: node tests/browser/acts.mjs [PART OF A NAME]
import assert from "node:assert/strict";
import { address, openBrowser, openContext, settle, signIn } from "./browser.mjs";

const acts = [];
const act = (name, run) => acts.push({ name, run });
const base = "/api/v1/projects/default";
/** Until it holds, or ten seconds are over. */
async function until(what, check) {
  const end = Date.now() + 15_000;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not seen: ${what}`);
    await new Promise((done) => setTimeout(done, 300));
  }
}
const get = async (page, path) => {
  const answer = await page.request.get(address + base + path);
  assert.ok(answer.ok(), `${path}: ${answer.status()}`);
  return answer.json();
};
const queue = async (page, engine, name) => (await get(page, "/queues")).find((q) => q.engine === engine && q.name === name);
const typeWord = async (page, word) => {
  const box = page.getByLabel(new RegExp(`type ${word} to go on`));
  if (await box.count()) await box.fill(word);
};
const toast = (page, text) => page.locator(".toast").filter({ hasText: text }).first().waitFor({ timeout: 20_000 });

act("a queue is paused, workers leave it, and it goes on", async (page) => {
  await page.goto(address + "/p/default/queues?row=celery/orders");
  const drawer = page.getByRole("complementary");
  await drawer.getByRole("button", { name: "Pause", exact: true }).click();
  await typeWord(page, "pause");
  await page.getByRole("button", { name: "Pause", exact: true }).last().click();
  await toast(page, "Queue orders is paused");
  await until("is_paused", async () => (await queue(page, "celery", "orders")).is_paused);
  await drawer.getByText("by you").waitFor();
  await drawer.getByRole("button", { name: "Resume" }).click();
  await until("going on", async () => !(await queue(page, "celery", "orders")).is_paused);
});
act("a purge empties the queue and keeps a copy, which puts all back", async (page) => {
  const before = (await until("something waits", async () => ((await queue(page, "celery", "night")).pending_count > 2 ? queue(page, "celery", "night") : null))).pending_count;
  await page.goto(address + "/p/default/queues?row=celery/night");
  await page.getByRole("button", { name: "Purge…" }).click();
  const go = page.getByRole("button", { name: /^Purge \d+$/ });
  await go.waitFor();
  assert.equal(await go.getAttribute("aria-disabled"), "true");
  await typeWord(page, "night");
  await go.click();
  await toast(page, "removed from night");
  await until("an empty queue", async () => (await queue(page, "celery", "night")).pending_count < 3);
  const copy = (await until("a kept copy", async () => (await get(page, "/queue-copies")).items.find((c) => c.queue === "night" && c.state === "kept"))) ;
  assert.ok(copy.messages >= before - 2, `${copy.messages} of ${before}`);
  await page.goto(address + `/p/default/queues?view=copies&row=${copy.id}`);
  await page.getByRole("complementary").getByRole("button", { name: "Put back" }).click();
  await typeWord(page, "night");
  await page.getByRole("button", { name: /^Put back \d+$/ }).click();
  await until("all back", async () => (await queue(page, "celery", "night")).pending_count >= copy.messages);
});
// MORE

const wanted = process.argv[2];
const browser = await openBrowser();
const state = await signIn(browser);
let failed = 0;
for (const { name, run } of acts) {
  if (wanted && !name.includes(wanted)) continue;
  const { context, page, faults } = await openContext(browser, { state });
  page.setDefaultTimeout(10_000);
  try {
    await run(page);
    await settle(page);
    assert.deepEqual(faults, []);
    console.log("ok    " + name);
  } catch (error) {
    failed++;
    console.log("FAIL  " + name + "\n      " + String(error.message).split("\n").slice(0, 8).join("\n      "));
    await page.screenshot({ path: `/tmp/acts-${failed}.png` }).catch(() => {});
  }
  await context.close();
}
await browser.close();
process.exit(failed ? 1 : 0);
