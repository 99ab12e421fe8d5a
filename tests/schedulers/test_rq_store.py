"""scheduler-rq-scheduler and scheduler-rq-cron against Debian's RQ: what they write RQ reads, what they trigger its workers run."""
import json
import time
import unittest

import desk
from rq_place import RqPlace

SHOW = """
job = rq.job.Job.fetch(json.loads(sys.argv[1]), connection=connection)
print(json.dumps([job.func_name, list(job.args), job.kwargs, job.origin, job.meta, job.timeout, job.result_ttl, job.get_status(), job.description]))
"""


class RqStoreTest(unittest.TestCase):
    def setUp(self):
        self.redis = desk.Redis()
        self.addCleanup(self.redis.stop)
        self.place = RqPlace(self.redis)
        self.addCleanup(self.place.stop)

    def open(self, plugin="scheduler-rq-scheduler", **settings):
        opened = desk.Desk(plugin, redis_url=self.redis.url(), **settings)
        self.addCleanup(opened.close)
        return opened

    def show(self, job):
        return json.loads(self.place.call(SHOW, job))

    def due(self, job):
        return self.redis.client().zscore("rq:scheduler:scheduled_jobs", job)

    def test_makes_what_rq_reads(self):
        d = self.open()
        made = d.made(name="nightly", task="rq_jobs.note", args=[1, "x"], kwargs={"y": [None, 2.5]}, kind="cron", expression="0 3 * * mon-fri",
                      queue="low", options={"repeat": 5, "timeout": 60, "meta": {"team": "shop"}})
        self.assertEqual(("nightly", "0 3 * * 1,2,3,4,5", "rq", False), tuple(made[k] for k in ("id", "expression", "engine", "read_only")))
        self.assertEqual(["rq_jobs.note", [1, "x"], {"y": [None, 2.5]}, "low",
                          {"team": "shop", "repeat": 5, "cron_string": "0 3 * * 1,2,3,4,5", "use_local_timezone": False}, 60, -1, "scheduled",
                          "rq_jobs.note(1, 'x', y=[None, 2.5])"], self.show("nightly"))
        at = time.gmtime(self.due("nightly"))
        self.assertEqual((3, 0), (at.tm_hour, at.tm_min))
        self.assertIn(at.tm_wday, range(5))
        self.assertEqual("conflict", d.put(name="nightly", task="a.b", kind="interval", expression="60")["error"])
        before = time.time()
        d.made(name="often", task="rq_jobs.note", kind="interval", expression="2m")
        self.assertAlmostEqual(before + 120, self.due("often"), delta=10)
        self.assertEqual({"interval": 120}, self.show("often")[4])
        self.assertEqual(["nightly", "often"], [s["name"] for s in d.all(limit=1)])
        self.assertEqual(["often"], [s["id"] for s in d.page(ids=["often", "never"])["items"]])

    def test_edits_switches_and_removes(self):
        d = self.open()
        made = d.made(name="a", task="rq_jobs.note", kind="interval", expression="3600", args=[1])
        changed = d.changed(made, expression="60", args=[2], queue="low")
        self.assertEqual(["rq_jobs.note", [2], {}, "low", {"interval": 60}], self.show("a")[:5])
        self.assertLess(self.due("a"), time.time() + 90)
        stale = d.ask("put", {"id": "a", "expression": "70"}, made["etag"])
        self.assertEqual("conflict", stale["error"])
        off = d.changed(changed, is_enabled=False)
        self.assertFalse(off["is_enabled"])
        self.assertIsNone(self.due("a"))
        self.assertEqual(["a"], [s["name"] for s in d.all()])
        on = d.changed(off, is_enabled=True)
        self.assertGreater(self.due("a"), time.time())
        self.assertEqual(on["etag"], changed["etag"])
        self.assertEqual("conflict", d.ask("remove", "a", "old")["error"])
        self.assertEqual({}, d.remove(on))
        self.assertFalse(self.redis.client().exists("rq:job:a"))
        self.assertEqual("not_found", d.remove(on)["error"])
        self.assertEqual([], d.all())

    def test_triggers_a_run_of_its_own(self):
        d = self.open()
        made = d.made(name="t", task="rq_jobs.note", kind="interval", expression="3600", args=[7])
        self.place.start_worker("default")
        answer = d.trigger(made)
        self.assertEqual("done", answer["outcome"], answer)
        self.place.wait_runs("[7] {}")
        self.assertNotEqual("t", answer["new_task_id"])
        self.assertEqual("scheduled", self.show("t")[7])

    def test_takes_the_form_of_rq_scheduler(self):
        d = self.open()
        own = {"id": "o", "func": "rq_jobs.note", "args": [1], "queue_name": "low", "cron_string": "*/10 * * * *", "repeat": 2}
        made = d.made(own=own)
        self.assertEqual(("cron", "*/10 * * * *", "low"), (made["kind"], made["expression"], made["queue"]))
        shown = d.all(form="own")[0]["own"]
        self.assertLessEqual(own.items(), shown.items())

    def test_says_what_it_cannot_do(self):
        d = self.open()
        for where, wanted in {"/name": {"name": "two words"}, "/kind": {"kind": "solar"}, "/expression": {"expression": "0 0 31 2 *"},
                              "/timezone": {"timezone": "Europe/Paris"}, "/priority": {"priority": "high"}, "/engine": {"engine": "celery"}}.items():
            answer = d.put(**{"name": "n", "task": "a.b", "kind": "cron", "expression": "0 3 * * *", **wanted})
            self.assertEqual(("invalid", where), (answer["error"], answer["where"]), answer)
        self.assertEqual([], d.all())
        # Hostile or broken neighbours.
        client = self.redis.client()
        client.zadd("rq:scheduler:scheduled_jobs", {"no-hash": 1, "text": 2, "huge": 3, "odd": 4})
        client.set("rq:job:text", "x")
        client.hset("rq:job:huge", mapping={"data": "x" * (2 << 20), "description": "big.job(1)", "origin": "default", "status": "scheduled"})
        client.hset("rq:job:odd", mapping={"data": "cos\nsystem\n(S'true'\ntR.", "meta": "\x80\x04.", "origin": "q", "description": "odd.job()"})
        seen = {s["id"]: s for s in d.all()}
        self.assertEqual({"huge", "odd"}, set(seen))
        for s in seen.values():
            self.assertTrue(s["read_only"] and s["read_only_reason"].startswith("opaque_payload: "), s)
        self.assertEqual("denied", d.ask("put", {"id": "odd", "expression": "60", "kind": "interval"}, seen["odd"]["etag"])["error"])
        self.assertEqual({}, d.remove(seen["odd"]))

    def test_tells_that_redis_is_away(self):
        d = self.open()
        self.assertEqual([], d.all())
        self.redis.process.kill()
        self.redis.process.wait(timeout=20)
        self.assertIn("error", d.page())
        self.assertEqual("degraded", d.health()["state"])
        self.assertTrue(d.health()["why"].startswith("backend_offline: "))
        self.redis.start()
        desk.wait_until(lambda: "items" in d.page())
        desk.wait_until(lambda: d.health()["state"] == "ok")

    def test_shows_and_triggers_what_rq_cron_tells(self):
        vector = json.loads((desk.HERE.parent / "fixtures" / "vectors" / "rq-cron-keys.json").read_text())["keys"]
        client = self.redis.client()
        client.zadd("rq:cron_schedulers", {"vm:31565:594cc3": time.time(), "gone:1:x": time.time()})
        client.hset("rq:cron_scheduler:vm:31565:594cc3", mapping=dict(vector["rq:cron_scheduler:vm:31565:594cc3"]["value"]))
        d = self.open("scheduler-rq-cron")
        every, cron = d.named("rtasks.add (5)"), d.named("rtasks.add (*/5 * * * *)")
        self.assertEqual((["trigger"], True, [1, 2]), (every["capabilities"], every["read_only"], every["args"]))
        self.assertTrue(cron["read_only_reason"].startswith("declared_in_code: "))
        answer = d.trigger(cron)
        self.assertEqual({"engine": "rq", "task": "rtasks.add", "queue": "default", "args": "[3,4]", "kwargs": "{}",
                          "more": '{"periodic_task_name":"rtasks.add (*/5 * * * *)"}'}, answer["submitted"])
        self.assertIn("error", d.put(name="x", task="a.b", kind="interval", expression="5"))
        self.assertEqual([every["name"]], [s["name"] for s in d.page(ids=[every["id"]])["items"]])

    def test_previews(self):
        d = self.open()
        self.assertEqual([1770940800_000000], d.preview(n=1, at=1767225600, kind="cron", expression="0 0 13 * 5")["times"])
        self.assertEqual("/expression", d.preview(n=1, kind="cron", expression="x")["where"])


if __name__ == "__main__":
    unittest.main()
