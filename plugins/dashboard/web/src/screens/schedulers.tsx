/** What can be done with a schedule, by who keeps it, and what the reasons mean. */
import { Dialog } from "../parts/panels";

const kept: [string, string, string][] = [
  ["z4j-scheduler", "the brain", "everything"],
  ["celery-beat, in Django's database", "celery beat", "everything that django-celery-beat has a column for"],
  ["celery-beat, RedBeat", "celery beat", "everything but the entries that stand in the code"],
  ["celery-beat, a file of its own", "celery beat", "read, and send now: its entries stand in the code"],
  ["rq-scheduler, rq-cron, apscheduler", "theirs", "what each schedule says of itself"],
  ["any, told by an agent", "theirs", "switch, send now, delete: as far as the agent offers it"],
];
const reasons: [string, string][] = [
  ["beat_static_schedule", "its entry stands in the application's code; beat would overwrite or not see a change of its file"],
  ["declared_in_code", "the same, of other schedulers"],
  ["store_not_watched", "the scheduler that owns it would not notice a change"],
  ["opaque_payload", "a change needs a format that can't be written safely"],
  ["not_permitted", "the backend, or the agent, does not allow it"],
  ["backend_offline", "nobody who has it is there"],
];

/** `at`: the reason one came from. */
export function Schedulers({ at, onClose }: { at: string | null; onClose: () => void }) {
  return (
    <Dialog wide title="What can be changed here" onClose={onClose} foot={<button type="button" class="btn pri push" autofocus onClick={onClose}>Close</button>}>
      <div class="chart-table"><table>
        <thead>
          <tr>
            <th scope="col">Kept by</th>
            <th scope="col">Who fires</th>
            <th scope="col">What can be done here</th>
          </tr>
        </thead>
        <tbody>
          {kept.map(([name, fires, can]) => (
            <tr key={name}>
              <td>{name}</td>
              <td>{fires}</td>
              <td>{can}</td>
            </tr>
          ))}
        </tbody>
      </table></div>
      <dl class="kv w">
        {reasons.map(([word, meaning]) => [
          <dt key={word} class="mono">
            {word}
          </dt>,
          <dd key={`${word} means`} class="whole">
            {word === at ? <b>{meaning}</b> : meaning}
          </dd>,
        ])}
      </dl>
    </Dialog>
  );
}
