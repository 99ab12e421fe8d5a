"""docs/operate/agents.md tried as a new user would: its commands run, its code is that of the applications that tests/clients runs."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from brain import EMAIL, Brain

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CLIENTS = ROOT / "tests" / "clients"
PAGE = (ROOT / "docs" / "operate" / "agents.md").read_text()
sys.path[:0] = [str(CLIENTS), str(ROOT / "tests" / "support")]
from wire_agent import WireAgent  # noqa: E402


def indented():
    return [line.strip() for line in re.sub(r"```.*?```", "", PAGE, flags=re.S).splitlines() if re.match(r" {4}\S", line)]


class AgentsPageTest(unittest.TestCase):
    def test_every_command_works(self):
        brain = Brain.with_admin("").start()
        self.addCleanup(brain.remove)
        folder = tempfile.TemporaryDirectory(prefix="z4j_page_")
        self.addCleanup(folder.cleanup)
        before, seen, agent = [], 0, None
        for command in indented():
            if not re.match(r"curl |umask |\w+=\$\(", command):
                continue
            with self.subTest(command=command):
                seen += 1
                words = command.replace("http://127.0.0.1:7700", brain.url).replace("you@example.com", EMAIL).replace("your password", brain.password).replace("curl ", "curl -sS --fail-with-body ")
                if re.match(r"\w+=\$\(", command):
                    before.append(words)
                    words = f'test -n "${command.split("=", 1)[0]}"'
                done = subprocess.run(["bash", "-c", "\n".join(["set -e -o pipefail", *before, words])], cwd=folder.name, capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0, (done.stdout, done.stderr))
                if "> agent.env" in command:
                    file = pathlib.Path(folder.name, "agent.env")
                    self.assertEqual(file.stat().st_mode & 0o777, 0o600)
                    told = dict(line.split("=", 1) for line in file.read_text().split())
                    self.assertEqual(sorted(told), ["Z4J_AGENT_ID", "Z4J_AGENT_NAME", "Z4J_BRAIN_URL", "Z4J_HMAC_SECRET", "Z4J_PROJECT_ID", "Z4J_TOKEN"])
                    agent = WireAgent(brain.url, {"token": told["Z4J_TOKEN"], "hmac_secret": told["Z4J_HMAC_SECRET"]})
                    agent.connect()
                    agent.heartbeat()
                    self.addCleanup(agent.close)
                elif done.stdout.startswith("["):
                    self.assertEqual(json.loads(done.stdout)[0]["state"], "online")
        self.assertGreater(seen, 8)
        self.assertEqual(agent.closed(), 4003)

    def test_its_packages_are_those_that_are_tested(self):
        import venvs
        for line in indented():
            if line.startswith("pip install "):
                packages = line.split()[2:]
                self.assertTrue([name for name, tested in venvs.PACKAGES.items() if name != "oldest" and set(packages) <= set(tested)], line)

    def test_its_programs_are_those_that_are_tested(self):
        suites = "".join((CLIENTS / name).read_text() for name in ("place.py", "test_bare.py", "test_frameworks.py"))
        tested = {"celery": r'celery_worker\(.*"{app}"|APP = .*"{app}"', "rq": r'"rq", "worker", "-c", "rq_settings"', "flask": r'"flask", "--app", "shop_flask", "run"', "uvicorn": r'"uvicorn", "shop_fastapi:app"'}
        seen = 0
        for line in indented():
            program, *words = line.split()
            if program in tested:
                seen += 1
                self.assertRegex(suites, tested[program].replace("{app}", re.escape(words[1]) if program == "celery" else ""), line)
        self.assertGreater(seen, 6)

    def test_its_code_is_that_of_the_tested_applications(self):
        blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE, re.S)
        self.assertEqual(len(blocks), 5)
        self.assertEqual(PAGE.count("```python"), 5)
        for file, code in blocks:
            rest = iter((CLIENTS / "apps" / file).read_text().splitlines())
            for line in filter(None, code.splitlines()):
                self.assertIn(line, rest, file)  # the same lines in the same order

    def test_it_points_to_what_is_there(self):
        for path in re.findall(r"`((?:docs|config|sdk|tests)/[\w./-]+)`", PAGE):
            self.assertTrue((ROOT / path).exists(), path)


if __name__ == "__main__":
    unittest.main()
