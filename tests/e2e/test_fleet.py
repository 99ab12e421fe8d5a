"""The main job on real workers: what runs is seen, and what is asked is done."""
import ast
import pathlib
import unittest

from brain import Brain, wait_until
from demo_fleet import DemoFleet

EVERY_STATE = {"pending", "received", "started", "success", "failure", "retry", "revoked", "rejected"}


class FleetTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet(8)
        cls.addClassCleanup(cls.fleet.remove)
        cls.brain = Brain.with_admin(cls.fleet.brain_config()).start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()

    def state(self, engine, task_id, wanted, seconds=30):
        task = {}

        def reached():
            task.clear()
            task.update(self.brain.task(engine, task_id) or {})
            return task.get("state") in wanted

        wait_until(reached, seconds, tell=lambda: task)
        return task

    def command(self, verb, agent_of, /, **body):
        command = self.brain.command(verb, agent_id=self.brain.agent(agent_of)["id"], **body)
        self.assertEqual(command["status"], "completed", command)
        return command["result"]

    # Seen

    def test_both_celery_and_both_rq_workers_are_online(self):
        def names():
            return {w["name"] for w in self.brain.project("/workers") if w["state"] == "online"}

        wanted = {"orders@demo", "reports@demo", "rq-main", "rq-low"}
        wait_until(lambda: names() >= wanted, 60, tell=names)
        agents = {a["name"]: a["state"] for a in self.brain.project("/agents")}
        self.assertEqual(agents, {"local:celery": "online", "local:rq": "online"})

    def test_a_worker_started_without_events_is_told_to_send_them(self):
        task_id = self.fleet.send("celery", "shop.build_report", 0.1, queue="reports")
        task = self.state("celery", task_id, {"success"})
        self.assertEqual((task["worker_name"], task["name"]), ("reports@demo", "shop.build_report"))
        self.assertIsNotNone(task["started_at"])

    def test_tasks_in_every_state(self):
        seen = set()

        def all_seen():
            seen.update(state for state, n in self.brain.project("/stats")["tasks_by_state"].items() if n)
            return seen >= EVERY_STATE

        wait_until(all_seen, 60, tell=lambda: f"only {sorted(seen)}")

    def test_queue_depths_are_those_of_the_broker(self):
        self.fleet.send("celery", "shop.add", 1, 2, queue="night")
        self.fleet.send("rq", "rq_jobs.resize", "n.png", 1, queue="night")

        def agree():
            shown = {(q["engine"], q["name"]): q["pending_count"] for q in self.brain.project("/queues")}
            return (shown.get(("celery", "night")) == int(self.fleet.redis(0, "LLEN", "night")) > 0
                    and shown.get(("rq", "night")) == int(self.fleet.redis(1, "LLEN", "rq:queue:night")) > 0)

        wait_until(agree, 30, tell=lambda: self.brain.project("/queues"))
        depths = {(q["engine"], q["name"]) for q in self.brain.project("/stats")["queue_depths"]}
        self.assertLessEqual({("celery", "night"), ("rq", "night"), ("celery", "orders"), ("rq", "high")}, depths)

    def test_nested_arguments_arrive_whole(self):
        order = {"id": 7, "items": ["A-1", 2, None], "note": "é\u4e16"}
        task_id = self.fleet.send("celery", "shop.place_order", order, queue="mail", kwargs={"notify": False})
        task = self.state("celery", task_id, {"success"})
        self.assertEqual(task["queue"], "mail")
        self.assertEqual(list(ast.literal_eval(task["args"])), [order])  # Celery's events carry reprs
        self.assertEqual(ast.literal_eval(task["kwargs"]), {"notify": False})

    # Retry

    def test_retry_of_a_failed_celery_task_runs_it_again_and_links_both(self):
        flag = pathlib.Path(self.fleet.folder, "bank-open")
        old = self.fleet.send("celery", "shop.charge_when_open", str(flag), 42)
        self.state("celery", old, {"failure"})
        flag.touch()
        result = self.command("retry-task", "celery", engine="celery", task_id=old)
        new = result["new_task_id"]
        self.assertNotEqual(new, old)
        wait_until(lambda: self.fleet.ends(new) == ["success"], 30, tell=lambda: result)
        self.assertEqual(self.fleet.runs(new), 1)
        self.assertEqual(self.state("celery", new, {"success"})["retry_of"], old)
        wait_until(lambda: self.brain.task("celery", old)["retried_as"] == new, 10)
        self.assertEqual(self.brain.task("celery", old)["state"], "failure")

    def test_retry_of_a_failed_rq_job_runs_it_again(self):
        flag = pathlib.Path(self.fleet.folder, "feed-open")
        job = self.fleet.send("rq", "rq_jobs.fetch_when_open", str(flag), "https://shop.example")
        failed = self.state("rq", job, {"failure"})
        self.assertIn("503", failed["exception"])
        flag.touch()
        result = self.command("retry-task", "rq", engine="rq", task_id=job)
        new = result["new_task_id"]
        wait_until(lambda: self.fleet.ends(new)[-1:] == ["success"], 30, tell=lambda: result)
        again = self.state("rq", new, {"success"})
        self.assertIsNone(again["exception"])
        self.assertEqual(self.fleet.runs(new), 2 if new == job else 1)

    def test_a_retry_without_whole_arguments_is_refused_until_they_are_given(self):
        deep = {"a": {"b": {"c": {"d": 1}}}}  # Celery's events cut this short, and nothing else keeps it
        old = self.fleet.send("celery", "shop.charge_card", 5, deep)
        self.state("celery", old, {"failure"})
        agent = self.brain.agent("celery")["id"]
        refused = self.brain.command("retry-task", agent_id=agent, engine="celery", task_id=old)
        self.assertEqual((refused["status"], refused["result"]["outcome"]), ("failed", "refused"), refused)
        self.assertIn("arguments not recoverable", refused["result"]["reason"])
        given = self.brain.command("retry-task", agent_id=agent, engine="celery", task_id=old, override_args=[5, 1], override_kwargs={})
        self.assertEqual((given["status"], given["result"]["source"]), ("completed", "operator"), given)
        wait_until(lambda: self.fleet.ends(given["result"]["new_task_id"]) == ["failure"], 30)

    def test_a_retry_asked_twice_with_one_key_runs_once(self):
        flag = pathlib.Path(self.fleet.folder, "bank-twice")
        old = self.fleet.send("celery", "shop.charge_when_open", str(flag), 1)
        self.state("celery", old, {"failure"})
        flag.touch()
        first, second = (self.brain.command("retry-task", agent_id=self.brain.agent("celery")["id"], engine="celery", task_id=old, idempotency_key="once") for _ in range(2))
        self.assertEqual(first["id"], second["id"])
        wait_until(lambda: self.fleet.runs(first["result"]["new_task_id"]) == 1, 30)

    # Cancel

    def test_cancel_of_a_waiting_celery_task(self):
        task_id = self.fleet.send("celery", "shop.add", 3, 4, queue="cancel-me")
        result = self.command("cancel-task", "celery", engine="celery", task_id=task_id)
        self.state("celery", task_id, {"revoked"})
        self.assertEqual(self.fleet.redis(0, "LLEN", "cancel-me"), "0", result)
        self.assertEqual(self.fleet.runs(task_id), 0)

    def test_cancel_of_a_waiting_rq_job(self):
        job = self.fleet.send("rq", "rq_jobs.resize", "c.png", 8, queue="cancel-me")
        self.state("rq", job, {"pending", "received"})
        self.command("cancel-task", "rq", engine="rq", task_id=job)
        self.state("rq", job, {"revoked"})
        self.assertEqual(self.fleet.redis(1, "LLEN", "rq:queue:cancel-me"), "0")
        self.assertEqual(self.fleet.redis(1, "HGET", f"rq:job:{job}", "status"), "canceled")

    def test_cancel_of_a_running_celery_task(self):
        task_id = self.fleet.send("celery", "shop.build_report", 300, queue="orders")
        self.state("celery", task_id, {"started"}, 60)
        self.command("cancel-task", "celery", engine="celery", task_id=task_id)
        self.state("celery", task_id, {"revoked"})
        # The pool process may get to say that it dies, before or after.
        wait_until(lambda: "revoked" in self.fleet.ends(task_id), 30)

    def test_cancel_of_a_running_rq_job(self):
        job = self.fleet.send("rq", "rq_jobs.transcode", 300, queue="default")
        self.state("rq", job, {"started"}, 60)
        self.command("cancel-task", "rq", engine="rq", task_id=job)
        self.state("rq", job, {"revoked", "failure"})
        self.assertEqual(self.fleet.redis(1, "HGET", f"rq:job:{job}", "status"), "stopped")
        self.assertEqual(self.fleet.ends(job), [])

    # Purge: last, on its own queues with the producers at rest

    def test_purge_tells_what_was_removed_and_what_could_not_be(self):
        self.fleet.produce(0)
        self.addCleanup(self.fleet.produce, 8)
        wait_until(lambda: self.fleet.redis(0, "LLEN", "reports") == "0" and self.fleet.redis(1, "LLEN", "rq:queue:low") == "0", 90)
        reports = self.fleet.send("celery", "shop.build_report", 20, queue="reports", count=6)  # two run, two are reserved
        jobs = self.fleet.send("rq", "rq_jobs.transcode", 20, queue="low", count=3)  # one runs
        wait_until(lambda: sum(self.fleet.runs(i) for i in reports) == 2 and self.fleet.redis(0, "LLEN", "reports") == "2", 60)
        wait_until(lambda: sum(self.fleet.runs(i) for i in jobs) == 1 and self.fleet.redis(1, "LLEN", "rq:queue:low") == "2", 60)

        result = self.command("purge-queue", "celery", queue="reports", force=True)
        self.assertEqual(result["removed"], 2, result)
        self.assertGreaterEqual(sum(result["not_removed"].values()), 2, result)
        result = self.command("purge-queue", "rq", queue="low", force=True)
        self.assertEqual(result["removed"], 2, result)
        self.assertGreaterEqual(sum(result["not_removed"].values()), 1, result)
        self.assertEqual((self.fleet.redis(0, "LLEN", "reports"), self.fleet.redis(1, "LLEN", "rq:queue:low")), ("0", "0"))


if __name__ == "__main__":
    unittest.main()
