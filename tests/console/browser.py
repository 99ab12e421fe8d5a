"""Runs the console's browser tests (plugins/dashboard/web/tests/browser) against a brain, and does what they ask for from behind."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = ROOT / "plugins" / "dashboard" / "web"
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "support")]
from brain import BUILD, EMAIL, wait_until  # noqa: E402

DEMO = ["/usr/bin/python3", "-B", str(ROOT / "tests" / "fleet" / "demo.py"), "--build", str(BUILD)]


def browse(script, *words, stage=None, seconds=300, **environment):
    """Runs a script to its end and gives its lines; one that it asks of the stage is a method of that object. Fails when the script does."""
    process = subprocess.Popen(["node", f"tests/browser/{script}.mjs", *words], cwd=WEB, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               env={**os.environ, **environment})
    late = threading.Timer(seconds, process.kill)
    late.start()
    lines = []
    try:
        for line in process.stdout:
            if line.startswith("stage "):
                name, *given = json.loads(line[6:])
                process.stdin.write(json.dumps(getattr(stage, name)(*given)) + "\n")
                process.stdin.flush()
            else:
                lines.append(line.rstrip("\n"))
    finally:
        late.cancel()
        process.kill()
        process.stdin.close()
        process.stdout.close()
        status = process.wait(30)
    assert status == 0, "\n".join(lines)
    assert any(line.startswith("ok ") for line in lines), f"nothing was tested: {lines}"
    return lines


def session(brain):
    """What a script needs to sign in as the brain's administrator, once for all scripts."""
    home = pathlib.Path(brain.home)
    (home / "login.json").write_text(json.dumps({"email": EMAIL, "password": brain.password}))
    return {"Z4J_CONSOLE": brain.url, "Z4J_LOGIN": str(home / "login.json"), "Z4J_STATE": str(home / "state.json")}


class Demo:
    """The demo fleet and its brain, as ./dev run starts them; what a script needs to sign in is its session."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="z4j_console_")
        home = pathlib.Path(self.folder.name) / "demo"
        self.output = pathlib.Path(self.folder.name) / "output"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(DEMO, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "Z4J_HOME": str(home), "Z4J_BIND_PORT": "0"})
        try:
            text = self.told("Ctrl-C", 90)
            self.told("failure", 120)  # scripts open a failed payment
        except BaseException:
            self.remove()
            raise
        self.session = {"Z4J_CONSOLE": re.search(r"address +(\S+)", text).group(1), "Z4J_LOGIN": str(home / "demo-login.json"), "Z4J_STATE": f"{self.folder.name}/state.json"}

    def told(self, word, seconds):
        return wait_until(lambda: self.output.read_text() if word in self.output.read_text() else None, seconds, tell=self.output.read_text)

    def remove(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
        self.folder.cleanup()
