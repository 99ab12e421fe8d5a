"""Keeps sending tasks of every kind, at a bounded rate and only while the queues are short.

Used from one thread. A broker that is away is an error that is counted, and tried again with the next task.
"""
import random
import threading
import time

import celery_app
import rq
import run_log
from celery import chain, chord, group

CELERY_QUEUES = ("orders", "mail", "reports", "night")
RQ_QUEUES = ("high", "default", "low", "night")
LONGEST = {"night": 25}  # nobody works on these queues: they show what waits
LONGEST_OTHER = 200
RESULT_TTL = 600
FAILURE_TTL = 3600


def send_celery(name, args=(), kwargs=None, queue="orders", **options):
    return celery_app.app.send_task(name, args=list(args), kwargs=kwargs or {}, queue=queue, **options).id


def send_rq(connection, name, args=(), kwargs=None, queue="default", delay=None, **options):
    """The job; `delay` seconds from now when given."""
    q = rq.Queue(queue, connection=connection)
    given = {"args": tuple(args), "kwargs": kwargs or {}, "result_ttl": RESULT_TTL, "failure_ttl": FAILURE_TTL, **options}
    if delay is None:
        job = q.enqueue(name, **given)
    else:
        import datetime
        job = q.enqueue_in(datetime.timedelta(seconds=delay), name, **given)
    run_log.write("SENT", "rq", name, job.id)
    return job


class Producer(threading.Thread):
    def __init__(self, celery_redis, rq_redis, folder, rate, seed):
        super().__init__(name="producer", daemon=True)
        self.celery_redis, self.rq_redis, self.folder = celery_redis, rq_redis, folder
        self.rate, self.sent, self.errors = rate, 0, 0
        self.random = random.Random(seed)
        self.done = threading.Event()
        self.full = set()

    def run(self):
        deck, counted, due = [], 0.0, time.monotonic()
        while not self.done.is_set():
            if self.rate <= 0:
                self.done.wait(0.2)
                due = time.monotonic()
                continue
            deck = deck or self.shuffled()
            try:
                if time.monotonic() - counted > 1:
                    counted = time.monotonic()
                    self.full = self.too_long()
                queue, send = deck.pop()
                if queue not in self.full:
                    send()
                    self.sent += 1
            except Exception:  # pylint: disable=broad-except
                self.errors += 1
                self.done.wait(0.5)
            due = max(due + 1 / self.rate, time.monotonic() - 1)
            self.done.wait(max(0.0, due - time.monotonic()))

    def too_long(self):
        full = set()
        for engine, connection, queues, key in (("celery", self.celery_redis, CELERY_QUEUES, "{}"), ("rq", self.rq_redis, RQ_QUEUES, "rq:queue:{}")):
            for queue in queues:
                if connection.llen(key.format(queue)) >= LONGEST.get(queue, LONGEST_OTHER):
                    full.add((engine, queue))
        return full

    def shuffled(self):
        deck = [entry for many, entry in self.kinds() for _ in range(many)]
        self.random.shuffle(deck)
        return deck

    def kinds(self):
        """(how often, ((engine, queue), what to send)) of one round."""
        c, r, app = self.celery, self.rq, celery_app
        n = self.random.randint
        order = {"id": n(1000, 9999), "items": [{"sku": f"A-{n(1, 99)}", "count": n(1, 5)} for _ in range(n(1, 4))], "address": {"city": "Delft", "lines": ["Markt 1", None]}}
        return [
            (6, c("orders", lambda: app.add.apply_async((n(1, 9), n(1, 9)), queue="orders", priority=self.random.choice([0, 3, 6, 9])))),
            (4, c("mail", lambda: app.place_order.apply_async((order,), {"notify": True}, queue="mail"))),
            (3, c("orders", lambda: app.charge_card.apply_async((n(1, 999), 19.5), queue="orders"))),
            (2, c("orders", lambda: app.sync_stock.apply_async(("shop-7",), {"failures": 2}, queue="orders"))),
            (1, c("orders", lambda: app.sync_dead_shop.apply_async(("shop-13",), queue="orders"))),
            (1, c("night", lambda: app.sync_at_night.apply_async(("shop-21",), queue="orders"))),
            (2, c("reports", lambda: app.build_report.apply_async((n(2, 6),), {"title": "weekly"}, queue="reports"))),
            (1, c("orders", lambda: chain(app.add.s(1, 2).set(queue="orders"), app.add.s(3).set(queue="orders"), app.add.s(4).set(queue="mail"))())),
            (1, c("orders", lambda: group(app.add.s(i, i).set(queue="orders") for i in range(3))())),
            (1, c("orders", lambda: chord((app.add.s(i, i).set(queue="orders") for i in range(3)), app.total.s().set(queue="mail"))())),
            (1, c("mail", lambda: app.import_row.apply_async((n(1, 99),), queue="mail"))),
            (1, c("mail", lambda: app.add.apply_async((1, 1), queue="mail", expires=0.001))),
            (1, c("orders", lambda: app.add.apply_async((2, 2), queue="orders", countdown=5))),
            (1, c("night", lambda: app.place_order.apply_async((order,), queue="night"))),
            (4, r("high", lambda: self.job("rq_jobs.resize", (f"p{n(1, 99)}.png", 640), queue="high"))),
            (3, r("default", lambda: self.job("rq_jobs.index", ({"words": ["b", "a"], "meta": {"lang": "nl", "pages": [1, 2]}},)))),
            (1, r("default", lambda: self.job("rq_jobs.resize", ("first.png", 64), {"height": 48}, at_front=True))),
            (2, r("default", lambda: self.job("rq_jobs.fetch", ("https://shop.example/feed",)))),
            (1, r("default", lambda: self.job("rq_jobs.fetch_twice", (f"{self.folder}/flag-{n(0, 10**9)}", "https://shop.example/new"), retry=rq.Retry(max=2, interval=1)))),
            (1, r("low", lambda: self.job("rq_jobs.transcode", (n(2, 5),), queue="low"))),
            (1, r("low", self.dependent_jobs)),
            (1, r("high", lambda: self.job("rq_jobs.resize", ("later.png", 32), queue="high", delay=5))),
            (1, r("night", lambda: self.job("rq_jobs.resize", ("night.png", 32), queue="night"))),
        ]

    def dependent_jobs(self):
        first = self.job("rq_jobs.index", ({"words": ["x"]},), queue="low")
        self.job("rq_jobs.resize", ("after.png", 16), queue="low", depends_on=first)

    def job(self, *args, **kwargs):
        return send_rq(self.rq_redis, *args, **kwargs)

    @staticmethod
    def celery(queue, send):
        return ("celery", queue), send

    @staticmethod
    def rq(queue, send):
        return ("rq", queue), send
