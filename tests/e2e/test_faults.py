"""Brokers that are away, refuse, or are something else: one clear word each, no secret in it, and the brain stays up."""
import datetime
import socket
import socketserver
import threading
import time
import unittest

from brain import Brain, wait_until
from demo_fleet import DemoFleet

SECRET = "s3cret-broker-word"
ENGINES = {"celery": ("engine-celery", "broker_url"), "rq": ("engine-rq", "redis_url")}


def config(url):
    return "".join(f'[plugin.{name}]\nplugin = "{plugin}"\n[plugin.{name}.settings]\n{key} = "{url}"\n' for name, (plugin, key) in ENGINES.items())


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class NotRedis(socketserver.ThreadingTCPServer):
    """Speaks HTTP whatever it is asked."""
    allow_reuse_address = daemon_threads = True

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.rfile.readline()
            self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


class FaultsTest(unittest.TestCase):
    def brain(self, text):
        brain = Brain.with_admin(text).start()
        self.addCleanup(brain.remove)
        return brain.sign_in()

    def fleet(self, *options):
        fleet = DemoFleet(0, *options)
        self.addCleanup(fleet.remove)
        return fleet

    def plugins(self, brain):
        return {p["instance"]: p for p in brain.read("/api/v1/plugins")["items"]}

    def assert_degraded(self, brain, *words):
        """Both engines tell one of these words; the brain answers; the password is nowhere."""
        def told():
            plugins = self.plugins(brain)
            return all(plugins[name]["health"] in ("degraded", "failed") and any(w in (plugins[name]["why"] or "").lower() for w in words) for name in ENGINES)

        wait_until(told, 30, tell=lambda: {name: (p["health"], p["why"]) for name, p in self.plugins(brain).items()})
        self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)
        self.assertNotIn(SECRET, brain.log_text())
        self.assertNotIn(SECRET, str(self.plugins(brain)))
        self.assertNotIn(SECRET, str(brain.project("/agents")))
        agent = brain.agent("celery")
        self.assertNotEqual(agent["state"], "unknown")

    def test_a_broker_that_refuses(self):
        with socket.socket() as s:  # bound and not listening: nobody else gets the port
            s.bind(("127.0.0.1", 0))
            brain = self.brain(config(f"redis://:{SECRET}@127.0.0.1:{s.getsockname()[1]}/0"))
            self.assert_degraded(brain, "refused", "connect")

    def test_a_wrong_password(self):
        port = self.fleet().facts["redis"]["port"]
        self.assert_degraded(self.brain(config(f"redis://:{SECRET}@127.0.0.1:{port}/0")), "password", "auth", "credentials")

    def test_a_server_that_is_no_redis(self):
        server = NotRedis(("127.0.0.1", 0), NotRedis.Handler)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.assert_degraded(self.brain(config(f"redis://:{SECRET}@127.0.0.1:{server.server_address[1]}/0")), "not a redis", "no redis", "not redis", "redis protocol")

    def test_a_broker_that_restarts(self):
        fleet = self.fleet("--keep-data")
        brain = self.brain(fleet.brain_config())

        def done(engine, task_id):
            return (brain.task(engine, task_id) or {}).get("state") == "success"

        def send_and_see():
            sent = ("celery", fleet.send("celery", "shop.add", 1, 1)), ("rq", fleet.send("rq", "rq_jobs.resize", "a.png", 1))
            wait_until(lambda: all(done(*task) for task in sent), 60, tell=lambda: [brain.task(*task) for task in sent])

        send_and_see()
        before = time.time()
        fleet.stop("redis")
        wait_until(lambda: all(self.plugins(brain)[name]["health"] != "ok" for name in ENGINES), 30)
        self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)
        back = time.time()
        fleet.start("redis")
        for worker in ("celery-orders", "celery-reports"):  # this Celery's may stop consuming when their broker comes back
            fleet.stop(worker)
            fleet.start(worker)
        wait_until(lambda: all(self.plugins(brain)[name]["health"] == "ok" for name in ENGINES), 60, tell=lambda: self.plugins(brain))
        send_and_see()
        for engine in ENGINES:
            gaps = wait_until(lambda e=engine: [g for g in brain.all_of("/gaps?limit=100") if g["engine"] == e], 30)
            self.assertTrue(all(g["why"] for g in gaps), gaps)
            self.assertTrue(any(seconds_of(g["to_at"]) > before and seconds_of(g["from_at"]) < back for g in gaps), (before, back, gaps))


if __name__ == "__main__":
    unittest.main()
