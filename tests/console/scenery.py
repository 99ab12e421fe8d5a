"""A small fleet that stands still: something on every screen, told by one agent."""
import contextlib
import datetime
import pathlib
import sqlite3
import time

from browser import wait_until
from wire_agent import CELERY, event

HELLO = {"framework": "django", "host": {"name": "web-1"}, "engines": ["celery"], "schedulers": ["rq-scheduler"],
         "capabilities": {"celery": CELERY, "rq-scheduler": ["list", "disable", "trigger_now", "delete"]}}
TRACEBACK = """Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/celery/app/trace.py", line 477, in trace_task
    R = retval = fun(*args, **kwargs)
  File "/srv/shop/tasks.py", line 12, in charge_card
    raise ValueError("card 4711 was declined")
ValueError: card 4711 was declined
"""


def at(seconds_ago):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds_ago)).isoformat()


def story(task_id, *kinds, name="shop.charge_card", **data):
    """Events of one task, a second apart, the last some seconds ago."""
    common = {"task_name": name, "queue": "orders", "worker": "w1@web-1"}
    facts = {"task.received": {"args": [1, "two"], "kwargs": {"currency": "EUR", "password": "hunter2"}}, "task.failed": {"exception": "ValueError('card 4711 was declined')", "traceback": TRACEBACK},
             "task.succeeded": {"result": "'charged'", "runtime_ms": 900}, "task.retried": {"exception": "ValueError('again')", "traceback": TRACEBACK}}
    return [event(kind, task_id, at=at(len(kinds) - i + 5), **{**common, **facts.get(kind, {}), **data}) for i, kind in enumerate(kinds)]


def build(stage):
    """Tells it; the screens to look at, as (name, path)."""
    stage.join("web", HELLO)
    agent, brain = stage.agents["web"], stage.brain
    agent.tell(*story("done-1", "task.received", "task.started", "task.succeeded"), *story("failed-1", "task.received", "task.started", "task.failed"),
               *story("retry-1", "task.received", "task.started", "task.retried"), *story("running-1", "task.received", "task.started"),
               *story("waiting-1", "task.sent", name="shop.report"), *story("revoked-1", "task.received", "task.revoked"))
    agent.beat(**{"celery.broker_type": "redis", "celery.queue_depths": {"orders": 3, "night": 0},
                  "celery.worker_details": {"w1@web-1": {"stats": {"pid": 7, "pool": {"processes": [1, 2]}}, "active": [{}], "active_queues": [{"name": "orders"}], "registered": ["shop.charge_card"]}}})
    stage.register("web", ["shop.charge_card", "shop.report"], [])
    stage.schedules("web", [{"name": "hourly", "scheduler": "rq-scheduler", "engine": "rq", "task_name": "shop.report", "kind": "interval", "expression": "3600"}])
    wait_until(lambda: brain.task("celery", "failed-1") and brain.project("/workers") and len(brain.project("/queues")) >= 2, 30)
    post = lambda path, body: brain.bulk_post(path, body)  # noqa: E731
    own = post("/schedules", {"name": "nightly", "engine": "celery", "kind": "cron", "expression": "30 2 * * *", "timezone": "Europe/Berlin", "task_name": "shop.report", "queue": "night"})
    job = brain.finish(post("/bulk-jobs", {"selection_id": brain.select(action="retry", task_ids=["failed-1"])["id"]}), states=("done", "paused", "failed", "cancelled"))
    worker = brain.project("/workers")[0]["id"]
    told = brain.project("/schedules?search=hourly")["items"][0]["id"]
    entry = brain.project("/audit?limit=1")["items"][0]["id"]
    p = "/p/default"
    with contextlib.closing(sqlite3.connect(pathlib.Path(brain.home) / "brain.sqlite", timeout=30)) as rows:  # an hour of depths, which takes an hour
        now = int(time.time()) // 60
        for queue, project in rows.execute("SELECT id, project_id FROM queues").fetchall():
            rows.executemany("INSERT OR IGNORE INTO queue_minutes (project_id, queue_id, minute, pending, oldest_s) VALUES (?,?,?,?,?)", [(project, queue, (now - ago) * 60_000_000, ago % 7, ago) for ago in range(1, 60)])
        rows.commit()
    # Else it depends on when one looks whether the log was checked already.
    assert brain.ask("POST", "/api/v1/audit/verify")[0] < 300
    wait_until(lambda: (verdict := brain.read("/api/v1/audit/verify"))["checked_at"] and not verdict["is_checking"], 60)
    return [
        ("login", "/login"), ("frame", p), ("now", p), ("tasks", f"{p}/tasks"), ("tasks-drawer", f"{p}/tasks?row=celery/failed-1"), ("tasks-none", f"{p}/tasks?q=name:nothing-of-that-name"),
        *((f"task-{tab}", f"{p}/tasks/celery/failed-1?tab={tab}") for tab in ("timeline", "arguments", "exception", "tree", "attempts", "audit")),
        ("names", f"{p}/names"), ("name", f"{p}/names/shop.charge_card"), ("errors", f"{p}/errors"), ("queues", f"{p}/queues"), ("queues-drawer", f"{p}/queues?row=celery/orders"),
        ("queue-copies", f"{p}/queues?view=copies"), ("fleet", f"{p}/fleet"), ("fleet-drawer", f"{p}/fleet?row={worker}"), ("agents", f"{p}/fleet?view=agents"),
        ("agents-drawer", f"{p}/fleet?view=agents&row={brain.agent_named('web')['id']}"), ("losses", f"{p}/fleet?view=losses"), ("connect", f"{p}/fleet/connect"), ("schedules", f"{p}/schedules"),
        ("schedules-drawer", f"{p}/schedules?row={own['id']}"), ("schedules-read-only", f"{p}/schedules?row={told}"), ("schedules-edit", f"{p}/schedules?row={own['id']}&edit=1"),
        ("schedules-new", f"{p}/schedules?new=1"), ("bulk", f"{p}/bulk"), ("job", f"{p}/bulk/{job['id']}"),
        *((f"notifications-{tab}", f"{p}/notifications?tab={tab}") for tab in ("inbox", "subscriptions", "channels", "deliveries", "defaults")),
        ("audit", f"{p}/audit"), ("audit-drawer", f"{p}/audit?row={entry}"), ("audit-chain", f"{p}/audit?panel=chain"), ("plugins", "/plugins"), ("plugins-drawer", "/plugins?row=dashboard"),
        ("find", "/t/failed-1"), *((f"settings-{tab}", f"/settings?tab={tab}") for tab in ("you", "security", "keys", "members", "project", "users", "projects", "installation")),
    ]
