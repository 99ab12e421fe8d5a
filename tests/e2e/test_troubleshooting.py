"""Upstream's troubleshooting page, row by row: what it tells people to look at is there and says what the page promises.

Rows 10 to 12 need PyPI's packages: tests/clients/test_frameworks.py.
"""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from brain import BUILD, EMAIL, Brain, wait_until
from websocket import WebSocket

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from wire_agent import CELERY, WireAgent, event  # noqa: E402

AGENT = BUILD / "bin" / "z4j-agent"


class TroubleshootingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)

    def agents(self, path="", method="GET", body=None):
        return self.brain.ask(method, f"/api/v1/projects/default/agents{path}", body)

    def connected(self, name, minted=None, **hello):
        agent = WireAgent(self.brain.url, minted or self.brain.mint(name), worker_id=f"{name}-worker")
        self.addCleanup(agent.close)
        agent.connect(**hello)
        wait_until(lambda: self.brain.agent_named(name)["state"] == "online", 20, tell=lambda: self.brain.project("/agents"))
        return agent

    def failed_task(self, agent, task_id, engine="celery"):
        sent = agent.send_events(event("task.received", task_id, engine, task_name="shop.add", args=[1, 2], kwargs={}, queue="orders"),
                                 event("task.failed", task_id, engine, task_name="shop.add", exception="ValueError", traceback="ValueError: no"))
        agent.acked(sent)
        wait_until(lambda: (self.brain.task(engine, task_id) or {}).get("state") == "failure", 20)

    # The agent elsewhere is offline

    def test_row_04_the_token_is_the_one_shown_at_mint(self):
        minted = self.brain.mint("row-4")
        self.assertRegex(minted["token"], r"^[\w-]{43}$")
        for line in (f"Z4J_TOKEN={minted['token']}", f"Z4J_HMAC_SECRET={minted['hmac_secret']}", "Z4J_PROJECT_ID=default", "Z4J_AGENT_NAME=row-4"):
            self.assertIn(line, minted["env"].splitlines())
        self.assertRegex(minted["env"], r"(?m)^Z4J_BRAIN_URL=\S+$")
        self.connected("row-4", minted)
        wrong = WebSocket(self.brain.url, "/ws/agent", {"Authorization": f"Bearer {minted['token'][:-1]}!"})
        self.assertEqual((wrong.status, json.loads(wrong.body)["detail"]), (401, "invalid agent token"))

    def test_row_05_a_lost_token_cannot_be_read_again_but_replaced(self):
        minted = self.brain.mint("row-5")
        agent_id = minted["agent"]["id"]
        _, listed = self.agents()
        _, shown = self.agents(f"/{agent_id}")
        for secret in (minted["token"], minted["hmac_secret"]):
            self.assertNotIn(secret, json.dumps([listed, shown]) + self.brain.log_text())
        status, rotated = self.agents(f"/{agent_id}/rotate-token", "POST", {"overlap_seconds": 0})
        self.assertEqual(status, 200, rotated)
        self.assertEqual(WebSocket(self.brain.url, "/ws/agent", {"Authorization": f"Bearer {minted['token']}"}).status, 401)
        self.connected("row-5", {**minted, "token": rotated["token"]})
        self.assertEqual(self.brain.agent_named("row-5")["id"], agent_id)

    def test_row_07_a_proxy_that_drops_the_upgrade_headers_is_named(self):
        status, body = self.brain.get("/ws/agent")
        self.assertEqual(status, 426, body)
        self.assertEqual(self.brain.headers["Upgrade"], "websocket")
        self.assertIn("proxy", json.dumps(body).lower())
        self.assertIn("Upgrade", json.dumps(body))

    # Events are missing

    def test_row_08_the_list_says_who_is_online_and_when_it_last_reported(self):
        agent = self.connected("row-8")
        self.assertIsNone(self.brain.agent_named("row-8")["last_event_at"])
        agent.acked(agent.send_events(event("task.received", "row-8-task", task_name="shop.add")))
        wait_until(lambda: self.brain.agent_named("row-8")["last_event_at"], 20)
        agent.close()
        wait_until(lambda: self.brain.agent_named("row-8")["state"] == "offline", 20)

    def test_row_09_the_agent_s_page_lists_engines(self):
        self.connected("row-9", engines=["celery", "rq", "huey"], capabilities={"celery": CELERY, "rq": ["retry_task"], "huey": ["cancel_task"]})
        _, agent = self.agents(f"/{self.brain.agent_named('row-9')['id']}")
        engines = {engine["name"]: engine for engine in agent["engines"]}
        self.assertEqual(sorted(engines), ["celery", "huey", "rq"])
        self.assertEqual(engines["huey"]["capabilities"], ["cancel_task"])
        self.assertEqual(agent["agent_version"], "1.12.0")

    def test_row_13_the_registry_has_the_task_names_and_keeps_them(self):
        agent = self.connected("row-13")
        agent_id = self.brain.agent_named("row-13")["id"]
        agent.send("registry_delta", {"engine": "celery", "added": [{"name": "shop.add", "module": "shop", "engine": "celery"}, {"name": "shop.drop"}], "removed": [], "updated": []})
        agent.heartbeat(adapter_health={"celery.worker_details": json.dumps({"w1@host": {"registered": ["shop.add", "shop.total"]}})})

        def names():
            _, page = self.agents(f"/{agent_id}/registry")
            return {item["name"] for item in page["items"]}

        wait_until(lambda: names() == {"shop.add", "shop.drop", "shop.total"}, 30, tell=names)
        agent.send("registry_delta", {"engine": "celery", "added": [], "removed": ["shop.drop"], "updated": []})
        wait_until(lambda: names() == {"shop.add", "shop.total"}, 30, tell=names)
        agent.close()
        self.assertEqual(names(), {"shop.add", "shop.total"})

    # Version mismatch

    def test_row_14_the_banner_means_that_the_brain_s_major_is_newer(self):
        self.connected("row-14", agent_version="0.9.3")
        self.connected("row-14-new", agent_version="1.12.0")
        status, versions = self.agents("/versions")
        self.assertEqual(status, 200, versions)
        old = {a["name"]: a for a in versions["behind"]}
        self.assertEqual(old["row-14"]["agent_version"], "0.9.3")
        self.assertNotIn("row-14-new", old)
        self.assertTrue(versions["brain_version"].startswith("1."))

    def test_row_15_upgraded_packages_take_the_banner_away(self):
        minted = self.brain.mint("row-15")
        agent = self.connected("row-15", minted, agent_version="0.9.3")
        self.assertEqual(self.brain.agent_named("row-15")["version_status"], "incompatible")
        agent.close()
        self.connected("row-15", minted, agent_version="1.12.0")
        wait_until(lambda: self.brain.agent_named("row-15")["version_status"] == "current", 20)
        self.assertNotIn("row-15", [a["name"] for a in self.agents("/versions")[1]["behind"]])

    def test_row_16_an_agent_one_major_behind_works(self):
        agent = self.connected("row-16", agent_version="0.9.3", worker_pid=None, runtime_features=None)
        self.failed_task(agent, "row-16-task")
        self.brain.ask("POST", "/api/v1/projects/default/commands/cancel-task", {"agent_id": self.brain.agent_named("row-16")["id"], "engine": "celery", "task_id": "row-16-task"})
        command = agent.command()
        self.assertEqual(command["payload"]["action"], "cancel_task")

    def test_row_16_another_protocol_is_refused_with_a_reason(self):
        agent = WireAgent(self.brain.url, self.brain.mint("row-16-protocol"))
        self.addCleanup(agent.close)
        agent.open()
        agent.send_text(agent.hello(protocol_version="1"))
        self.assertEqual(agent.closed(), 4426)
        self.assertRegex(agent.socket.reason, "protocol")

    # Names

    def test_row_22_a_name_that_is_taken_is_a_conflict_with_a_code_of_its_own(self):
        self.brain.mint("row-22")
        status, body = self.agents("", "POST", {"name": " row-22 "})
        self.assertEqual((status, body["error"], body["details"]["code"], body["details"]["name"]), (409, "conflict", "conflict_duplicate_name", "row-22"))

    def test_row_23_deleting_the_old_agent_frees_the_name(self):
        agent = self.connected("row-23")
        self.failed_task(agent, "row-23-task")
        self.assertEqual(self.agents(f"/{self.brain.agent_named('row-23')['id']}", "DELETE")[0], 204)
        self.assertEqual(agent.closed(), 4003)
        self.brain.mint("row-23")
        self.assertEqual(self.brain.task("celery", "row-23-task")["state"], "failure")

    # No mail with the reset link

    def test_row_27_a_reset_without_a_way_to_send_mail_says_so_in_the_log(self):
        told = "there is no way to send mail"
        self.assertNotIn(told, self.brain.log_text())
        status, body = self.brain.ask("POST", "/api/v1/auth/password-reset/request", {"email": EMAIL})
        self.assertEqual((status, body), (200, {"accepted": True}))
        wait_until(lambda: told in self.brain.log_text(), 20, tell=self.brain.log_text)

    # 503 on retry

    def test_row_34_a_retry_through_an_agent_that_left_is_503_at_once_and_never_runs(self):
        agent = self.connected("row-34")
        self.failed_task(agent, "row-34-task")
        agent_id = self.brain.agent_named("row-34")["id"]
        agent.close()
        wait_until(lambda: self.brain.agent_named("row-34")["state"] == "offline", 20)
        status, body = self.brain.ask("POST", "/api/v1/projects/default/commands/retry-task", {"agent_id": agent_id, "engine": "celery", "task_id": "row-34-task"})
        self.assertEqual((status, body["error"]), (503, "agent_offline"))
        command = next(c for c in self.brain.all_of("/commands?limit=100") if c["target_id"] == "celery:row-34-task")
        self.assertEqual(command["status"], "cancelled")

    def test_row_35_after_a_reconnect_or_through_another_agent_it_works(self):
        minted = self.brain.mint("row-35")
        engine = "dramatiq"  # no other agent here has it
        hello = {"engines": [engine], "capabilities": {engine: ["retry_by_reference_v1", "retry_task"]}}
        agent = self.connected("row-35", minted, **hello)
        self.failed_task(agent, "row-35-task", engine)
        agent.close()
        wait_until(lambda: self.brain.agent_named("row-35")["state"] == "offline", 20)
        retry = {"engine": engine, "task_id": "row-35-task"}
        self.assertEqual(self.brain.ask("POST", "/api/v1/projects/default/commands/retry-task", retry)[0], 503)
        for name, given in (("row-35", minted), ("row-35-other", None)):
            agent = self.connected(name, given, **hello)
            status, command = self.brain.ask("POST", "/api/v1/projects/default/commands/retry-task", retry)
            self.assertEqual(status, 202, command)
            asked = agent.command()
            self.assertEqual((asked["id"], asked["payload"]["target"]["engine"]), (command["id"], engine))
            agent.answer(asked, result={"new_task_id": f"{name}-again"})
            wait_until(lambda: self.brain.project(f"/commands/{command['id']}")["status"] == "completed", 20)
            agent.close()
            wait_until(lambda: self.brain.agent_named(name)["state"] == "offline", 20)


    # The brain is busy

    def test_row_31_who_sends_much_is_seen_by_agent(self):
        agent = self.connected("row-31")
        sent = agent.send_events(*(event("task.received", f"row-31-{i}", task_name="shop.add") for i in range(7)))
        agent.acked(sent)

        def persisted():
            found = re.search(r'z4j_events_persisted_total\{[^}]*agent="row-31"[^}]*\} (\d+)', self.brain.get("/metrics")[1])
            return int(found[1]) if found else 0
        wait_until(lambda: persisted() == 7, 30, tell=persisted)
        first = self.brain.project("/event-sources")["items"]
        self.assertEqual([source["events_persisted"] for source in first], sorted((source["events_persisted"] for source in first), reverse=True))
        self.assertEqual([7], [source["events_persisted"] for source in first if source["name"] == "row-31"])

    def test_row_32_a_giant_payload_is_cut_and_secrets_go(self):
        agent = self.connected("row-32")
        giant = ["x" * 60_000] * 10  # frames of agents hold a mebibyte; what is over 2 MiB by other ways is replaced whole
        sent = agent.send_events(event("task.received", "row-32-giant", task_name="shop.add", args=giant, kwargs={}),
                                 event("task.received", "row-32-small", task_name="shop.add", args=["token=abcdefghijklmnop"], kwargs={"password": "hunter2"}))
        agent.acked(sent)
        wait_until(lambda: self.brain.task("celery", "row-32-giant") and self.brain.task("celery", "row-32-small"), 30)
        self.assertLess(len(json.dumps(self.brain.task("celery", "row-32-giant"))), 200_000)
        self.assertEqual(self.brain.task("celery", "row-32-small")["kwargs"], {"password": "[REDACTED]"})


class OwnAgentTest(unittest.TestCase):
    """What an agent itself says: z4j-agent."""

    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="z4j_rows_")
        self.addCleanup(self.folder.cleanup)

    def environment(self, minted, **more):
        return {"PATH": os.environ["PATH"], "HOME": self.folder.name, "Z4J_HOME": self.folder.name, "Z4J_BRAIN_URL": self.brain.url, "Z4J_TOKEN": minted["token"], "Z4J_HMAC_SECRET": minted["hmac_secret"],
                "Z4J_PROJECT_ID": "default", "Z4J_BROKER_URL": "redis://127.0.0.1:1/0", **more}

    def run_agent(self, *words, **environment):
        return subprocess.run([AGENT, *words], env=environment, capture_output=True, text=True, timeout=60, check=False)

    def lines_until(self, pattern, environment, seconds=40):
        """Starts the agent; its lines up to the one that matches."""
        process = subprocess.Popen([AGENT], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        late = threading.Timer(seconds, process.kill)
        late.start()
        lines = []
        try:
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if re.search(pattern, line):
                    return lines
            self.fail(f"no line matches {pattern}: {lines}")
        finally:
            late.cancel()
            process.send_signal(signal.SIGTERM)
            process.stdout.read()
            process.stdout.close()
            process.wait(30)

    def test_row_01_boot_lines_are_tagged(self):
        minted = self.brain.mint("row-1")
        lines = self.lines_until("connected", self.environment(minted))
        for line in lines:
            self.assertTrue(line.startswith("[z4j]"), line)
        text = "\n".join(lines)
        self.assertRegex(text, r"\d+\.\d+\.\d+")
        self.assertIn("celery", text)
        self.assertIn(self.brain.url.split("//")[1], text)
        self.assertNotIn(minted["token"], text)
        self.assertNotIn(minted["hmac_secret"], text)

    def test_row_02_a_failed_handshake_is_one_line_with_cause_and_next_retry(self):
        minted = self.brain.mint("row-2")
        lines = self.lines_until(r"\b401\b", self.environment({**minted, "token": "x" * 43}))
        failed = [line for line in lines if re.search(r"\b401\b", line)]  # a port may hold these digits too
        self.assertEqual(len(failed), 1, lines)
        self.assertRegex(failed[0], r"^\[z4j\].*token.*\d+(\.\d+)? ?s")

    def test_row_03_plain_text_stays_on_the_loopback(self):
        minted = self.brain.mint("row-3")
        for url, good in (("wss://z4j.example.com", True), ("https://z4j.example.com", True), ("ws://127.0.0.1:7700", True), ("http://localhost:7700", True),
                          ("ws://z4j.example.com", False), ("http://z4j.example.com", False), ("ftp://z4j.example.com", False)):
            with self.subTest(url=url):
                done = self.run_agent("check-config", **self.environment(minted, Z4J_BRAIN_URL=url))
                self.assertEqual(done.returncode == 0, good, done.stdout + done.stderr)
                if not good:
                    self.assertIn("wss", done.stdout + done.stderr)

    def test_row_06_doctor_says_that_the_brain_cannot_be_reached(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}"
            done = self.run_agent("doctor", "--json", **self.environment(self.brain.mint("row-6"), Z4J_BRAIN_URL=url))
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["first_failure"], "tcp", done.stdout)


class SchedulesTest(unittest.TestCase):
    """Schedules that can't be changed from here."""
    SHELF = """
import sys
from celery import Celery
from celery.beat import PersistentScheduler
app = Celery(broker="memory://")
app.conf.beat_schedule = {"nightly": {"task": "shop.report", "schedule": 3600.0}}
beat = PersistentScheduler(app, schedule_filename=sys.argv[1])
beat.schedule
beat.sync()
beat.close()
"""

    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin()
        cls.addClassCleanup(cls.brain.remove)
        shelf = os.path.join(cls.brain.home, "celerybeat-schedule")
        subprocess.run(["/usr/bin/python3", "-c", cls.SHELF, shelf], check=True, timeout=60)
        cls.brain.config.write_text(f'[plugin.static]\nplugin = "scheduler-celery-beat"\n[plugin.static.settings]\nstore = "persistent"\npath = "{shelf}"\n')
        cls.brain.start().sign_in()

    def schedules(self):
        return {s["name"]: s for s in self.brain.project("/schedules")["items"]}

    def test_row_24_a_read_only_schedule_says_so_and_why(self):
        static = wait_until(lambda: self.schedules().get("nightly"), 60)
        self.assertEqual((static["read_only"], static["capabilities"]), (True, ["trigger"]))
        self.assertRegex(static["read_only_reason"], "^beat_static_schedule: .")
        status, refused = self.brain.ask("POST", f"/api/v1/projects/default/schedules/{static['id']}/disable")
        self.assertEqual((status, refused["details"]["reason"]), (409, "beat_static_schedule"))

    def test_row_25_each_backend_says_what_it_can(self):
        agent = WireAgent(self.brain.url, self.brain.mint("row-25"))
        self.addCleanup(agent.close)
        agent.connect(schedulers=["rq-scheduler"], runtime_features=[], capabilities={"rq-scheduler": ["list", "disable", "trigger_now", "delete"]})
        row = {"name": "hourly", "scheduler": "rq-scheduler", "engine": "rq", "task_name": "shop.report", "kind": "interval", "expression": "3600"}
        agent.acked(agent.send_events({"id": None, "engine": "rq-scheduler", "task_id": "", "kind": "schedule.snapshot", "occurred_at": None,
                                       "data": {"scheduler": "rq-scheduler", "schedules": [row], "reason": "boot"}}))
        told = self.schedules()["hourly"]
        self.assertEqual((told["read_only"], told["capabilities"]), (True, ["delete", "trigger"]))
        self.assertRegex(told["read_only_reason"], "^not_permitted: .")

    def test_row_26_the_overview_of_schedulers_explains_every_reason(self):
        page = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "operate" / "schedules.md").read_text(encoding="utf-8")
        for word in ("beat_static_schedule", "declared_in_code", "store_not_watched", "opaque_payload", "not_permitted", "backend_offline"):
            self.assertIn(f"| `{word}` |", page)


if __name__ == "__main__":
    unittest.main()
