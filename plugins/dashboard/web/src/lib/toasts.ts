/** One line at the foot of the page for a few seconds: what was done, and the way back or on. */
import { signal } from "@preact/signals";
import type { ApiError } from "../api/client";

export interface Toast {
  id: number;
  text: string;
  bad?: boolean;
  link?: { text: string; to: string };
  undo?: () => void;
  /** Under which the brain's log has more. */
  requestId?: string | null;
}
export const toasts = signal<Toast[]>([]);
let last = 0;

export function toast(text: string, more: Omit<Toast, "id" | "text"> = {}): void {
  const id = ++last;
  toasts.value = [...toasts.value.slice(-2), { id, text, ...more }];
  setTimeout(() => (toasts.value = toasts.value.filter((t) => t.id !== id)), more.bad ? 12_000 : 6000);
}

/** A refusal, with the number to ask the brain's log for; `doing` says of what. */
export function toastError(error: ApiError, doing = ""): void {
  toast(doing ? `${doing}: ${error.message}` : error.message, { bad: true, requestId: error.requestId });
}
