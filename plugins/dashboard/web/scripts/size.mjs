// Fails when what a first visit loads (page, entry script and what it imports at once, styles, fonts of the first paint) is
// over the budget, compressed. Screens come by dynamic import and count for themselves.
import { readFileSync, readdirSync, existsSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 200 * 1024;
const SCREEN_BUDGET = 60 * 1024;
const dist = new URL("../dist/", import.meta.url);
if (!existsSync(new URL("index.html", dist))) {
  console.error("no dist/: run `npm run build` first");
  process.exit(1);
}
const bytes = (name) => {
  const file = readFileSync(new URL(name, dist));
  return name.endsWith(".woff2") ? file.length : gzipSync(file, { level: 9 }).length;
};
const manifest = JSON.parse(readFileSync(new URL("manifest.json", dist), "utf8"));
const first = new Set(["index.html", "theme.js"]);
const add = (key) => {
  const chunk = manifest[key];
  if (!chunk || first.has(chunk.file)) return;
  for (const name of [chunk.file, ...(chunk.css ?? []), ...(chunk.assets ?? [])]) first.add(name);
  for (const other of chunk.imports ?? []) add(other);
};
add("index.html");
for (const name of [...first].filter((n) => n.endsWith(".css")))
  for (const [, font] of readFileSync(new URL(name, dist), "utf8").matchAll(/url\(["']?\/?(assets\/[^)"']+\.woff2)["']?\)/g)) first.add(font);

let sum = 0;
for (const name of [...first].sort()) {
  const n = bytes(name);
  sum += n;
  console.log(`${(n / 1024).toFixed(1).padStart(8)} KiB  ${name}`);
}
let failed = sum > BUDGET;
console.log(`${(sum / 1024).toFixed(1).padStart(8)} KiB  first load, of ${BUDGET / 1024}`);
for (const name of readdirSync(new URL("assets/", dist)).map((n) => "assets/" + n).filter((n) => n.endsWith(".js") && !first.has(n))) {
  const n = bytes(name);
  if (n > SCREEN_BUDGET) {
    console.error(`${name} is ${(n / 1024).toFixed(1)} KiB, over ${SCREEN_BUDGET / 1024}`);
    failed = true;
  }
}
process.exit(failed ? 1 : 0);
