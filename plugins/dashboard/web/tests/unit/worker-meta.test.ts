import { describe, expect, it } from "vitest";
import { metaOf } from "../../src/lib/worker-meta";

const nothing = { active: [], processes: [], registered: [], uptime: null, prefetch: null };

describe("what a worker tells of itself", () => {
  it("is read", () => {
    const told = { active: [{ id: "1", name: "shop.add", time_start: 5, worker_pid: 7 }], registered: ["shop.add"], stats: { uptime: 9, prefetch_count: 4, pool: { processes: [7, 8] } } };
    expect(metaOf(told)).toEqual({ active: told.active, processes: [7, 8], registered: ["shop.add"], uptime: 9, prefetch: 4 });
  });
  it("is left out where it has another shape", () => {
    for (const odd of [undefined, null, 7, "x", [], { active: 7, registered: {}, stats: "x" }, { active: [null, 7, {}, { id: 5 }], registered: [5, null], stats: { uptime: "x", pool: [] } }, { stats: { pool: { processes: { 0: 1 } } } }]) expect(metaOf(odd)).toEqual(nothing);
  });
  it("names each child once", () => expect(metaOf({ stats: { pool: { processes: [1, 1, "2"] } } }).processes).toEqual([1]));
});
