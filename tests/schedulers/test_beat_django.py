"""django-celery-beat and Celery of Debian, on SQLite and PostgreSQL."""
import os
import shutil
import sqlite3
import tempfile
import unittest

from beat_suites import DjangoBeat, postgres_database
from desk import wait_until
from postgres import PrivatePostgres


class SqliteTest(DjangoBeat, unittest.TestCase):
    def database(self):
        folder = tempfile.mkdtemp(prefix="z4j_django_")
        self.addCleanup(shutil.rmtree, folder, True)
        self.path = os.path.join(folder, "db.sqlite3")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": self.path, "OPTIONS": {"timeout": 20}}, "sqlite:///" + self.path

    def add_required_column(self):
        with sqlite3.connect(self.path) as db:
            db.execute("ALTER TABLE django_celery_beat_intervalschedule RENAME TO old")
            db.execute("CREATE TABLE django_celery_beat_intervalschedule (id integer PRIMARY KEY, every integer NOT NULL, period varchar(24) NOT NULL, tenant varchar(9) NOT NULL)")
            db.execute("INSERT INTO django_celery_beat_intervalschedule SELECT id, every, period, 'x' FROM old")

    def test_waits_for_a_lock_and_says_busy(self):
        desk = self.open()
        made = desk.made(name="a", task="t", kind="interval", expression="10s")
        db = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(db.close)
        db.execute("BEGIN IMMEDIATE")
        self.assertEqual(desk.put(made["etag"], id=made["id"], task="u")["error"], "busy")
        self.assertEqual(desk.named("a")["task"], "t")  # reading goes on
        db.execute("ROLLBACK")
        self.assertEqual(desk.changed(made, task="u")["task"], "u")

    def test_says_that_there_is_no_file_and_finds_it_later(self):
        hidden = self.path + ".away"
        os.rename(self.path, hidden)
        desk = self.open()
        self.assertEqual(desk.page()["error"], "unavailable")
        self.assertIn("backend_offline", desk.health()["why"])
        self.assertFalse(os.path.exists(self.path))
        os.rename(hidden, self.path)
        wait_until(lambda: "items" in desk.page())
        self.assertEqual(desk.health()["state"], "ok")


class NaiveTest(SqliteTest):
    """USE_TZ off: the database holds the wall clock of a zone."""

    ENVIRONMENT = {"Z4J_USE_TZ": "0", "Z4J_DJANGO_ZONE": "Asia/Tokyo", "Z4J_BEAT_TIMEZONE": "Asia/Tokyo"}
    SETTINGS = {"naive_times_in": "Asia/Tokyo"}

    test_shows_what_django_made = test_moves_in_djangos_own_form = test_every_kind_passes_djangos_own_checks = None
    test_fires_a_clocked_one_once = test_switching_on_does_not_fire_at_once = None

    def test_times_are_of_that_zone(self):
        desk = self.open()
        made = desk.made(name="a", task="t", kind="interval", expression="10s", starts_at=1893456000.5)
        self.assertEqual(made["starts_at"], 1893456000.5)
        self.assertEqual(self.orm("print(PeriodicTask.objects.get(name='a').start_time)"), "2030-01-01 09:00:00.500000")


class PostgresTest(DjangoBeat, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = PrivatePostgres()
        cls.addClassCleanup(cls.server.__exit__)
        cls.databases = 0

    def database(self):
        type(self).databases += 1
        self.name = f"shop_{self.databases}"
        return postgres_database(self.server, self.name)

    def sql(self, text):
        return self.server.sql(text, self.name)

    def add_required_column(self):
        self.sql("ALTER TABLE django_celery_beat_periodictask ADD COLUMN tenant varchar(9) NOT NULL DEFAULT 'x'; ALTER TABLE django_celery_beat_periodictask ALTER COLUMN tenant DROP DEFAULT")

    def test_comes_back_after_a_restart_of_the_server(self):
        desk = self.open()
        desk.made(name="a", task="t", kind="interval", expression="10s")
        self.server.stop()
        wait_until(lambda: desk.page().get("error") == "unavailable")
        self.assertIn("backend_offline", desk.health()["why"])
        self.server.start()
        wait_until(lambda: "items" in desk.page())
        self.assertEqual(desk.changed(desk.named("a"), task="u")["task"], "u")

    def test_a_role_that_may_only_read(self):
        self.open().made(name="a", task="t", kind="interval", expression="10s")
        self.sql("CREATE ROLE watcher LOGIN PASSWORD 'looks'; GRANT USAGE ON SCHEMA public TO watcher; GRANT SELECT ON ALL TABLES IN SCHEMA public TO watcher")
        self.addCleanup(lambda: self.sql("DROP OWNED BY watcher; DROP ROLE watcher"))
        desk = self.desk(store="django", database_url=f"postgresql://watcher:looks@/{self.name}?host={self.server.folder}")
        seen = desk.named("a")
        self.assertEqual(desk.put(seen["etag"], id=seen["id"], task="u")["error"], "denied")

    def test_a_schema_for_each_tenant(self):
        self.open().made(name="a", task="t", kind="interval", expression="10s")
        self.sql("ALTER SCHEMA public RENAME TO tenant")
        self.assertEqual(self.open().page()["error"], "bad_config")
        desk = self.desk(store="django", database_url=self.url, schema="tenant")
        self.assertEqual(desk.changed(desk.named("a"), task="u")["task"], "u")


if __name__ == "__main__":
    unittest.main()
