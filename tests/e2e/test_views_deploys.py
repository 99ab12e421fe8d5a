"""Saved views, deploys, suggestions and findings on a real brain: over HTTP, by a pipeline's key, over the live socket."""
import datetime
import pathlib
import secrets
import sys
import unittest

from brain import Brain, wait_until
from test_access import Person
from websocket import WebSocket

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from wire_agent import WireAgent, event  # noqa: E402

BASE = "/api/v1/projects/default"


class ViewsDeploysTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)

    def person(self, role):
        email, given, chosen = f"{role}-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(15), secrets.token_urlsafe(15)
        status, user = self.brain.ask("POST", "/api/v1/users", {"email": email, "password": given, "display_name": f"the {role}"})
        self.assertEqual(status, 201, user)
        status, member = self.brain.ask("POST", f"{BASE}/memberships", {"user_id": user["id"], "role": role})
        self.assertEqual(status, 201, member)
        out = Person(self.brain, email, given)
        self.assertEqual(out.ask("POST", "/api/v1/auth/change-password", {"current_password": given, "new_password": chosen})[0], 200)
        out.user, out.membership = user, member
        return out

    def names(self, who):
        status, views = who.ask("GET", f"{BASE}/views?screen=tasks")
        self.assertEqual(status, 200, views)
        return [(v["name"], v["is_mine"]) for v in views]

    def save(self, who, name, shared=False, wanted=201):
        status, view = who.ask("POST", f"{BASE}/views", {"screen": "tasks", "name": name, "query": "q=state%3Afailed", "is_shared": shared})
        self.assertEqual(status, wanted, view)
        return view

    def test_views_are_seen_by_those_they_are_for_and_end_with_them(self):
        viewer, operator = self.person("viewer"), self.person("operator")
        own = self.save(viewer, "mine")
        self.save(viewer, "mine", wanted=409)
        self.save(viewer, "for all", shared=True, wanted=403)
        shared = self.save(operator, "for all", shared=True)
        self.assertEqual(self.names(viewer), [("mine", True), ("for all", False)])
        self.assertEqual(self.names(operator), [("for all", True)])
        self.assertEqual(self.brain.ask("DELETE", f"{BASE}/views/{own['id']}")[0], 404)
        self.assertEqual(viewer.ask("DELETE", f"{BASE}/views/{shared['id']}")[0], 403)

        # What one shared stays when he leaves the project; with the account all goes.
        self.save(operator, "his own")
        self.assertEqual(self.brain.ask("DELETE", f"{BASE}/memberships/{operator.membership['id']}")[0], 204)
        self.assertEqual(self.names(viewer), [("mine", True), ("for all", False)])
        self.assertEqual(self.brain.ask("DELETE", f"/api/v1/users/{operator.user['id']}")[0], 204)
        self.assertEqual(self.names(viewer), [("mine", True)])
        self.assertEqual(viewer.ask("DELETE", f"{BASE}/views/{own['id']}")[0], 204)
        acts = {e["action"] for e in self.brain.read(f"{BASE}/audit?action_prefix=view.")["items"]}
        self.assertEqual(acts, {"view.created", "view.deleted"})

    def test_a_pipeline_marks_a_deploy_and_open_pages_hear_of_it(self):
        operator = self.person("operator")
        status, key = operator.ask("POST", "/api/v1/api-keys", {"name": "pipeline", "scopes": ["tasks:write"]})
        self.assertEqual(status, 201, key)
        project = self.brain.project("")["id"]
        live = WebSocket(self.brain.url, "/ws/dashboard", {"Cookie": self.brain.cookie_header(), "Origin": self.brain.url.rstrip("/")})
        self.addCleanup(live.close)
        live.send({"type": "subscribe", "project_id": project, "topics": ["project.changed"]})
        self.assertEqual(live.receive(), {"type": "ready"})
        kept, self.brain.cookies = self.brain.cookies, {}
        try:
            status, made = self.brain.ask("POST", f"{BASE}/deploys", {"label": "v1.4.2", "note": "new checkout"}, {"Authorization": f"Bearer {key['token']}"})
        finally:
            self.brain.cookies = kept
        self.assertEqual(status, 201, made)
        self.assertEqual(made["created_by_name"], "the operator")
        self.assertEqual(live.receive(), {"type": "event", "topic": "project.changed"})

        # One that was forgotten, and one that can't be yet.
        past = (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
        ahead = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.assertEqual(operator.ask("POST", f"{BASE}/deploys", {"label": "v1.4.1", "at": past})[0], 201)
        status, refused = operator.ask("POST", f"{BASE}/deploys", {"label": "v2", "at": ahead})
        self.assertEqual(status, 422, refused)
        self.assertIn("five minutes ahead", refused["message"])
        self.assertEqual([d["label"] for d in self.brain.all_of("/deploys?limit=1")], ["v1.4.2", "v1.4.1"])
        self.assertEqual([d["label"] for d in self.brain.project(f"/deploys?until={past}")["items"]], ["v1.4.1"])
        for deploy in self.brain.all_of("/deploys?limit=1"):
            self.assertEqual(operator.ask("DELETE", f"{BASE}/deploys/{deploy['id']}")[0], 204)
        self.assertEqual(self.brain.project("/deploys")["items"], [])

    def test_an_agent_that_goes_is_a_finding_and_its_tasks_are_suggested(self):
        agent = WireAgent(self.brain.url, self.brain.mint("shop"))
        agent.connect()
        agent.heartbeat()
        agent.acked(agent.send_events(*(event("task.received", f"suggested-{name}", task_name=name, queue="orders") for name in ("shop.add", "shop.pay", "mail.shop"))))

        def suggested(field, prefix):
            return [i["value"] for i in self.brain.project(f"/suggestions?field={field}&prefix={prefix}")["items"]]

        wait_until(lambda: suggested("name", "shop") == ["shop.add", "shop.pay", "mail.shop"], 30, tell=lambda: suggested("name", ""))
        self.assertEqual(suggested("name", "shop.p"), ["shop.pay"])
        self.assertEqual(suggested("engine", "cel"), ["celery"])
        self.assertEqual(self.brain.ask("GET", f"{BASE}/suggestions?field=priority")[0], 422)

        def kinds():
            return {f["kind"]: f for f in self.brain.project("/findings")["items"]}

        wait_until(lambda: "agent_offline" not in kinds(), 30, tell=kinds)
        found = self.brain.project("/findings")
        self.assertIn("agent_offline", found["checked"])
        self.assertEqual(found["unknown"], [])
        self.assertIn(self.brain.ask("POST", "/api/v1/audit/verify")[0], (202, 409))
        wait_until(lambda: "audit_broken" in self.brain.project("/findings")["checked"], 30)
        status, seen = self.person("viewer").ask("GET", f"{BASE}/findings")
        self.assertEqual((status, [kind for kind in seen["checked"] if kind.startswith("audit")]), (200, []))
        agent.close()
        found = wait_until(lambda: kinds().get("agent_offline"), 60, tell=kinds)
        self.assertEqual((found["severity"], found["subject"]["id"]), ("critical", "shop"))
        self.assertIn("queue_without_consumer", self.brain.project("/findings")["unknown"])


if __name__ == "__main__":
    unittest.main()
