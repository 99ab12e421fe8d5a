/** The small figures beside the rail's entries: only what wants somebody. */
import { signal } from "@preact/signals";

export interface RailCount {
  text: string;
  bad?: boolean;
}
/** Screens put theirs here by id when they know it; Now fills most of them. */
export const counts = signal<Record<string, RailCount | undefined>>({});
export const railCounts = () => counts.value;
