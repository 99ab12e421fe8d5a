import { beforeEach, describe, expect, it } from "vitest";
import { go, match, param, place, route, safeNext, setParams, slug, to } from "../../src/lib/router";

beforeEach(() => go("/p/shop/tasks?q=state:failed&row=celery/1"));
describe("the address", () => {
  it("is the state: screen, project and all that is open", () => {
    expect(route.value?.screen.id).toBe("tasks");
    expect(slug.value).toBe("shop");
    expect(param("q")).toBe("state:failed");
  });
  it("changes parts and leaves the rest", () => {
    setParams({ row: null, sort: "-age" });
    expect(place.value.search).toBe("?q=state:failed&sort=-age");
  });
  it("carries any id there and back", () => {
    const id = "a/b c?#%é";
    go(to("task", { engine: "celery", task: id }));
    expect(route.value?.params.task).toBe(id);
  });
  it("keeps the project where the path has none", async () => {
    await Promise.resolve();
    go("/settings");
    expect(slug.value).toBe("shop");
    expect(to("tasks")).toBe("/p/shop/tasks");
  });
  it("fits a pattern only whole", () => {
    expect(match("/p/:slug", "/p/a/b")).toBeNull();
    expect(match("/p/:slug", "/p/%E0%A4%A")).toBeNull();
  });
  it("goes on only within the console", () => {
    for (const bad of ["//evil.example", "https://evil.example", "/\\evil", "javascript:alert(1)", "/a\nb", "/login", null]) expect(safeNext(bad)).toBe("/");
    expect(safeNext("/p/shop/tasks?q=1")).toBe("/p/shop/tasks?q=1");
  });
});
