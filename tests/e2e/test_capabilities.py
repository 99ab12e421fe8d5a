"""What plugins declare beside what was seen of them: asked of real engines, added up by brains on one database, kept over a restart and a crash."""
import contextlib
import sqlite3
import unittest

import database
from brain import Brain, wait_until
from demo_fleet import DemoFleet
from test_http_plugins import Plugins

LIAR = """
[plugin.liar]
plugin = "test-engine"
[plugin.liar.settings]
events = [{kind = "sent", task_id = "t-1", task = "app.add"}]
calls = {"command/RATE" = {status = 103, message = "there are no rates here"}}

[plugin.silent]
plugin = "test-engine"
[plugin.silent.settings]
capabilities = 6
"""


def capabilities(brain, instance):
    """By verb; an engine and a scheduler have none in common."""
    return {c["verb"]: c for c in brain.read(f"/api/v1/plugins/{instance}")["capabilities"]}


def asked(brain, instance, verb):
    seen = capabilities(brain, instance).get(verb)
    return seen["observed"]["asked"] if seen and seen["observed"] else 0


class RealEngines(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet()
        cls.addClassCleanup(cls.fleet.remove)

    def brain(self, **more):
        brain = Brain.with_admin(self.fleet.brain_config(), **more)
        self.addCleanup(brain.remove)
        return brain.start().sign_in()

    def until_online(self, brain, names):
        wait_until(lambda: {w["name"] for w in brain.project("/workers") if w["state"] == "online"} >= names, 60, tell=lambda: brain.project("/workers"))

    def test_what_was_asked_is_seen_and_kept(self):
        brain = self.brain()
        self.until_online(brain, {"orders@demo", "rq-main"})
        self.assertIsNone(capabilities(brain, "celery")["enqueue"]["observed"])
        for engine, task, args in (("celery", "shop.add", [1, 2]), ("rq", "rq_jobs.resize", ["a.png", 4])):
            for _ in range(2):
                brain.command("submit-task", engine=engine, task_name=task, args=args, queue="orders" if engine == "celery" else "default")
            seen = capabilities(brain, engine)["enqueue"]
            self.assertTrue(seen["declared"] and seen["observable"], seen)
            self.assertIsNone(seen["contradiction"])
            one = seen["observed"]
            self.assertEqual((one["asked"], one["done"] + one["sent"], one["failed"], one["unsupported"]), (2, 2, 0, 0), one)
            self.assertIn(one["last_outcome"], ("done", "sent"))
            self.assertLessEqual(one["first_at"], one["last_at"])
            wait_until(lambda e=engine: asked(brain, e, "events") > 0, 30)
        rate = brain.command("rate-limit", engine="celery", task_name="shop.add", rate="100/m")
        self.assertEqual(capabilities(brain, "celery")["rate"]["observed"]["last_outcome"], rate["result"]["outcome"])
        # What an engine can't do is not declared, so it is never asked.
        self.assertEqual((capabilities(brain, "rq")["rate"]["declared"], capabilities(brain, "rq")["rate"]["observed"]), (False, None))
        lies = [c for e in ("celery", "rq") for c in capabilities(brain, e).values() if c["contradiction"]]
        self.assertEqual(lies, [])

        # A stop stores what was gathered; a start adds to it.
        brain.stop()
        brain.start().sign_in()
        self.until_online(brain, {"orders@demo", "rq-main"})
        kept = capabilities(brain, "celery")["enqueue"]["observed"]
        self.assertEqual((kept["asked"], kept["done"] + kept["sent"]), (2, 2), kept)
        brain.command("submit-task", engine="celery", task_name="shop.add", args=[3, 4], queue="orders")
        self.assertEqual(asked(brain, "celery", "enqueue"), 3)
        # A crash loses the last seconds at most: what is stored is there for whoever looks.
        self.until_stored(brain, 3)
        brain.kill()
        brain.start().sign_in()
        self.assertEqual(asked(brain, "celery", "enqueue"), 3)

    def until_stored(self, brain, times):
        """On PostgreSQL, where another brain reads them, its own are added besides."""
        if database.KIND == "postgresql":
            other = Brain(self.fleet.brain_config(), like=brain)
            self.addCleanup(other.remove)
            other.password = brain.password
            other.start().sign_in()
            self.assertFalse(other.read("/api/v1/plugins/celery")["runs_on"]["is_this"])
            wait_until(lambda: asked(other, "celery", "enqueue") == times, 40, tell=lambda: capabilities(other, "celery"))
            self.assertIsNone(capabilities(other, "celery")["enqueue"]["declared"])
            other.stop()
            return
        with contextlib.closing(sqlite3.connect(f"file:{brain.home}/brain.sqlite?mode=ro", uri=True)) as rows:
            query = "SELECT done + sent FROM plugin_capabilities WHERE instance = 'celery' AND name = 'enqueue'"
            wait_until(lambda: rows.execute(query).fetchall() == [(times,)], 40, tell=lambda: rows.execute(query).fetchall())


class Contradictions(unittest.TestCase):
    def test_a_plugin_that_does_other_than_it_says_is_told_apart(self):
        plugins = Plugins("test-engine")
        self.addCleanup(plugins.remove)
        brain = Brain.with_admin(LIAR, Z4J_PLUGIN_DIRECTORY=str(plugins.path))
        self.addCleanup(brain.remove)
        brain.start().sign_in()
        for instance in ("liar", "silent"):
            wait_until(lambda i=instance: brain.read(f"/api/v1/plugins/{i}")["state"] == "started", 60)
        here = brain.read("/api/v1/plugins/liar")
        self.assertEqual(here["isolation"], "process")
        self.assertGreater(here["process"]["memory_bytes"], 0)
        self.assertGreaterEqual(here["process"]["cpu_ms"], 0)
        wait_until(lambda: brain.read("/api/v1/plugins/liar")["process"]["cpu_percent"] is not None, 60)
        seen = capabilities(brain, "liar")
        self.assertEqual((seen["events"]["declared"], seen["events"]["observed"]["done"]), (True, 1))
        self.assertIsNone(seen["rate"]["observed"])
        status, answer = brain.ask("POST", "/api/v1/projects/default/commands/rate-limit", {"engine": "test", "task_name": "app.add", "rate": "5/m"})
        self.assertEqual(status, 202, answer)
        rate = wait_until(lambda: (c := capabilities(brain, "liar")["rate"])["observed"] and c, 30)
        self.assertEqual((rate["declared"], rate["contradiction"]), (True, "unsupported"))
        self.assertEqual({k: rate["observed"][k] for k in ("asked", "unsupported", "last_outcome", "last_code", "last_text")},
                         {"asked": 1, "unsupported": 1, "last_outcome": "unsupported", "last_code": "unsupported", "last_text": "there are no rates here"})
        self.assertFalse(capabilities(brain, "silent")["events"]["declared"])
        self.assertIsNone(capabilities(brain, "silent")["events"]["contradiction"])
        brain.stop()
        brain.start().sign_in()
        again = wait_until(lambda: (c := capabilities(brain, "liar").get("rate")) and c["declared"] and c, 60)
        self.assertEqual(again["contradiction"], "unsupported")


if __name__ == "__main__":
    unittest.main()
