import { afterEach, describe, expect, it } from "vitest";
import { heir, startFocus } from "../../src/lib/focus";

const page = (html: string) => {
  document.body.innerHTML = html;
  return (id: string) => document.getElementById(id)!;
};
const containers = (el: Element) => {
  const all: Element[] = [];
  for (let up = el.parentElement; up; up = up.parentElement) all.push(up);
  return all;
};
const LIST = '<div id="app"><main id="main" tabindex="-1"><div class="bar"><button id="new">New</button></div><div class="split"><div role="grid" tabindex="0" id="grid"></div><aside id="drawer"><button id="act">Retry</button></aside></div></main></div>';

afterEach(() => (document.body.innerHTML = ""));

describe("focus", () => {
  it("goes from a drawer that closed to the list beside it", () => {
    const at = page(LIST);
    const around = containers(at("act"));
    at("drawer").remove();
    expect(heir(around)?.id).toBe("grid");
  });
  it("goes to the page when the whole screen went", () => {
    const at = page(LIST);
    const around = containers(at("act"));
    at("main").replaceChildren();
    expect(heir(around)?.id).toBe("main");
  });
  it("goes to the next stop within what is left", () => {
    const at = page('<main id="main"><div id="bar"><span id="gone"><button id="act">x</button></span><button id="next">y</button></div></main>');
    const around = containers(at("act"));
    at("gone").remove();
    expect(heir(around)?.id).toBe("next");
  });
  it("is handed on when its element is taken away", async () => {
    const at = page(LIST);
    startFocus();
    at("act").focus();
    at("drawer").remove();
    await Promise.resolve();
    expect(document.activeElement?.id).toBe("grid");
  });
});
