"""Every verb on real workers: what is said beforehand, what is done, and what holds for workers to come."""
import pathlib
import unittest

from brain import Brain, wait_until
from demo_fleet import DemoFleet


class ActionsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet()
        cls.addClassCleanup(cls.fleet.remove)
        cls.brain = Brain.with_admin(cls.fleet.brain_config()).start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()
        wanted = {"orders@demo", "reports@demo", "rq-main", "rq-low"}
        wait_until(lambda: cls.online() >= wanted, 60, tell=cls.online)

    @classmethod
    def online(cls):
        return {w["name"] for w in cls.brain.project("/workers") if w["state"] == "online"}

    def done(self, verb, outcomes=("done",), **body):
        command = self.brain.command(verb, **body)
        self.assertIn((command["result"] or {}).get("outcome"), outcomes, command)
        return command["result"]

    def state(self, engine, task_id, wanted, seconds=40):
        wait_until(lambda: (self.brain.task(engine, task_id) or {}).get("state") in wanted, seconds, tell=lambda: self.brain.task(engine, task_id))

    def abilities(self, engine):
        engines = self.brain.project("/capabilities")["items"]
        return {a["action"]: a for e in engines if e["engine"] == engine for a in e["abilities"]}

    # Said beforehand

    def test_what_an_engine_can_t_do_is_said_with_the_reason(self):
        celery, rq = self.abilities("celery"), self.abilities("rq")
        self.assertTrue(celery["rate_limit"]["available"], celery["rate_limit"])
        for refused in (rq["rate_limit"], rq["pool_resize"], celery["delete_task"]):
            self.assertEqual((refused["available"], refused["how"]), (False, "impossible"), refused)
            self.assertTrue(refused["reason"], refused)
        status, answer = self.brain.ask("POST", "/api/v1/projects/default/commands/rate-limit", {"engine": "rq", "task_name": "rq_jobs.resize", "rate": "5/m"})
        self.assertEqual((status, answer["details"]["reason"]), (409, "capability_missing"), answer)

    # Done

    def test_a_new_task_is_sent_and_runs(self):
        for engine, name, args in (("celery", "shop.add", [20, 22]), ("rq", "rq_jobs.resize", ["sent.png", 4])):
            with self.subTest(engine=engine):
                result = self.done("submit-task", ("done", "sent"), engine=engine, task_name=name, args=args, queue="orders" if engine == "celery" else "default")
                wait_until(lambda: self.fleet.ends(result["new_task_id"]) == ["success"], 60, tell=lambda: result)
                self.state(engine, result["new_task_id"], {"success"})

    def test_a_retry_is_shown_before_it_is_sent(self):
        flag = pathlib.Path(self.fleet.folder, "preview-open")
        job = self.fleet.send("rq", "rq_jobs.fetch_when_open", str(flag), "https://a.example")
        self.state("rq", job, {"failure"})
        flag.touch()
        edited = {"engine": "rq", "task_id": job, "override_args": [str(flag), "https://b.example"], "override_kwargs": {}}
        status, preview = self.brain.ask("POST", "/api/v1/projects/default/commands/retry-preview", edited)
        self.assertEqual((status, preview["is_edited"], preview["queue"]), (200, True, self.brain.task("rq", job)["queue"]), preview)
        if preview["is_known"]:
            self.assertIn({"kind": "changed", "pointer": "/args/1", "before": "https://a.example", "after": "https://b.example"}, preview["changes"])
        result = self.done("retry-task", ("done", "sent"), **edited)
        wait_until(lambda: self.fleet.ends(result["new_task_id"])[-1:] == ["success"], 60, tell=lambda: result)
        self.assertEqual(self.brain.task("rq", result["new_task_id"])["retry_of"], job)

    def test_a_paused_queue_waits_and_goes_on(self):
        self.done("pause-queue", ("done", "sent"), engine="celery", queue="reports")
        waiting = self.fleet.send("celery", "shop.build_report", 0.1, queue="reports", count=5)
        wait_until(lambda: int(self.fleet.redis(0, "LLEN", "reports")) > 0, 30)
        self.assertLess(sum(self.fleet.runs(i) for i in waiting), 5)
        self.assertIn("pause", {w["kind"] for w in self.brain.project("/worker-wishes")["items"]})
        self.done("resume-queue", ("done", "sent"), engine="celery", queue="reports")
        wait_until(lambda: all(self.fleet.ends(i) == ["success"] for i in waiting), 60)
        self.assertNotIn("pause", {w["kind"] for w in self.brain.project("/worker-wishes")["items"]})

    def test_all_of_rq_is_paused_and_goes_on(self):
        self.done("pause-queue", engine="rq")
        self.addCleanup(self.brain.command, "resume-queue", engine="rq")
        self.assertEqual(self.fleet.redis(1, "EXISTS", "rq:suspended"), "1")
        self.done("resume-queue", engine="rq")
        self.assertEqual(self.fleet.redis(1, "EXISTS", "rq:suspended"), "0")

    def test_limits_are_read_back_from_the_worker_and_said_again_to_a_new_one(self):
        self.done("rate-limit", ("done", "sent"), engine="celery", task_name="shop.total", rate="100/m")
        self.done("time-limit", ("done", "sent"), engine="celery", task_name="shop.total", soft=20, hard=30)
        wishes = {(w["kind"], w["target"]): w for w in self.brain.project("/worker-wishes")["items"]}
        self.assertEqual(wishes["rate_limit", "shop.total"]["args"]["rate"], "100/m")
        self.fleet.stop("celery-reports", "TERM")
        self.fleet.start("celery-reports")

        def said_again():
            return all(w["asserted"] >= 1 for w in self.brain.project("/worker-wishes")["items"] if w["target"] == "shop.total")
        wait_until(said_again, 90, tell=lambda: self.brain.project("/worker-wishes"))

    def test_a_dead_letter_is_found_and_put_back(self):
        flag = pathlib.Path(self.fleet.folder, "dead-open")
        job = self.fleet.send("rq", "rq_jobs.fetch_when_open", str(flag), "https://dead.example", queue="low")
        self.state("rq", job, {"failure"})
        wait_until(lambda: job in {i["task_id"] for i in self.brain.project("/queues/rq/low/dead-letters")["items"]}, 30)
        flag.touch()
        result = self.done("requeue-dead-letter", ("done", "sent"), engine="rq", task_id=job, queue="low")
        wait_until(lambda: self.fleet.ends(result.get("new_task_id") or job)[-1:] == ["success"], 60, tell=lambda: result)

    def test_a_job_that_is_over_is_forgotten_by_its_engine(self):
        job = self.fleet.send("rq", "rq_jobs.resize", "gone.png", 1)
        self.state("rq", job, {"success"})
        self.done("delete-task", engine="rq", task_id=job)
        self.assertEqual(self.fleet.redis(1, "EXISTS", f"rq:job:{job}"), "0")

    # Workers that go

    def test_a_worker_that_is_killed_leaves_a_post_mortem(self):
        task = self.fleet.send("celery", "shop.build_report", 300, queue="reports")
        self.state("celery", task, {"started"}, 60)
        self.fleet.stop("celery-reports")
        self.addCleanup(self.fleet.start, "celery-reports")

        def found():
            return next((x for x in self.brain.project("/worker-losses?open=true")["items"] if x["worker"] == "reports@demo"), None)
        loss = wait_until(found, 120, tell=lambda: self.brain.project("/worker-losses"))
        self.assertIn(task, {t["task_id"] for t in loss["tasks"]})
        self.assertTrue(loss["verdict"] and loss["tasks"][0]["advice"])
        status, closed = self.brain.ask("POST", f"/api/v1/projects/default/worker-losses/{loss['id']}/close")
        self.assertEqual((status, closed["id"]), (200, loss["id"]))
        self.assertIsNotNone(closed["closed_at"])

    def test_a_worker_is_shut_down(self):
        self.done("shutdown-worker", ("done", "sent"), engine="rq", worker_name="rq-low")
        wait_until(lambda: "rq-low" not in self.online(), 60, tell=self.online)
        self.fleet.start("rq-low")


if __name__ == "__main__":
    unittest.main()
