"""Several brains on one PostgreSQL: each shows everything, reaches every engine, and takes over when another is gone."""
import collections
import pathlib
import signal
import subprocess
import time
import unittest

from brain import Brain, wait_until
from demo_fleet import FINAL, DemoFleet
from websocket import WebSocket

RATE = 10
PAUSE_SECONDS = 20
# A rejected message leaves no trace in Celery: thrown away while nobody looked, it is part of the gap.
TRACELESS = "rejected"
EDGE = 150


def another(brain, config):
    """A second brain on the first one's database, with the same people."""
    other = Brain(config, like=brain)
    other.password = brain.password
    return other


def leases(brain):
    """Which brain holds which lease, as this one shows it: {lease: pid}."""
    return {lease: b["pid"] for b in brain.read("/api/v1/health/system")["brains"] for lease in b["leases"]}


class SplitTest(unittest.TestCase):
    """Celery's engine on one brain, RQ's on the other."""

    @classmethod
    def setUpClass(cls):
        cls.fleet = DemoFleet(RATE)
        cls.addClassCleanup(cls.fleet.remove)
        config = cls.fleet.brain_config()
        cut = config.index("[plugin.rq]")
        # The second brain lists both: what the first one runs, it stands by for.
        cls.a = Brain.with_admin(config[:cut]).start()
        cls.addClassCleanup(cls.a.remove)
        cls.a.sign_in()
        wait_until(lambda: cls.a.project("/agents"), 30)
        cls.b = another(cls.a, config).start()
        cls.addClassCleanup(cls.b.remove)
        cls.b.sign_in()
        wait_until(lambda: {x["name"]: x["state"] for x in cls.a.project("/agents")} == {"local:celery": "online", "local:rq": "online"}, 60,
                   tell=lambda: cls.a.project("/agents"))

    def test_each_engine_runs_on_one_brain_and_both_know_which(self):
        a, b = self.a.process.pid, self.b.process.pid
        held = leases(self.a)
        self.assertEqual((held["engine/default/celery"], held["engine/default/rq"]), (a, b), held)
        self.assertEqual(held, leases(self.b))
        plugins = {p["instance"]: p for p in self.b.read("/api/v1/plugins")["items"]}
        self.assertFalse(plugins["celery"]["runs_on"]["is_this"])
        self.assertTrue(plugins["rq"]["runs_on"]["is_this"])

    def test_both_show_the_same(self):
        self.fleet.produce(0)
        self.addCleanup(self.fleet.produce, RATE)

        def shown(brain):
            tasks = {(t["engine"], t["task_id"]): t["state"] for t in brain.all_of("/tasks?limit=500")}
            workers = {(w["engine"], w["name"]): w["state"] for w in brain.project("/workers")}
            queues = {(q["engine"], q["name"]) for q in brain.project("/queues")}
            agents = {x["name"]: (x["state"], x["host_name"]) for x in brain.project("/agents")}
            return tasks, workers, queues, agents

        wait_until(lambda: shown(self.a) == shown(self.b), 60, every=0.5)
        tasks, workers, _, _ = shown(self.a)
        self.assertEqual({engine for engine, _ in tasks}, {"celery", "rq"})
        self.assertEqual({engine for engine, _ in workers}, {"celery", "rq"})
        for engine in ("celery", "rq"):
            agent = self.a.agent(engine)["id"]
            facts = [brain.project(f"/agents/{agent}") for brain in (self.a, self.b)]
            self.assertEqual(facts[0]["engines"], facts[1]["engines"])
            self.assertEqual(facts[0]["engines"][0]["name"], engine)
            wait_until(lambda a=agent: self.a.project(f"/agents/{a}/registry") == self.b.project(f"/agents/{a}/registry"), 30)

    def test_a_command_given_to_one_brain_reaches_the_engine_that_the_other_runs(self):
        for brain, engine, name in ((self.a, "rq", "rq_jobs.resize"), (self.b, "celery", "shop.add")):
            args = ("x.png", 8) if engine == "rq" else (3, 4)
            task = self.fleet.send(engine, name, *args, queue="other-brain")
            wait_until(lambda e=engine, t=task, b=brain: engine == "celery" or (b.task(e, t) or {}).get("state") in ("pending", "received"), 30)
            command = brain.command("cancel-task", agent_id=brain.agent(engine)["id"], engine=engine, task_id=task)
            self.assertEqual(command["status"], "completed", command)
            wait_until(lambda e=engine, t=task, b=brain: (b.task(e, t) or {}).get("state") == "revoked", 30)
            self.assertEqual(self.fleet.runs(task), 0)

    def test_a_bulk_retry_reaches_the_engine_of_the_other_brain(self):
        job = self.fleet.send("rq", "rq_jobs.fetch_when_open", f"{self.fleet.folder}/never", "https://shop.example")
        wait_until(lambda: (self.a.task("rq", job) or {}).get("state") == "failure", 60)
        command = self.a.command("bulk-retry", filter={"engine": "rq", "task_ids": [job]}, max=5)
        self.assertEqual(command["status"], "completed", command)
        self.assertEqual(command["result"]["done"] + command["result"]["sent"], 1, command)

    def test_the_waiting_tasks_of_a_queue_are_the_same_on_both(self):
        job = self.fleet.send("rq", "rq_jobs.resize", "w.png", 8, queue="nobody")
        wait_until(lambda: [job] == [t["task_id"] for t in self.b.project("/queues/rq/nobody/waiting")["items"]], 30,
                   tell=lambda: self.b.project("/queues/rq/nobody/waiting"))
        self.assertEqual(self.a.project("/queues/rq/nobody/waiting"), self.b.project("/queues/rq/nobody/waiting"))

    def test_a_dashboard_hears_what_the_other_brain_stores(self):
        self.fleet.produce(0)
        self.addCleanup(self.fleet.produce, RATE)
        ws = WebSocket(self.a.url, "/ws/dashboard", {"Cookie": self.a.cookie_header(), "Origin": self.a.url}, timeout=60)
        self.addCleanup(ws.close)
        ws.send({"type": "subscribe", "project_id": self.a.project("")["id"]})
        self.assertEqual(ws.receive(), {"type": "ready"})
        wait_until(lambda: self.fleet.redis(0, "LLEN", "orders") == "0" and self.fleet.redis(0, "LLEN", "mail") == "0", 60)
        job = self.fleet.send("rq", "rq_jobs.resize", "live.png", 8)
        deadline = time.monotonic() + 60
        while ws.receive().get("topic") != "task.changed" or not self.a.task("rq", job):
            self.assertLess(time.monotonic(), deadline)

    def test_z_disabling_an_instance_on_one_brain_stops_it_on_the_other(self):
        self.assertEqual(self.a.ask("POST", "/api/v1/plugins/rq/disable")[0], 404)  # not in its file
        self.assertEqual(self.b.ask("POST", "/api/v1/plugins/celery/disable")[0], 200)
        wait_until(lambda: "engine/default/celery" not in leases(self.b), 30, tell=lambda: leases(self.b))
        wait_until(lambda: self.b.agent("celery")["state"] == "offline", 30)
        self.assertEqual(self.b.ask("POST", "/api/v1/plugins/celery/enable")[0], 200)
        wait_until(lambda: self.b.agent("celery")["state"] == "online", 60)


class ClaimedTest(unittest.TestCase):
    """The brain that took a command is killed before it could tell what came of it."""

    def test_its_commands_end_as_unknown_and_never_run_twice(self):
        fleet = DemoFleet()
        self.addCleanup(fleet.remove)
        config = "[ingest]\ncommand_timeout_seconds = 20\n" + fleet.brain_config()
        a = Brain.with_admin(config).start()
        self.addCleanup(a.remove)
        a.sign_in()
        wait_until(lambda: len(leases(a).keys() & {"engine/default/celery", "engine/default/rq"}) == 2, 30)
        b = another(a, config).start()
        self.addCleanup(b.remove)
        b.sign_in()
        door = pathlib.Path(fleet.folder, "door")
        failed = {"celery": fleet.send("celery", "shop.charge_when_open", str(door), 1), "rq": fleet.send("rq", "rq_jobs.fetch_when_open", str(door), "https://shop.example")}
        for engine, task in failed.items():
            wait_until(lambda e=engine, t=task: (b.task(e, t) or {}).get("state") == "failure", 60)
        wait_until(lambda: all(agent["state"] == "online" for agent in b.project("/agents")), 60)
        door.touch()
        runs = self.runs(fleet)

        # The broker takes no writes, so that the commands are on their way for as long as we like.
        self.assertEqual(fleet.redis(0, "CLIENT", "PAUSE", "600000", "WRITE"), "OK")
        asked = {engine: {"agent_id": b.agent(engine)["id"], "engine": engine, "task_id": task, "idempotency_key": f"once-{engine}"} for engine, task in failed.items()}
        given = {}
        for engine, body in asked.items():
            status, given[engine] = b.ask("POST", "/api/v1/projects/default/commands/retry-task", body)
            self.assertEqual(status, 202, given[engine])

        def statuses():
            return {b.project(f"/commands/{command['id']}")["status"] for command in given.values()}

        wait_until(lambda: statuses() == {"dispatched"}, 15, every=0.05, tell=statuses)
        a.kill()
        self.assertEqual(fleet.redis(0, "CLIENT", "UNPAUSE"), "OK")
        wait_until(lambda: statuses() == {"timeout"}, 90, tell=statuses)
        for engine, command in given.items():
            command = b.project(f"/commands/{command['id']}")
            self.assertIn("may still happen", command["error"])
            # Asked again with the same key, it is the same command, and nothing is sent.
            status, again = b.ask("POST", "/api/v1/projects/default/commands/retry-task", asked[engine])
            self.assertEqual((again["id"], again["status"]), (command["id"], "timeout"), (status, again))
        self.assertEqual(set(leases(b).values()), {b.process.pid})
        # Whatever was sent before is through the queues ahead of these.
        last = {"celery": fleet.send("celery", "shop.add", 1, 1), "rq": fleet.send("rq", "rq_jobs.resize", "last.png", 8)}
        for engine, task in last.items():
            wait_until(lambda e=engine, t=task: (b.task(e, t) or {}).get("state") == "success", 60)
        for name, count in self.runs(fleet).items():
            self.assertIn(count - runs[name], (0, 1), (name, runs))

    @staticmethod
    def runs(fleet):
        """How often each of the two was begun."""
        return {name: sum(line[0] == "RUN" and line[2] == name for line in fleet.log()) for name in ("shop.charge_when_open", "rq_jobs.fetch_when_open")}


class TakeOverTest(unittest.TestCase):
    """Both brains list both engines; one is killed, then the other is paused."""

    def setUp(self):
        self.fleet = DemoFleet(RATE)
        self.addCleanup(self.fleet.remove)
        self.a = Brain.with_admin(self.fleet.brain_config()).start()
        self.addCleanup(self.a.remove)
        self.a.sign_in()
        wait_until(lambda: leases(self.a).get("engine/default/rq"), 30)
        self.b = another(self.a, self.fleet.brain_config()).start()
        self.addCleanup(self.b.remove)
        self.b.sign_in()

    def online(self, brain):
        return {x["name"]: x["state"] for x in brain.project("/agents")} == {"local:celery": "online", "local:rq": "online"}

    def count(self, word):
        return sum(1 for line in self.fleet.log() if line[0] == word)

    def taken_over_by(self, brain, before):
        """Every lease is this brain's, and its engines answered since."""
        return set(leases(brain).values()) == {brain.process.pid} and self.online(brain) and all(
            x["last_connect_at"] > before[x["name"]] for x in brain.project("/agents"))

    def connects(self, brain):
        return {x["name"]: x["last_connect_at"] for x in brain.project("/agents")}

    def drained(self):
        lengths = [self.fleet.redis(0, "LLEN", q) for q in ("orders", "mail", "reports")] + [self.fleet.redis(1, "LLEN", f"rq:queue:{q}") for q in ("high", "default", "low")]
        scheduled = [self.fleet.redis(1, "ZCARD", f"rq:scheduled:{q}") for q in ("high", "default", "low")]
        return set(lengths + scheduled) == {"0"} and self.fleet.redis(0, "ZCARD", "unacked_index") == "0"

    def test_a_killed_brain_and_a_paused_one_are_replaced_and_nothing_is_lost_or_doubled(self):
        wait_until(lambda: self.online(self.b) and sum(self.b.project("/stats")["tasks_by_state"].values()) > 50, 90)
        self.assertEqual(set(leases(self.b).values()), {self.a.process.pid})
        edges = []

        # Killed
        before, from_line = self.connects(self.b), len(self.fleet.log()) - EDGE
        self.a.kill()
        at = time.monotonic()
        wait_until(lambda: self.taken_over_by(self.b, before), 60, every=0.05, tell=lambda: (leases(self.b), self.b.project("/agents")))
        print(f"taken over {time.monotonic() - at:.1f} s after kill -9", flush=True)
        edges.append((from_line, len(self.fleet.log()) + EDGE))
        self.a.start()
        self.a.sign_in()
        sent = self.count("SENT")
        wait_until(lambda: self.count("SENT") > sent + 50, 60)

        # Paused
        before, from_line = self.connects(self.b), len(self.fleet.log()) - EDGE
        self.b.process.send_signal(signal.SIGSTOP)
        at = time.monotonic()
        try:
            wait_until(lambda: self.taken_over_by(self.a, before), 60, every=0.05, tell=lambda: (leases(self.a), self.a.project("/agents")))
            print(f"taken over {time.monotonic() - at:.1f} s after SIGSTOP", flush=True)
            edges.append((from_line, len(self.fleet.log()) + EDGE))
            wait_until(lambda: time.monotonic() - at > PAUSE_SECONDS, PAUSE_SECONDS + 30)  # the scenario is so long a pause
        finally:
            self.b.process.send_signal(signal.SIGCONT)
        wait_until(lambda: "lease lost" in self.b.log_text() and "another brain runs it" in self.b.log_text(), 60, tell=self.b.log_text)
        sent = self.count("SENT")
        wait_until(lambda: self.count("SENT") > sent + 50, 60)
        self.assertEqual(set(leases(self.b).values()), {self.a.process.pid})
        self.assertEqual(leases(self.a), leases(self.b))

        # Compared with what the workers wrote
        self.fleet.produce(0)
        wait_until(self.drained, 120)
        log = self.fleet.log()
        traceless = {(line[1], line[3]) for first, last in edges for line in log[first:last] if (line[0], line[4]) == ("END", TRACELESS)}
        differences = {}

        def agree():
            differences.clear()
            ends = {}
            for word, engine, _, task_id, state in self.fleet.log():
                ends[engine, task_id] = state if word == "END" else ends.get((engine, task_id)) if word == "SENT" else None
            shown = {(t["engine"], t["task_id"]): t["state"] for t in self.b.all_of("/tasks?limit=500")}
            for key, end in ends.items():
                if key in traceless or (end in FINAL and shown.get(key) == end):
                    continue
                if end in FINAL or shown.get(key) not in ("pending", "received", "retry"):
                    differences[key] = (end or "waits", shown.get(key))
            return not differences

        wait_until(agree, 90, every=1, tell=lambda: f"{len(differences)} differ: {collections.Counter(differences.values())}, such as {list(differences.items())[:8]}")
        twice = self.sql("SELECT count(*) FROM (SELECT 1 FROM {s}.events WHERE kind='task.succeeded' GROUP BY project_id, task_id HAVING count(*) > 1) x")
        self.assertEqual(twice, "0")

    def sql(self, text):
        url = self.a.environment["Z4J_DATABASE_URL"]
        schema = "z4j"
        return subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text.format(s=schema)],
                              check=True, capture_output=True, text=True, timeout=60).stdout.strip()


if __name__ == "__main__":
    unittest.main()
