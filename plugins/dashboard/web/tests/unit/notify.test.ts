import { describe, expect, it } from "vitest";
import { cleanFilters, configOf, draftOf, filterWords, missing, whereTo } from "../../src/lib/notify";

describe("a channel's form", () => {
  const old = { smtp_host: "relay.corp", smtp_port: 587, smtp_tls: true, smtp_pass: "••••••••", to_addrs: ["a@b.c", "d@e.f"] };
  it("sends only what was changed, and keeps a secret that nobody typed", () => {
    const draft = draftOf("email", old);
    expect(draft.smtp_pass).toBe("");
    expect(configOf("email", draft, old)).toEqual({});
    expect(configOf("email", { ...draft, smtp_port: "2525", smtp_pass: "new" }, old)).toEqual({ smtp_port: 2525, smtp_pass: "new" });
  });
  it("takes a member away by null, and never sends empty ones of a new channel", () => {
    expect(configOf("email", { ...draftOf("email", old), from_addr: "x@y.z" }, old)).toEqual({ from_addr: "x@y.z" });
    expect(configOf("webhook", { ...draftOf("webhook", { url: "https://a/b", headers: { A: "1" } }), headers: "" }, { url: "https://a/b", headers: { A: "1" } })).toEqual({ headers: null });
    expect(configOf("webhook", { url: "https://a/b", hmac_secret: "", headers: "X-Team: ops\nX-Time: 10:30" }, null)).toEqual({ url: "https://a/b", headers: { "X-Team": "ops", "X-Time": "10:30" } });
  });
  it("knows what is missing", () => {
    expect(missing("email", draftOf("email", {}), null)).toEqual(["To", "Relay"]);
    expect(missing("telegram", { bot_token: "", chat_id: "1" }, { bot_token: "••••••••", chat_id: "1" })).toEqual([]);
    expect(missing("telegram", { bot_token: "", chat_id: "1" }, null)).toEqual(["Bot token"]);
  });
  it("says where it goes without a secret", () => {
    expect(whereTo("email", { ...old, to_addrs: ["a@b.c", "d@e.f", "g@h.i"] })).toBe("a@b.c, d@e.f and 1 more by relay.corp");
    expect(whereTo("slack", { webhook_url: "••••••••" })).toBe("");
  });
});

describe("filters", () => {
  it("are kept only where the trigger looks at them", () => {
    const filters = { queue: "email", depth_over: 5, task_name: "", priority: [], slower_than_seconds: Number.NaN };
    expect(cleanFilters(filters, "queue.depth_high")).toEqual({ depth_over: 5, queue: "email" });
    expect(cleanFilters(filters, "task.slow")).toEqual({ queue: "email" });
    expect(cleanFilters(filters, "agent.offline")).toEqual({});
  });
  it("read as words", () => expect(filterWords({ priority: ["critical", "high"], queue: "email", slower_than_seconds: 30 })).toBe("critical or high, queue email, over 30 s"));
});
