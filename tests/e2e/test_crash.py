"""kill -9 of the brain, or of its PostgreSQL, under load: what the workers' log tells is what the brain shows afterwards."""
import collections
import signal
import time
import unittest

import database
from brain import Brain, wait_until
from demo_fleet import FINAL, DemoFleet

OUTAGE_SECONDS = 20
RATE = 15
# A rejected message leaves no trace in Celery: no result, no message. Thrown away while nobody looked, it is
# part of the gap; some lines of the log around the outage belong to it.
TRACELESS = "rejected"
EDGE = 30


class CrashTest(unittest.TestCase):
    def setUp(self):
        self.fleet = DemoFleet()  # its load begins when somebody looks
        self.addCleanup(self.fleet.remove)
        self.brain = Brain.with_admin(self.fleet.brain_config()).start()
        self.addCleanup(self.brain.remove)

    def truth(self):
        """(engine, id) -> its last END, None while it has none."""
        ends = {}
        for word, engine, _, task_id, state in self.fleet.log():
            key = (engine, task_id)
            ends.setdefault(key, None)
            if word == "END":
                ends[key] = state
            elif word == "RUN":
                ends[key] = None
        return ends

    def count(self, word):
        return sum(1 for line in self.fleet.log() if line[0] == word)

    def drained(self):
        lengths = [self.fleet.redis(0, "LLEN", q) for q in ("orders", "mail", "reports")] + [self.fleet.redis(1, "LLEN", f"rq:queue:{q}") for q in ("high", "default", "low")]
        scheduled = [self.fleet.redis(1, "ZCARD", f"rq:scheduled:{q}") for q in ("high", "default", "low")]
        return set(lengths + scheduled) == {"0"} and self.fleet.redis(0, "ZCARD", "unacked_index") == "0"

    def thrown_away_between(self, first, last):
        return {(engine, task_id) for word, engine, _, task_id, state in self.fleet.log()[first:last] if (word, state) == ("END", TRACELESS)}

    def assert_shows_the_truth(self, lost=()):
        """Soon, for all tasks but the lost ones."""
        differences = {}

        def agree():
            differences.clear()
            truth = self.truth()
            shown = {(t["engine"], t["task_id"]): t["state"] for t in self.brain.all_of("/tasks?limit=500")}
            for key, end in truth.items():
                state = shown.get(key)
                if key in lost:
                    continue
                if end in FINAL and state != end:
                    differences[key] = (end, state)
                elif end not in FINAL and state not in ("pending", "received", "retry"):
                    differences[key] = (end or "waits", state)
            return not differences

        wait_until(agree, 90, every=1, tell=lambda: f"{len(differences)} differ: {collections.Counter(differences.values())}, such as {list(differences.items())[:8]}")

    def metric(self, name):
        return next(float(line.split()[-1]) for line in self.brain.get("/metrics")[1].splitlines() if line.startswith(name + " "))

    @unittest.skipUnless(database.KIND == "postgresql", "SQLite is no server that could be killed")
    def test_a_killed_database_loses_nothing(self):
        self.brain.sign_in()
        wait_until(lambda: sum(a["last_connect_at"] is not None for a in self.brain.project("/agents")) == 2, 60)
        self.fleet.produce(RATE)
        for _ in range(2):
            ended, failed = self.count("END"), self.metric("z4j_ingest_failed_commits_total")
            wait_until(lambda: self.count("END") > ended + 50, 60)
            database.server().stop(signal.SIGKILL)
            ended = self.count("END")
            wait_until(lambda: self.metric("z4j_ingest_failed_commits_total") > failed and self.count("END") > ended + 50, 60)
            self.assertEqual(self.brain.get("/api/v1/health/ready")[0], 503)
            database.server().start()
            wait_until(lambda: self.brain.get("/api/v1/health/ready")[0] == 200, 60)
        self.fleet.produce(0)
        wait_until(self.drained, 120)
        # The engines never lost sight of their brokers, so that nothing is out of reach.
        self.assert_shows_the_truth()
        self.assertGreater(len(self.truth()), 200)
        dropped = [line.split()[-1] for line in self.brain.get("/metrics")[1].splitlines() if line.startswith("z4j_events_dropped_total{")]
        self.assertEqual(dropped, ["0", "0"])

    def test_every_task_ends_in_the_state_that_the_workers_log_shows(self):
        self.brain.sign_in()
        wait_until(lambda: sum(a["last_connect_at"] is not None for a in self.brain.project("/agents")) == 2, 60)
        self.fleet.produce(RATE)
        wait_until(lambda: sum(self.brain.project("/stats")["tasks_by_state"].values()) > 100, 60)
        wait_until(lambda: all(a["last_seen_at"] for a in self.brain.project("/agents")), 30)
        first = {a["name"]: a["last_connect_at"] for a in self.brain.project("/agents")}
        self.brain.kill()
        killed_at, ended, out_from = time.time(), self.count("END"), len(self.fleet.log()) - EDGE
        # The scenario is an outage of so many seconds in which the workers go on.
        wait_until(lambda: time.time() - killed_at > OUTAGE_SECONDS and self.count("END") > ended + 50, 120)
        sent_in_outage = self.count("SENT")
        self.brain.start()
        self.brain.sign_in()
        wait_until(lambda: all(a["last_connect_at"] > first[a["name"]] for a in self.brain.project("/agents")), 60)
        out_to = len(self.fleet.log()) + EDGE
        wait_until(lambda: self.count("SENT") > sent_in_outage + 100, 60)
        self.fleet.produce(0)
        wait_until(self.drained, 120)

        lost = self.thrown_away_between(out_from, out_to)
        self.assert_shows_the_truth(lost)
        self.assertGreater(len(self.truth()), 400)
        self.assertLess(len(lost), len(self.truth()) / 10)
        gaps = self.brain.all_of("/gaps?limit=100")
        for engine in ("celery", "rq"):
            self.assertTrue([g for g in gaps if g["engine"] == engine], gaps)
        self.assertEqual(self.brain.read("/api/v1/health/ready"), {"status": "ready"})


if __name__ == "__main__":
    unittest.main()
