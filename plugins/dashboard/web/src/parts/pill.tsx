import { count } from "../lib/time";

/** "12 new": they wait until the reader wants them. */
export function Pill({ count: n, onTake }: { count: number; onTake: () => void }) {
  return (
    <button type="button" class="pill" onClick={onTake}>
      {count(n)} new
    </button>
  );
}
