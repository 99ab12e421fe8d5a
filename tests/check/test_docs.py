"""Every command of docs/write-a-plugin/check.md works."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from checker import BUILD, SOURCE

PAGE = SOURCE / "docs" / "write-a-plugin" / "check.md"


class Docs(unittest.TestCase):
    def test_every_command_of_the_page_works(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_check_docs_"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        (folder / "build").mkdir()
        (folder / "build" / "dev").symlink_to(BUILD)
        commands = [line.strip() for line in PAGE.read_text().splitlines() if re.match(r" {4}(build|echo)", line)]
        self.assertGreaterEqual(len(commands), 7)
        for command in commands:
            with self.subTest(command=command):
                done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=300, check=False, env=dict(os.environ))
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertTrue((folder / "build" / "check-report.xml").exists())

    def test_the_page_names_every_group_and_option(self):
        page = PAGE.read_text()
        for group in "ABCDEFGHI":
            self.assertIn(f"| {group} |", page)
        said = subprocess.run([str(BUILD / "bin" / "z4j-plugin-check"), "--help"], capture_output=True, text=True, timeout=30, check=True).stdout
        for option in re.findall(r"--([a-z-]+)", said):
            if option not in ("help", "version", "verbose"):
                self.assertIn(f"--{option}", page)


if __name__ == "__main__":
    unittest.main()
