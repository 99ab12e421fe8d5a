import { describe, expect, it } from "vitest";
import { fits, hostOf, jobsOf, rowsOf, stateOf, type Loss, type Worker } from "../../src/screens/fleet-parts";
import { rateProblem, whyNotWorker } from "../../src/screens/worker-acts";
import { envAs } from "../../src/screens/credentials";
import { filterTerms, partsOf, type Job } from "../../src/screens/bulk-parts";
import { paceOf } from "../../src/screens/bulk-pace";
import type { Task } from "../../src/lib/tasks";

const worker = (name: string, more: Partial<Worker> = {}) => ({ id: name, name, engine: "celery", hostname: null, state: "online", active_tasks: 0, last_heartbeat: "2026-01-01T00:00:00Z", queues: [], ...more }) as unknown as Worker;
const at = Date.parse("2026-01-01T00:00:05Z");

describe("the fleet", () => {
  it("tells the state of a worker", () => {
    expect(stateOf(worker("a", { active_tasks: 1 }), undefined, at)).toBe("busy");
    expect(stateOf(worker("a"), undefined, at + 60_000)).toBe("quiet");
    expect(stateOf(worker("a", { state: "offline" }), undefined, at)).toBe("gone");
    expect(stateOf(worker("a", { state: "offline" }), {} as Loss, at)).toBe("lost");
    expect([fits("quiet", "online"), fits("lost", "offline"), fits("busy", "idle")]).toEqual([true, true, false]);
  });
  it("groups by host, trouble first, and folds", () => {
    const list = [worker("b@one"), worker("a@one"), worker("x", { hostname: "two", state: "offline" })];
    expect(list.map(hostOf)).toEqual(["one", "one", "two"]);
    const state = (w: Worker) => (w.name === "x" ? "lost" : "idle") as never;
    expect(rowsOf(list, state, new Set()).map((r) => (r.kind === "host" ? r.name : r.worker.name))).toEqual(["two", "x", "one", "a@one", "b@one"]);
    expect(rowsOf(list, state, new Set(["one"]))).toHaveLength(3);
  });
  it("shows as work only what the worker can have in hand", () => {
    const task = (id: string, started: string) => ({ task_id: id, engine: "celery", worker_name: "a", started_at: started }) as Task;
    const tasks = [task("stale", "2026-01-01T00:00:00Z"), task("old", "2026-01-01T00:01:00Z"), task("new", "2026-01-01T00:02:00Z")];
    expect(jobsOf(tasks, [worker("a", { active_tasks: 2 })]).get("celery/a")).toMatchObject({ task: { task_id: "old" }, more: 1 });
    expect(jobsOf(tasks, [worker("a")]).size).toBe(0);
  });
  it("says why a worker cannot", () => {
    const able = (more: object) => [{ engine: "celery", is_online: true, abilities: [{ action: "restart_worker", available: false, ...more }] }];
    expect(whyNotWorker(able({ workers: { b: "static" }, reason: "b: static" }), worker("a"), "restart_worker")).toBeNull();
    expect(whyNotWorker(able({ workers: { a: "switched off" } }), worker("a"), "restart_worker")).toBe("switched off");
    expect(whyNotWorker(able({ reason: "never" }), worker("a"), "restart_worker")).toBe("never");
    expect(whyNotWorker([], worker("a"), "restart_worker")).toMatch(/No agent/);
    expect(["0", "10/m", "1.5/s", "100"].map(rateProblem)).toEqual([null, null, null, null]);
    expect(rateProblem("ten")).not.toBeNull();
    expect(rateProblem("010/m")).not.toBeNull();
  });
  it("writes the variables for who reads them", () => {
    const env = 'Z4J_TOKEN=a$b"c\nZ4J_AGENT_NAME=x=y\n';
    expect(envAs("env", env)).toBe('Z4J_TOKEN=a$b"c\nZ4J_AGENT_NAME=x=y');
    expect(envAs("compose", env)).toBe('environment:\n  Z4J_TOKEN: "a$$b\\"c"\n  Z4J_AGENT_NAME: "x=y"');
    expect(envAs("systemd", env)).toContain('Environment="Z4J_AGENT_NAME=x=y"');
  });
});

describe("bulk jobs", () => {
  const job = { action: "retry", state: "running", total: 100, done: 50, sent: 1, refused: 2, unknown: 1, changed: 6, left: 38 } as Job;
  it("puts each task in one part", () => {
    const parts = partsOf(job);
    expect(parts.reduce((n, p) => n + p.n, 0)).toBe(100);
    expect(parts.find((p) => p.key === "started")?.n).toBe(2);
    expect(partsOf({ ...job, state: "cancelled" }).find((p) => p.key === "waiting")?.word).toBe("not tried");
  });
  it("measures a pace, and says a filter", () => {
    expect(paceOf([{ at: 0, good: 0, bad: 0 }, { at: 2000, good: 8, bad: 1 }])).toEqual([{ good: 4, bad: 0.5 }]);
    expect(filterTerms({ state: "failure", queue: "", task_ids: ["a", "b"] })).toEqual([{ key: "state", value: "failure" }, { key: "ids", value: "2 chosen" }]);
  });
});
