"""Celery's event stream without workers: as many events a second as a machine can publish, on a Redis of a test's own.

    with PrivateRedis() as redis, CeleryStream(redis, rate=5000) as stream:
        stream.sent()       # events so far
    redis.publish(*life("probe-1", time.time()))

What Celery 5.2 sends: lives of three events (received, started, succeeded), ten to a message.
"""
import base64
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PR_SET_PDEATHSIG = 1
TICK_S = 0.01
PER_MESSAGE = 10
PATIENCE = "client-output-buffer-limit pubsub 2gb 0 0"  # by itself Redis cuts off a listener that is 8 MiB behind for a minute, and what it missed is gone
HEAD = {"content-encoding": "utf-8", "content-type": "application/json", "headers": {"hostname": "celery@stream"}}
PROPERTIES = {"delivery_mode": 1, "delivery_info": {"exchange": "celeryev", "routing_key": "task.multi"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "x"}


def life(task_id, now, worker=0):
    """The three events of a task that just ended."""
    common = {"hostname": f"celery@stream-{worker}", "utcoffset": 0, "pid": 4711 + worker, "clock": int(now * 1000) % 10**9, "uuid": task_id}
    return ({**common, "type": "task-received", "timestamp": now - 0.002, "name": f"shop.stream_{worker}", "args": "(1, 'two')", "kwargs": "{'size': 3}", "retries": 0, "eta": None, "expires": None,
             "root_id": task_id, "parent_id": None},
            {**common, "type": "task-started", "timestamp": now - 0.001},
            {**common, "type": "task-succeeded", "timestamp": now, "result": "'ok'", "runtime": 0.001})


def message(events):
    body = base64.b64encode(json.dumps(events).encode()).decode()
    return json.dumps({**HEAD, "body": body, "properties": PROPERTIES}).encode()


class RedisClient:
    def __init__(self, port, password, database=0):
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.stream, self.database, self.waiting = self.socket.makefile("rb"), database, 0
        self.send([b"AUTH", password.encode()], [b"SELECT", b"%d" % database])
        self.settle()

    def send(self, *commands):
        self.socket.sendall(b"".join(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words) for words in commands))
        self.waiting += len(commands)

    def settle(self):
        for _ in range(self.waiting):
            answer = self.stream.readline()
            if not answer or answer.startswith(b"-"):
                raise OSError(f"redis answered {answer!r}")
        self.waiting = 0

    def publish(self, *events):
        """A list of up to ten events to a message."""
        channel = b"/%d.celeryev/task.multi" % self.database
        self.send(*([b"PUBLISH", channel, message(events[at:at + PER_MESSAGE])] for at in range(0, len(events), PER_MESSAGE)))
        self.settle()

    def close(self):
        self.stream.close()
        self.socket.close()


def end_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class PrivateRedis:
    def __init__(self):
        self.password, self.folder = secrets.token_hex(12), tempfile.mkdtemp(prefix="z4j_redis_")
        for _ in range(5):
            with socket.create_server(("127.0.0.1", 0)) as s:
                self.port = s.getsockname()[1]
            self.process = subprocess.Popen(["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=self.folder, text=True, preexec_fn=end_with_parent)
            self.process.stdin.write(f'bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave ""\nappendonly no\ndir {self.folder}\n{PATIENCE}\n')
            self.process.stdin.close()
            deadline = time.monotonic() + 15
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    self.client().close()
                    return
                except OSError:
                    time.sleep(0.02)
            self.process.kill()
            self.process.wait()
        raise RuntimeError("redis-server does not start")

    def url(self, database=0):
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    def client(self, database=0):
        return RedisClient(self.port, self.password, database)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class CeleryStream:
    """Publishes in a process of its own until it is closed."""

    def __init__(self, redis, rate, database=0):
        self.process = subprocess.Popen([sys.executable, "-B", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=end_with_parent)
        self.process.stdin.write(json.dumps({"port": redis.port, "password": redis.password, "database": database, "rate": rate}) + "\n")
        self.process.stdin.flush()

    def sent(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        """How many were sent in all."""
        if self.process.poll() is None:
            self.process.stdin.close()
            self.last = int(self.process.stdout.read() or 0)
            self.process.wait(30)
            self.process.stdout.close()
        return self.last

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    given = json.loads(sys.stdin.readline())
    client = RedisClient(given["port"], given["password"], given["database"])
    os.set_blocking(sys.stdin.fileno(), False)
    began, sent, run = time.monotonic(), 0, secrets.token_hex(4)
    while True:
        due = int((time.monotonic() - began) * given["rate"]) - sent
        events = []
        for task in range(sent // 3, (sent + min(due, 30_000)) // 3):
            events += life(f"{run}-{task}", time.time(), task % 20)
        if events:
            client.publish(*events)
            sent += len(events)
        try:
            asked = os.read(sys.stdin.fileno(), 1024)
        except BlockingIOError:
            time.sleep(TICK_S)
            continue
        print(sent, flush=True)
        if not asked:
            return


if __name__ == "__main__":
    main()
