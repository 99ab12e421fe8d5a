/** Task states as shape and word. */
import type { Schemas } from "../api/client";

export type Look = "done" | "fail" | "run" | "retry" | "stop" | "wait" | "warn";
export type TaskState = Schemas["Task"]["state"];

export const taskStates: Record<TaskState, { look: Look; word: string }> = {
  failure: { look: "fail", word: "failed" },
  retry: { look: "retry", word: "retrying" },
  started: { look: "run", word: "running" },
  received: { look: "wait", word: "reserved" },
  pending: { look: "wait", word: "waiting" },
  success: { look: "done", word: "succeeded" },
  revoked: { look: "stop", word: "cancelled" },
  rejected: { look: "stop", word: "rejected" },
  unknown: { look: "warn", word: "unknown" },
};
/** The word or the state itself -> the state. */
export function stateOf(text: string): TaskState | null {
  const low = text.toLowerCase();
  for (const [state, { word }] of Object.entries(taskStates)) if (low === state || low === word) return state as TaskState;
  return null;
}
export const isOver = (state: TaskState) => state === "success" || state === "failure" || state === "revoked" || state === "rejected";
