"""A brain whose fleet is told of by agents that speak the real protocol and do nothing: what stands on screen is what the test said."""
import json
import threading

from browser import wait_until
from brain import Brain
from wire_agent import Closed, WireAgent, event

BEAT_S = 5


class Agent:
    """An agent that stays: beats, acknowledges, answers each command with success, until it leaves."""

    def __init__(self, url, minted, name, **hello):
        self.wire = WireAgent(url, minted, worker_id=f"{name}-worker", timeout=600)
        self.sending, self.acks, self.commands, self.health = threading.Lock(), set(), [], {}
        self.gone = threading.Event()
        self.wire.connect(**hello)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.listen, self.live)]
        for thread in self.threads:
            thread.start()

    def listen(self):
        while not self.gone.is_set():
            try:
                frame = self.wire.receive()
            except (Closed, OSError, ValueError):
                return
            if frame["type"] == "event_batch_ack":
                self.acks.add(frame["id"])
            elif frame["type"] == "command":
                self.commands.append(frame["payload"]["action"])
                with self.sending:
                    self.wire.send("command_ack", {name: frame["payload"][name] for name in ("delivery_claim_token",) if name in frame["payload"]}, frame["id"])
                    self.wire.answer(frame, result={"new_task_id": f"again-{len(self.commands)}"})

    def live(self):
        while not self.gone.wait(BEAT_S):
            self.beat()

    def beat(self, **health):
        """With adapter_health as told last; values that are no text are JSON in it."""
        self.health.update({name: value if isinstance(value, str) else json.dumps(value) for name, value in health.items()})
        with self.sending:
            self.wire.heartbeat(adapter_health=self.health)

    def send(self, kind, payload):
        with self.sending:
            self.wire.send(kind, payload)

    def tell(self, *events):
        """Sends events, and waits until they are stored."""
        for begin in range(0, len(events), 100):
            with self.sending:
                sent = self.wire.send_events(*events[begin:begin + 100])
            wait_until(lambda: f"eba_{sent}"[:64] in self.acks, 60)

    def leave(self):
        if self.gone.is_set():
            return
        self.gone.set()
        self.wire.socket.socket.shutdown(2)
        for thread in self.threads:
            thread.join(30)
        self.wire.close()


class Stage:
    """A brain and its agents by name."""

    def __init__(self, **environment):
        self.brain = Brain.with_admin(**environment).start().sign_in()
        self.minted, self.agents = {}, {}

    def remove(self):
        for agent in self.agents.values():
            agent.leave()
        self.brain.remove()

    def join(self, name, hello=None):
        if name not in self.minted:
            self.minted[name] = self.brain.mint(name)
        self.agents[name] = Agent(self.brain.url, self.minted[name], name, **(hello or {}))
        wait_until(lambda: self.brain.agent_named(name)["state"] == "online", 30, tell=lambda: self.brain.project("/agents"))

    def leave(self, name):
        self.agents[name].leave()
        wait_until(lambda: self.brain.agent_named(name)["state"] == "offline", 60, tell=lambda: self.brain.project("/agents"))

    def report(self, name, task_id, engine="celery"):
        """A task that failed."""
        self.agents[name].tell(event("task.received", task_id, engine, task_name="shop.add", args=[1, 2], kwargs={}, queue="orders"),
                               event("task.failed", task_id, engine, task_name="shop.add", exception="ValueError", traceback="ValueError: no"))
        wait_until(lambda: (self.brain.task(engine, task_id) or {}).get("state") == "failure", 30)

    def register(self, name, added, removed):
        self.agents[name].send("registry_delta", {"engine": "celery", "added": [{"name": task} for task in added], "removed": removed, "updated": []})
        agent_id = self.brain.agent_named(name)["id"]

        def names():
            return {item["name"] for item in self.brain.project(f"/agents/{agent_id}/registry")["items"]}

        wait_until(lambda: set(added) <= names() and not set(removed) & names(), 30, tell=names)

    def schedules(self, name, rows):
        self.agents[name].tell({"id": None, "engine": rows[0]["scheduler"], "task_id": "", "kind": "schedule.snapshot", "occurred_at": None,
                                "data": {"scheduler": rows[0]["scheduler"], "schedules": rows, "reason": "boot"}})

    def asked(self, name):
        """Actions of the commands it was given."""
        wait_until(lambda: self.agents[name].commands, 30)
        return self.agents[name].commands
