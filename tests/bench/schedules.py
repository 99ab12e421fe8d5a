#!/usr/bin/python3
"""What our own schedules cost, and how punctual they are.

    schedules.py [--seconds N] [--rate FIRES]    so many fires a second into a Redis of its own: how late each was; by --jitter,
                                                 spread over all of a second, else all at once each second
    schedules.py --million [N]                   so many schedules in the store: memory of the brain with and without them,
                                                 and whether an edit is in effect 100 ms later

On SQLite. The last line is "p99 N ms", with --million "N MB for N schedules; p99 of edits N ms". Run it on a quiet machine in the
release preset: Z4J_BUILD=build/release tests/bench/schedules.py.
"""
import argparse
import datetime
import os
import pathlib
import sqlite3
import sys
import time
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "support")]
from brain import Brain, wait_until  # noqa: E402
from celery_stream import PrivateRedis  # noqa: E402

SCHEDULES = "/api/v1/projects/default/schedules"
WARM_S = 5
EDITS = 30
SETTLED_S = 90
SPREAD_S = 20


def at(values, share):
    return sorted(values)[int((len(values) - 1) * share)]


def told(values):
    return "  ".join(f"{name} {at(values, share):.1f} ms" for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1)))


def iso(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def memory_mb(brain):
    for line in pathlib.Path(f"/proc/{brain.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def cpu_s(brain):
    fields = pathlib.Path(f"/proc/{brain.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def settle(brain):
    """Until it has nothing more to do but to look."""
    wait_until(lambda: brain.read("/api/v1/health/system")["brains"][0]["leases"], 60)
    end = time.monotonic() + SETTLED_S
    while time.monotonic() < end:
        before = cpu_s(brain)
        time.sleep(5)
        if cpu_s(brain) - before < 0.25:
            return


def database(brain):
    return sqlite3.connect(pathlib.Path(brain.home) / "brain.sqlite")


def store(brain, count, every_s, next_at_s, jitter_s=None):
    """Writes that many copies of a schedule that the brain made; it must not run. next_at_s None: they are to be planned."""
    with database(brain) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(schedules)")]
        row = dict(zip(columns, db.execute("SELECT * FROM schedules LIMIT 1").fetchone()))

        def rows():
            for n in range(count):
                copy = dict(row, id=uuid.uuid4().bytes, name=f"bench {n}", expression=str(every_s), is_enabled=1, jitter_seconds=jitter_s)
                copy.update(is_planned=0 if next_at_s is None else 1, next_run_at=None if next_at_s is None else int((next_at_s + n % every_s) * 1e6))
                yield [copy[name] for name in columns]

        db.executemany(f"INSERT INTO schedules ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows())
    db.close()


def brain_with_one(config=""):
    brain = Brain.with_admin(config).start().sign_in()
    status, made = brain.ask("POST", SCHEDULES, {"name": "first", "engine": "celery", "task_name": "bench.tick", "kind": "interval",
                                                 "expression": "86400", "timezone": "UTC", "is_enabled": False})
    assert status == 201, made
    return brain, made["id"]


def punctuality(seconds, rate, spread):
    with PrivateRedis() as redis:
        brain, _ = brain_with_one(f'[plugin.celery]\nplugin = "engine-celery"\n[plugin.celery.settings]\nbroker_url = "{redis.url()}"\n')
        try:
            brain.stop()
            if spread:  # a schedule's times may not come nearer than a second to the next one
                store(brain, rate * SPREAD_S, SPREAD_S, None, jitter_s=SPREAD_S - 1)
            else:
                store(brain, rate, 1, None)
            brain.start()
            time.sleep(WARM_S + seconds)
            brain.stop()
            db = database(brain)
            newest = db.execute("SELECT MAX(scheduled_for) FROM schedule_fires").fetchone()[0] or 0
            fires = db.execute("SELECT fired_at - scheduled_for FROM schedule_fires WHERE scheduled_for > ?", (newest - seconds * 1000000,)).fetchall()
            double = db.execute("SELECT COUNT(*) FROM (SELECT 1 FROM schedule_fires GROUP BY schedule_id, scheduled_for HAVING COUNT(*) > 1)").fetchone()[0]
            db.close()
        finally:
            brain.remove()
    late = [row[0] / 1000 for row in fires]
    print(f"{len(late)} fires in {seconds} s, {len(late) / seconds:.0f} a second, {double} twice; late: {told(late)}")
    print(f"p99 {at(late, 0.99):.1f} ms")


def memory(count):
    brain, first = brain_with_one()
    try:
        settle(brain)
        empty = memory_mb(brain)
        brain.stop()
        store(brain, count, 86400, time.time() + 7 * 86400)
        brain.start().sign_in()
        settle(brain)
        full = memory_mb(brain)
        late = []
        for _ in range(EDITS):
            due = int(time.time() + 1.1)  # 100 ms to 1.1 s off
            time.sleep(max(0, due - 0.15 - time.time()))
            status, answer = brain.ask("PATCH", f"{SCHEDULES}/{first}", {"kind": "clocked", "expression": iso(due), "is_enabled": True})
            assert status == 200, answer
            if time.time() > due - 0.1:
                continue  # the edit itself took too long to tell anything
            late.append(1000 * wait_until(lambda at=due: next(
                (seconds_of(f["fired_at"]) - at for f in brain.project(f"/schedules/{first}/fires?limit=5") if seconds_of(f["scheduled_for"]) == at), None) or None,
                10, every=0.05))
    finally:
        brain.remove()
    print(f"without schedules {empty:.0f} MB, with {count} {full:.0f} MB; edits made 100 ms before: {len(late)}, late: {told(late)}")
    print(f"{full - empty:.0f} MB for {count} schedules; p99 of edits {at(late, 0.99):.1f} ms")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=30)
    arguments.add_argument("--rate", type=int, default=1000)
    arguments.add_argument("--jitter", action="store_true")
    arguments.add_argument("--million", type=int, nargs="?", const=1000000)
    asked = arguments.parse_args()
    if asked.million:
        memory(asked.million)
    else:
        punctuality(asked.seconds, asked.rate, asked.jitter)


if __name__ == "__main__":
    main()
