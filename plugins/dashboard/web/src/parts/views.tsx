/** Saved views: a list's query under a name, of one's own or shared with the project. They live in the brain. */
import { useState } from "preact/hooks";
import { api, ApiError } from "../api/client";
import { refresh, useQuery } from "../lib/query";
import { go, place, slug } from "../lib/router";
import { may } from "../lib/session";
import { toast } from "../lib/toasts";
import { Note } from "./feedback";
import { Icon } from "./icons";
import { Dialog } from "./panels";

/** The star of a list's query bar. `screen` names the list; what is kept is the address's query without the open row. */
export function Views({ screen }: { screen: string }) {
  const at = slug.value;
  const key = `views ${at} ${screen}`;
  const views = useQuery(key, (signal) => api.get("/api/v1/projects/{slug}/views", { path: { slug: at }, query: { screen }, signal }), { topics: ["project.changed"] });
  const [open, setOpen] = useState(false);
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const now = new URLSearchParams(place.value.search);
  now.delete("row");
  const query = now.toString();
  const known = views.value?.find((v) => v.query === query);
  const attempt = async (act: () => Promise<unknown>, done: string) => {
    setProblem(null);
    try {
      await act();
      toast(done);
      refresh(key);
    } catch (error) {
      if (error instanceof ApiError) setProblem(error);
    }
  };
  return (
    <>
      <button type="button" class={known ? "ib is-kept" : "ib"} aria-label="Saved views" title={known ? `Saved as “${known.name}”` : "Saved views"} onClick={() => setOpen(true)}>
        <Icon name="star" />
      </button>
      {open && (
        <Dialog title="Saved views" onClose={() => setOpen(false)}>
          {(views.value?.length ?? 0) > 0 && (
            <ul class="views">
              {views.value?.map((v) => (
                <li key={v.id} class="row">
                  <button
                    type="button"
                    class="link cut"
                    onClick={() => {
                      setOpen(false);
                      go(place.value.path + (v.query ? "?" + v.query : ""));
                    }}
                  >
                    {v.name}
                  </button>
                  {v.is_shared && <span class="tag">shared{v.is_mine ? "" : ` by ${v.created_by_name ?? "somebody"}`}</span>}
                  {(v.is_mine || (v.is_shared && may("admin"))) && (
                    <button type="button" class="ib push" aria-label={`Forget ${v.name}`} title="Forget it" onClick={() => void attempt(() => api.delete("/api/v1/projects/{slug}/views/{view_id}", { path: { slug: at, view_id: v.id } }), `“${v.name}” is forgotten`)}>
                      <Icon name="trash" />
                    </button>
                  )}
                </li>
              ))}
            </ul>
          )}
          <form
            class="row"
            onSubmit={(event) => {
              event.preventDefault();
              if (name.trim()) void attempt(() => api.post("/api/v1/projects/{slug}/views", { path: { slug: at }, body: { screen, name: name.trim(), query, is_shared: shared } }), `Saved as “${name.trim()}”`).then(() => setName(""));
            }}
          >
            <input class="in" aria-label="Name of this view" placeholder="Save what you see as…" maxLength={80} value={name} onInput={(e) => setName(e.currentTarget.value)} />
            <button type="submit" class="btn pri" aria-disabled={!name.trim()}>
              Save
            </button>
          </form>
          {may("operator") && (
            <label class="row q2">
              <input type="checkbox" checked={shared} onChange={(e) => setShared(e.currentTarget.checked)} /> for everybody in the project
            </label>
          )}
          {problem && <Note kind="bad">{problem.message}</Note>}
        </Dialog>
      )}
    </>
  );
}
