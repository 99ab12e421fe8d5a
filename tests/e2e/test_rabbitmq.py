"""The main job over RabbitMQ: one broker, one real Celery worker, no result store."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from brain import Brain, wait_until

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "support"))
from rabbitmq import RabbitMQ  # noqa: E402

TASKS = TESTS / "contract" / "engine_celery_tasks.py"
PROBE = TESTS / "contract" / "rabbitmq_probe.py"
PYTHON = "/usr/bin/python3"


# In queues named "frail..." messages die after a moment and go to the queue "dead".
FRAIL = {"pattern": "^frail", "definition": {"message-ttl": 200, "dead-letter-exchange": "", "dead-letter-routing-key": "dead"}}


class RabbitMQTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.broker = RabbitMQ(["shop/eu"], policies=[FRAIL])
        cls.addClassCleanup(cls.broker.close)
        cls.url = cls.broker.url_of("shop/eu")
        cls.folder = tempfile.mkdtemp(prefix="z4j_rabbit_e2e_")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.environment = {"PATH": os.environ["PATH"], "HOME": cls.folder, "PYTHONPATH": str(TASKS.parent), "PYTHONDONTWRITEBYTECODE": "1",
                           "C_FORCE_ROOT": "1", "Z4J_TEST_BROKER": cls.url, "Z4J_TEST_BACKEND": "none", "Z4J_RUN_LOG": cls.folder + "/runs"}
        with open(cls.folder + "/worker", "wb") as log:
            cls.worker = subprocess.Popen([PYTHON, "-m", "celery", "-A", "engine_celery_tasks", "worker", "-n", "w1@test", "-Q", "celery,other",
                                           "-c", "2"], env=cls.environment, stdout=log, stderr=log, cwd=cls.folder, start_new_session=True)
        cls.addClassCleanup(cls.end_worker)
        cls.brain = Brain.with_admin('[plugin.celery]\nplugin = "engine-celery"\n[plugin.celery.settings]\nbroker_url = "secret:Z4J_CELERY_BROKER_URL"\nqueues = ["idle"]\ndead_letter_queues = ["dead"]\n',
                                     Z4J_CELERY_BROKER_URL=cls.url).start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()
        cls.probe("declare", "idle", "{}")
        cls.probe("declare", "dead", "{}")

        # Until the worker sends its events.
        def is_seen():
            task = cls.send([{"task": "add", "args": [0, 0]}])[0]
            try:
                wait_until(lambda: (cls.brain.task("celery", task) or {}).get("state") == "success", 5)
                return True
            except AssertionError:
                return False

        wait_until(is_seen, 90, tell=lambda: cls.brain.project("/workers"))

    @classmethod
    def end_worker(cls):
        os.killpg(cls.worker.pid, signal.SIGKILL)
        cls.worker.wait()

    @classmethod
    def send(cls, jobs, **environment):
        done = subprocess.run([PYTHON, str(TASKS), "send", json.dumps(jobs)], env={**cls.environment, **environment}, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.split()

    @classmethod
    def probe(cls, what, *arguments):
        done = subprocess.run([PYTHON, "-B", str(PROBE), what, cls.url, *arguments], capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.split()

    def runs(self):
        path = pathlib.Path(self.folder, "runs")
        return path.read_text().splitlines() if path.exists() else []

    def state(self, task_id, wanted):
        return wait_until(lambda: (task := self.brain.task("celery", task_id)) and task["state"] == wanted and task, 30,
                          tell=lambda: self.brain.task("celery", task_id))

    def command(self, verb, **body):
        return self.brain.command(verb, agent_id=self.brain.agent("celery")["id"], **body)

    def test_tasks_workers_and_queues_are_seen(self):
        good, bad = self.send([{"task": "add", "args": [3, 4]}, {"task": "boom", "args": ["no luck"], "options": {"queue": "other"}}])
        self.assertEqual(self.state(good, "success")["worker_name"], "w1@test")
        self.assertIn("no luck", self.state(bad, "failure")["exception"])
        wait_until(lambda: {w["name"]: w["state"] for w in self.brain.project("/workers")} == {"w1@test": "online"}, 30)

        def shown():
            return {q["name"]: q["pending_count"] for q in self.brain.project("/queues")}

        self.send([{"task": "add", "args": [1, 1], "options": {"queue": "idle"}}])
        wait_until(lambda: shown().get("idle", 0) == int(self.probe("depth", "idle")[0]) > 0 and {"celery", "other"} <= set(shown()), 30, tell=shown)
        self.assertNotIn(self.broker.password, json.dumps(self.brain.project("/queues")) + self.brain.log_text())

    def test_a_failed_task_is_retried_from_what_was_recorded(self):
        old = self.send([{"task": "boom", "args": ["again"]}])[0]
        self.state(old, "failure")
        command = self.command("retry-task", engine="celery", task_id=old)
        self.assertEqual((command["status"], command["result"]["outcome"]), ("completed", "done"), command)
        self.assertEqual(self.state(command["result"]["new_task_id"], "failure")["retry_of"], old)
        self.assertEqual(self.runs().count("boom again"), 2)

    def test_a_running_task_is_ended(self):
        task = self.send([{"task": "slow", "args": ["s"]}])[0]
        self.state(task, "started")
        command = self.command("cancel-task", engine="celery", task_id=task)
        self.assertEqual(command["result"]["outcome"], "done", command)
        self.state(task, "revoked")
        self.assertNotIn("slow s ended", self.runs())

    def test_a_purge_tells_what_went(self):
        tasks = self.send([{"task": "add", "args": [n, 7], "options": {"queue": "idle"}} for n in range(3)])
        waiting = int(self.probe("depth", "idle")[0])
        self.assertGreaterEqual(waiting, 3)
        command = self.command("purge-queue", queue="idle", force=True)
        self.assertEqual((command["result"]["outcome"], command["result"]["removed"]), ("done", waiting), command)
        self.assertEqual(self.probe("depth", "idle"), ["0"])
        for task in tasks:
            self.state(task, "revoked")

    def test_dead_letters_are_requeued_at_once(self):
        tasks = self.send([{"task": "take", "args": [f"dead {n}"], "options": {"queue": "frail"}} for n in range(5)], Z4J_TEST_SENT="1")
        for task in tasks:
            self.assertEqual(self.state(task, "pending")["queue"], "frail")
        wait_until(lambda: self.probe("depth", "dead") == ["5"], 30)
        selection = self.brain.select(action="requeue", filter={"engine": "celery"}, task_ids=[*tasks, "never-was"])
        self.assertEqual(selection["total"], 6, selection)
        job = self.brain.finish(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"], "params": {"to": "other"}}))
        self.assertEqual((job["done"], job["refused"], job["unknown"], job["changed"]), (5, 1, 0, 0), job)
        self.assertEqual([i["task_id"] for i in self.brain.bulk_items(job) if i["outcome"] == "refused"], ["never-was"])
        for task in tasks:
            self.state(task, "success")
        self.assertEqual(self.probe("depth", "dead"), ["0"])
        self.assertEqual(sorted(line for line in self.runs() if "dead" in line), [f'take "dead {n}"' for n in range(5)])

    def test_a_queue_that_is_not_there_is_refused(self):
        command = self.command("purge-queue", queue="not-there", force=True)
        self.assertEqual((command["status"], command["result"]["outcome"]), ("failed", "refused"), command)
        self.assertIn("no queue", command["result"]["reason"])


if __name__ == "__main__":
    unittest.main()
