"""What the suites of foreign builds share: an installed SDK, a folder of plugins, a brain that loads them and sends through each."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["Z4J_BUILD"])
SOURCE = pathlib.Path(os.environ["Z4J_SOURCE"])
EXAMPLES = SOURCE / "sdk" / "examples"
sys.path.append(str(SOURCE / "tests" / "e2e"))
from brain import Brain, wait_until  # noqa: E402


class ForeignTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_foreign_"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.sdk = self.folder / "sdk"
        self.run_ok("cmake", "--install", BUILD, "--component", "sdk", "--prefix", self.sdk)
        self.plugins = self.folder / "plugins"
        self.plugins.mkdir(mode=0o755)
        for file in (BUILD / "plugins").glob("storage-*.so"):
            shutil.copy(file, self.plugins)
        self.names, self.sections = [], ""

    def run_ok(self, *command, **more):
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=300, check=False, **more)
        self.assertEqual(done.returncode, 0, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def cmake(self, folder, name, compiler, flags, *options):
        self.run_ok("cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.sdk}", f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_CXX_FLAGS={flags}",
                    "-DBUILD_TESTING=OFF", *options)
        self.run_ok("cmake", "--build", folder / "build", "--target", name)
        return folder / "build" / f"{name}.so"

    def check(self, file, settings=None, *options):
        """It keeps the whole contract, as the checker of the brain's own build sees it."""
        if settings:
            (self.folder / "check.json").write_text(settings)
            options += ("--config", self.folder / "check.json")
        said = self.run_ok(BUILD / "bin" / "z4j-plugin-check", "--seed", "1", *options, file)
        self.assertRegex(said.splitlines()[-1], r"^z4j-plugin-check \S+: \d{2,} passed, 0 failed, abi 1\.", said)

    def add(self, file, name, settings="", isolation=None):
        """A plugin for the brain to load, as an instance of its own name."""
        exported = [line.split()[0] for line in self.run_ok("nm", "-D", "--defined-only", "--format=posix", file).splitlines()]
        self.assertEqual(exported, ["z4j_plugin_entry_v1"])
        shutil.copy(file, self.plugins / f"{name}.so")
        (self.plugins / f"{name}.so").chmod(0o755)
        self.names.append(name)
        self.sections += f'[plugin.{name}]\nplugin = "{name}"\n' + (f'isolation = "{isolation}"\n' if isolation else "")
        self.sections += f"[plugin.{name}.settings]\n{settings}\n" if settings else ""

    def start(self):
        brain = Brain.with_admin(self.sections, Z4J_PLUGIN_DIRECTORY=str(self.plugins), Z4J_HTTP_ROOT="")
        self.addCleanup(brain.remove)
        brain.start().sign_in()

        def states():
            return {row["instance"]: row["state"] for row in brain.read("/api/v1/plugins")["items"] if row["instance"] in self.names}

        wait_until(lambda: states() == dict.fromkeys(self.names, "started"), tell=lambda: (states(), brain.log_text()[-2000:]))
        return brain

    def send_through(self, brain, name):
        """A test message through a notifier whose instance writes to the log."""
        status, sent = brain.ask("POST", "/api/v1/projects/default/notifications/channels/test", {"type": name.replace("notifier-", ""), "config": {"for": f"readers of {name}"}})
        self.assertEqual((status, sent["success"]), (200, True), (name, sent))
        wait_until(lambda: [line for line in brain.log_text().splitlines() if re.search(rf"readers of {name}\b", line) and "z4j test message" in line], 10, tell=lambda: brain.log_text()[-3000:])

    def stop_all(self, brain):
        """Each is stopped and destroyed in good order."""
        for name in self.names:
            self.assertEqual(brain.ask("POST", f"/api/v1/plugins/{name}/disable")[0], 200, name)
        brain.process.terminate()
        self.assertEqual(brain.process.wait(timeout=20), 0)
