/** Which columns a list shows; the choice stands in the address (`cols`). */
import { useState } from "preact/hooks";
import { param, setParams } from "../lib/router";
import { chosen, type Column } from "./table";
import { Dialog } from "./panels";
import { Icon } from "./icons";

export function ColumnPicker<R>({ columns }: { columns: readonly Column<R>[] }) {
  const [open, setOpen] = useState(false);
  const shown = chosen(columns, param("cols"));
  const set = (id: string, on: boolean) => {
    const names = columns.filter((c) => (c.id === id ? on : shown.includes(c))).map((c) => c.id);
    const usual = columns.filter((c) => !c.extra).map((c) => c.id);
    setParams({ cols: names.join() === usual.join() || names.length === 0 ? null : names.join() });
  };
  return (
    <>
      <button type="button" class="ib" aria-label="Columns" title="Columns" onClick={() => setOpen(true)}>
        <Icon name="columns" />
      </button>
      {open && (
        <Dialog
          title="Columns"
          onClose={() => setOpen(false)}
          foot={
            <>
              <button type="button" class="btn" onClick={() => setParams({ cols: null })}>
                The usual ones
              </button>
              <button type="button" class="btn pri push" onClick={() => setOpen(false)}>
                Done
              </button>
            </>
          }
        >
          <ul class="picks">
            {columns.map((c) => (
              <li key={c.id}>
                <label>
                  <input type="checkbox" checked={shown.includes(c)} onChange={(e) => set(c.id, e.currentTarget.checked)} /> {c.head}
                </label>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  );
}
