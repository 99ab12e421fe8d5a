// How soon and how smoothly the list of tasks is there: node tests/browser/bench.mjs ROWS SECONDS, with tests/bench/console_bench.py behind it.
import { address, openBrowser, openContext, patience, signIn } from "./browser.mjs";

const [rows, seconds] = process.argv.slice(2).map(Number);
const rounds = 7;
const list = "/p/default/tasks";
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const say = (what, ...words) => console.log(`${what.padEnd(34)}${words.join("")}`);
const ms = (value) => `${value.toFixed(0)} ms`;

/** Notes tasks of more than 50 ms, and gaps between two frames. */
function watch() {
  const seen = { long: [], gaps: [], frames: 0 };
  globalThis.seen = seen;
  new PerformanceObserver((list) => list.getEntries().forEach((e) => seen.long.push(e.duration))).observe({ type: "longtask", buffered: false });
  let last = performance.now();
  const frame = (now) => {
    seen.frames++;
    if (now - last > 50) seen.gaps.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
const told = (seen) => `${seen.long.length} tasks over 50 ms (the longest ${ms(Math.max(0, ...seen.long))}), ${seen.gaps.length} of ${seen.frames} frames later than 50 ms`;

const browser = await openBrowser();
try {
  const { page } = await openContext(browser, { state: await signIn(browser) });
  page.setDefaultTimeout(patience);
  const answered = async (query) => {
    const times = [];
    for (let i = 0; i < rounds; i++) {
      const begin = performance.now();
      const answer = await page.request.get(`${address}/api/v1/projects/default/tasks?limit=100${query}`);
      await answer.body();
      times.push(performance.now() - begin);
    }
    return median(times);
  };
  const ceiling = await answered("");
  const filtered = await answered("&state=failure");
  say("bare answer, 100 newest", ms(ceiling));
  say("bare answer, 100 newest that failed", ms(filtered));

  const firsts = [];
  for (let i = 0; i < rounds; i++) {
    await page.goto(address + list);
    firsts.push(
      await page.evaluate(
        () =>
          new Promise((done) => {
            const look = () => (document.querySelector(".tbody [role=row]") ? requestAnimationFrame(() => done(performance.now())) : requestAnimationFrame(look));
            look();
          }),
      ),
    );
  }
  say("address to the first rows, warm", ms(median(firsts)), `, ${(median(firsts) / ceiling).toFixed(1)} times the bare answer`);

  const changes = [];
  for (let i = 0; i < rounds; i++) {
    await page.goto(address + list);
    await page.locator(".tbody [role=row]").first().waitFor();
    await page.keyboard.press("/");
    await page.keyboard.type("state:failed");
    await page.evaluate(() => {
      globalThis.begun = 0;
      addEventListener("keydown", (e) => e.key === "Enter" && (globalThis.begun = performance.now()), { capture: true, once: true });
      globalThis.ended = new Promise((done) => {
        const look = () => {
          const shown = [...document.querySelectorAll(".tbody [role=row]")];
          if (globalThis.begun && shown.length && shown.every((r) => r.classList.contains("is-bad"))) requestAnimationFrame(() => done(performance.now() - globalThis.begun));
          else requestAnimationFrame(look);
        };
        look();
      });
    });
    await page.keyboard.press("Enter");
    changes.push(await page.evaluate(() => globalThis.ended));
  }
  say("Enter to filtered rows", ms(median(changes)), `, ${(median(changes) / filtered).toFixed(1)} times the bare answer`);

  // To the end again and again, until so many rows are there.
  await page.goto(address + list);
  await page.locator(".tbody [role=row]").first().waitFor();
  await page.evaluate(watch);
  const begin = performance.now();
  const count = await page.evaluate(
    ([wanted]) =>
      new Promise((done) => {
        const grid = document.querySelector("[role=grid]");
        const row = document.querySelector(".tbody [role=row]").offsetHeight;
        let before = -1;
        let still = performance.now();
        const step = () => {
          const have = Math.round(document.querySelector(".tbody").offsetHeight / row);
          if (have !== before) still = performance.now();
          before = have;
          if (have >= wanted || performance.now() - still > 10_000) return done(have);
          grid.scrollTop = grid.scrollHeight;
          requestAnimationFrame(step);
        };
        step();
      }),
    [rows],
  );
  const took = performance.now() - begin;
  const reading = await page.evaluate(() => globalThis.seen);
  say("rows read by scrolling", count.toLocaleString("en"), ` in ${(took / 1000).toFixed(0)} s, ${ms(took / Math.max(1, count / 100))} for each hundred; `, told(reading));

  say("heap with them", `${((await page.evaluate(() => performance.memory.usedJSHeapSize)) / 1e6).toFixed(0)} MB`);
  await page.evaluate(() => Object.assign(globalThis.seen, { long: [], gaps: [], frames: 0 }));
  await page.evaluate(
    ([length]) =>
      new Promise((done) => {
        const grid = document.querySelector("[role=grid]");
        const end = performance.now() + length;
        let way = -1;
        const step = () => {
          if (performance.now() > end) return done();
          if (grid.scrollTop <= 0) way = 1;
          else if (grid.scrollTop + grid.clientHeight >= grid.scrollHeight - 2000) way = -1; // no new page: what is measured is drawing
          grid.scrollTop += way * 300;
          requestAnimationFrame(step);
        };
        step();
      }),
    [seconds * 1000],
  );
  const scrolling = await page.evaluate(() => globalThis.seen);
  say(`scrolling over them for ${seconds} s`, told(scrolling), `; ${(scrolling.frames / seconds).toFixed(0)} frames/s`);
  console.log("ok    measured");
} finally {
  await browser.close();
}
process.exit(0);
