#!/usr/bin/python3
"""The demo fleet: a Redis of its own, two Celery workers, two RQ workers, and producers that keep them busy.

    fleet.py [--rate N] [--seconds N] [--folder DIR] [--seed N] [--control] [--keep-data]

Prints one JSON line when every worker answers: addresses, process ids, the log folder and the run log
(run_log.py). Ends on SIGINT, SIGTERM, when the parent dies, or after --seconds, and takes all its processes
with it. With --control it takes one JSON command per line on its input and answers each with a line:

    {"do": "send", "engine": "celery|rq", "name": "...", "args": [], "kwargs": {}, "queue": "...", "count": 1, "options": {}}
    {"do": "produce", "rate": N}                  0 pauses
    {"do": "stop", "child": "rq-low", "signal": "KILL"}     {"do": "start", "child": "rq-low"}
    {"do": "status"}

Addresses hold the password of this throw-away Redis; they reach the workers through the environment only.
"""
import argparse
import ctypes
import json
import os
import pathlib
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's Celery and RQ
PR_SET_CHILD_SUBREAPER = 36
START_SECONDS = 60
MOST_SENT_AT_ONCE = 100_000


class Failure(Exception):
    """What the person who started the fleet should read."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Child:
    """A program of the fleet in a process group of its own; its output is in logs/NAME.log."""

    def __init__(self, fleet, name, words, environment=None, given=None):
        self.fleet, self.name, self.words, self.given = fleet, name, words, given
        self.environment = environment or {}
        self.process = None

    def start(self):
        environment = {**self.fleet.environment, **self.environment, "FLEET_PARENT": str(os.getpid())}
        with open(self.fleet.logs / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                [PYTHON, str(HERE / "tether.py"), *self.words], stdin=subprocess.PIPE if self.given else subprocess.DEVNULL,
                stdout=log, stderr=log, env=environment, cwd=self.fleet.folder, start_new_session=True)
        if self.given:
            self.process.stdin.write(self.given.encode())
            self.process.stdin.close()

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, number=signal.SIGKILL, seconds=10):
        """Ends the whole group; a signal that is not obeyed in time becomes SIGKILL."""
        if self.process is None:
            return
        for what in (number, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, what)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                continue
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process = None

    def last_words(self):
        lines = (self.fleet.logs / f"{self.name}.log").read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it said nothing"


class Fleet:
    def __init__(self, options):
        self.options = options
        self.own_folder = options.folder is None
        self.folder = pathlib.Path(options.folder or tempfile.mkdtemp(prefix="z4j-fleet-")).resolve()
        self.logs = self.folder / "logs"
        for folder in (self.folder, self.logs, self.folder / "home", self.folder / "redis"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.run_log = self.folder / "run.log"
        self.run_log.touch(mode=0o600)
        self.password = secrets.token_hex(16)
        self.port = 0
        self.environment = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(self.folder / "home"), "LANG": "C.UTF-8", "TMPDIR": str(self.folder),
            "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "C_FORCE_ROOT": "1",
            "FLEET_RUN_LOG": str(self.run_log), "FLEET_RESULT_EXTENDED": "1" if options.result_extended else "0",
        }
        self.children = {}
        self.producer = None
        self.wake, self.waker = os.pipe()
        os.set_blocking(self.waker, False)
        self.stopping = False

    def url(self, database):
        return f"redis://:{self.password}@127.0.0.1:{self.port}/{database}"

    # Starting

    def start(self):
        self.start_redis()
        self.environment.update(FLEET_BROKER=self.url(0), RQ_REDIS_URL=self.url(1))
        celery = [PYTHON, "-m", "celery", "-A", "celery_app", "worker", "--loglevel", "INFO", "--concurrency", "2"]
        rq = [PYTHON, "-m", "rq.cli", "worker", "--with-scheduler", "--path", str(HERE)]
        self.add("celery-orders", [*celery, "-n", "orders@demo", "-Q", "orders,mail", "-E"])
        self.add("celery-reports", [*celery, "-n", "reports@demo", "-Q", "reports"])  # sends events only when told to
        self.add("rq-main", [*rq, "-n", "rq-main", "high", "default"])
        self.add("rq-low", [*rq, "-n", "rq-low", "low"])
        for child in self.children.values():
            if not child.running():
                child.start()
        self.start_clients()
        self.wait_for_workers()
        self.producer.start()

    def add(self, name, words, **kwargs):
        self.children[name] = Child(self, name, words, **kwargs)

    def start_redis(self):
        keep = "appendonly yes\nappendfsync always\n" if self.options.keep_data else "appendonly no\n"
        for _ in range(5):
            self.port = free_port()
            self.add("redis", ["redis-server", "-"], given=(
                f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\nsave \"\"\n{keep}dir {self.folder}/redis\n"
                "maxmemory 512mb\nmaxmemory-policy noeviction\ndaemonize no\n"))
            self.children["redis"].start()
            if self.wait(self.redis_answers, 15, stop_when=lambda: not self.children["redis"].running()):
                return
            self.children["redis"].stop()
        raise Failure(f"redis-server does not start: {self.children['redis'].last_words()}")

    def redis_answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.settimeout(1)
                s.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    more = s.recv(64)
                    if not more:
                        return False
                    answer += more
                return b"+PONG" in answer
        except OSError:
            return False

    def start_clients(self):
        os.environ.update({k: v for k, v in self.environment.items() if k.startswith("FLEET_")})
        sys.path.insert(0, str(HERE))
        import redis
        import producer
        self.module = producer
        self.celery_redis = redis.Redis.from_url(self.url(0), socket_timeout=5, socket_connect_timeout=2)
        self.rq_redis = redis.Redis.from_url(self.url(1), socket_timeout=5, socket_connect_timeout=2)
        self.producer = producer.Producer(self.celery_redis, self.rq_redis, self.folder, self.options.rate, self.options.seed)

    def wait_for_workers(self):
        import celery_app

        def all_here():
            answered = {name for reply in celery_app.app.control.ping(timeout=1) for name in reply}
            alive = self.rq_redis.scard("rq:workers")
            return answered >= {"orders@demo", "reports@demo"} and alive >= 2

        if not self.wait(all_here, START_SECONDS, stop_when=self.dead):
            dead = self.dead()
            raise Failure(f"{dead.name} ended: {dead.last_words()}" if dead else f"the workers did not answer within {START_SECONDS} s; their logs are in {self.logs}")

    def dead(self):
        return next((c for c in self.children.values() if not c.running()), None)

    def wait(self, what, seconds, stop_when=lambda: False):
        """True once what() holds; looks again each 100 ms, and at the stop signal too."""
        end = time.monotonic() + seconds
        while not self.stopping:
            if what():
                return True
            if stop_when() or time.monotonic() > end:
                return False
            self.pause(0.1)
        raise KeyboardInterrupt

    def pause(self, seconds, also=()):
        """What is readable of `also`; returns early on a signal."""
        ready, _, _ = select.select([self.wake, *also], [], [], seconds)
        if self.wake in ready:
            self.stopping = True
        return ready

    def describe(self):
        return {
            "celery": {"broker_url": self.url(0), "workers": ["orders@demo", "reports@demo"], "queues": list(self.module.CELERY_QUEUES)},
            "rq": {"redis_url": self.url(1), "workers": ["rq-main", "rq-low"], "queues": list(self.module.RQ_QUEUES)},
            "redis": {"host": "127.0.0.1", "port": self.port, "password": self.password},
            "pids": {name: child.process.pid for name, child in self.children.items() if child.running()},
            "folder": str(self.folder), "logs": str(self.logs), "run_log": str(self.run_log),
        }

    # Running

    def run(self):
        end = time.monotonic() + self.options.seconds if self.options.seconds else None
        line = b""
        while not self.stopping and (end is None or time.monotonic() < end):
            ready = self.pause(0.5, [0] if self.options.control else [])
            if 0 in ready:
                more = os.read(0, 65536)
                if not more:
                    return
                line += more
                while b"\n" in line:
                    one, line = line.split(b"\n", 1)
                    print(json.dumps(self.answer(one)), flush=True)
            dead = self.dead()
            if dead and not self.options.control:  # under control, faults are made on purpose
                raise Failure(f"{dead.name} ended: {dead.last_words()}")

    def answer(self, line):
        try:
            command = json.loads(line)
            do = command["do"]
            if do == "send":
                return {"ids": self.send(command)}
            if do == "produce":
                self.producer.rate = float(command["rate"])
                return {"sent": self.producer.sent}
            if do == "stop":
                self.children[command["child"]].stop(getattr(signal, "SIG" + command.get("signal", "KILL")))
                return {"stopped": command["child"]}
            if do == "start":
                self.children[command["child"]].start()
                return {"pid": self.children[command["child"]].process.pid}
            if do == "status":
                return {"sent": self.producer.sent, "errors": self.producer.errors, "pids": self.describe()["pids"]}
            return {"error": f"unknown command {do}"}
        except Exception as e:  # pylint: disable=broad-except
            return {"error": f"{type(e).__name__}: {e}"}

    def send(self, command):
        count = int(command.get("count", 1))
        if not 0 < count <= MOST_SENT_AT_ONCE:
            raise ValueError(f"count must be 1 to {MOST_SENT_AT_ONCE}")
        given = {key: command[key] for key in ("args", "kwargs", "queue") if key in command}
        options = command.get("options", {})
        if command["engine"] == "celery":
            return [self.module.send_celery(command["name"], **given, **options) for _ in range(count)]
        return [self.module.send_rq(self.rq_redis, command["name"], **given, **options).id for _ in range(count)]

    # Stopping

    def is_ours(self, pid):
        """Whether a child of this process was started with the fleet's environment; one that has ended is."""
        try:
            environ = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return True
        return not environ or str(self.folder).encode() in environ

    def stop(self):
        if self.producer and self.producer.is_alive():
            self.producer.done.set()
            self.producer.join(10)
        for child in reversed(list(self.children.values())):
            child.stop()
        end = time.monotonic() + 10
        while time.monotonic() < end:  # what the workers had forked away comes to us, the subreaper
            orphans = [pid for pid in map(int, pathlib.Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()) if self.is_ours(pid)]
            if not orphans:
                break
            for pid in orphans:
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="real Celery and RQ workers that are always busy")
    parser.add_argument("--rate", type=float, default=5, help="tasks sent per second, at most 1000")
    parser.add_argument("--seconds", type=float, default=0, help="end after so long; 0: run until stopped")
    parser.add_argument("--folder", help="where logs and data go; default: a temporary folder that is removed at the end")
    parser.add_argument("--seed", type=int, default=7, help="of the order of tasks")
    parser.add_argument("--control", action="store_true", help="take commands on the standard input")
    parser.add_argument("--keep-data", action="store_true", help="Redis keeps its data over a restart")
    parser.add_argument("--result-extended", action="store_true", help="Celery results carry name and arguments")
    options = parser.parse_args()
    if not 0 <= options.rate <= 1000:
        parser.error("--rate must be 0 to 1000")

    from tether import die_with_parent
    die_with_parent(signal.SIGTERM)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    fleet = Fleet(options)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: os.write(fleet.waker, b"."))
    try:
        fleet.start()
        print(json.dumps(fleet.describe()), flush=True)
        fleet.run()
        return 0
    except KeyboardInterrupt:
        return 0
    except Failure as failure:
        print(f"fleet: {failure}", file=sys.stderr)
        return 1
    finally:
        fleet.stop()


if __name__ == "__main__":
    sys.exit(main())
