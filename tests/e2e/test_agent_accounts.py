"""Agents elsewhere as accounts on a real brain: their tokens, the commands they get, and cancels that outlive the workers which heard them."""
import pathlib
import re
import sys
import unittest
import uuid

import database
from brain import Brain, wait_until
from demo_fleet import DemoFleet

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from wire_agent import CELERY, Closed, WireAgent, event  # noqa: E402


class AccountsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()

    def agents(self, path, method="POST", body=None):
        status, answer = self.brain.ask(method, f"/api/v1/projects/default/agents{path}", body)
        self.assertLess(status, 300, answer)
        return answer

    def connected(self, minted, **hello):
        agent = WireAgent(self.brain.url, minted)
        self.addCleanup(agent.close)
        agent.connect(**hello)
        wait_until(lambda: self.brain.agent_named(minted["agent"]["name"])["state"] == "online", 30)
        return agent

    def is_refused(self, minted):
        try:
            WireAgent(self.brain.url, minted).open()
        except AssertionError as refusal:
            return "401" in str(refusal)
        return False

    def ask(self, verb, **body):
        status, command = self.brain.ask("POST", f"/api/v1/projects/default/commands/{verb}", body)
        self.assertEqual(status, 202, command)
        return command

    def over(self, command):
        def is_over():
            command.update(self.brain.project(f"/commands/{command['id']}"))
            return command["status"] not in ("pending", "dispatched")

        wait_until(is_over, 60, tell=lambda: command)
        return command

    def test_a_rotated_token_overlaps_and_a_revoked_one_ends_the_connection(self):
        minted = self.brain.mint("rotated")
        path = f"/{minted['agent']['id']}"
        agent = self.connected(minted)
        rotated = self.agents(f"{path}/rotate-token", body={"overlap_seconds": 3600})
        agent.heartbeat()  # the old token's connection goes on
        self.connected({**minted, "token": rotated["token"]})
        self.connected(minted).close()
        self.agents(f"{path}/rotate-token", body={"overlap_seconds": 0})
        self.assertEqual(agent.closed(), 4003)
        self.assertTrue(self.is_refused(minted))
        last = self.agents(f"{path}/rotate-token", body={"overlap_seconds": 3600})
        agent = self.connected({**minted, "token": last["token"]})
        self.agents(f"{path}/revoke")
        self.assertEqual(agent.closed(), 4003)
        self.assertTrue(self.is_refused({**minted, "token": last["token"]}))
        shown = self.agents(path, "GET")
        self.assertTrue(shown["is_revoked"])
        wait_until(lambda: self.agents(path, "GET")["state"] == "offline", 30)
        connections = self.agents(f"{path}/connections", "GET")["items"]
        wait_until(lambda: self.agents(f"{path}/connections", "GET")["items"][0]["close_code"] == 4003, 30, tell=lambda: connections)

    def test_a_deleted_agent_leaves_its_tasks(self):
        minted = self.brain.mint("deleted")
        agent = self.connected(minted)
        task = str(uuid.uuid4())
        agent.acked(agent.send_events(event("task.started", task, task_name="shop.add")))
        self.assertEqual(self.brain.ask("DELETE", f"/api/v1/projects/default/agents/{minted['agent']['id']}")[0], 204)
        self.assertEqual(agent.closed(), 4003)
        self.assertTrue(self.is_refused(minted))
        self.assertEqual(self.brain.task("celery", task)["state"], "started")
        self.assertNotIn("deleted", [a["name"] for a in self.brain.project("/agents")])
        self.brain.mint("deleted")

    def test_orders_reach_the_agent_whose_engine_they_mean(self):
        agent = self.connected(self.brain.mint("ordered"), engines=["celery"], capabilities={"celery": CELERY})
        of = agent.ids["agent_id"]
        wanted = [
            ("restart-worker", {"worker_name": "w1"}, "restart_worker", {"worker_name": "w1"}),
            ("pool-resize", {"worker_name": "w1", "delta": 2}, "pool_grow", {"worker_name": "w1", "delta": 2}),
            ("pool-resize", {"worker_name": "w1", "delta": -1}, "pool_shrink", {"worker_name": "w1", "delta": 1}),
            ("add-consumer", {"worker_name": "w1", "queue": "q"}, "add_consumer", {"worker_name": "w1", "queue": "q"}),
            ("cancel-consumer", {"worker_name": "w1", "queue": "q"}, "cancel_consumer", {"worker_name": "w1", "queue": "q"}),
            ("rate-limit", {"task_name": "shop.add", "rate": "10/m"}, "rate_limit", {"task_name": "shop.add", "rate": "10/m"}),
        ]
        for verb, body, action, parameters in wanted:
            with self.subTest(verb=verb, action=action):
                asked = self.ask(verb, agent_id=of, engine="celery", **body)
                self.assertEqual(asked["action"], action)
                frame = agent.command()
                self.assertEqual(frame["payload"]["action"], action)
                self.assertEqual(frame["payload"]["target"]["engine"], "celery")
                self.assertLessEqual(parameters.items(), frame["payload"]["parameters"].items())
                agent.answer(frame, result={"worker": "w1"})
                self.assertEqual(self.over(asked)["status"], "completed", asked)

    def test_a_command_waits_for_the_agent_that_comes_later(self):
        minted = self.brain.mint("late")
        task = str(uuid.uuid4())
        status, refused = self.brain.ask("POST", "/api/v1/projects/default/commands/retry-task", {"engine": "celery", "task_id": task, "agent_id": minted["agent"]["id"]})
        self.assertEqual((status, refused["error"]), (503, "agent_offline"))
        asked = self.ask("retry-task", engine="celery", task_id=task, agent_id=minted["agent"]["id"], queue_if_offline=True)
        self.assertEqual(asked["status"], "pending")
        agent = self.connected(minted)
        frame = agent.command(40)
        self.assertEqual(frame["payload"]["parameters"]["task_id"], task)
        agent.answer(frame, result={"new_task_id": "again"})
        self.assertEqual(self.over(asked)["status"], "completed", asked)
        with self.assertRaises((AssertionError, Closed, OSError)):  # and once only; the cancelled one never
            agent.socket.socket.settimeout(3)
            agent.command(3)


if database.KIND == "postgresql":  # nobody shares SQLite
    class TwoBrainsTest(unittest.TestCase):
        """An agent that is connected to the one brain, and people who speak to the other."""

        def setUp(self):
            self.a = Brain.with_admin().start()
            self.addCleanup(self.a.remove)
            self.b = Brain(like=self.a).start()
            self.addCleanup(self.b.remove)
            self.a.sign_in()
            self.minted = self.a.mint("shared")
            self.agent = WireAgent(self.b.url, self.minted)
            self.addCleanup(self.agent.close)
            self.agent.connect(engines=["celery"], capabilities={"celery": CELERY})
            wait_until(lambda: self.a.agent_named("shared")["state"] == "online", 30)

        def asked(self, **body):
            """The command, once the other brain is known to hold the agent."""
            status, command = self.a.ask("POST", "/api/v1/projects/default/commands/retry-task", {"engine": "celery", "override_args": [], "override_kwargs": {}, **body})
            return command if status == 202 else None

        def test_a_command_given_to_one_reaches_the_agent_on_the_other(self):
            task = str(uuid.uuid4())
            command = wait_until(lambda: self.asked(task_id=task, idempotency_key=task), 30, every=1)
            frame = self.agent.command(40)
            self.assertEqual(frame["payload"]["parameters"]["task_id"], task)
            self.agent.answer(frame, result={"new_task_id": "again"})
            wait_until(lambda: self.a.project(f"/commands/{command['id']}")["status"] == "completed", 60)

        def test_a_revocation_at_one_ends_the_connection_at_the_other(self):
            self.a.ask("POST", f"/api/v1/projects/default/agents/{self.minted['agent']['id']}/revoke", {})
            self.assertEqual(self.agent.closed(40), 4003)
            wait_until(lambda: self.a.agent_named("shared")["state"] == "offline", 30)

        def test_the_agent_of_a_killed_brain_becomes_offline_and_is_welcome_at_the_other(self):
            self.b.kill()
            wait_until(lambda: self.a.agent_named("shared")["state"] == "offline", 90)
            self.agent = WireAgent(self.a.url, self.minted)
            self.addCleanup(self.agent.close)
            self.agent.connect()
            wait_until(lambda: self.a.agent_named("shared")["state"] == "online", 30)


class RevocationTest(unittest.TestCase):
    """Real Celery workers, started after the cancel."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet(0)
        cls.addClassCleanup(cls.fleet.remove)
        cls.brain = Brain.with_admin(cls.fleet.brain_config()).start()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.sign_in()

    def workers(self):
        return {w["name"]: w["state"] for w in self.brain.project("/workers") if w["engine"] == "celery"}

    def said_again(self):
        _, metrics = self.brain.get("/metrics")
        return int(re.search(r"^z4j_revocations_asserted_total (\d+)$", metrics, re.M).group(1))

    def test_a_worker_that_starts_after_the_cancel_drops_the_task(self):
        wait_until(lambda: set(self.workers().values()) == {"online"}, 60, tell=self.workers)
        for child in ("celery-orders", "celery-reports"):
            self.fleet.stop(child)
        # Reserved by a worker that died, say: in no queue, and nobody is there to be told.
        task = str(uuid.uuid4())
        cancelled = wait_until(lambda: self.cancelled(task), 60, every=1)
        self.assertEqual(cancelled["result"]["outcome"], "sent", cancelled)
        self.assertTrue(cancelled["result"]["remembered"], cancelled)
        before = self.said_again()
        self.fleet.start("celery-orders")
        wait_until(lambda: self.said_again() > before, 90, tell=self.said_again)
        # It comes back, as the broker gives unacknowledged messages back.
        self.assertEqual(self.fleet.send("celery", "shop.add", 1, 2, options={"task_id": task}), task)
        wait_until(lambda: (self.brain.task("celery", task) or {}).get("state") == "revoked", 60, tell=lambda: self.brain.task("celery", task))
        self.assertEqual(self.fleet.runs(task), 0)
        done = self.fleet.send("celery", "shop.add", 1, 2)
        wait_until(lambda: (self.brain.task("celery", done) or {}).get("state") == "success", 60)
        self.assertEqual(self.fleet.runs(done), 1)

    def cancelled(self, task):
        """The cancel, once the engine has seen that no worker is there."""
        command = self.brain.command("cancel-task", engine="celery", task_id=task)
        return command if command["result"] and command["result"].get("nobody_listens") else None


if __name__ == "__main__":
    unittest.main()
