import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

type Rgb = [number, number, number];
const css = readFileSync("src/styles/tokens.css", "utf8");
function theme(name: string): Record<string, string> {
  const block = new RegExp(`\\[data-theme="${name}"\\] \\{([^}]*)\\}`).exec(css)![1]!;
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})(?:;|\s)/g)].map((m) => [m[1], m[2]]));
}
const rgb = (hex: string): Rgb => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255) as Rgb;
const linear = (c: Rgb): Rgb => c.map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)) as Rgb;
const luminance = (hex: string) => {
  const [r, g, b] = linear(rgb(hex));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const contrast = (a: string, b: string) => {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
};
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}
// Machado, Oliveira and Fernandes 2009, full strength, in linear light.
const sight: Record<string, number[][]> = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protan: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deutan: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  tritan: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const seen = (hex: string, matrix: number[][]): Rgb => {
  const c = linear(rgb(hex));
  return oklab(matrix.map((row) => Math.max(0, Math.min(1, row[0]! * c[0] + row[1]! * c[1] + row[2]! * c[2]))) as Rgb);
};
const surfaces = ["bg", "bg-frame", "bg-raise", "bg-hover", "bg-press", "bg-select"];
const words = ["ink", "ink-2", "ink-3", "accent", "st-done", "st-fail", "st-run", "st-retry", "st-stop", "st-wait"];
const states = ["st-done", "st-fail", "st-run", "st-retry", "st-stop"];

describe.each(["light", "dark", "contrast"])("the %s theme", (name) => {
  const colours = theme(name);
  const least = name === "contrast" ? 7 : 4.5;
  it.each(words)("%s reads on every surface", (word) => {
    for (const surface of surfaces) expect(contrast(colours[word]!, colours[surface]!), surface).toBeGreaterThanOrEqual(least);
  });
  it("edges of fields are seen", () => expect(contrast(colours.edge!, colours.bg!)).toBeGreaterThanOrEqual(3));
  it.each(Object.keys(sight))("states are told apart by %s eyes", (eyes) => {
    for (const a of states)
      for (const b of states.filter((s) => s > a)) {
        const [p, q] = [seen(colours[a]!, sight[eyes]!), seen(colours[b]!, sight[eyes]!)];
        expect(100 * Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]), `${a} ${b}`).toBeGreaterThanOrEqual(5);
      }
  });
});
