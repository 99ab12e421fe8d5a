import { options, render } from "preact";
import { afterEach, describe, expect, it } from "vitest";
import { showHidden, visible } from "../../src/lib/text";
import { Time } from "../../src/parts/text";

const before = options.vnode;
afterEach(() => void (options.vnode = before));

describe("what is drawn", () => {
  it("shows what hides or turns text round, in text and names", () => {
    showHidden();
    const box = document.createElement("div");
    const evil = "a\u202eb\u001b[31m\u200b";
    const shown = "a\\u202eb\\u001b[31m\\u200b";
    render(<p title={evil}>before {evil}<button aria-label={evil}>{[evil]}</button></p>, box);
    expect(box.textContent).toBe(`before ${shown}${shown}`);
    expect([box.querySelector("p")!.title, box.querySelector("button")!.getAttribute("aria-label")]).toEqual([shown, shown]);
    render(<p title="plain">{"line\n\tof " + visible(evil)}</p>, box);
    expect(box.textContent).toBe("line\n\tof " + shown);
  });
  it("is nothing for a time that no calendar has", () => {
    const box = document.createElement("div");
    for (const at of [-1e308, 1e300, Infinity, "never"]) render(<Time at={at} />, box);
    expect(box.textContent).toBe("");
  });
});
