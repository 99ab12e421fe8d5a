"""A plugin begun by the scaffold: each kind, in an empty folder, built and tested by its own CI file against an installed SDK, and loaded by a brain."""
import os
import re
import shutil
import sys
import tarfile
import unittest

from packaging import BUILD, SOURCE, PackagingTest

sys.path.append(str(SOURCE / "tests" / "e2e"))
from brain import Brain, wait_until  # noqa: E402

KINDS = ("engine", "http", "notifier", "scheduler", "storage")
SECTION = """
[plugin.{name}]
plugin = "{name}"
required = true
"""


def run_lines(workflow):
    """What a CI file runs, in order."""
    lines = re.findall(r"^ *- run: (.*)$", workflow.read_text(), re.M)
    assert len(lines) == 2, lines
    return lines


class Scaffold(PackagingTest):
    def setUp(self):
        super().setUp()
        self.sdk = self.folder / "sdk"
        self.run_ok("cmake", "--install", BUILD, "--component", "sdk", "--prefix", self.sdk)

    def begin(self, kind, name, by_hand):
        """The folder of a new plugin, from the tree's command or from the installed one."""
        command = [SOURCE / "dev", "new-plugin"] if by_hand else [self.sdk / "bin" / "z4j-new-plugin"]
        told = self.run_ok(*command, kind, name, cwd=self.folder)
        self.assertIn(f"a {kind} plugin org.example.{name}", told)
        return self.folder / name

    def test_each_kind_is_built_by_its_ci_file_and_started_by_a_brain(self):
        archive = self.folder / "sdk.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            tar.add(self.sdk, ".")
        plugins = self.folder / "plugins"
        plugins.mkdir(mode=0o755)
        for file in (BUILD / "plugins").glob("storage-*.so"):
            shutil.copy(file, plugins)
        for number, kind in enumerate(KINDS):
            with self.subTest(kind=kind):
                name = f"my-{kind}"
                folder = self.begin(kind, name, by_hand=number % 2 == 0)
                left = [str(file) for file in folder.rglob("*") if file.is_file() and re.search("template.?(name|kind|sdk)", file.read_text() + str(file), re.I)]
                self.assertEqual(left, [])
                home = self.folder / f"home-{kind}"
                home.mkdir()
                environment = {"PATH": os.environ["PATH"], "HOME": str(home), "Z4J_SDK_URL": archive.as_uri(), "CXXFLAGS": "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"}
                for line in run_lines(folder / ".github" / "workflows" / "ci.yml"):
                    said = self.run_ok("bash", "-euo", "pipefail", "-c", line, cwd=folder, env=environment)
                self.assertIn(f"{name}_test", said)
                self.assertIn("100% tests passed", said)
                shutil.copy(folder / "build" / f"{name}.so", plugins)
        self.started_by_a_brain(plugins)

    def started_by_a_brain(self, plugins):
        events, schedules = self.folder / "events", self.folder / "schedules"
        events.touch()
        schedules.write_text("1 nightly 3600 my-engine shop.tidy\n")
        settings = {"engine": f'path = "{events}"\nevery = "100ms"', "scheduler": f'path = "{schedules}"', "http": 'greeting = "good day"'}
        config = "".join(SECTION.format(name=f"my-{kind}") + ('isolation = "inline"\n' if kind == "storage" else "") + (f"[plugin.my-{kind}.settings]\n{settings[kind]}\n" if kind in settings else "") for kind in KINDS)
        brain = Brain.with_admin(config, Z4J_PLUGIN_DIRECTORY=str(plugins), Z4J_HTTP_ROOT="")
        self.addCleanup(brain.remove)
        brain.start().sign_in()

        def states():
            return {row["instance"]: row["state"] for row in brain.read("/api/v1/plugins")["items"] if row["instance"].startswith("my-")}

        wait_until(lambda: states() == {f"my-{kind}": "started" for kind in KINDS}, tell=lambda: (states(), brain.log_text()[-2000:]))
        # Each does what its kind is for.
        events.write_text("t1 shop.charge received\nt1 shop.charge succeeded\n")
        wait_until(lambda: (brain.task("my-engine", "t1") or {}).get("state") == "success", tell=brain.log_text)
        wait_until(lambda: [s["name"] for s in brain.project("/schedules")["items"]] == ["nightly"], tell=lambda: brain.project("/schedules"))
        self.assertEqual(brain.ask("GET", "/ext/my-http/hello/you"), (200, {"says": "good day, you"}))
        status, sent = brain.ask("POST", "/api/v1/projects/default/notifications/channels/test", {"type": "my-notifier", "config": {"url": "https://127.0.0.1/"}})
        self.assertEqual((status, sent["success"]), (200, False))
        self.assertIn("loopback", sent["error"])  # its host refuses addresses inside that nobody opened

    def test_what_it_refuses_is_said(self):
        command = self.sdk / "bin" / "z4j-new-plugin"
        (self.folder / "full").mkdir()
        (self.folder / "full" / "letter").write_text("mine")
        for arguments, words in ((("notifier", "Pager"), "is not a name"), (("pager", "mine"), "invalid choice"), (("notifier", "mine", "full"), "full is not empty"),
                                 (("--id", "mine", "notifier", "mine"), "is not an id"), (("notifier", "x" * 41), "40 characters")):
            with self.subTest(arguments=arguments):
                done = self.run_any(command, *arguments, cwd=self.folder)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)
        self.assertEqual((self.folder / "full" / "letter").read_text(), "mine")
        self.assertFalse((self.folder / "mine").exists())

    def test_an_id_of_ones_own_and_a_folder_elsewhere(self):
        self.run_ok(self.sdk / "bin" / "z4j-new-plugin", "--id", "com.acme.pager", "notifier", "pager", self.folder / "elsewhere" / "p")
        self.assertIn('"com.acme.pager"', (self.folder / "elsewhere" / "p" / "src" / "pager.cpp").read_text())


if __name__ == "__main__":
    unittest.main()
