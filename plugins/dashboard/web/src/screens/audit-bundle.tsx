/** Entries and their proof as a file that `z4j-audit-verify` takes. */
import { useState } from "preact/hooks";
import { ApiError, addressOf, file } from "../api/client";
import { bundleName, verifyCommand } from "../lib/audit";
import { bytes, count } from "../lib/time";
import { toast, toastError } from "../lib/toasts";
import { save } from "../lib/save";
import { Note } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Dialog } from "../parts/panels";
import { Copy } from "../parts/text";
import { useCheckpoint } from "./audit-chain";

interface Stretch {
  from?: number;
  to?: number;
  since?: number;
  from_time?: string;
  to_time?: string;
}
/** Null when it was saved, else why not. */
export async function saveBundle(stretch: Stretch, name: string): Promise<ApiError | null> {
  try {
    const blob = await file(addressOf("/api/v1/audit/bundle", {}, { ...stretch }));
    save(name, blob);
    toast(`Saved ${name}, ${bytes(blob.size)}`);
    return null;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toastError(error);
    return error;
  }
}

const whole = (text: string): number | undefined => (/^[1-9]\d{0,15}$/.test(text) ? Number(text) : undefined);
const time = (text: string): string | undefined => (text ? new Date(text + "Z").toISOString() : undefined);

export function BundleDialog({ onClose }: { onClose: () => void }) {
  const checkpoint = useCheckpoint(true).value;
  const [by, setBy] = useState<"all" | "place" | "time">("all");
  const [from, setFrom] = useState("");
  const [to, setTo] = useState("");
  const [since, setSince] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const name = by === "place" ? bundleName(whole(from), whole(to)) : bundleName();
  const act = async () => {
    setBusy(true);
    setProblem(await saveBundle({ ...(by === "place" ? { from: whole(from), to: whole(to) } : by === "time" ? { from_time: time(from), to_time: time(to) } : {}), since: whole(since) }, name));
    setBusy(false);
  };
  const pick = (next: typeof by) => {
    setBy(next);
    setFrom("");
    setTo("");
  };
  const input = by === "time" ? { type: "datetime-local", step: 1 } : { type: "number", min: 1, inputMode: "numeric" as const };
  return (
    <Dialog
      title="Signed bundle"
      onClose={onClose}
      foot={
        <>
          <button type="button" class="btn" onClick={onClose}>Close</button>
          <button type="button" class="btn pri push" aria-disabled={busy || !checkpoint?.size} onClick={() => !busy && checkpoint?.size && void act()}><Icon name="download" />{busy ? "Being made…" : "Download"}</button>
        </>
      }
    >
      <p class="q2">Entries with the proof that they are in the log, up to checkpoint {count(checkpoint?.size)}. The download itself is an entry.</p>
      <fieldset class="choices">
        <legend class="lab">Which entries</legend>
        {([["all", "All that are covered"], ["place", "From leaf to leaf"], ["time", "By time (UTC)"]] as const).map(([id, title]) => (
          <label class="row" key={id}><input type="radio" name="bundle-by" checked={by === id} onChange={() => pick(id)} />{title}</label>
        ))}
      </fieldset>
      {by !== "all" && (
        <div class="grid2">
          <div class="field"><label for="bundle-from">From</label><input id="bundle-from" class="in" {...input} value={from} onInput={(e) => setFrom(e.currentTarget.value)} /></div>
          <div class="field"><label for="bundle-to">To</label><input id="bundle-to" class="in" {...input} value={to} onInput={(e) => setTo(e.currentTarget.value)} /></div>
        </div>
      )}
      <div class="field">
        <label for="bundle-since">A checkpoint that the auditor has: its size</label>
        <input id="bundle-since" class="in" type="number" min="1" placeholder="none" value={since} onInput={(e) => setSince(e.currentTarget.value)} />
        <span class="help">The bundle then proves that the log goes on from it.</span>
      </div>
      {problem && <Note kind="bad">{problem.message}</Note>}
      <div class="field"><span class="lab">Then, on any machine</span><Copy text={verifyCommand(name)} label="Copy the command" /></div>
    </Dialog>
  );
}
