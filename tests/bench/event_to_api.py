#!/usr/bin/python3
"""How long until the API shows what a real worker did: a demo fleet, a brain, and a reader of the task list.

    event_to_api.py [--seconds N] [--rate N]

A task's delay is from the end that its worker reported (the same machine's clock) to the first answer of
GET .../tasks that shows that end. The reader asks every 20 ms, which is part of the figure. The last line is
"p99 N ms" over both engines.
"""
import argparse
import datetime
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from brain import Brain, wait_until  # noqa: E402
from demo_fleet import DemoFleet, FINAL  # noqa: E402

ASK_EVERY_S = 0.02


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def measure(brain, seconds):
    """Delays in seconds by engine."""
    delays, seen = {"celery": [], "rq": []}, set()
    begin = time.time()
    while time.time() - begin < seconds:
        asked = time.time()
        tasks = brain.project("/tasks?limit=200")["items"]
        now = time.time()
        for task in tasks:
            if task["id"] in seen or task["state"] not in FINAL or not task["finished_at"]:
                continue
            seen.add(task["id"])
            ended = seconds_of(task["finished_at"])
            if ended > begin + 1:  # what ended before the first look says nothing
                delays[task["engine"]].append(now - ended)
        time.sleep(max(0.0, ASK_EVERY_S - (time.time() - asked)))
    return delays


def at(values, share):
    return sorted(values)[int((len(values) - 1) * share)] * 1000


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=int, default=30)
    arguments.add_argument("--rate", type=int, default=20)
    given = arguments.parse_args()
    fleet = DemoFleet(given.rate)
    try:
        brain = Brain.with_admin(fleet.brain_config()).start().sign_in()
        try:
            wait_until(lambda: sum(w["state"] == "online" for w in brain.project("/workers")) == 4, 60)
            delays = measure(brain, given.seconds)
        finally:
            brain.remove()
    finally:
        fleet.remove()
    for engine, values in delays.items():
        if not values:
            sys.exit(f"event_to_api: no {engine} task ended")
        print(f"{engine:7} {len(values):5} tasks  p50 {at(values, 0.5):4.0f} ms  p99 {at(values, 0.99):4.0f} ms  max {at(values, 1):4.0f} ms")
    print(f"p99 {at(delays['celery'] + delays['rq'], 0.99):.0f} ms")


if __name__ == "__main__":
    main()
