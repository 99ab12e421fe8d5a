"""Every command of README.md and docs/start is run, or is one of ./dev's that the demo stands for."""
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

import database
from brain import BUILD, wait_until

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "start").glob("*.md"))]
# `./dev run` is this after the build; `./dev test` is what runs this test.
DEMO = ["/usr/bin/python3", "-B", str(ROOT / "tests" / "fleet" / "demo.py"), "--build", str(BUILD), *(["--postgres"] if database.KIND == "postgresql" else [])]


def commands():
    """(page, command) of each indented line."""
    return [(page.name, line.strip()) for page in PAGES for line in re.sub(r"```.*?```", "", page.read_text(), flags=re.S).splitlines() if re.match(r" {4}\S", line)]


class ReadmeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="z4j_readme_")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.home = pathlib.Path(cls.folder.name) / "demo"
        cls.output = pathlib.Path(cls.folder.name) / "output"
        with open(cls.output, "wb") as out:
            cls.demo = subprocess.Popen(DEMO, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env={**os.environ, "Z4J_HOME": str(cls.home), "Z4J_BIND_PORT": "0"})
        cls.addClassCleanup(cls.stop)
        text = wait_until(lambda: cls.output.read_text() if "Ctrl-C" in cls.output.read_text() else None, 90, tell=cls.output.read_text)
        cls.url = re.search(r"address +(\S+)", text).group(1)

    @classmethod
    def stop(cls):
        if cls.demo.poll() is None:
            cls.demo.send_signal(signal.SIGINT)
            cls.demo.wait(60)

    def shell(self, command, before=()):
        command = "\n".join([*before, command])
        command = command.replace("http://127.0.0.1:7700", self.url).replace("build/demo", str(self.home))
        command = re.sub(r"(?m)^build/dev/bin/", f"{BUILD}/bin/", command).replace("curl ", "curl -sS --fail-with-body ")
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "Z4J_HOME": str(self.home), "Z4J_BIND_PORT": "0"})
        self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
        return done.stdout

    def test_every_command_of_the_pages_works(self):
        known = subprocess.run([str(ROOT / "dev"), "help"], capture_output=True, text=True, check=True).stdout
        seen, variables = [], []
        for page, command in commands():
            with self.subTest(page=page, command=command):
                seen.append(command)
                if command.startswith("./dev "):
                    self.assertRegex(known, rf"(?m)^{re.escape(command)}( |$)", "./dev help does not know it")
                elif command.startswith("curl "):
                    json.loads(self.shell(command, variables))
                elif re.match(r"\w+=\$\(", command):
                    name = command.split("=", 1)[0]
                    self.assertTrue(self.shell(f"echo -n ${name}", [*variables, command]), "it stays empty")
                    variables.append(command)
                elif command.startswith("build/dev/bin/z4j-brain "):
                    self.assertTrue(self.shell(command))
                else:
                    self.fail("nothing here says how to test it")
        self.assertGreater(len(seen), 10)

    def test_the_printed_commands_work_and_the_figures_move(self):
        printed = [line.strip() for line in self.output.read_text().splitlines() if line.strip().startswith("curl ")]
        self.assertEqual(len(printed), 3)
        for command in printed:
            json.loads(self.shell(command))
        self.assertEqual(len(json.loads(self.shell(printed[1]))["items"]), 5)

        def busy():
            figures = re.findall(r"workers online (\d+)/4  events/s ([\d.]+)", self.output.read_text())
            return [f for f in figures if f[0] == "4" and float(f[1]) > 0]

        wait_until(busy, 60, tell=self.output.read_text)

    def test_the_demo_has_schedules_that_fire(self):
        def all_there():
            out = json.loads(self.shell(f"curl -b {self.home}/cookies {self.url}/api/v1/projects/default/schedules"))["items"]
            return {s["name"]: s for s in out} if len(out) >= 2 else None

        self.shell(f"curl -c {self.home}/cookies -H 'Content-Type: application/json' -d @{self.home}/demo-login.json {self.url}/api/v1/auth/login")
        seen = wait_until(all_there, 60)
        self.assertEqual({"stocktaking", "thumbnails"}, set(seen))
        fires = f"curl -b {self.home}/cookies {self.url}/api/v1/projects/default/schedules/{seen['stocktaking']['id']}/fires"
        wait_until(lambda: [f for f in json.loads(self.shell(fires)) if f["status"] == "acked_success"], 90, tell=lambda: self.shell(fires))

    def test_the_pages_config_is_good(self):
        config = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "start" / "quickstart.md").read_text(), re.S).group(1)
        file = pathlib.Path(self.folder.name) / "z4j.toml"
        file.write_text(config)
        self.shell(f"{BUILD}/bin/z4j-brain check-config --config {file}")

    def test_the_pages_point_to_what_is_there(self):
        for page in PAGES:
            for path in re.findall(r"`((?:docs|config|sdk|tests)/[\w./-]+|[A-Z]+\.md)`", page.read_text()):
                self.assertTrue((ROOT / path).exists(), f"{page.name}: {path}")

    def test_a_second_demo_in_one_folder_is_refused(self):
        done = subprocess.run(DEMO, env={**os.environ, "Z4J_HOME": str(self.home), "Z4J_BIND_PORT": "0"}, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another './dev run' uses", done.stderr)


class DemoEndsTest(unittest.TestCase):
    def test_ctrl_c_stops_all_that_it_started(self):
        with tempfile.TemporaryDirectory(prefix="z4j_demo_") as folder:
            environment = {**os.environ, "Z4J_HOME": f"{folder}/demo", "Z4J_BIND_PORT": "0"}
            demo = subprocess.Popen(DEMO, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True)
            for line in demo.stdout:
                if "Ctrl-C" in line:
                    break
            mine = [p for p in pathlib.Path("/proc").glob("[0-9]*") if folder.encode() in self.environ(p)]
            self.assertGreaterEqual(len(mine), 6)
            demo.send_signal(signal.SIGINT)
            demo.stdout.read()
            demo.stdout.close()
            self.assertEqual(demo.wait(60), 0)
            wait_until(lambda: not [p for p in mine if folder.encode() in self.environ(p)], 20)

    @staticmethod
    def environ(process):
        try:
            return (process / "environ").read_bytes()
        except OSError:
            return b""


if __name__ == "__main__":
    unittest.main()
