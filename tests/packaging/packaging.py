"""What the packaging tests share: a folder of their own, commands that show their output when they fail."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["Z4J_BUILD"])
SOURCE = pathlib.Path(os.environ["Z4J_SOURCE"])
PROGRAM = BUILD / "bin" / "z4j-brain"
# Debian's two compilers; Clang is there in CI.
COMPILERS = [pair for pair in (("gcc", "g++"), ("clang", "clang++")) if all(shutil.which(name) for name in pair)]


class PackagingTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_packaging_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_ok(self, *command, timeout=600, **more):
        done = self.run_any(*command, timeout=timeout, **more)
        self.assertEqual(done.returncode, 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def run_any(self, *command, timeout=600, **more):
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout, check=False, **more)

    def files_below(self, root):
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() or path.is_symlink())
