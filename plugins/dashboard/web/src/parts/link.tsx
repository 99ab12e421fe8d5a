/** Links: <Link> goes within the console, <Out> to an address that came from data and must be http(s). */
import type { ComponentChildren, JSX } from "preact";
import { go } from "../lib/router";

type Rest = Omit<JSX.HTMLAttributes<HTMLAnchorElement>, "href" | "onClick">;

export function Link({ to, children, replace = false, onGo, ...rest }: Rest & { to: string; replace?: boolean; onGo?: () => void; children?: ComponentChildren }) {
  return (
    <a
      {...rest}
      href={to}
      onClick={(event) => {
        if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        onGo?.();
        go(to, { replace });
      }}
    >
      {children}
    </a>
  );
}

/** The address when it is a web address, else null. */
export function webAddress(text: string): string | null {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}

export function Out({ href, children, ...rest }: Rest & { href: string; children?: ComponentChildren }) {
  const good = webAddress(href);
  if (!good) return <span>{children ?? href}</span>;
  return (
    <a {...rest} href={good} target="_blank" rel="noopener noreferrer">
      {children ?? good}
    </a>
  );
}

/** A file of the API that the browser saves: a path below /api/. */
export function Download({ path, children, ...rest }: Rest & { path: `/api/${string}`; children?: ComponentChildren }) {
  return (
    <a {...rest} href={path} download>
      {children}
    </a>
  );
}
