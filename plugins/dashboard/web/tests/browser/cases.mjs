// Named cases, each in a page of its own, signed in; a program's words name those wanted. A suite in Python may stand behind it
// (tests/console/browser.py) and be asked to do what no page can: send events, go away, change the store.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { address, openBrowser, openContext, patience, settle, signIn } from "./browser.mjs";

const cases = [];
/** `expected` are faults of the page that the case makes itself; `signedOut` begins at the gate. */
export const test = (name, run, { expected = null, signedOut = false } = {}) => cases.push({ name, run, expected, signedOut });

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** What the suite's method of that name answers. */
export async function stage(name, ...words) {
  console.log("stage " + JSON.stringify([name, ...words]));
  const { value, done } = await answers.next();
  if (done) throw new Error(`nobody stands behind this program to do ${name}`);
  return JSON.parse(value);
}

/** The answer of the brain to a GET within the project. */
export async function ask(page, path) {
  const answer = await page.request.get(`${address}/api/v1/projects/default${path}`);
  assert.ok(answer.ok(), `${path}: ${answer.status()}`);
  return answer.json();
}

/** Until it holds, or patience ends. */
export async function until(what, check) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await check();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not seen: ${what}`);
    await new Promise((done) => setTimeout(done, 250));
  }
}

export async function runCases() {
  const wanted = process.argv.slice(2);
  const browser = await openBrowser();
  let failed = 0;
  try {
    const state = await signIn(browser);
    for (const { name, run, expected, signedOut } of cases) {
      if (wanted.length && !wanted.includes(name)) continue;
      const { context, page, faults } = await openContext(browser, { state: signedOut ? undefined : state });
      page.setDefaultTimeout(patience);
      try {
        await run(page, context);
        await settle(page);
        assert.deepEqual(faults.filter((f) => !expected?.test(f)), []);
        console.log("ok    " + name);
      } catch (error) {
        failed++;
        console.log(`FAIL  ${name}\n      ${String(error.message).split("\n").slice(0, 12).join("\n      ")}`);
        if (faults.length) console.log("      " + faults.join("\n      "));
        await page.screenshot({ path: `/tmp/${name}.png` }).catch(() => {});
      }
      await context.close();
    }
  } finally {
    await browser.close();
  }
  process.exit(failed ? 1 : 0);
}
