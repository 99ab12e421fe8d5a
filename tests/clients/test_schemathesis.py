"""schemathesis reads the brain's own description and asks what it allows and forbids: no 500, no undescribed answer, and no operation left out."""
import collections
import json
import os
import pathlib
import re
import secrets
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import venvs
from place import Brain, wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from wire_agent import WireAgent, event  # noqa: E402

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SEED = os.environ.get("Z4J_SCHEMATHESIS_SEED", "1")
EXAMPLES = int(os.environ.get("Z4J_SCHEMATHESIS_EXAMPLES", "10"))  # of each operation, beside those that cover its description
SECONDS = 400 + 40 * EXAMPLES  # for a run at most
# What may end a session or change the account that asks: asked by an account that is there for it.
OF_AN_ACCOUNT = r"/auth/(logout|login|change-password|sessions|password-reset|mfa)|/user/"
ENDS_SESSION = r"/auth/(logout|sessions/.*/revoke)$"  # last of all: the tester finds the id of its own session
# Every request comes from an address of its own, as a proxy tells it, so that limits of what one address may ask stay out of the way.
HOOKS = """
import itertools
import ipaddress

import schemathesis

addresses = itertools.count(int(ipaddress.ip_address("10.0.0.1")))


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = str(ipaddress.ip_address(next(addresses)))
"""
# Nothing of these may be changed under the feet of the others.
LEFT_OUT = {
    "POST /api/v1/setup/complete": "there is an administrator",
    "PUT /api/v1/plugins/{instance}/settings": "it would stop the database",
    "POST /api/v1/plugins/{instance}/disable": "it would stop the database",
    "POST /api/v1/plugins/{instance}/enable": "it would start what is not configured",
    "DELETE /api/v1/plugins/{instance}/override": "it would start what is not configured",
    "POST /api/v1/projects/{slug}/schedules/{schedule_id}/enable": "what fires would make tasks meanwhile",
}
# Of these GETs nothing good can come here.
NEVER_2XX = {
    "/ws/dashboard": "a WebSocket", "/ws/agent": "a WebSocket", "/api/v1/agent/commands": "agents only",
    "/setup": "there is an administrator", "/api/v1/auth/oidc/start": "no provider", "/api/v1/auth/oidc/callback": "no provider",
    "/api/v1/plugins/{instance}": "no instance is configured", "/security.txt": "not configured",
    "/.well-known/security.txt": "not configured",
    "/api/v1/projects/{slug}/queues/{engine}/{queue}/waiting": "no engine is here to ask", "/api/v1/projects/{slug}/queues/{engine}/{queue}/dead-letters": "no engine is here to ask",
    "/api/v1/projects/{slug}/queue-copies/{copy_id}": "needs a purge", "/api/v1/projects/{slug}/worker-losses/{loss_id}": "needs a worker that vanishes",
    "/ext/{instance}/{path}": "no plugin's file has a name that is found by chance",
}


class SchemathesisTest(unittest.TestCase):
    def setUp(self):
        # Messages go to a port of this machine where nobody listens.
        self.brain = Brain.with_admin(Z4J_NOTIFICATIONS_INTERNAL_TARGETS="127.0.0.1:9", Z4J_TRUSTED_PROXIES="127.0.0.1").start().sign_in()
        self.addCleanup(self.brain.remove)
        folder = tempfile.TemporaryDirectory(prefix="z4j_schemathesis_")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.document = self.brain.read("/api/v1/openapi.json")
        self.asked = collections.defaultdict(set)  # "GET /path/{of}" -> statuses

    def made(self, path, body, status=201):
        seen, answer = self.brain.ask("POST", path, body)
        self.assertEqual(seen, status, (path, answer))
        return answer

    def seeded(self, trigger):
        """Ids of things that are there, by the names of their parameters."""
        mark, project = secrets.token_hex(4), "/api/v1/projects/default"
        minted = self.brain.mint(f"agent-{mark}")
        agent = WireAgent(self.brain.url, minted)
        agent.connect()
        self.addCleanup(agent.socket.close)
        task_id = f"task-{mark}"
        agent.acked(agent.send_events(event("task.received", task_id, name="t.seeded", queue="default", worker="w@seeded"), event("task.failed", task_id, exception="seeded")))
        agent.heartbeat()
        task = wait_until(lambda: self.brain.task("celery", task_id))
        made = {"agent_id": minted["agent"]["id"], "task_id": task["task_id"], "engine": "celery", "queue": "default", "slug": "default"}
        made["schedule_id"] = self.made(f"{project}/schedules", {"name": f"s-{mark}", "kind": "interval", "expression": "3600", "task_name": "t.seeded", "engine": "celery", "is_enabled": False})["id"]
        made["selection_id"] = self.made(f"{project}/selections", {"action": "retry", "task_ids": [task["id"]]})["id"]
        wait_until(lambda: self.brain.project(f"/selections/{made['selection_id']}")["state"] == "ready")
        made["job_id"] = self.made(f"{project}/bulk-jobs", {"selection_id": made["selection_id"]})["id"]
        made["command_id"] = self.made(f"{project}/commands/retry-task", {"engine": "celery", "task_id": task_id}, 202)["id"]
        webhook = {"name": f"c-{mark}", "type": "webhook", "config": {"url": "https://127.0.0.1:9/z4j"}}
        made["channel_id"] = self.made(f"{project}/notifications/channels", webhook)["id"]
        made["default_id"] = self.made(f"{project}/notifications/defaults", {"trigger": trigger})["id"]
        made["user_id"] = self.made("/api/v1/users", {"email": f"u-{mark}@example.org", "password": secrets.token_urlsafe(15) + "aA1"})["id"]
        made["membership_id"] = self.made(f"{project}/memberships", {"user_id": made["user_id"], "role": "viewer"})["id"]
        invited = self.made(f"{project}/invitations", {"email": f"i-{mark}@example.org", "role": "viewer"})
        made["invitation_id"], made["token"] = invited["invitation"]["id"], invited["token"]
        made["key_id"] = self.made("/api/v1/api-keys", {"name": f"k-{mark}"})["id"]
        workers = wait_until(lambda: self.brain.project("/workers"))
        made["worker_id"] = workers[0]["id"]
        return made

    def run_it(self, name, session, parameters, of_delete, *words):
        """One run by that session's account; what it asked goes to self.asked."""
        config = ['hooks = "hooks"', "[parameters]", *(f'"path.{param}" = "{value}"' for param, value in parameters.items()), "[checks.not_a_server_error]",
                  'expected-statuses = ["2xx", "3xx", "4xx", 503]',  # 503 is the answer for who is away
                  "[[operations]]", 'include-method = "DELETE"', "[operations.parameters]", *(f'"path.{param}" = "{value}"' for param, value in of_delete.items()),
                  "[[operations]]", 'include-path = "/api/v1/invitations/preview"', "[operations.parameters]", f'"query.token" = "{self.token}"']
        folder = self.folder / name
        folder.mkdir()
        (folder / "schemathesis.toml").write_text("\n".join(config) + "\n")
        (folder / "openapi.json").write_text(json.dumps(self.document))
        (folder / "hooks.py").write_text(HOOKS)
        csrf = next(value for name, value in session.items() if name.endswith("csrf"))
        program = pathlib.Path(venvs.python("schemathesis")).parent / "schemathesis"
        ran = subprocess.run([program, "run", "openapi.json", "--url", self.brain.url, "--checks", CHECKS, "--max-examples", str(EXAMPLES), "--workers", "1",
                              "--phases", "coverage,fuzzing", "--seed", SEED, "--no-shrink", "--continue-on-failure",
                              "--suppress-health-check", "all", "--request-timeout", "20", "--report", "har", "--report-har-path", "asked.har",
                              "-H", "Cookie: " + "; ".join(f"{name}={value}" for name, value in session.items()), "-H", f"X-CSRF-Token: {csrf}", *words],
                             cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False)
        self.assertEqual(ran.returncode, 0, f"seed {SEED}: {ran.stdout[-20_000:]}{ran.stderr[-2000:]}")
        patterns = [(re.compile(re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(path)) + "$"), path) for path in sorted(self.document["paths"], key=lambda path: path.count("{"))]
        for entry in json.loads((folder / "asked.har").read_text())["log"]["entries"]:
            method, path = entry["request"]["method"], urllib.parse.urlsplit(entry["request"]["url"]).path
            template = next((template for pattern, template in patterns if pattern.match(path)), None)
            self.asked[f"{method} {template}"].add(entry["response"]["status"])

    def test_no_fault_no_undescribed_answer_and_nothing_left_out(self):
        begun = time.monotonic()
        kept, deleted = self.seeded("task.succeeded"), self.seeded("task.retried")
        del deleted["slug"], deleted["engine"], deleted["queue"], deleted["token"]
        self.token = kept.pop("token")
        # What an account does to itself is asked by one that may come to harm. It signs in before the run uses up the tries.
        first, password = (secrets.token_urlsafe(15) + "aA1" for _ in range(2))
        self.made("/api/v1/users", {"email": "spare@example.org", "password": first, "is_admin": True})
        admin = dict(self.brain.cookies)
        self.brain.sign_in("spare@example.org", first)
        self.made("/api/v1/auth/change-password", {"current_password": first, "new_password": password}, 200)
        own = {"channel_id": self.made("/api/v1/user/channels", {"name": "own", "type": "webhook", "config": {"url": "https://127.0.0.1:9/z4j"}})["id"]}
        spare, self.brain.cookies = self.brain.cookies, dict(admin)

        left_out = [word for name in LEFT_OUT for word in ("--exclude-path", name.split()[1])]
        self.run_it("all", admin, kept, deleted, "--exclude-path-regex", OF_AN_ACCOUNT, *left_out)
        status, me = self.brain.ask("GET", "/api/v1/auth/me")
        self.assertEqual((status, me.get("is_admin")), (200, True), "the session did not hold")
        self.run_it("account", spare, own, {}, "--include-path-regex", OF_AN_ACCOUNT, "--exclude-path-regex", ENDS_SESSION)
        self.run_it("leaving", spare, {}, {}, "--include-path-regex", ENDS_SESSION)
        self.assertEqual(self.brain.ask("GET", "/api/v1/auth/me")[0], 200, "the session did not hold")

        every = {f"{method.upper()} {path}" for path, operations in self.document["paths"].items() for method in operations}
        self.assertEqual(sorted((set(LEFT_OUT) | {f"GET {path}" for path in NEVER_2XX}) - every), [], "not there any more")
        self.assertEqual(sorted(every - set(self.asked) - set(LEFT_OUT)), [], "never asked")
        bare = [(name, self.asked[name]) for name in sorted(every) if name.startswith("GET ") and name[4:] not in NEVER_2XX and not any(200 <= status < 300 for status in self.asked[name])]
        self.assertEqual(bare, [], "no GET of these was answered with what it is for")
        self.assertIsNone(self.brain.process.poll())
        print(f"{sum(map(len, self.asked.values()))} kinds of answers of {len(every)} operations in {time.monotonic() - begun:.0f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
