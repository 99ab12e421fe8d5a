// axe-core over screens, in every theme; those without a drawer on a phone as well: node tests/browser/axe.mjs [PATH...]. Any violation fails.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { address, openBrowser, openContext, settle, signIn, sizes } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const wanted = process.argv.slice(2);
const paths = wanted.length ? wanted : ["/login", "/setup", "/p/default", "/p/default/tasks"];
const browser = await openBrowser();
let bad = 0;

async function look(page, path, size, theme, options) {
  await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
  const { violations } = await page.evaluate((o) => globalThis.axe.run(document, o), options);
  for (const v of violations) {
    bad++;
    console.log(`${path} ${size} ${theme}: ${v.id} (${v.impact}) ${v.help}`);
    for (const node of v.nodes.slice(0, 3)) console.log(`    ${node.target.join(" ")}  ${node.html.slice(0, 160)}  ${node.any[0]?.message ?? ""}`);
  }
}

try {
  const signedIn = await openContext(browser, { state: await signIn(browser) });
  for (const path of paths) {
    const gate = /^\/(login|setup|reset|invite)/.test(path);
    const { context, page, faults } = gate ? await openContext(browser) : signedIn;
    await page.setViewportSize(sizes.wide);
    await page.goto(address + path);
    await settle(page);
    await page.evaluate(axe);
    await look(page, path, "wide", "light", { runOnly: tags });
    for (const theme of ["dark", "contrast"]) await look(page, path, "wide", theme, { runOnly: { type: "rule", values: ["color-contrast"] } }); // a theme changes colours, nothing else
    if (!path.includes("?")) {
      await page.setViewportSize(sizes.phone);
      await settle(page);
      await look(page, path, "phone", "light", { runOnly: tags });
    }
    for (const fault of faults.splice(0)) {
      bad++;
      console.log(`${path}: ${fault}`);
    }
    console.log(`ok    ${path}`);
    if (gate) await context.close();
  }
} finally {
  await browser.close();
}
console.log(bad ? `${bad} found` : "no violations");
process.exit(bad ? 1 : 0);
