"""Text of agents that wants to be code, in every field that an agent can tell, on every screen: nothing of it runs, loads, links or hides."""
import json
import pathlib
import re
import unittest

from browser import browse, session, wait_until
from scenery import HELLO, build, story
from stage import Stage
from wire_agent import event

# Details of workers that have another shape than they should.
ODD = {"odd-1": {"active": [{}, None, 7, []], "stats": {"uptime": "x", "pool": []}, "registered": {"a": 1}}, "odd-2": {"active": "x", "stats": 7, "registered": 7, "active_queues": {}},
       "odd-3": {"stats": {"pool": {"processes": {"a": 1}}, "uptime": -1e308, "prefetch_count": []}, "conf": [], "active_queues": [7]}}
CORPUS = json.loads((pathlib.Path(__file__).resolve().parent / "corpus.json").read_text())


class HostileStage(Stage):
    def tell_all(self):
        self.addressed = build(self)
        agent, p = self.agents["web"], "/p/default"
        before = len(self.brain.project("/workers"))
        for number, text in enumerate(CORPUS):
            task = f"hostile-{number}"
            data = {"task_name": text, "queue": text, "worker": text, "hostname": text, "tags": [text, {text: text}], "priority": text, "routing_key": text, "parent_id": text, "root_id": text, "eta": text}
            agent.tell(event("task.received", task, args=[text, [text], {text: text}], kwargs={text: text, "nested": {text: [text]}}, **data), event("task.started", task, **data),
                       event("task.failed", task, exception=text, traceback=f'Traceback (most recent call last):\n  File "{text}", line 1, in {text}\n    {text}\n{text}', **data),
                       event("task.received", f"{task}-stopped", **data), event("task.revoked", f"{task}-stopped", signal=text, terminated=True, expired=text, reason=text, **data),
                       event("task.received", f"{task}-done", **data), event("task.succeeded", f"{task}-done", result={text: text}, runtime_ms=text, **data),
                       event("task.received", f"{text}-as-id", **data), event("task.sent", task, engine=text, **data))
        agent.beat(**{"celery.broker_type": CORPUS[0], "celery.error": CORPUS[5], "celery.queue_depths": {text: 1 for text in CORPUS},
                      "celery.worker_details": {text: {"stats": {"pid": 7, "pool": {"implementation": text, "processes": [1]}, "broker": {"hostname": text}}, "active": [{"name": text, "id": text}],
                                                       "active_queues": [{"name": text}], "registered": [text], "conf": {"timezone": text}} for text in CORPUS} | ODD})
        agent.send("registry_delta", {"engine": "celery", "added": [{"name": text, "module": text, "engine": "celery"} for text in CORPUS], "removed": [], "updated": []})
        agent.tell({"id": None, "engine": "rq-scheduler", "task_id": "", "kind": "schedule.snapshot", "occurred_at": None, "data": {"scheduler": "rq-scheduler", "reason": "boot", "schedules": [
            {"name": text, "scheduler": "rq-scheduler", "engine": "rq", "task_name": text, "kind": "interval", "expression": "3600", "queue": text, "args": [text], "kwargs": {text: text}, "description": text} for text in CORPUS]}})
        for number, text in enumerate(CORPUS[:12]):
            self.join(f"agent-{number}", {**HELLO, "host": {"name": text}, "framework": text[:40], "worker_role": text[:32], "engines": ["celery", text[:40]], "capabilities": {"celery": [], text[:40]: [text]}})
        wait_until(lambda: len(self.brain.project("/workers")) > before + len(CORPUS) // 2, 60, tell=lambda: len(self.brain.project("/workers")))
        wait_until(lambda: (self.brain.task("celery", f"hostile-{len(CORPUS) - 1}") or {}).get("state") == "failure", 60)
        web, workers, schedules = self.brain.agent_named("web")["id"], self.brain.project("/workers"), self.brain.project("/schedules?limit=100")["items"]
        self.addressed += [(name, f"{p}/fleet?row={worker['id']}") for name in ODD for worker in workers if worker["name"] == name]
        # Lists hold them all; drawers and pages show one at a time: some of each, a different text each time.
        for number in range(0, len(CORPUS), 9):
            self.addressed += [(f"task {number}", f"{p}/tasks/celery/hostile-{number}"), (f"exception {number}", f"{p}/tasks/celery/hostile-{number}?tab=exception"), (f"stopped {number}", f"{p}/tasks?row=celery/hostile-{number}-stopped"),
                               (f"events {number}", f"{p}/tasks/celery/hostile-{number}-done?view=events"), (f"worker {number}", f"{p}/fleet?row={workers[number % len(workers)]['id']}"),
                               (f"schedule {number}", f"{p}/schedules?row={schedules[number % len(schedules)]['id']}")]
        self.addressed += [("agents", f"{p}/fleet?view=agents"), ("registry", f"{p}/fleet?view=agents&row={web}"), *((f"agent {n}", f"{p}/fleet?view=agents&row={self.brain.agent_named(f'agent-{n}')['id']}") for n in (0, 5, 11)),
                           ("every column", f"{p}/tasks?cols=state,name,queue,worker,id,engine,priority,exception,attempt"), ("raw", f"{p}/tasks/celery/hostile-1?tab=arguments&view=raw")]

    def screens(self):
        return self.addressed

    def texts(self):
        return CORPUS


class HostileTextTest(unittest.TestCase):
    def test_no_text_of_an_agent_is_more_than_text_on_any_screen(self):
        self.assertGreaterEqual(len(CORPUS), 60)
        self.assertEqual(len(CORPUS), len(set(CORPUS)))
        stage = HostileStage()
        self.addCleanup(stage.remove)
        stage.tell_all()
        stored = json.dumps([item["name"] for item in stage.brain.all_of("/tasks?limit=200")])
        self.assertGreater(sum(json.dumps(text)[1:-1] in stored for text in CORPUS), len(CORPUS) * 2 // 3, "the brain shows them as they came, or the test tests nothing")
        browse("hostile", stage=stage, seconds=500, **session(stage.brain))
        reports = re.findall(r"^z4j_csp_reports_total\{[^}]*\} (?!0$).*$", stage.brain.get("/metrics")[1], re.M)
        self.assertEqual(reports, [])


if __name__ == "__main__":
    unittest.main()
