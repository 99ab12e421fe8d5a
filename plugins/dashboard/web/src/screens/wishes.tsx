/** Wishes: what workers were told and would forget; the brain says it again to those that come later. */
import { api, ApiError } from "../api/client";
import { useNames } from "../lib/people";
import { refresh, useQuery } from "../lib/query";
import { slug } from "../lib/router";
import { toast, toastError } from "../lib/toasts";
import { Act } from "../parts/panels";
import { Age } from "../parts/text";
import { whyNotMine } from "./task-parts";

export function useWishes() {
  const at = slug.value;
  return useQuery(`wishes ${at}`, async (signal) => (await api.get("/api/v1/projects/{slug}/worker-wishes", { path: { slug: at }, query: { limit: 500 }, signal })).items, { topics: ["worker.changed", "agent.changed", "command.changed"], leastMs: 3000 });
}
export type Wish = NonNullable<ReturnType<typeof useWishes>["value"]>[number];

export function useCommand(id: string | null | undefined) {
  const at = slug.value;
  return useQuery(id ? `command ${at} ${id}` : null, (signal) => api.get("/api/v1/projects/{slug}/commands/{command_id}", { path: { slug: at, command_id: id ?? "" }, signal }));
}

const seconds = (v: unknown) => (typeof v === "number" ? `${v} s` : "none");
/** "rate of shop.add: 10/m". */
export function wishWords(w: Pick<Wish, "kind" | "target" | "args" | "worker_name">): string {
  const args = w.args as Record<string, unknown>;
  if (w.kind === "rate_limit") return `${w.target ?? "a task"}: at most ${args.rate === "0" ? "any rate" : String(args.rate ?? "")}`;
  if (w.kind === "time_limit") return `${w.target ?? "a task"}: soft ${seconds(args.soft)}, hard ${seconds(args.hard)}`;
  if (w.kind === "autoscale") return `between ${String(args.min)} and ${String(args.max)} at once`;
  if (w.kind === "consumer") return args.cancel_consumer !== undefined ? `does not listen to ${String(args.cancel_consumer)}` : `also listens to ${String(args.add_consumer ?? w.target)}`;
  if (w.kind === "pause") return w.target ? `queue ${w.target} is paused` : "all queues are paused";
  return w.kind;
}

/** Who asked for it, and when. */
export function WishBy({ wish }: { wish: Pick<Wish, "command_id" | "created_at"> }) {
  const person = useNames();
  const command = useCommand(wish.command_id);
  const by = person(command.value?.issued_by);
  return (
    <span>
      {by ? `by ${by}, ` : ""}
      <Age at={wish.created_at} ago />
    </span>
  );
}

export function ForgetWish({ wish }: { wish: Wish }) {
  const forget = async () => {
    try {
      await api.delete("/api/v1/projects/{slug}/worker-wishes/{wish_id}", { path: { slug: slug.value, wish_id: wish.id } });
      toast("It is not said again; workers that heard it keep to it");
      refresh("wishes ");
    } catch (error) {
      if (error instanceof ApiError) toastError(error, "The wish could not be ended");
    }
  };
  return (
    <Act icon="x" why={whyNotMine("operator")} onClick={() => void forget()}>
      Forget
    </Act>
  );
}
