import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { ApiError, api } from "../api/client";
import { useQuery } from "../lib/query";
import { Note } from "../parts/feedback";
import { State } from "../parts/state";

export function Card({ title, sub, children, onSubmit, aside, foot }: { title: string; sub?: ComponentChildren; children: ComponentChildren; onSubmit?: () => void; aside?: ComponentChildren; foot?: ComponentChildren }) {
  useEffect(() => void (document.title = `${title} · z4j`), [title]);
  const form = (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit?.();
      }}
    >
      <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
        <path d="M4 4.500h12M16 4.500 4 15.500M4 15.500h12M12.500 10h3.500" />
      </svg>
      <div>
        <h1>{title}</h1>
        {sub && <p class="q2">{sub}</p>}
      </div>
      {children}
      {foot && <p class="q tiny">{foot}</p>}
    </form>
  );
  return (
    <main class="gate">
      {aside ? (
        <div class="two">
          {form}
          <section>{aside}</section>
        </div>
      ) : (
        form
      )}
    </main>
  );
}

export function Field({ label, help, ...input }: { label: string; help?: ComponentChildren } & JSX.IntrinsicElements["input"]) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} class="in big" aria-describedby={help ? id + "h" : undefined} {...input} />
      {help && (
        <span class="help" id={id + "h"}>
          {help}
        </span>
      )}
    </div>
  );
}

export function Go({ children, busy }: { children: ComponentChildren; busy: boolean }) {
  return (
    <button type="submit" class="btn pri big" aria-disabled={busy}>
      {busy ? "One moment…" : children}
    </button>
  );
}

export function Trouble({ error, words }: { error: ApiError | null; words?: Record<string, ComponentChildren> }) {
  if (!error) return null;
  return (
    <Note kind="bad">
      {words?.[error.reason] ?? words?.[error.code] ?? (error.status === 429 ? <b>Too many tries. Wait a minute.</b> : <b>{error.message}</b>)}
      {error.requestId && (
        <>
          {" "}
          Code <span class="mono">{error.requestId}</span>
        </>
      )}
    </Note>
  );
}

/** An act of a form: busy while it runs, and its refusal. */
export function useAct(): { busy: boolean; error: ApiError | null; run: (act: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  return {
    busy,
    error,
    run: (act) => {
      if (busy) return;
      setBusy(true);
      setError(null);
      act()
        .catch((failure: unknown) => {
          if (!(failure instanceof ApiError)) throw failure;
          setError(failure);
        })
        .finally(() => setBusy(false));
    },
  };
}

/** The rules as somebody types; the list of common passwords is the brain's to check. */
export function Rules({ password }: { password: string }) {
  const policy = useQuery("password policy", (signal) => api.get("/api/v1/auth/policy", { signal, ownErrors: true }));
  const least = policy.value?.min_length ?? 12;
  const kinds = policy.value?.required_character_classes ?? 3;
  const have = [/[a-z]/, /[A-Z]/, /[0-9]/, /[^a-zA-Z0-9]/].filter((r) => r.test(password)).length;
  const long = [...password].length;
  return (
    <div class="rules">
      <State look={long >= least ? "done" : "wait"}>
        {least} characters or more{long > 0 && long < least ? ` (now ${long})` : ""}
      </State>
      <State look={long >= 16 || (long > 0 && have >= kinds) ? "done" : "wait"}>{kinds} kinds of character, or 16 or more long</State>
      <State look="wait">not in the list of common passwords: the brain checks</State>
    </div>
  );
}
