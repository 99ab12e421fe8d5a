"""Connections of PyPI's agents: a brain that goes away, tokens that change, long-poll, TLS."""
import pathlib
import signal
import sys
import tempfile
import unittest

from place import Brain, Place, free_port, variables, wait_reporting, wait_until

APPS = pathlib.Path(__file__).resolve().parent / "apps"
sys.path.append(str(APPS.parent.parent / "support"))
import certificate  # noqa: E402


class Connection(unittest.TestCase):
    VENV = "bare"

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="z4j_connection_")
        self.addCleanup(self.folder.cleanup)
        self.brain = Brain.with_admin("", Z4J_BIND_PORT=str(free_port()), **self.more_settings()).start().sign_in()
        self.addCleanup(self.brain.remove)
        self.place = Place(self.VENV)
        self.addCleanup(self.place.stop)

    def more_settings(self):
        return {}

    def start_worker(self, **more):
        self.minted = self.brain.mint("worker")
        self.agent = {**variables(self.minted, self.brain.url), "Z4J_AGENT_ID": self.minted["agent"]["id"], **more}
        self.place.celery_worker("c1", "bare_celery", self.agent, "orders")
        self.wait_online()
        self.probes = self.wait_reporting()

    def wait_reporting(self):
        return wait_reporting(self.brain, lambda: self.place.send_celery("shop.add", 0, 0), self.tell)

    def wait_online(self, state="online", seconds=90):
        wait_until(lambda: self.brain.agent_named("worker")["state"] == state, seconds, tell=self.tell)

    def tell(self):
        return f"{self.brain.project('/agents')}\n{self.place.log_of('c1')[-4000:]}\n{self.brain.log_text()[-4000:]}"

    def state(self, task_id, wanted, seconds=90):
        seen = {}

        def reached():
            seen.update(self.brain.task("celery", task_id) or {})
            return seen.get("state") == wanted

        wait_until(reached, seconds, tell=lambda: f"{seen}\n{self.tell()}")
        return seen

    def ran(self, task_id):
        wait_until(lambda: self.place.runs(task_id) == 1, 30)


class RestartTest(Connection):
    def test_nothing_is_lost_or_doubled_over_a_brain_restart(self):
        self.start_worker()
        before = [self.place.send_celery("shop.add", i, i) for i in range(3)]
        for task_id in before:
            self.state(task_id, "success")
        self.brain.kill()
        meanwhile = [self.place.send_celery("shop.add", i, i) for i in range(5)] + [self.place.send_celery("shop.charge_card", 1, 2)]
        for task_id in meanwhile:
            self.ran(task_id)
        self.brain.start().sign_in()
        self.wait_online()
        for task_id in meanwhile[:-1]:
            self.state(task_id, "success")
        self.state(meanwhile[-1], "failure")
        after = self.place.send_celery("shop.add", 9, 9)
        self.state(after, "success")
        tasks = self.brain.all_of("/tasks?limit=100")
        self.assertEqual(sorted(t["task_id"] for t in tasks), sorted([*self.probes, *before, *meanwhile, after]))
        events = self.brain.all_of(f"/events?engine=celery&task_id={meanwhile[0]}&limit=100")
        ids = [(e["kind"], e["occurred_at"]) for e in events]
        self.assertEqual(len(ids), len(set(ids)), events)


class TokenTest(Connection):
    def restart_worker(self, token):
        self.place.end("c1", signal.SIGTERM)
        self.place.celery_worker("c1", "bare_celery", {**self.agent, "Z4J_TOKEN": token}, "orders")

    def change(self, what, body=None):
        status, answer = self.brain.ask("POST", f"/api/v1/projects/default/agents/{self.minted['agent']['id']}/{what}", body or {})
        self.assertLess(status, 300, answer)
        return answer

    def test_a_rotated_token_is_good_for_an_overlap_and_the_agent_stays_the_same(self):
        self.start_worker()
        rotated = self.change("rotate-token", {"overlap_seconds": 3600})
        self.assertNotEqual(rotated["token"], self.minted["token"])
        self.restart_worker(self.minted["token"])  # not yet reconfigured
        self.wait_reporting()
        self.restart_worker(rotated["token"])
        self.wait_reporting()
        self.assertEqual(self.brain.agent_named("worker")["id"], self.minted["agent"]["id"])

    def test_a_revoked_agent_is_cut_off_and_its_worker_works_on(self):
        self.start_worker()
        self.change("revoke")
        self.wait_online("offline")
        task_id = self.place.send_celery("shop.add", 1, 1)
        self.ran(task_id)
        rotated = self.change("rotate-token", {"overlap_seconds": 0})
        self.restart_worker(rotated["token"])
        self.wait_online()
        self.wait_reporting()


class TlsConnection(Connection):
    def more_settings(self):
        self.cert, key, _ = certificate.make(self.folder.name)
        return {"Z4J_TLS_CERTIFICATE_FILE": str(self.cert), "Z4J_TLS_KEY_FILE": str(key)}

    def check_reports_and_obeys(self, **arguments):
        flag = pathlib.Path(self.place.folder, "bank-open")
        old = self.place.send_celery("shop.charge_when_open", str(flag), 42)
        self.state(old, "failure")
        flag.touch()
        given = {"override_args": [str(flag), 42], "override_kwargs": {}} if arguments else {}
        command = self.brain.command("retry-task", 90, engine="celery", task_id=old, **given)
        self.assertEqual(command["status"], "completed", command)
        self.state(command["result"]["new_task_id"], "success")


class TlsTest(TlsConnection):
    def test_websocket_over_tls(self):
        self.start_worker(SSL_CERT_FILE=str(self.cert))
        self.check_reports_and_obeys()

    def test_long_poll_reports_obeys_and_survives_a_brain_restart(self):
        self.start_worker(SSL_CERT_FILE=str(self.cert), Z4J_TRANSPORT="longpoll")
        self.check_reports_and_obeys()
        self.brain.kill()
        meanwhile = [self.place.send_celery("shop.add", i, i) for i in range(3)]
        for task_id in meanwhile:
            self.ran(task_id)
        self.brain.start().sign_in()
        for task_id in meanwhile:
            self.state(task_id, "success")
        self.wait_online()


class OldestTlsTest(TlsConnection):
    VENV = "oldest"

    def test_long_poll_with_ids_in_the_configuration(self):
        """Releases before 1.7 sign with the ids that they are told, and ask the brain for none."""
        self.place.celery_worker("c1", "celery_app", {}, "orders")
        minted = self.brain.mint("worker")
        self.place.run_child("console", ["python", str(APPS / "bare_both.py")], {
            **variables(minted, self.brain.url), "SSL_CERT_FILE": str(self.cert), "Z4J_TRANSPORT": "longpoll",
            "Z4J_AGENT_ID": minted["agent"]["id"], "Z4J_PROJECT_ID": minted["agent"]["project_id"]})
        self.wait_online()
        self.wait_reporting()
        self.check_reports_and_obeys(given=True)


if __name__ == "__main__":
    unittest.main()
