"""Schedules of rq-scheduler and rq cron through a brain: edited where they are kept, and run now by a worker's queue."""
import json
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import redis as redis_client  # Debian's
from brain import Brain, wait_until
from celery_stream import PrivateRedis

ALL = "/api/v1/projects/default/schedules"
VECTOR = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "vectors" / "rq-cron-keys.json"
DUE = "rq:scheduler:scheduled_jobs"
# What RQ itself makes of a job.
SHOW = "import json, sys, redis, rq; job = rq.job.Job.fetch(sys.argv[2], connection=redis.Redis.from_url(sys.argv[1])); print(json.dumps([job.func_name, list(job.args), job.meta]))"


class RqSchedulesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = PrivateRedis()
        cls.addClassCleanup(cls.redis.__exit__)
        url = cls.redis.url()
        cls.client = redis_client.Redis.from_url(url, decode_responses=True)
        cls.brain = Brain.with_admin("".join(f'[plugin.{name}]\nplugin = "{plugin}"\n[plugin.{name}.settings]\nredis_url = "{url}"\n'
                                             for name, plugin in {"rq": "engine-rq", "later": "scheduler-rq-scheduler", "cron": "scheduler-rq-cron"}.items()))
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.start().sign_in()
        wait_until(lambda: [x["state"] for x in cls.brain.project("/agents")] == ["online"], 60)

    def named(self, name):
        return next((s for s in self.brain.project("/schedules?limit=500")["items"] if s["name"] == name), None)

    def one(self, schedule):
        return self.brain.read(f"{ALL}/{schedule['id']}")

    def ask(self, method, path, body=None, expect=200):
        status, answer = self.brain.ask(method, ALL + path, body)
        self.assertEqual(status, expect, answer)
        return answer

    def applied(self, schedule):
        return wait_until(lambda: (s := self.one(schedule))["pending"] is None and s["applied_at"] and s, 60, tell=lambda: self.one(schedule))

    def job(self, job_id):
        return json.loads(subprocess.run(["/usr/bin/python3", "-c", SHOW, self.redis.url(), job_id], check=True, capture_output=True, text=True, timeout=60).stdout)

    def test_rq_scheduler_is_edited_and_run(self):
        draft = {"name": "report", "engine": "rq", "scheduler": "later", "kind": "interval", "expression": "1h", "task_name": "shop.report", "args": [1], "queue": "low"}
        wait_until(lambda: self.brain.ask("POST", ALL, draft)[0] == 201, 60)
        made = self.applied(self.named("report"))
        self.assertEqual((made["scheduler"], made["instance"], made["expression"], made["read_only"]), ("rq-scheduler", "later", "3600", False), made)
        self.assertEqual(self.job("report"), ["shop.report", [1], {"interval": 3600}])
        self.ask("PATCH", f"/{made['id']}", {"kind": "cron", "expression": "0 3 * * mon-fri", "args": [2]})
        self.assertEqual(self.applied(made)["expression"], "0 3 * * 1,2,3,4,5")
        self.assertEqual(self.job("report"), ["shop.report", [2], {"cron_string": "0 3 * * 1,2,3,4,5", "use_local_timezone": False}])
        self.assertEqual(time.gmtime(self.client.zscore(DUE, "report")).tm_hour, 3)
        self.ask("PATCH", f"/{made['id']}", {"expression": "99 3 * * *"}, 422)
        self.assertFalse(self.ask("POST", f"/{made['id']}/disable")["is_enabled"])
        self.assertIsNone(self.client.zscore(DUE, "report"))
        ran = self.ask("POST", f"/{made['id']}/trigger")["trigger"]
        self.assertEqual(ran["outcome"], "done", ran)
        self.assertEqual(self.client.lrange("rq:queue:low", 0, -1), [ran["new_task_id"]])
        self.assertEqual(self.job(ran["new_task_id"])[:2], ["shop.report", [2]])
        self.applied(made)
        own = self.ask("GET", ":export?form=own&instance=later")["schedules"]
        self.ask("DELETE", f"/{made['id']}", expect=204)
        took = self.ask("POST", ":import", {"form": "own", "instance": "later", "schedules": [{"own": item["own"]} for item in own]})
        self.assertEqual((took["inserted"], took["failed"]), (1, 0), took)
        self.assertEqual(self.job("report"), ["shop.report", [2], {"cron_string": "0 3 * * 1,2,3,4,5", "use_local_timezone": False}])
        self.ask("DELETE", f"/{wait_until(lambda: self.named('report'), 60)['id']}", expect=204)
        self.assertIsNone(self.named("report"))
        self.assertFalse(self.client.exists("rq:job:report"))

    def test_rq_cron_is_shown_and_run(self):
        told = json.loads(VECTOR.read_text(encoding="utf-8"))["keys"]["rq:cron_scheduler:vm:31565:594cc3"]["value"]
        self.client.hset("rq:cron_scheduler:vm:31565:594cc3", mapping=dict(told))
        self.client.zadd("rq:cron_schedulers", {"vm:31565:594cc3": time.time()})
        cron = wait_until(lambda: self.named("rtasks.add (*/5 * * * *)"), 60)
        self.assertTrue(cron["read_only_reason"].startswith("declared_in_code: "), cron)
        self.assertEqual((cron["scheduler"], cron["capabilities"]), ("rq-cron", ["trigger"]))
        self.ask("PATCH", f"/{cron['id']}", {"expression": "0 4 * * *"}, 409)
        self.ask("POST", ":import", {"form": "own", "instance": "cron", "schedules": []}, 409)
        ran = self.ask("POST", f"/{cron['id']}/trigger")["trigger"]
        self.assertIn(ran["outcome"], ("done", "sent"), ran)
        [job] = self.client.lrange("rq:queue:default", 0, -1)
        self.assertEqual(self.job(job)[:2], ["rtasks.add", [3, 4]])


if __name__ == "__main__":
    unittest.main()
