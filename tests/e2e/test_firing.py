"""Schedules that the kernel keeps, on two brains of one PostgreSQL: each due time is fired once, whoever leads."""
import collections
import datetime
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from brain import Brain, wait_until
from celery_stream import PrivateRedis

LEASE = "schedules: z4j-scheduler"
SCHEDULES, EVERY_SECONDS = 3, 2
PAUSE_SECONDS = 15


def messages(redis, queue):
    """What lies in a queue that nobody empties."""
    lines = subprocess.run(["redis-cli", "-p", str(redis.port), "LRANGE", queue, "0", "-1"], env={**os.environ, "REDISCLI_AUTH": redis.password},
                           capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in lines.splitlines()]


def leader(brain):
    """The process that fires, as this brain shows it; none: nobody does."""
    for each in brain.read("/api/v1/health/system")["brains"]:
        if LEASE in each["leases"]:
            return each["pid"]
    return None


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class FiringTest(unittest.TestCase):
    def setUp(self):
        self.redis = PrivateRedis()
        self.addCleanup(self.redis.__exit__)
        config = f'[plugin.celery]\nplugin = "engine-celery"\n[plugin.celery.settings]\nbroker_url = "{self.redis.url()}"\n'
        self.a = Brain.with_admin(config).start()
        self.addCleanup(self.a.remove)
        self.a.sign_in()
        wait_until(lambda: leader(self.a) == self.a.process.pid, 60)
        self.b = Brain(config, like=self.a)
        self.b.password = self.a.password
        self.b.start()
        self.addCleanup(self.b.remove)
        self.b.sign_in()

    def online(self, brain):
        return [x["state"] for x in brain.project("/agents")] == ["online"]

    def make(self, brain, name, **more):
        status, made = brain.ask("POST", "/api/v1/projects/default/schedules", {
            "name": name, "engine": "celery", "kind": "interval", "expression": str(EVERY_SECONDS), "task_name": "shop.tick", "queue": "fires",
            "args": [name], "catch_up": "fire_all_missed", **more})
        self.assertEqual(status, 201, made)
        return made["id"]

    def fires(self, brain, schedule):
        return brain.project(f"/schedules/{schedule}/fires?limit=1000")

    def last_fired(self, brain, schedule):
        return max((at(f["scheduled_for"]) for f in self.fires(brain, schedule)), default=0)

    def goes_on(self, brain):
        """Each schedule fires times that lie ahead of now."""
        now = time.time()
        wait_until(lambda: all(self.last_fired(brain, s) > now for s in self.schedules), 60, tell=lambda: [self.fires(brain, s)[:2] for s in self.schedules])

    def test_a_killed_leader_and_a_paused_one_are_replaced_and_nothing_fires_twice(self):
        wait_until(lambda: self.online(self.b), 60)
        self.schedules = [self.make(self.a, f"tick-{n}") for n in range(SCHEDULES)]
        self.goes_on(self.b)
        self.assertEqual(leader(self.b), self.a.process.pid)

        # Killed
        self.a.kill()
        started = time.monotonic()
        wait_until(lambda: leader(self.b) == self.b.process.pid, 60)
        print(f"leads {time.monotonic() - started:.1f} s after kill -9", flush=True)
        self.goes_on(self.b)
        self.a.start()
        self.a.sign_in()

        # Paused, for longer than the lease lasts
        self.b.process.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        try:
            wait_until(lambda: leader(self.a) == self.a.process.pid, 60)
            print(f"leads {time.monotonic() - started:.1f} s after SIGSTOP", flush=True)
            self.goes_on(self.a)
            wait_until(lambda: time.monotonic() - started > PAUSE_SECONDS, PAUSE_SECONDS + 30)  # the scenario is so long a pause
        finally:
            self.b.process.send_signal(signal.SIGCONT)
        wait_until(lambda: "lease lost" in self.b.log_text(), 60)
        self.goes_on(self.b)
        self.assertEqual(leader(self.b), self.a.process.pid)

        for schedule in self.schedules:
            status, answer = self.b.ask("POST", f"/api/v1/projects/default/schedules/{schedule}/disable")
            self.assertEqual(status, 200, answer)
        open_states = {"pending", "delivered", "buffered"}
        wait_until(lambda: not any(f["status"] in open_states for s in self.schedules for f in self.fires(self.a, s)), 120,
                   tell=lambda: [f for s in self.schedules for f in self.fires(self.a, s) if f["status"] in open_states])

        sent = collections.Counter(m["headers"]["id"] for m in messages(self.redis, "fires"))
        self.assertEqual([i for i, n in sent.items() if n > 1], [])
        known = set()
        for schedule in self.schedules:
            fires = self.fires(self.a, schedule)
            due = sorted(at(f["scheduled_for"]) for f in fires)
            self.assertEqual(len(set(due)), len(due))
            gaps = {round(b - a) for a, b in zip(due, due[1:])}
            self.assertEqual(gaps, {EVERY_SECONDS}, due)  # each missed time was caught up with
            for fire in fires:
                known.add(fire["fire_id"])
                if fire["status"] == "acked_success":
                    self.assertEqual(sent[fire["fire_id"]], 1, fire)
        self.assertEqual(set(sent) - known, set())
        # What the killed brain had not sent is all that may be missing.
        missing = [f for s in self.schedules for f in self.fires(self.a, s) if f["status"] == "acked_failed"]
        self.assertLessEqual(len(missing), SCHEDULES, missing)

    def test_an_edit_is_in_effect_on_the_brain_that_leads(self):
        wait_until(lambda: self.online(self.b), 60)
        schedule = self.make(self.b, "edited", expression="86400")
        wait_until(lambda: self.b.project(f"/schedules/{schedule}")["next_run_at"], 30)
        status, answer = self.b.ask("PATCH", f"/api/v1/projects/default/schedules/{schedule}", {"expression": "1"})
        self.assertEqual(status, 200, answer)
        wait_until(lambda: len(self.fires(self.a, schedule)) > 2, 30, tell=lambda: self.a.project(f"/schedules/{schedule}"))
        status, answer = self.b.ask("POST", f"/api/v1/projects/default/schedules/{schedule}/disable")
        self.assertEqual(status, 200, answer)

    def test_a_schedule_is_fired_by_hand_once_per_key(self):
        wait_until(lambda: self.online(self.b), 60)
        schedule = self.make(self.b, "by-hand", expression="86400")
        body = {"idempotency_key": "by-hand-1"}
        for _ in range(2):
            status, answer = self.b.ask("POST", f"/api/v1/projects/default/schedules/{schedule}/trigger", body)
            self.assertEqual(status, 200, answer)
        fires = self.fires(self.a, schedule)
        self.assertEqual(len(fires), 1, fires)
        wait_until(lambda: self.fires(self.a, schedule)[0]["status"] == "acked_success", 30, tell=lambda: self.fires(self.a, schedule))
        self.assertEqual([m["headers"]["id"] for m in messages(self.redis, "fires")], [fires[0]["fire_id"]])


if __name__ == "__main__":
    unittest.main()
