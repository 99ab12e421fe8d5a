"""The console in pictures, on the seeded fleet: as it was (SHOTS), and every screen in every theme and size without a flaw (VIEWS, nightly).

Z4J_UPDATE_SHOTS=1 takes the pictures anew: those that are compared (shots/) and those of docs/console.
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from seeded import BUILD, ROOT, SeededFleet

WEB = ROOT / "plugins" / "dashboard" / "web"
OUT = BUILD / "shots"


class SeededTest(unittest.TestCase):
    def look(self, script, seconds):
        fleet = SeededFleet()
        self.addCleanup(fleet.remove)
        fleet.start()
        folder = tempfile.TemporaryDirectory(prefix="z4j_shots_")
        self.addCleanup(folder.cleanup)
        facts = pathlib.Path(folder.name) / "facts.json"
        facts.write_text(json.dumps(fleet.facts))
        done = subprocess.run(["node", f"tests/browser/{script}.mjs"], cwd=WEB, capture_output=True, text=True, timeout=seconds, check=False,
                              env={**os.environ, "Z4J_CONSOLE": fleet.brain.url, "Z4J_SEEDED": str(facts), "Z4J_SHOTS": str(ROOT / "tests" / "console" / "shots"),
                                   "Z4J_SHOTS_OUT": str(OUT), "Z4J_SHOTS_DOCS": str(ROOT / "docs" / "console")})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout


class ShotsTest(SeededTest):
    def test_every_picture_is_as_it_was(self):
        self.assertIn("are as they were", self.look("shots", 600))


class ViewsTest(SeededTest):
    def test_no_screen_overflows_or_looks_empty(self):
        self.assertIn("no flaw", self.look("views", 1500))


if __name__ == "__main__":
    unittest.main()
