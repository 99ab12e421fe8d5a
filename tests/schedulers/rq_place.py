"""RQ of a Python's own on a Redis: workers, rqscheduler, rq cron, and what ran."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import desk

WORKER = """
import os, sys, redis, rq
connection = redis.Redis.from_url(os.environ["Z4J_REDIS"])
rq.Worker([rq.Queue(q, connection=connection) for q in sys.argv[1:]], connection=connection).work()
"""


class RqPlace:
    def __init__(self, redis, python="/usr/bin/python3"):
        self.redis, self.python = redis, python
        self.folder = tempfile.mkdtemp(prefix="z4j_rq_")
        self.run_log = pathlib.Path(self.folder, "runs")
        self.run_log.touch()
        self.environment = {**os.environ, "PYTHONPATH": str(desk.HERE), "Z4J_RUN_LOG": str(self.run_log), "Z4J_REDIS": redis.url(),
                            "PYTHONDONTWRITEBYTECODE": "1"}
        self.processes = []

    def start(self, *words):
        log = open(os.path.join(self.folder, "log"), "ab")
        self.processes.append(subprocess.Popen([self.python, *words], cwd=self.folder, env=self.environment, stdout=log, stderr=log,
                                               preexec_fn=desk.end_with_parent))
        log.close()
        return self.processes[-1]

    def start_worker(self, *queues):
        return self.start("-c", WORKER, *queues)

    def start_program(self, name, *words):
        return self.start(str(pathlib.Path(self.python).parent / name), *words)

    def call(self, code, *arguments):
        """What a few lines print that run in this RQ; `connection` is given."""
        head = "import json, os, sys, redis, rq\nconnection = redis.Redis.from_url(os.environ['Z4J_REDIS'])\n"
        done = subprocess.run([self.python, "-c", head + code, *map(json.dumps, arguments)], env=self.environment, cwd=self.folder, capture_output=True,
                              text=True, timeout=60, check=False)
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout.strip()

    def runs(self, text):
        """The times at which jobs with these arguments ran."""
        return [float(line.split(" ", 1)[0]) for line in self.run_log.read_text(encoding="utf-8").splitlines() if line.split(" ", 1)[1] == text]

    def wait_runs(self, text, n=1):
        return desk.wait_until(lambda: (lambda seen: seen if len(seen) >= n else None)(self.runs(text)),
                               tell=lambda: (self.run_log.read_text(encoding="utf-8")[-2000:], self.log()[-3000:]))

    def log(self):
        return pathlib.Path(self.folder, "log").read_text(errors="replace")

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)
