"""Every plugin of ours keeps the contract: z4j-plugin-check, with the broker or database that it needs."""
import pathlib
import sys
import unittest

from checker import BAD, BUILD, SOURCE, Checked

sys.path.insert(0, str(pathlib.Path(SOURCE) / "tests" / "support"))
from celery_stream import PrivateRedis  # noqa: E402
from postgres import PrivatePostgres  # noqa: E402


class Own(unittest.TestCase):
    def check(self, plugin, least, config=None, *options):
        done = Checked(BUILD / "plugins" / f"{plugin}.so", *options, config=config, timeout=880)
        self.assertEqual((done.code, done.failed()), (0, {}), done.said + done.errors)
        # So that a plugin that stops to start is not taken for a good one.
        self.assertGreaterEqual(done.report["passed"], least, done.said)

    def test_dashboard(self):
        self.check("dashboard", 110)

    def test_notifier_smtp(self):
        self.check("notifier-smtp", 130)

    def test_notifier_webhook(self):
        self.check("notifier-webhook", 150)

    def test_scheduler_native(self):
        self.check("scheduler-native", 130)

    def test_storage_memory(self):
        self.check("storage-memory", 200)

    def test_storage_sqlite(self):
        self.check("storage-sqlite", 200, {"path": "{folder}/check.sqlite"})

    def test_storage_postgresql(self):
        with PrivatePostgres() as server:
            self.check("storage-postgresql", 195, {"url": server.url, "schema": "{word}"})

    def test_engine_rq(self):
        with PrivateRedis() as redis:
            self.check("engine-rq", 150, {"redis_url": redis.url()})

    def test_engine_celery(self):
        with PrivateRedis() as redis:
            self.check("engine-celery", 150, {"broker_url": redis.url()})

    def test_scheduler_rq_scheduler(self):
        with PrivateRedis() as redis:
            self.check("scheduler-rq-scheduler", 130, {"redis_url": redis.url()})

    def test_scheduler_rq_cron(self):
        with PrivateRedis() as redis:
            self.check("scheduler-rq-cron", 130, {"redis_url": redis.url()})

    def test_scheduler_celery_beat(self):
        with PrivateRedis() as redis:
            self.check("scheduler-celery-beat", 130, {"store": "redbeat", "redis_url": redis.url(), "expects_lock": False})

    def test_scheduler_apscheduler(self):
        with PrivateRedis() as redis:
            self.check("scheduler-apscheduler", 130, {"redis_url": redis.url()})


class Examples(unittest.TestCase):
    """The SDK's examples, one of each kind beside storage-memory."""

    def check(self, file, least, config=None):
        done = Checked(file, config=config)
        self.assertEqual((done.code, done.failed()), (0, {}), done.said + done.errors)
        self.assertGreaterEqual(done.report["passed"], least, done.said)

    def test_engine_toy(self):
        self.check(BAD / "engine-toy.so", 150, {"folder": "{folder}"})

    def test_scheduler_toy(self):
        self.check(BAD / "scheduler-toy.so", 130, {"file": "{folder}/schedules"})

    def test_notifier_log(self):
        self.check(BAD / "notifier-log.so", 130)

    def test_http_hello(self):
        self.check(BUILD / "tests" / "plugins" / "http-hello.so", 130)


if __name__ == "__main__":
    unittest.main()
