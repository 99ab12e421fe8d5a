"""A PostgreSQL server of a test's own: Debian's, in a temporary folder, on a Unix socket, ended with the test.

    with PrivatePostgres() as server:
        server.url          # postgresql://z4j:...@/postgres?host=...
        server.sql("select 1")

Runs as the user `postgres` when the test runs as root, which PostgreSQL itself refuses to do. Data is not synced to
disk unless a setting asks for it: a server that is killed recovers, a machine that is switched off need not.
"""

import ctypes
import glob
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

PR_SET_PDEATHSIG = 1
DEADLINE_S = 60


class PrivatePostgres:
    def __init__(self, settings=(), user="z4j"):
        self.user, self.password = user, secrets.token_hex(12)
        self._make_folder(settings)
        path = os.path.join(self.folder, "password")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as f:
            f.write(self.password + "\n")
        if self._owner:
            os.chown(path, self._owner.pw_uid, self._owner.pw_gid)
        self._run("initdb", "-D", self._data, "-U", user, "--auth=scram-sha-256", "--pwfile=" + path, "-E", "UTF8",
                  "--locale=C.UTF-8", "--no-sync")
        self.start()

    def _make_folder(self, settings):
        self.settings, self._server = list(settings), None
        self.folder = tempfile.mkdtemp(prefix="z4j_pg_")
        self._owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self._owner:
            os.chown(self.folder, self._owner.pw_uid, self._owner.pw_gid)
            os.chmod(self.folder, 0o711)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return self.url_of("postgres")

    def url_of(self, database):
        return f"postgresql://{self.user}:{self.password}@/{database}?host={self.folder}"

    @property
    def pid(self):
        return self._server.pid

    def start(self):
        """Starts it (again) and waits until it answers."""
        quick = ["listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=100"]
        argv = [self._program("postgres"), "-D", self._data, "-k", self.folder]
        for setting in quick + self.settings:
            argv += ["-c", setting]
        deadline = time.monotonic() + DEADLINE_S
        with open(os.path.join(self.folder, "log"), "ab") as log:
            while True:
                if self._server is None or self._server.poll() is not None:
                    # Children of a server that was killed may still hold its memory.
                    self._server = subprocess.Popen(argv, stdout=log, stderr=log, cwd=self.folder, preexec_fn=self._become)
                if subprocess.run([self._program("pg_isready"), "-q", "-h", self.folder], check=False).returncode == 0:
                    return
                if time.monotonic() > deadline:
                    raise RuntimeError("postgres does not answer: " + self.log())
                time.sleep(0.02)

    def stop(self, how=signal.SIGINT):
        """SIGINT as an operator would, SIGKILL as a fault."""
        if self._server is not None:
            self._server.send_signal(how)
            self._server.wait(DEADLINE_S)
            self._server = None

    def sql(self, text, timeout=DEADLINE_S):
        """What psql prints, unaligned."""
        return subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", text],
                              check=True, capture_output=True, text=True, timeout=timeout).stdout.strip()

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as f:
            return f.read()[-4000:]

    @property
    def _data(self):
        return os.path.join(self.folder, "data")

    def _become(self):
        if self._owner:
            os.setgroups([])
            os.setgid(self._owner.pw_gid)
            os.setuid(self._owner.pw_uid)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)

    def _run(self, name, *args, **environment):
        done = subprocess.run([self._program(name), *args], capture_output=True, text=True, check=False, timeout=DEADLINE_S,
                              cwd=self.folder, preexec_fn=self._become, env={**os.environ, **environment})
        if done.returncode != 0:
            raise RuntimeError(f"{name}: {done.stderr}")

    @staticmethod
    def _program(name):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/" + name))
        if not found:
            raise RuntimeError(name + " is not there: install Debian's package postgresql")
        return found[-1]


class Standby(PrivatePostgres):
    """A physical copy of a running server that follows it and takes no writes."""

    def __init__(self, primary):
        self.user, self.password = primary.user, primary.password
        self._make_folder(primary.settings)
        self._run("pg_basebackup", "-D", self._data, "-h", primary.folder, "-U", self.user, "-X", "stream", "--checkpoint=fast",
                  "--no-sync", "--write-recovery-conf", PGPASSWORD=self.password)
        self.start()
