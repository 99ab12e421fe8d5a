import { render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { forgetAll, paused, refresh, useQuery, type Answer } from "../../src/lib/query";
import { live } from "../../src/lib/live";

let root: HTMLElement;
beforeEach(() => {
  forgetAll();
  paused.value = false;
  root = document.createElement("div");
});
const settle = () => act(async () => void (await new Promise((r) => setTimeout(r, 5))));

function show(key: () => string | null, load: (signal: AbortSignal) => Promise<unknown>) {
  const seen: { last: Answer<unknown> | null } = { last: null };
  function Page({ of }: { of: string | null }) {
    seen.last = useQuery(of, load, { topics: ["task.changed"], leastMs: 0 });
    return null;
  }
  const draw = () => act(() => render(<Page of={key()} />, root));
  void draw();
  return { seen, draw };
}
/** What the socket would have said. */
const changed = (topic: "task.changed" | "queue.changed") => (live as unknown as { changeListeners: Set<(t: string) => void> }).changeListeners.forEach((f) => f(topic));

describe("a question", () => {
  it("has an age with its answer", async () => {
    const { seen } = show(() => "a", async () => 7);
    await settle();
    expect(seen.last).toMatchObject({ value: 7, error: null, loading: false });
    expect(Date.now() - seen.last!.at).toBeLessThan(5000);
  });
  it("is asked again when the socket tells of its topic, of no other", async () => {
    const load = vi.fn(async () => 1);
    show(() => "b", load);
    await settle();
    changed("queue.changed");
    await settle();
    expect(load).toHaveBeenCalledTimes(1);
    changed("task.changed");
    await settle();
    expect(load).toHaveBeenCalledTimes(2);
  });
  it("waits while everything is paused, and is asked once after", async () => {
    const load = vi.fn(async () => 1);
    show(() => "c", load);
    await settle();
    paused.value = true;
    changed("task.changed");
    changed("task.changed");
    await settle();
    expect(load).toHaveBeenCalledTimes(1);
    paused.value = false;
    await settle();
    expect(load).toHaveBeenCalledTimes(2);
  });
  it("keeps the former answer when the next one fails", async () => {
    let fails = false;
    const { seen } = show(() => "d", async () => {
      if (fails) throw new Error("away");
      return 1;
    });
    await settle();
    fails = true;
    refresh("d");
    await settle();
    expect(seen.last?.value).toBe(1);
    expect(seen.last?.error).toBeInstanceOf(Error);
  });
  it("is dropped for another one", async () => {
    let key = "e1";
    const ended: string[] = [];
    const { seen, draw } = show(() => key, (signal) => {
      const mine = key;
      signal.addEventListener("abort", () => ended.push(mine));
      return mine === "e1" ? new Promise(() => {}) : Promise.resolve(mine);
    });
    await settle();
    key = "e2";
    await draw();
    await settle();
    expect(ended).toContain("e1");
    expect(seen.last?.value).toBe("e2");
  });
});
