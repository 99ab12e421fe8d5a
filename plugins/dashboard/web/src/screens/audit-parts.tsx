/** What the list and the drawer of the audit log share. */
import { outcomeOf, type Entry } from "../lib/audit";
import type { Person } from "../lib/people";
import { State } from "../parts/state";

export type People = ReadonlyMap<string, Person>;
/** The brain itself when nobody is named; somebody unknown when an address is. */
export function whoOf(entry: Entry, people: People): string {
  if (entry.user_id) return people.get(entry.user_id)?.email ?? entry.user_id.slice(0, 8);
  return entry.source_ip ? "unknown" : "the brain";
}

export function Outcome({ entry, big }: { entry: Entry; big?: boolean }) {
  const { look, word } = outcomeOf(entry);
  return <State look={look} big={big}>{word}</State>;
}
