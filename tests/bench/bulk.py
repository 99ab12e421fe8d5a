#!/usr/bin/python3
"""How fast a bulk job retries failed Celery tasks.

    bulk.py [--items N] [--rounds N]     so many failed tasks in a Redis of its own, retried by one job without a rate

A real worker fails one task; the others are given its stored result and its events under ids of their own. It reads another queue
than theirs, so that what was sent is counted afterwards: each task once. The ceiling of each round is the same messages written
into the same Redis once more, by LPUSH in pipelines of 200 over one connection whose bytes were made beforehand. Both are slowed by
what else the machine does; CPU time per task is not. The last line is "N retries/s, ceiling N/s". Run it on a quiet machine in the
release preset: ./dev bench bulk. Z4J_E2E_DATABASE=postgresql in front: on a private PostgreSQL.
"""
import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "support")]
from brain import Brain, wait_until  # noqa: E402
from celery_stream import PrivateRedis, end_with_parent  # noqa: E402

TASKS = HERE.parent / "contract" / "engine_celery_tasks.py"
PYTHON = "/usr/bin/python3"
QUEUE = "bench"
WORKER = "w2@bench"  # said to have failed them
PER_PIPELINE = 200
META = "celery-task-meta-"
PATIENCE_S = 120


class Pipe:
    """Redis commands and their whole answers."""

    def __init__(self, redis):
        self.socket = socket.create_connection(("127.0.0.1", redis.port), PATIENCE_S)
        self.stream = self.socket.makefile("rb")
        self.ask([b"AUTH", redis.password.encode()])

    @staticmethod
    def bytes_of(commands):
        return b"".join(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words) for words in commands)

    def ask(self, *commands):
        self.socket.sendall(self.bytes_of(commands))
        return [self.answer() for _ in commands][-1]

    def answer(self):
        line = self.stream.readline().rstrip()
        if line[:1] == b"$":
            return None if line == b"$-1" else self.stream.read(int(line[1:]) + 2)[:-2]
        if line[:1] == b"*":
            return [self.answer() for _ in range(int(line[1:]))]
        if not line or line[:1] == b"-":
            raise OSError(f"redis answered {line!r}")
        return line[1:]

    def close(self):
        self.stream.close()
        self.socket.close()


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Worker:
    """One that fails what it is sent, keeps results with their arguments, and reads the queue "idle"."""

    def __init__(self, redis):
        self.folder = tempfile.mkdtemp(prefix="z4j_bulk_bench_")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.folder, "PYTHONPATH": str(TASKS.parent), "PYTHONDONTWRITEBYTECODE": "1",
                            "C_FORCE_ROOT": "1", "Z4J_TEST_REDIS": redis.url(), "Z4J_TEST_EXTENDED": "1", "Z4J_RUN_LOG": self.folder + "/runs"}
        with open(self.folder + "/log", "wb") as log:
            self.process = subprocess.Popen([PYTHON, "-m", "celery", "-A", "engine_celery_tasks", "worker", "-n", "w1@bench", "-Q", "idle", "-c", "1"],
                                            env=self.environment, stdout=log, stderr=log, cwd=self.folder, preexec_fn=end_with_parent)

    def send(self):
        job = [{"task": "boom", "args": ["no luck"], "options": {"queue": "idle"}}]
        done = subprocess.run([PYTHON, str(TASKS), "send", json.dumps(job)], env=self.environment, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout.strip()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


def failed_life(task_id, now):
    common = {"hostname": WORKER, "utcoffset": 0, "pid": 4711, "clock": 1, "uuid": task_id}
    return ({**common, "type": "task-received", "timestamp": now - 0.002, "name": "engine_celery_tasks.boom", "args": "('no luck',)", "kwargs": "{}",
             "retries": 0, "eta": None, "expires": None, "root_id": task_id, "parent_id": None},
            {**common, "type": "task-started", "timestamp": now - 0.001},
            {**common, "type": "task-failed", "timestamp": now, "exception": "ValueError('no luck')", "traceback": "Traceback (most recent call last): ..."})


def fail_many(brain, redis, pipe, template, items):
    """As many failed tasks, with results and events; until the brain knows them."""
    made = json.loads(pipe.ask([b"GET", (META + template).encode()]))
    made["queue"] = QUEUE
    agent = brain.agent("celery")["id"]
    stored = lambda: brain.project(f"/agents/{agent}")["events_persisted"]  # noqa: E731
    before = stored()
    stream = redis.client()
    for at in range(0, items, PER_PIPELINE):
        ids = [str(uuid.uuid4()) for _ in range(min(PER_PIPELINE, items - at))]
        pipe.ask(*([b"SET", (META + i).encode(), json.dumps({**made, "task_id": i}).encode()] for i in ids))
        stream.publish(*(e for i in ids for e in failed_life(i, time.time())))
    stream.close()
    wait_until(lambda: stored() - before >= 3 * items, PATIENCE_S, every=0.5, tell=lambda: f"{stored() - before} events of {3 * items}")


def retry_all(brain, redis, pipe, items):
    """One job: tasks a second, CPU microseconds of brain and Redis per task, and what it sent."""
    selection = brain.select(PATIENCE_S, action="retry", filter={"state": "failure", "engine": "celery", "worker": WORKER}, max=200_000)
    if selection["total"] != items:
        sys.exit(f"bulk: {selection['total']} tasks were selected, not {items}: {selection['summary']}")
    before = cpu_s(brain.process.pid), cpu_s(redis.process.pid)
    job = brain.finish(brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"]}), PATIENCE_S)
    used = [1e6 * (now - then) / items for now, then in zip((cpu_s(brain.process.pid), cpu_s(redis.process.pid)), before)]
    if job["done"] + job["sent"] != items:
        sys.exit(f"bulk: not all were sent: {job}")
    sent = pipe.ask([b"LRANGE", QUEUE.encode(), b"0", b"-1"])
    if len({json.loads(m)["headers"]["id"] for m in sent}) != items or len(sent) != items:
        sys.exit(f"bulk: {len(sent)} messages for {items} tasks")
    return items / (seconds_of(job["finished_at"]) - seconds_of(job["started_at"])), used, sent


def ceiling(pipe, messages):
    """The same messages a second, into a list of their own."""
    parts = [messages[at:at + PER_PIPELINE] for at in range(0, len(messages), PER_PIPELINE)]
    ready = [(len(part), Pipe.bytes_of([b"LPUSH", b"ceiling", m] for m in part)) for part in parts]
    begin = time.perf_counter()
    for count, whole in ready:
        pipe.socket.sendall(whole)
        for _ in range(count):
            pipe.answer()
    rate = len(messages) / (time.perf_counter() - begin)
    pipe.ask([b"DEL", b"ceiling"])
    return rate


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--items", type=int, default=20_000)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    rates, ceilings = [], []
    with PrivateRedis() as redis:
        worker = Worker(redis)
        try:
            brain = Brain.with_admin(f'[plugin.celery]\nplugin = "engine-celery"\n[plugin.celery.settings]\nbroker_url = "{redis.url()}"\n'
                                     f'result_backend = "{redis.url()}"\nqueues = ["{QUEUE}"]\n[bulk]\nmax_items = 200000\n').start().sign_in()
            try:
                wait_until(lambda: any(w["state"] == "online" for w in brain.project("/workers")), 60)
                template = worker.send()
                pipe = Pipe(redis)
                wait_until(lambda: pipe.ask([b"GET", (META + template).encode()]), 60)
                for number in range(1, given.rounds + 1):
                    fail_many(brain, redis, pipe, template, given.items)
                    rate, used, sent = retry_all(brain, redis, pipe, given.items)
                    rates.append(rate)
                    ceilings.append(ceiling(pipe, sent))
                    pipe.ask([b"DEL", QUEUE.encode()])
                    print(f"round {number}: {len(sent)} retries, {rate:.0f}/s; ceiling {ceilings[-1]:.0f}/s; CPU per retry: brain {used[0]:.0f} us, Redis {used[1]:.0f} us; "
                          f"load {os.getloadavg()[0]:.1f}", flush=True)
                pipe.close()
            finally:
                brain.remove()
        finally:
            worker.close()
    print(f"{statistics.median(rates):.0f} retries/s, ceiling {statistics.median(ceilings):.0f}/s")


if __name__ == "__main__":
    main()
