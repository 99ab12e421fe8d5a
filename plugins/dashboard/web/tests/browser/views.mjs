// Every screen in every theme and size on the seeded fleet, looked at for what no picture should have: node tests/browser/views.mjs [NAME...].
// Told are sideways scrolling, text that is cut without dots, text outside of its box, lists without a row, and what the console logs as an error.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { address } from "./browser.mjs";
import { openPage, openSeeded, screens, still } from "./seeded.mjs";

/** In the page. Each flaw is a line. */
function flaws() {
  const found = [];
  const shown = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !e.closest(".vh, .skip, [hidden]");
  const name = (e) => `<${e.tagName.toLowerCase()} class="${e.getAttribute("class") ?? ""}"> “${e.textContent.trim().slice(0, 40)}”`;
  const root = document.documentElement;
  if (root.scrollWidth > innerWidth) found.push(`the page scrolls sideways: ${root.scrollWidth} of ${innerWidth}`);
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || e instanceof SVGElement || !shown(e)) continue;
    const style = getComputedStyle(e);
    const clips = style.overflowX === "hidden" || style.overflowX === "clip";
    if (clips && style.textOverflow !== "ellipsis" && e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) found.push(`text is cut without dots: ${name(e)}`);
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    // Where what is around it cuts it off and nothing scrolls or puts dots there.
    for (let up = e.parentElement; up && up !== document.body; up = up.parentElement) {
      const around = getComputedStyle(up);
      if (around.overflowX === "auto" || around.overflowX === "scroll" || around.textOverflow === "ellipsis") break;
      if (around.overflowX !== "hidden") continue;
      const frame = up.getBoundingClientRect();
      if (box.left < frame.right - 1 && box.right > frame.right + 1 && style.textOverflow !== "ellipsis") found.push(`text is cut by <${up.tagName.toLowerCase()} class="${up.getAttribute("class") ?? ""}">: ${name(e)}`);
      break;
    }
  }
  const main = document.querySelector("main, .gate");
  if (!main || main.innerText.trim().length < 40) found.push("the page is nearly empty");
  for (const grid of document.querySelectorAll("[role=grid]")) if (shown(grid) && grid.querySelectorAll("[role=row]").length < 2) found.push(`a list without a row: ${grid.getAttribute("aria-label")}`);
  return [...new Set(found)];
}

const only = process.argv.slice(2);
const out = process.env.Z4J_SHOTS_OUT;
mkdirSync(out, { recursive: true });
const seeded = await openSeeded();
let bad = 0;
for (const size of ["wide", "large", "phone"])
  for (const theme of ["light", "dark", "contrast"]) {
    const { context, page, faults } = await openPage(seeded, { size, theme });
    for (const screen of screens.filter((s) => !s.gate && (!only.length || only.includes(s.name)))) {
      await page.goto(address + screen.path);
      const picture = await still(page);
      const said = [...(await page.evaluate(flaws)), ...faults.splice(0)];
      if (!said.length) continue;
      bad += said.length;
      const file = join(out, `view-${screen.name}-${size}-${theme}.png`);
      writeFileSync(file, picture);
      console.log([`${screen.name} ${size} ${theme}: ${file}`, ...said].join("\n    "));
    }
    await context.close();
  }
await seeded.close();
console.log(bad ? `${bad} flaws` : "no flaw");
process.exit(bad ? 1 : 0);
