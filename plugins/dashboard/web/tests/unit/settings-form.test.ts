import { describe, expect, it } from "vitest";
import { fieldsOf, MASK, textOf, valueOfField, withField } from "../../src/lib/settings-form";

const schema = {
  type: "object",
  required: ["url"],
  properties: {
    queues: { type: "array", items: { type: "string" }, description: "Queues to watch." },
    ports: { type: "array", items: { type: "integer" } },
    url: { type: "string", "x-z4j-secret": true },
    port: { type: "integer", minimum: 1, maximum: 65535, default: 587 },
    mode: { type: "string", enum: ["full", "normal"], default: "full" },
    wait: { type: "string", format: "duration" },
    tls: { type: "boolean" },
    headers: { type: "object", additionalProperties: true },
  },
};
const fields = fieldsOf(schema);
const named = (name: string) => fields.find((f) => f.name === name)!;

describe("settings form", () => {
  it("what must be set comes first, and each has the input of its type", () => {
    expect(fields.map((f) => [f.name, f.kind])).toEqual([["url", "secret"], ["queues", "lines"], ["ports", "lines"], ["port", "number"], ["mode", "choice"], ["wait", "text"], ["tls", "yes"], ["headers", "json"]]);
    expect(named("port").help).toBe("1 to 65535");
    expect(named("wait").help).toBe("a time such as 5s or 2m");
    expect(named("queues").help).toBe("Queues to watch");
    expect(fieldsOf(null)).toEqual([]);
    expect(fieldsOf({ type: "object" })).toEqual([]);
  });
  it("texts become values and back", () => {
    for (const [name, value] of [["queues", ["a", "b"]], ["ports", [25, 2525]], ["port", 25], ["mode", "normal"], ["wait", "5s"], ["tls", false], ["headers", { a: [1] }]] as const)
      expect(valueOfField(named(name), textOf(named(name), value))).toEqual(value);
    for (const f of fields) expect(valueOfField(f, textOf(f, undefined))).toBeUndefined();
  });
  it("what it cannot be is sent as it is, for the brain to refuse", () => {
    expect(valueOfField(named("port"), "smtp")).toBe("smtp");
    expect(valueOfField(named("ports"), "25\nx")).toEqual([25, "x"]);
    expect(valueOfField(named("headers"), "{")).toBe("{");
  });
  it("only what differs from the file is laid over it", () => {
    const file = { port: 25, url: MASK };
    expect(withField({}, file, named("port"), 26)).toEqual({ port: 26 });
    expect(withField({ port: 26 }, file, named("port"), 25)).toEqual({});
    expect(withField({ port: 26, mode: "full" }, file, named("port"), undefined)).toEqual({ mode: "full" });
    expect(withField({}, file, named("url"), MASK)).toEqual({ url: MASK });
  });
});
