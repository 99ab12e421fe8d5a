"""What it costs a reader that the brain drops a day of events: 5 million of them (Z4J_SCALE_EVENTS: another number), several rounds.

Each round fills a day that is over its time, starts a brain and polls the task list; the brain drops the day a minute after its start. Prints
the p95 of the list in the minute before and in the seconds around the drop, and the median over the rounds. Nothing is asserted of times.
"""
import datetime
import os
import pathlib
import statistics
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("Z4J_E2E_DATABASE", "postgresql")
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "support")]
from brain import BUILD, Brain  # noqa: E402
from postgres import PrivatePostgres  # noqa: E402

EVENTS = int(os.environ.get("Z4J_SCALE_EVENTS", "5000000"))
ROUNDS = int(os.environ.get("Z4J_SCALE_ROUNDS", "5"))
TASKS = 100_000
BYTES_PER_EVENT = 600
DROP_WITHIN_S = 180
SETTINGS = ["shared_buffers=512MB", "max_wal_size=8GB", "wal_compression=lz4", "checkpoint_timeout=30min", "synchronous_commit=off"]


def p95(values):
    values = sorted(values)
    return values[int(len(values) * .95)]


class RetentionTest(unittest.TestCase):
    def test_dropping_a_day_hardly_slows_a_reader(self):
        with PrivatePostgres(SETTINGS) as server:
            free = os.statvfs(server.folder)
            self.assertGreater(free.f_bavail * free.f_frsize, EVENTS * BYTES_PER_EVENT * 2, "the disk is short")
            brain = Brain.with_admin("", Z4J_DATABASE_URL=server.url)
            self.addCleanup(brain.remove)
            brain.start().stop()
            subprocess.run([BUILD / "scale" / "z4j-seed", "--tasks", str(TASKS), "--days", "20", "--disk", server.folder],
                           env={**os.environ, "Z4J_DATABASE_URL": server.url}, stdout=subprocess.DEVNULL, check=True)
            ratios = [self.round(server, brain, number) for number in range(ROUNDS)]
            print(f"p95 around the drop to p95 before, median of {ROUNDS}: {statistics.median(ratios):.2f}", flush=True)

    def round(self, server, brain, number):
        day = datetime.date.today() - datetime.timedelta(days=60 + number)
        name = f"events_p{day:%Y%m%d}"
        server.sql(f"CREATE TABLE z4j.{name} PARTITION OF z4j.events FOR VALUES FROM ('{day} 00:00:00+00') TO ('{day + datetime.timedelta(days=1)} 00:00:00+00')")
        server.sql(f"""INSERT INTO z4j.events (occurred_at, id, project_id, agent_id, engine, task_id, kind, task_name, queue, payload, stored_at)
            SELECT '{day} 00:00:00+00'::timestamptz + i * interval '17 ms', gen_random_uuid(), p.id, p.id, 'celery', 'old-' || i / 4, 'task.started', 'old', 'old',
                   '{{"hostname":"celery@old-01","pid":4711,"clock":123456,"sw_ident":"py-celery","sw_ver":"5.2.7","utcoffset":0}}', now()
            FROM generate_series(1, {EVENTS}) i, (SELECT id FROM z4j.projects LIMIT 1) p""", timeout=3600)
        server.sql("VACUUM (ANALYZE)", timeout=3600)
        server.sql("CHECKPOINT", timeout=3600)
        brain.start().sign_in()
        taken, dropped_at = [], None
        end = time.monotonic() + DROP_WITHIN_S
        while time.monotonic() < end and (dropped_at is None or time.monotonic() < dropped_at + 3):
            begin = time.monotonic()
            brain.project("/tasks?state=failure")
            taken.append((begin, (time.monotonic() - begin) * 1000))
            if dropped_at is None and len(taken) % 20 == 0 and server.sql(f"SELECT to_regclass('z4j.{name}') IS NULL") == "t":
                dropped_at = time.monotonic()
        brain.stop()
        self.assertIsNotNone(dropped_at, "the day was not dropped")
        around = [ms for at, ms in taken if at > dropped_at - 3]
        before = [ms for at, ms in taken if at < dropped_at - 6]
        ratio = p95(around) / p95(before)
        print(f"round {number + 1}: list p95 {p95(before):.1f} ms before, {p95(around):.1f} ms around the drop, worst {max(around):.1f} ms; ratio {ratio:.2f}", flush=True)
        return ratio


if __name__ == "__main__":
    unittest.main(verbosity=2)
