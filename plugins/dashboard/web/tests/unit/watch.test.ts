import { describe, expect, it } from "vitest";
import { WatchedPage } from "../../src/lib/watch";
import type { Task } from "../../src/lib/tasks";

const row = (n: number, more: Partial<Task> = {}) => ({ id: String(n), sort_at: new Date(n * 1000).toISOString(), args: "a", state: "success", ...more }) as Task;
const ids = (rows: readonly Task[]) => rows.map((t) => t.id).join(" ");

describe("a watched page", () => {
  it("lays changes in place and new rows on top", () => {
    const page = new WatchedPage();
    page.take({ type: "rows", reset: true, changed: [row(2), row(1)], removed: [], more: false });
    page.take({ type: "rows", changed: [row(4), row(3), row(1, { state: "failure" })], removed: [] });
    const rows = page.lay([row(2), row(1)], true);
    expect(ids(rows)).toBe("4 3 2 1");
    expect(rows[3]?.state).toBe("failure");
  });
  it("drops what left the middle, keeps what newer ones pushed off", () => {
    const page = new WatchedPage();
    page.take({ type: "rows", reset: true, changed: [row(4), row(3), row(2), row(1)], removed: [] });
    page.take({ type: "rows", changed: [row(5)], removed: ["1", "3"] });
    expect(ids(page.lay([row(4), row(3), row(2), row(1)], false))).toBe("5 4 2 1");
  });
  it("keeps a payload that did not fit the frame", () => {
    const page = new WatchedPage();
    page.take({ type: "rows", reset: true, changed: [row(1)], removed: [] });
    page.take({ type: "rows", changed: [row(1, { args: null, state: "failure" })], cut: ["1"], removed: [] });
    expect(page.lay([row(1)], false)[0]).toMatchObject({ args: "a", state: "failure" });
  });
  it("moves nothing under the reader, and orders all once they let go", () => {
    const page = new WatchedPage();
    page.take({ type: "rows", reset: true, changed: [row(9), row(5), row(2, { sort_at: row(7).sort_at })], removed: [] });
    const list = [row(6), row(4), row(2)];
    expect(ids(page.lay(list, true))).toBe("9 6 4 2");
    expect(ids(page.lay(list, false))).toBe("9 2 6 5 4");
    expect(ids(page.lay([row(6)], false))).toBe("9 2 6"); // 5 is older than the list reaches
  });
  it("follows a list that grows, and one whose middle is another", () => {
    const page = new WatchedPage();
    page.take({ type: "rows", reset: true, changed: [row(9, { state: "failure" }), row(8, { state: "failure" })], removed: [] });
    const list = [row(9), row(8)];
    expect(page.lay(list, true).map((t) => t.state)).toEqual(["failure", "failure"]);
    const longer = [...list, row(7), row(6)];
    expect(page.lay(longer, true).map((t) => t.state)).toEqual(["failure", "failure", "success", "success"]);
    const other = [list[0]!, row(8.5), longer[2]!, longer[3]!];
    expect(ids(page.lay(other, false))).toBe("9 8.5 8 7 6");
    expect(ids(page.lay(longer, true))).toBe("9 8 7 6");
  });
  it("sees a gap after a cut, and begins anew from the page", () => {
    const page = new WatchedPage();
    page.take({ type: "rows", reset: true, changed: [row(2), row(1)], removed: [], next_cursor: "old" });
    page.take({ type: "rows", reset: true, changed: [row(90), row(91)], removed: [], next_cursor: "new" });
    expect(page.gap).toBe(true);
    const { rows, cursor } = page.anew();
    expect([ids(rows), cursor, page.gap]).toEqual(["91 90", "new", false]);
  });
  it("carries no more than it must", () => {
    const page = new WatchedPage();
    for (let n = 0; n < 100; n++) page.take({ type: "rows", changed: Array.from({ length: 50 }, (_, i) => row(n * 50 + i)), removed: [] });
    expect(page.seen.size).toBe(2000);
    expect(page.gap).toBe(true);
  });
});
