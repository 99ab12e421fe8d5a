"""Jobs for the contract test of engine-rq, and the small program that enqueues and works on them.

    engine_rq_jobs.py enqueue URL QUEUE FUNCTION ARGS_JSON [OPTIONS_JSON]   prints the job's id
    engine_rq_jobs.py worker URL NAME QUEUE...
    engine_rq_jobs.py version

Every run of a job adds a line to the file named by Z4J_RUN_LOG: that is the truth the test compares with.
"""
import ctypes
import datetime
import json
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1


def note(*words):
    with open(os.environ["Z4J_RUN_LOG"], "a") as log:
        log.write(" ".join(str(w) for w in words) + "\n")


def add(x, y=1):
    note("add", x, y)
    return x + y


def boom(text, times=None):
    note("boom", text)
    raise ValueError(text)


def boom_once(mark):
    """Fails the first time, whoever asks."""
    note("boom_once", mark)
    flag = os.environ["Z4J_RUN_LOG"] + "." + mark
    if not os.path.exists(flag):
        open(flag, "w").close()
        raise RuntimeError("the first time " + mark)
    return "second time"


def slow(mark, seconds):
    note("slow", mark)
    time.sleep(seconds)
    note("slow-end", mark)


def secret_object(value):
    note("secret_object", value)


class Counter:
    def __init__(self, start):
        self.start = start

    def count(self, n):
        note("count", self.start + n)
        return self.start + n


def enqueue(url, queue, function, args, options):
    import redis
    import rq

    connection = redis.Redis.from_url(url)
    args = json.loads(args)
    options = json.loads(options)
    q = rq.Queue(queue, connection=connection, serializer=options.pop("serializer", None))
    if options.pop("object", False):
        args = [datetime.date(2020, 1, 2)] + args
    func = "engine_rq_jobs." + function
    if function == "count":
        func = Counter(40).count
    if "retry" in options:
        options["retry"] = rq.Retry(max=options["retry"], interval=options.pop("interval", 0))
    delay = options.pop("delay", None)
    if delay is not None:
        job = q.enqueue_in(datetime.timedelta(seconds=delay), func, *args, **options)
    else:
        job = q.enqueue(func, *args, **options)
    print(job.id)


def worker(url, name, queues):
    """A queue named json:NAME is NAME, with its jobs as JSON; then so are all."""
    import redis
    import rq

    serializer = "rq.serializers.JSONSerializer" if queues[0].startswith("json:") else None
    queues = [q.removeprefix("json:") for q in queues]

    # What the worker forks leaves its process group; it ends with the worker all the same.
    os.register_at_fork(after_in_child=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    connection = redis.Redis.from_url(url)
    rq.Worker([rq.Queue(q, connection=connection, serializer=serializer) for q in queues], connection=connection, name=name,
              serializer=serializer).work(with_scheduler=True)


if __name__ == "__main__":
    # Jobs are pickled by the module's name: be that module.
    import engine_rq_jobs

    if sys.argv[1] == "version":
        import rq

        print(rq.VERSION)
    elif sys.argv[1] == "enqueue":
        engine_rq_jobs.enqueue(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5], sys.argv[6] if len(sys.argv) > 6 else "{}")
    else:
        engine_rq_jobs.worker(sys.argv[2], sys.argv[3], sys.argv[4:])
