/** What an administrator tries before relying on it: that mail arrives, and what is kept of a payload. */
import { useEffect, useState } from "preact/hooks";
import { api, ApiError, type AnswerOf } from "../api/client";
import { Trouble, useAct } from "../gate/card";
import { me } from "../lib/session";
import { count } from "../lib/time";
import { Tree } from "../parts/data";
import { Note } from "../parts/feedback";
import { Lines, Text } from "../parts/form";
import { Act, Drawer } from "../parts/panels";
import { State } from "../parts/state";

/** A mail through the relay of the settings, step by step. */
export function TryMail() {
  const [to, setTo] = useState(me.value?.email ?? "");
  const [told, setTold] = useState<AnswerOf<"/api/v1/admin/smtp/test", "post"> | null>(null);
  const { busy, error, run } = useAct();
  const send = () => {
    setTold(null);
    run(async () => setTold(await api.post("/api/v1/admin/smtp/test", { body: { to: to.trim() }, deadlineMs: 40_000 })));
  };
  const why = busy ? "Under way" : to.includes("@") ? null : "Say to whom";
  return (
    <div class="sec stack">
      <h2>Does it work</h2>
      <Text label="Send a mail to" type="email" value={to} onText={setTo} maxLength={320} />
      <div class="row"><Act primary why={why} onClick={send}>{busy ? "Sending…" : "Send it"}</Act></div>
      <Trouble error={error} />
      {told && (
        <>
          <p><State look={told.accepted ? "done" : "fail"}>{told.accepted ? "the relay took it" : "it was not sent"}</State> <span class="q">from {told.from || "nobody"} by {told.relay}</span></p>
          {told.error && <Note kind="bad">{told.error}</Note>}
          <ul class="list plain lines">
            {(told.steps ?? []).map((s) => <li class="row" key={s.name}><State look={s.good ? "done" : "fail"}>{s.name}</State><span class="q2 whole" dir="auto">{s.text}</span></li>)}
          </ul>
        </>
      )}
    </div>
  );
}

const example = `{
  "args": [4711],
  "kwargs": {"order_id": 12, "password": "hunter2", "note": "call +1 555 0100"}
}`;

/** Paste a payload, see what is kept. Nothing of it is stored. */
export function TryRedaction({ rules, onClose }: { rules: readonly { name: string; value: string }[]; onClose: () => void }) {
  const [text, setText] = useState(example);
  const [told, setTold] = useState<AnswerOf<"/api/v1/admin/redaction/test", "post"> | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    let payload: unknown;
    setProblem(null);
    try {
      payload = JSON.parse(text);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : "It is no JSON");
      return;
    }
    const asking = new AbortController();
    const timer = setTimeout(() => {
      api.post("/api/v1/admin/redaction/test", { body: { payload } as never, signal: asking.signal }).then(setTold, (error: unknown) => {
        if (error instanceof ApiError) setProblem(error.message);
      });
    }, 250);
    return () => {
      clearTimeout(timer);
      asking.abort();
    };
  }, [text]);
  return (
    <Drawer label="Redaction" takesFocus onClose={onClose} head={<><h2 class="dh-title">Redaction</h2><p class="q2">What the brain keeps of a payload: secrets are taken out before anything is stored</p></>}>
      <div class="sec stack">
        <Lines label="A payload, as JSON" rows={8} value={text} onText={setText} help="Nothing of it is stored or logged." />
        {problem && <Note kind="bad">{problem}</Note>}
      </div>
      {told && (
        <div class="sec stack">
          <h2>Kept <span class="push q">{told.places.length ? `${count(told.places.length)} ${told.places.length === 1 ? "place is" : "places are"} not as it came` : "all of it"}</span></h2>
          <Tree value={told.kept} empty="nothing" />
          {told.places.length > 0 && <ul class="list plain">{told.places.map((p) => <li key={p} class="mono cut" title={p}>{p || "the whole"}</li>)}</ul>}
        </div>
      )}
      <div class="sec">
        <h2>Rules beside the built-in ones</h2>
        <dl class="kv w">{rules.map((s) => [<dt key={s.name}>{s.name.replace(/^Z4J_REDACTION_/, "").toLowerCase().replace(/_/g, " ")}</dt>, <dd key={s.name + "v"} class="mono whole">{s.value && s.value !== "[]" ? s.value : <span class="q">none</span>}</dd>])}</dl>
      </div>
    </Drawer>
  );
}
