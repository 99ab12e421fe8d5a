/** What agents told: arguments as a tree, tracebacks, differences. All of it hostile text, shown as text. */
import { useMemo, useState } from "preact/hooks";
import { CUT, readLiteral, type Json } from "../lib/pyliteral";
import { between, fold, parseTrace, shortFile, type Code } from "../lib/trace";
import { visible } from "../lib/text";
import { bytes } from "../lib/time";
import { Icon } from "./icons";

/** What the brain and agents put where they took something out. */
export const REDACTED = /^(\[REDACTED[^\]]*\]|\*{3,}|•{3,}|<redacted[^>]*>)$/i;
const MOST_CHILDREN = 200;
const LONG = 400;

/** A value as the API gives it; source code of Python literals is read, other text stays text. */
export function readValue(value: unknown): { value: Json; isSource: boolean } {
  if (typeof value === "string" && /^\s*[([{]/.test(value)) {
    const read = readLiteral(value);
    if (read !== undefined) return { value: read, isSource: true };
  }
  return { value: (value ?? null) as Json, isSource: typeof value === "string" };
}

export function countRedacted(value: Json, depth = 0): number {
  if (typeof value === "string") return REDACTED.test(value) ? 1 : 0;
  if (value === null || typeof value !== "object" || depth > 40) return 0;
  return Object.values(value).reduce<number>((sum, v) => sum + countRedacted(v as Json, depth + 1), 0);
}

function Leaf({ value }: { value: Exclude<Json, object> }) {
  const [whole, setWhole] = useState(false);
  if (typeof value === "string") {
    if (value === CUT) return <span class="z">{CUT} cut by the engine</span>;
    if (REDACTED.test(value)) return <span class="redact">redacted</span>;
    const shown = visible(JSON.stringify(whole || value.length <= LONG ? value : value.slice(0, LONG)));
    return (
      <>
        <span class={whole ? "s whole" : "s"} dir="auto">
          {shown}
        </span>
        {value.length > LONG && (
          <button type="button" class="fold" onClick={() => setWhole(!whole)}>
            {whole ? "less" : `all ${bytes(value.length)}`}
          </button>
        )}
      </>
    );
  }
  return <span class={typeof value === "number" ? "n" : "z"}>{String(value)}</span>;
}

function Branch({ name, value, depth, open: first }: { name: string | null; value: Json; depth: number; open: boolean }) {
  const isBranch = value !== null && typeof value === "object";
  const [open, setOpen] = useState(first);
  const [most, setMost] = useState(MOST_CHILDREN);
  const indent = { paddingLeft: `${depth * 16}px` };
  const key = name === null || name === CUT ? null : <span class="k">{visible(name)}:</span>;
  if (!isBranch)
    return (
      <li style={indent}>
        {key}
        <Leaf value={value as Exclude<Json, object>} />
      </li>
    );
  const isList = Array.isArray(value);
  const entries: [string, Json][] = isList ? value.map((v, i) => [String(i), v]) : Object.entries(value);
  const words = isList ? `[ ${entries.length} ${entries.length === 1 ? "item" : "items"} ]` : `{ ${entries.length} ${entries.length === 1 ? "key" : "keys"} }`;
  return (
    <>
      <li style={indent}>
        {key}
        {entries.length === 0 ? (
          <span class="z">{isList ? "[ ]" : "{ }"}</span>
        ) : (
          <button type="button" class="fold z" aria-expanded={open} onClick={() => setOpen(!open)}>
            <span class={open ? "turn open" : "turn"}>
              <Icon name="right" small />
            </span>
            {words}
          </button>
        )}
      </li>
      {open && entries.slice(0, most).map(([k, v]) => <Branch key={k} name={k} value={v} depth={depth + 1} open={depth < 2 && entries.length < 30} />)}
      {open && entries.length > most && (
        <li style={{ paddingLeft: `${(depth + 1) * 16}px` }}>
          <button type="button" class="fold" onClick={() => setMost(most + MOST_CHILDREN)}>
            {entries.length - most} more
          </button>
        </li>
      )}
    </>
  );
}

/** JSON as a tree; the outermost braces are left out. */
export function Tree({ value, empty = "none" }: { value: unknown; empty?: string }) {
  const read = useMemo(() => readValue(value), [value]);
  const top = read.value;
  if (top === null || (typeof top === "object" && Object.keys(top).length === 0)) return <p class="q">{empty}</p>;
  if (typeof top === "object")
    return (
      <ul class="tree">
        {Object.entries(top)
          .slice(0, 1000)
          .map(([k, v]) => (
            <Branch key={k} name={k} value={v as Json} depth={0} open={Object.keys(top).length < 30} />
          ))}
      </ul>
    );
  return (
    <ul class="tree">
      <Branch name={null} value={top} depth={0} open />
    </ul>
  );
}

export function asText(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value, null, 2) ?? "null");
}

/** The text itself, as much of it as a page can carry. */
export function Raw({ value, label = "Raw text" }: { value: unknown; label?: string }) {
  const text = visible(asText(value));
  const [all, setAll] = useState(false);
  const most = 64 * 1024;
  return (
    <>
      <pre class="raw" dir="auto" tabIndex={0} role="region" aria-label={label}>
        {all ? text : text.slice(0, most)}
      </pre>
      {text.length > most && !all && (
        <button type="button" class="btn" onClick={() => setAll(true)}>
          Show all {bytes(text.length)}
        </button>
      )}
    </>
  );
}

function Frame({ frame, last }: { frame: Code; last: boolean }) {
  return (
    <>
      <div class="fr" title={`${frame.file}:${frame.line}`}>
        <b>{frame.name || "module"}</b>
        <span class="cut">{shortFile(frame.file)}</span>
        <span class="ln">{frame.line}</span>
      </div>
      {frame.source[0] && (frame.own || last) && <code class={last ? "src last" : "src"}>{frame.source.join("\n")}</code>}
    </>
  );
}

/** "shop.Gone: x" and "Gone('x')" are one fault, told twice. */
function sameFault(line: string, exception: string): boolean {
  const name = (text: string) => /^[\w.]*?(\w+)\s*(?:[:(]|$)/.exec(text.trim())?.[1];
  return name(line) !== undefined && name(line) === name(exception);
}

/** Frames of libraries folded, so that one's own code is what one sees. */
export function Trace({ text, exception }: { text: string | null; exception?: string | null }) {
  const parts = useMemo(() => fold(parseTrace(visible(text ?? ""))), [text]);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  const [first, setFirst] = useState(20);
  const ownLast = parts.reduce((at, p, i) => (p.kind === "frame" ? i : at), -1);
  const { head, hidden, tail } = between(parts, first, 40);
  const draw = (part: (typeof parts)[number], i: number) => {
    if (part.kind === "frame") return <Frame key={i} frame={part} last={i === ownLast} />;
    if (part.kind === "words")
      return (
        <p class="q words" key={i}>
          {part.text}
        </p>
      );
    if (part.kind === "error")
      return exception && i === parts.length - 1 && sameFault(part.text, exception) ? null : (
        <p class="err" key={i} dir="auto">
          {part.text.length > 2000 ? part.text.slice(0, 2000) + "…" : part.text}
        </p>
      );
    return open.has(i) ? (
      part.frames.slice(0, 200).map((f, k) => <Frame key={`${i}.${k}`} frame={f} last={false} />)
    ) : (
      <button type="button" class="fold" key={i} onClick={() => setOpen(new Set([...open, i]))}>
        <Icon name="right" small />
        {part.frames.length} {part.frames.length === 1 ? "frame" : "frames"} in {part.of.slice(0, 3).join(", ")}
      </button>
    );
  };
  return (
    <div class="trace">
      {exception && (
        <p class="err" dir="auto">
          {visible(exception.length > 2000 ? exception.slice(0, 2000) + "…" : exception)}
        </p>
      )}
      {head.map(draw)}
      {hidden > 0 && (
        <button type="button" class="fold" onClick={() => setFirst(first + 200)}>
          <Icon name="right" small />
          {hidden.toLocaleString("en")} more in between
        </button>
      )}
      {tail.map((part, i) => draw(part, parts.length - tail.length + i))}
    </div>
  );
}

export interface Change {
  at: string;
  before?: unknown;
  after?: unknown;
}
/** Which places of two values differ, each with its path. */
export function differences(before: unknown, after: unknown, at = "", found: Change[] = []): Change[] {
  if (found.length >= 500 || Object.is(before, after)) return found;
  const both = typeof before === "object" && typeof after === "object" && before !== null && after !== null && Array.isArray(before) === Array.isArray(after);
  if (!both) {
    if (JSON.stringify(before) !== JSON.stringify(after)) found.push({ at, ...(before !== undefined && { before }), ...(after !== undefined && { after }) });
    return found;
  }
  const a = before as Record<string, unknown>;
  const b = after as Record<string, unknown>;
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) differences(a[key], b[key], at ? `${at}.${key}` : key, found);
  return found;
}

export function Diff({ changes, empty = "No difference" }: { changes: readonly Change[]; empty?: string }) {
  if (!changes.length) return <p class="q">{empty}</p>;
  const line = (v: unknown) => visible(JSON.stringify(v) ?? "");
  return (
    <div class="diff">
      {changes.map((c) => (
        <>
          {"before" in c && (
            <div class="del" key={"-" + c.at}>
              <span aria-hidden="true">- </span>
              <span class="vh">was </span>
              {visible(c.at)}
              {c.at && ": "}
              {line(c.before)}
            </div>
          )}
          {"after" in c && (
            <div class="add" key={"+" + c.at}>
              <span aria-hidden="true">+ </span>
              <span class="vh">now </span>
              {visible(c.at)}
              {c.at && ": "}
              {line(c.after)}
            </div>
          )}
        </>
      ))}
    </div>
  );
}
