"""Celery and RQ workers with PyPI's agent inside: what they report, and what they do when told."""
import base64
import hashlib
import hmac
import pathlib
import unittest

import venvs
from place import Brain, Place, variables, wait_reporting, wait_until


class Bare:
    """For each release: one agent in a Celery worker, one in an RQ worker, and one for both in a process that works on nothing."""

    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)
        cls.place = Place(cls.VENV)
        cls.addClassCleanup(cls.place.stop)
        minted = cls.minted = {name: variables(cls.brain.mint(name), cls.brain.url) for name in ("celery-worker", "rq-worker", "console")}
        cls.place.celery_worker("c1", "bare_celery", minted["celery-worker"], "orders")
        cls.place.wait_whole_pool("c1", "orders")
        cls.place.rq_worker("r1", minted["rq-worker"], worker_class=cls.RQ_WORKER)
        cls.place.run_child("console", ["python", str(pathlib.Path(__file__).parent / "apps" / "bare_both.py")], minted["console"])
        wait_until(lambda: cls.states() == {"celery-worker": "online", "rq-worker": "online", "console": "online"}, 90, tell=cls.tell)
        wait_reporting(cls.brain, lambda: cls.place.send_celery("shop.add", 0, 0), cls.tell)

    @classmethod
    def states(cls):
        return {a["name"]: a["state"] for a in cls.brain.project("/agents")}

    @classmethod
    def tell(cls):
        return f"{cls.states()}\n" + "\n".join(f"== {name}\n{cls.place.log_of(name)[-2000:]}" for name in cls.place.children if name != "redis") + cls.brain.log_text()[-3000:]

    def state(self, engine, task_id, wanted, seconds=60):
        task = {}

        def reached():
            task.clear()
            task.update(self.brain.task(engine, task_id) or {})
            return task.get("state") == wanted

        wait_until(reached, seconds, tell=lambda: f"{task}\n{self.tell()}")
        return task

    def command(self, verb, agent, /, **body):
        command = self.brain.command(verb, agent_id=self.brain.agent_named(agent)["id"], **body)
        self.assertEqual(command["status"], "completed", command)
        return command["result"]

    # Who is there

    def test_engines_are_detected(self):
        agents = {a["name"]: a for a in self.brain.project("/agents")}
        self.assertEqual({name: sorted(a["engine_adapters"]) for name, a in agents.items()}, {"celery-worker": ["celery"], "rq-worker": ["rq"], "console": ["celery", "rq"]})
        for agent in agents.values():
            self.assertEqual((agent["protocol_version"], agent["is_outdated"], agent["framework_adapter"]), ("2", False, "bare"))
            self.assertEqual(agent["agent_version"], venvs.versions(self.VENV)["z4j-core"])
            self.assertEqual(agent["version_status"], self.STATUS)
            self.assertIn("retry_task", agent["capabilities"][agent["engine_adapters"][0]])

    def test_the_registry_has_the_names_of_tasks(self):
        agent = self.brain.agent_named("celery-worker")["id"]
        self.place.send_celery("shop.add", 1, 1)

        def names():
            return {item["name"] for item in self.brain.project(f"/agents/{agent}/registry")["items"]}

        wait_until(lambda: self.REGISTRY <= names(), 60, tell=names)

    def test_the_worker_is_known(self):
        self.place.send_celery("shop.add", 1, 1)
        wait_until(lambda: [w for w in self.brain.project("/workers") if (w["engine"], w["name"], w["state"]) == ("celery", "c1@place", "online")], 60, tell=lambda: self.brain.project("/workers"))

    # Celery

    def test_a_celery_task_that_succeeds(self):
        task = self.state("celery", self.place.send_celery("shop.place_order", {"id": 7, "items": [1, None], "note": "\u00e9\u4e16"}), "success")
        self.assertEqual((task["name"], task["worker_name"]), ("shop.place_order", "c1@place"))
        self.assertEqual(task["args"], [{"id": 7, "items": [1, None], "note": "\u00e9\u4e16"}])
        self.assertIsNotNone(task["received_at"])
        self.assertIsNotNone(task["started_at"])
        self.assertIsNotNone(task["finished_at"])

    def test_a_celery_task_that_fails(self):
        task = self.state("celery", self.place.send_celery("shop.charge_card", 5, 100), "failure")
        self.assertEqual(task["name"], "shop.charge_card")
        self.assertIn("card declined for order 5", str(task["exception"]) + str(task["traceback"]))

    def test_a_celery_task_that_is_retried_by_itself(self):
        self.state("celery", self.place.send_celery("shop.sync_stock", "north"), "success")

    def test_cancel_of_a_celery_task_that_waits(self):
        for _ in range(2):
            self.place.send_celery("shop.build_report", 8)
        waiting = self.place.send_celery("shop.add", 1, 2)
        result = self.command("cancel-task", "celery-worker", engine="celery", task_id=waiting)
        self.state("celery", waiting, "revoked")
        self.assertEqual(self.place.runs(waiting), 0, result)

    def test_rate_limit(self):
        self.command("rate-limit", "celery-worker", task_name="shop.total", rate="7/m", worker_name="c1@place")
        wait_until(lambda: any("7/m" in name for name in self.place.inspect("registered", "rate_limit").get("c1@place", [])), 30, tell=lambda: self.place.inspect("registered", "rate_limit"))

    def test_pool_grows_and_shrinks(self):
        def size():
            return len(self.place.inspect("stats").get("c1@place", {}).get("pool", {}).get("processes", []))

        self.command("pool-resize", "celery-worker", worker_name="c1@place", delta=1)
        wait_until(lambda: size() == 3, 30, tell=size)
        for last_try in (False, False, True):  # a worker whose processes are all busy shrinks none
            self.command("pool-resize", "celery-worker", worker_name="c1@place", delta=-1)
            try:
                return wait_until(lambda: size() == 2, 15, tell=size)
            except AssertionError:
                if last_try:
                    raise

    def test_consumers_are_added_and_cancelled(self):
        def queues():
            return {q["name"] for q in self.place.inspect("active_queues").get("c1@place", [])}

        self.command("add-consumer", "celery-worker", worker_name="c1@place", queue="mail")
        wait_until(lambda: "mail" in queues(), 30, tell=queues)
        self.state("celery", self.place.send_celery("shop.add", 2, 2, queue="mail"), "success")
        self.command("cancel-consumer", "celery-worker", worker_name="c1@place", queue="mail")
        wait_until(lambda: "mail" not in queues(), 30, tell=queues)

    def test_purge_of_a_celery_queue(self):
        for _ in range(2):
            self.place.send_celery("shop.add", 1, 1, queue="night")
        result = self.command("purge-queue", "celery-worker", engine="celery", queue="night", force=True)
        self.assertEqual(result["purged"], 2, result)

    def test_purge_without_force_wants_the_token_of_the_depth(self):
        for _ in range(4):
            self.place.send_celery("shop.add", 1, 1, queue="reports")
        agent = self.brain.agent_named("celery-worker")["id"]
        unknown = self.brain.command("purge-queue", agent_id=agent, engine="celery", queue="reports")  # this adapter reports no depths
        self.assertEqual(unknown["status"], "failed", unknown)
        self.assertIn("force", unknown["error"])
        self.assertEqual(self.brain.command("purge-queue", agent_id=agent, engine="celery", queue="reports", confirm_token=self.purge_token("reports", 3))["status"], "failed")
        self.assertEqual(self.command("purge-queue", "celery-worker", engine="celery", queue="reports", confirm_token=self.purge_token("reports", 4))["purged"], 4)

    # RQ

    def test_an_rq_job_that_succeeds(self):
        task = self.state("rq", self.place.send_rq("rq_jobs.resize", "a.png", 3), "success")
        self.assertEqual((task["name"], task["queue"]), ("rq_jobs.resize", "default"))
        self.assertIsNotNone(task["started_at"])

    def test_an_rq_job_that_fails(self):
        task = self.state("rq", self.place.send_rq("rq_jobs.fetch", "https://shop.example"), "failure")
        self.assertIn("answered 503", str(task["exception"]) + str(task["traceback"]))

    def test_retry_of_an_rq_job(self):
        flag = pathlib.Path(self.place.folder, "feed-open")
        old = self.place.send_rq("rq_jobs.fetch_when_open", str(flag), "https://shop.example")
        self.state("rq", old, "failure")
        flag.touch()
        result = self.command("retry-task", "rq-worker", engine="rq", task_id=old, **self.arguments_of(str(flag), "https://shop.example"))
        new = result.get("new_task_id") or result["task_id"]
        self.state("rq", new, "success")

    def test_cancel_of_an_rq_job_that_waits(self):
        job = self.place.send_rq("rq_jobs.resize", "c.png", 8, queue="night")
        self.command("cancel-task", "console", engine="rq", task_id=job)
        self.assertEqual(self.place.call("import os, sys, redis, rq; print(rq.Queue('night', connection=redis.Redis.from_url(os.environ['Z4J_RQ_REDIS_URL'])).count)"), "0")

    def test_a_console_with_both_engines_is_told_which(self):
        flag = pathlib.Path(self.place.folder, "both-open")
        old = self.place.send_rq("rq_jobs.fetch_when_open", str(flag), "https://shop.example")
        self.state("rq", old, "failure")
        flag.touch()
        result = self.command("retry-task", "console", engine="rq", task_id=old, **self.arguments_of(str(flag), "https://shop.example"))
        self.state("rq", result.get("new_task_id") or result["task_id"], "success")

    # Retry

    def failed_charge(self, name):
        flag = pathlib.Path(self.place.folder, name)
        old = self.place.send_celery("shop.charge_when_open", str(flag), 42)
        self.state("celery", old, "failure")
        flag.touch()
        return flag, old

    def check_retried(self, old, result):
        new = result["new_task_id"]
        self.assertNotEqual(new, old)
        self.state("celery", new, "success")
        self.assertEqual(self.place.runs(new), 1)
        self.assertEqual(self.brain.task("celery", new)["retry_of"], old)


class NewestTest(Bare, unittest.TestCase):
    VENV, STATUS, REGISTRY, RQ_WORKER = "bare", "newer_than_known", {"shop.add", "shop.charge_card"}, "rq.worker.Worker"

    def arguments_of(self, *args):
        return {}

    def purge_token(self, queue, depth):
        key = base64.urlsafe_b64decode(self.minted["celery-worker"]["Z4J_HMAC_SECRET"])
        return hmac.new(key, f"purge|{queue}|{depth}".encode(), hashlib.sha256).hexdigest()

    def test_retry_takes_the_arguments_that_the_engine_kept(self):
        _, old = self.failed_charge("bank-open")
        self.check_retried(old, self.command("retry-task", "celery-worker", engine="celery", task_id=old))


class OldestTest(Bare, unittest.TestCase):
    # This release sees nothing of what an RQ worker does in a process of its own for each job.
    VENV, STATUS, REGISTRY, RQ_WORKER = "oldest", "outdated", {"shop.add"}, "rq.worker.SimpleWorker"

    def arguments_of(self, *args):
        return {"override_args": list(args), "override_kwargs": {}}

    def purge_token(self, queue, depth):
        return hashlib.sha256(f"purge|{queue}|{depth}".encode()).hexdigest()

    def test_retry_without_arguments_is_refused(self):
        flag, old = self.failed_charge("bank-open")
        agent = self.brain.agent_named("celery-worker")["id"]
        refused = self.brain.command("retry-task", agent_id=agent, engine="celery", task_id=old)
        self.assertEqual((refused["status"], refused["result"]["outcome"]), ("failed", "refused"), refused)
        self.assertIn("override_args", refused["error"] + str(refused["result"]))
        self.check_retried(old, self.command("retry-task", "celery-worker", engine="celery", task_id=old, **self.arguments_of(str(flag), 42)))


if __name__ == "__main__":
    unittest.main()
