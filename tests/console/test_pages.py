"""The console in a browser, as the dashboard plugin delivers it."""
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEB = ROOT / "plugins" / "dashboard" / "web"
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "support")]
from brain import BUILD, Brain, wait_until  # noqa: E402

DEMO = ["/usr/bin/python3", "-B", str(ROOT / "tests" / "fleet" / "demo.py"), "--build", str(BUILD)]


class PagesTest(unittest.TestCase):
    def walk(self, script, **environment):
        done = subprocess.run(["node", f"tests/browser/{script}.mjs"], cwd=WEB, capture_output=True, text=True, timeout=400, check=False,
                              env={**os.environ, **environment})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("ok ", done.stdout)

    def test_first_boot_second_factor_and_invitation(self):
        brain = Brain()
        self.addCleanup(brain.remove)
        brain.start()
        told = brain.process.stdout.readline()  # behind the address
        token = re.search(r"/setup\?token=([\w-]+)", told).group(1)
        self.walk("gates", Z4J_CONSOLE=brain.url, Z4J_SETUP_TOKEN=token)

    def test_walks_on_the_demo_fleet(self):
        folder = tempfile.TemporaryDirectory(prefix="z4j_console_")
        self.addCleanup(folder.cleanup)
        home = pathlib.Path(folder.name) / "demo"
        output = pathlib.Path(folder.name) / "output"
        with open(output, "wb") as out:
            demo = subprocess.Popen(DEMO, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "Z4J_HOME": str(home), "Z4J_BIND_PORT": "0"})
        self.addCleanup(self.stop, demo)
        text = wait_until(lambda: output.read_text() if "Ctrl-C" in output.read_text() else None, 90, tell=output.read_text)
        url = re.search(r"address +(\S+)", text).group(1)
        # The first walk opens a failed payment.
        wait_until(lambda: "failure" in output.read_text(), 120, tell=output.read_text)
        for script in ("walk", "acts", "walk-admin"):
            with self.subTest(script=script):
                self.walk(script, Z4J_CONSOLE=url, Z4J_LOGIN=str(home / "demo-login.json"))

    @staticmethod
    def stop(demo):
        if demo.poll() is None:
            demo.send_signal(signal.SIGINT)
            demo.wait(60)


if __name__ == "__main__":
    unittest.main()
