/** Which page: a gate for those who are not in yet, else the frame with a screen in it. */
import type { ComponentType } from "preact";
import { Component } from "preact";
import { useEffect, useState } from "preact/hooks";
import { go, place, route } from "./lib/router";
import { home, isGate, me, project, projects, start, startError } from "./lib/session";
import type { Screen, ScreenProps } from "./screens";
import { Frame, Lost } from "./frame/frame";
import { ErrorBox, NotAllowed, Skeleton } from "./parts/feedback";
import { ApiError } from "./api/client";

function useLazy<P>(load: () => Promise<{ default: ComponentType<P> }>, key: string) {
  const [got, set] = useState<{ key: string; page?: ComponentType<P>; error?: unknown } | null>(null);
  const [attempt, again] = useState(0);
  useEffect(() => {
    let gone = false;
    load().then(
      (module) => !gone && set({ key, page: module.default }),
      (error: unknown) => !gone && set({ key, error }),
    );
    return () => void (gone = true);
  }, [key, attempt]);
  return { page: got?.key === key ? got.page : undefined, failed: got?.key === key && !!got.error, retry: () => again((n) => n + 1) };
}

/** A screen that throws takes nothing else with it. */
class Fence extends Component<{ name: string; children: preact.ComponentChildren }, { error: Error | null }> {
  override state = { error: null as Error | null };
  static override getDerivedStateFromError(error: Error) {
    return { error };
  }
  override componentDidCatch(error: Error) {
    console.error(error);
  }
  override componentDidUpdate(before: { name: string }) {
    if (before.name !== this.props.name && this.state.error) this.setState({ error: null });
  }
  override render() {
    if (!this.state.error) return this.props.children;
    return <ErrorBox error={new ApiError(0, "page", `A fault of this page: ${this.state.error.message}`, null)} what="This page" retry={() => this.setState({ error: null })} />;
  }
}

function ScreenPage({ screen, params }: { screen: Screen } & ScreenProps) {
  const { page: Page, failed, retry } = useLazy(screen.load, screen.id);
  useEffect(() => {
    const where = project.value?.name;
    document.title = [screen.title, where, "z4j"].filter(Boolean).join(" · ");
  }, [screen.id, project.value?.name]);
  if (failed) return <ErrorBox error={new ApiError(0, "unreachable", "", null)} what="This page" retry={retry} />;
  if (!Page) return <Skeleton />;
  return (
    <Fence name={screen.id + place.value.path}>
      <Page params={params} />
    </Fence>
  );
}

function GatePage() {
  const { page: Page, failed, retry } = useLazy(() => import("./gate/gate"), "gate");
  if (failed) return <ErrorBox error={new ApiError(0, "unreachable", "", null)} what="This page" retry={retry} />;
  return Page ? <Page /> : null;
}

export function App() {
  const path = place.value.path;
  const at = route.value;
  const who = me.value;
  useEffect(() => {
    if (who && path === "/") go(home(), { replace: true });
  }, [who, path]);
  if (isGate(path)) return <GatePage />;
  if (startError.value)
    return (
      <div class="gate">
        <ErrorBox error={startError.value} what="The brain" retry={() => void start()} />
      </div>
    );
  if (!who) return null; // asked, or on the way to sign in
  const missing = at?.params.slug !== undefined && !projects.value.some((p) => p.slug === at.params.slug);
  return (
    <Frame>
      {!at && path !== "/" && <Lost />}
      {at && missing && <Lost />}
      {at && !missing && (at.screen.admin && !who.is_admin ? <NotAllowed need="administrator" /> : <ScreenPage screen={at.screen} params={at.params} />)}
    </Frame>
  );
}
