"""A brain of its own for a test: a fresh home folder, a free port, stopped at the end."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request

BUILD = pathlib.Path(os.environ["Z4J_BUILD"])
PROGRAM = BUILD / "bin" / "z4j-brain"


class Brain:
    def __init__(self, config="", environment=None, home=None):
        self.home = home or tempfile.mkdtemp(prefix="z4j_e2e_")
        self.environment = {"PATH": os.environ["PATH"], "HOME": self.home, "Z4J_HOME": self.home, "Z4J_BIND_PORT": "0", **(environment or {})}
        self.config = pathlib.Path(self.home) / "z4j.toml"
        if config:
            self.config.write_text(config)
        self.process = None
        self.url = None

    def run(self, *arguments, timeout=30):
        """Runs the program to its end."""
        return subprocess.run([PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, timeout=timeout, check=False)

    def start(self, preexec=None):
        self.log = open(os.path.join(self.home, "log"), "ab")
        self.process = subprocess.Popen([PROGRAM, "serve"], env=self.environment, stdout=subprocess.PIPE, stderr=self.log, text=True, preexec_fn=preexec)
        line = self.process.stdout.readline()
        if "listens on" not in line:
            self.process.wait(timeout=20)
            raise RuntimeError(f"the brain did not start: {line}{self.log_text()}")
        self.url = line.split()[-1]
        return self

    def log_text(self):
        return (pathlib.Path(self.home) / "log").read_text()

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
        if self.process:
            self.process.stdout.close()
            self.log.close()
            self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
