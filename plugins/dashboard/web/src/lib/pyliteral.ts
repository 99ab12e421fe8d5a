/** Arguments that an engine told as Python source: `('shop-7', {'a': 1})`. Read when they are plain literals, else left as text. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const DEPTH = 40;
/** Where the engine cut: Python writes `...` in the place of what it left out. */
export const CUT = "…";

export function isCut(value: Json): boolean {
  return value === CUT || (value !== null && typeof value === "object" && (Object.hasOwn(value, CUT) || Object.values(value).some((v) => isCut(v as Json))));
}

/** undefined when the text is not a literal we can read whole. */
export function readLiteral(text: string): Json | undefined {
  let at = 0;
  const space = () => {
    while (/\s/.test(text[at] ?? "")) at++;
  };
  class Unreadable extends Error {}
  const need = (c: string) => {
    space();
    if (text[at] !== c) throw new Unreadable();
    at++;
  };
  const string = (quote: string): string => {
    const raw = /[rR]/.test(text[at - 2] ?? "");
    let out = "";
    for (; at < text.length; at++) {
      const c = text[at]!;
      if (c === quote) {
        at++;
        return out;
      }
      if (c !== "\\" || raw) {
        out += c;
        continue;
      }
      const next = text[++at] ?? "";
      const simple: Record<string, string> = { n: "\n", t: "\t", r: "\r", "\\": "\\", "'": "'", '"': '"', "0": "\0" };
      const hex = next === "x" ? 2 : next === "u" ? 4 : next === "U" ? 8 : 0;
      if (hex) {
        const code = parseInt(text.slice(at + 1, at + 1 + hex), 16);
        if (Number.isNaN(code) || code > 0x10ffff) throw new Unreadable();
        out += String.fromCodePoint(code);
        at += hex;
      } else out += simple[next] ?? "\\" + next;
    }
    throw new Unreadable();
  };
  const list = (end: string, depth: number): Json[] => {
    const out: Json[] = [];
    for (;;) {
      space();
      if (text[at] === end) {
        at++;
        return out;
      }
      out.push(value(depth + 1));
      space();
      if (text[at] === ",") at++;
      else if (text[at] !== end) throw new Unreadable();
    }
  };
  const dict = (depth: number): Json => {
    const out: { [key: string]: Json } = Object.create(null) as { [key: string]: Json };
    for (;;) {
      space();
      if (text[at] === "}") {
        at++;
        return out;
      }
      const key = value(depth + 1);
      space();
      if (key === CUT && text[at] === "}") {
        out[CUT] = CUT;
        continue;
      }
      need(":");
      out[typeof key === "string" ? key : JSON.stringify(key)] = value(depth + 1);
      space();
      if (text[at] === ",") at++;
      else if (text[at] !== "}") throw new Unreadable();
    }
  };
  const value = (depth: number): Json => {
    if (depth > DEPTH) throw new Unreadable();
    space();
    const c = text[at] ?? "";
    if (c === "(" || c === "[") {
      at++;
      return list(c === "(" ? ")" : "]", depth);
    }
    if (c === "{") {
      at++;
      return dict(depth);
    }
    const quoted = /^[bBuUrR]?(['"])/.exec(text.slice(at, at + 2));
    if (quoted) {
      at += quoted[0].length;
      return string(quoted[1]!);
    }
    if (text.startsWith("...", at)) {
      at += 3;
      return CUT;
    }
    const word = /^(None|True|False|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/.exec(text.slice(at, at + 40));
    if (!word) throw new Unreadable();
    at += word[0].length;
    if (word[1] === "None") return null;
    if (word[1] === "True" || word[1] === "False") return word[1] === "True";
    const n = Number(word[1]);
    if (Number.isInteger(n) && !Number.isSafeInteger(n)) throw new Unreadable(); // as text it keeps every digit
    return n;
  };
  try {
    const found = value(0);
    space();
    return at === text.length ? found : undefined;
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}
