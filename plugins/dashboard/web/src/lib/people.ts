/** Who an id is: from the members one may see, and for administrators from all users. */
import { api } from "../api/client";
import { useQuery } from "./query";
import { slug } from "./router";
import { may, me } from "./session";

export interface Person {
  id: string;
  email: string;
  name: string | null;
}
export function usePeople(): ReadonlyMap<string, Person> {
  const at = slug.value;
  const asAdministrator = !!me.value?.is_admin;
  const answer = useQuery(asAdministrator ? "people" : may("admin") && at ? `people ${at}` : null, async (signal) => {
    const people = asAdministrator
      ? (await api.get("/api/v1/users", { query: { limit: 500 }, signal })).map((u) => ({ id: u.id, email: u.email, name: u.display_name }))
      : (await api.get("/api/v1/projects/{slug}/memberships", { path: { slug: at }, signal })).map((m) => ({ id: m.user_id, email: m.user_email, name: m.user_display_name }));
    return new Map(people.map((p) => [p.id, p]));
  });
  const known = new Map(answer.value ?? []);
  const who = me.value;
  if (who) known.set(who.id, { id: who.id, email: who.email, name: who.display_name });
  return known;
}

/** What to call a user: "you", a name, or the head of the id. */
export function useNames(): (id: string | null | undefined) => string | null {
  const people = usePeople();
  return (id) => {
    if (!id) return null;
    if (id === me.value?.id) return "you";
    const person = people.get(id);
    return person ? person.name || person.email : `user ${id.slice(0, 8)}`;
  };
}
