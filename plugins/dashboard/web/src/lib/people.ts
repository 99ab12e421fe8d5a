/** Names of users by their id, as far as one may know them: oneself, and the members for project admins. */
import { api } from "../api/client";
import { useQuery } from "./query";
import { slug } from "./router";
import { may, me } from "./session";

export function usePeople(): (id: string | null | undefined) => string | null {
  const at = slug.value;
  const members = useQuery(may("admin") ? `members ${at}` : null, (signal) => api.get("/api/v1/projects/{slug}/memberships", { path: { slug: at }, signal }), { everyMs: 300_000 });
  return (id) => {
    if (!id) return null;
    if (id === me.value?.id) return "you";
    const member = members.value?.find((m) => m.user_id === id);
    return member ? member.user_display_name || member.user_email : `user ${id.slice(0, 8)}`;
  };
}
