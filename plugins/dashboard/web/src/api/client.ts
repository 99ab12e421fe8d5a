/** The one way to the brain. Typed by its OpenAPI document; every call has a deadline, can be aborted, and fails with ApiError. */
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
type Method = "get" | "post" | "put" | "patch" | "delete";
export type PathOf<M extends Method> = { [P in keyof paths]: M extends keyof paths[P] ? (NonNullable<paths[P][M]> extends never ? never : P) : never }[keyof paths];
type Operation<P extends keyof paths, M extends Method> = M extends keyof paths[P] ? NonNullable<paths[P][M]> : never;
type JsonOf<R> = R extends { content: { "application/json": infer J } } ? J : undefined;
type Answer<O> = O extends { responses: infer R } ? { [S in keyof R]: JsonOf<R[S]> }[keyof R] : never;
/** What an endpoint answers. */
export type AnswerOf<P extends PathOf<M>, M extends Method = "get"> = Answer<Operation<P, M>>;
type Query<O> = O extends { parameters: { query?: infer Q } } ? Q : never;
type PathParameters<O> = O extends { parameters: { path: infer P } } ? P : never;
type Body<O> = O extends { requestBody?: infer B } ? (NonNullable<B> extends { content: { "application/json": infer J } } ? J : never) : never;

export interface Asking<O> {
  path?: PathParameters<O>;
  query?: Query<O>;
  body?: Body<O>;
  signal?: AbortSignal;
  deadlineMs?: number;
  /** A wrong password is 401 too: the caller shows it, nobody is sent to the sign-in page. */
  ownErrors?: boolean;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly requestId: string | null,
    readonly details: Record<string, unknown> = {},
  ) {
    super(message);
  }
  get reason(): string {
    return String(this.details.reason ?? this.details.code ?? this.code);
  }
  /** The first field that was refused, when it was one. */
  get field(): string | null {
    const errors = this.details.errors;
    return Array.isArray(errors) && errors[0] && typeof errors[0].loc === "string" ? errors[0].loc.replace(/^body\./, "") : null;
  }
}

/** What the session does about refusals; set once by lib/session.ts, so that this file knows no screen. */
export const onRefusal: { signedOut: () => void; wantsCode: () => void } = { signedOut: () => {}, wantsCode: () => {} };

export const DEADLINE_MS = 20_000;

export function csrfToken(cookies: string = document.cookie): string {
  const found = /(?:^|;\s*)(?:__Host-)?z4j_csrf=([^;]*)/.exec(cookies);
  return found?.[1] ? decodeURIComponent(found[1]) : "";
}

export function addressOf(path: string, parameters: Record<string, unknown> = {}, query: Record<string, unknown> = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(parameters[name] ?? "")));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  const text = search.toString();
  return text ? `${filled}?${text}` : filled;
}

async function refusal(answer: Response): Promise<ApiError> {
  const requestId = answer.headers.get("X-Request-Id");
  let body: Record<string, unknown> = {};
  try {
    body = (await answer.json()) as Record<string, unknown>;
  } catch {
    // a proxy's page, or nothing: the status must do
  }
  const detail = typeof body.detail === "string" ? body.detail : undefined;
  return new ApiError(
    answer.status,
    String(body.error ?? `http_${answer.status}`),
    String(body.message ?? detail ?? `the brain answered ${answer.status}`),
    typeof body.request_id === "string" ? body.request_id : requestId,
    (body.details ?? {}) as Record<string, unknown>,
  );
}

function refused(error: ApiError): void {
  if (error.status === 401) onRefusal.signedOut();
  else if (error.status === 403 && (error.code === "mfa_reverify_required" || error.code === "mfa_required" || error.reason === "mfa_required")) onRefusal.wantsCode();
}

async function once(method: string, address: string, body: unknown, signal: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = csrfToken();
  return fetch(address, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), signal, credentials: "same-origin", cache: "no-store", redirect: "error" });
}

async function ask(method: string, address: string, { body, signal, deadlineMs = DEADLINE_MS, ownErrors = false }: { body?: unknown; signal?: AbortSignal; deadlineMs?: number; ownErrors?: boolean }): Promise<unknown> {
  const ending = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    ending.abort();
  }, deadlineMs);
  const stop = () => ending.abort();
  signal?.addEventListener("abort", stop);
  if (signal?.aborted) ending.abort();
  try {
    let answer = await once(method, address, body, ending.signal);
    if (answer.ok) return answer.status === 204 ? undefined : ((await answer.json()) as unknown);
    let error = await refusal(answer);
    if (error.status === 403 && error.reason === "csrf_mismatch") {
      // The session was renewed in another tab: its cookie is here by now.
      answer = await once(method, address, body, ending.signal);
      if (answer.ok) return answer.status === 204 ? undefined : ((await answer.json()) as unknown);
      error = await refusal(answer);
    }
    if (!ownErrors) refused(error);
    throw error;
  } catch (failure) {
    if (failure instanceof ApiError) throw failure;
    if (late) throw new ApiError(0, "deadline", `no answer within ${Math.round(deadlineMs / 1000)} s`, null);
    if (signal?.aborted) throw failure;
    throw new ApiError(0, "unreachable", "the brain cannot be reached", null);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

const verb =
  <M extends Method>(method: M) =>
  <P extends PathOf<M> & string>(path: P, asking: Asking<Operation<P, M>> = {}): Promise<Answer<Operation<P, M>>> =>
    ask(method.toUpperCase(), addressOf(path, asking.path as Record<string, unknown>, asking.query as Record<string, unknown>), asking) as Promise<Answer<Operation<P, M>>>;

export const api = { get: verb("get"), post: verb("post"), put: verb("put"), patch: verb("patch"), delete: verb("delete") };

/** A file of the API that may be refused: asked for here, so that a refusal is an error and no file. */
export async function file(address: string, signal?: AbortSignal): Promise<Blob> {
  let answer: Response;
  try {
    answer = await fetch(address, { signal, credentials: "same-origin", cache: "no-store", redirect: "error" });
  } catch (failure) {
    if (signal?.aborted) throw failure;
    throw new ApiError(0, "unreachable", "the brain cannot be reached", null);
  }
  if (answer.ok) return answer.blob();
  const error = await refusal(answer);
  refused(error);
  throw error;
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
  /** The search ended early there: what is older was not looked at. */
  searched_until?: string;
}
