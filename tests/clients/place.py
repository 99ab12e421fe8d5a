"""Real workers with PyPI's agent inside, on a Redis of their own; whatever is started here ends with the place."""
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "fleet"), str(HERE.parent / "e2e")]

import fleet  # noqa: E402
from fleet import free_port  # noqa: E402,F401
import venvs  # noqa: E402
from brain import Brain, wait_until  # noqa: E402,F401  tests take them from here


class Place(fleet.Fleet):
    def __init__(self, venv):
        ctypes.CDLL(None).prctl(fleet.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        super().__init__(types.SimpleNamespace(folder=None, keep_data=False, result_extended=True, rate=0, seed=0))
        self.python = venvs.python(venv)
        self.environment["PATH"] = f"{pathlib.Path(self.python).parent}:{self.environment['PATH']}"
        self.environment["PYTHONPATH"] = f"{HERE / 'apps'}:{HERE / 'apps' / 'shop_django'}:{fleet.HERE}"
        self.start_redis()
        self.environment.update(FLEET_BROKER=self.url(0), Z4J_RQ_REDIS_URL=self.url(1))

    def run_child(self, name, words, agent=None):
        """Starts a program of the environment; agent is the block of variables that its agent is told."""
        self.add(name, [str(pathlib.Path(self.python).parent / words[0]), *words[1:]], environment=agent or {})
        self.children[name].start()

    def celery_worker(self, name, app, agent, queues="celery", more=()):
        self.run_child(name, ["celery", "-A", app, "worker", "--loglevel", "INFO", "--concurrency", "2", "-n", f"{name}@place", "-Q", queues, "-E", *more], agent)

    def wait_whole_pool(self, name, queue, seconds=30):
        """Waits until each of the two processes of a Celery worker has run a task; a worker of which only one does is started again.

        Once in many starts a process that was forked beside the agent's threads runs nothing (seen, its cause not proven), and whoever
        shrinks the pool asks that one first, in vain.
        """
        # Both at once, so that one process cannot take both one after the other.
        send = spaced(4, lambda: self.call("import sys, celery_app as c; [c.app.send_task('shop.build_report', (1.5,), queue=sys.argv[1]) for _ in range(2)]", queue))

        def running():
            send()
            return {n for n in (1, 2) if f"ForkPoolWorker-{n}]" in self.log_of(name)}

        for last_try in (False, False, True):
            wait_until(running, 90, 0.3, lambda: self.log_of(name)[-2000:])
            try:
                return wait_until(lambda: len(running()) == 2, seconds, 0.3, lambda: self.log_of(name)[-2000:])
            except AssertionError:
                if last_try:
                    raise
                print(f"{name}: a process of its pool runs nothing; it is started again", file=sys.stderr)
                self.end(name, signal.SIGKILL)
                (self.logs / f"{name}.log").unlink()
                self.children[name].start()

    def rq_worker(self, name, agent, queues=("high", "default", "low"), worker_class="rq.worker.Worker"):
        self.run_child(name, ["rq", "worker", "-c", "rq_settings", "-n", name, "--worker-class", worker_class, *queues], agent)

    def send_celery(self, name, *args, queue="orders", **options):
        """The id of the task sent."""
        return self.call("import json, sys, celery_app as c; name, args, queue, more = json.loads(sys.argv[1]); print(c.app.send_task(name, args, queue=queue, **more).id)",
                         json.dumps([name, args, queue, options]))

    def send_rq(self, name, *args, queue="default", **options):
        return self.call("import json, os, sys, redis, rq; name, args, queue, more = json.loads(sys.argv[1]); "
                         "print(rq.Queue(queue, connection=redis.Redis.from_url(os.environ['Z4J_RQ_REDIS_URL'])).enqueue(name, args=args, **more).id)",
                         json.dumps([name, args, queue, options]))

    def inspect(self, what, *args):
        """What Celery's own inspection says of all workers."""
        return json.loads(self.call("import json, sys, celery_app as c; what, args = json.loads(sys.argv[1]); print(json.dumps(getattr(c.app.control.inspect(timeout=2), what)(*args) or {}))",
                                    json.dumps([what, args])))

    def call(self, code, *arguments, seconds=60):
        """Runs a few lines in the environment, with the place's variables; what they print."""
        done = subprocess.run([self.python, "-c", code, *arguments], env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def runs(self, task_id):
        """How often that task was really run."""
        return sum(1 for line in self.run_log.read_text().splitlines() if line.startswith("RUN ") and line.split()[3] == task_id)

    def log_of(self, name):
        return (self.logs / f"{name}.log").read_text(errors="replace")

    def end(self, name, number=signal.SIGTERM):
        self.children[name].stop(number)


def spaced(seconds, act):
    """act(), but not again before so many seconds are over."""
    last = 0.0

    def maybe():
        nonlocal last
        if time.monotonic() - last > seconds:
            act()
            last = time.monotonic()

    return maybe


def wait_reporting(brain, send, tell):
    """Sends tasks until one is reported whole: an agent hears its worker's broker events only a while after it is online. The ids sent."""
    sent = []
    send_one = spaced(3, lambda: sent.append(send()))

    def whole():
        send_one()
        return any((brain.task("celery", task_id) or {}).get("state") == "success" for task_id in sent)

    wait_until(whole, 90, 0.3, tell)
    return sent


def variables(minted, brain=None):
    """The block that minting answers with, as a person would paste it; at another address when that is given."""
    found = dict(line.split("=", 1) for line in minted["env"].splitlines() if line and not line.startswith("#"))
    return {**found, "Z4J_BRAIN_URL": brain} if brain else found
