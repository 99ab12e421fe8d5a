"""Agents over the network as a small client sees them: handshakes, events, commands, long-poll, outages and cuts."""
import hashlib
import hmac
import json
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time
import unittest
import uuid

import database
from brain import Brain, wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from wire_agent import Closed, WireAgent, canonical, event, now_text  # noqa: E402

PAUSE_SECONDS = int(os.environ.get("Z4J_TEST_PAUSE_S", "45"))
CUT_SECONDS = int(os.environ.get("Z4J_TEST_CUT_S", "60"))


class Cut:
    """A way to the brain that can be cut: connections stay open, and nothing passes."""

    def __init__(self, port):
        self.port, self.is_cut, self.pairs = port, threading.Event(), []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            if self.is_cut.is_set():
                client.close()
                continue
            server = socket.create_connection(("127.0.0.1", self.port))
            self.pairs += [client, server]
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one, other):
        try:
            while data := one.recv(65536):
                while self.is_cut.is_set():
                    time.sleep(0.05)
                other.sendall(data)
        except OSError:
            pass
        for end in (one, other):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def drop(self):
        """Both sides see their connections end."""
        for end in self.pairs:
            end.close()
        self.pairs = []

    def close(self):
        self.listener.close()
        self.is_cut.clear()
        self.drop()


class Buffer:
    """The part of an agent that keeps events until they are acknowledged, and sends them again."""

    def __init__(self, agent):
        self.agent, self.kept = agent, {}

    def add(self, *events):
        self.kept[f"ev_{uuid.uuid4().hex}"] = list(events)

    def drain(self, seconds=60):
        """Sends all that is kept until all is acknowledged."""
        end = time.monotonic() + seconds
        while self.kept:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.kept)} frames without an ack")
            try:
                if self.agent.socket is None:
                    self.agent.connect()
                sent = list(self.kept)[:200]
                for frame_id in sent:
                    self.agent.send_events(*self.kept[frame_id], frame_id=frame_id)
                for frame_id in sent:
                    self.agent.acked(frame_id, 20)
                    del self.kept[frame_id]
            except (OSError, AssertionError, Closed):
                self.agent.close()
                time.sleep(0.2)


class AgentsTest(unittest.TestCase):
    def brain(self, **environment):
        brain = Brain.with_admin("", **environment).start()
        self.addCleanup(brain.remove)
        return brain.sign_in()

    def agent(self, brain, minted, **kept):
        agent = WireAgent(brain.url, minted, **kept)
        self.addCleanup(agent.close)
        return agent

    def story(self, n, name="app.add"):
        task = f"{name}-{n}"
        return task, [event("task.received", task, task_name=name, queue="celery", args=[n], kwargs={}), event("task.started", task, task_name=name, worker="w@host"),
                      event("task.succeeded", task, task_name=name, result=n, runtime_ms=3)]

    def states(self, brain):
        return {t["task_id"]: t["state"] for t in brain.all_of("/tasks?limit=200")}

    def test_an_agent_connects_reports_and_obeys(self):
        brain = self.brain()
        agent = self.agent(brain, brain.mint("web"))
        ack = agent.connect()
        self.assertEqual((ack["protocol_version"], ack["brain_version"]), ("2", "1.12.0"))
        seen = wait_until(lambda: next((a for a in brain.project("/agents") if a["state"] == "online"), None))
        self.assertEqual((seen["name"], seen["engine_adapters"], seen["protocol_version"]), ("web", ["celery"], "2"))
        task, events = self.story(1)
        told = agent.acked(agent.send_events(*events))
        self.assertEqual((told["received"], told["accepted"], told["rejected"]), (3, 3, 0))
        stored = wait_until(lambda: brain.task("celery", task))
        self.assertEqual((stored["state"], stored["name"], stored["queue"], stored["worker_name"]), ("success", "app.add", "celery", "w@host"))
        again = agent.acked(agent.send_events(*events))
        self.assertEqual((again["received"], again["accepted"], again["rejected"]), (3, 0, 3))
        agent.heartbeat(adapter_health={"celery.broker_type": "redis", "celery.queue_depths": json.dumps({"celery": 12}),
                                        "celery.worker_details": json.dumps({"w@host": {"registered": ["app.add", "app.mul"]}})})
        wait_until(lambda: any(q["name"] == "celery" and q["pending_count"] == 12 for q in brain.project("/queues")), tell=lambda: brain.project("/queues"))
        got = {}
        asking = threading.Thread(target=lambda: got.update(brain.command("retry-task", engine="celery", task_id=task)))
        asking.start()
        command = agent.command()
        self.assertEqual((command["payload"]["action"], command["payload"]["target"]["engine"], command["payload"]["parameters"]["task_id"]), ("retry_task", "celery", task))
        self.assertIsNone(command["payload"]["parameters"]["args"])
        agent.answer(command, result={"new_task_id": "again-1", "task_name": "app.add", "priority": None})
        asking.join()
        self.assertEqual(got["status"], "completed", got)
        agent.close()
        wait_until(lambda: brain.agent_named("web")["state"] == "offline")
        status, body = brain.ask("POST", "/api/v1/projects/default/commands/retry-task", {"engine": "celery", "task_id": task})
        self.assertEqual((status, body["error"]), (503, "agent_offline"), body)

    def test_who_is_not_let_in(self):
        brain = self.brain()
        minted = brain.mint("web")
        stranger = WireAgent(brain.url, {**minted, "token": "x" * 43})
        with self.assertRaises(AssertionError) as refused:
            stranger.connect()
        self.assertIn("401", str(refused.exception))
        status, body = brain.get("/ws/agent")
        self.assertEqual(status, 426)
        self.assertIn("proxy", json.dumps(body))
        for code, changes in ((4426, {"protocol_version": "3"}), (4400, {"engines": "celery"}), (4400, {"framework": None})):
            agent = self.agent(brain, minted)
            agent.open()
            agent.send_text(agent.hello(**changes))
            self.assertEqual(agent.closed(), code, changes)
        agent = self.agent(brain, minted)
        agent.open()
        agent.send_text("no json")
        self.assertEqual(agent.closed(), 4400)

    def test_false_frames_close_and_store_nothing(self):
        brain = self.brain()
        minted = brain.mint("web")

        def closed_after(send):
            agent = self.agent(brain, minted)
            agent.connect()
            try:
                send(agent)
                return agent.closed()
            except ConnectionError:
                return 1006  # closed while we were sending, and the close frame was lost in the reset

        task, events = self.story(1)

        def tampered(agent):
            frame = agent.sign("event_batch", {"events": events})
            frame["payload"]["events"][0]["task_id"] = "other"
            agent.send_text(json.dumps(frame))

        def replayed(agent):
            frame = json.dumps(agent.sign("heartbeat", {}))
            agent.send_text(frame)
            agent.send_text(frame)

        self.assertEqual(closed_after(tampered), 4403)
        self.assertEqual(closed_after(replayed), 4403)
        self.assertEqual(closed_after(lambda a: a.send("event_batch", {"events": events}, ts=now_text(-120))), 4403)
        self.assertEqual(closed_after(lambda a: a.send("event_batch", {"events": events}, ts=now_text(120))), 4403)
        self.assertEqual(closed_after(lambda a: a.send_text(json.dumps(a.sign("event_batch", {"events": events}))[:100])), 1011)
        self.assertIn(closed_after(lambda a: a.send_text(" " * (1 << 20) + "{}")), (1009, 1006))
        self.assertIsNone(brain.task("celery", task))
        self.assertEqual(brain.process.poll(), None)

    def test_a_newer_connection_of_a_slot_replaces_the_old_one(self):
        brain = self.brain()
        minted = brain.mint("web")
        old = self.agent(brain, minted, worker_id="one")
        old.connect()
        new = self.agent(brain, minted, worker_id="one")
        new.connect()
        self.assertEqual(old.closed(), 4002)
        task, events = self.story(2)
        new.acked(new.send_events(*events))
        self.assertEqual(brain.agent_named("web")["state"], "online")

    def test_nothing_is_lost_over_a_restart(self):
        brain = self.brain()
        minted = brain.mint("web")
        agent = self.agent(brain, minted)
        buffer = Buffer(agent)
        wanted = {}
        for n in range(60):
            task, events = self.story(n)
            wanted[task] = "success"
            for one in events:
                buffer.add(one)
            if n == 30:
                agent.connect()
                for frame_id, kept in list(buffer.kept.items())[:50]:
                    agent.send_events(*kept, frame_id=frame_id)  # nobody waits for these acks
                brain.kill()
                agent.close()
                brain.start()
                agent.url = brain.url
        buffer.drain()
        wait_until(lambda: self.states(brain) == wanted, tell=lambda: self.states(brain))

    @unittest.skipUnless(database.KIND == "postgresql", "SQLite is no process that could be stopped")
    def test_a_paused_store_makes_nobody_offline_and_loses_nothing(self):
        brain = self.brain(Z4J_INGEST_QUEUE_BYTES="1MiB")
        agent = self.agent(brain, brain.mint("web"))
        buffer = Buffer(agent)
        agent.connect()
        wait_until(lambda: brain.agent_named("web")["state"] == "online")
        server = database.server()
        stopped = [int(p) for p in os.listdir("/proc") if p.isdigit() and self.parent_of(p) == server.pid] + [server.pid]
        wanted = {}
        try:
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            end, n = time.monotonic() + PAUSE_SECONDS, 0
            while time.monotonic() < end:
                for _ in range(10):
                    task, events = self.story(n)
                    wanted[task], n = "success", n + 1
                    for one in events:
                        buffer.add(one)
                if len(buffer.kept) < 4000:
                    for frame_id, kept in list(buffer.kept.items())[-30:]:
                        agent.send_events(*kept, frame_id=frame_id)
                agent.heartbeat()
                time.sleep(0.5)
        finally:
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)
        states = set()

        def recovered():
            states.add(brain.agent_named("web")["state"])
            return self.states(brain).items() >= {list(wanted.items())[0]}

        buffer.drain(120)
        wait_until(recovered, 60)
        self.assertEqual(states, {"online"})
        wait_until(lambda: self.states(brain) == wanted, 60, tell=lambda: f"{len(self.states(brain))} of {len(wanted)}")

    def parent_of(self, pid):
        try:
            return int(re.search(r"^PPid:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M).group(1))
        except OSError:
            return 0

    def test_after_a_cut_network_all_is_as_if_it_had_not_been_cut(self):
        brain = self.brain()
        cut = Cut(int(brain.url.rsplit(":", 1)[1]))
        self.addCleanup(cut.close)
        agent = self.agent(brain, brain.mint("web"))
        agent.url, agent.timeout = cut.url, 5
        buffer = Buffer(agent)
        agent.connect()
        wanted, end, n = {}, time.monotonic() + CUT_SECONDS, 0
        cut.is_cut.set()
        while time.monotonic() < end:
            task, events = self.story(n)
            wanted[task], n = "success", n + 1
            for one in events:
                buffer.add(one)
            if n % 20 == 0 and agent.socket:
                try:
                    for frame_id, kept in list(buffer.kept.items())[-20:]:
                        agent.send_events(*kept, frame_id=frame_id)
                except OSError:
                    agent.close()
            time.sleep(0.2)
        cut.drop()
        cut.is_cut.clear()
        agent.close()
        buffer.drain(120)
        wait_until(lambda: self.states(brain) == wanted, 60, tell=lambda: f"{len(self.states(brain))} of {len(wanted)}")

    @unittest.skipUnless(database.KIND == "postgresql", "several brains need PostgreSQL")
    def test_a_command_given_to_another_brain_arrives_and_agents_move_when_theirs_is_killed(self):
        a = self.brain()
        b = Brain("", like=a)
        b.password = a.password
        b.start()
        self.addCleanup(b.remove)
        b.sign_in()
        minted = a.mint("web")
        agent = self.agent(b, minted)
        agent.connect()
        buffer, wanted = Buffer(agent), {}
        task, events = self.story(1)
        agent.acked(agent.send_events(*events))
        wanted[task] = "success"
        wait_until(lambda: a.agent_named("web")["state"] == "online" and a.task("celery", task))
        got = {}
        asking = threading.Thread(target=lambda: got.update(a.command("retry-task", engine="celery", task_id=task)))
        asking.start()
        command = agent.command()
        agent.answer(command, result={"new_task_id": "again"})
        asking.join()
        self.assertEqual((got["status"], got["id"]), ("completed", command["id"]), got)
        wanted["again"] = "pending"
        for n in range(2, 40):
            task, events = self.story(n)
            wanted[task] = "success"
            buffer.add(*events)
            if n == 20:
                for frame_id, kept in list(buffer.kept.items()):
                    agent.send_events(*kept, frame_id=frame_id)
                b.kill()
                agent.close()
                agent.url = a.url
        buffer.drain()
        wait_until(lambda: self.states(a) == wanted, 45, tell=lambda: self.states(a))
        wait_until(lambda: a.agent_named("web")["state"] == "online", 45)
        asking = threading.Thread(target=lambda: got.update(a.command("retry-task", engine="celery", task_id=task)))
        asking.start()
        agent.answer(agent.command(), result={"new_task_id": "once more"})
        asking.join()
        self.assertEqual(got["status"], "completed", got)
        status, body = a.ask("POST", f"/api/v1/projects/default/agents/{minted['agent']['id']}/revoke", {})
        self.assertIn(status, (200, 204), body)
        self.assertEqual(agent.closed(), 4003)

    # Long-poll

    def poller(self, brain, minted):
        agent = WireAgent(brain.url, minted)
        nonce = uuid.uuid4().hex
        headers = {"Authorization": f"Bearer {minted['token']}", "X-Z4J-Session-Nonce": nonce, "X-Z4J-Runtime-Features": "retry_by_reference", "X-Z4J-Retry-Contracts": "celery=1"}
        status, body = brain.get("/api/v1/agent/commands?wait=0&max_frames=0", headers)
        self.assertEqual((status, body), (200, {"frames": []}))
        agent.ids = {"agent_id": brain.headers["X-Z4J-Agent-Id"], "project_id": brain.headers["X-Z4J-Project-Id"], "session_id": nonce}
        return agent, headers

    def post(self, brain, headers, *frames):
        return brain.get("/api/v1/agent/events", {**headers, "Content-Type": "application/json"}, "POST", json.dumps({"frames": [json.dumps(f) for f in frames]}).encode())

    def test_long_poll_has_the_same_guarantees(self):
        brain = self.brain()
        minted = brain.mint("poller")
        agent, headers = self.poller(brain, minted)
        task, events = self.story(7)
        status = {"agent_version": "1.12.0", "protocol_version": "2", "engines": ["celery"], "schedulers": [], "buffer_depth": 0}
        answer = self.post(brain, headers, agent.sign("agent_status", status), *[agent.sign("event_batch", {"events": [e]}) for e in events])
        self.assertEqual(answer, (200, {"accepted": 4, "rejected": 0, "errors": []}))
        self.assertEqual(brain.task("celery", task)["state"], "success")  # accepted means stored
        self.assertEqual(self.post(brain, headers, agent.sign("event_batch", {"events": events}))[1]["accepted"], 1)
        wait_until(lambda: brain.agent_named("poller")["state"] == "online" and brain.agent_named("poller")["engine_adapters"] == ["celery"])
        got = {}
        asking = threading.Thread(target=lambda: got.update(brain.command("cancel-task", engine="celery", task_id=task)))
        threads = brain.threads()
        fetched = []
        fetching = threading.Thread(target=lambda: fetched.append(Brain.get(brain, "/api/v1/agent/commands?wait=8", headers)))
        fetching.start()
        asking.start()
        fetching.join()
        self.assertLessEqual(brain.threads(), threads + 1)
        code, body = fetched[0]
        self.assertEqual(code, 200)
        command = json.loads(body["frames"][0])
        signed = {**{name: value for name, value in command.items() if name != "hmac"}, **agent.ids}
        self.assertEqual(command["hmac"], hmac.new(agent.key, canonical(signed), hashlib.sha256).hexdigest())
        claim = {name: command["payload"][name] for name in ("delivery_claim_token",) if name in command["payload"]}
        answer = self.post(brain, headers, agent.sign("command_ack", claim, command["id"]),
                           agent.sign("command_result", {"status": "success", "result": {"task_id": task, "terminated": False}, "error": None, **claim}, command["id"]))
        self.assertEqual(answer[1]["accepted"], 2)
        asking.join()
        self.assertEqual(got["status"], "completed", got)

    def test_long_poll_refuses(self):
        brain = self.brain()
        minted = brain.mint("poller")
        agent, headers = self.poller(brain, minted)
        self.assertEqual(brain.get("/api/v1/agent/commands?wait=0", {"Authorization": "Bearer nobody"}), (401, {"detail": "invalid agent token"}))
        self.assertEqual(brain.get("/api/v1/agent/events", {"Authorization": "Bearer nobody"}, "POST", b"{}"), (401, {"detail": "invalid agent token"}))
        for query in ("wait=61", "wait=-1", "max_frames=501", "max_frames=x"):
            self.assertEqual(brain.get(f"/api/v1/agent/commands?{query}", headers)[0], 422, query)
        for body in (b"", b"[]", b'{"frames": []}', b'{"frames": [7]}', json.dumps({"frames": ["{}"] * 501}).encode()):
            self.assertEqual(brain.get("/api/v1/agent/events", headers, "POST", body)[0], 422, body[:40])
        good, bad = agent.sign("heartbeat", {}), agent.sign("heartbeat", {})
        bad["hmac"] = "0" * 64
        status, told = self.post(brain, headers, good, bad, agent.sign("heartbeat", {}))
        self.assertEqual((status, told["accepted"], told["rejected"], len(told["errors"])), (200, 1, 2, 1))
        # The session was dropped: its numbers begin anew.
        agent.seq = 0
        self.assertEqual(self.post(brain, headers, agent.sign("heartbeat", {}))[1]["accepted"], 1)


if __name__ == "__main__":
    unittest.main()
