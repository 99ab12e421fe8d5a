/** Fields of forms in drawers and on settings pages: a label, an input, a word of help. */
import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

type Input = Omit<JSX.IntrinsicElements["input"], "onInput" | "value" | "label">;
export interface FieldProps {
  label: string;
  help?: ComponentChildren;
}

export function Text({ label, help, value, onText, mono = false, ...input }: FieldProps & { value: string; onText: (text: string) => void; mono?: boolean } & Input) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} class={mono ? "in mono" : "in"} autocomplete="off" spellcheck={false} aria-describedby={help ? id + "h" : undefined} {...input} value={value} onInput={(e) => onText(e.currentTarget.value)} />
      {help && <span class="help" id={id + "h"}>{help}</span>}
    </div>
  );
}

export function Lines({ label, help, value, onText, rows = 3, mono = true }: FieldProps & { value: string; onText: (text: string) => void; rows?: number; mono?: boolean }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea id={id} class={mono ? "in mono few" : "in few"} rows={rows} spellcheck={false} aria-describedby={help ? id + "h" : undefined} value={value} onInput={(e) => onText(e.currentTarget.value)} />
      {help && <span class="help" id={id + "h"}>{help}</span>}
    </div>
  );
}

export function Choice<T extends string>({ label, help, value, options, onPick, disabled = false }: FieldProps & { value: T; options: readonly { id: T; title: string }[]; onPick: (id: T) => void; disabled?: boolean }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} class="in" disabled={disabled} value={value} aria-describedby={help ? id + "h" : undefined} onChange={(e) => onPick(e.currentTarget.value as T)}>
        {options.map((o) => <option key={o.id} value={o.id}>{o.title}</option>)}
      </select>
      {help && <span class="help" id={id + "h"}>{help}</span>}
    </div>
  );
}

export function Check({ label, help, on, onSet, disabled = false }: { label: ComponentChildren; help?: ComponentChildren; on: boolean; onSet: (on: boolean) => void; disabled?: boolean }) {
  return (
    <label class="check-row">
      <input type="checkbox" checked={on} disabled={disabled} onChange={(e) => onSet(e.currentTarget.checked)} />
      <span>
        {label}
        {help && <small class="q">{help}</small>}
      </span>
    </label>
  );
}

/** Several of a set, as ticks under one name. */
export function Checks({ label, options, on, onSet, empty, inline = false, wide = false }: { label: string; inline?: boolean; wide?: boolean; options: readonly { id: string; title: ComponentChildren; help?: ComponentChildren }[]; on: readonly string[]; onSet: (on: string[]) => void; empty?: ComponentChildren }) {
  return (
    <fieldset class={`choices${inline ? " inline" : ""}${wide ? " roomy" : ""}`}>
      <legend class="lab">{label}</legend>
      {options.length === 0 && empty && <p class="q small">{empty}</p>}
      {options.map((o) => <Check key={o.id} label={o.title} help={o.help} on={on.includes(o.id)} onSet={(set) => onSet(set ? [...on, o.id] : on.filter((id) => id !== o.id))} />)}
    </fieldset>
  );
}
