/** Drawer, dialog, tabs, and the plan that every act of consequence shows first. */
import type { ComponentChildren } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { useKeys } from "../lib/keys";
import { isProduction } from "../lib/session";
import { railFolded } from "../lib/settings";
import { Icon } from "./icons";
import { Note, Refusal } from "./feedback";

export interface DrawerProps {
  label: string;
  head: ComponentChildren;
  children: ComponentChildren;
  foot?: ComponentChildren;
  onClose: () => void;
  onOpenPage?: () => void;
  wide?: boolean;
  /** A plan or a form: whoever opened it goes on within it. */
  takesFocus?: boolean;
}
/** At the right, over a narrower table; on a phone over everything. Esc closes it. */
export function Drawer({ label, head, children, foot, onClose, onOpenPage, wide = false, takesFocus = false }: DrawerProps) {
  const body = useRef<HTMLDivElement>(null);
  useKeys({ Escape: onClose });
  useEffect(() => {
    railFolded.value++;
    return () => void railFolded.value--;
  }, []);
  useEffect(() => {
    if (takesFocus) body.current?.focus({ preventScroll: true });
  }, []);
  return (
    <aside class={wide ? "drawer wide" : "drawer"} aria-label={label}>
      <div class="dh">
        <div class="drawer-close">
          {onOpenPage && (
            <button type="button" class="ib" aria-label="Open page (Enter)" title="Open page (Enter)" onClick={onOpenPage}>
              <Icon name="expand" />
            </button>
          )}
          <button type="button" class="ib" aria-label="Close (Esc)" title="Close (Esc)" onClick={onClose}>
            <Icon name="x" />
          </button>
        </div>
        {head}
      </div>
      <div ref={body} class="db" tabIndex={0} role="region" aria-label={`${label}, details`}>
        {children}
      </div>
      {foot && <div class="df">{foot}</div>}
    </aside>
  );
}

/** For a <dialog>: it is open, has the focus and hears the keys as soon as it is there; the focus goes back when it ends. */
export function useModal(onClose?: () => void) {
  const box = useRef<HTMLDialogElement>(null);
  useKeys({ Escape: () => onClose?.() }, { modal: true });
  useLayoutEffect(() => {
    const before = document.activeElement;
    box.current?.showModal?.();
    return () => before instanceof HTMLElement && before.focus();
  }, []);
  return box;
}

/** Only for a secret shown once or a missing choice. Confirmations are plans. */
export function Dialog({ title, children, foot, onClose, wide = false }: { title: string; children: ComponentChildren; foot?: ComponentChildren; onClose?: () => void; wide?: boolean }) {
  const box = useModal(onClose);
  const id = useId();
  return (
    <dialog
      ref={box}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose?.();
      }}
      onMouseDown={(event) => event.target === box.current && onClose?.()}
    >
      <header>
        <h2 id={id}>{title}</h2>
      </header>
      <div class="in-d">{children}</div>
      {foot && <footer>{foot}</footer>}
    </dialog>
  );
}

export interface TabItem {
  id: string;
  title: string;
  count?: ComponentChildren;
}
/** Tabs whose open one stands in the address (`tab`): the caller gives it. */
export function Tabs({ items, open, onOpen, label }: { items: readonly TabItem[]; open: string; onOpen: (id: string) => void; label: string }) {
  const move = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const at = items.findIndex((t) => t.id === open);
    const next = items[(at + step + items.length) % items.length];
    if (!next) return;
    onOpen(next.id);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-tab="${next.id}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label} onKeyDown={move}>
      {items.map((item) => (
        <button type="button" role="tab" key={item.id} data-tab={item.id} aria-selected={item.id === open} tabIndex={item.id === open ? 0 : -1} onClick={() => onOpen(item.id)}>
          {item.title}
          {item.count !== undefined && item.count !== null && <span>{item.count}</span>}
        </button>
      ))}
    </div>
  );
}

/** One of a few: a row of buttons. */
export function Seg<T extends string>({ options, value, onChange, label }: { options: readonly { id: T; title: string }[]; value: T; onChange: (id: T) => void; label: string }) {
  return (
    <span class="seg" role="group" aria-label={label}>
      {options.map((o) => (
        <button type="button" key={o.id} aria-pressed={o.id === value} onClick={() => onChange(o.id)}>
          {o.title}
        </button>
      ))}
    </span>
  );
}

export interface PlanProps {
  title: ComponentChildren;
  label: string;
  /** How many, exactly; null while it is counted. */
  total: number | null;
  /** It is about one thing: no figure in front of `what`, none on the button. */
  single?: boolean;
  /** "jobs will be removed, all of them waiting" */
  what: ComponentChildren;
  facts?: [ComponentChildren, ComponentChildren][];
  untouched?: ComponentChildren[];
  effects?: ComponentChildren[];
  sample?: ComponentChildren;
  /** In production, and above `most` anywhere, this must be typed. */
  word?: string;
  most?: number;
  verb: string;
  danger?: boolean;
  keep?: string;
  busy?: boolean;
  problem?: ApiError | ComponentChildren;
  children?: ComponentChildren;
  onAct: () => void;
  onClose: () => void;
}
/** Nothing acts by surprise: the exact count, what is not touched, what follows, and in production a word to type. */
export function Plan(props: PlanProps) {
  const [typed, setTyped] = useState("");
  const id = useId();
  const { total, word, most = 1000 } = props;
  const mustType = !!word && (isProduction.value || (total ?? 0) > most);
  const ready = total !== null && total > 0 && !props.busy && (!mustType || typed === word);
  const why = total === null ? "Still counting" : total === 0 ? "There is nothing to do" : props.busy ? "Under way" : !ready ? `Type ${word} first` : undefined;
  return (
    <Drawer
      label={props.label}
      takesFocus
      onClose={props.onClose}
      head={
        <>
          <h2 class="dh-title">{props.title}</h2>
          <p class="q small">Nothing happens until you confirm this plan.</p>
        </>
      }
      foot={
        <>
          <button type="button" class="btn" onClick={props.onClose}>
            {props.keep ?? "Leave it"}
          </button>
          <button type="button" class={`btn push pri${props.danger ? " danger" : ""}`} aria-disabled={!ready} title={why} onClick={() => ready && props.onAct()}>
            {props.verb}
            {!props.single && total !== null && total > 0 ? ` ${total.toLocaleString("en")}` : ""}
          </button>
        </>
      }
    >
      <div class="sec">
        {props.single ? (
          <p>{props.what}</p>
        ) : (
          <div class="row lead-n">
            <span class="big-n">{total === null ? "…" : total.toLocaleString("en")}</span>
            <span class="q2">{props.what}</span>
          </div>
        )}
        {props.facts && (
          <dl class="kv w">
            {props.facts.map(([name, value], i) => (
              <>
                <dt key={`t${i}`}>{name}</dt>
                <dd key={`d${i}`}>{value}</dd>
              </>
            ))}
          </dl>
        )}
      </div>
      {props.children}
      {!!props.untouched?.length && (
        <div class="sec">
          <h2>Not touched</h2>
          <ul class="list plain">
            {props.untouched.map((u, i) => (
              <li key={i}>{u}</li>
            ))}
          </ul>
        </div>
      )}
      {props.sample && (
        <div class="sec">
          <h2>Sample</h2>
          {props.sample}
        </div>
      )}
      {props.effects?.map((e, i) => (
        <div class="sec" key={i}>
          <Note>{e}</Note>
        </div>
      ))}
      {mustType && (
        <div class="sec field">
          <label for={id}>
            {isProduction.value ? "Production" : "Many at once"}: type <span class="mono">{word}</span> to go on
          </label>
          <input id={id} class="in mono" autocomplete="off" spellcheck={false} value={typed} onInput={(e) => setTyped(e.currentTarget.value)} />
        </div>
      )}
      {props.problem && (
        <div class="sec">
          <Note kind="bad">{props.problem instanceof ApiError ? <Refusal error={props.problem} /> : props.problem}</Note>
        </div>
      )}
    </Drawer>
  );
}

/** A button that stays when it cannot work, dashed, with its reason. */
export function Act({ children, why, onClick, primary = false, danger = false, icon, keyHint }: { children: ComponentChildren; why?: string | null; onClick: () => void; primary?: boolean; danger?: boolean; icon?: Parameters<typeof Icon>[0]["name"]; keyHint?: string }) {
  return (
    <button type="button" class={`btn${primary ? " pri" : ""}${danger ? " danger" : ""}`} aria-disabled={!!why} title={why ?? undefined} onClick={() => !why && onClick()}>
      {icon && <Icon name={icon} />}
      {children}
      {why && <span class="vh">: {why}</span>}
      {keyHint && !why && <span class="kbd">{keyHint}</span>}
    </button>
  );
}
