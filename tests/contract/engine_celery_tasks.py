"""Tasks for the contract test of engine-celery, and a producer: `send URL JSON` sends a list of tasks and
prints their ids, one a line."""

import json
import os
import sys
import time

from celery import Celery, chain, chord, group

if __name__ == "__main__":
    # The tasks are named after the module that the worker imports, and stand in one module only.
    import engine_celery_tasks

    engine_celery_tasks.send(json.loads(sys.argv[2]))
    # All was sent. Results of newer Celery speak to Redis when they go, which is too late once Python ends.
    sys.unraisablehook = lambda _: None
    sys.exit()

URL = os.environ.get("Z4J_TEST_REDIS", "")
PREFIX = os.environ.get("Z4J_TEST_PREFIX", "")

# A broker beside the Redis that keeps the results; a backend of "none" keeps them nowhere.
BROKER = os.environ.get("Z4J_TEST_BROKER", URL)
BACKEND = os.environ.get("Z4J_TEST_BACKEND", URL)

app = Celery("engine_celery_tasks", broker=BROKER, backend=None if BACKEND == "none" else BACKEND)
app.conf.update(
    task_default_queue="celery",
    result_extended=bool(os.environ.get("Z4J_TEST_EXTENDED")),
    worker_prefetch_multiplier=2,
    broker_transport_options={"global_keyprefix": PREFIX} if PREFIX else {},
    broker_connection_retry=True,
    task_send_sent_event=bool(os.environ.get("Z4J_TEST_SENT")),
    worker_pool_restarts=bool(os.environ.get("Z4J_TEST_RESTARTS")),
    control_exchange=os.environ.get("Z4J_TEST_CONTROL", "celery"),
)


def note(line):
    with open(os.environ["Z4J_RUN_LOG"], "a", encoding="utf-8") as f:
        f.write(line + "\n")


@app.task
def add(x, y):
    note(f"add {x} {y}")
    return x + y


@app.task
def boom(why, times=1):
    note(f"boom {why}")
    raise ValueError(why)


@app.task
def slow(name, seconds=60):
    note(f"slow {name}")
    time.sleep(seconds)
    note(f"slow {name} ended")


@app.task(bind=True, max_retries=2)
def flaky(self, name):
    note(f"flaky {name} {self.request.retries}")
    if self.request.retries < 1:
        raise self.retry(countdown=0)
    return name


@app.task
def take(value):
    note(f"take {json.dumps(value)}")


@app.task
def total(values):
    note(f"total {json.dumps(values)}")
    return sum(values)


@app.task(acks_late=True, acks_on_failure_or_timeout=False)
def spoil(why):
    """Fails, and its queue gives the message up."""
    note(f"spoil {why}")
    raise ValueError(why)


def send(jobs):
    for job in jobs:
        task = app.tasks["engine_celery_tasks." + job["task"]]
        signature = task.signature(job.get("args", []), job.get("kwargs", {}))
        options = job.get("options", {})
        if "link" in job:
            signature.link(add.si(*job["link"]))
        if "link_plus" in job:
            signature.link(add.s(job["link_plus"]))
        if "then" in job:
            signature = chain(signature, add.si(*job["then"]))
        if "then_plus" in job:
            signature = chain(signature, add.s(job["then_plus"]))
        if "group_of" in job:
            signature = group(signature for _ in range(job["group_of"]))
        if "beside" in job:  # more members of a group; the options are those of the first
            members = [signature.set(**options), *(add.s(*args) for args in job["beside"])]
            signature = chord(members, total.s()) if job.get("sum") else group(members)
            options = {}
        print(signature.apply_async(**options).id, flush=True)
