/** Shape and word, always both: colour alone says nothing. The word may be longer: "retry 4 m", "running 62%". */
import type { ComponentChildren } from "preact";
import { taskStates, type Look, type TaskState } from "../lib/states";

function Shape({ look }: { look: Look }) {
  return (
    <svg viewBox="0 0 12 12" aria-hidden="true">
      {look === "done" && <path d="M2 6.4 4.8 9.2 10 3.2" />}
      {look === "fail" && <path d="M2.8 2.8l6.4 6.4M9.2 2.8 2.8 9.2" />}
      {look === "retry" && <path d="M10.2 6A4.2 4.2 0 1 1 8.6 2.7M10.4 1v2.600H7.800" stroke-width="1.7" />}
      {look === "run" && (
        <>
          <circle cx="6" cy="6" r="4.5" stroke-width="1.5" />
          <path d="M6 1.5a4.5 4.5 0 0 1 0 9z" fill="currentColor" stroke="none" />
        </>
      )}
      {look === "stop" && <path d="M1.8 6h8.4" stroke-width="2.4" />}
      {look === "wait" && <circle cx="6" cy="6" r="4.3" stroke-width="1.6" />}
      {look === "warn" && (
        <>
          <path d="M6 1.8 11 10.4H1Z" stroke-width="1.5" />
          <path d="M6 5v2.200M6 8.900v.1" stroke-width="1.3" />
        </>
      )}
    </svg>
  );
}

export function State({ look, children, big = false, title, hideWord = false }: { look: Look; children: ComponentChildren; big?: boolean; title?: string; hideWord?: boolean }) {
  return (
    <span class={`st st-${look}${big ? " big" : ""}`} title={title}>
      <Shape look={look} />
      {hideWord ? <span class="vh">{children}</span> : children}
    </span>
  );
}

export function TaskStateMark({ state, more, big = false, hideWord = false }: { state: TaskState; more?: string; big?: boolean; hideWord?: boolean }) {
  const { look, word } = taskStates[state] ?? taskStates.unknown;
  return (
    <State look={look} big={big} hideWord={hideWord}>
      {more ? `${word} ${more}` : word}
    </State>
  );
}
