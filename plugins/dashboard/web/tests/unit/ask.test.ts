import { describe, expect, it } from "vitest";
import { parse, problems, valueOf, withTerm, write } from "../../src/lib/ask";

describe("the query language", () => {
  it("reads qualifiers, quotes and plain words", () => {
    expect(parse('state:failed queue:"two words" send mail')).toEqual([
      { key: "state", value: "failed" },
      { key: "queue", value: "two words" },
      { key: "", value: "send mail" },
    ]);
  });
  it("comes back from text as it went", () => {
    for (const terms of [[{ key: "arg", value: 'a "quoted" \\ one' }], [{ key: "", value: "plain words" }], [{ key: "", value: "state:failed" }], [{ key: "name", value: "x" }, { key: "", value: "שלום 🚪" }]]) expect(parse(write(terms))).toEqual(terms);
  });
  it("names what it does not know, and what stands twice", () => {
    const known = [{ key: "state", hint: "" }, { key: "arg", hint: "", many: true }, { key: "", hint: "" }];
    expect(problems(parse("stat:x"), known)[0]).toContain("“stat:” is not known");
    expect(problems(parse("state:a state:b"), known)).toHaveLength(1);
    expect(problems(parse("arg:a:1 arg:b:2 words"), known)).toEqual([]);
  });
  it("replaces a term and drops it by an empty value", () => {
    const terms = withTerm(parse("state:a queue:q"), "state", "b");
    expect(valueOf(terms, "state")).toBe("b");
    expect(write(withTerm(terms, "state", ""))).toBe("queue:q");
  });
  it("ends on hostile text", () => {
    const text = '"'.repeat(5000) + "a:".repeat(5000);
    expect(parse(text).length).toBeGreaterThan(0);
  });
});
