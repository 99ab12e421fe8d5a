"""A scheduler plugin behind the plugin host, and processes of a test's own."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

BUILD = pathlib.Path(os.environ["Z4J_BUILD"])
HERE = pathlib.Path(__file__).parent
PATIENCE_S = 60


def wait_until(what, seconds=PATIENCE_S, tell=None):
    """The first true answer of what(); fails at the deadline, telling what was seen last."""
    end = time.monotonic() + seconds
    while True:
        seen = what()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {tell() if tell else what}")
        time.sleep(0.1)


def end_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Desk:
    """list, put, remove, trigger and preview of a running plugin."""

    def __init__(self, plugin, **settings):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([BUILD / "tests" / "scheduler_desk", plugin, json.dumps(settings)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, preexec_fn=end_with_parent)

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise AssertionError("the plugin's host ended: " + self.log.read())
        return json.loads(line)

    def page(self, **page):
        return self.ask("list", page)

    def all(self, **page):
        items, cursor = [], None
        while True:
            answer = self.page(**page, **({"cursor": cursor} if cursor else {}))
            assert "items" in answer, answer
            items += answer["items"]
            cursor = answer["next"]
            if not cursor:
                return items

    def named(self, name):
        return next((s for s in self.all() if s["name"] == name), None)

    def put(self, etag="", **schedule):
        return self.ask("put", schedule, etag)

    def made(self, etag="", **schedule):
        """The schedule as it was read back; fails unless it was written."""
        answer = self.put(etag, **schedule)
        assert "schedule" in answer, answer
        return answer["schedule"]

    def changed(self, schedule, **wanted):
        return self.made(schedule["etag"], id=schedule["id"], **wanted)

    def remove(self, schedule):
        return self.ask("remove", schedule["id"], schedule["etag"])

    def trigger(self, schedule):
        return self.ask("trigger", schedule["id"])

    def preview(self, n=5, at=None, **schedule):
        return self.ask("preview", schedule, int((time.time() if at is None else at) * 1e6), n)

    def health(self):
        return self.ask("health")

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()
        self.log.close()


class Redis:
    """A redis-server on a free port."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="z4j_schedulers_")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", self.folder],
                                        stdout=subprocess.DEVNULL, preexec_fn=end_with_parent)
        wait_until(self.answers)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.sendall(b"PING\r\n")
                return s.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    def url(self, database=0):
        return f"redis://127.0.0.1:{self.port}/{database}"

    def client(self, database=0):
        import redis  # Debian's

        return redis.Redis(port=self.port, db=database, decode_responses=True)

    def stop(self):
        self.process.kill()
        self.process.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)


class Beat:
    """A celery beat and what it sent: it publishes to a queue that nobody takes from."""

    def __init__(self, redis, python="/usr/bin/python3", scheduler="celery.beat:PersistentScheduler", environment=None, options=()):
        self.redis, self.python, self.scheduler, self.options = redis, python, scheduler, list(options)
        self.folder = tempfile.mkdtemp(prefix="z4j_beat_")
        self.environment = {**os.environ, "PYTHONPATH": str(HERE), "Z4J_BROKER": redis.url(), "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
        self.process, self.meanwhile = None, lambda: None

    def start(self):
        self.out = open(os.path.join(self.folder, "log"), "ab")
        self.process = subprocess.Popen([self.python, "-m", "celery", "-A", "beat_app", "beat", "-l", "INFO", "-S", self.scheduler, "--pidfile=",
                                         "--max-interval", "1", *self.options],
                                        cwd=self.folder, env=self.environment, stdout=self.out, stderr=self.out, preexec_fn=end_with_parent)
        return self

    def log(self):
        return pathlib.Path(self.folder, "log").read_text(errors="replace")

    def stop(self):
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout=20)
            self.out.close()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sent(self, task):
        """The messages of that task in all queues, oldest first: (queue, args, kwargs, headers)."""
        import base64

        client, found = self.redis.client(), []
        for key in client.keys("*"):
            if client.type(key) != "list":
                continue
            for text in reversed(client.lrange(key, 0, -1)):
                message = json.loads(text)
                if message["headers"]["task"] == task:
                    args, kwargs, _ = json.loads(base64.b64decode(message["body"]))
                    found.append((key, args, kwargs, message["headers"]))
        return found

    def wait_sent(self, task, n=1, seconds=PATIENCE_S):
        def seen():
            self.meanwhile()  # the kernel lists every few seconds
            messages = self.sent(task)
            return messages if len(messages) >= n else None

        return wait_until(seen, seconds, tell=lambda: f"{self.sent(task)}\n{self.log()[-3000:]}")
