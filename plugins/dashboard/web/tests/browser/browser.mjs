// A headless browser at the console, signed in. Environment: Z4J_CONSOLE (its address, of `npm run preview` or a brain),
// Z4J_LOGIN (a JSON file with email and password), CHROMIUM (the program), Z4J_STATE (where the session is kept for the next program).
import { createHmac } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const address = process.env.Z4J_CONSOLE ?? "http://127.0.0.1:4173";
/** How long a step waits for what must come, in milliseconds: machines that test do other things as well. */
export const patience = 40_000;
export const sizes = { wide: { width: 1280, height: 800 }, large: { width: 1920, height: 1080 }, phone: { width: 390, height: 844 } };

export async function openBrowser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] });
}

/** A context with the theme chosen. What the console logs as an error, and what the CSP refused, is kept in `faults`. */
export async function openContext(browser, { size = "wide", theme = "light", state } = {}) {
  const context = await browser.newContext({ viewport: sizes[size], colorScheme: theme === "dark" ? "dark" : "light", reducedMotion: "reduce", storageState: state });
  await context.addInitScript((wanted) => localStorage.setItem("z4j.theme", wanted), theme);
  const page = await context.newPage();
  const faults = [];
  page.on("dialog", (dialog) => (faults.push(`dialog: ${dialog.message()}`), dialog.dismiss()));
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => message.type() === "error" && !/401|404/.test(message.text()) && faults.push(`console: ${message.text()}`));
  return { context, page, faults };
}

export async function signIn(browser) {
  const kept = process.env.Z4J_STATE;
  if (kept && existsSync(kept)) return JSON.parse(readFileSync(kept, "utf8"));
  const login = JSON.parse(readFileSync(process.env.Z4J_LOGIN, "utf8"));
  const { context, page } = await openContext(browser);
  await page.goto(address + "/login");
  await page.getByLabel("E-mail").fill(login.email);
  await page.getByLabel("Password", { exact: true }).fill(login.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname.startsWith("/p/"));
  const state = await context.storageState(kept ? { path: kept } : {});
  await context.close();
  return state;
}

/** Still: nothing loads, and what was asked for is drawn. */
export async function settle(page) {
  await page.waitForFunction(() => document.querySelector(".app, .gate") && !document.querySelector("[aria-busy=true]"), null, { timeout: 15000 }).catch(() => {});
  await page.waitForTimeout(400);
}

/** The six digits of an app (RFC 6238); `ahead` steps on, since no code works twice. */
export function totp(secret, ahead = 0) {
  const bits = [...secret.replace(/=+$/, "")].map((c) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(c).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const at = Buffer.alloc(8);
  at.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const mac = createHmac("sha1", key).update(at).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}
