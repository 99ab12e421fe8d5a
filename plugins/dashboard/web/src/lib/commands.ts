/** Commands: sent once, then watched until they tell how it went. */
import { api, ApiError, type Schemas } from "../api/client";
import { refresh } from "./query";
import { slug } from "./router";
import { toast, toastError } from "./toasts";

export type Command = Schemas["Command"];
export type CommandName = "pause-queue" | "resume-queue" | "purge-queue" | "pool-resize" | "autoscale" | "add-consumer" | "cancel-consumer" | "rate-limit" | "time-limit" | "restart-worker" | "shutdown-worker";

export const newKey = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;

/** "done", "refused: why": what a command that is over says of itself. */
export function outcomeOf(c: Pick<Command, "status" | "result" | "error">): { good: boolean; words: string } {
  const result = (c.result ?? {}) as { outcome?: string; reason?: string; workers?: Record<string, string> };
  if (c.status === "completed") {
    const outcome = result.outcome ?? "done";
    const odd = Object.entries(result.workers ?? {}).filter(([, word]) => word !== "done" && word !== "ok");
    const why = result.reason ?? (odd.length ? odd.slice(0, 2).map(([w, word]) => `${w}: ${word}`).join(", ") : "");
    if (outcome === "done") return { good: true, words: "done" };
    if (outcome === "sent") return { good: true, words: why ? `sent, not confirmed by all: ${why}` : "sent; nobody can confirm it" };
    return { good: false, words: why ? `${outcome}: ${why}` : outcome };
  }
  if (c.status === "failed") return { good: false, words: c.error ?? "failed" };
  if (c.status === "timeout") return { good: false, words: "no answer came: it may have happened" };
  if (c.status === "cancelled") return { good: false, words: c.error ?? "nobody took it" };
  return { good: true, words: c.status };
}
export const isOver = (c: Pick<Command, "status">): boolean => c.status !== "pending" && c.status !== "dispatched";

const EVERY_MS = 400;
const MOST_MS = 65_000; // a command's own time is a minute

/** Asks until it is over. */
export async function follow(at: string, first: Command): Promise<Command> {
  const end = Date.now() + MOST_MS;
  let command = first;
  while (!isOver(command) && Date.now() < end) {
    await new Promise((done) => setTimeout(done, EVERY_MS));
    try {
      command = await api.get("/api/v1/projects/{slug}/commands/{command_id}", { path: { slug: at, command_id: command.id } });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status === 404 || error.status === 401) break;
    }
  }
  return command;
}

export interface Told {
  /** "Queue orders is paused": the sentence when it worked. */
  done: string;
  /** "Pausing orders": before the reason when it did not. */
  doing: string;
  refresh: readonly string[];
  undo?: () => void;
  link?: { text: string; to: string };
  /** Says it from the result instead. */
  words?: (result: Record<string, unknown>) => string;
}

/** Sends a command; what came of it is said at the foot of the page. Fails with ApiError when it was not taken. */
export async function send(name: CommandName, body: Record<string, unknown>, told: Told): Promise<void> {
  const at = slug.value;
  const first = (await api.post(`/api/v1/projects/{slug}/commands/${name}` as "/api/v1/projects/{slug}/commands/pause-queue", { path: { slug: at }, body: { idempotency_key: newKey(), ...body } as never })) as Command;
  void follow(at, first).then((command) => {
    for (const prefix of told.refresh) refresh(prefix);
    const { good, words } = outcomeOf(command);
    if (!good) toast(`${told.doing}: ${words}`, { bad: true });
    else toast(isOver(command) ? (words === "done" ? (told.words?.((command.result ?? {}) as Record<string, unknown>) ?? told.done) : `${told.doing}: ${words}`) : `${told.doing}: still waiting for an answer`, { ...(told.undo && { undo: told.undo }), ...(told.link && { link: told.link }) });
  });
}

/** For acts without a plan: a refusal is said at the foot of the page too. */
export function sendNow(name: CommandName, body: Record<string, unknown>, told: Told): void {
  send(name, body, told).catch((error: unknown) => {
    if (error instanceof ApiError) toastError(error, told.doing);
  });
}
