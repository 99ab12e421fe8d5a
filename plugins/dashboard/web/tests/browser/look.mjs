// Pictures of screens, to be looked at: node tests/browser/look.mjs [PATH...]; into shots/.
import { mkdirSync } from "node:fs";
import { address, openBrowser, openContext, settle, signIn } from "./browser.mjs";

const wanted = process.argv.slice(2);
const paths = wanted.length ? wanted : ["/p/default", "/p/default/tasks"];
const views = (process.env.VIEWS ?? "wide-light wide-dark phone-light").split(" ").map((v) => v.split("-"));
const out = new URL("../../shots/", import.meta.url).pathname;
mkdirSync(out, { recursive: true });

const browser = await openBrowser();
let bad = 0;
try {
  const state = await signIn(browser);
  for (const path of paths)
    for (const [size, theme] of views) {
      const gate = /^\/(login|setup|reset|invite)/.test(path);
      const { context, page, faults } = await openContext(browser, { size, theme, state: gate ? undefined : state });
      await page.goto(address + path);
      await settle(page);
      const name = `${path.replace(/^\/(p\/[^/]+)?\/?/, "").replace(/[^a-z0-9]+/gi, "-").slice(0, 60) || "now"}-${size}-${theme}.png`;
      await page.screenshot({ path: out + name });
      console.log(name, faults.length ? faults.join(" | ") : "");
      bad += faults.length;
      await context.close();
    }
} finally {
  await browser.close();
}
process.exit(bad ? 1 : 0);
