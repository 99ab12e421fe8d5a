"""Every schedule in one list: those the brain keeps, those of a real backend, those that agents tell of."""
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import threading
import unittest
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))

import database
from brain import Brain, wait_until
from celery_stream import PrivateRedis
from wire_agent import WireAgent, canonical, now_text

ALL = "/api/v1/projects/default/schedules"
ONE_READ_ONLY = """
import sys
from celery import Celery
from celery.beat import PersistentScheduler
app = Celery(broker="memory://")
app.conf.beat_schedule = {"nightly": {"task": "shop.report", "schedule": 3600.0, "args": (1,)}}
beat = PersistentScheduler(app, schedule_filename=sys.argv[1])
beat.schedule
beat.sync()
beat.close()
"""


def draft(name, **more):
    return {"name": name, "engine": "celery", "kind": "interval", "expression": "60", "task_name": "shop.report", **more}


class SchedulesCase(unittest.TestCase):
    def named(self, name):
        return next((s for s in self.brain.project("/schedules?limit=500")["items"] if s["name"] == name), None)

    def one(self, schedule):
        return self.brain.read(f"{ALL}/{schedule['id']}")

    def post(self, path, body=None, expect=200):
        status, answer = self.brain.ask("POST", ALL + path, body)
        self.assertEqual(status, expect, answer)
        return answer

    def patch(self, schedule, expect=200, **members):
        status, answer = self.brain.ask("PATCH", f"{ALL}/{schedule['id']}", members)
        self.assertEqual(status, expect, answer)
        return answer

    def delete(self, schedule, expect=204):
        status, answer = self.brain.ask("DELETE", f"{ALL}/{schedule['id']}")
        self.assertEqual(status, expect, answer)


class OwnSchedulesTest(SchedulesCase):
    """Schedules that the brain keeps, through the API and through files."""

    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)
        wait_until(lambda: cls.brain.ask("POST", ALL, draft("first"))[0] == 201, 60)

    def test_a_schedule_is_checked_and_planned(self):
        made = self.post("", draft("cron", kind="cron", expression="0 3 * * *", timezone="Europe/Berlin"), 201)
        self.assertIsNotNone(made["next_run_at"])
        self.assertEqual(made["scheduler"], "z4j-scheduler")
        self.post("", draft("bad", kind="cron", expression="61 * * * *"), 422)
        self.post("", draft("bad", timezone="Mars/Olympus"), 422)
        self.post("", draft("cron"), 409)
        self.patch(made, expression="nonsense", expect=422)
        later = self.patch(made, expression="0 4 * * *")
        self.assertNotEqual(later["next_run_at"], made["next_run_at"])
        self.assertFalse(self.post(f"/{made['id']}/disable")["is_enabled"])
        self.delete(made)

    def test_many_schedules_are_one_import(self):
        many = [draft(f"import {n:04}", args=["x" * 100]) for n in range(2000)]
        diff = self.post(":diff", {"schedules": many})
        self.assertEqual(diff["summary"], {"insert": 2000, "update": 0, "unchanged": 0, "delete": 0, "total": 2000})
        report = self.post(":import", {"schedules": many})
        self.assertEqual((report["inserted"], report["failed"]), (2000, 0), report["errors"])
        self.assertEqual(self.post(":import", {"schedules": many})["unchanged"], 2000)
        report = self.post(":import", {"schedules": many[:1], "mode": "replace_for_source", "source_filter": "imported"})
        self.assertEqual((report["unchanged"], report["deleted"]), (1, 1999))

    def test_a_file_is_planned_and_applied(self):
        file = pathlib.Path(self.brain.home) / "schedules.toml"
        file.write_text('[[schedules]]\nname = "from file"\nengine = "celery"\ntask_name = "shop.report"\nkind = "cron"\nexpression = "0 3 * * *"\nkwargs = { days = 1 }\n')
        if database.KIND == "sqlite":
            self.brain.stop()
        try:
            planned = self.brain.run("schedules", "plan", str(file))
            self.assertEqual(planned.returncode, 2, planned.stderr)
            self.assertIn("+ z4j-scheduler/from file", planned.stdout)
            applied = self.brain.run("schedules", "apply", str(file))
            self.assertEqual(applied.returncode, 0, applied.stderr)
            self.assertEqual(self.brain.run("schedules", "plan", str(file)).returncode, 0)
            file.write_text(file.read_text().replace("0 3", "0 4"))
            self.assertIn('expression: "0 3 * * *" -> "0 4 * * *"', self.brain.run("schedules", "plan", str(file)).stdout)
            file.write_text(file.read_text().replace("0 4 *", "99 4 *"))
            self.assertEqual(self.brain.run("schedules", "plan", str(file)).returncode, 1)
            listed = json.loads(self.brain.run("schedules", "list", "--json").stdout)
            self.assertIn("from file", [s["name"] for s in listed])
            self.assertEqual(self.brain.run("schedules", "disable", "from file").returncode, 0)
            exported = json.loads(self.brain.run("schedules", "export").stdout)
            self.assertFalse(next(s for s in exported["schedules"] if s["name"] == "from file")["is_enabled"])
            file.write_text("schedules = []\n")
            self.assertIn("1 deleted", self.brain.run("schedules", "apply", str(file), "--prune").stdout)
        finally:
            if database.KIND == "sqlite":
                self.brain.start().sign_in()
        self.assertIsNone(self.named("from file"))
        self.assertIn("schedules.import", [row["action"] for row in self.brain.read("/api/v1/activity")["items"]])


class BackendTest(SchedulesCase):
    """A backend that can be written (RedBeat's keys in a real Redis) and one that can't (beat's own file)."""

    @classmethod
    def setUpClass(cls):
        cls.redis = PrivateRedis()
        cls.addClassCleanup(cls.redis.__exit__)
        cls.brain = Brain.with_admin()
        cls.addClassCleanup(cls.brain.remove)
        shelf = os.path.join(cls.brain.home, "celerybeat-schedule")
        subprocess.run(["/usr/bin/python3", "-c", ONE_READ_ONLY, shelf], check=True, timeout=60)
        cls.brain.config.write_text(
            f'[plugin.redbeat]\nplugin = "scheduler-celery-beat"\n[plugin.redbeat.settings]\nstore = "redbeat"\nredis_url = "{cls.redis.url()}"\n'
            f'[plugin.static]\nplugin = "scheduler-celery-beat"\n[plugin.static.settings]\nstore = "persistent"\npath = "{shelf}"\n')
        cls.brain.start().sign_in()

    def state(self, schedule):
        return (self.one(schedule).get("pending") or {}).get("state")

    def applied(self, schedule):
        return wait_until(lambda: (s := self.one(schedule))["pending"] is None and s["applied_at"] and s, 60, tell=lambda: self.one(schedule))

    def test_a_read_only_schedule_says_why(self):
        static = wait_until(lambda: self.named("nightly"), 60)
        self.assertTrue(static["read_only"])
        self.assertTrue(static["read_only_reason"].startswith("beat_static_schedule"), static)
        self.assertEqual((static["instance"], static["scheduler"]), ("static", "celery-beat"))
        self.patch(static, expression="5", expect=409)
        self.delete(static, expect=409)

    def test_edits_go_to_the_backend_and_are_confirmed(self):
        wait_until(lambda: self.brain.ask("POST", ALL, draft("report", scheduler="redbeat", args=[1]))[0] == 201, 60)
        made = self.applied(self.named("report"))
        self.assertEqual((made["instance"], made["expression"], made["args"]), ("redbeat", "1m", [1]), made)
        key = subprocess.run(["redis-cli", "-p", str(self.redis.port), "KEYS", "*report*"], env={**os.environ, "REDISCLI_AUTH": self.redis.password},
                             capture_output=True, text=True, check=True).stdout.split()
        self.assertTrue(key)
        self.patch(made, task_name="shop.other")
        self.assertEqual(self.applied(made)["task_name"], "shop.other")
        self.assertFalse(self.post(f"/{made['id']}/disable")["is_enabled"])
        self.post("", draft("report", scheduler="redbeat"), 409)
        self.patch(made, kind="cron", expression="not a crontab", expect=422)
        self.assertEqual(self.one(made)["kind"], "interval")
        own = self.brain.read(f"{ALL}:export?form=own&instance=redbeat")
        self.assertEqual([s["name"] for s in own["schedules"]], ["report"])
        self.assertEqual(self.post(":resync", expect=202)["instances_asked"], 2)
        # Somebody else takes it away.
        subprocess.run(["redis-cli", "-p", str(self.redis.port), "DEL", *key], env={**os.environ, "REDISCLI_AUTH": self.redis.password}, capture_output=True, check=True)
        wait_until(lambda: self.named("report") is None, 60)

    def test_a_deleted_schedule_is_gone_there(self):
        wait_until(lambda: self.brain.ask("POST", ALL, draft("short-lived", scheduler="redbeat"))[0] == 201, 60)
        self.delete(self.applied(self.named("short-lived")))
        self.assertIsNone(self.named("short-lived"))


class AgentSchedulesTest(SchedulesCase):
    """What agents elsewhere tell, in both forms of the protocol."""

    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)

    def agent(self, name, features, scheduler="celery-beat"):
        minted = self.brain.mint(name)
        agent = WireAgent(self.brain.url, minted)
        self.addCleanup(agent.close)
        agent.connect(schedulers=[scheduler], runtime_features=features,
                      capabilities={"celery": ["retry_task"], scheduler: ["list", "enable", "disable", "trigger_now", "delete"]})
        return agent

    def row(self, name, **more):
        return {"id": str(uuid.uuid4()), "project_id": "ignored", "engine": "celery", "scheduler": "celery-beat", "name": name, "task_name": "shop.report", "kind": "cron",
                "expression": "0 3 * * *", "timezone": "UTC", "queue": None, "args": [], "kwargs": {}, "is_enabled": True, "last_run_at": None, "next_run_at": None, "total_runs": 0,
                "external_id": "7", "metadata": {}, "catch_up": "skip", "source": "agent", "source_hash": None, **more}

    def event(self, kind, data):
        return {"id": str(uuid.uuid4()), "engine": "celery-beat", "task_id": "", "kind": kind, "occurred_at": now_text(), "data": data}

    def test_an_old_agent_tells_by_itself(self):
        agent = self.agent("old", [])
        snapshot = self.event("schedule.snapshot", {"scheduler": "celery-beat", "schedules": [self.row("old nightly"), self.row("old hourly")], "reason": "boot"})
        self.assertEqual(agent.acked(agent.send_events(snapshot))["received"], 1)
        shown = self.named("old nightly")
        self.assertEqual((shown["task_name"], shown["capabilities"], shown["read_only"]), ("shop.report", ["delete", "enable", "trigger"], True))
        agent.acked(agent.send_events(self.event("schedule.snapshot", {"scheduler": "celery-beat", "schedules": [self.row("old nightly")], "reason": "periodic"})))
        self.assertIsNone(self.named("old hourly"))
        # Switching goes through the agent, and shows when it says so.
        agent.heartbeat()
        wait_until(lambda: self.one(shown)["blocked"] is None, 60)
        answers = []

        def answered():
            command = agent.command()
            answers.append(command["payload"])
            agent.answer(command, result={"schedule_id": "old nightly", "enabled": False})

        thread = threading.Thread(target=answered)
        thread.start()
        switched = self.post(f"/{shown['id']}/disable")
        thread.join(30)
        self.assertEqual(answers[0]["action"], "schedule.disable")
        self.assertEqual(answers[0]["parameters"]["schedule_id"], "old nightly")
        self.assertFalse(switched["is_enabled"], switched)
        self.patch(shown, expression="5", expect=409)

    def test_a_newer_agent_is_activated(self):
        agent = self.agent("newer", ["external_schedule_protocol_v1"], "rq-scheduler")
        command = agent.command(60)
        self.assertEqual(command["payload"]["action"], "schedule.external.activate")
        given = command["payload"]["parameters"]
        rows = [{"source_key": "k1", "engine": "rq", "scheduler": "rq-scheduler", "name": "newer nightly", "task_name": "shop.report", "kind": "interval", "expression": "60",
                 "timezone": "UTC", "queue": None, "priority": "normal", "args": ["ann@example.org"], "kwargs": {}, "is_enabled": True, "last_run_at": None, "next_run_at": None,
                 "total_runs": 0, "external_id": "k1", "catch_up": "skip", "source": "agent", "source_hash": None}]
        head = {"protocol_version": 1, "stream_id": given["stream_id"], "epoch_uuid": given["epoch_uuid"], "epoch_number": given["epoch_number"], "sequence": 1,
                "owner": "rq-scheduler", "source_scope": given["source_scope"], "adapter_instance_id": given["adapter_instance_id"], "stable_source": True}

        def digest(value):
            return hashlib.sha256(canonical(value)).hexdigest()

        whole = digest({**head, "kind": "snapshot", "complete": True, "operation_id": None, "schedules": rows, "deleted_source_keys": []})

        def frame(kind, index, schedules):
            body = {**head, "snapshot_id": "s1", "frame_kind": kind, "frame_index": index, "frame_count": 1, "row_count": 1, "snapshot_digest": whole, "schedules": schedules}
            return self.event("schedule.snapshot", {"external_snapshot_frame": body, "frame_digest": digest(body), "reason": "activation"})

        agent.answer(command, result={"scheduler": "rq-scheduler", "sequence": 1, "schedule_count": 1, "frame_count": 1})
        agent.acked(agent.send_events(frame("rows", 0, rows)))
        self.assertIsNone(self.named("newer nightly"))
        agent.acked(agent.send_events(frame("terminal", 1, [])))
        shown = self.named("newer nightly")
        self.assertEqual(shown["args"], ["[REDACTED]"], "the digest is checked before secrets are taken out")
        status, refused = self.brain.ask("GET", f"/api/v1/projects/default/schedules/{shown['id']}/preview")
        self.assertEqual((status, refused["details"]["reason"]), (409, "scheduler"), refused)
        agent.close()
        wait_until(lambda: self.one(shown)["blocked"] == "agent_offline", 90)
        self.post(f"/{shown['id']}/disable", expect=503)


if __name__ == "__main__":
    unittest.main()
