"""A RabbitMQ server of a test's own: Debian's, in a temporary folder, on free loopback ports, ended with the test.

    with RabbitMQ() as broker:
        broker.url          # amqp://z4j:...@127.0.0.1:port/
        broker.url_of("other vhost")

It has its own node name, cookie, Erlang port mapper and data, and shares nothing with another server of the machine. As a
program, `rabbitmq.py [--vhost=NAME ...] [--policy=JSON ...] [--certificate FILE KEY] [--management]` runs one until its input ends: it prints a JSON line about it once it
answers, and "done" after each line "kill" or "start" that it is given.
"""

import ctypes
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

PR_SET_PDEATHSIG = 1
DEADLINE_S = 120
DECLARATIONS_S = 2.5
SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class RabbitMQ:
    def __init__(self, vhosts=(), certificate=None, port=None, management=False, policies=()):
        """`certificate`: (certificate, key) files; then `tls_port` is served too, and `management_tls_port` with `management`. `policies`: [{"pattern", "definition"}], of every vhost."""
        if not os.path.exists(SERVER):
            raise RuntimeError("rabbitmq-server is not there: install Debian's package of that name")
        self.user, self.password = "z4j", secrets.token_hex(12)
        self.vhosts = ["/", *vhosts]
        self.port, self.tls_port = port or free_port(), free_port() if certificate else None
        self.management_port = free_port() if management else None
        self.management_tls_port = free_port() if management and certificate else None
        self._dist_port, self._epmd_port = free_port(), free_port()
        self.folder = tempfile.mkdtemp(prefix="z4j_rabbit_")
        self._server = self._mapper = None
        self._write_configuration(certificate, policies)
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._end()
        if self._mapper is not None:
            self._mapper.kill()
            self._mapper.wait()
            self._mapper = None
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return self.url_of("/")

    def url_of(self, vhost, scheme="amqp"):
        port = self.tls_port if scheme == "amqps" else self.port
        host = "localhost" if scheme == "amqps" else "127.0.0.1"
        path = "" if vhost == "/" else urllib.parse.quote(vhost, safe="")
        return f"{scheme}://{self.user}:{self.password}@{host}:{port}/{path}"

    @property
    def management_url(self):
        return f"http://{self.user}:{self.password}@127.0.0.1:{self.management_port}"

    def start(self):
        """Starts it (again, with its durable data) and waits until it answers."""
        log = open(os.path.join(self.folder, "log"), "ab")
        with log:
            if self._mapper is None:
                self._mapper = self._spawn(["epmd", "-port", str(self._epmd_port), "-address", "127.0.0.1"], log)
            self._server = self._spawn([SERVER], log)
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            if self._server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("rabbitmq-server does not answer: " + self.log())
            time.sleep(0.05)

    def kill(self):
        """A fault: what was declared durable or confirmed before this call is there again after start().

        Confirmed messages are on disk, but the log of declarations is written up to 2 s late (Erlang's disk_log).
        """
        time.sleep(DECLARATIONS_S)
        self._end()

    def _end(self):
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait(DEADLINE_S)
            self._server = None

    def log(self):
        return pathlib.Path(self.folder, "log").read_text(encoding="utf-8", errors="replace")[-4000:]

    def _answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
                s.settimeout(5)
                s.sendall(b"AMQP\x00\x00\x09\x01")
                return s.recv(1) == b"\x01"
        except OSError:
            return False

    def _write_configuration(self, certificate, policies):
        lines = [f"listeners.tcp.1 = 127.0.0.1:{self.port}", f"load_definitions = {self.folder}/definitions.json", "log.console = true",
                 "log.console.level = warning", "log.file = false", "disk_free_limit.absolute = 1MB", "vm_memory_high_watermark.absolute = 2GB"]
        if certificate:
            # Peers show no certificate of their own.
            lines += [f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}", f"ssl_options.certfile = {certificate[0]}",
                      f"ssl_options.keyfile = {certificate[1]}", "ssl_options.verify = verify_none"]
        if self.management_port:
            lines += ["management.tcp.ip = 127.0.0.1", f"management.tcp.port = {self.management_port}"]
        if self.management_tls_port:
            lines += ["management.ssl.ip = 127.0.0.1", f"management.ssl.port = {self.management_tls_port}",
                      f"management.ssl.certfile = {certificate[0]}", f"management.ssl.keyfile = {certificate[1]}"]
        definitions = {
            "users": [{"name": self.user, "password": self.password, "tags": "administrator"}],
            "vhosts": [{"name": name} for name in self.vhosts],
            "permissions": [{"user": self.user, "vhost": name, "configure": ".*", "write": ".*", "read": ".*"} for name in self.vhosts],
            "policies": [{"vhost": name, "name": f"p{i}", "apply-to": "queues", "priority": 1, **policy} for name in self.vhosts
                         for i, policy in enumerate(policies)],
        }
        plugins = "[rabbitmq_management]." if self.management_port else "[]."
        for name, text in (("rabbitmq.conf", "\n".join(lines) + "\n"), ("definitions.json", json.dumps(definitions)), ("plugins", plugins),
                           (".erlang.cookie", secrets.token_hex(16))):
            with open(os.open(os.path.join(self.folder, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="utf-8") as f:
                f.write(text)

    def _spawn(self, argv, log):
        place = self.folder
        environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8", "HOME": place, "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": f"z4j{self.port}@localhost", "RABBITMQ_MNESIA_BASE": place + "/data", "RABBITMQ_LOG_BASE": place + "/logs",
            "RABBITMQ_CONFIG_FILE": place + "/rabbitmq.conf", "RABBITMQ_ENABLED_PLUGINS_FILE": place + "/plugins",
            "RABBITMQ_GENERATED_CONFIG_DIR": place + "/generated", "RABBITMQ_PID_FILE": place + "/pid", "RABBITMQ_DIST_PORT": str(self._dist_port),
            "ERL_EPMD_PORT": str(self._epmd_port), "ERL_EPMD_ADDRESS": "127.0.0.1", "ERL_CRASH_DUMP": "/dev/null",
            # The script becomes the server then instead of waiting for it: who ends this process ends the server.
            "RABBITMQ_ALLOW_INPUT": "1", "RABBITMQ_SERVER_START_ARGS": "-noinput",
            # Two cores are shared with everything else; a scheduler that spins takes them away.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=place, env=environment, start_new_session=True,
                                preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def serve(words):
    certificate = words[words.index("--certificate") + 1:][:2] if "--certificate" in words else None
    vhosts = [w.split("=", 1)[1] for w in words if w.startswith("--vhost=")]
    policies = [json.loads(w.split("=", 1)[1]) for w in words if w.startswith("--policy=")]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with RabbitMQ(vhosts, certificate, management="--management" in words, policies=policies) as broker:
        print(json.dumps({"url": broker.url, "port": broker.port, "tls_port": broker.tls_port, "management_tls_port": broker.management_tls_port,
                          "user": broker.user, "password": broker.password}), flush=True)
        for line in sys.stdin:
            if line.strip() == "kill":
                broker.kill()
            elif line.strip() == "start":
                broker.start()
            print("done", flush=True)


if __name__ == "__main__":
    serve(sys.argv[1:])
