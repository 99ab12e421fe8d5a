"""A running APScheduler 3 and its job store in Redis, SQLite and PostgreSQL: what is shown, and what a delete does."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from desk import HERE, Desk, Redis, end_with_parent, wait_until
from postgres import PrivatePostgres


class Jobs:
    PYTHON = os.environ.get("Z4J_APSCHEDULER_PYTHON", "/usr/bin/python3")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="z4j_apscheduler_")
        self.addCleanup(shutil.rmtree, self.folder, True)
        self.lines = pathlib.Path(self.folder, "lines")
        self.words, settings = self.place()
        self.start()
        wait_until(lambda: self.runs("fast"), tell=self.log)
        self.desk = Desk("scheduler-apscheduler", **settings)
        self.addCleanup(self.desk.close)

    def start(self):
        self.out = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen([self.PYTHON, str(HERE / "apscheduler_app.py"), *self.words, str(self.lines)], stdout=self.out, stderr=self.out, preexec_fn=end_with_parent)
        self.addCleanup(self.end)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=20)
            self.out.close()

    def log(self):
        return pathlib.Path(self.folder, "log").read_text()[-3000:]

    def runs(self, word):
        return self.lines.read_text().splitlines().count(word) if self.lines.exists() else 0

    def test_shows_jobs_and_why_they_are_read_only(self):
        seen = {s["id"]: s for s in self.desk.all(limit=2)}
        self.assertEqual(sorted(seen), ["fast", "last", "nightly", "object", "once", "other", "paused"])
        fast = seen["fast"]
        self.assertEqual((fast["kind"], fast["expression"], fast["task"], fast["args"], fast["name"]), ("interval", "1s", "__main__:write", [str(self.lines), "fast"], "write (fast)"))
        self.assertAlmostEqual(fast["next_run_at"], time.time(), delta=600)
        self.assertEqual(seen["other"]["kwargs"], {"path": str(self.lines), "word": "other"})
        nightly = seen["nightly"]
        self.assertEqual((nightly["name"], nightly["kind"], nightly["expression"], nightly["timezone"]), ("reports (nightly)", "cron", "*/5 3 * 1-6/2 1-5,7", "Europe/Berlin"))
        times = self.desk.preview(1, **{k: nightly[k] for k in ("kind", "expression", "timezone", "options")})["times"]
        self.assertEqual(times[0] / 1e6, nightly["next_run_at"])
        self.assertIn("day=", seen["last"]["options"]["trigger"])
        self.assertEqual((seen["once"]["kind"], seen["once"]["expression"]), ("clocked", "2040-01-02T03:04:05.000000+00:00"))
        self.assertIn("timedelta", seen["object"]["options"]["args_repr"])
        self.assertEqual((seen["paused"]["is_enabled"], seen["paused"]["next_run_at"]), (False, None))
        for s in seen.values():
            self.assertTrue(s["read_only"])
            self.assertTrue(s["read_only_reason"].startswith("store_not_watched: "))
            self.assertEqual(s["capabilities"], ["delete"])
        refused = self.desk.put(fast["etag"], id="fast", is_enabled=False)
        self.assertEqual(refused["error"], "denied")
        self.assertTrue(refused["message"].startswith("opaque_payload: "))
        self.assertIn("unsupported", str(self.desk.ask("trigger", "fast")))

    def test_a_deleted_job_runs_no_more(self):
        other = next(s for s in self.desk.all() if s["id"] == "other")
        self.assertEqual(self.desk.ask("remove", "other", "another etag")["error"], "conflict")
        self.assertEqual(self.desk.remove(other), {})
        self.assertEqual(self.desk.remove(other)["error"], "not_found")
        reached = self.runs("fast")
        wait_until(lambda: self.runs("fast") >= reached + 2, tell=self.log)
        settled, reached = self.runs("other"), self.runs("fast")
        wait_until(lambda: self.runs("fast") >= reached + 3, tell=self.log)
        self.assertEqual(self.runs("other"), settled)
        self.assertNotIn("other", [s["id"] for s in self.desk.all()])
        self.assertIsNone(self.process.poll(), self.log())


class RedisTest(Jobs, unittest.TestCase):
    def place(self):
        self.redis = Redis()
        self.addCleanup(self.redis.stop)
        return ["redis", str(self.redis.port)], {"redis_url": self.redis.url()}

    def test_says_when_redis_is_away(self):
        self.redis.process.send_signal(signal.SIGKILL)
        self.redis.process.wait(timeout=20)
        wait_until(lambda: "error" in self.desk.page())
        self.assertIn("backend_offline", self.desk.health()["why"])


class SqliteTest(Jobs, unittest.TestCase):
    def place(self):
        path = os.path.join(self.folder, "jobs.sqlite3")
        return ["sql", "sqlite:///" + path], {"database_url": "sqlite:///" + path}


class PostgresTest(Jobs, unittest.TestCase):
    def place(self):
        self.server = PrivatePostgres()
        self.addCleanup(self.server.__exit__)
        return ["sql", self.server.url], {"database_url": self.server.url}


if __name__ == "__main__":
    unittest.main()
