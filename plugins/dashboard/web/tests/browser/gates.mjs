// First boot, second factor, invitation, reset: against a brain that nobody has set up yet.
//   Z4J_CONSOLE=... Z4J_SETUP_TOKEN=(of its log) node tests/browser/gates.mjs
import assert from "node:assert/strict";
import { address, openBrowser, openContext, patience, settle, totp } from "./browser.mjs";

const PASSWORD = "Correct-horse-battery-9";

const browser = await openBrowser();
try {
  const { page } = await openContext(browser);
  page.setDefaultTimeout(patience);
  const call = (method, path, body) =>
    page.evaluate(
      async ([m, p, b]) => {
        const token = /z4j_csrf=([^;]*)/.exec(document.cookie)[1];
        const answer = await fetch("/api/v1" + p, { method: m, headers: { "Content-Type": "application/json", "X-CSRF-Token": decodeURIComponent(token) }, body: JSON.stringify(b) });
        return answer.json();
      },
      [method, path, body],
    );

  await page.goto(address + "/");
  await page.waitForURL((u) => u.pathname === "/setup");
  await page.goto(`${address}/setup?token=${process.env.Z4J_SETUP_TOKEN}`);
  await page.getByLabel("E-mail").fill("boss@example.com");
  await page.getByLabel("Password").fill("too short");
  await page.getByRole("button", { name: "Create" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Create" }).click();
  await page.waitForURL((u) => u.pathname === "/p/default");
  await page.getByText("Nothing is connected yet").waitFor();
  console.log("ok    the first account, and what to do next");

  const invitation = await call("POST", "/projects/default/invitations", { email: "guest@example.org", role: "viewer" });
  const { secret_base32: secret } = await call("POST", "/auth/mfa/enroll-start", {});
  await call("POST", "/auth/mfa/enroll-complete", { code: totp(secret) });
  await page.getByRole("button", { name: /You:/ }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL((u) => u.pathname === "/login");
  await page.goto(address + "/p/default/queues");
  await page.getByLabel("E-mail").fill("boss@example.com");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((u) => u.pathname === "/login/mfa");
  await page.getByLabel("Code").fill("000000");
  await page.getByRole("button", { name: "Go on" }).click();
  await page.getByText("That code is not right").waitFor();
  await page.getByLabel("Code").fill(totp(secret, 1)); // that of now was used to enrol
  await page.getByRole("button", { name: "Go on" }).click();
  await page.waitForURL((u) => u.pathname === "/p/default/queues");
  console.log("ok    a second factor, and on to where one wanted to be");

  const guest = (await openContext(browser)).page;
  guest.setDefaultTimeout(patience);
  await guest.goto(address + invitation.accept_url_path);
  await guest.getByText("As viewer, with guest@example.org").waitFor();
  assert.ok(!guest.url().includes(invitation.token), "the token does not stay in the address");
  await guest.getByLabel("Name").fill("Guest");
  await guest.getByLabel("Password").fill("Another-long-word-7");
  await guest.getByRole("button", { name: "Join" }).click();
  await guest.getByText("You are in").waitFor();
  await guest.getByRole("link", { name: "Sign in" }).click();
  await guest.getByLabel("E-mail").fill("guest@example.org");
  await guest.getByLabel("Password", { exact: true }).fill("Another-long-word-7");
  await guest.getByRole("button", { name: "Sign in" }).click();
  await guest.waitForURL((u) => u.pathname === "/p/default");
  await guest.goto(address + "/plugins");
  await settle(guest);
  await guest.getByText("This is not yours to see").waitFor();
  await guest.goto(address + "/reset#token=not-a-good-token");
  await guest.getByLabel("New password").fill("Another-long-word-8");
  await guest.getByRole("button", { name: "Use it" }).click();
  await guest.getByText("The link was used, or is too old").waitFor();
  console.log("ok    an invitation, what a viewer may not see, a reset link that is none");
} finally {
  await browser.close();
}
