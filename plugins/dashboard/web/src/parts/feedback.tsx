/** What a screen says when it has nothing, waits, failed, or may not. */
import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client";
import type { Role } from "../lib/session";
import { toasts } from "../lib/toasts";
import { Icon, type IconName } from "./icons";
import { Link } from "./link";

export function Note({ kind = "warn", children, icon }: { kind?: "warn" | "bad" | "info" | "good"; children: ComponentChildren; icon?: IconName }) {
  return (
    <div class={kind === "warn" ? "note" : `note ${kind}`} role={kind === "bad" ? "alert" : undefined}>
      <Icon name={icon ?? (kind === "info" ? "info" : kind === "good" ? "check" : "errors")} />
      <span>{children}</span>
    </div>
  );
}

/** Why the brain refused, with the number to ask its log for. */
export function Refusal({ error }: { error: ApiError }) {
  return (
    <>
      <b>{error.message}</b>
      {error.requestId && (
        <>
          {" "}
          Request <span class="mono">{error.requestId}</span>
        </>
      )}
    </>
  );
}

/** Rows of the final height, so nothing jumps. */
export function Skeleton({ rows = 12 }: { rows?: number }) {
  return (
    <div class="skeleton" aria-busy="true" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i}>
          <span />
        </div>
      ))}
    </div>
  );
}

const advice: Record<string, string> = {
  unreachable: "The brain cannot be reached. It may be restarting, or the way there is cut.",
  deadline: "The brain took too long to answer.",
  unavailable: "The brain's database, or a part of it, is away or busy.",
  rate_limited: "Asked too often. It goes on in a moment.",
};

export function ErrorBox({ error, retry, what = "This" }: { error: ApiError; retry?: () => void; what?: string }) {
  if (error.status === 403) return <NotAllowed error={error} />;
  return (
    <div class="say-box" role="alert">
      <h2>{what} could not be read</h2>
      <p class="q2">{advice[error.code] ?? error.message}</p>
      {error.requestId && (
        <p class="q small">
          Request <span class="mono">{error.requestId}</span>: the brain's log has more under it.
        </p>
      )}
      {retry && (
        <button type="button" class="btn" onClick={retry}>
          <Icon name="retry" />
          Try again
        </button>
      )}
    </div>
  );
}

const who: Record<string, string> = { viewer: "a project admin", operator: "a project admin", admin: "another project admin, or an administrator of the installation" };

export function NotAllowed({ error, need }: { error?: ApiError; need?: Role | "administrator" }) {
  const wanted = need ?? (error?.details.need as string | undefined);
  const have = error?.details.have as string | undefined;
  return (
    <div class="say-box">
      <h2>This is not yours to see</h2>
      <p class="q2">{wanted === "administrator" ? "It is for administrators of the installation." : wanted ? `It needs the role ${wanted} in this project${have ? `; yours is ${have}` : ""}.` : (error?.message ?? "")}</p>
      <p class="q small">Who can grant it: {wanted ? (who[wanted] ?? "an administrator of the installation") : "an administrator of the installation"}.</p>
      {error?.requestId && (
        <p class="q small">
          Request <span class="mono">{error.requestId}</span>
        </p>
      )}
    </div>
  );
}

/** Nothing there, and that is a fact, not an error. */
export function Empty({ title, children, action }: { title: string; children?: ComponentChildren; action?: ComponentChildren }) {
  return (
    <div class="say-box">
      <h2>{title}</h2>
      {children && <div class="q2">{children}</div>}
      {action && <div class="row">{action}</div>}
    </div>
  );
}

/** The filter matches nothing: each term with the way to drop it. */
export function EmptyFilter({ terms, onDrop, onClear, children }: { terms: { text: string; hits?: number | null }[]; onDrop: (at: number) => void; onClear: () => void; children?: ComponentChildren }) {
  return (
    <div class="say-box">
      <h2>Nothing matches all of this</h2>
      <div class="row wrap">
        {terms.map((term, at) => (
          <button type="button" class="chip" key={term.text} onClick={() => onDrop(at)} title="Drop this term">
            <span class="term">{term.text}</span>
            {term.hits !== undefined && term.hits !== null && <span class="q small">{term.hits.toLocaleString("en")} without it</span>}
            <Icon name="x" small />
          </button>
        ))}
      </div>
      {children && <p class="q2">{children}</p>}
      <button type="button" class="btn" onClick={onClear}>
        Drop all terms
      </button>
    </div>
  );
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div class={t.bad ? "toast bad" : "toast"} key={t.id}>
          <span>
            {t.text}
            {t.requestId && (
              <>
                {" "}
                Request <span class="mono">{t.requestId}</span>
              </>
            )}
          </span>
          {t.undo && (
            <button type="button" onClick={t.undo}>
              Undo
            </button>
          )}
          {t.link && <Link to={t.link.to}>{t.link.text}</Link>}
        </div>
      ))}
    </div>
  );
}
