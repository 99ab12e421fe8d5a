import { describe, expect, it } from "vitest";
import { isCut, readLiteral } from "../../src/lib/pyliteral";
import { countRedacted, differences, readValue } from "../../src/parts/data";
import { visible } from "../../src/lib/text";
import { split } from "../../src/lib/fresh";
import { merge } from "../../src/lib/query";
import { fit, sorted, type Column } from "../../src/parts/table";
import { csvCell } from "../../src/parts/chart";
import { webAddress } from "../../src/parts/link";
import { addressOf, csrfToken } from "../../src/api/client";

describe("Python literals", () => {
  it("reads arguments", () => {
    expect(readLiteral(`('shop-7', {'a': [1, 2.5, None, True], "b": 'it\\'s'},)`)).toEqual(["shop-7", { a: [1, 2.5, null, true], b: "it's" }]);
    expect(readLiteral("{}")).toEqual({});
    expect(readLiteral("(b'\\x41',)")).toEqual(["A"]);
  });
  it("leaves what it cannot read whole", () => {
    for (const text of ["<Object at 0x1>", "[1, 2", "(datetime(2026, 1, 1),)", "[12345678901234567890]", "[".repeat(100), "{1: }", "'open"]) expect(readLiteral(text)).toBeUndefined();
  });
  it("knows where the engine cut", () => {
    const read = readLiteral("({'id': 1, 'items': [{...}, ...]}, 'x')");
    expect(read).toEqual([{ id: 1, items: [{ "…": "…" }, "…"] }, "x"]);
    expect(isCut(read!)).toBe(true);
    expect(isCut(readLiteral("('x',)")!)).toBe(false);
  });
  it("makes no prototype of a hostile key", () => {
    const read = readLiteral("{'__proto__': {'x': 1}}") as object;
    expect(Object.keys(read)).toEqual(["__proto__"]);
    expect(({} as { x?: number }).x).toBeUndefined();
  });
  it("counts what was redacted", () => expect(countRedacted(readValue("{'to': '[REDACTED]', 'n': [1, '[REDACTED]']}").value)).toBe(2));
});

describe("lists", () => {
  const id = (n: number) => String(n);
  it("holds new rows back while somebody reads", () => {
    expect(split([5, 4, 3, 2], id, new Set(["3", "2"]), true)).toEqual({ shown: [3, 2], waiting: 2 });
    expect(split([5, 4, 3, 2], id, new Set(["3", "2"]), false).waiting).toBe(0);
  });
  it("keeps the place of rows that changed", () => {
    const row = (n: number, s: string) => ({ n, s });
    const at = (r: { n: number }) => String(r.n);
    expect(merge([row(3, "a"), row(2, "a"), row(1, "a")], [row(4, "b"), row(3, "b")], at)).toEqual([row(4, "b"), row(3, "b"), row(2, "a"), row(1, "a")]);
    expect(merge([row(3, "a"), row(2, "a"), row(1, "a")], [row(4, "b"), row(2, "b")], at)).toEqual([row(4, "b"), row(2, "b"), row(1, "a")]); // 3 left
  });
  const columns: Column<{ n: number | null }>[] = [
    { id: "a", head: "A", min: 200, cell: () => null },
    { id: "b", head: "B", width: 100, rank: 2, cell: () => null },
    { id: "c", head: "C", width: 100, rank: 1, cell: () => null, value: (r) => r.n },
  ];
  it("drops columns by rank", () => {
    expect(fit(columns, 400, 0).map((c) => c.id)).toEqual(["a", "b", "c"]);
    expect(fit(columns, 320, 0).map((c) => c.id)).toEqual(["a", "c"]);
    expect(fit(columns, 10, 0).map((c) => c.id)).toEqual(["a"]);
  });
  it("sorts with nothing at the end, either way", () => {
    const rows = [{ n: 2 }, { n: null }, { n: 1 }];
    expect(sorted(rows, columns, "c").map((r) => r.n)).toEqual([1, 2, null]);
    expect(sorted(rows, columns, "-c").map((r) => r.n)).toEqual([2, 1, null]);
  });
});

describe("text of agents", () => {
  it("shows what would turn or hide letters", () => {
    expect(visible("a\u202eevil\u0000\u200b")).toBe("a\\u202eevil\\u0000\\u200b");
    expect(visible("שלום 🚪\n\ttab")).toBe("שלום 🚪\n\ttab");
  });
});

describe("what goes out", () => {
  it("tells places that differ", () => expect(differences({ a: 1, b: [1, 2] }, { a: 1, b: [1, 3], c: 0 })).toEqual([{ at: "b.1", before: 2, after: 3 }, { at: "c", after: 0 }]));
  it("writes no formula into a file", () => expect(csvCell("=1+1")).toBe("'=1+1"));
  it("links only to the web", () => {
    for (const bad of ["javascript:alert(1)", "data:text/html,x", "//evil", "file:///etc", " vbscript:x"]) expect(webAddress(bad)).toBeNull();
    expect(webAddress("https://example.com/a")).toBe("https://example.com/a");
  });
  it("escapes addresses and leaves empty parts out", () => expect(addressOf("/a/{x}", { x: "b/c" }, { q: "", n: 0, u: undefined })).toBe("/a/b%2Fc?n=0"));
  it("finds the CSRF token under either name", () => {
    expect(csrfToken("a=1; __Host-z4j_csrf=tok%3D")).toBe("tok=");
    expect(csrfToken("z4j_csrf=t")).toBe("t");
    expect(csrfToken("xz4j_csrf=t")).toBe("");
  });
});
