"""A brain of its own for a test: a fresh home folder, a free port, stopped at the end."""
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import database

BUILD = pathlib.Path(os.environ["Z4J_BUILD"])
PROGRAM = BUILD / "bin" / "z4j-brain"
EMAIL = "admin@localhost"


def wait_until(what, seconds=30, every=0.1, tell=None):
    """The first true answer of what(); fails at the deadline, telling what was seen last."""
    end = time.monotonic() + seconds
    while True:
        seen = what()
        if seen:
            return seen
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {tell() if tell else what}")
        time.sleep(every)


def exchange(connection, method, path, body, headers, cookies):
    """One request over a connection that is closed then: status, parsed JSON (or text) and headers; new cookies go to `cookies`."""
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        for line in answer.headers.get_all("Set-Cookie") or []:
            name, value = line.split(";", 1)[0].split("=", 1)
            cookies[name] = value
    finally:
        connection.close()
    try:
        return answer.status, json.loads(text), answer.headers
    except ValueError:
        return answer.status, text, answer.headers


class Brain:
    def __init__(self, config="", environment=None, home=None, like=None):
        """With like, on the database and with the secrets of that other brain."""
        self.home = home or tempfile.mkdtemp(prefix="z4j_e2e_")
        self.made = {} if like or home or "Z4J_DATABASE_URL" in (environment or {}) else database.make()
        kept = {"Z4J_DATABASE_URL": like.environment["Z4J_DATABASE_URL"]} if like else self.made
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "Z4J_HOME": self.home, "Z4J_BIND_PORT": "0", **kept, **(environment or {})}
        if like:
            shutil.copy(os.path.join(like.home, "secret.env"), self.home)
        self.config = pathlib.Path(self.home) / "z4j.toml"
        if config:
            self.config.write_text(config)
        self.process = None
        self.url = None
        self.cookies = {}

    @classmethod
    def with_admin(cls, config="", **environment):
        """One whose first administrator is made at start; sign_in() becomes that person."""
        password = secrets.token_urlsafe(15)
        brain = cls(config, {"Z4J_BOOTSTRAP_ADMIN_EMAIL": EMAIL, "Z4J_BOOTSTRAP_ADMIN_PASSWORD": password, "Z4J_METRICS_PUBLIC": "true", **environment})
        brain.password = password
        return brain

    def run(self, *arguments, timeout=30):
        """Runs the program to its end."""
        return subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, timeout=timeout, check=False)

    def start(self, preexec=None, arguments=()):
        self.log = open(os.path.join(self.home, "log"), "ab")
        self.process = subprocess.Popen([PROGRAM, "serve", *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=self.log, text=True, preexec_fn=preexec)
        line = self.process.stdout.readline()
        if "listens on" not in line:
            self.process.wait(timeout=20)
            raise RuntimeError(f"the brain did not start: {line}{self.log_text()}")
        self.url = line.split()[-1]
        return self

    def log_text(self):
        return (pathlib.Path(self.home) / "log").read_text()

    def threads(self):
        return int(re.search(r"^Threads:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(), re.M).group(1))

    def get(self, path, headers=None, method="GET", body=None):
        """Status and parsed JSON (or text)."""
        request = urllib.request.Request(self.url + path, headers=headers or {}, method=method, data=body)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text, self.headers = answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as e:
            status, text, self.headers = e.code, e.read().decode(), e.headers
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=20)
        self.forget()

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=20)
        self.forget()

    def forget(self):
        if self.process:
            self.process.stdout.close()
            self.log.close()
            self.process = None

    def remove(self):
        self.stop()
        database.drop(self.made)
        shutil.rmtree(self.home, ignore_errors=True)

    # As a signed-in person

    def sign_in(self, email=EMAIL, password=None):
        self.cookies = {}
        status, body = self.ask("POST", "/api/v1/auth/login", {"email": email, "password": password or self.password})
        assert status == 200, (status, body)
        return self

    def cookie_header(self):
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def ask(self, method, path, body=None, headers=None):
        """A request with the session's cookies and CSRF token: status and parsed answer."""
        sent = {"Cookie": self.cookie_header(), **(headers or {})} if self.cookies else dict(headers or {})
        csrf = next((v for name, v in self.cookies.items() if name.endswith("z4j_csrf")), None)
        if csrf and method != "GET":
            sent["X-CSRF-Token"] = csrf
        if body is not None:
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        address = urllib.parse.urlsplit(self.url)
        if address.scheme == "https":
            context = ssl.create_default_context(cafile=self.environment["Z4J_TLS_CERTIFICATE_FILE"])
            connection = http.client.HTTPSConnection(address.hostname, address.port, timeout=20, context=context)
        else:
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
        status, body, _ = exchange(connection, method, path, body, sent, self.cookies)
        return status, body

    def read(self, path):
        """The answer to a GET that must work."""
        status, body = self.ask("GET", path)
        assert status == 200, (path, status, body)
        return body

    def project(self, path):
        return self.read("/api/v1/projects/default" + path)

    def all_of(self, path):
        """Every item of a paged list."""
        items, cursor = [], None
        while True:
            page = self.project(path + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def task(self, engine, task_id):
        """The task, or None while it is not known."""
        status, body = self.ask("GET", f"/api/v1/projects/default/tasks/{engine}/{urllib.parse.quote(task_id, safe='')}")
        return body if status == 200 else None

    def agent(self, engine):
        return next(a for a in self.project("/agents") if engine in a["engine_adapters"])

    def mint(self, name):
        """A new agent elsewhere: agent, token, hmac_secret and env, the block of variables to paste."""
        status, minted = self.ask("POST", "/api/v1/projects/default/agents", {"name": name})
        assert status == 201, (status, minted)
        return minted

    def agent_named(self, name):
        return next(a for a in self.project("/agents") if a["name"] == name)

    def command(self, verb, seconds=60, **body):
        """Gives a command and waits for what came of it."""
        status, command = self.ask("POST", f"/api/v1/projects/default/commands/{verb}", body)
        assert status == 202, (verb, body, status, command)

        def over():
            command.update(self.project(f"/commands/{command['id']}"))
            return command["status"] not in ("pending", "dispatched")

        wait_until(over, seconds, tell=lambda: command)
        return command

    # Many tasks at once

    def bulk_post(self, path, body, wanted=201, seconds=90):
        """The answer to a POST that must work; waits where too many were made in a minute."""
        status, answer = wait_until(lambda: (got := self.ask("POST", f"/api/v1/projects/default{path}", body))[0] != 429 and got, seconds, every=1)
        assert status == wanted, (path, body, status, answer)
        return answer

    def select(self, seconds=60, **body):
        """A selection when it is built."""
        selection = self.bulk_post("/selections", body)

        def built():
            selection.update(self.project(f"/selections/{selection['id']}"))
            return selection["state"] != "building"

        wait_until(built, seconds, tell=lambda: selection)
        assert selection["state"] == "ready", selection
        return selection

    def finish(self, job, seconds=60, states=("done",)):
        """A bulk job when it goes no further."""
        def over():
            job.update(self.project(f"/bulk-jobs/{job['id']}"))
            return job["state"] in ("done", "paused", "failed", "cancelled")

        wait_until(over, seconds, every=0.3, tell=lambda: job)
        assert job["state"] in states, job
        return job

    def bulk_items(self, job):
        return self.all_of(f"/bulk-jobs/{job['id']}/items?limit=500")
