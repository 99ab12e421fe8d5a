/** Nothing is connected yet: the way to the first task, and a line that waits for it. */
import { useState } from "preact/hooks";
import { api } from "../api/client";
import { useQuery } from "../lib/query";
import { slug, to } from "../lib/router";
import { me } from "../lib/session";
import { age, now } from "../lib/time";
import { whyNotMine } from "./task-parts";
import { Note } from "../parts/feedback";
import { Link } from "../parts/link";
import { Seg } from "../parts/panels";
import { Copy } from "../parts/text";

const ways = {
  broker: { title: "Broker only", install: "", run: "z4j-agent doctor && z4j-agent", note: "A service beside the broker; your application stays as it is. For Celery and RQ." },
  celery: { title: "Celery", install: "pip install z4j-bare z4j-celery", run: "celery -A your_app worker", note: "Import z4j_celery where the Celery application is made." },
  rq: { title: "RQ", install: "pip install z4j-bare z4j-rq", run: "rq worker -c rq_settings", note: "rq_settings imports register_worker_bootstrap of z4j_rq." },
} as const;
type Way = keyof typeof ways;

export function Start() {
  const [way, setWay] = useState<Way>("broker");
  const [since] = useState(Date.now());
  const why = whyNotMine("admin");
  const agents = useQuery(`start agents ${slug.value}`, (signal) => api.get("/api/v1/projects/{slug}/agents", { path: { slug: slug.value }, signal }), { topics: ["agent.changed"], everyMs: 5000 });
  const online = (agents.value ?? []).filter((a) => a.state === "online");
  const w = ways[way];
  return (
    <div class="start">
      <div>
        <h1>Nothing is connected yet</h1>
        <p class="q2">A few lines beside a worker, and its tasks appear here.</p>
      </div>
      <section class="step">
        <b>1</b>
        <div>
          <h2>Make an agent, and give it its token</h2>
          {why ? (
            <Note kind="info">{why}. Ask one to connect the first agent.</Note>
          ) : (
            <p>
              <Link class="btn pri" to={to("mint")}>
                Connect an agent
              </Link>
            </p>
          )}
          <p class="q small">The token is shown once, with a block of variables to copy.</p>
        </div>
      </section>
      <section class="step">
        <b>2</b>
        <div>
          <h2>Start it beside your worker</h2>
          <div>
            <Seg label="Framework" value={way} onChange={setWay} options={(Object.keys(ways) as Way[]).map((id) => ({ id, title: ways[id].title }))} />
          </div>
          <Copy text={[w.install, w.run].filter(Boolean).join("\n")} />
          <p class="q small">{w.note}</p>
        </div>
      </section>
      <section class="step">
        <b>3</b>
        <div>
          <h2>See it arrive</h2>
          <div class="listen" role="status">
            <span class="pulse" />
            {online.length ? <b>Connected: {online.map((a) => a.name).slice(0, 3).join(", ")}. Its tasks come next.</b> : <b>Waiting for the first agent</b>}
            <span class="q push">{age(now.value - since)}</span>
          </div>
          <p class="q small">
            Nothing after a minute? <span class="mono">z4j-agent doctor</span> looks at the whole way and names the first thing that fails: name, proxy, TLS, token, clock.
          </p>
        </div>
      </section>
      {me.value?.is_admin && <p class="q small">Or let the brain watch the broker itself: an engine plugin in its configuration, without any agent. The quickstart has the four lines.</p>}
    </div>
  );
}
