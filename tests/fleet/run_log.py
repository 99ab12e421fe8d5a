"""What really happened: one line per step, appended in one write so that lines of several processes never mix.

    SENT <engine> <task name> <task id>          given to the broker (again for each retry by Celery)
    RUN <engine> <task name> <task id>           the function was entered
    END <engine> <task name> <task id> <state>   it was left: success, failure, retry, rejected or revoked

FLEET_RUN_LOG names the file; without it nothing is written.
"""
import os


def write(word, engine, name, task_id, state=""):
    path = os.environ.get("FLEET_RUN_LOG")
    if not path:
        return
    line = " ".join(part for part in (word, engine, name, task_id, state) if part) + "\n"
    out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(out, line.encode())
    finally:
        os.close(out)
