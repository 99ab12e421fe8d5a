"""django-celery-beat and Celery of Debian, on SQLite and PostgreSQL."""
import os
import sqlite3
import subprocess
import unittest

from beat_suites import DjangoBeat, DjangoPlace, OnSqlite
from desk import wait_until
from postgres import PrivatePostgres


class SqliteTest(OnSqlite, DjangoBeat, unittest.TestCase):
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


class NaiveTest(OnSqlite, DjangoBeat, unittest.TestCase):
    """USE_TZ off: what Django fills by itself is the wall clock of a zone; beat means UTC all the same."""

    ENVIRONMENT = {"Z4J_USE_TZ": "0", "Z4J_DJANGO_ZONE": "Asia/Tokyo", "Z4J_BEAT_TIMEZONE": "Asia/Tokyo"}
    SETTINGS = {"naive_times_in": "Asia/Tokyo"}

    # What no time has a part in.
    test_refuses_what_beat_could_not_read = test_refuses_tables_that_require_what_it_does_not_know = test_shared_rows_are_never_changed = None
    test_of_two_edits_one_wins = test_triggers_through_the_host = test_a_beat_that_was_away_fires_what_was_made_meanwhile = None
    test_shows_what_django_made = test_moves_in_djangos_own_form = None  # they give Django aware times

    def test_times_are_as_beat_and_as_django_mean_them(self):
        desk = self.open()
        made = desk.made(name="a", task="t", kind="interval", expression="10s", starts_at=1893456000.5)
        self.assertEqual(made["starts_at"], 1893456000.5)
        self.assertEqual(self.orm("print(PeriodicTask.objects.get(name='a').start_time)"), "2030-01-01 00:00:00.500000")
        self.assertEqual(self.orm("import datetime\nprint(abs(PeriodicTasks.last_change() - datetime.datetime.now()) < datetime.timedelta(minutes=10))"), "True")


class PostgresTest(DjangoPlace, DjangoBeat, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = PrivatePostgres()
        cls.addClassCleanup(cls.server.__exit__)
        cls.databases = 0

    def database(self):
        type(self).databases += 1
        self.name = f"shop_{self.databases}"
        self.server.sql(f"CREATE DATABASE {self.name}" + (" TEMPLATE migrated" if self.is_migrated() else ""))
        return ({"ENGINE": "django.db.backends.postgresql", "NAME": self.name, "USER": self.server.user, "PASSWORD": self.server.password, "HOST": self.server.folder},
                self.server.url_of(self.name))

    def is_migrated(self):
        return self.databases > 1

    def keep_migrated(self):
        self.server.sql(f"CREATE DATABASE migrated TEMPLATE {self.name}")

    def sql(self, text):
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", text], check=True, capture_output=True, timeout=60)

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
