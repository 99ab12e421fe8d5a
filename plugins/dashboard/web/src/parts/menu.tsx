/** A button with a short list under it. Arrow keys within, Esc closes. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export interface MenuItem {
  title: string;
  hint?: string;
  on?: boolean;
  act: () => void;
}
export function Menu({ class: name, label, button, items, head, right = false }: { class?: string; label: string; button: ComponentChildren; items: readonly MenuItem[]; head?: ComponentChildren; right?: boolean }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event) => !box.current?.contains(event.target as Node) && setOpen(false);
    addEventListener("pointerdown", outside);
    box.current?.querySelector<HTMLElement>("[role^=menuitem]")?.focus();
    return () => removeEventListener("pointerdown", outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    box.current?.querySelector<HTMLElement>("button")?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return;
    const all = [...(box.current?.querySelectorAll<HTMLElement>("[role^=menuitem]") ?? [])];
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") all[(at + 1) % all.length]?.focus();
    else if (event.key === "ArrowUp") all[(at - 1 + all.length) % all.length]?.focus();
    else if (event.key === "Tab") return setOpen(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class={`menu-host ${name ?? ""}`} ref={box} onKeyDown={onKeyDown}>
      <button type="button" class="menu-button" aria-haspopup="menu" aria-expanded={open} onClick={() => setOpen(!open)}>
        {button}
        <span class="vh">{label}</span>
      </button>
      {open && (
        <div class={right ? "menu right" : "menu"}>
          {head && <p class="q small menu-head">{head}</p>}
          <div role="menu" aria-label={label}>
            {items.map((item) => (
              <button
                type="button"
                key={item.title}
                role={item.on === undefined ? "menuitem" : "menuitemradio"}
                aria-checked={item.on}
                tabIndex={-1}
                onClick={() => {
                  close();
                  item.act();
                }}
              >
                <span class="cut">{item.title}</span>
                {item.hint && <span class="q small push">{item.hint}</span>}
              </button>
            ))}
          </div>
        </div>
      )}
    </div>
  );
}
