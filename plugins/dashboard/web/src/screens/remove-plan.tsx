/** The plan before one thing goes, or before an act that cannot be undone. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../api/client";
import { Plan } from "../parts/panels";

export function RemovePlan({ title, what, verb = "Delete", effects = [], untouched, facts, word, onAct, onClose }: {
  title: string;
  what: ComponentChildren;
  verb?: string;
  effects?: ComponentChildren[];
  untouched?: ComponentChildren[];
  facts?: [ComponentChildren, ComponentChildren][];
  word?: string;
  onAct: () => Promise<unknown>;
  onClose: () => void;
}) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const act = async () => {
    setBusy(true);
    setProblem(undefined);
    try {
      await onAct();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.message);
    } finally {
      setBusy(false);
    }
  };
  return <Plan label={title} title={title} total={1} what={what} facts={facts} verb={verb} single danger word={word} effects={effects} untouched={untouched} busy={busy} problem={problem} onAct={() => void act()} onClose={onClose} />;
}
