/** Focus is never lost: when what had it is taken away, the nearest thing that is left gets it. */

const STOPS = "[role=grid],[tabindex='0'],a[href],button,input,select,textarea";
let last: Element | null = null;
let around: Element[] = [];

/** The list of the screen, else the first stop within the nearest container that is still there, else the page's main part. */
export function heir(containers: readonly Element[]): HTMLElement | null {
  const left = containers.find((c) => c.isConnected && c !== document.body && c.id !== "app");
  const near = left?.closest(".split") ?? left;
  return near?.querySelector<HTMLElement>("[role=grid]") ?? (near && near.id !== "main" ? near.querySelector<HTMLElement>(STOPS) : null) ?? document.getElementById("main");
}

function keep(): void {
  if (!last || last.isConnected || (document.activeElement && document.activeElement !== document.body)) return;
  last = null;
  heir(around)?.focus({ preventScroll: true });
}

export function startFocus(): void {
  addEventListener("focusin", (event) => {
    if (!(event.target instanceof Element)) return;
    last = event.target;
    around = [];
    for (let up = last.parentElement; up; up = up.parentElement) around.push(up);
  });
  new MutationObserver(keep).observe(document.body, { childList: true, subtree: true });
}
