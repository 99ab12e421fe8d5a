"""The newest rq-scheduler and rq cron from PyPI: what is edited through the plugins fires accordingly."""
import time
import unittest

import desk
import venvs
from rq_place import RqPlace


class RqNewestTest(unittest.TestCase):
    def setUp(self):
        self.redis = desk.Redis()
        self.addCleanup(self.redis.stop)
        self.place = RqPlace(self.redis, venvs.python("rq_schedulers"))
        self.addCleanup(self.place.stop)

    def open(self, plugin):
        opened = desk.Desk(plugin, redis_url=self.redis.url())
        self.addCleanup(opened.close)
        return opened

    def start_scheduler(self):
        self.place.start_program("rqscheduler", "--url", self.redis.url(), "-i", "1")
        self.place.start_worker("default", "low")

    def test_what_it_made_is_shown_and_edited(self):
        self.place.call("""
from datetime import datetime, timedelta
from rq_scheduler import Scheduler
scheduler = Scheduler(connection=connection)
scheduler.schedule(datetime.utcnow() + timedelta(hours=1), "rq_jobs.note", args=["old"], interval=3600, id="every", meta={"team": "shop"})
scheduler.cron("0 3 * * *", "rq_jobs.note", args=["cron"], id="cron", queue_name="low")
scheduler.enqueue_at(datetime(2035, 1, 1), "rq_jobs.note", "once", job_id="once")
""")
        d = self.open("scheduler-rq-scheduler")
        seen = {s["id"]: (s["kind"], s["expression"], s["args"]) for s in d.all()}
        self.assertEqual({"every": ("interval", "3600", ["old"]), "cron": ("cron", "0 3 * * *", ["cron"]),
                          "once": ("clocked", "2035-01-01T00:00:00+00:00", ["once"])}, seen)
        self.start_scheduler()
        # What waited an hour now runs every two seconds, with other arguments.
        d.changed(d.named("every"), expression="2", args=["new"])
        first, second = self.place.wait_runs("['new'] {}", 2)[:2]
        self.assertGreater(second - first, 0.9)
        self.assertEqual([], self.place.runs("['old'] {}"))
        # A run changes nothing that was read before.
        off = d.changed(d.named("every"), is_enabled=False)
        d.made(name="witness", task="rq_jobs.note", args=["witness"], kind="interval", expression="1", options={"repeat": 4})
        self.place.wait_runs("['witness'] {}", 3)
        ran = len(self.place.runs("['new'] {}"))
        self.place.wait_runs("['witness'] {}", 4)
        self.assertLessEqual(len(self.place.runs("['new'] {}")), ran + 1)
        d.changed(off, is_enabled=True)
        self.place.wait_runs("['new'] {}", ran + 2)
        # The one-shot is moved to now.
        d.changed(d.named("once"), expression=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2)))
        self.place.wait_runs("['once'] {}")
        desk.wait_until(lambda: d.named("once") is None)
        # A cron of ours, taken by its reader.
        d.changed(d.named("cron"), expression="* * * * * */2")
        self.place.wait_runs("['cron'] {}", 2)
        self.assertEqual({}, d.remove(d.named("cron")))
        self.assertIsNone(d.named("cron"))

    def test_makes_a_schedule_that_fires(self):
        d = self.open("scheduler-rq-scheduler")
        self.start_scheduler()
        d.made(name="made", task="rq_jobs.note", args=[1, None, True, 2.5, "é"], kwargs={"deep": {"a": [1]}}, kind="interval", expression="1",
               queue="low", options={"repeat": 2})
        text = "[1, None, True, 2.5, 'é'] {'deep': {'a': [1]}}"
        self.place.wait_runs(text, 2)
        desk.wait_until(lambda: d.named("made") is None)  # its repeats are over
        self.assertEqual(2, len(self.place.runs(text)))
        answer = d.trigger(d.made(name="later", task="rq_jobs.note", args=["now"], kind="cron", expression="0 0 1 1 *"))
        self.assertEqual("done", answer["outcome"], answer)
        self.place.wait_runs("['now'] {}")

    def test_rq_cron_is_shown_and_triggered(self):
        self.place.start_program("rq", "cron", "rq_cron_config", "--url", self.redis.url(), "--path", str(desk.HERE))
        d = self.open("scheduler-rq-cron")
        seen = desk.wait_until(lambda: (lambda all_: {s["expression"]: s for s in all_} if len(all_) == 3 else None)(d.all()),
                               tell=lambda: (self.place.log()[-3000:], d.health()))
        every, cron, opaque = seen["2"], seen["0 3 * * 1-5"], seen["3600"]
        self.assertEqual((["by interval"], {"y": 2}, "interval"), (every["args"], every["kwargs"], every["kind"]))
        self.assertEqual(("low", "cron", ["trigger"]), (cron["queue"], cron["kind"], cron["capabilities"]))
        self.assertTrue(cron["read_only_reason"].startswith("declared_in_code: "))
        self.assertEqual([], opaque["capabilities"])
        self.assertEqual("refused", d.trigger(opaque)["outcome"])
        self.assertEqual('["by cron"]', d.trigger(cron)["submitted"]["args"])
        self.place.start_worker("default")
        self.place.wait_runs("['by interval'] {'y': 2}", 2)
        later = desk.wait_until(lambda: (lambda s: s if s["last_run_at"] != every["last_run_at"] else None)(d.page(ids=[every["id"]])["items"][0]))
        self.assertEqual(every["etag"], later["etag"])
        at = time.gmtime(d.preview(n=1, **{k: cron[k] for k in ("kind", "expression", "timezone")})["times"][0] / 1e6)
        self.assertEqual((3, 0), (at.tm_hour, at.tm_min))


if __name__ == "__main__":
    unittest.main()
