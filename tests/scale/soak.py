#!/usr/bin/python3
"""Hours at half the rate that this machine can store: memory, disk and delay stay flat, and nothing is lost.

    soak.py [--minutes N] [--rate EVENTS]

Measures first how many events of Celery's stream a brain on PostgreSQL stores a second, then sends half as many for N minutes and asks for
probes in between. Prints a line for each tenth of the time. Fails when an event is missing, the brain's memory or its queue grew, or an event
takes more room on disk than before. Delays are printed and not judged.
"""
import argparse
import os
import pathlib
import re
import statistics
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
os.environ["Z4J_E2E_DATABASE"] = "postgresql"
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "support")]
from brain import Brain, wait_until  # noqa: E402
from celery_stream import CeleryStream, PrivateRedis, life  # noqa: E402
from postgres import PrivatePostgres  # noqa: E402

SETTINGS = ["shared_buffers=512MB", "max_wal_size=2GB", "wal_compression=lz4", "fsync=on", "full_page_writes=on"]
MORE_THAN_ANY = 40_000  # events a second
MEASURE_S = 20
PARTS = 10
PROBE_WITHIN_S = 600  # a machine may stand still; then what waits is caught up with
BYTES_PER_EVENT = 1200  # with its task and all indexes, and the log beside it
LEAVE_FREE = 6 << 30
LEAST = 500  # events a second, below which it would show nothing
MIB = 1 << 20


class Soak:
    def __init__(self, server, redis):
        self.server = server
        self.brain = Brain.with_admin(f'[plugin.celery]\nplugin = "engine-celery"\n[plugin.celery.settings]\nbroker_url = "{redis.url()}"\n', Z4J_DATABASE_URL=server.url)
        self.brain.start().sign_in()
        wait_until(lambda: self.brain.agent("celery")["state"] == "online", 60)
        self.redis, self.client = redis, redis.client()

    def stored(self):
        return int(self.server.sql("SELECT sum(events_persisted) FROM z4j.agents"))

    def settled(self, before, sent, seconds=300):
        """Waits until so many more are stored; how many are."""
        try:
            wait_until(lambda: self.stored() - before >= sent, seconds, every=0.5)
        except AssertionError:
            pass  # what is missing is told by the caller
        return self.stored() - before

    def measured_rate(self):
        """Events a second that are stored while more come than can be."""
        before, begin = self.stored(), time.monotonic()
        with CeleryStream(self.redis, MORE_THAN_ANY):
            time.sleep(MEASURE_S)
            rate = (self.stored() - before) / (time.monotonic() - begin)
        seen = -1
        while seen != (seen := self.stored()):  # the rest of it
            time.sleep(2)
        return rate

    def probe(self):
        task_id, begin = f"probe-{time.monotonic_ns()}", time.monotonic()
        self.client.publish(*life(task_id, time.time()))
        wait_until(lambda: (self.brain.task("celery", task_id) or {}).get("state") == "success", PROBE_WITHIN_S, every=0.002)
        return (time.monotonic() - begin) * 1000

    def metric(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.brain.get("/metrics")[1], re.M).group(1))

    def part(self, seconds):
        """What was seen in so many seconds."""
        rss, queue, delays, begin = [], [], [], time.monotonic()
        while time.monotonic() - begin < seconds:
            delays += [self.probe() for _ in range(5)]
            rss.append(int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.brain.process.pid}/status").read_text()).group(1)) * 1024)
            queue.append(self.metric("z4j_ingest_queue_bytes"))
            time.sleep(min(1.0, seconds / 10))
        return {"rss": max(rss), "queue": statistics.median(queue), "p95": sorted(delays)[int(len(delays) * .95)], "probes": len(delays),
                "disk": int(self.server.sql("SELECT pg_database_size(current_database())")), "stored": self.stored(), "spill": self.metric("z4j_ingest_spilled_events_total")}


def judge(parts, limit):
    """What is not flat, in words."""
    first, last = parts[len(parts) // 4:len(parts) // 2], parts[-len(parts) // 4:]
    wrong = []
    grown = max(p["rss"] for p in last) - max(p["rss"] for p in first)
    if grown > 0.1 * max(p["rss"] for p in first) + 8 * MIB:
        wrong.append(f"memory grew by {grown / MIB:.0f} MiB")
    if min(p["queue"] for p in last) > limit / 4:
        wrong.append(f"{min(p['queue'] for p in last) / MIB:.0f} MiB of events wait")
    middle = len(parts) // 2
    early, late = ((b["disk"] - a["disk"]) / max(1, b["stored"] - a["stored"]) for a, b in ((parts[0], parts[middle]), (parts[middle], parts[-1])))
    print(f"bytes per event: {early:.0f} in the first half, {late:.0f} in the second")
    if late > 1.5 * early:
        wrong.append(f"an event takes {late:.0f} bytes, {early:.0f} before")
    return wrong


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=120)
    arguments.add_argument("--rate", type=int, help="events a second; without: half of what is measured")
    given = arguments.parse_args()
    with PrivatePostgres(SETTINGS) as server, PrivateRedis() as redis:
        soak = Soak(server, redis)
        try:
            rate = given.rate
            if not rate:
                most = soak.measured_rate()
                rate = int(most / 2)
                print(f"stores {most:.0f} events/s; goes on with {rate}", flush=True)
            disk = os.statvfs(server.folder)
            room = int((disk.f_bavail * disk.f_frsize - LEAVE_FREE) / BYTES_PER_EVENT / (given.minutes * 60))
            if room < LEAST:
                sys.exit(f"soak: the disk has room for {room} events/s of {given.minutes:.0f} minutes")
            if room < rate:
                rate = room
                print(f"the disk has room for no more than {rate} events/s", flush=True)
            before, parts = soak.stored(), []
            with CeleryStream(redis, rate) as stream:
                for number in range(PARTS):
                    parts.append(part := soak.part(given.minutes * 60 / PARTS))
                    print(f"{number + 1:2}/{PARTS}: {part['stored'] - before} events, memory {part['rss'] / MIB:.0f} MiB, queue {part['queue'] / MIB:.1f} MiB, disk {part['disk'] / MIB:.0f} MiB, "
                          f"probes p95 {part['p95']:.0f} ms; load {os.getloadavg()[0]:.1f}", flush=True)
                sent = stream.close() + 3 * sum(part["probes"] for part in parts)
            stored, wrong = soak.settled(before, sent), judge(parts, soak.metric("z4j_ingest_queue_limit_bytes"))
            if stored != sent:
                wrong.append(f"{sent} events were sent and {stored} stored")
        finally:
            soak.brain.remove()
    print(f"{sent} events: " + ("; ".join(wrong) or "flat, none lost"))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
