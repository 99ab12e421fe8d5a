import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live, backoff, type Frame } from "../../src/lib/live";

class Socket {
  static made: Socket[] = [];
  readyState = 0;
  sent: Frame[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: string }) => void) | null = null;
  onclose: ((e: { code: number }) => void) | null = null;
  constructor() {
    Socket.made.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as Frame);
  }
  close() {
    this.readyState = 3;
  }
  say(frame: Frame) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  open() {
    this.readyState = 1;
    this.onopen?.();
    this.say({ type: "ready" });
  }
  cut(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}
const last = () => Socket.made[Socket.made.length - 1]!;
const make = () => new Live(() => new Socket() as never, () => "ws://x");

beforeEach(() => {
  Socket.made = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe("the live socket", () => {
  it("subscribes, and tells of many changes of a kind once", () => {
    const live = make();
    const heard: string[] = [];
    live.onChange((topic) => heard.push(topic));
    live.follow("p1");
    last().open();
    expect(last().sent[0]).toMatchObject({ type: "subscribe", project_id: "p1" });
    for (let i = 0; i < 20; i++) last().say({ type: "event", topic: "task.changed" });
    vi.advanceTimersByTime(1000);
    expect(heard).toEqual(["task.changed"]);
  });
  it("comes back after a loss, watches again from where it was, and asks all anew", () => {
    const live = make();
    const heard: string[] = [];
    live.onChange((topic) => heard.push(topic));
    let after = 0;
    live.follow("p1");
    live.watch("main", () => ({ type: "watch", id: "main", after: ++after }));
    last().open();
    last().cut();
    expect(live.state.value).toBe("lost");
    vi.advanceTimersByTime(700);
    expect(Socket.made).toHaveLength(2);
    last().open();
    expect(live.state.value).toBe("on");
    expect(last().sent.filter((f) => f.type === "watch")).toEqual([{ type: "watch", id: "main", after: 2 }]);
    vi.advanceTimersByTime(300);
    expect(heard).toContain("task.changed");
    expect(heard).toContain("queue.changed");
  });
  it("waits longer after each failure, to 30 s", () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((n) => backoff(n, 0.5))).toEqual([500, 1000, 2000, 5000, 10_000, 30_000, 30_000]);
  });
  it("gives up where it is refused, and is silent while the tab is hidden", () => {
    const live = make();
    live.follow("p1");
    last().cut(4403);
    vi.advanceTimersByTime(60_000);
    expect(Socket.made).toHaveLength(1);
    live.hold(false);
    expect(Socket.made).toHaveLength(2);
    last().open();
    live.hold(true);
    expect(live.state.value).toBe("off");
    vi.advanceTimersByTime(60_000);
    expect(Socket.made).toHaveLength(2);
  });
  it("lets go of the former project", () => {
    const live = make();
    live.follow("p1");
    const old = last();
    old.open();
    live.follow("p2");
    expect(old.readyState).toBe(3);
    last().open();
    expect(last().sent[0]).toMatchObject({ project_id: "p2" });
    expect(live.state.value).toBe("on");
  });
});
