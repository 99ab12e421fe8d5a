"""The console's own checks."""
import pathlib
import subprocess
import unittest

WEB = pathlib.Path(__file__).resolve().parents[2] / "plugins" / "dashboard" / "web"


class LogicTest(unittest.TestCase):
    def run_script(self, *words):
        done = subprocess.run(["npm", "run", "--silent", *words], cwd=WEB, capture_output=True, text=True, timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_vitest(self):
        self.run_script("test")

    def test_lint(self):
        self.run_script("lint")

    def test_the_first_load_is_within_its_budget(self):
        self.run_script("size")


if __name__ == "__main__":
    unittest.main()
