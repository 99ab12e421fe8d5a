/** The query language of lists: `key:value`, `key:"two words"`, and plain words. It stands in the address as `q`. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ComponentChildren } from "preact";

export interface Term {
  key: string; // "" for plain words
  value: string;
}
export interface Qualifier {
  key: string;
  hint: string;
  /** Known values, asked for as somebody types. */
  values?: (typed: string) => string[] | Promise<string[]>;
  /** Words that stand for a value: "failed" for failure. */
  check?: (value: string) => string | null;
  /** May stand more than once. */
  many?: boolean;
}

const TERM = /\s*(?:([a-z_]+):)?(?:"((?:[^"\\]|\\.)*)"|(\S+))/gy;

export function parse(text: string): Term[] {
  const terms: Term[] = [];
  TERM.lastIndex = 0;
  for (let found = TERM.exec(text); found; found = TERM.exec(text)) {
    const value = found[2] !== undefined ? found[2].replace(/\\(.)/g, "$1") : (found[3] ?? "");
    if (!found[1] && terms.length && terms[terms.length - 1]!.key === "") terms[terms.length - 1]!.value += " " + value;
    else terms.push({ key: found[1] ?? "", value });
  }
  return terms;
}

export function write(terms: readonly Term[]): string {
  return terms
    .filter((t) => t.value !== "")
    .map(({ key, value }) => {
      const plain = key ? /^[^\s"]+$/.test(value) : value.split(" ").every((word) => word && !/^[a-z_]+:/.test(word) && !word.includes('"'));
      return (key ? key + ":" : "") + (plain ? value : `"${value.replace(/(["\\])/g, "\\$1")}"`);
    })
    .join(" ");
}

/** Terms this list does not know, or knows only once: one sentence each. */
export function problems(terms: readonly Term[], qualifiers: readonly Qualifier[]): string[] {
  const found: string[] = [];
  const seen = new Set<string>();
  for (const { key, value } of terms) {
    const known = qualifiers.find((q) => q.key === key);
    if (!known && key) found.push(`“${key}:” is not known here; known are ${qualifiers.filter((q) => q.key).map((q) => q.key).join(", ")}`);
    if (known && !known.many && seen.has(key)) found.push(`“${key || "text"}” may stand once`);
    const wrong = known?.check?.(value);
    if (wrong) found.push(wrong);
    seen.add(key);
  }
  return found;
}

export const valueOf = (terms: readonly Term[], key: string): string => terms.find((t) => t.key === key)?.value ?? "";
export const without = (terms: readonly Term[], key: string): Term[] => terms.filter((t) => t.key !== key);
export const withTerm = (terms: readonly Term[], key: string, value: string): Term[] => (value ? [...without(terms, key), { key, value }] : without(terms, key));

/** What the top bar's box is on this screen. A list sets one; elsewhere it opens the palette. */
export interface Ask {
  where: string;
  text: string;
  qualifiers: readonly Qualifier[];
  placeholder?: string;
  onText: (text: string) => void;
  hits?: ComponentChildren;
  tools?: ComponentChildren;
}
export const currentAsk = signal<Ask | null>(null);

export function useAsk(ask: Ask, changes: readonly unknown[]): void {
  useEffect(() => {
    currentAsk.value = ask;
  }, [ask.where, ask.text, ...changes]);
  useEffect(() => () => void (currentAsk.value = null), []);
}
