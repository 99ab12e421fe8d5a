"""What a brain tells those who watch it: logs, health, metrics, the Grafana board."""
import json
import os
import pathlib
import re
import sys
import unittest

from brain import Brain, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from wire_agent import WireAgent  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
METRICS = ROOT / "docs" / "reference" / "metrics.md"
# Families that only some installations have.
SOMETIMES = {"z4j_postgres_deadlocks_total"}


def families(text):
    """name -> (type, help) of a scrape."""
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.M))
    return {name: (kind, helps[name]) for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)}


class Operations(unittest.TestCase):
    def setUp(self):
        self.brain = Brain.with_admin(Z4J_LOG_LEVEL="debug", Z4J_LOG_FORMAT="json").start().sign_in()
        self.addCleanup(self.brain.remove)

    def lines(self):
        return [json.loads(line) for line in self.brain.log_text().splitlines()]

    def test_row_36_a_request_s_id_is_in_its_answer_and_its_log_lines_beside_user_and_project(self):
        status, _ = self.brain.ask("GET", "/api/v1/projects/default/tasks", headers={"X-Request-Id": "my-request"})
        self.assertEqual(status, 200)
        self.assertRegex(self.brain.get("/api/v1/health") and self.brain.headers["X-Request-Id"], r"^req_[0-9a-f]{16}$")
        line = wait_until(lambda: next((one for one in self.lines() if one.get("request_id") == "my-request"), None))
        self.assertEqual((line["event"], line["route"], line["status"]), ("request", "/api/v1/projects/{slug}/tasks", 200))
        me = self.brain.read("/api/v1/auth/me")
        self.assertEqual(line["user_id"], me["id"])
        self.assertEqual(line["project_id"], me["memberships"][0]["project_id"])

    def test_lines_about_an_agent_carry_its_id_beside_its_name(self):
        minted = self.brain.mint("named")
        agent = WireAgent(self.brain.url, minted)
        agent.connect()
        agent.socket.close()
        for event in ("agent connected", "agent disconnected"):
            line = wait_until(lambda: next((one for one in self.lines() if one["event"] == event), None), tell=self.brain.log_text)
            self.assertEqual((line["agent"], line["agent_id"]), ("named", minted["agent"]["id"]))

    def test_no_secret_is_logged(self):
        self.brain.ask("POST", "/api/v1/auth/login", {"email": "x@example.com", "password": "wrong-Password-123"})
        minted = self.brain.mint("logged")
        text = self.brain.log_text()
        for secret in (self.brain.password, "wrong-Password-123", minted["token"], minted["hmac_secret"], *self.brain.cookies.values()):
            self.assertNotIn(secret, text)

    def test_the_metrics_are_the_documented_ones(self):
        status, text = self.brain.get("/metrics")
        self.assertEqual(status, 200)
        exported = families(text)
        written = "".join(f"| {name} | {kind} | {help} |\n" for name, (kind, help) in sorted(exported.items()) if name not in SOMETIMES)
        if os.environ.get("Z4J_UPDATE_DOCS"):
            head = METRICS.read_text().split("\n|---|---|---|\n")[0]
            METRICS.write_text(head + "\n|---|---|---|\n" + written)
        documented = METRICS.read_text().split("\n|---|---|---|\n")[1]
        self.assertEqual(documented, written, "docs/reference/metrics.md: run this test with Z4J_UPDATE_DOCS=1")

    def test_every_sample_has_its_family_once(self):
        _, text = self.brain.get("/metrics")
        exported = families(text)
        self.assertEqual(len(re.findall(r"^# TYPE ", text, re.M)), len(exported), "a family stands twice")
        seen = set()
        for line in text.splitlines():
            if line.startswith("#"):
                continue
            series = line.rsplit(" ", 1)[0]
            self.assertNotIn(series, seen)
            seen.add(series)
            name = re.match(r"[a-z0-9_]+", series).group(0)
            self.assertTrue(name in exported or re.sub(r"_(bucket|sum|count)$", "", name) in exported, name)

    def test_the_board_asks_for_metrics_that_are_there(self):
        board = (ROOT / "config" / "grafana" / "z4j.json").read_text()
        asked = set(re.findall(r"\bz4j_[a-z0-9_]+", " ".join(re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', board))))
        exported = set(families(self.brain.get("/metrics")[1]))
        self.assertTrue(asked)
        for name in asked:
            self.assertIn(re.sub(r"_(bucket|sum|count)$", "", name) if name not in exported else name, exported | SOMETIMES)

    def test_row_33_a_hot_endpoint_shows_in_the_histogram_of_its_route(self):
        for _ in range(3):
            self.brain.project("/tasks?limit=1")
        text = self.brain.get("/metrics")[1]
        line = next(l for l in text.splitlines() if l.startswith("z4j_http_request_duration_seconds_count") and 'route="/api/v1/projects/{slug}/tasks"' in l)
        self.assertIn('method="GET"', line)
        self.assertGreaterEqual(float(line.rsplit(" ", 1)[1]), 3)

    def test_health_tells_the_truth(self):
        self.assertEqual(self.brain.get("/api/v1/health"), (200, {"status": "ok"}))
        self.assertEqual(self.brain.get("/api/v1/health/ready"), (200, {"status": "ready"}))
        system = self.brain.read("/api/v1/health/system")
        self.assertIn(system["database_type"], ("SQLite", "PostgreSQL"))
        self.assertIn("ok", system["audit"])
        self.assertEqual(system["audit_forwarding"], [])
        self.assertEqual(self.brain.get("/api/v1/health/system")[0], 401)


if __name__ == "__main__":
    unittest.main()
