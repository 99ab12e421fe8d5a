"""`./dev run`: the brain with the demo fleet, the words to try it, and a line of live figures.

    demo.py --build FOLDER [--postgres] [arguments for z4j-brain serve]

State is kept in FOLDER/../demo, made anew each time, or in $Z4J_HOME; with --postgres the tasks are in a PostgreSQL
server of its own, whose data goes when it ends. Everything started here ends with this.
"""
import argparse
import fcntl
import http.cookiejar
import json
import os
import pathlib
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
EMAIL = "admin@localhost"
REFRESH_SECONDS = 3
CONFIG = """# Written by ./dev run at each start.
[plugin.celery]
plugin = "engine-celery"
[plugin.celery.settings]
broker_url = "secret:demo_celery_url"
queues = ["night"]

[plugin.rq]
plugin = "engine-rq"
[plugin.rq.settings]
redis_url = "secret:demo_rq_url"
"""
# Where the web console was built.
CONSOLE = """
[http]
root = "dashboard"

[plugin.dashboard]
plugin = "dashboard"
"""
# What the brain itself fires.
SCHEDULES = [
    {"name": "stocktaking", "engine": "celery", "task_name": "shop.total", "queue": "orders", "kind": "interval", "expression": "30s", "args": [[3, 4, 5]]},
    {"name": "thumbnails", "engine": "rq", "task_name": "rq_jobs.resize", "queue": "default", "kind": "cron", "expression": "*/2 * * * *", "args": ["cover.png", 200]},
]


class Failure(Exception):
    """What the person who typed ./dev run should read."""


class Stopped(Exception):
    pass


def write_private(path, text):
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
    new.rename(path)


class Api:
    """The API as a signed-in administrator."""

    def __init__(self, url, login, metrics_token):
        self.url, self.login, self.metrics_token = url, login, metrics_token
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies))

    def ask(self, path, body=None, headers=None):
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {})
        with self.opener.open(request, timeout=10) as answer:
            return answer.read().decode()

    def sign_in(self):
        self.ask("/api/v1/auth/login", json.dumps(self.login).encode(), {"Content-Type": "application/json"})

    def get(self, path):
        try:
            return json.loads(self.ask(path))
        except urllib.error.HTTPError as e:
            if e.code != 401:
                raise
            self.sign_in()
            return json.loads(self.ask(path))

    def post(self, path, body):
        self.sign_in()
        token = next(c.value for c in self.cookies if c.name.endswith("z4j_csrf"))
        return json.loads(self.ask(path, json.dumps(body).encode(), {"Content-Type": "application/json", "X-CSRF-Token": token}))

    def events_persisted(self):
        text = self.ask("/metrics", headers={"Authorization": f"Bearer {self.metrics_token}"})
        return sum(float(v) for v in re.findall(r"^z4j_events_persisted_total(?:\{[^}]*\})? (\S+)", text, re.M))


class Demo:
    def __init__(self, build, arguments, postgres=False):
        self.build, self.arguments, self.postgres = pathlib.Path(build).resolve(), arguments, postgres
        self.database = None
        given = os.environ.get("Z4J_HOME")
        self.home = pathlib.Path(given).expanduser().resolve() if given else self.build.parent / "demo"
        self.fresh = not given
        self.fleet = self.brain = None
        self.wake, self.waker = os.pipe()
        self.tty = sys.stdout.isatty()

    def prepare(self):
        self.home.parent.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.home.parent / f".{self.home.name}.lock", "w", encoding="utf-8")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Failure(f"another './dev run' uses {self.home}; stop it, or set Z4J_HOME and Z4J_BIND_PORT for a second one") from None
        if self.fresh:
            shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        login_file = self.home / "demo-login.json"
        if login_file.exists():
            self.login = json.loads(login_file.read_text())
        else:
            self.login = {"email": EMAIL, "password": secrets.token_urlsafe(15)}
            write_private(login_file, json.dumps(self.login))

    def say(self, text=""):
        print(text, flush=True)

    def wait_for_line(self, process, seconds, what):
        """The first line that it prints; None when it ended without one."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            ready, _, _ = select.select([self.wake, process.stdout], [], [], 0.5)
            if self.wake in ready:
                raise Stopped
            if ready:
                return process.stdout.readline() or None
        raise Failure(f"{what} was not ready after {seconds} s; see {self.home}")

    def start_fleet(self):
        self.say("== starting a Redis, two Celery workers and two RQ workers")
        with open(self.home / "fleet.log", "wb") as log:
            self.fleet = subprocess.Popen([PYTHON, "-B", str(HERE / "fleet.py"), "--folder", str(self.home / "fleet"), "--result-extended"],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        line = self.wait_for_line(self.fleet, 90, "the fleet")
        if not line:
            raise Failure((self.home / "fleet.log").read_text().strip().splitlines()[-1])
        facts = json.loads(line)
        write_private(self.home / "secrets" / "demo_celery_url", facts["celery"]["broker_url"])
        write_private(self.home / "secrets" / "demo_rq_url", facts["rq"]["redis_url"])
        write_private(self.home / "demo.toml", CONFIG + (CONSOLE if self.has_console() else ""))
        return facts

    def has_console(self):
        return (self.build / "plugins" / "dashboard.so").exists()

    def start_database(self):
        self.say("== starting a PostgreSQL server")
        sys.path.insert(0, str(HERE.parent / "support"))
        from postgres import PrivatePostgres
        self.database = PrivatePostgres(settings=("fsync=on", "full_page_writes=on"))

    def start_brain(self):
        self.say("== starting the brain")
        self.metrics_token = secrets.token_urlsafe(24)
        environment = {**os.environ, "Z4J_HOME": str(self.home), "Z4J_BOOTSTRAP_ADMIN_EMAIL": self.login["email"], "Z4J_METRICS_AUTH_TOKEN": self.metrics_token,
                       "Z4J_BOOTSTRAP_ADMIN_PASSWORD": self.login["password"], "FLEET_PARENT": str(os.getpid()), "FLEET_DEATH_SIGNAL": "TERM"}
        if self.database:
            environment["Z4J_DATABASE_URL"] = self.database.url
        self.brain_log = self.home / "brain.log"
        with open(self.brain_log, "wb") as log:
            self.brain = subprocess.Popen([PYTHON, "-B", str(HERE / "tether.py"), str(self.build / "bin" / "z4j-brain"), "serve", "--config", str(self.home / "demo.toml"), *self.arguments],
                                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, start_new_session=True)
        line = self.wait_for_line(self.brain, 60, "the brain")
        if not line or "listens on" not in line:
            words = [w for w in self.brain_log.read_text(errors="replace").splitlines() if w and not w.startswith("{")]
            said = next((w[len("z4j-brain: "):] for w in words if w.startswith("z4j-brain: ")), words[0] if words else "no word from it")
            raise Failure(f"the brain did not start: {said}")
        return line.split()[-1]

    def make_schedules(self, url):
        """Those that a former run has made stay."""
        api, end = Api(url, self.login, self.metrics_token), time.monotonic() + 30
        while (answer := api.post("/api/v1/projects/default/schedules:import", {"schedules": SCHEDULES}))["failed"]:  # until the scheduler is there
            if time.monotonic() > end:
                raise Failure(f"the demo's schedules were not taken: {answer['errors']}")
            if select.select([self.wake], [], [], 0.5)[0]:
                raise Stopped

    def introduce(self, url, facts):
        cookies, login = self.home / "cookies", self.home / "demo-login.json"
        self.say()
        self.say(f"   address   {url}   {'the console: open it in a browser' if self.has_console() else 'the API alone: the console was not built'}")
        self.say(f"   sign in   {self.login['email']}   password {self.login['password']}")
        if self.database:
            self.say(f"   database  {self.database.folder} (psql -h there -U {self.database.user} postgres; the password is in {self.database.folder}/password)")
        self.say(f"   logs      {self.brain_log}, {facts['logs']}")
        self.say()
        self.say("== try, in another terminal:")
        self.say(f"     curl -c {cookies} -H 'Content-Type: application/json' -d @{login} {url}/api/v1/auth/login")
        self.say(f"     curl -b {cookies} '{url}/api/v1/projects/default/tasks?limit=5'")
        self.say(f"     curl -b {cookies} {url}/api/v1/projects/default/workers")
        self.say()
        self.say("== Ctrl-C stops all of it")

    def show(self, text):
        if self.tty:
            width = shutil.get_terminal_size().columns
            sys.stdout.write("\r\x1b[K" + text[:width - 1])
            sys.stdout.flush()
        else:
            self.say(text)

    def figures(self, api, before):
        stats = api.get("/api/v1/projects/default/stats")
        now, events = time.monotonic(), api.events_persisted()
        rate = (events - before[1]) / (now - before[0]) if before else 0.0
        states = " ".join(f"{state} {n}" for state, n in stats["tasks_by_state"].items() if n)
        waiting = sum(q["pending_count"] or 0 for q in stats["queue_depths"])
        workers = stats["workers_online"], stats["workers_online"] + stats["workers_offline"]
        self.show(f"{time.strftime('%H:%M:%S')}  workers online {workers[0]}/{workers[1]}  events/s {rate:.1f}  waiting {waiting}  tasks: {states or 'none yet'}")
        return now, events

    def watch(self, url):
        api, before, failures = Api(url, self.login, self.metrics_token), None, 0
        while True:
            if self.brain.poll() is not None:
                raise Failure(f"the brain ended with {self.brain.returncode}; see {self.brain_log}")
            if self.fleet.poll() is not None:
                raise Failure(f"the fleet ended; see {self.home / 'fleet.log'}")
            try:
                before = self.figures(api, before)
                failures = 0
            except (OSError, ValueError, KeyError) as e:
                failures += 1
                if failures == 3:
                    self.say(f"   no figures: {e}; still trying")
            if select.select([self.wake], [], [], REFRESH_SECONDS)[0]:
                raise Stopped

    def end(self, process, seconds):
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self):
        self.end(self.brain, 20)
        self.end(self.fleet, 20)
        if self.database:
            self.database.__exit__()

    def run(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: os.write(self.waker, b"."))
        try:
            self.prepare()
            facts = self.start_fleet()
            if self.postgres:
                self.start_database()
            url = self.start_brain()
            self.make_schedules(url)
            self.introduce(url, facts)
            self.watch(url)
        except Stopped:
            print("\n== stopping", flush=True)
        except Failure as failure:
            print(f"\ndev: {failure}", file=sys.stderr)
            return 1
        finally:
            self.stop()
        return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--postgres", action="store_true")
    known, rest = parser.parse_known_args()
    from tether import die_with_parent
    die_with_parent(signal.SIGTERM)
    sys.exit(Demo(known.build, rest, known.postgres).run())
