/** Keys of the console. Single letters can be switched off; with Ctrl or Cmd, and Esc, they always work. */
import { signal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { singleKeys } from "./settings";

export type Keys = Record<string, (event: KeyboardEvent) => void>;
interface Layer {
  keys: () => Keys;
  /** A dialog: nothing beneath it hears keys. */
  modal: boolean;
}
const layers: Layer[] = [];
/** After `g`, for a second. */
export const pending = signal("");
let timer: ReturnType<typeof setTimeout> | undefined;

/** "j", "X" (with shift), "Escape", "mod+k", "g t". */
export function nameOf(event: Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">): string {
  return (event.ctrlKey || event.metaKey ? "mod+" : "") + (event.altKey ? "alt+" : "") + event.key;
}

export function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) && !/^(checkbox|radio|button)$/.test((target as HTMLInputElement).type ?? "");
}

/** What Enter works by itself. */
const OWN_ENTER = "a[href],button,input,select,textarea,summary";

export function handle(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  let name = nameOf(event);
  const single = event.key.length === 1 && !name.startsWith("mod+") && !name.startsWith("alt+");
  if (event.key === "Enter" && event.target instanceof Element && event.target.closest(OWN_ENTER)) return;
  if (single && (isTyping(event.target) || singleKeys.value === "off")) return;
  if (pending.value) {
    name = pending.value + " " + name;
    pending.value = "";
    clearTimeout(timer);
  } else if (name === "g") {
    pending.value = "g";
    timer = setTimeout(() => (pending.value = ""), 1000);
    return;
  }
  for (let i = layers.length - 1; i >= 0; i--) {
    const layer = layers[i]!;
    const found = layer.keys()[name];
    if (found) {
      event.preventDefault();
      found(event);
      return;
    }
    if (layer.modal) return;
  }
}

/** Keys while the component is there; those mounted later are asked first. */
export function useKeys(keys: Keys, { modal = false, when = true } = {}): void {
  const holder = useHolder(keys);
  // Before the next key can come, not after the next picture: somebody who knows the keys types ahead.
  useLayoutEffect(() => {
    if (!when) return;
    const layer: Layer = { keys: () => holder.keys, modal };
    layers.push(layer);
    return () => {
      layers.splice(layers.indexOf(layer), 1);
    };
  }, [when, modal]);
}

import { useRef } from "preact/hooks";
function useHolder(keys: Keys): { keys: Keys } {
  const ref = useRef({ keys });
  ref.current.keys = keys;
  return ref.current;
}

export function startKeys(): void {
  addEventListener("keydown", handle);
}
