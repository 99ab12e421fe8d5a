"""The samples of config/proxy in front of a brain: real nginx, HAProxy and Caddy, with TLS."""
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

from brain import BUILD, EMAIL, Brain, wait_until
from websocket import WebSocket

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "fleet")]
import certificate  # noqa: E402
from fleet import free_port  # noqa: E402
from wire_agent import WireAgent, event  # noqa: E402

AGENT = BUILD / "bin" / "z4j-agent"
CLIENT = "127.0.0.2"  # where clients come from, so that it differs from the proxy's own address


class Proxy:
    """One of the samples, with other addresses and files; change is told the text and may spoil it."""

    def __init__(self, kind, port, brain_port, change=lambda text: text):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_proxy_"))
        cert, key, both = certificate.make(self.folder)
        self.tls = ssl.create_default_context(cafile=cert)
        self.cert = cert
        sample = {"nginx": "nginx.conf", "haproxy": "haproxy.cfg", "caddy": "Caddyfile"}[kind]
        text = change((ROOT / "config" / "proxy" / sample).read_text()).replace("127.0.0.1:7700", f"127.0.0.1:{brain_port}")
        config = self.folder / sample
        if kind == "nginx":
            text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("/etc/ssl/z4j.example.com.crt", str(cert)).replace("/etc/ssl/z4j.example.com.key", str(key))
            temporary = "".join(f"{name}_temp_path {self.folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            main = self.folder / "main.conf"
            main.write_text(f"user root; daemon off; pid {self.folder}/pid; worker_processes 1; events {{}} http {{ access_log off; {temporary} include {config}; }}")
            words = ["nginx", "-p", self.folder, "-e", "stderr", "-c", main]
        elif kind == "haproxy":
            text = text.replace("bind :443", f"bind 127.0.0.1:{port}").replace("/etc/haproxy/z4j.example.com.pem", str(both)).replace("hdr Host z4j.example.com", "hdr Host localhost").replace("maxconn 20000", "maxconn 200")
            words = ["haproxy", "-db", "-f", config]
        else:
            text = f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n" + text.replace("z4j.example.com {", f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {cert} {key}")
            words = ["caddy", "run", "--adapter", "caddyfile", "--config", config]
        config.write_text(text)
        environment = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.port = port
        wait_until(self.listens, 30, tell=lambda: (self.folder / "log").read_text())

    def listens(self):
        if self.process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text())
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(self, method, path, body=None, headers=None):
        """Status and text of a request through the proxy."""
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=20, context=self.tls, source_address=(CLIENT, 0))
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def remove(self):
        self.process.terminate()
        self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)


class Proxied:
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.url = f"https://localhost:{cls.port}"
        cls.brain = Brain.with_admin("", Z4J_PUBLIC_URL=cls.url, Z4J_TRUSTED_PROXIES="127.0.0.1,::1").start()
        cls.addClassCleanup(cls.brain.remove)
        cls.proxy = Proxy(cls.KIND, cls.port, cls.brain.url.rsplit(":", 1)[1])
        cls.addClassCleanup(cls.proxy.remove)
        wait_until(lambda: cls.proxy.ask("GET", "/api/v1/health")[0] == 200, 30)  # HAProxy asks the brain's health first
        cls.brain.sign_in()

    def test_the_client_s_address_gets_through_and_a_forged_one_does_not(self):
        status, _ = self.proxy.ask("POST", "/api/v1/auth/login", json.dumps({"email": EMAIL, "password": self.brain.password}), {"Content-Type": "application/json", "X-Forwarded-For": "203.0.113.9"})
        self.assertEqual(status, 200)
        seen = json.dumps(self.brain.read("/api/v1/auth/sessions"))
        self.assertIn(CLIENT, seen)
        self.assertNotIn("203.0.113.9", seen)

    def test_a_dashboard_is_told_of_changes(self):
        ws = WebSocket(self.url, "/ws/dashboard", {"Cookie": self.brain.cookie_header(), "Origin": self.url}, tls=self.proxy.tls)
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, 101)
        ws.send({"type": "subscribe", "project_id": self.brain.read("/api/v1/projects/default")["id"]})
        self.assertEqual(ws.receive()["type"], "ready")

    def test_an_agent_connects_and_reports(self):
        agent = WireAgent(self.url, self.brain.mint(f"through-{self.KIND}"), tls=self.proxy.tls)
        self.addCleanup(agent.close)
        agent.connect()
        sent = agent.send_events(event("task.received", "proxied-1", task_name="shop.add", queue="orders"))
        self.assertEqual(agent.acked(sent)["accepted"], 1)
        self.assertEqual(self.brain.agent_named(f"through-{self.KIND}")["state"], "online")
        wait_until(lambda: self.brain.task("celery", "proxied-1"), 20)

    def test_an_agent_without_websockets_sends_a_large_batch(self):
        agent = WireAgent(self.url, self.brain.mint(f"polling-{self.KIND}"), tls=self.proxy.tls)
        agent.ids = {"agent_id": "", "project_id": "", "session_id": "n-1"}
        headers = {"Authorization": f"Bearer {agent.token}", "X-Z4J-Session-Nonce": "n-1", "Content-Type": "application/json"}
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=30, context=self.proxy.tls)
        self.addCleanup(connection.close)
        connection.request("GET", "/api/v1/agent/commands?wait=0&max_frames=0", headers=headers)
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())), (200, {"frames": []}))
        agent.ids.update(agent_id=answer.headers["X-Z4J-Agent-Id"], project_id=answer.headers["X-Z4J-Project-Id"])
        frames = [json.dumps(agent.sign("event_batch", {"events": [event("task.received", f"polled-{i}", task_name="shop.add", args=["x" * 8000])]})) for i in range(400)]
        body = json.dumps({"frames": frames})
        self.assertGreater(len(body), 3_000_000)
        connection.request("POST", "/api/v1/agent/events", body, headers)
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["accepted"]), (200, 400))
        wait_until(lambda: self.brain.task("celery", "polled-399"), 20)


class NginxTest(Proxied, unittest.TestCase):
    KIND = "nginx"

    def test_without_the_upgrade_headers_the_answer_says_so(self):
        spoiled = Proxy("nginx", free_port(), self.brain.url.rsplit(":", 1)[1], lambda text: re.sub(r".*proxy_set_header (Upgrade|Connection).*\n", "", text))
        self.addCleanup(spoiled.remove)
        minted = self.brain.mint("no-upgrade")
        ws = WebSocket(f"https://localhost:{spoiled.port}", "/ws/agent", {"Authorization": f"Bearer {minted['token']}"}, tls=spoiled.tls)
        self.assertEqual(ws.status, 426, ws.body)
        self.assertIn("Upgrade", ws.body)
        self.assertIn("proxy", ws.body)
        done = subprocess.run([AGENT, "doctor", "--json"], capture_output=True, text=True, timeout=60, check=False,
                              env={"PATH": os.environ["PATH"], "HOME": str(spoiled.folder), "SSL_CERT_FILE": str(spoiled.cert), "Z4J_BRAIN_URL": f"https://localhost:{spoiled.port}", "Z4J_TOKEN": minted["token"],
                                   "Z4J_HMAC_SECRET": minted["hmac_secret"], "Z4J_PROJECT_ID": "default", "Z4J_BROKER_URL": "redis://127.0.0.1:1/0"})
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["first_failure"], "upgrade", done.stdout)


class HaproxyTest(Proxied, unittest.TestCase):
    KIND = "haproxy"


class CaddyTest(Proxied, unittest.TestCase):
    KIND = "caddy"


if __name__ == "__main__":
    unittest.main()
