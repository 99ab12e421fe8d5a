/** `?`: every key there is. */
import { screens } from "../screens";
import { singleKeys } from "../lib/settings";
import { Dialog } from "../parts/panels";
import { Kbd } from "../parts/text";
import { helpOpen } from "./palette";

const lists: [string, [string[], string][]][] = [
  ["Anywhere", [[["Ctrl", "k"], "go, find by id, act"], [["/"], "the query bar"], [["t"], "time zone"], [["."], "pause what moves by itself"], [["y"], "copy the link to what you see"], [["Esc"], "back out one level"], [["?"], "this sheet"]]],
  ["In a list", [[["j"], "down"], [["k"], "up"], [["x"], "select"], [["Shift", "x"], "select up to here"], [["*"], "all that match"], [["o"], "drawer"], [["Enter"], "page"], [["["], "previous, in the drawer"], [["]"], "next, in the drawer"]]],
  ["On a task", [[["r"], "retry"], [["e"], "edit and retry"], [["c"], "cancel"]]],
];

export function Help() {
  if (!helpOpen.value) return null;
  const close = () => (helpOpen.value = false);
  return (
    <Dialog
      title="Keys"
      wide
      onClose={close}
      foot={
        <>
          <label class="row">
            <input type="checkbox" checked={singleKeys.value === "on"} onChange={(e) => (singleKeys.value = e.currentTarget.checked ? "on" : "off")} /> Single-letter keys
          </label>
          <button type="button" class="btn pri push" autofocus onClick={close}>
            Done
          </button>
        </>
      }
    >
      <div class="help-sheet">
        {lists.map(([title, keys]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {keys.map(([names, what]) => (
                <div key={what}>
                  <dt>
                    {names.map((n) => (
                      <Kbd key={n}>{n}</Kbd>
                    ))}
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Screens</h3>
          <dl>
            {screens
              .filter((s) => s.key)
              .map((s) => (
                <div key={s.id}>
                  <dt>
                    <Kbd>g</Kbd>
                    <Kbd>{s.key}</Kbd>
                  </dt>
                  <dd>{s.title}</dd>
                </div>
              ))}
          </dl>
        </section>
      </div>
    </Dialog>
  );
}
