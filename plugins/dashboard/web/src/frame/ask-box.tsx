/** The one box of the top bar: the query bar of the list one is on, and elsewhere the way to the palette. */
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { currentAsk, parse, problems, write, type Ask, type Term } from "../lib/ask";
import { useKeys } from "../lib/keys";
import { Icon } from "../parts/icons";
import { Kbd } from "../parts/text";
import { paletteOpen } from "./palette";

interface Offer {
  text: string;
  hint: string;
  /** The value is still to come. */
  open?: boolean;
}

/** From the box to what it filters. */
function toList(): void {
  (document.querySelector<HTMLElement>("#main [role=grid]") ?? document.getElementById("main"))?.focus();
}

export function AskBox({ below = false }: { below?: boolean }) {
  const ask = currentAsk.value;
  if (ask) return <QueryBox ask={ask} below={below} />;
  if (below) return null;
  return (
    <button type="button" class="ask" onClick={() => (paletteOpen.value = true)}>
      <Icon name="search" />
      <span>Find a task, worker, queue or run a command</span>
      <span class="hits">
        <Kbd>/</Kbd>
      </span>
      <Slash act={() => (paletteOpen.value = true)} />
    </button>
  );
}

function Slash({ act }: { act: () => void }) {
  useKeys({ "/": act });
  return null;
}

function QueryBox({ ask, below }: { ask: Ask; below: boolean }) {
  const terms = parse(ask.text);
  const [typed, setTyped] = useState("");
  const [offers, setOffers] = useState<Offer[]>([]);
  const [pick, setPick] = useState(-1);
  const [focused, setFocused] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const wrong = problems(terms, ask.qualifiers);

  const commit = (next: Term[]) => {
    ask.onText(write(next));
    setTyped("");
    setPick(-1);
  };
  const addTyped = (text: string) => {
    if (!text.trim()) return;
    const fresh = parse(text);
    const once = new Set(ask.qualifiers.filter((q) => !q.many).map((q) => q.key));
    commit([...terms.filter((t) => !fresh.some((f) => f.key === t.key && once.has(t.key))), ...fresh]);
  };

  useEffect(() => {
    if (!focused) return setOffers([]);
    let gone = false;
    const found = /^([a-z_]+):(.*)$/.exec(typed);
    const qualifier = found && ask.qualifiers.find((q) => q.key === found[1]);
    if (!qualifier) {
      const start = typed.trim().toLowerCase();
      setOffers(ask.qualifiers.filter((q) => q.key && q.key.startsWith(start)).map((q) => ({ text: q.key + ":", hint: q.hint, open: true })));
      setPick(-1);
      return;
    }
    const timer = setTimeout(() => {
      void Promise.resolve(qualifier.values?.(found[2] ?? "") ?? []).then(
        (values) => {
          if (gone) return;
          setOffers(values.slice(0, 12).map((v) => ({ text: write([{ key: qualifier.key, value: v }]), hint: "" })));
          setPick(-1);
        },
        () => !gone && setOffers([]),
      );
    }, 120);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [typed, focused, ask.qualifiers]);

  const take = (offer: Offer) => {
    if (offer.open) {
      setTyped(offer.text);
      input.current?.focus();
    } else addTyped(offer.text);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      setPick((p) => (offers.length ? (p + step + offers.length + 1) % (offers.length + 1) : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      const offer = offers[pick];
      if (offer) take(offer);
      else if (typed.trim()) addTyped(typed);
      else toList();
    } else if (event.key === "Tab" && !event.shiftKey && offers.length && typed) {
      event.preventDefault();
      take(offers[Math.max(0, pick)] ?? offers[0]!);
    } else if (event.key === " " && /^[a-z_]+:\S+$/.test(typed) && !typed.includes('"')) {
      event.preventDefault();
      addTyped(typed);
    } else if (event.key === "Backspace" && typed === "" && terms.length) {
      event.preventDefault();
      const last = terms[terms.length - 1]!;
      commit(terms.slice(0, -1));
      setTyped(write([last]));
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (typed) setTyped("");
      else toList();
    }
  };
  const open = focused && offers.length > 0;
  return (
    <div class={below ? "ask below only-s" : "ask"} role="search" onMouseDown={(event) => event.target === event.currentTarget && (event.preventDefault(), input.current?.focus())}>
      <Slash act={() => input.current?.focus()} />
      <Icon name="search" />
      <span class="where only-l">{ask.where}</span>
      <div class="terms">
        {terms.map((term, i) => (
          <button type="button" class="term" key={term.key + term.value} aria-label={`Drop ${write([term])}`} title="Drop this term" onClick={() => commit(terms.filter((_, k) => k !== i))}>
            {term.key && <i>{term.key}:</i>}
            {term.value}
          </button>
        ))}
        <input
          ref={input}
          class="ask-in"
          aria-label={`Filter ${ask.where}`}
          role="combobox"
          aria-expanded={open}
          aria-controls={listId}
          aria-autocomplete="list"
          aria-activedescendant={open && pick >= 0 ? `${listId}-${pick}` : undefined}
          placeholder={terms.length ? "" : ask.placeholder}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={typed}
          onInput={(e) => setTyped(e.currentTarget.value)}
          onKeyDown={onKeyDown}
          onFocus={() => setFocused(true)}
          onBlur={() => {
            setFocused(false);
            if (typed.trim() && !typed.endsWith(":")) addTyped(typed);
          }}
        />
      </div>
      {wrong.length > 0 ? (
        <span class="hits bad" role="alert" title={wrong.join("; ")}>
          {wrong[0]}
        </span>
      ) : (
        ask.hits && <span class="hits">{ask.hits}</span>
      )}
      <span class="only-l tools">{ask.tools}</span>
      {open && (
        <ul class="offers" id={listId} role="listbox" aria-label="Suggestions">
          {offers.map((offer, i) => (
            <li
              key={offer.text}
              id={`${listId}-${i}`}
              role="option"
              aria-selected={i === pick}
              onMouseDown={(event) => {
                event.preventDefault();
                take(offer);
              }}
            >
              <span class="mono">{offer.text}</span>
              {offer.hint && <span class="q small">{offer.hint}</span>}
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}
