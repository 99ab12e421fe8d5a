import type { ComponentChildren } from "preact";

/** The line of tabs, with the tools of the open one. */
export type Bar = (tools: ComponentChildren) => ComponentChildren;
