import { options, type VNode } from "preact";

/** Text of agents made harmless to read: control and direction characters are shown, so that "\u202eevil" cannot pose as "live". */
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/g;

export function visible(text: string): string {
  return text.replace(HIDDEN, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

const SPOKEN = ["title", "aria-label", "label"] as const;
/** Whatever is drawn passes visible(): no screen has to think of it. Called once, before the first drawing. */
export function showHidden(): void {
  const before = options.vnode;
  options.vnode = (vnode: VNode) => {
    const props = vnode.props as unknown;
    if (typeof props === "string") vnode.props = visible(props) as never;
    else if (typeof vnode.type === "string")
      for (const name of SPOKEN) {
        const text = (props as Record<string, unknown>)[name];
        if (typeof text === "string") (props as Record<string, unknown>)[name] = visible(text);
      }
    before?.(vnode);
  };
}
