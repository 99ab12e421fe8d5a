"""The demo's RQ jobs. The names have no dots of their own: RQ imports them as rq_jobs.NAME."""
import functools
import os
import time

import run_log
from rq import get_current_job


def logged(function):
    @functools.wraps(function)
    def run(*args, **kwargs):
        job, name = get_current_job(), f"rq_jobs.{function.__name__}"
        job_id = job.id if job else "none"
        run_log.write("RUN", "rq", name, job_id)
        try:
            result = function(*args, **kwargs)
        except BaseException:
            run_log.write("END", "rq", name, job_id, "failure")
            raise
        run_log.write("END", "rq", name, job_id, "success")
        return result

    return run


@logged
def resize(picture, width, height=None):
    return {"picture": picture, "size": [width, height or width]}


@logged
def index(document):
    """Arguments as people nest them."""
    return sorted(document["words"])


@logged
def fetch(url):
    raise ConnectionError(f"{url} answered 503")


@logged
def fetch_when_open(flag_file, url):
    """Fails until the file exists: a retry by an operator then succeeds."""
    if not os.path.exists(flag_file):
        raise ConnectionError(f"{url} answered 503")
    return url


@logged
def fetch_twice(counter_file, url):
    """Fails the first time that it is run, so RQ's own retry succeeds."""
    try:
        os.close(os.open(counter_file, os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        os.unlink(counter_file)
        return url
    raise TimeoutError(f"{url} did not answer")


@logged
def transcode(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.2, max(0.0, end - time.monotonic())))
    return seconds
