#!/usr/bin/python3
"""How long until the API shows what a worker did.

    event_to_api.py [--seconds N] [--rate TASKS]    a demo fleet of real workers at so many tasks a second
    event_to_api.py [--seconds N] --events RATE     a stream of so many Celery events a second, without workers
    event_to_api.py [--seconds N] --flood RATE      the same stream in another project: what it does to this one
        --apart                                     instead in another brain: what the machine that both share takes

With a fleet a task's delay is from the end that its worker reported (the same machine's clock) to the first answer of
GET .../tasks that shows that end, asked every 20 ms. Otherwise probes are sent, one after another, into the stream's own
Redis or one beside it, and each is asked for until the API shows its end; a probe's delay begins before it is
published. With --flood rounds without and with the stream take turns, five of each. The last line is "p99 N ms", with
--flood "p95 with the flood to p95 without, median of 5: N".
"""
import argparse
import datetime
import os
import pathlib
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "support")]
from brain import Brain, wait_until  # noqa: E402
from celery_stream import CeleryStream, PrivateRedis, life  # noqa: E402
from demo_fleet import DemoFleet, FINAL  # noqa: E402

ASK_EVERY_S = 0.02
ROUNDS = 5
WARM_S = 3
PROBE_WITHIN_S = 60


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def at(values, share):
    return sorted(values)[int((len(values) - 1) * share)] * 1000


def told(name, values):
    return f"{name:7} {len(values):5} tasks  p50 {at(values, 0.5):4.0f} ms  p95 {at(values, 0.95):4.0f} ms  p99 {at(values, 0.99):4.0f} ms  max {at(values, 1):4.0f} ms"


def watch_fleet(brain, seconds):
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


def with_fleet(given):
    fleet = DemoFleet(given.rate)
    try:
        brain = Brain.with_admin(fleet.brain_config()).start().sign_in()
        try:
            wait_until(lambda: sum(w["state"] == "online" for w in brain.project("/workers")) == 4, 60)
            delays = watch_fleet(brain, given.seconds)
        finally:
            brain.remove()
    finally:
        fleet.remove()
    for engine, values in delays.items():
        if not values:
            sys.exit(f"event_to_api: no {engine} task ended")
        print(told(engine, values))
    print(f"p99 {at(delays['celery'] + delays['rq'], 0.99):.0f} ms")


def probe(brain, client, seconds):
    """Delays in seconds, of one task after another."""
    delays, begin = [], time.monotonic()
    while time.monotonic() - begin < seconds:
        task_id = f"probe-{time.monotonic_ns()}"
        sent = time.monotonic()
        client.publish(*life(task_id, time.time()))
        wait_until(lambda t=task_id: (brain.task("celery", t) or {}).get("state") == "success", PROBE_WITHIN_S, every=0.001)
        delays.append(time.monotonic() - sent)
    return delays


def with_stream(given):
    with PrivateRedis() as redis:
        brain = brain_on(redis, databases=(0,))
        try:
            client = redis.client()
            wait_until(lambda: brain.agent("celery")["state"] == "online", 30)
            with CeleryStream(redis, given.events) as stream:
                time.sleep(WARM_S)
                begin, before = time.monotonic(), stream.sent()
                delays = probe(brain, client, given.seconds)
                rate = (stream.sent() - before) / (time.monotonic() - begin)
        finally:
            brain.remove()
    print(told("stream", delays))
    print(f"{rate:.0f} events/s beside the probes, load {os.getloadavg()[0]:.1f}")
    print(f"p99 {at(delays, 0.99):.0f} ms")


def with_flood(given):
    with PrivateRedis() as redis:
        brain = brain_on(redis, databases=(0,) if given.apart else (0, 1))
        other = brain_on(redis, databases=(1,)) if given.apart else None
        try:
            client, ratios = redis.client(), []
            wait_until(lambda: brain.agent("celery")["state"] == "online", 30)
            for number in range(ROUNDS):
                quiet = probe(brain, client, given.seconds / ROUNDS / 2)
                with CeleryStream(redis, given.flood, database=1) as stream:
                    time.sleep(WARM_S)
                    flooded = probe(brain, client, given.seconds / ROUNDS / 2)
                    sent = stream.close()
                ratios.append(at(flooded, 0.95) / at(quiet, 0.95))
                print(f"round {number + 1}: p95 {at(quiet, 0.95):.0f} ms alone, {at(flooded, 0.95):.0f} ms beside {sent} events of another project; load {os.getloadavg()[0]:.1f}", flush=True)
        finally:
            brain.remove()
            if other:
                other.remove()
    print(f"p95 with the flood to p95 without, median of {ROUNDS}: {statistics.median(ratios):.2f}")


def brain_on(redis, databases):
    """With an engine on each of the databases: celery on 0 in project default, flood on 1 in one of its own."""
    names = [("celery", "default"), ("flood", "flood")]
    config = "".join(f'[plugin.{name}]\nplugin = "engine-celery"\nproject = "{project}"\n[plugin.{name}.settings]\nbroker_url = "{redis.url(database)}"\n'
                     for database, (name, project) in ((n, names[n]) for n in databases))
    brain = Brain.with_admin().start().sign_in()
    if 1 in databases:
        status, body = brain.ask("POST", "/api/v1/projects", {"slug": "flood", "name": "Flood"})
        assert status == 201, (status, body)
    brain.stop()
    brain.config.write_text(config)
    return brain.start().sign_in()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--seconds", type=int, default=30)
    arguments.add_argument("--rate", type=int, default=20)
    arguments.add_argument("--events", type=int)
    arguments.add_argument("--flood", type=int)
    arguments.add_argument("--apart", action="store_true")
    given = arguments.parse_args()
    if given.flood:
        with_flood(given)
    elif given.events:
        with_stream(given)
    else:
        with_fleet(given)


if __name__ == "__main__":
    main()
