// Every screen full of text that wants to be code: node tests/browser/hostile.mjs, with tests/console/test_hostile_text.py behind it.
import assert from "node:assert/strict";
import { address, openBrowser, openContext, settle, signIn } from "./browser.mjs";
import { stage } from "./cases.mjs";

/** What is on the page that only hostile text could have brought. */
function wrongs(origin) {
  const HIDDEN = /[\u0001-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u200b\u200f\u202a-\u202e\u2066-\u2069\ufeff]/;
  const found = [];
  if ("hit" in globalThis) found.push("a script ran");
  for (const violation of globalThis.violations ?? []) found.push(`the policy was broken: ${violation}`);
  const all = [document.documentElement, ...document.querySelectorAll("*")];
  for (const el of all) {
    const name = el.tagName.toLowerCase();
    if (/^(iframe|frame|object|embed|base|math|video|audio|source|template|xss|animate|foreignobject|marquee)$/.test(name)) found.push(`an element <${name}>`);
    if (el.id === "xss" || el.classList.contains("xss")) found.push("an element that was brought along");
    if (name === "script" && new URL(el.src || "missing:", location.href).origin !== origin) found.push(`a script of ${el.src || "the page itself"}`);
    if (name === "meta" && el.hasAttribute("http-equiv")) found.push("a meta element that acts");
    for (const { name: attribute, value } of el.attributes) {
      if (/^(title|aria-label|label|alt)$/.test(attribute) && HIDDEN.test(value)) found.push(`raw characters in <${name} ${attribute}>`);
      if (/^on/i.test(attribute)) found.push(`<${name} ${attribute}>`);
      if (/^(href|src|action|formaction|xlink:href|data|poster|srcset)$/i.test(attribute) && name !== "use") {
        const protocol = /^(#|$)/.test(value) ? "http:" : new URL(value, location.href).protocol;
        if (!/^https?:$/.test(protocol)) found.push(`<${name} ${attribute}=${value.slice(0, 80)}>`);
      }
    }
  }
  // Directions, hidden letters and terminal codes are shown, never obeyed.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const bad = HIDDEN.exec(node.data);
    if (bad) found.push(`a raw \\u${bad[0].charCodeAt(0).toString(16).padStart(4, "0")} in <${node.parentElement.tagName.toLowerCase()} class="${node.parentElement.className}"> within ${node.parentElement.closest("[role=grid],aside,[role=tabpanel],main,header,nav,dialog")?.getAttribute("aria-label") ?? "the page"}`);
  }
  return [...new Set(found)];
}

const browser = await openBrowser();
let bad = 0;
let seen = 0;
try {
  const { context, page, faults } = await openContext(browser, { state: await signIn(browser) });
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (e) => (globalThis.violations ??= []).push(`${e.effectiveDirective} ${e.blockedURI}`)));
  const foreign = [];
  page.on("request", (request) => !request.url().startsWith(address + "/") && !/^(data|blob):/.test(request.url()) && foreign.push(`asked ${request.url().slice(0, 120)}`));
  page.on("popup", (popup) => foreign.push(`opened ${popup.url()}`));
  const texts = await stage("texts");
  const shown = new Set();
  for (const [name, path] of (await stage("screens")).filter(([, p]) => p !== "/login")) {
    await page.goto(address + path);
    await settle(page);
    // The whole of a list, not only what fits.
    for (let i = 0; i < 12; i++) {
      const text = await page.evaluate(() => document.body.textContent);
      for (const t of texts) if (text.includes(t)) shown.add(t);
      const wrong = await page.evaluate(wrongs, address);
      for (const w of [...wrong, ...faults.splice(0), ...foreign.splice(0)]) {
        bad++;
        console.log(`FAIL  ${name} ${path}: ${w}`);
      }
      if (wrong.length) break;
      const more = await page.evaluate(() => {
        const grid = document.querySelector("[role=grid]");
        if (!grid || grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 1) return false;
        grid.scrollTop += grid.clientHeight;
        return true;
      });
      if (!more) break;
      await page.waitForTimeout(60);
    }
    assert.ok(page.url().startsWith(address + "/"), `${name}: the page went to ${page.url()}`);
    seen++;
  }
  console.log(`${shown.size} of ${texts.length} texts stood on screen as they are`);
  assert.ok(shown.size > texts.length / 2, "what the agents told is on the screens");
  if (!bad) console.log(`ok    ${seen} screens`);
} finally {
  await browser.close();
}
process.exit(bad ? 1 : 0);
