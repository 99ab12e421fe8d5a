// What a screen reader is told of each screen: roles and names, without the data. node tests/browser/names.mjs, with tests/console/test_screens.py behind it.
import { address, openBrowser, openContext, settle, signIn } from "./browser.mjs";
import { stage } from "./cases.mjs";

/** Data: their rows, items and lines are not part of what a screen is. */
const DATA = ["rowgroup", "listitem", "term", "definition", "status", "time", "alert"];
/** Named things; text between them is left out. */
const TOLD = /^(alert|banner|button|checkbox|columnheader|combobox|complementary|dialog|grid|group|heading|img|link|list|listbox|main|navigation|radio|region|rowheader|search|slider|spinbutton|switch|tab|table|tablist|tabpanel|textbox)\b/;

/** The page's tree as Playwright tells it, cut down: what is in it whatever the data are. Figures are #. */
function told(snapshot, without) {
  const lines = [];
  let skip = -1;
  for (const line of snapshot.split("\n")) {
    const [, indent, told] = /^( *)- (.*)$/.exec(line) ?? [];
    const rest = told?.replace(/^'/, "");
    if (rest === undefined || (skip >= 0 && indent.length > skip)) continue;
    skip = -1;
    const role = /^\w+/.exec(rest)?.[0] ?? "";
    if (DATA.includes(role) || (without && role === without)) {
      skip = indent.length;
      continue;
    }
    if (!TOLD.test(rest)) continue;
    const [, what, name = ""] = /^(\w+)(?: "((?:[^"\\]|\\.)*)")?/.exec(rest) ?? [];
    const level = /\[level=\d\]/.exec(rest)?.[0];
    lines.push([what, name && `"${name.replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "#").replace(/\b[0-9a-f]{8}\b/g, "#").replace(/\d[\d.,:]*/g, "#")}"`, level].filter(Boolean).join(" "));
  }
  // A tile is a link whose name goes on with its figure.
  const short = lines.map((line, i) => {
    const head = /^heading "(.+)"/.exec(lines[i + 1] ?? "")?.[1];
    return head && line.startsWith(`link "${head} `) ? `link "${head}, its figure"` : line;
  });
  return short.filter((line, i) => line !== short[i - 1]).join("\n") + "\n";
}

const browser = await openBrowser();
try {
  const signedIn = await openContext(browser, { state: await signIn(browser) });
  for (const [name, path] of await stage("screens")) {
    const gate = path.startsWith("/login");
    const { context, page, faults } = gate ? await openContext(browser) : signedIn;
    await page.goto(address + path);
    await settle(page);
    let text = "";
    for (let before = null, i = 0; text !== before && i < 20; i++) {
      before = text;
      if (i) await page.waitForTimeout(300); // until nothing comes any more
      text = told(await page.locator(name === "frame" || gate ? "body" : "main").ariaSnapshot(), name === "frame" ? "main" : undefined);
    }
    await stage("told", name, text + faults.splice(0).map((fault) => `fault ${fault}\n`).join(""));
    if (gate) await context.close();
  }
  console.log("ok    all screens");
} finally {
  await browser.close();
}
process.exit(0);
