"""A shop's fleet for pictures: four engines, 30 workers of which one is lost, 200,000 tasks of a week, and what people did about them.

The brain's clock stands: it reads the time from a file (libfaketime), which moves on from one deed to the next and then stays at AT.
With the browser's clock at the same moment all figures, ages and times are the same in each run.
"""
import contextlib
import datetime
import json
import math
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("Z4J_E2E_DATABASE", "sqlite")
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "support")]
from brain import BUILD, Brain, wait_until  # noqa: E402
from wire_agent import CELERY, Closed, WireAgent, event  # noqa: E402

AT = datetime.datetime(2026, 10, 23, 14, 2, 11, tzinfo=datetime.timezone.utc)  # a Friday; on Sunday the clocks of Europe go back
TASKS = 200_000
DAYS = 7
ADMIN, VIEWER = "ops@acme.example", "viewer@acme.example"
PASSWORD = "copper lantern 42 tides"
FAKETIME = "/usr/lib/{}/faketime/libfaketimeMT.so.1"
ONE_READ_ONLY = """
import sys
from celery import Celery
from celery.beat import PersistentScheduler
from celery.schedules import crontab
app = Celery(broker="memory://")
app.conf.beat_schedule = {"weekly-margin": {"task": "reports.weekly_margin", "schedule": crontab(minute=15, hour=5, day_of_week=1), "args": ("eu-west",)}}
beat = PersistentScheduler(app, schedule_filename=sys.argv[1])
beat.schedule
beat.sync()
beat.close()
"""
LOST = "celery@mail-06"
LONG_NAME = "acme_commerce.integrations.partners." + "marketplace_settlement_reconciliation." * 6 + "fetch_and_verify_one_statement_page"
RIGHT_TO_LEFT = "מוכר.הזמנות.שליחת_קבלה"


def text_of(at):
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def before(**span):
    return AT - datetime.timedelta(**span)


class StandingClock:
    """The time of a brain, out of a file."""

    def __init__(self, folder, at):
        self.file = pathlib.Path(folder) / "clock"
        self.go(at)
        multiarch = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
        self.environment = {"LD_PRELOAD": FAKETIME.format(multiarch), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1",
                            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "TZ": "UTC"}

    def go(self, at):
        self.at = at
        new = self.file.with_suffix(".new")
        new.write_text(at.strftime("%Y-%m-%d %H:%M:%S"))
        new.replace(self.file)  # readers find the old one or the new one


class StandingAgent(WireAgent):
    """An agent that lives by the brain's clock, is asked by one thread and may be used by another."""

    def __init__(self, url, minted, clock, engines, **kept):
        super().__init__(url, minted, worker_id=f"{minted['agent']['name']}-4711", **kept)
        self.clock, self.engines, self.lock = clock, engines, threading.Lock()
        self.gone = threading.Event()

    def connect(self, **changes):
        return super().connect(engines=self.engines, framework="django", capabilities={engine: CELERY for engine in self.engines}, worker_pid=4711, worker_role="worker",
                               worker_started_at=text_of(before(days=3)), host={"name": self.worker_id.removesuffix("-4711")}, **changes)

    def sign(self, kind, payload, frame_id=None, **changes):
        return super().sign(kind, payload, frame_id, ts=text_of(self.clock.at), **changes)

    def send(self, *words, **more):
        with self.lock:
            return super().send(*words, **more)

    def tell(self, kind, task_id, at, engine="celery", **data):
        self.acked(self.send_events(event(kind, task_id, engine, text_of(at), **data)))

    def serve(self, outcome):
        """Stays, and takes commands, until the connection ends."""
        self.gone.clear()
        self.socket.socket.settimeout(None)

        def run():
            try:
                while True:
                    frame = self.receive()
                    if frame["type"] == "command":
                        claim = {n: frame["payload"][n] for n in ("delivery_claim_token",) if n in frame["payload"]}
                        self.send("command_ack", claim, frame["id"])
                        self.answer(frame, **outcome(frame["payload"]))
            except (Closed, OSError, ValueError, AttributeError):
                pass

        def live():
            while not self.gone.wait(5):
                try:
                    self.heartbeat()
                except (OSError, AttributeError):
                    return

        for work in (run, live):
            threading.Thread(target=work, daemon=True).start()

    def close(self):
        self.gone.set()
        if self.socket:
            with contextlib.suppress(OSError):
                self.socket.socket.shutdown(socket.SHUT_RDWR)  # who reads there hears of it and lets go
        super().close()


def steady(name, most):
    """A number below `most` that belongs to a name."""
    return zlib.crc32(name.encode()) % most


HOSTS = {"celery": ["web-a", "web-b", "web-c"], "rq": ["img-a"], "arq": ["edge-a"], "dramatiq": ["batch-a"]}
WORKERS = {"celery": [f"celery@{side}-{n:02}" for side in ("north", "south", "east") for n in range(1, 6)], "rq": [f"rq-west-{n:02}" for n in range(1, 6)],
           "arq": [f"arq-hill-{n:02}" for n in range(1, 6)], "dramatiq": [f"dramatiq-lake-{n:02}" for n in range(1, 5)]}
QUEUES = {"celery": {"orders": 212, "cart": 0, "stock": 18, "payments": 4136, "mail": 37, "search": 0, "shipping": 9, "crm": 1},
          "rq": {"images": 64, "reports": 3}, "arq": {"fraud": 0}, "dramatiq": {"housekeeping": 12}}
AGENTS = {"web-1": ["celery"], "images-1": ["rq"], "edge-1": ["arq"], "batch-1": ["dramatiq"]}


def details(engine, names):
    """What an agent tells of workers."""
    out = {}
    for n, name in enumerate(names):
        host = "mail-a" if name == LOST else HOSTS[engine][n * len(HOSTS[engine]) // len(names)]
        busy = steady(name, 5)
        queues = list(QUEUES[engine])
        out[name] = {"hostname": host, "pid": 4000 + steady(name, 900), "concurrency": 8, "queues": queues[n % len(queues):][:3] or queues[:1], "active_tasks": busy,
                     "load_average": [round(0.2 + steady(name + "l", 300) / 100, 2), 1.1, 0.9], "memory_bytes": (180 + steady(name + "m", 900)) << 20, "version": "5.3.6" if engine == "celery" else "2.1",
                     "stats": {"pool": {"max-concurrency": 8}}}
    return out


class SeededFleet:
    """Use start(), then the brain with its `url`; remove() at the end. `facts` is what a picture needs to know."""

    def __init__(self, tasks=TASKS):
        self.tasks = tasks
        self.brain = Brain("", {"Z4J_BOOTSTRAP_ADMIN_EMAIL": ADMIN, "Z4J_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD, "Z4J_NOTIFICATIONS_INTERNAL_TARGETS": "localhost",  # nobody listens there
                                "Z4J_AUDIT_CHECKPOINT_INTERVAL": "1"})
        self.clock = StandingClock(self.brain.home, before(hours=9))  # when its scheduler wrote last
        self.brain.environment.update(self.clock.environment)
        shelf = os.path.join(self.brain.home, "celerybeat-schedule")
        subprocess.run(["/usr/bin/python3", "-c", ONE_READ_ONLY, shelf], check=True, timeout=60, env={**os.environ, **self.clock.environment})
        self.clock.go(before(days=9, hours=5))
        self.brain.config.write_text(f'[plugin.static]\nplugin = "scheduler-celery-beat"\n[plugin.static.settings]\nstore = "persistent"\npath = "{shelf}"\n')
        self.agents, self.facts = {}, {"at": text_of(AT)}

    def remove(self):
        for agent in self.agents.values():
            agent.close()
        self.brain.remove()

    def start(self):
        self.brain.start()
        self.sign_in()
        self.people()
        self.plans()
        self.lose_a_worker()
        self.leave()
        self.work()
        self.clock.go(before(minutes=9))
        self.brain.start()
        self.sign_in()
        # A brain looks for silent workers as it starts. The others were seen in the work since.
        wait_until(lambda: self.brain.project("/worker-losses")["items"], 60, tell=lambda: self.brain.project("/workers"))
        wait_until(lambda: any(n["trigger"] == "worker.offline" for n in self.brain.read("/api/v1/user/notifications")), 60, tell=lambda: self.brain.read("/api/v1/user/notifications"))
        self.connect()
        self.fail_loudly()
        self.retry_many()
        self.leave()
        self.watch_queues()
        # What a brain keeps of what it counted is as old as this one then, which is nothing.
        self.clock.go(AT)
        self.brain.start()
        self.sign_in()
        self.connect()
        self.serve()
        self.report()
        self.settle()
        return self

    def leave(self):
        for agent in self.agents.values():
            agent.close()
        self.brain.stop()

    def connect(self):
        for agent in self.agents.values():
            agent.url = self.brain.url
            agent.connect()

    # The parts, in order

    def sign_in(self):
        self.brain.sign_in(ADMIN, PASSWORD)

    def at(self, **span):
        """The next deed is done then. A session may have ended by it."""
        self.clock.go(before(**span))
        if self.brain.ask("GET", "/api/v1/auth/me")[0] != 200:
            self.sign_in()

    def do(self, method, path, body=None, wanted=(200, 201, 202, 204)):
        status, answer = self.brain.ask(method, "/api/v1" + path, body)
        assert status in wanted, (method, path, body, status, answer)
        return answer

    def post(self, path, body=None, **more):
        return self.do("POST", "/projects/default" + path, body or {}, **more)

    def people(self):
        self.do("PATCH", "/auth/me", {"display_name": "Ada Okafor"})
        self.do("PATCH", "/projects/default", {"name": "Acme shop", "environment": "production"})
        self.do("POST", "/projects", {"slug": "staging", "name": "Acme staging", "environment": "staging"})
        for n, (email, name, role) in enumerate((("mira@acme.example", "Mira Lindqvist", "operator"), ("jonas@acme.example", "Jonas Weber", "admin"),
                                                 (VIEWER, "Tomás Viana", "viewer"))):
            self.at(days=9, hours=4, minutes=50 - 5 * n)
            token = self.post("/invitations", {"email": email, "role": role})["token"]
            status, answer = self.stranger().ask("POST", "/api/v1/invitations/accept", {"token": token, "display_name": name, "password": PASSWORD})
            assert status == 201, answer
        self.at(days=8, hours=3)
        self.post("/invitations", {"email": "noor@partner.example", "role": "viewer"})
        for n, name in enumerate((*AGENTS, "laptop-ada")):
            self.at(days=8, hours=2, minutes=50 - 4 * n)
            self.agents[name] = StandingAgent(self.brain.url, self.brain.mint(name), self.clock, AGENTS.get(name, ["celery"]))
        self.at(days=7, hours=1)
        laptop = self.agents.pop("laptop-ada")
        laptop.connect(agent_version="1.6.9")
        laptop.heartbeat()
        wait_until(lambda: (seen := self.brain.agent_named("laptop-ada"))["state"] == "online" and seen["clock_skew_ms"] is not None)
        laptop.close()
        wait_until(lambda: self.brain.agent_named("laptop-ada")["state"] == "offline")
        self.at(days=6, hours=4)
        self.do("POST", "/api-keys", {"name": "grafana", "scopes": ["projects:read", "tasks:read"], "expires_in_days": 365})
        self.at(days=6, hours=3)
        project = next(p for p in self.brain.read("/api/v1/projects") if p["slug"] == "default")["id"]
        self.post("/notifications/channels", {"name": "on call", "type": "webhook", "config": {"url": "https://localhost:9/hooks/z4j", "hmac_secret": "not told here"}})
        self.at(days=6, hours=2)
        self.post("/notifications/channels", {"name": "shop team", "type": "webhook", "config": {"url": "https://localhost:9/hooks/shop"}, "is_active": False})
        told = self.brain.read("/api/v1/user/subscriptions")["items"][0]  # of failed tasks: an administrator has it from the beginning
        self.do("PATCH", f"/user/subscriptions/{told['id']}", {"cooldown_seconds": 3600})
        for n, (trigger, more) in enumerate((("worker.offline", {}), ("queue.depth_high", {"filters": {"depth_over": 1000}}), ("agent.offline", {"cooldown_seconds": 600}))):
            self.at(days=6, hours=1, minutes=50 - n)
            self.do("POST", "/user/subscriptions", {"project_id": project, "trigger": trigger, **more})
        self.at(days=5)
        self.post("/notifications/defaults", {"trigger": "agent.offline"})

    def stranger(self):
        """Somebody else's browser."""
        other = Brain(home=self.brain.home)
        other.url = self.brain.url
        return other

    def plans(self):
        """Schedules; what the brain keeps needs its scheduler, which comes a moment after the start."""
        drafts = [
            {"name": "nightly-ledger-close", "kind": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin", "task_name": "ledger.close_quarter", "queue": "payments",
             "description": "Closes the books of the day before; the bank wants it before three."},
            {"name": "refresh-prices", "kind": "interval", "expression": "900", "task_name": "shop.prices.refresh", "queue": "stock"},
            {"name": "daily-sales", "kind": "cron", "expression": "0 6 * * 1-5", "timezone": "America/New_York", "task_name": "reports.daily_sales", "engine": "rq", "queue": "reports"},
            {"name": "train-fraud-model", "kind": "cron", "expression": "0 4 * * 0", "task_name": "fraud.train_model", "engine": "arq", "queue": "fraud"},
            {"name": "rotate-logs", "kind": "cron", "expression": "*/30 * * * *", "task_name": "housekeeping.rotate_logs", "engine": "dramatiq", "queue": "housekeeping", "is_enabled": False},
            {"name": "probe-partners", "kind": "interval", "expression": "3600", "task_name": "housekeeping.probe_partners", "engine": "dramatiq", "queue": "housekeeping"},
        ]
        for n, draft in enumerate(drafts):
            self.at(days=2, hours=5, minutes=50 - 7 * n)
            wait_until(lambda d=draft: self.brain.ask("POST", "/api/v1/projects/default/schedules", {"engine": "celery", "catch_up": "skip", **d})[0] == 201, 60,
                       tell=lambda d=draft: self.brain.ask("POST", "/api/v1/projects/default/schedules", {"engine": "celery", "catch_up": "skip", **d}))
        self.at(days=2, hours=4)
        first = next(s for s in self.brain.project("/schedules")["items"] if s["name"] == "refresh-prices")
        self.do("PATCH", f"/projects/default/schedules/{first['id']}", {"expression": "600"})

    def lose_a_worker(self):
        """One worker takes tasks, and is not heard of again."""
        self.at(minutes=31)
        agent = self.agents["web-1"]
        agent.connect()
        agent.heartbeat(adapter_health={"celery.broker_type": "redis", "celery.worker_details": json.dumps(details("celery", [*WORKERS["celery"], LOST]))})
        held = [("mail.send_receipt", "mail"), ("mail.send_newsletter", "mail"), ("mail.send_receipt", "mail"), ("crm.sync_contact", "crm")]
        for n, (name, queue) in enumerate(held):
            task = f"7d1f0c9a-0000-4000-8000-{n:012}"
            agent.tell("task.received", task, before(minutes=31, seconds=40 - n), task_name=name, queue=queue, args=[n], kwargs={"lang": "de"}, worker=LOST)
            if n < 3:
                agent.tell("task.started", task, before(minutes=31, seconds=30 - n), task_name=name, worker=LOST)
        wait_until(lambda: any(w["name"] == LOST and w["state"] == "online" for w in self.brain.project("/workers")), tell=lambda: self.brain.project("/workers"))

    def work(self):
        done = subprocess.run([BUILD / "scale" / "z4j-seed", "--tasks", str(self.tasks), "--days", str(DAYS), "--engines", "4", "--until", text_of(AT)], capture_output=True, text=True, check=False,
                              env={**os.environ, "Z4J_DATABASE_URL": self.brain.environment.get("Z4J_DATABASE_URL", "sqlite:///" + os.path.join(self.brain.home, "brain.sqlite"))})
        assert done.returncode == 0, done.stderr

    def fail_loudly(self):
        """The payments of the last minutes, and names that are hard to show."""
        agent = self.agents["web-1"]
        trace = 'Traceback (most recent call last):\n  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 477, in trace_task\n    R = retval = fun(*args, **kwargs)\n' \
                '  File "/srv/shop/payments/bank.py", line 118, in charge\n    with relay.session(timeout=30) as bank:\n' \
                '  File "/srv/shop/payments/relay.py", line 41, in session\n    raise TimeoutError(f"no answer from {host} in {timeout} s")\nTimeoutError: no answer from bank-relay.internal:587 in 30 s\n'
        for n in range(60):
            task, at = f"e81d06b4-5c2f-4000-8000-{n:012}", before(minutes=8, seconds=50 - n * 4) if n < 12 else before(seconds=480 - n * 7)
            kwargs = {"order_id": 90412800 + n, "amount": 1990 + n, "currency": "EUR", "customer": {"id": 7000 + n, "tier": "gold", "token": "secret"}}
            worker = WORKERS["celery"][n % 3]
            told = [event("task.sent", task, at=text_of(at - datetime.timedelta(seconds=31)), task_name="payments.charge", queue="payments", args=[90412800 + n], kwargs=kwargs),
                    event("task.received", task, at=text_of(at - datetime.timedelta(seconds=31)), task_name="payments.charge", queue="payments", args=[90412800 + n], kwargs=kwargs, worker=worker),
                    event("task.started", task, at=text_of(at - datetime.timedelta(seconds=30)), task_name="payments.charge", worker=worker),
                    event("task.failed", task, at=text_of(at), task_name="payments.charge", worker=worker, exception="TimeoutError: no answer from bank-relay.internal:587 in 30 s", traceback=trace, runtime_ms=30_012)]
            self.clock.go(max(self.clock.at, at))
            agent.acked(agent.send_events(*told))
        self.facts["failed"] = f"e81d06b4-5c2f-4000-8000-{59:012}"
        for n, name in enumerate((LONG_NAME, RIGHT_TO_LEFT)):
            task, at = f"a11ce000-0000-4000-8000-{n:012}", before(minutes=3, seconds=n, milliseconds=500)
            agent.acked(agent.send_events(event("task.received", task, at=text_of(at), task_name=name, queue="crm", args=["שלום", 1], kwargs={"note": "a\u0000b\u202ec"}, worker=WORKERS["celery"][4]),
                                          event("task.started", task, at=text_of(at), task_name=name, worker=WORKERS["celery"][4]),
                                          event("task.failed", task, at=text_of(at + datetime.timedelta(seconds=1)), task_name=name, worker=WORKERS["celery"][4], exception="ValueError: " + "שגיאה " * 30, traceback="x", runtime_ms=1000)))
        self.facts["hard"] = [f"a11ce000-0000-4000-8000-{n:012}" for n in range(2)]

    def retry_many(self):
        """Two bulk jobs: of the first some are refused, and the others run by now."""
        failed = [f"e81d06b4-5c2f-4000-8000-{n:012}" for n in range(20)]
        again = []

        def outcome(payload):
            again.append(payload.get("parameters", {}).get("task_id", ""))
            if len(again) in (4, 10, 15):
                again[-1] = None
                return {"status": "failed", "error": "the task is not known here any more"}
            return {"result": {"new_task_id": "b0b0" + again[-1][4:], "task_name": "", "priority": None}}

        agent = self.agents["web-1"]
        self.serve(outcome)
        self.clock.go(before(seconds=50))
        selection = self.brain.select(action="retry", task_ids=failed)
        job = self.brain.finish(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"], "params": {}}), 60)
        self.clock.go(before(seconds=48))
        others = self.brain.project("/tasks?state=failure&engine=celery&name=crm.merge_duplicates&limit=5")["items"]
        selection = self.brain.select(action="retry", task_ids=[task["task_id"] for task in others])
        self.brain.finish(self.brain.bulk_post("/bulk-jobs", {"selection_id": selection["id"]}), 60)
        self.facts["job"] = job["id"]
        # What was sent again is taken, one a second, in an order that is the same each time.
        for n, old in enumerate(sorted(filter(None, again))):
            new, at = "b0b0" + old[4:], before(seconds=45 - n)
            name = {"task_name": "payments.charge" if old in failed else "crm.merge_duplicates", "queue": "payments" if old in failed else "crm", "worker": WORKERS["celery"][n % 5]}
            agent.send_events(event("task.received", new, at=text_of(at), args=[90412800 + n], kwargs={}, **name),
                              *([event("task.started", new, at=text_of(at), **name)] if n < 17 else []),
                              *([event("task.succeeded", new, at=text_of(at + datetime.timedelta(milliseconds=600 + 17 * n)), runtime_ms=600 + 17 * n, **name)] if n < 14 else []))
        last = "b0b0" + max(filter(None, again))[4:]
        wait_until(lambda: (self.brain.task("celery", last) or {}).get("received_at"), tell=lambda: self.brain.task("celery", last))

    def serve(self, outcome=lambda payload: {"status": "failed", "error": "not now"}):
        for agent in self.agents.values():
            agent.serve(outcome)

    def report(self):
        """Every agent tells of its workers and queues."""
        for name, engines in AGENTS.items():
            health = {}
            for engine in engines:
                health[f"{engine}.broker_type"] = "redis"
                health[f"{engine}.broker_connected"] = "True"
                health[f"{engine}.queue_details"] = json.dumps([{"name": q, "pending": n, "unacked": steady(q, 9), "consumers": 3 if n < 1000 else 1,
                                                                 **({"oldest_age_s": n // 6 + 2} if n else {})} for q, n in QUEUES[engine].items()])
                health[f"{engine}.worker_details"] = json.dumps(details(engine, WORKERS[engine]))
            self.agents[name].heartbeat(adapter_health=health)

    def watch_queues(self):
        """How deep the queues were on the day before, as a brain that looks once a minute keeps it; the payments began to wait when they began to fail."""
        last = AT.replace(second=0, microsecond=0)
        depths = {name: n for queues in QUEUES.values() for name, n in queues.items()}

        def depth(name, ago):
            if name == "payments":
                return 30 + steady(f"{name}{ago // 3}", 20) + (max(0, 9 - ago) * 455)
            return round(depths[name] * (0.75 + 0.25 * math.cos(ago / (20 + steady(name, 30)))))

        with contextlib.closing(sqlite3.connect(pathlib.Path(self.brain.home) / "brain.sqlite", timeout=30)) as rows:
            known = [row for row in rows.execute("SELECT id, project_id, name FROM queues").fetchall() if row[2] in depths]
            assert {name for _, _, name in known} == set(depths), known
            for queue, project, name in known:
                samples = ((ago, depth(name, ago)) for ago in range(1, 24 * 60))
                rows.executemany("INSERT INTO queue_minutes (project_id, queue_id, minute, pending, oldest_s) VALUES (?,?,?,?,?)",
                                 [(project, queue, int((last - datetime.timedelta(minutes=ago)).timestamp()) * 1_000_000, n, n // 6 + 2 if n else None) for ago, n in samples])
            rows.commit()

    def settle(self):
        """Everybody is signed in, and nothing moves any more."""
        self.facts["cookies"] = {who: self.stranger().sign_in(email, PASSWORD).cookies for who, email in (("admin", ADMIN), ("viewer", VIEWER))}
        wait_until(lambda: sum(w["state"] == "online" for w in self.brain.project("/workers")) == 29, 60, tell=lambda: [(w["name"], w["state"]) for w in self.brain.project("/workers")])
        wait_until(lambda: any(q["name"] == "payments" and q["pending_count"] == 4136 for q in self.brain.project("/queues")), 60)
        wait_until(lambda: any(n["trigger"] == "queue.depth_high" for n in self.brain.read("/api/v1/user/notifications")), 60, tell=lambda: self.brain.read("/api/v1/user/notifications"))
        self.audit()
        self.facts["loss"] = next(loss["id"] for loss in self.brain.project("/worker-losses")["items"] if loss["worker"] == LOST)

    def audit(self):
        """The audit log is checked, and all of it is signed: nothing was added to it for a while that is longer than what the brain waits."""
        self.do("POST", "/audit/verify")
        wait_until(lambda: not (verdict := self.brain.read("/api/v1/audit/verify"))["is_checking"] and verdict["checked_at"], 60)
        size = 0
        while size != (size := self.brain.read("/api/v1/audit/checkpoint")["size"]):
            time.sleep(3)
        self.facts["entries"] = size


if __name__ == "__main__":
    import signal
    begin = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    fleet = SeededFleet(int(sys.argv[1]) if len(sys.argv) > 1 else TASKS)
    try:
        fleet.start()
        print(f"{time.monotonic() - begin:.1f} s", fleet.brain.url, json.dumps(fleet.facts), flush=True)
        (pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path(fleet.brain.home) / "facts.json").write_text(json.dumps(fleet.facts))
        sys.stdin.read()
    finally:
        fleet.remove()
