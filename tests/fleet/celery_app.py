"""The demo's Celery application: tasks that succeed, fail, retry, run long and are thrown away.

FLEET_BROKER is the Redis address; FLEET_RESULT_EXTENDED=1 makes results carry name and arguments.
"""
import os
import time

from celery import Celery, signals
from celery.exceptions import Reject
from kombu import Queue

import run_log

app = Celery("shop", broker=os.environ["FLEET_BROKER"], backend=os.environ["FLEET_BROKER"])
app.conf.update(
    task_default_queue="orders",
    task_queues=[Queue(name) for name in ("orders", "mail", "reports", "night")],
    task_send_sent_event=True,
    task_track_started=True,
    result_expires=3600,
    result_extended=os.environ.get("FLEET_RESULT_EXTENDED") == "1",
    broker_transport_options={"priority_steps": [0, 3, 6, 9], "queue_order_strategy": "priority"},
    broker_connection_retry=True,
    broker_connection_max_retries=None,
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    broker_pool_limit=4,
)


@app.task(name="shop.add")
def add(x, y):
    return x + y


@app.task(name="shop.total")
def total(numbers):
    return sum(numbers)


@app.task(name="shop.place_order")
def place_order(order, notify=True):
    """Arguments as people nest them."""
    return {"order": order["id"], "items": len(order["items"]), "notify": notify}


@app.task(name="shop.charge_card")
def charge_card(order_id, amount):
    raise ValueError(f"card declined for order {order_id}: {amount} is over the limit")


@app.task(name="shop.charge_when_open")
def charge_when_open(flag_file, order_id):
    """Fails until the file exists: a retry by an operator then succeeds."""
    if not os.path.exists(flag_file):
        raise ConnectionError("the bank is closed")
    return order_id


@app.task(name="shop.sync_stock", bind=True, max_retries=5)
def sync_stock(self, shop, failures=2):
    if self.request.retries < failures:
        raise self.retry(countdown=0.3, exc=TimeoutError(f"{shop} did not answer"))
    return self.request.retries


@app.task(name="shop.sync_dead_shop", bind=True, max_retries=2)
def sync_dead_shop(self, shop):
    raise self.retry(countdown=0.3, exc=ConnectionError(f"{shop} is gone"))


@app.task(name="shop.sync_at_night", bind=True, max_retries=1)
def sync_at_night(self, shop):
    """Retries on a queue that nobody works on, and so stays in that state."""
    raise self.retry(queue="night", countdown=0, exc=ConnectionError(f"{shop} is busy"))


@app.task(name="shop.build_report")
def build_report(seconds, title="daily"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.2, max(0.0, end - time.monotonic())))
    return title


@app.task(name="shop.import_row", acks_late=True)
def import_row(row):
    raise Reject(f"row {row} is not ours", requeue=False)


@signals.after_task_publish.connect
def _sent(sender=None, headers=None, **_):
    run_log.write("SENT", "celery", sender, headers["id"])


@signals.task_prerun.connect
def _entered(task_id=None, task=None, **_):
    run_log.write("RUN", "celery", task.name, task_id)


@signals.task_postrun.connect
def _left(task_id=None, task=None, state=None, **_):
    run_log.write("END", "celery", task.name, task_id, (state or "failure").lower())


@signals.task_revoked.connect
def _revoked(request=None, **_):
    run_log.write("END", "celery", request.task or "?", request.id, "revoked")
