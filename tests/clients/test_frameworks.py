"""The agent inside a Django, a Flask and a FastAPI application, set up as its documentation says, and inside their Celery workers.

Rows are those of upstream's troubleshooting page; the others are in tests/e2e/test_troubleshooting.py.
"""
import pathlib
import signal
import unittest
import urllib.request

from place import Brain, Place, free_port, variables, wait_reporting, wait_until

APPS = pathlib.Path(__file__).resolve().parent / "apps"


class Framework:
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)
        cls.place = Place(cls.NAME)
        cls.addClassCleanup(cls.place.stop)
        cls.agent = variables(cls.brain.mint("shop"), cls.brain.url)
        cls.port = free_port()
        cls.place.run_child("web", [word.format(port=cls.port, apps=APPS) for word in cls.WEB], cls.agent)
        cls.place.celery_worker("worker", cls.APP, cls.agent)
        wait_until(cls.answers, 60, tell=cls.tell)
        wait_until(lambda: len(cls.processes()) == 2, 60, tell=cls.tell)
        wait_reporting(cls.brain, lambda: cls.fetch("/order/1"), cls.tell)

    @classmethod
    def tell(cls):
        return "\n".join(f"== {name}\n{cls.place.log_of(name)[-3000:]}" for name in ("web", "worker")) + cls.brain.log_text()[-3000:]

    @classmethod
    def fetch(cls, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{cls.port}{path}", timeout=20) as answer:
            return answer.read().decode()

    @classmethod
    def answers(cls):
        try:
            return bool(cls.fetch("/order/1"))
        except OSError:
            return False

    @classmethod
    def processes(cls):
        return [w for w in cls.brain.project("/agent-workers") if w["state"] == "online"]

    def state(self, task_id, wanted):
        seen = {}

        def reached():
            seen.update(self.brain.task("celery", task_id) or {})
            return seen.get("state") == wanted

        wait_until(reached, 60, tell=lambda: f"{seen}\n{self.tell()}")
        return seen

    def check_detected(self):
        """Web process and worker are online as two processes of one agent, with the engine found."""
        agent = self.brain.agent_named("shop")
        self.assertEqual((agent["state"], agent["framework_adapter"], agent["engine_adapters"]), ("online", self.NAME, ["celery"]))
        self.assertEqual({w["framework"] for w in self.processes()}, {self.NAME})
        self.assertEqual(len({w["pid"] for w in self.processes()}), 2)

    def test_what_the_application_sends_is_seen(self):
        task = self.state(self.fetch("/order/7"), "success")
        self.assertEqual((task["name"], task["worker_name"]), ("orders.tasks.confirm", "worker@place"))
        task = self.state(self.fetch("/bad-order/8"), "failure")
        self.assertIn("order 8 is refused", str(task["exception"]) + str(task["traceback"]))

    def test_retry_reaches_the_worker(self):
        old = self.fetch("/bad-order/9")
        self.state(old, "failure")
        command = self.brain.command("retry-task", engine="celery", task_id=old)
        self.assertEqual(command["status"], "completed", command)
        new = self.state(command["result"]["new_task_id"], "failure")
        self.assertIn("order 9 is refused", str(new["exception"]) + str(new["traceback"]))

    def test_web_stays_connected_when_the_worker_ends(self):
        self.place.end("worker", signal.SIGTERM)
        wait_until(lambda: len(self.processes()) == 1, 60, tell=self.processes)
        self.assertEqual(self.brain.agent_named("shop")["state"], "online")
        self.place.children["worker"].start()
        wait_until(lambda: len(self.processes()) == 2, 60, tell=self.tell)
        wait_reporting(self.brain, lambda: self.fetch("/order/1"), self.tell)


class DjangoTest(Framework, unittest.TestCase):
    NAME, APP = "django", "shop"
    WEB = ["python", "{apps}/shop_django/manage.py", "runserver", "--noreload", "127.0.0.1:{port}"]

    def test_row_10_z4j_django_stands_after_the_applications_with_tasks(self):
        self.check_detected()


class FlaskTest(Framework, unittest.TestCase):
    NAME, APP = "flask", "shop_flask:celery_app"
    WEB = ["flask", "--app", "shop_flask", "run", "--port", "{port}"]

    def test_row_11_the_call_is_made_in_the_application_factory(self):
        self.check_detected()


class FastApiTest(Framework, unittest.TestCase):
    NAME, APP = "fastapi", "shop_fastapi:celery_app"
    WEB = ["uvicorn", "shop_fastapi:app", "--port", "{port}"]

    def test_row_12_the_agent_lives_in_the_lifespan(self):
        self.check_detected()


if __name__ == "__main__":
    unittest.main()
