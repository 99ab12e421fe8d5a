"""Hostile and secret data through real workers: what people see is harmless, and secrets are nowhere."""
import json
import pathlib
import unittest
import urllib.parse

from brain import Brain, wait_until
from demo_fleet import DemoFleet

SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
# Each is a secret by its key, its shape, or its place in a traceback.
CANARIES = {
    "password": "canary-of-a-password-1",
    "nested": "canary-deep-below-2",
    "github": "ghp_" + "canary3" * 5 + "x",
    "stripe": "sk_live_" + "canary4canary4canary4canary4",
    "url": "postgresql://u:canary-in-a-url-5@db.example/x",
    "job": "canary-of-an-rq-job-6",
}
MEGABYTE = 1 << 20


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet(0)
        cls.addClassCleanup(cls.fleet.remove)
        cls.brain = Brain.with_admin(cls.fleet.brain_config()).start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()
        wait_until(lambda: sum(w["state"] == "online" for w in cls.brain.project("/workers")) == 4, 60)

    def ended(self, engine, task_id):
        def over():
            task = self.brain.task(engine, task_id)
            return task if task and task["state"] in ("success", "failure") else None

        return wait_until(over, 60, tell=lambda: self.brain.task(engine, task_id))

    def everything_kept(self):
        """The bytes of the database and the log."""
        home = pathlib.Path(self.brain.home)
        return b"".join(path.read_bytes() for path in home.iterdir() if path.is_file() and path.name not in ("secret.env", "z4j.toml"))

    def test_secrets_are_nowhere(self):
        order = {"id": 1, "items": [], "password": CANARIES["password"], "deep": [{"auth": {"list": [CANARIES["nested"], 7]}}],
                 "note": f"use {CANARIES['github']} for it", "db": CANARIES["url"]}
        celery = self.fleet.send("celery", "shop.place_order", order)
        failed = self.fleet.send("celery", "shop.charge_card", CANARIES["stripe"], 3)
        job = self.fleet.send("rq", "rq_jobs.index", {"words": ["a"], "api_key": CANARIES["job"]})
        seen = [self.ended("celery", celery), self.ended("celery", failed), self.ended("rq", job)]
        self.assertEqual([t["state"] for t in seen], ["success", "failure", "success"])
        self.assertIn("[REDACTED]", json.dumps(seen))
        seen += [self.brain.project(f"/events?engine={task['engine']}&task_id={task['task_id']}") for task in seen]
        status, export = self.brain.ask("GET", "/api/v1/projects/default/tasks?format=csv&fields=task_id,args,kwargs,result,exception,traceback")
        self.assertEqual(status, 200)
        kept = self.everything_kept()
        for name, canary in CANARIES.items():
            secret = "canary-in-a-url-5" if name == "url" else canary
            self.assertNotIn(secret, json.dumps(seen), name)
            self.assertNotIn(secret, str(export), name)
            self.assertNotIn(secret.encode(), kept, name)

    def test_a_retry_never_sends_what_was_blanked_out(self):
        task_id = self.fleet.send("celery", "shop.charge_card", CANARIES["stripe"], 4)
        self.ended("celery", task_id)
        self.fleet.redis(0, "DEL", f"celery-task-meta-{task_id}")
        command = self.brain.command("retry-task", agent_id=self.brain.agent("celery")["id"], engine="celery", task_id=task_id)
        self.assertEqual((command["status"], command["result"]["outcome"]), ("failed", "refused"), command)
        self.assertEqual(self.fleet.runs(task_id), 1)

    def test_script_in_every_field_stays_text(self):
        job = self.fleet.send("rq", "rq_jobs.resize", SCRIPT, 1)
        celery = self.fleet.send("celery", "shop.place_order", {"id": SCRIPT, "items": []})
        self.ended("rq", job), self.ended("celery", celery)
        self.fleet.send("celery", "shop." + SCRIPT, queue="night")  # nobody works there: it is seen as sent
        path = "/api/v1/projects/default/tasks?search=" + urllib.parse.quote("<script>")
        wait_until(lambda: self.brain.read(path)["items"] or None, 60)
        for path in (path, f"/api/v1/projects/default/tasks/rq/{job}", "/api/v1/projects/default/queues", "/metrics"):
            status, _ = self.brain.get(path, {"Cookie": self.brain.cookie_header()})
            self.assertEqual(status, 200)
            self.assertNotIn("html", self.brain.headers["Content-Type"])
            self.assertEqual(self.brain.headers["X-Content-Type-Options"], "nosniff")

    def message(self, task_id, name, body="W1tdLCB7fSwge31d"):
        return json.dumps({"body": body, "content-encoding": "utf-8", "content-type": "application/json",
                           "headers": {"lang": "py", "task": name, "id": task_id, "root_id": task_id, "argsrepr": "()", "kwargsrepr": "{}"},
                           "properties": {"correlation_id": task_id, "delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": "night"},
                                          "priority": 0, "body_encoding": "base64", "delivery_tag": task_id}})

    def test_a_megabyte_and_broken_messages_do_no_harm(self):
        big = self.fleet.send("rq", "rq_jobs.resize", "p" * MEGABYTE, 1)
        also = self.fleet.send("celery", "shop.place_order", {"id": "q" * MEGABYTE, "items": []})
        for broken in ("{", "[" * 100_000, "not json \udcff", '{"body": 7}', self.message("", ""), self.message("d" * 5000, "n", "!!!")):
            self.fleet.redis(0, "LPUSH", "night", broken)
        for broken in ("no-such-job", "x" * 5000):
            self.fleet.redis(1, "RPUSH", "rq:queue:night", broken)
        for engine, task_id in (("rq", big), ("celery", also)):
            self.assertEqual(self.ended(engine, task_id)["state"], "success")
            self.assertLess(len(json.dumps(self.brain.task(engine, task_id))), 64 * 1024)
        wait_until(lambda: [q for q in self.brain.project("/queues") if q["name"] == "night" and q["engine"] == "celery" and q["pending_count"]], 30)
        after = self.fleet.send("celery", "shop.add", 1, 2)
        self.assertEqual(self.ended("celery", after)["state"], "success")
        self.assertEqual({p["state"] for p in self.brain.read("/api/v1/plugins")["items"]}, {"started"})

    def test_numbers_lists_and_texts_have_limits(self):
        base = "/api/v1/projects/default"
        for path in (f"{base}/tasks?limit=5001", f"{base}/tasks?limit=0", f"{base}/tasks?limit=-1", f"{base}/tasks?limit=1e9", f"{base}/tasks?search={'s' * 201}",
                     f"{base}/tasks?name={'n' * 201}", f"{base}/events?engine=celery&task_id={'t' * 201}", f"{base}/stats?hours=many", f"{base}/trends?window=2h", f"{base}/trends?window=24h&bucket=2m", f"{base}/commands?limit=99999"):
            self.assertEqual(self.brain.ask("GET", path)[0], 422, path)
        agent = self.brain.agent("celery")["id"]
        for verb, body in (("bulk-retry", {"max": 10_001}), ("retry-task", {"engine": "celery", "task_id": "t" * 201}),
                           ("retry-task", {"engine": "celery", "task_id": "t", "eta_seconds": 86_401}), ("retry-task", {"engine": "celery", "task_id": "t", "override_args": ["x" * 70_000]}),
                           ("purge-queue", {"queue": "q" * 201}), ("cancel-task", {"engine": "celery", "task_id": "t", "idempotency_key": "k" * 201})):
            status, answer = self.brain.ask("POST", f"{base}/commands/{verb}", {"agent_id": agent, **body})
            self.assertEqual(status, 422, (verb, answer))
        status, _ = self.brain.ask("POST", f"{base}/commands/bulk-retry", {"filter": {"name": "x" * 300_000}})
        self.assertEqual(status, 413)


if __name__ == "__main__":
    unittest.main()
