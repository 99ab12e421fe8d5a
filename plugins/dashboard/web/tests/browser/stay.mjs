// A page that stays open: node tests/browser/stay.mjs MINUTES; the heap after a collection, each minute, in bytes.
import { address, openBrowser, openContext, patience, settle, signIn } from "./browser.mjs";

const minutes = Number(process.argv[2]);
const screens = [["t", "/tasks"], ["q", "/queues"], ["f", "/fleet"], ["s", "/schedules"], ["b", "/bulk"], ["l", "/notifications"], ["n", ""]];
const browser = await openBrowser();
try {
  const { context, page, faults } = await openContext(browser, { state: await signIn(browser) });
  page.setDefaultTimeout(patience);
  const tools = await context.newCDPSession(page);
  await page.goto(address + "/p/default");
  await settle(page);
  const end = Date.now() + minutes * 60_000;
  for (let turn = 0; Date.now() < end; turn++) {
    const next = Date.now() + Math.min(60_000, (minutes * 60_000) / 20);
    // As somebody who looks round: every screen, a row of each, and long on the list of tasks.
    for (const [key, path] of screens) {
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await page.waitForURL((u) => u.pathname === "/p/default" + path);
      await settle(page);
      await page.keyboard.press("j");
      await page.keyboard.press("o");
      await page.waitForTimeout(300);
      await page.keyboard.press("Escape");
    }
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.waitForTimeout(Math.max(0, next - Date.now()));
    for (let i = 0; i < 3; i++) await tools.send("HeapProfiler.collectGarbage");
    const { usedSize } = await tools.send("Runtime.getHeapUsage");
    const { nodes, jsEventListeners } = await tools.send("Memory.getDOMCounters");
    console.log(`heap ${usedSize} ${nodes} ${jsEventListeners}`);
  }
  for (const fault of faults) console.log(`fault ${fault}`);
  if (!faults.length) console.log("ok    stayed");
} finally {
  await browser.close();
}
process.exit(0);
