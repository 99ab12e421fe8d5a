"""z4j-agent with a brain, a Redis, and real Celery and RQ workers: events, commands, cuts, restarts, both transports."""
import base64
import ctypes
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import types
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support"), str(HERE.parent / "fleet")]
import certificate  # noqa: E402
import fleet  # noqa: E402
from brain import BUILD, Brain, wait_until  # noqa: E402

AGENT = BUILD / "bin" / "z4j-agent"
ROOT = HERE.parent.parent
STEPS = ["config", "dns", "tcp", "proxy", "tls", "upgrade", "token", "clock", "signature", "broker"]


class Workers(fleet.Fleet):
    """A Redis of its own; workers when they are asked for."""

    def __init__(self):
        ctypes.CDLL(None).prctl(fleet.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        super().__init__(types.SimpleNamespace(folder=None, keep_data=False, result_extended=True, rate=0, seed=0))
        self.start_redis()
        self.environment["FLEET_BROKER"] = self.url(0)
        self.environment["FLEET_RQ_REDIS"] = self.url(1)

    def celery(self):
        self.add("worker", [fleet.PYTHON, "-m", "celery", "-A", "celery_app", "worker", "--loglevel", "INFO", "--concurrency", "2", "-n", "worker@test", "-Q", "orders", "-E"])
        self.children["worker"].start()

    def rq(self):
        self.add("rq", [fleet.PYTHON, "-m", "rq.cli", "worker", "--url", self.url(1), "-n", "rq-worker", "default"])
        self.children["rq"].start()

    def call(self, code, *arguments):
        done = subprocess.run([fleet.PYTHON, "-c", code, *arguments], env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout.split()

    def send(self, name, *args, count=1, countdown=0):
        """The ids of the Celery tasks sent."""
        return self.call("import json, sys, celery_app as c; name, args, n, wait = json.loads(sys.argv[1]); [print(c.app.send_task(name, args, queue='orders', countdown=wait).id) for _ in range(n)]",
                         json.dumps([name, args, count, countdown]))

    def done(self, ids):
        """Whether the workers have left all of these tasks."""
        ended = {line.split()[3] for line in self.run_log.read_text().splitlines() if line.startswith("END ")}
        return ended >= set(ids)

    def enqueue(self, name, *args):
        return self.call("import json, os, sys, redis, rq; name, args = json.loads(sys.argv[1]); "
                         "print(rq.Queue('default', connection=redis.Redis.from_url(os.environ['FLEET_RQ_REDIS'])).enqueue(name, args=args).id)", json.dumps([name, args]))[0]


class Agent:
    """One z4j-agent: a home of its own, its lines in a file."""

    def __init__(self, brain, minted, **environment):
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="z4j_agent_"))
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "Z4J_BRAIN_URL": brain.url, "Z4J_TOKEN": minted["token"], "Z4J_HMAC_SECRET": minted["hmac_secret"],
                            "Z4J_PROJECT_ID": "default", **environment}
        self.process = None

    def start(self, *words):
        with open(self.home / "log", "ab") as log:
            self.process = subprocess.Popen([AGENT, *words], env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def log(self):
        return (self.home / "log").read_text() if (self.home / "log").exists() else ""

    def wait_for(self, text, seconds=60, times=1):
        wait_until(lambda: self.log().count(text) >= times, seconds, tell=self.log)

    def run(self, *words, **environment):
        return subprocess.run([AGENT, *words], env={**self.environment, **environment}, capture_output=True, text=True, timeout=120, check=False)

    def doctor(self, *words, **environment):
        done = self.run("doctor", "--json", *words, **environment)
        return done.returncode, json.loads(done.stdout)

    def rss_mib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text()).group(1)) / 1024

    def buffered(self):
        """Bytes that wait on disk."""
        return sum(file.stat().st_size for file in (self.home / ".z4j" / "agent").glob("*.frames"))

    def kill(self):
        self.process.kill()
        self.process.wait(20)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            return self.process.wait(40)
        return self.process.returncode if self.process else None

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


class AgentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.workers = Workers()
        cls.addClassCleanup(cls.workers.stop)
        cls.workers.celery()
        cls.workers.rq()

    def setUp(self):
        self.brain = Brain.with_admin().start().sign_in()
        self.addCleanup(self.brain.remove)

    def agent(self, name, **environment):
        engines = {"CELERY_BROKER_URL": self.workers.url(0), "RQ_REDIS_URL": self.workers.url(1)}
        agent = Agent(self.brain, self.brain.mint(name), **{**engines, **environment})
        self.addCleanup(agent.remove)
        return agent

    def online(self, name):
        wait_until(lambda: self.brain.agent_named(name)["state"] == "online", 60, tell=lambda: self.brain.agent_named(name))
        return self.brain.agent_named(name)

    def states(self, ids, engine="celery"):
        return {(self.brain.task(engine, one) or {}).get("state") for one in ids}

    def all_in(self, state, ids, engine="celery", seconds=90):
        wait_until(lambda: self.states(ids, engine) == {state}, seconds, tell=lambda: self.states(ids, engine))

    def able(self, name, what, engine="celery"):
        wait_until(lambda: what in self.brain.agent_named(name)["capabilities"].get(engine, []), 120, tell=lambda: self.brain.agent_named(name))

    def test_reports_and_obeys(self):
        agent = self.agent("elsewhere").start()
        agent.wait_for("connected")
        row = self.online("elsewhere")
        self.assertEqual((sorted(row["engine_adapters"]), row["framework_adapter"], row["version_status"]), (["celery", "rq"], "z4j-agent", "current"))
        self.able("elsewhere", "retry_task")
        for line in agent.log().splitlines():
            self.assertTrue(line.startswith("[z4j] "), line)
        self.assertNotIn(agent.environment["Z4J_TOKEN"], agent.log())
        self.assertNotIn(agent.environment["Z4J_HMAC_SECRET"], agent.log())
        self.assertNotIn(self.workers.password, agent.log())

        good, bad = self.workers.send("shop.add", 1, 2, count=20), self.workers.send("shop.add", 1, "x", count=2)
        job = self.workers.enqueue("rq_jobs.resize", "cat.png", 10)
        self.all_in("success", good)
        self.all_in("failure", bad)
        self.all_in("success", [job], "rq")
        failed = self.brain.task("celery", bad[0])
        self.assertEqual((failed["name"], failed["queue"]), ("shop.add", "orders"))
        self.assertIn("TypeError", failed["exception"])
        wait_until(lambda: self.brain.project("/workers"), 60)
        agent_id = row["id"]
        names = wait_until(lambda: [item["name"] for item in self.brain.project(f"/agents/{agent_id}/registry")["items"]], 120)
        self.assertIn("shop.add", names)

        retried = self.brain.command("retry-task", engine="celery", task_id=bad[0], override_args=[3, 4], override_kwargs={})
        self.assertEqual(retried["status"], "completed", retried)
        self.all_in("success", [retried["result"]["new_task_id"]])
        late = self.workers.send("shop.add", 5, 6, countdown=600)[0]
        wait_until(lambda: self.brain.task("celery", late), 60)
        cancelled = self.brain.command("cancel-task", engine="celery", task_id=late)
        self.assertEqual(cancelled["status"], "completed", cancelled)
        self.assertEqual(agent.stop(), 0)
        self.assertIn("stopped", agent.log())

    def test_long_poll_does_the_same(self):
        agent = self.agent("polling", Z4J_TRANSPORT="longpoll").start()
        agent.wait_for("connected")
        self.online("polling")
        ids = self.workers.send("shop.add", 1, "x", count=3)
        self.all_in("failure", ids)
        retried = self.brain.command("retry-task", engine="celery", task_id=ids[0], override_args=[3, 4], override_kwargs={})
        self.assertEqual(retried["status"], "completed", retried)
        self.all_in("success", [retried["result"]["new_task_id"]])
        self.assertEqual(agent.stop(), 0)

    def test_nothing_is_lost_while_the_brain_is_down_and_the_agent_is_killed(self):
        agent = self.agent("cut").start()
        agent.wait_for("connected")
        self.online("cut")
        before = self.workers.send("shop.add", 1, 2, count=5)
        self.all_in("success", before)
        port = self.brain.url.rsplit(":", 1)[1]
        self.brain.stop()
        agent.wait_for("next_retry_in")
        during = self.workers.send("shop.add", 1, 2, count=50)
        wait_until(lambda: agent.buffered() > 0, 30)
        quiet = {"bytes": -1}

        def settled():
            was, quiet["bytes"] = quiet["bytes"], agent.buffered()
            return self.workers.done(during) and was == quiet["bytes"]

        wait_until(settled, 60, every=1)
        agent.kill()
        self.assertGreater(agent.buffered(), 0)
        agent.start()
        agent.wait_for("events of an earlier run wait for the brain")
        more = self.workers.send("shop.add", 1, "x", count=5)
        self.brain.environment["Z4J_BIND_PORT"] = port
        self.brain.start().sign_in()
        self.all_in("success", during, seconds=120)
        self.all_in("failure", more)
        wait_until(lambda: agent.buffered() == 0, 60, tell=agent.log)
        # Repeated frames change nothing.
        ids = [task["task_id"] for task in self.brain.all_of("/tasks?limit=500&search=shop.add")]
        self.assertEqual(len(ids), len(set(ids)))
        self.assertLessEqual(set(before + during + more), set(ids))

    def test_a_full_buffer_makes_the_oldest_go_and_never_stops_watching(self):
        agent = self.agent("full", Z4J_BUFFER_MAX_EVENTS="1000", Z4J_BUFFER_MAX_BYTES="1MiB").start()
        agent.wait_for("connected")
        self.brain.stop()
        agent.wait_for("next_retry_in")
        ids = self.workers.send("shop.add", 1, 2, count=600)  # three events each
        agent.wait_for("the oldest events make way", 120)
        wait_until(lambda: self.workers.done(ids), 120)
        self.assertLess(agent.buffered(), 3 << 20)
        self.assertLess(agent.rss_mib(), 120)

    def test_tls_is_checked(self):
        folder = tempfile.mkdtemp(prefix="z4j_tls_")
        self.addCleanup(shutil.rmtree, folder)
        cert, key, _ = certificate.make(folder)
        brain = Brain.with_admin(Z4J_TLS_CERTIFICATE_FILE=str(cert), Z4J_TLS_KEY_FILE=str(key))
        self.addCleanup(brain.remove)
        brain.start()
        minted = self.brain.mint("tls")  # of another brain: TLS comes first
        agent = Agent(brain, minted, CELERY_BROKER_URL=self.workers.url(0))
        self.addCleanup(agent.remove)
        url = brain.url.replace("https://127.0.0.1", "wss://localhost")
        code, report = agent.doctor(Z4J_BRAIN_URL=url)
        self.assertEqual((code, report["first_failure"]), (1, "tls"), report)
        code, report = agent.doctor(Z4J_BRAIN_URL=url, Z4J_CA_FILE=str(cert))
        self.assertEqual((code, report["first_failure"]), (1, "token"), report)
        code, report = agent.doctor("--no-websocket", Z4J_BRAIN_URL=url, Z4J_CA_FILE=str(cert))
        self.assertEqual((code, report["first_failure"]), (1, "token"), report)

    def test_doctor_names_the_first_failure(self):
        agent = self.agent("doctored", RQ_REDIS_URL="")
        code, report = agent.doctor()
        self.assertEqual((code, report["ok"], report["first_failure"]), (0, True, None), report)
        self.assertEqual([step["name"] for step in report["steps"]], STEPS)
        code, report = agent.doctor("--no-websocket")
        self.assertEqual((code, report["first_failure"]), (0, None), report)
        wrong = base64.urlsafe_b64encode(b"x" * 32).decode()
        for broken, first in (({"Z4J_BRAIN_URL": "wss://no-such-host.invalid"}, "dns"), ({"Z4J_TOKEN": "y" * 43}, "token"), ({"Z4J_HMAC_SECRET": wrong}, "signature"),
                              ({"CELERY_BROKER_URL": "redis://127.0.0.1:1/0"}, "broker"), ({"Z4J_HMAC_SECRET": "short"}, "config"), ({"Z4J_BRAIN_URL": self.plain_server()}, "upgrade")):
            with self.subTest(first):
                code, report = agent.doctor(**broken)
                self.assertEqual((code, report["first_failure"]), (1, first), report)
                self.assertTrue(next(step for step in report["steps"] if step["name"] == first)["detail"])
        text = agent.run("doctor", Z4J_TOKEN="y" * 43)
        self.assertIn("[z4j] the first failure: token", text.stdout)
        self.assertNotIn("y" * 43, text.stdout + text.stderr)

    def plain_server(self):
        """The URL of something that is no brain."""
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
        server.RequestHandlerClass.log_message = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def test_a_failed_handshake_is_one_line_and_sighup_dials_at_once(self):
        agent = self.agent("hasty", RQ_REDIS_URL="")
        token = agent.environment["Z4J_TOKEN"]
        agent.environment["Z4J_TOKEN"] = "z" * 43
        agent.start()
        agent.wait_for("next_retry_in")
        agent.process.send_signal(signal.SIGHUP)
        agent.wait_for("HTTP 401", times=2)
        lines = [line for line in agent.log().splitlines() if "HTTP 401" in line]
        for line in lines:
            self.assertRegex(line, r"^\[z4j\] .*not connected.*token.*HTTP 401.*next_retry_in\":\"1\d\.\d s|2\d\.\d s")
        self.assertNotIn("z" * 43, agent.log())
        self.assertEqual(agent.stop(), 0)
        agent.environment["Z4J_TOKEN"] = token
        agent.start()
        agent.wait_for('"connected"')

    def test_a_file_configures_it_and_all_problems_are_told(self):
        agent = self.agent("filed", CELERY_BROKER_URL="", RQ_REDIS_URL="")
        secret, token = agent.environment.pop("Z4J_HMAC_SECRET"), agent.environment.pop("Z4J_TOKEN")
        file = agent.home / "agent.toml"
        file.write_text(f'[agent]\nbrain_url = "{agent.environment.pop("Z4J_BRAIN_URL")}"\ntoken = "secret:token"\nhmac_secret = "{secret}"\nproject = "default"\n'
                        f'[plugin.fleet]\nplugin = "engine-celery"\nsettings.broker_url = "secret:FLEET_BROKER"\n')
        agent.environment["FLEET_BROKER"] = self.workers.url(0)
        bad = agent.run("check-config", "--config", str(file))
        self.assertEqual(bad.returncode, 1)
        self.assertIn("chmod 600", bad.stderr)
        self.assertIn('no secret "token"', bad.stderr)
        self.assertNotIn(secret, bad.stdout + bad.stderr)
        file.chmod(0o600)
        secrets = agent.home / ".z4j" / "secrets"
        secrets.mkdir(parents=True)
        (secrets / "token").write_text(token)
        good = agent.run("check-config", "--config", str(file))
        self.assertEqual(good.returncode, 0, good.stderr)
        agent.start("--config", str(file))
        agent.wait_for('"connected"')
        self.assertEqual(self.online("filed")["engine_adapters"], ["celery"])
        second = agent.run("--config", str(file))
        self.assertEqual(second.returncode, 1)
        self.assertIn("another agent uses this folder", second.stderr)

    def test_the_commands_of_the_page_work(self):
        page = (ROOT / "docs" / "operate" / "z4j-agent.md").read_text()
        commands = re.findall(r"(?m)^ {8}(z4j-agent.*)$", page)
        self.assertEqual(commands, ["z4j-agent check-config", "z4j-agent doctor", "z4j-agent"])
        agent = self.agent("reader", RQ_REDIS_URL="")
        home = agent.home / ".z4j"
        home.mkdir()
        file = home / "agent.env"
        file.write_text("".join(f"{name}={agent.environment.pop(name)}\n" for name in list(agent.environment) if name.startswith(("Z4J_", "CELERY_"))))
        file.chmod(0o600)
        for command in commands[:2]:
            done = agent.run(*command.split()[1:])
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        agent.start()
        agent.wait_for('"connected"')

    def test_the_sample_files_are_good(self):
        agent = self.agent("samples")
        for sample in sorted((ROOT / "config" / "agent").glob("*.toml")):
            with self.subTest(sample.name):
                checked = agent.run("check-config", "--config", str(sample))
                self.assertEqual(checked.returncode, 0, checked.stderr)
        unit = (ROOT / "config" / "z4j-agent.service").read_text()
        self.assertRegex(unit, r"ExecStart=\S*/bin/z4j-agent")
        self.assertRegex(unit, r"ExecReload=.*HUP")


if __name__ == "__main__":
    unittest.main()
