"""z4j-seed fills a store: goes on where it was killed, and writes nothing when the disk is short or the plan is another."""
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
from brain import BUILD, Brain, wait_until  # noqa: E402

TASKS = 30_000
FULL = "/proc"  # a file system without room


class SeedTest(unittest.TestCase):
    def setUp(self):
        self.brain = Brain()
        self.addCleanup(self.brain.remove)
        self.file = os.path.join(self.brain.home, "seed.sqlite")
        self.brain.environment["Z4J_DATABASE_URL"] = "sqlite:///" + self.file

    def seeder(self, *more, tasks=TASKS):
        return subprocess.Popen([BUILD / "scale" / "z4j-seed", "--tasks", str(tasks), "--days", "7", *more], env=self.brain.environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def refused(self, why, *more, **plan):
        told, said = self.seeder(*more, **plan).communicate(timeout=60)
        self.assertIn(why, said)
        self.assertEqual("", told)

    def ask(self, sql):
        with sqlite3.connect(f"file:{self.file}?mode=ro", uri=True, timeout=30) as store:
            return store.execute(sql).fetchone()[0]

    def commits_done(self):
        return self.ask("SELECT coalesce(max(CAST(value AS INTEGER)), 0) FROM meta WHERE key LIKE 'seed_lane_%'")

    def test_a_killed_seeder_goes_on_and_nothing_is_there_twice(self):
        self.refused("start a brain on this database once")
        self.brain.start().stop()
        self.refused("is short", "--disk", FULL)
        self.assertEqual(0, self.ask("SELECT count(*) FROM meta WHERE key LIKE 'seed%'"))
        for commits in (3, 8):
            seeder = self.seeder()
            wait_until(lambda n=commits, run=seeder: self.commits_done() >= n or run.poll() is not None, 60, 0.01)
            seeder.kill()
            seeder.communicate(timeout=60)
        had = self.commits_done()
        self.assertGreaterEqual(had, 8)
        self.refused("is short", "--disk", FULL)
        self.refused("say the same", tasks=TASKS + 1000)
        self.assertEqual(had, self.commits_done())
        seeder = self.seeder()
        told, said = seeder.communicate(timeout=300)
        self.assertEqual(0, seeder.returncode, said)
        seed = json.loads(told)
        self.assertEqual(TASKS, self.ask("SELECT count(*) FROM tasks"))
        self.assertEqual(seed["events"], self.ask("SELECT count(*) FROM events"))
        self.assertEqual(seed["events"], self.ask("SELECT sum(count) FROM task_hours"))
        self.assertEqual(seed["by_state"]["failure"], self.ask("SELECT count(*) FROM tasks WHERE state = 'failure'"))
        again, said = self.seeder().communicate(timeout=60)  # nothing is left to do
        self.assertEqual(seed, json.loads(again), said)
        self.assertEqual(TASKS, self.ask("SELECT count(*) FROM tasks"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
