// axe-core over screens: node tests/browser/axe.mjs [PATH...]. Any violation fails.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { address, openBrowser, openContext, settle, signIn } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const wanted = process.argv.slice(2);
const paths = wanted.length ? wanted : ["/login", "/setup", "/p/default", "/p/default/tasks"];
const browser = await openBrowser();
let bad = 0;
try {
  const state = await signIn(browser);
  for (const path of paths)
    for (const [size, theme] of [["wide", "light"], ["wide", "dark"], ["wide", "contrast"], ["phone", "light"]]) {
      const gate = /^\/(login|setup|reset|invite)/.test(path);
      const { context, page } = await openContext(browser, { size, theme, state: gate ? undefined : state });
      await page.goto(address + path);
      await settle(page);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      for (const v of violations) {
        bad++;
        console.log(`${path} ${size} ${theme}: ${v.id} (${v.impact}) ${v.help}`);
        for (const node of v.nodes.slice(0, 3)) console.log(`    ${node.target.join(" ")}  ${node.html.slice(0, 160)}  ${node.any[0]?.message ?? ""}`);
      }
      await context.close();
    }
} finally {
  await browser.close();
}
console.log(bad ? `${bad} violations` : "no violations");
process.exit(bad ? 1 : 0);
