// Acts that reach the demo fleet, each with its effect seen in the API afterwards: node tests/browser/acts.mjs [PART OF A NAME]
import assert from "node:assert/strict";
import { address, openBrowser, openContext, patience, settle, signIn } from "./browser.mjs";

const acts = [];
const act = (name, run) => acts.push({ name, run });
const base = "/api/v1/projects/default";
/** Until it holds, or forty seconds are over. */
async function until(what, check) {
  const end = Date.now() + 40_000;
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
  const box = page.getByLabel(`type ${word} to go on`);
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
const worker = async (page, name) => (await get(page, "/workers")).find((w) => w.name === name);
act("a pool grows and shrinks", async (page) => {
  const { id } = await worker(page, "orders@demo");
  const processes = async () => (await get(page, `/workers/${id}`)).metadata.stats.pool.processes.length;
  const before = await processes();
  await page.goto(address + `/p/default/fleet?row=${id}`);
  await page.getByRole("button", { name: "Grow" }).click();
  await toast(page, `its pool grew by 1, to ${before + 1}`);
  await until("another child", async () => (await processes()) === before + 1);
  await page.getByRole("button", { name: "Shrink" }).click();
  await until("as many as before", async () => (await processes()) === before);
});
act("a worker listens to another queue, which is worked off, and leaves it", async (page) => {
  const { id } = await worker(page, "orders@demo");
  await page.goto(address + `/p/default/fleet?row=${id}`);
  await page.getByLabel("Queue to listen to as well").fill("night");
  await page.getByRole("button", { name: "Listen", exact: true }).click();
  await toast(page, "it listens to night");
  await until("an emptied queue", async () => (await queue(page, "celery", "night")).pending_count === 0);
  await page.getByRole("button", { name: "Stop listening to night" }).click();
  await until("as before", async () => !(await worker(page, "orders@demo")).queues.includes("night"));
});
act("a rate is limited, kept as a wish, and forgotten", async (page) => {
  const { id } = await worker(page, "orders@demo");
  await page.goto(address + `/p/default/fleet?row=${id}`);
  await page.getByLabel("Task", { exact: true }).selectOption("shop.total");
  await page.getByLabel("Rate").fill("ten");
  assert.equal(await page.getByRole("button", { name: /^Set/ }).first().getAttribute("aria-disabled"), "true");
  await page.getByLabel("Rate").fill("100/m");
  await page.getByRole("button", { name: "Set" }).first().click();
  await toast(page, "runs at most 100/m");
  await page.getByText("shop.total: at most 100/m").waitFor();
  assert.ok((await get(page, "/worker-wishes")).items.some((w) => w.kind === "rate_limit" && w.target === "shop.total"));
  await page.getByRole("button", { name: "Forget" }).first().click();
  await until("no wish", async () => !(await get(page, "/worker-wishes")).items.some((w) => w.kind === "rate_limit" && w.target === "shop.total"));
});
act("an agent is made, its token shown once, rotated, revoked and deleted", async (page) => {
  const name = `acts-${Date.now()}`;
  await page.goto(address + "/p/default/fleet/connect");
  await page.getByLabel("Name").fill(name);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `Agent ${name} is ready to connect` }).waitFor();
  const env = await page.locator(".copy pre").first().textContent();
  assert.match(env, /^Z4J_TOKEN=\S{20,}$/m);
  await page.getByText(`Waiting for ${name}`).waitFor();
  await page.getByRole("button", { name: "Done" }).click();
  assert.equal(await page.getByText(env.match(/Z4J_TOKEN=(\S+)/)[1]).count(), 0);
  await page.getByRole("row").filter({ hasText: name }).click();
  const drawer = page.getByRole("complementary");
  await drawer.getByRole("button", { name: "New token…" }).click();
  await page.getByRole("button", { name: "Make a new token" }).click();
  await page.getByRole("heading", { name: `A new token for ${name}` }).waitFor();
  assert.notEqual(await page.locator(".copy pre").first().textContent(), env);
  await page.getByRole("button", { name: "Done" }).click();
  await drawer.getByRole("button", { name: "Revoke…" }).click();
  await typeWord(page, name);
  await page.getByRole("button", { name: "Revoke", exact: true }).click();
  await toast(page, "is revoked");
  const found = (await get(page, "/agents")).find((a) => a.name === name);
  assert.equal(found.is_revoked, true);
  await drawer.getByRole("button", { name: "Delete…" }).click();
  await typeWord(page, name);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await toast(page, "is deleted");
  assert.ok(!(await get(page, "/agents")).some((a) => a.name === name));
});
const schedule = async (page, name) => (await get(page, `/schedules?search=${encodeURIComponent(name)}`)).items.find((s) => s.name === name);
act("a schedule is made, edited, switched, fired and deleted", async (page) => {
  const name = `acts ${Date.now()}`;
  await page.goto(address + "/p/default/schedules?new=1");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Engine").fill("celery");
  await page.getByLabel("Task", { exact: true }).fill("shop.add");
  await page.getByLabel("Arguments, as JSON", { exact: true }).fill("[1, 2]");
  await page.getByLabel("Queue").fill("orders");
  await page.getByLabel("When", { exact: true }).fill("30 2 * * 9");
  await page.getByRole("complementary").locator("p.bad").first().waitFor();
  await page.getByLabel("Time zone").fill("Europe/Berlin");
  await page.getByLabel("When", { exact: true }).fill("30 2 * * *");
  await page.getByRole("row", { name: /02:30 CET/ }).first().waitFor();
  await page.getByRole("button", { name: "Make it" }).click();
  await toast(page, `${name} is made`);
  const made = await schedule(page, name);
  assert.deepEqual([made.expression, made.timezone, made.args], ["30 2 * * *", "Europe/Berlin", [1, 2]]);
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("When", { exact: true }).fill("15 4 * * *");
  await page.getByRole("row", { name: /04:15 CET/ }).first().waitFor();
  await page.getByRole("button", { name: "Save and apply" }).click();
  await toast(page, "is changed, and in effect");
  assert.equal((await schedule(page, name)).expression, "15 4 * * *");
  await page.getByRole("button", { name: "Switch off" }).click();
  await until("off", async () => !(await schedule(page, name)).is_enabled);
  await page.getByRole("button", { name: "Switch on" }).click();
  await until("on", async () => (await schedule(page, name)).is_enabled);
  await page.getByRole("button", { name: "Fire now…" }).click();
  await typeWord(page, name);
  await page.getByRole("button", { name: "Fire now", exact: true }).click();
  await toast(page, `${name} fired`);
  await until("its task ended", async () => (await get(page, `/schedules/${made.id}/fires`)).some((f) => f.reason === "trigger" && f.task_state === "success"));
  await page.getByRole("complementary").getByRole("button", { name: "Delete" }).click();
  await typeWord(page, name);
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await toast(page, "is deleted");
  assert.equal(await schedule(page, name), undefined);
});
act("a file of schedules is compared, then applied", async (page) => {
  const name = `file ${Date.now()}`;
  await page.goto(address + "/p/default/schedules");
  await page.getByText("Files").click();
  await page.getByRole("menuitem", { name: /Import/ }).click();
  await page.getByLabel("Or its text").fill(JSON.stringify({ schedules: [{ name, engine: "celery", kind: "interval", expression: "1d", task_name: "shop.add", args: [1, 1] }] }));
  await page.getByRole("button", { name: "Compare with what is there" }).click();
  await page.getByText(`Make ${name}`).waitFor();
  assert.equal(await schedule(page, name), undefined);
  await typeWord(page, "import");
  await page.getByRole("button", { name: "Apply 1" }).click();
  await toast(page, "1 made");
  assert.equal((await schedule(page, name)).expression, "1d");
});
act("a bulk job is paused, goes on, and its rest is cancelled", async (page) => {
  await page.goto(address + "/p/default/bulk");
  const csrf = (await page.context().cookies()).find((c) => c.name.endsWith("z4j_csrf")).value;
  const post = async (path, data) => (await page.request.post(address + base + path, { data, headers: { "X-CSRF-Token": csrf } })).json();
  const ids = (await get(page, "/tasks?state=success&engine=celery&limit=60")).items.map((t) => t.task_id);
  const selection = await post("/selections", { action: "retry", task_ids: ids });
  await until("a ready selection", async () => (await get(page, `/selections/${selection.id}`)).state === "ready");
  const job = await post("/bulk-jobs", { selection_id: selection.id, rate_per_second: 2 });
  const now = () => get(page, `/bulk-jobs/${job.id}`);
  await page.getByRole("row").filter({ hasText: "running" }).first().click();
  await page.getByRole("heading", { name: /^Retry \d+$/ }).waitFor();
  await until("some done", async () => (await now()).left < (await now()).total);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await until("paused", async () => (await now()).state === "paused");
  const held = (await now()).left;
  await new Promise((done) => setTimeout(done, 2500));
  assert.ok(held - (await now()).left <= 2, "a paused job sends nothing more");
  await page.getByRole("button", { name: "Resume" }).click();
  await until("going on", async () => (await now()).state === "running" && (await now()).left < held);
  await page.getByRole("button", { name: /^Cancel the remaining/ }).click();
  await page.getByText("will not be tried").waitFor();
  await typeWord(page, "cancel");
  await page.getByRole("button", { name: /^Cancel the \d+/ }).click();
  await until("cancelled", async () => (await now()).state === "cancelled");
  assert.ok((await now()).left > 0);
  await page.getByRole("row").nth(2).waitFor();
});
// MORE

const wanted = process.argv[2];
const browser = await openBrowser();
const state = await signIn(browser);
let failed = 0;
for (const { name, run } of acts) {
  if (wanted && !name.includes(wanted)) continue;
  const { context, page, faults } = await openContext(browser, { state });
  page.setDefaultTimeout(patience);
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
