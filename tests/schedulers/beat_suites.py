"""What every version of beat must do after an edit of ours: mixins over its three stores."""
import datetime
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from desk import HERE, Beat, Desk, Redis, wait_until


class Place:
    """A Redis for the class, a beat and a plugin for each test."""

    PYTHON = "/usr/bin/python3"

    @classmethod
    def setUpClass(cls):
        cls.redis = Redis()
        cls.addClassCleanup(cls.redis.stop)

    def setUp(self):
        self.redis.client().flushall()

    def beat(self, scheduler, environment=None, options=()):
        beat = Beat(self.redis, self.PYTHON, scheduler, environment, options)
        self.addCleanup(beat.remove)
        return beat

    def desk(self, **settings):
        desk = Desk("scheduler-celery-beat", **settings)
        self.addCleanup(desk.close)
        return desk


class DjangoPlace(Place):
    """An application with django-celery-beat; a class says where its database is."""

    ENVIRONMENT = {}
    SETTINGS = {}

    def database(self):
        """Django's settings and the plugin's URL of a new database."""
        raise NotImplementedError

    def is_migrated(self):
        """Whether it came with the tables: migrations are slow."""
        raise NotImplementedError

    def keep_migrated(self):
        raise NotImplementedError

    def setUp(self):
        super().setUp()
        django, self.url = self.database()
        self.environment = {"DJANGO_SETTINGS_MODULE": "django_settings", "Z4J_DJANGO_DATABASE": json.dumps(django), **self.ENVIRONMENT}
        if not self.is_migrated():
            self.manage("migrate", "-v", "0")
            self.keep_migrated()

    def manage(self, *words, text=None):
        done = subprocess.run([self.PYTHON, "-m", "django", *words], env={**os.environ, **self.environment, "PYTHONPATH": str(HERE), "PYTHONDONTWRITEBYTECODE": "1"},
                              input=text, capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def orm(self, code):
        """Runs code of the application, with its models."""
        return self.manage("shell", "-v", "0", "-c", "from django_celery_beat.models import *\n" + code).strip()

    def open(self):
        return self.desk(store="django", database_url=self.url, **self.SETTINGS)

    def run_beat(self, desk):
        beat = self.beat("django_celery_beat.schedulers:DatabaseScheduler", self.environment).start()
        beat.meanwhile = desk.page
        wait_until(lambda: "beat: Starting" in beat.log(), tell=beat.log)
        return beat


class DjangoBeat:
    """What every django-celery-beat must do, beside a DjangoPlace."""

    # Shown

    def test_shows_what_django_made(self):
        self.orm("i = IntervalSchedule.objects.create(every=90, period='seconds')\n"
                 "c = CrontabSchedule.objects.create(minute='*/5', hour='3', day_of_week='mon-fri', timezone='Europe/Berlin')\n"
                 "s = SolarSchedule.objects.create(event='sunset', latitude='51.5', longitude='-0.1')\n"
                 "import datetime\n"
                 "k = ClockedSchedule.objects.create(clocked_time=datetime.datetime(2040, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc))\n"
                 "PeriodicTask.objects.create(name='i', task='shop.i', interval=i, args='[1, \"two\"]', kwargs='{\"y\": 3}', queue='low', priority=4, expire_seconds=60)\n"
                 "PeriodicTask.objects.create(name='c', task='shop.c', crontab=c, description='about', headers='{\"h\": 1}')\n"
                 "PeriodicTask.objects.create(name='s', task='shop.s', solar=s)\n"
                 "PeriodicTask.objects.create(name='k', task='shop.k', clocked=k, one_off=True)\n"
                 "PeriodicTask.objects.create(name='off', task='shop.off', interval=i, enabled=False)\n"
                 "PeriodicTask.objects.create(name='bad', task='shop.bad', interval=i, args='{', kwargs='[]')\n")
        desk = self.open()
        seen = {s["name"]: s for s in desk.all(limit=2)}
        self.assertEqual(sorted(seen), ["bad", "c", "i", "k", "off", "s"])
        i = seen["i"]
        self.assertEqual((i["kind"], i["expression"], i["task"], i["args"], i["kwargs"], i["queue"]), ("interval", "90s", "shop.i", [1, "two"], {"y": 3}, "low"))
        self.assertEqual(i["options"], {"priority": 4, "expire_seconds": 60})
        self.assertEqual((i["read_only"], i["capabilities"]), (False, ["update", "delete", "enable", "trigger"]))
        self.assertIsNone(i["next_run_at"])  # it begins when beat sees it
        c = seen["c"]
        self.assertEqual((c["kind"], c["expression"], c["timezone"], c["description"], c["options"]), ("cron", "*/5 3 * * mon-fri", "Europe/Berlin", "about", {"headers": {"h": 1}}))
        self.assertGreater(c["next_run_at"], time.time())
        self.assertEqual((seen["s"]["kind"], seen["s"]["expression"]), ("solar", "sunset:51.5:-0.1"))
        self.assertEqual((seen["k"]["kind"], seen["k"]["expression"], seen["k"]["options"]), ("clocked", "2040-01-02T03:04:05.000000+00:00", {"one_off": True}))
        self.assertEqual(seen["k"]["next_run_at"], datetime.datetime(2040, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc).timestamp())
        self.assertEqual((seen["off"]["is_enabled"], seen["off"]["next_run_at"]), (False, None))
        self.assertIn("args are no JSON list", seen["bad"]["options"]["problem"])
        self.assertEqual(desk.trigger(seen["bad"])["outcome"], "refused")
        self.assertEqual(desk.all(ids=[i["id"], "999", "x"]), [i])
        self.assertEqual(desk.health(), {"state": "ok", "why": "reads its store"})

    # Edited, and seen by a running beat

    def test_a_running_beat_fires_what_was_made_and_follows_each_edit(self):
        desk = self.open()
        beat = self.run_beat(desk)
        made = desk.made(name="ours", task="shop.first", kind="interval", expression="1s", args=[1, {"deep": [None, "ü"]}], kwargs={"y": 2.5}, queue="low",
                         options={"headers": {"from": "us"}})
        queue, args, kwargs, headers = beat.wait_sent("shop.first", 2)[0]
        self.assertEqual((queue, args, kwargs), ("low", [1, {"deep": [None, "ü"]}], {"y": 2.5}))
        self.assertEqual(headers.get("from", headers.get("headers", {}).get("from")), "us")
        made = desk.named("ours")
        self.assertGreater(made["total_runs"] + 1, 0)

        changed = desk.changed(made, task="shop.second", args=["new"])
        self.assertEqual((changed["task"], changed["args"], changed["kwargs"], changed["options"]), ("shop.second", ["new"], {"y": 2.5}, {"headers": {"from": "us"}}))
        self.assertEqual(beat.wait_sent("shop.second")[0][1], ["new"])

        off = desk.changed(desk.named("ours"), is_enabled=False)
        self.assertFalse(off["is_enabled"])
        changes = beat.log().count("Schedule changed")
        wait_until(lambda: (desk.page(), beat.log().count("Schedule changed") > changes)[1], tell=beat.log)
        settled = len(beat.sent("shop.second"))
        on = desk.changed(off, is_enabled=True, task="shop.third")
        beat.wait_sent("shop.third")
        self.assertLessEqual(len(beat.sent("shop.second")), settled + 1)
        self.assertTrue(on["is_enabled"])

        gone = desk.remove(desk.named("ours"))
        self.assertEqual(gone, {})
        self.assertIsNone(desk.named("ours"))
        desk.made(name="probe", task="shop.probe", kind="interval", expression="1s")
        beat.wait_sent("shop.probe")
        settled = len(beat.sent("shop.third"))
        beat.wait_sent("shop.probe", 4)
        self.assertEqual(len(beat.sent("shop.third")), settled)

    def test_what_beat_undoes_by_a_stale_save_is_made_again(self):
        desk = self.open()
        made = desk.made(name="a", task="first", kind="interval", expression="1h")
        gone = desk.made(name="b", task="first", kind="interval", expression="1h")
        code = "old = list(PeriodicTask.objects.order_by('id'))\nimport sys\nprint('read', flush=True)\nsys.stdin.readline()\nfor t in old: t.no_changes = True; t.save()\n"
        stale = subprocess.Popen([self.PYTHON, "-c", "import django\ndjango.setup()\nfrom django_celery_beat.models import *\n" + code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, **self.environment, "PYTHONPATH": str(HERE)})
        self.addCleanup(stale.stdout.close)
        self.assertEqual(stale.stdout.readline(), "read\n")
        desk.changed(made, task="second")
        desk.remove(gone)
        stale.communicate("\n", timeout=60)
        self.assertEqual(self.orm("print([(t.name, t.task) for t in PeriodicTask.objects.order_by('id')])"), "[('a', 'first'), ('b', 'first')]")
        wait_until(lambda: [(s["name"], s["task"]) for s in desk.all()] == [("a", "second")], tell=desk.all)

    def test_a_beat_that_was_away_fires_what_was_made_meanwhile(self):
        desk = self.open()
        beat = self.run_beat(desk)
        beat.stop()
        desk.made(name="later", task="shop.later", kind="interval", expression="1s")
        beat.start()
        beat.wait_sent("shop.later")

    def test_fires_a_clocked_one_once(self):
        desk = self.open()
        beat = self.run_beat(desk)
        at = datetime.datetime.fromtimestamp(int(time.time()) + 8, datetime.timezone.utc).isoformat()
        made = desk.made(name="once", task="shop.once", kind="clocked", expression=at)
        self.assertEqual(made["options"], {"one_off": True})
        beat.wait_sent("shop.once")
        desk.made(name="probe", task="shop.probe", kind="interval", expression="1s")
        beat.wait_sent("shop.probe", 3)
        self.assertEqual(len(beat.sent("shop.once")), 1)
        off = desk.changed(desk.named("once"), is_enabled=False)
        refused = desk.put(off["etag"], id=made["id"], is_enabled=True)
        self.assertEqual((refused["error"], refused["where"]), ("invalid", "/is_enabled"))

    def test_switching_on_does_not_fire_at_once(self):
        self.orm("from django.utils import timezone\nimport datetime\n"
                 "i = IntervalSchedule.objects.create(every=1, period='hours')\n"
                 "PeriodicTask.objects.create(name='old', task='shop.old', interval=i, enabled=False)\n"
                 "PeriodicTask.objects.filter(name='old').update(last_run_at=timezone.now() - datetime.timedelta(days=3))")
        desk = self.open()
        beat = self.run_beat(desk)
        on = desk.changed(desk.named("old"), is_enabled=True)
        self.assertGreater(on["last_run_at"], time.time() - 600)
        desk.made(name="probe", task="shop.probe", kind="interval", expression="1s")
        beat.wait_sent("shop.probe", 3)
        self.assertEqual(beat.sent("shop.old"), [])

    # Edited, as Django sees it

    def test_shared_rows_are_never_changed(self):
        self.orm("i = IntervalSchedule.objects.create(every=10, period='seconds')\n"
                 "PeriodicTask.objects.create(name='a', task='t', interval=i)\nPeriodicTask.objects.create(name='b', task='t', interval=i)")
        desk = self.open()
        desk.changed(desk.named("a"), expression="20s")
        self.assertEqual({s["name"]: s["expression"] for s in desk.all()}, {"a": "20s", "b": "10s"})
        desk.changed(desk.named("b"), expression="20s")
        self.assertEqual(self.orm("print(IntervalSchedule.objects.count(), PeriodicTask.objects.values('interval').distinct().count())"), "2 1")
        desk.changed(desk.named("a"), kind="cron", expression="0 12 * * *", timezone="Asia/Tokyo")
        self.assertEqual(self.orm("t = PeriodicTask.objects.get(name='a'); print(t.interval, t.crontab.hour, t.crontab.timezone); t.full_clean()"), "None 12 Asia/Tokyo")

    def test_every_kind_passes_djangos_own_checks(self):
        desk = self.open()
        end = int(time.time()) + 86400 * 30
        for name, kind, expression, more in [("i", "interval", "36h", {}), ("us", "interval", "0.25", {}), ("c", "cron", "0,30 8-17 1-7 */2 1-5", {"timezone": "America/New_York"}),
                                             ("s", "solar", "dawn_civil:48.8566:2.3522", {}), ("k", "clocked", "2041-05-06T07:08:09Z", {})]:
            made = desk.made(name=name, task="shop.x", kind=kind, expression=expression, starts_at=1700000000, ends_at=end, description="d", **more)
            self.assertEqual((made["kind"], made["starts_at"], made["ends_at"]), (kind, 1700000000, end))
        self.assertEqual(self.orm("for t in PeriodicTask.objects.all(): t.full_clean(); t.schedule\n"
                                  "print(sorted(str(t.schedule.run_every) for t in PeriodicTask.objects.exclude(interval=None)))"), "['0:00:00.250000', '1 day, 12:00:00']")

    def test_each_write_moves_the_change_row_on(self):
        desk = self.open()
        stamps = []

        def stamp():
            stamps.append(self.orm("print(PeriodicTasks.last_change())"))

        made = desk.made(name="a", task="t", kind="interval", expression="10s")
        stamp()
        # A stored time ahead of every clock.
        self.orm("from django.utils import timezone\nimport datetime\nPeriodicTasks.objects.update(last_update=timezone.now() + datetime.timedelta(days=1))")
        stamp()
        made = desk.changed(made, description="x")
        stamp()
        desk.remove(made)
        stamp()
        self.assertEqual(len(set(stamps)), 4, stamps)
        self.assertEqual(stamps, sorted(stamps))

    def test_of_two_edits_one_wins(self):
        one, two = self.open(), self.open()
        made = one.made(name="a", task="t", kind="interval", expression="10s")
        one.changed(made, task="first")
        lost = two.put(made["etag"], id=made["id"], task="second")
        self.assertEqual(lost["error"], "conflict")
        self.assertEqual(two.remove(made)["error"], "conflict")
        self.assertEqual(two.named("a")["task"], "first")
        self.assertEqual(one.put(name="a", task="t", kind="interval", expression="1s")["error"], "conflict")
        # What beat writes of its own is no conflict.
        now = one.named("a")
        self.orm("from django.utils import timezone\nPeriodicTask.objects.update(last_run_at=timezone.now(), total_run_count=7)")
        self.assertEqual(one.changed(now, task="third")["total_runs"], 7)

    def test_refuses_what_beat_could_not_read(self):
        desk = self.open()
        base = {"name": "x", "task": "t", "kind": "cron", "expression": "* * * * *"}
        for wanted, where in [({"expression": "* * * *"}, "/expression"), ({"expression": "60 * * * *"}, "/expression"), ({"expression": "* * * jan *"}, "/expression"),
                              ({"expression": "* * * * 7"}, "/expression"), ({"expression": "*/0 * * * *"}, "/expression"), ({"timezone": "Mars/Base"}, "/timezone"),
                              ({"kind": "interval", "expression": "soon"}, "/expression"), ({"kind": "interval", "expression": "0"}, "/expression"), ({"kind": "moon"}, "/kind"),
                              ({"kind": "solar", "expression": "moonrise:1:2"}, "/expression"), ({"kind": "solar", "expression": "sunset:91:2"}, "/expression"),
                              ({"kind": "clocked", "expression": "2001-01-01T00:00:00Z"}, "/expression"), ({"options": {"priority": 256}}, "/options/priority"),
                              ({"options": {"shape": 1}}, "/options/shape"), ({"options": {"expire_seconds": 1}, "ends_at": 4e9}, "/options/expire_seconds"),
                              ({"args": {}}, "/args"), ({"task": "t" * 201}, "/task"), ({"priority": "high"}, "/priority")]:
            refused = desk.put(**{**base, **wanted})
            self.assertEqual((refused.get("error"), refused.get("where")), ("invalid", where), (wanted, refused))
        self.assertEqual(desk.all(), [])
        self.assertEqual(desk.put("etag", id="77", task="t")["error"], "not_found")

    def test_refuses_tables_that_require_what_it_does_not_know(self):
        desk = self.open()
        desk.made(name="a", task="t", kind="interval", expression="10s")
        self.add_required_column()
        fresh = self.open()
        seen = fresh.named("a")
        self.assertTrue(seen["read_only"])
        self.assertIn("not_permitted", seen["read_only_reason"])
        self.assertEqual(fresh.put(seen["etag"], id=seen["id"], task="u")["error"], "denied")
        self.assertEqual(fresh.health()["state"], "degraded")

    # Moved

    def test_moves_in_djangos_own_form(self):
        desk = self.open()
        desk.made(name="c", task="shop.c", kind="cron", expression="0 3 * * *", timezone="Asia/Tokyo", args=[1], options={"headers": {"a": 1}}, queue="q")
        desk.made(name="i", task="shop.i", kind="interval", expression="5m")
        desk.made(name="s", task="shop.s", kind="solar", expression="sunset:51.5:-0.1")
        before = desk.all()
        fixture = [row for s in desk.all(form="own") for row in s["own"]]
        for s in before:
            desk.remove(s)
        path = os.path.join(self.redis.folder, "fixture.json")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(fixture, f)
        self.manage("loaddata", path)
        self.assertEqual([(s["name"], s["expression"], s["timezone"], s["args"], s["options"], s["queue"]) for s in desk.all()],
                         [(s["name"], s["expression"], s["timezone"], s["args"], s["options"], s["queue"]) for s in before])
        dumped = json.loads(self.manage("dumpdata", "django_celery_beat"))
        for s in desk.all():
            desk.remove(s)
        task = next(r for r in dumped if r["model"].endswith("periodictask") and r["fields"]["name"] == "c")
        made = desk.made(own=[task] + [r for r in dumped if r["model"].endswith("crontabschedule")])
        self.assertEqual((made["expression"], made["timezone"], made["args"]), ("0 3 * * *", "Asia/Tokyo", [1]))

    def test_triggers_through_the_host(self):
        desk = self.open()
        made = desk.made(name="a", task="shop.now", kind="interval", expression="1h", args=[1], kwargs={"k": 2}, queue="low", options={"headers": {"x": 1}})
        answer = desk.trigger(made)
        self.assertEqual((answer["outcome"], answer["submitted"]), ("sent", {"engine": "celery", "task": "shop.now", "queue": "low", "args": "[1]", "kwargs": '{"k":2}',
                                                                             "more": '{"periodic_task_name":"a","headers":{"x":1}}'}))
        routed = desk.changed(made, queue=None, options={"exchange": "x"})
        self.assertEqual(desk.trigger(routed)["outcome"], "refused")
        self.assertEqual(desk.ask("trigger", "12345")["error"], "not_found")


class OnSqlite(DjangoPlace):
    migrated = None

    def database(self):
        folder = tempfile.mkdtemp(prefix="z4j_django_")
        self.addCleanup(shutil.rmtree, folder, True)
        self.path = os.path.join(folder, "db.sqlite3")
        if self.migrated:
            pathlib.Path(self.path).write_bytes(self.migrated)
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": self.path, "OPTIONS": {"timeout": 20}}, "sqlite:///" + self.path

    def is_migrated(self):
        return self.migrated is not None

    def keep_migrated(self):
        type(self).migrated = pathlib.Path(self.path).read_bytes()

    def add_required_column(self):
        with sqlite3.connect(self.path) as db:
            db.execute("ALTER TABLE django_celery_beat_intervalschedule RENAME TO old")
            db.execute("CREATE TABLE django_celery_beat_intervalschedule (id integer PRIMARY KEY, every integer NOT NULL, period varchar(24) NOT NULL, tenant varchar(9) NOT NULL)")
            db.execute("INSERT INTO django_celery_beat_intervalschedule SELECT id, every, period, 'x' FROM old")


class PersistentBeat(Place):
    """celery's own file."""

    def open(self, beat):
        return self.desk(store="persistent", path=os.path.join(beat.folder, "celerybeat-schedule"))

    def test_shows_the_file_and_writes_nothing(self):
        beat = self.beat("celery.beat:PersistentScheduler", {"Z4J_STATIC": self.STATIC}).start()
        beat.wait_sent("shop.static_fast", 2)
        beat.stop()
        desk = self.open(beat)
        seen = {s["name"]: s for s in desk.all(limit=1)}
        fast, nightly = seen["static-fast"], seen["static-nightly"]
        self.assertEqual((fast["kind"], fast["expression"], fast["args"], fast["kwargs"], fast["queue"], fast["options"]), ("interval", "1s", [1, "two"], {"y": 3}, "low", {"expires": 30}))
        self.assertGreater(fast["total_runs"], 1)
        self.assertAlmostEqual(fast["last_run_at"], time.time(), delta=600)
        self.assertEqual((nightly["kind"], nightly["expression"]), ("cron", "*/5 3 * * mon-fri"))
        if self.STATIC == "solar":
            self.assertEqual(seen["static-sun"]["expression"], "sunset:51.5:-0.1")
        for s in seen.values():
            self.assertTrue(s["read_only"])
            self.assertTrue(s["read_only_reason"].startswith("beat_static_schedule: "))
            self.assertEqual(s["capabilities"], ["trigger"])
        self.assertEqual(desk.put(fast["etag"], id=fast["id"], task="x")["error"], "unsupported")
        self.assertEqual(desk.remove(fast)["error"], "unsupported")
        self.assertEqual(desk.trigger(fast)["submitted"]["task"], "shop.static_fast")
        own = desk.all(form="own")[0]["own"]
        self.assertIn("'task': 'shop.static_fast'", own)
        beat.start()
        beat.wait_sent("shop.static_fast", fast["total_runs"] + 1)

    STATIC = "1"

    def test_says_that_there_is_no_file(self):
        desk = self.desk(store="persistent", path=os.path.join(self.redis.folder, "absent"))
        self.assertEqual(desk.page()["error"], "unavailable")
        self.assertIn("backend_offline", desk.health()["why"])


class RedbeatBeat(Place):
    """RedBeat: definitions in Redis."""

    SETTINGS = {}

    def open(self, **settings):
        return self.desk(store="redbeat", redis_url=self.redis.url(), **{**self.SETTINGS, **settings})

    def run_beat(self, **environment):
        return self.beat("redbeat.RedBeatScheduler", environment).start()

    def entry(self, code):
        done = subprocess.run([self.PYTHON, "-c", "from beat_app import app\nfrom redbeat import RedBeatSchedulerEntry as Entry\nfrom celery.schedules import schedule, crontab\n" + code],
                              env={**os.environ, "PYTHONPATH": str(HERE), "Z4J_BROKER": self.redis.url(), "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_shows_what_redbeat_made(self):
        self.entry("Entry('i', 'shop.i', schedule(10), args=[1], kwargs={'y': 2}, options={'queue': 'low', 'expires': 30}, app=app).save()\n"
                   "Entry('c', 'shop.c', crontab(minute='*/5', hour=3, day_of_week='mon-fri'), app=app).save()\n"
                   "Entry('off', 'shop.off', schedule(60), enabled=False, app=app).save()\n"
                   "from redbeat import schedules\nimport datetime\n"
                   "Entry('rr', 'shop.rr', schedules.rrule('DAILY', dtstart=datetime.datetime(2040, 1, 1, tzinfo=datetime.timezone.utc), count=3), app=app).save()")
        desk = self.open()
        seen = {s["name"]: s for s in desk.all(limit=2)}
        self.assertEqual(sorted(seen), ["c", "i", "off", "rr"])
        i = seen["i"]
        self.assertEqual((i["kind"], i["expression"], i["args"], i["kwargs"], i["queue"], i["options"]), ("interval", "10s", [1], {"y": 2}, "low", {"expires": 30}))
        self.assertEqual(i["next_run_at"], self.redis.client().zscore("redbeat::schedule", "redbeat:i"))
        self.assertEqual((seen["c"]["kind"], seen["c"]["expression"]), ("cron", "*/5 3 * * mon-fri"))
        self.assertFalse(seen["off"]["is_enabled"])
        self.assertEqual((seen["rr"]["kind"], seen["rr"]["expression"]), ("interval", "1d"))
        times = desk.preview(5, **{k: seen["rr"][k] for k in ("kind", "expression", "timezone", "options")})["times"]
        self.assertEqual([t // 86400000000 for t in times], [25567, 25568, 25569])
        self.assertEqual(desk.health()["state"], "degraded")
        self.assertIn("no beat holds redbeat::lock", desk.health()["why"])

    def test_a_running_beat_fires_what_was_made_and_follows_each_edit(self):
        desk, beat = self.open(), self.run_beat()
        wait_until(lambda: (desk.all(), desk.health()["state"] == "ok")[1], tell=beat.log)
        made = desk.made(name="ours", task="shop.first", kind="interval", expression="1s", args=[1, {"deep": [None, "ü"]}], kwargs={"y": 2.5}, queue="low")
        queue, args, kwargs, _ = beat.wait_sent("shop.first", 2)[0]
        self.assertEqual((queue, args, kwargs), ("low", [1, {"deep": [None, "ü"]}], {"y": 2.5}))
        changed = desk.changed(made, task="shop.second", args=["new"])
        self.assertEqual((changed["task"], changed["kwargs"], changed["queue"]), ("shop.second", {"y": 2.5}, "low"))
        self.assertEqual(beat.wait_sent("shop.second")[0][1], ["new"])
        off = desk.changed(changed, is_enabled=False)
        probe = desk.made(name="probe", task="shop.probe", kind="interval", expression="1s")
        beat.wait_sent("shop.probe", 2)
        settled = len(beat.sent("shop.second"))
        beat.wait_sent("shop.probe", 5)
        self.assertEqual(len(beat.sent("shop.second")), settled)
        desk.changed(off, is_enabled=True, task="shop.third")
        beat.wait_sent("shop.third")
        self.assertEqual(desk.remove(desk.named("ours")), {})
        self.assertEqual(desk.remove(probe), {})
        self.assertEqual(self.redis.client().keys("redbeat:ours"), [])
        beat.stop()
        desk.made(name="later", task="shop.later", kind="interval", expression="1s")
        beat.start()
        beat.wait_sent("shop.later")

    def test_a_cron_made_here_is_what_redbeat_reads(self):
        desk = self.open(timezone="Europe/Berlin")
        made = desk.made(name="c", task="shop.c", kind="cron", expression="30 2 1-7 */3 mon", timezone="Europe/Berlin")
        self.assertEqual(self.entry("e = Entry.from_key('redbeat:c', app=app)\ns = e.schedule\n"
                                    "print(s._orig_minute, s._orig_hour, s._orig_day_of_month, s._orig_month_of_year, s._orig_day_of_week, e.enabled, e.args)"), "30 2 1-7 */3 mon True []")
        self.assertGreater(made["next_run_at"], time.time())
        self.assertEqual(desk.put(name="d", task="t", kind="cron", expression="0 0 * * *", timezone="UTC")["where"], "/timezone")

    def test_switching_on_does_not_fire_at_once(self):
        self.entry("import datetime\nEntry('old', 'shop.old', schedule(3600), enabled=False, app=app).save()\n"
                   "import json\nfrom redbeat.schedulers import get_redis\nfrom redbeat.decoder import RedBeatJSONEncoder\n"
                   "get_redis(app).hset('redbeat:old', 'meta', json.dumps({'last_run_at': datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), 'total_run_count': 5}, cls=RedBeatJSONEncoder))")
        desk, beat = self.open(), self.run_beat()
        on = desk.changed(desk.named("old"), is_enabled=True)
        self.assertEqual(on["total_runs"], 5)
        self.assertGreater(on["last_run_at"], time.time() - 600)
        desk.made(name="probe", task="shop.probe", kind="interval", expression="1s")
        beat.wait_sent("shop.probe", 3)
        self.assertEqual(beat.sent("shop.old"), [])

    def test_of_two_edits_one_wins(self):
        one, two = self.open(), self.open()
        made = one.made(name="a", task="t", kind="interval", expression="10s")
        one.changed(made, task="first")
        self.assertEqual(two.put(made["etag"], id="a", task="second")["error"], "conflict")
        self.assertEqual(two.remove(made)["error"], "conflict")
        self.assertEqual(two.put(name="a", task="t", kind="interval", expression="1s")["error"], "conflict")
        self.assertEqual(two.named("a")["task"], "first")

    def test_what_stands_in_code_is_read_only(self):
        beat, desk = self.run_beat(Z4J_STATIC="1"), self.open()
        beat.wait_sent("shop.static_fast")
        fast = desk.named("static-fast")
        self.assertTrue(fast["read_only_reason"].startswith("beat_static_schedule: "))
        self.assertEqual(fast["capabilities"], ["enable", "trigger"])
        self.assertEqual(desk.put(fast["etag"], id="static-fast", task="x")["error"], "denied")
        self.assertEqual(desk.remove(fast)["error"], "denied")
        self.assertFalse(desk.changed(desk.named("static-fast"), is_enabled=False)["is_enabled"])

    def test_refuses_what_redbeat_has_no_place_for(self):
        desk = self.open()
        base = {"name": "x", "task": "t", "kind": "interval", "expression": "5s"}
        for wanted, where in [({"kind": "solar", "expression": "sunset:1:2"}, "/kind"), ({"kind": "clocked", "expression": "2040-01-01T00:00:00Z"}, "/kind"), ({"starts_at": 5}, "/starts_at"),
                              ({"ends_at": 5}, "/ends_at"), ({"description": "d"}, "/description"), ({"name": ":schedule"}, "/name"), ({"expression": "-1"}, "/expression"),
                              ({"kind": "cron", "expression": "61 * * * *"}, "/expression")]:
            refused = desk.put(**{**base, **wanted})
            self.assertEqual((refused.get("error"), refused.get("where")), ("invalid", where), (wanted, refused))
        self.assertEqual(self.redis.client().keys("*"), [])
        made = desk.made(**base)
        self.assertEqual(desk.put(made["etag"], id="x", name="y")["where"], "/name")

    def test_moves_in_redbeats_own_form_and_keeps_what_it_does_not_know(self):
        desk, client = self.open(), self.redis.client()
        desk.made(name="a", task="t", kind="interval", expression="90s", options={"expires": 5, "relative": True}, queue="q")
        own = desk.all(form="own")[0]["own"]
        self.assertEqual((own["schedule"]["__type__"], own["schedule"]["relative"], own["options"]), ("interval", True, {"expires": 5, "queue": "q"}))
        client.hset("redbeat:a", "definition", json.dumps({**own, "future": {"x": 1}}))
        desk.changed(desk.named("a"), task="u")
        self.assertEqual(json.loads(client.hget("redbeat:a", "definition"))["future"], {"x": 1})
        desk.remove(desk.named("a"))
        made = desk.made(own=own)
        self.assertEqual((made["name"], made["expression"], made["queue"], made["options"]), ("a", "90s", "q", {"expires": 5, "relative": True}))

    def test_hostile_keys_are_shown_and_hurt_nobody(self):
        client = self.redis.client()
        for name, definition in [("nojson", "{"), ("list", "[1]"), ("deep", "[" * 500), ("notype", '{"name":"x","task":"t","schedule":{}}'), ("big", json.dumps({"task": "t", "args": ["x" * 10**6]}))]:
            client.hset(f"redbeat:{name}", "definition", definition)
            client.zadd("redbeat::schedule", {f"redbeat:{name}": 5})
        client.zadd("redbeat::schedule", {"redbeat:gone": 5, "elsewhere": 6})
        for name in (b"bytes\xff\xfe", b"long" * 200):
            client.hset(b"redbeat:" + name, "definition", b'{"name":"\xff","task":"t","schedule":{"__type__":"interval","every":5}}')
            client.zadd("redbeat::schedule", {b"redbeat:" + name: 5})
        desk = self.open()
        desk.made(name="sound", task="t", kind="interval", expression="5s")
        seen = {s["name"]: s for s in desk.all()}
        self.assertEqual([n[:5] for n in sorted(seen)], ["big", "bytes", "deep", "list", "longl", "nojso", "notyp", "sound"])
        self.assertEqual(len(desk.all(form="own")), 8)
        self.assertTrue(seen["deep"]["read_only_reason"].startswith("opaque_payload: "))
        self.assertEqual(desk.put(seen["deep"]["etag"], id="deep", task="x")["error"], "denied")
        self.assertEqual(desk.trigger(seen["deep"])["outcome"], "refused")
        self.assertEqual(desk.remove(seen["deep"]), {})

    def test_says_when_redis_is_away_and_comes_back(self):
        desk = self.open()
        desk.made(name="a", task="t", kind="interval", expression="5s")
        self.redis.process.send_signal(signal.SIGKILL)
        self.redis.process.wait(timeout=20)
        wait_until(lambda: desk.page().get("error") in ("unavailable", "unknown"))
        self.assertIn("backend_offline", desk.health()["why"])
        self.redis.start()
        wait_until(lambda: "items" in desk.page())
