/** Reads a Python traceback so that one's own frames stand out and library frames fold. Text of agents: never HTML. */
export interface Code {
  kind: "frame";
  file: string;
  line: number;
  name: string;
  source: string[];
  own: boolean;
}
export interface Words {
  kind: "words"; // between chained tracebacks
  text: string;
}
export interface Fault {
  kind: "error";
  text: string;
}
export type Part = Code | Words | Fault;

const LIBRARY = /(?:^|[/\\])(?:site-packages|dist-packages|lib[/\\]python\d|python\d+\.\d+|\.venv|venv|node_modules)[/\\]|^<frozen |^<string>/;
const FRAME = /^ {2}File "([^"]*)", line (\d+)(?:, in (.*))?$/;
const MOST_LINES = 20_000;

export function isLibrary(file: string): boolean {
  return LIBRARY.test(file);
}

export function parseTrace(text: string): Part[] {
  const parts: Part[] = [];
  let frame: Code | null = null;
  for (const line of text.split("\n").slice(0, MOST_LINES)) {
    const found = FRAME.exec(line);
    if (found) {
      frame = { kind: "frame", file: found[1] ?? "", line: Number(found[2]), name: found[3] ?? "", source: [], own: !isLibrary(found[1] ?? "") };
      parts.push(frame);
    } else if (frame && /^ {4}/.test(line)) {
      if (!/^\s*[\^~]+\s*$/.test(line) && frame.source.length < 20) frame.source.push(line.slice(4));
    } else if (/^Traceback \(most recent call last\):/.test(line) || line.trim() === "") {
      frame = null;
    } else if (/^(During handling of|The above exception was)/.test(line)) {
      frame = null;
      parts.push({ kind: "words", text: line });
    } else {
      const last = parts[parts.length - 1];
      if (last?.kind === "error" && !frame) last.text += "\n" + line;
      else parts.push({ kind: "error", text: line });
      frame = null;
    }
  }
  return parts;
}

/** Between the first and the last parts of a trace that is too long to draw whole. */
export function between<T>(parts: readonly T[], first: number, last: number): { head: readonly T[]; hidden: number; tail: readonly T[] } {
  if (parts.length <= first + last) return { head: parts, hidden: 0, tail: [] };
  return { head: parts.slice(0, first), hidden: parts.length - first - last, tail: parts.slice(-last) };
}

export interface Fold {
  kind: "fold";
  frames: Code[];
  of: string[];
}
/** Runs of library frames become one line. When no frame is one's own, the last one stays to be seen. */
export function fold(parts: readonly Part[]): (Part | Fold)[] {
  const frames = parts.filter((p): p is Code => p.kind === "frame");
  const kept = frames.some((f) => f.own) ? null : frames[frames.length - 1];
  const out: (Part | Fold)[] = [];
  for (const part of parts) {
    if (part.kind !== "frame" || part.own || part === kept) {
      out.push(part);
      continue;
    }
    const last = out[out.length - 1];
    const name = packageOf(part.file);
    if (last?.kind === "fold") {
      last.frames.push(part);
      if (!last.of.includes(name)) last.of.push(name);
    } else out.push({ kind: "fold", frames: [part], of: [name] });
  }
  return out;
}

export function packageOf(file: string): string {
  const found = /(?:site-packages|dist-packages)[/\\]([^/\\]+)/.exec(file) ?? /python\d+(?:\.\d+)?[/\\]([^/\\]+)/.exec(file);
  return (found?.[1] ?? file.split(/[/\\]/).pop() ?? file).replace(/\.py$/, "");
}

/** "…/notifications/transport.py": the last two parts. */
export function shortFile(file: string): string {
  const parts = file.split(/[/\\]/);
  return parts.length <= 2 ? file : "…/" + parts.slice(-2).join("/");
}
