"""A brain on PostgreSQL with a month of work in it: a million tasks, four million events (Z4J_SCALE_TASKS: another number).

Every list with its filters, every search and figure is asked for over HTTP; what comes is checked against what z4j-seed says is
there, how long it took is printed, and PostgreSQL's log is read for plans that go through a whole table.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import unittest
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
os.environ.setdefault("Z4J_E2E_DATABASE", "postgresql")
sys.path[:0] = [str(HERE.parent / "e2e"), str(HERE.parent / "support")]
from brain import BUILD, Brain  # noqa: E402
from postgres import PrivatePostgres  # noqa: E402

TASKS = int(os.environ.get("Z4J_SCALE_TASKS", "1000000"))
DAYS = 28  # within the days that events and tasks are kept
ROUNDS = 15
RSS_LIMIT_MIB = 300
COUNTED = 2_000_000  # tasks, for stats
SETTINGS = ["shared_buffers=512MB", "max_wal_size=8GB", "wal_compression=lz4", "checkpoint_timeout=30min", "maintenance_work_mem=256MB",
            "synchronous_commit=off", "autovacuum_naptime=10s"]
BIG_TABLES = re.compile(r"Seq Scan.*? on (events_p\d+|tasks|tasks_search)\b")


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


class ReadingTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = PrivatePostgres(SETTINGS)
        cls.addClassCleanup(cls.server.__exit__)
        cls.brain = Brain.with_admin("", Z4J_DATABASE_URL=cls.server.url)
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.start().stop()  # sets the database up
        begin = time.monotonic()
        done = subprocess.run([BUILD / "scale" / "z4j-seed", "--tasks", str(TASKS), "--days", str(DAYS), "--disk", cls.server.folder],
                              env={**os.environ, "Z4J_DATABASE_URL": cls.server.url}, stdout=subprocess.PIPE, text=True, check=True)
        cls.seed = json.loads(done.stdout)
        cls.say("seeded", f"{cls.seed['tasks']} tasks, {cls.seed['events']} events in {time.monotonic() - begin:.0f} s")
        begin = time.monotonic()
        cls.server.sql("VACUUM (ANALYZE)", timeout=1200)
        cls.say("vacuum and analyze", f"{time.monotonic() - begin:.0f} s")
        size = cls.server.sql("SELECT pg_size_pretty(pg_database_size(current_database()))")
        cls.say("database", size)
        cls.server.sql("ALTER DATABASE postgres SET session_preload_libraries TO auto_explain")
        cls.server.sql("ALTER DATABASE postgres SET auto_explain.log_min_duration TO 0")
        begin = time.monotonic()
        cls.brain.start().sign_in()
        cls.brain.project("/tasks")
        cls.say("start to first page", f"{time.monotonic() - begin:.2f} s")

    @staticmethod
    def say(what, figure):
        print(f"{what:<52} {figure}", flush=True)

    def times(self, what, *paths):
        """Asks several times, prints how long the answers took, gives the last one."""
        taken, answer = [], None
        for i in range(ROUNDS):
            path = paths[i % len(paths)]
            begin = time.monotonic()
            answer = self.brain.project(path)
            taken.append((time.monotonic() - begin) * 1000)
        self.say(what, f"p50 {percentile(taken, .5):6.1f} ms  p95 {percentile(taken, .95):6.1f} ms")
        return answer

    def found(self, query):
        """Every task that a filter finds, page by page: none twice, in the order of the list."""
        tasks = self.brain.all_of(f"/tasks?limit=500&{query}")
        ids = [t["id"] for t in tasks]
        self.assertEqual(len(ids), len(set(ids)), query)
        order = [t["started_at"] or t["received_at"] or t["created_at"] for t in tasks]
        self.assertEqual(order, sorted(order, reverse=True), query)
        return tasks

    def test_lists(self):
        middle = urllib.parse.quote(self.seed["sample"]["at"])
        page = self.times("tasks, first page", "/tasks")
        self.assertEqual(50, len(page["items"]))
        self.times("tasks, 500 on a page", "/tasks?limit=500")
        deep = f"/tasks?until={middle}"
        paths = [deep]
        for _ in range(ROUNDS - 1):
            cursor = self.brain.project(paths[-1])["next_cursor"]
            paths.append(f"{deep}&cursor={cursor}")
        self.times("tasks, deep pages from the middle", *paths)
        for state, count in sorted(self.seed["by_state"].items()):
            page = self.times(f"state={state} ({count})", f"/tasks?state={state}", f"/tasks?state={state}&limit=200")
            self.assertEqual({state}, {t["state"] for t in page["items"]})
        for state in ("rejected", "started"):
            self.assertEqual(self.seed["by_state"][state], len(self.found(f"state={state}")))

    def test_filters(self):
        names, queues, workers = (list(self.seed[by]) for by in ("by_name", "by_queue", "by_worker"))
        workers = [w for w in workers if w]
        for what, values in (("name", names), ("queue", queues), ("worker", workers), ("engine", ["rq"]), ("priority", ["high"])):
            paths = [f"/tasks?{what}={urllib.parse.quote(v)}" for v in values]
            page = self.times(f"{what}=... ({len(values)} of them)", *paths)
            self.assertEqual(50, len(page["items"]))
        self.times("state and queue", *(f"/tasks?state=failure&queue={q}" for q in queues))
        self.times("state and worker, rare", *(f"/tasks?state=rejected&worker={urllib.parse.quote(w)}" for w in workers))
        self.times("nothing has it: queue, name", "/tasks?queue=nowhere", "/tasks?name=no.such.name")
        self.times("all of it lies far back: name", "/tasks?name=legacy.import_chunk")
        self.times("all of it lies far back: part of a name, 500", "/tasks?name=IMPORT_&limit=500")
        self.times("a part of many names", "/tasks?name=shop.", "/tasks?name=e", "/tasks?name=.")
        self.times("a part of many names, 500 on a page", "/tasks?name=.&limit=500")
        self.times("name and rare state", *(f"/tasks?state=rejected&name={n}" for n in ("shop.", "legacy", "e", "mail.bounce")))
        self.times("name far back, state, queue", "/tasks?name=legacy&state=failure", "/tasks?name=legacy&queue=orders", "/tasks?name=legacy&worker=rq-west-01")
        day = urllib.parse.quote
        since, until = self.day(10), self.day(9)
        self.times("a day", f"/tasks?since={day(since)}&until={day(until)}")
        self.times("a day, state, queue, search", f"/tasks?since={day(since)}&until={day(until)}&state=failure&queue=orders&search=place")
        self.assertEqual(self.seed["by_name"]["ledger.close_quarter"], len(self.found("name=ledger.close_quarter")))
        middle = day(self.day(DAYS // 2))
        halves = [self.found(f"name={part}") for part in (f"LEDGER.&until={middle}", f"r.close&since={middle}")]
        self.assertEqual(self.seed["by_name"]["ledger.close_quarter"], len({t["task_id"] for half in halves for t in half}))
        self.assertLess(abs(self.seed["by_day"]["9"] - len(self.found(f"since={day(since)}&until={day(until)}"))), 10)

    def day(self, back):
        until = time.mktime(time.strptime(self.seed["until"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(until - back * 86400))

    def test_search(self):
        sample = self.seed["sample"]
        self.assertEqual([sample["id"]], [t["task_id"] for t in self.found(f"search={sample['id']}")])
        self.assertEqual(self.seed["by_name"]["ledger.close_quarter"], len(self.found("search=CLOSE_quart")))
        self.times("search: a task id", f"/tasks?search={sample['id']}")
        self.times("search: part of a task id", f"/tasks?search={sample['id'][:13]}")
        self.times("search: a common word", "/tasks?search=orders", "/tasks?search=mail", "/tasks?search=celery")
        self.times("search: a rare word", "/tasks?search=close_quarter")
        page = self.times("search: a word that lies far back", "/tasks?search=IMPORT_")
        self.assertEqual({"legacy.import_chunk"}, {t["name"] for t in page["items"]})
        self.assertEqual(50, len(page["items"]))
        page = self.times("search: nothing has it", "/tasks?search=zebra-crossing", "/tasks?search=0000-0000-0000")
        self.assertEqual([], page["items"])
        self.assertNotIn("searched_until", page)

    def test_nested_arguments(self):
        order = self.seed["sample"]["order_id"]
        self.assertEqual([self.seed["sample"]["id"]], [t["task_id"] for t in self.found(f"arg=order_id:{order}")])
        self.assertEqual([self.seed["sample"]["id"]], [t["task_id"] for t in self.found(f"arg=0:{order}")])
        self.assertEqual(self.seed["by_tier"]["platinum"], len(self.found("arg=customer.tier:platinum")))
        self.times("arg=order_id:N (one)", *(f"/tasks?arg=order_id:{order + i}" for i in range(ROUNDS)))
        self.times("arg=0:N (one)", *(f"/tasks?arg=0:{order + i}" for i in range(ROUNDS)))
        self.times("arg=customer.id:N (some)", *(f"/tasks?arg=customer.id:{i * 7}" for i in range(ROUNDS)))
        self.times("arg=customer.tier:platinum (rare)", "/tasks?arg=customer.tier:platinum")
        self.times("arg=customer.tier:gold (a third)", "/tasks?arg=customer.tier:gold")
        for state in ("failure", "rejected", "pending"):
            self.times(f"arg: two terms and a state, {state}", f"/tasks?arg=customer.tier:gold,express:true&state={state}")
        self.times("arg: three terms (one in 190)", "/tasks?arg=customer.tier:gold,express:true,warehouse:hall-3")
        page = self.times("arg: nothing has it", "/tasks?arg=customer.tier:diamond", "/tasks?arg=no.such.key:1")
        self.assertEqual([], page["items"])

    def test_one_task(self):
        sample = self.seed["sample"]
        at = f"/tasks/{sample['engine']}/{sample['id']}"
        self.assertEqual(sample["order_id"], self.times("a task", at)["kwargs"]["order_id"])
        self.assertEqual(4, self.times("its workflow", at + "/tree")["node_count"])
        events = self.times("its events", f"/events?engine={sample['engine']}&task_id={sample['id']}")
        self.assertEqual(sample["events"], len(events["items"]))

    def test_fleet(self):
        self.assertEqual(20, len(self.times("workers", "/workers")))
        self.assertEqual(12, len({q["name"] for q in self.times("queues", "/queues")}))
        for path in ("/agents", "/gaps", "/event-sources", "/commands", "/commands?status=failed"):
            self.times(path[1:], path)

    def test_figures(self):
        begin = time.monotonic()
        stats = self.brain.project("/stats")
        self.say("stats, the very first", f"{(time.monotonic() - begin) * 1000:.0f} ms")
        self.assertEqual(TASKS > COUNTED, stats["tasks_capped"])
        if TASKS <= COUNTED:
            self.assertEqual(self.seed["tasks"], stats["tasks_total"])
            for state, count in self.seed["by_state"].items():
                self.assertEqual(count, stats["tasks_by_state"][state], state)
        self.times("stats of 1, 6, 24, 72, 168 hours", *(f"/stats?hours={h}" for h in (1, 6, 24, 72, 168)))
        spans = ("window=1h&bucket=1m", "window=6h&bucket=1m", "window=24h&bucket=5m", "window=72h&bucket=15m", "window=7d&bucket=1h",
                 "window=30d&bucket=1d")
        for span in spans:
            self.times(f"trends {span}", f"/trends?{span}", f"/trends?{span}&queue=")
        for span in spans:
            self.times(f"trends of a name, {span}", *(f"/trends?{span}&name={n}" for n in list(self.seed["by_name"])[:ROUNDS]))
        for span in spans:
            self.times(f"trends of a queue, {span}", *(f"/trends?{span}&queue={q}" for q in self.seed["by_queue"]))
        month = self.brain.project("/trends?window=30d&bucket=1d")["series"]
        self.assertEqual(self.seed["by_state"]["success"], sum(p["success"] for p in month))
        self.assertEqual(self.seed["by_state"]["failure"], sum(p["failure"] for p in month))
        self.assertTrue(all(p["p50_runtime_ms"] <= p["p95_runtime_ms"] <= p["p99_runtime_ms"] for p in month))

    def test_zz_no_list_reads_a_whole_table_and_memory_is_bounded(self):
        with open(os.path.join(self.server.folder, "log"), encoding="utf-8", errors="replace") as log:
            plans = re.split(r"^\d{4}-\d\d-\d\d ", log.read(), flags=re.M)
        plans = [p for p in plans if "plan:" in p and "SELECT" in p]
        self.assertGreater(len(plans), 100)
        for plan in plans:
            if "count(*)" not in plan:
                self.assertIsNone(BIG_TABLES.search(plan), plan)
        status = pathlib.Path(f"/proc/{self.brain.process.pid}/status").read_text()
        rss = int(re.search(r"^VmHWM:\s+(\d+)", status, re.M).group(1)) / 1024
        self.say("memory of the brain, at most", f"{rss:.0f} MiB")
        self.assertLess(rss, RSS_LIMIT_MIB)


if __name__ == "__main__":
    unittest.main(verbosity=2)
