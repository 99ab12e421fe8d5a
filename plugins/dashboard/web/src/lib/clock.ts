/** A question whose time stands still between refreshes: "since 1h" moves on by steps, so that its key does not change each second. */
import { useMemo, useRef } from "preact/hooks";
import { now } from "./time";

/** The time now, in steps. */
export function useStep(ms: number): number {
  const step = Math.floor(now.value / ms) * ms;
  const kept = useRef(step);
  return useMemo(() => (kept.current = step), [step]);
}
