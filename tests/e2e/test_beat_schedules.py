"""A running beat of Debian's django-celery-beat, edited through a brain and seen to fire accordingly."""
import os
import pathlib
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "schedulers"), str(TESTS / "support")]

from beat_suites import OnSqlite
from brain import Brain, wait_until

ALL = "/api/v1/projects/default/schedules"


class BeatSchedulesTest(OnSqlite, unittest.TestCase):
    def setUp(self):
        super().setUp()
        self.brain = Brain.with_admin(f'[plugin.celery]\nplugin = "engine-celery"\n[plugin.celery.settings]\nbroker_url = "{self.redis.url()}"\n'
                                      f'[plugin.beat]\nplugin = "scheduler-celery-beat"\n[plugin.beat.settings]\nstore = "django"\ndatabase_url = "{self.url}"\n')
        self.addCleanup(self.brain.remove)
        self.brain.start().sign_in()

    def ask(self, method, path, body=None, expect=200):
        status, answer = self.brain.ask(method, ALL + path, body)
        self.assertEqual(status, expect, answer)
        return answer

    def named(self, name):
        return next((s for s in self.brain.project("/schedules?limit=500")["items"] if s["name"] == name), None)

    def applied(self, schedule):
        return wait_until(lambda: (s := self.brain.read(f"{ALL}/{schedule['id']}"))["pending"] is None and s["applied_at"] and s, 60, tell=lambda: self.brain.read(f"{ALL}/{schedule['id']}"))

    def test_a_beat_follows_the_brain(self):
        beat = self.beat("django_celery_beat.schedulers:DatabaseScheduler", self.environment).start()
        draft = {"name": "ours", "engine": "celery", "scheduler": "beat", "kind": "interval", "expression": "1s", "task_name": "shop.first", "args": [1], "kwargs": {"y": 2}, "queue": "low",
                 "options": {"headers": {"x-tenant": "7"}}}
        wait_until(lambda: self.brain.ask("POST", ALL, draft)[0] == 201, 60, tell=lambda: self.brain.ask("POST", ALL, draft))
        made = self.applied(self.named("ours"))
        self.assertEqual((made["scheduler"], made["instance"], made["read_only"]), ("celery-beat", "beat", False), made)
        self.assertEqual(beat.wait_sent("shop.first")[0][:3], ("low", [1], {"y": 2}))
        self.ask("PATCH", f"/{made['id']}", {"task_name": "shop.second", "args": ["new"]})
        self.assertEqual(beat.wait_sent("shop.second")[0][:3], ("low", ["new"], {"y": 2}))
        self.ask("PATCH", f"/{made['id']}", {"kind": "cron", "expression": "61 * * * *"}, 422)
        self.assertFalse(self.ask("POST", f"/{made['id']}/disable")["is_enabled"])
        self.assertEqual(self.orm("print(PeriodicTask.objects.get(name='ours').enabled)"), "False")
        ran = self.ask("POST", f"/{made['id']}/trigger")["trigger"]
        self.assertIn(ran["outcome"], ("done", "sent"), ran)
        headers = {h["origin"] == "z4j": h for *_, h in beat.sent("shop.second")}
        self.assertEqual((headers[True]["x-tenant"], headers[False]["x-tenant"]), ("7", "7"))
        self.assertEqual(headers[True]["periodic_task_name"], "ours")
        self.applied(made)
        self.takes_back_what_it_gave(made)
        self.ask("DELETE", f"/{self.named('ours')['id']}", expect=204)
        self.assertEqual(self.orm("print(PeriodicTask.objects.filter(name='ours').count())"), "0")

    def takes_back_what_it_gave(self, schedule):
        """The backend's own form, given out, is taken in: as a change, and anew."""
        own = self.ask("GET", ":export?form=own&instance=beat")["schedules"]
        [ours] = [item for item in own if item["name"] == "ours"]
        [row] = [row for row in ours["own"] if row["model"] == "django_celery_beat.periodictask"]
        row["fields"]["task"] = "shop.third"
        took = self.ask("POST", ":import", {"form": "own", "instance": "beat", "schedules": [ours]})
        self.assertEqual((took["updated"], took["failed"]), (1, 0), took)
        self.assertEqual(self.orm("print(PeriodicTask.objects.get(name='ours').task)"), "shop.third")
        wait_until(lambda: self.named("ours")["task_name"] == "shop.third", 60)
        self.ask("DELETE", f"/{schedule['id']}", expect=204)
        took = self.ask("POST", ":import", {"form": "own", "instance": "beat", "schedules": [{"own": ours["own"]}]})
        self.assertEqual((took["inserted"], took["failed"]), (1, 0), took)
        again = wait_until(lambda: self.named("ours"), 60)
        self.assertEqual([again[key] for key in ("task_name", "kind", "expression", "args", "kwargs", "queue", "is_enabled", "options")],
                         ["shop.third", "interval", "1s", ["new"], {"y": 2}, "low", False, schedule["options"]])
        self.assertEqual(self.ask("POST", ":import", {"form": "own", "instance": "beat", "schedules": [{"own": []}]})["failed"], 1)
        self.ask("POST", ":import", {"form": "own", "schedules": []}, 422)


if __name__ == "__main__":
    unittest.main()
