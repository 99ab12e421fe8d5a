/** The one live socket: subscribes to the project one looks at, comes back after a loss, is silent while the tab is hidden. */
import { signal } from "@preact/signals";

export type Topic = "task.changed" | "command.changed" | "agent.changed" | "worker.changed" | "queue.changed" | "schedule.changed" | "bulk.changed" | "project.changed" | "notification.changed" | "audit.changed" | "plugin.changed";
const TOPICS: readonly Topic[] = ["task.changed", "command.changed", "agent.changed", "worker.changed", "queue.changed", "schedule.changed", "bulk.changed", "project.changed", "notification.changed", "audit.changed", "plugin.changed"];
/** off: nobody is signed in or the tab is hidden; wait: connecting; on: live; lost: was on, trying again. */
export type LiveState = "off" | "wait" | "on" | "lost";

export interface Frame {
  type: string;
  topic?: string;
  [member: string]: unknown;
}
type OpenSocket = (address: string) => Pick<WebSocket, "send" | "close" | "readyState"> & { onopen: unknown; onmessage: unknown; onclose: unknown };

const BACKOFF_MS = [500, 1000, 2000, 5000, 10_000, 30_000];
const PING_MS = 25_000;
const COALESCE_MS = 250; // at most 4 times a second
const FINAL = new Set([4401, 4403, 4404]);

export function backoff(attempt: number, random = Math.random()): number {
  return (BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)] ?? 30_000) * (0.8 + 0.4 * random);
}

export class Live {
  readonly state = signal<LiveState>("off");
  /** When the last frame came: what the grey band says one still sees. */
  readonly lastAt = signal(0);
  readonly closeCode = signal(0);
  private socket: ReturnType<OpenSocket> | null = null;
  private project: string | null = null;
  private attempt = 0;
  private wasOn = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private ping: ReturnType<typeof setInterval> | undefined;
  private flush: ReturnType<typeof setTimeout> | undefined;
  private waiting = new Set<Topic>();
  private changeListeners = new Set<(topic: Topic) => void>();
  private frameListeners = new Set<(frame: Frame) => void>();
  private watches = new Map<string, () => Frame>();

  constructor(
    private open: OpenSocket = (address) => new WebSocket(address),
    private address = () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/dashboard`,
  ) {}

  /** Told of each topic that changed, coalesced; after a reconnect of all of them, since nobody knows what was missed. */
  onChange(listener: (topic: Topic) => void): () => void {
    this.changeListeners.add(listener);
    return () => this.changeListeners.delete(listener);
  }
  onFrame(listener: (frame: Frame) => void): () => void {
    this.frameListeners.add(listener);
    return () => this.frameListeners.delete(listener);
  }

  /** A frame that is said now and after each reconnect (made anew: it tells where to go on), until the returned function is called. */
  watch(id: string, frame: () => Frame, leave?: Frame): () => void {
    this.watches.set(id, frame);
    if (this.state.peek() === "on") this.send(frame());
    return () => {
      if (this.watches.get(id) !== frame) return;
      this.watches.delete(id);
      if (leave && this.state.peek() === "on") this.send(leave);
    };
  }

  follow(project: string | null): void {
    if (project === this.project) return;
    this.project = project;
    this.attempt = 0;
    this.wasOn = false;
    this.drop();
    if (project) this.connect();
  }

  /** The tab was hidden or is seen again. */
  hold(hidden: boolean): void {
    if (hidden) {
      this.drop();
    } else if (this.project && !this.socket) {
      this.attempt = 0;
      this.connect();
    }
  }

  private send(frame: Frame): void {
    if (this.socket?.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  private drop(): void {
    clearTimeout(this.retry);
    clearInterval(this.ping);
    const socket = this.socket;
    this.socket = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    this.state.value = "off";
  }

  private connect(): void {
    clearTimeout(this.retry);
    const socket = this.open(this.address());
    this.socket = socket;
    this.state.value = this.wasOn ? "lost" : "wait";
    socket.onopen = () => this.send({ type: "subscribe", project_id: this.project, topics: TOPICS });
    socket.onmessage = (event: MessageEvent) => this.heard(event.data);
    socket.onclose = (event: CloseEvent) => this.closed(event.code);
  }

  private heard(data: unknown): void {
    let frame: Frame;
    try {
      frame = JSON.parse(String(data)) as Frame;
    } catch {
      return;
    }
    this.lastAt.value = Date.now();
    if (frame.type === "ready") {
      const again = this.wasOn;
      this.attempt = 0;
      this.wasOn = true;
      this.state.value = "on";
      clearInterval(this.ping);
      this.ping = setInterval(() => this.send({ type: "ping" }), PING_MS);
      for (const watch of this.watches.values()) this.send(watch());
      if (again) for (const topic of TOPICS) this.changed(topic);
    } else if (frame.type === "event" && typeof frame.topic === "string") {
      this.changed(frame.topic as Topic);
    }
    for (const listener of this.frameListeners) listener(frame);
  }

  private changed(topic: Topic): void {
    this.waiting.add(topic);
    this.flush ??= setTimeout(() => {
      this.flush = undefined;
      const topics = [...this.waiting];
      this.waiting.clear();
      for (const each of topics) for (const listener of this.changeListeners) listener(each);
    }, COALESCE_MS);
  }

  private closed(code: number): void {
    clearInterval(this.ping);
    this.socket = null;
    this.closeCode.value = code;
    this.state.value = this.wasOn ? "lost" : "wait";
    if (FINAL.has(code)) {
      this.state.value = "off"; // refused: the next answer of the API says why
      return;
    }
    this.retry = setTimeout(() => this.connect(), backoff(this.attempt++));
  }
}

export const live = new Live();
if (typeof document !== "undefined") document.addEventListener("visibilitychange", () => live.hold(document.visibilityState === "hidden"));
