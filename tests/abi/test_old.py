"""Quality 50: plugins as they were built against each ABI that was released, never built again, run in the brain of today."""
import hashlib
import json
import pathlib
import unittest

from foreign import BUILD, SOURCE, ForeignTest, wait_until

RELEASED = sorted((SOURCE / "tests" / "fixtures" / "abi").glob("*.*"))


class Quality50(ForeignTest):
    def test_every_frozen_version_has_its_plugins_and_they_are_what_they_were(self):
        frozen = [line.split()[0] for line in (SOURCE / "sdk" / "abi" / "frozen").read_text().splitlines() if line and not line.startswith("#")]
        self.assertEqual([folder.name for folder in RELEASED], sorted(frozen))
        for folder in RELEASED:
            listed = dict(reversed(line.split()) for line in (folder / "SHA256SUMS").read_text().splitlines())
            self.assertEqual(listed, {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.so")}, folder)
            self.assertGreaterEqual(len(listed), 6, folder)

    def test_they_load_and_run(self):
        for folder in RELEASED:
            with self.subTest(abi=folder.name):
                self.run_old(folder)

    def run_old(self, folder):
        tasks, schedules = self.folder / f"tasks-{folder.name}", self.folder / f"schedules-{folder.name}"
        tasks.mkdir()
        (tasks / "first.task").write_text("charge\n")
        schedules.write_text("hourly\t3600\ton\ttoy\treport\n")
        for name, isolation, settings in (
                ("notifier-log", "process", ""), ("notifier-c", "inline", ""), ("http-hello", "process", ""), ("storage-memory", "inline", ""),
                ("engine-toy", "inline", f'folder = "{tasks}"'), ("scheduler-toy", "inline", f'file = "{schedules}"')):
            self.add(folder / f"{name}.so", name, settings, isolation)
        brain = self.start()

        for name in ("notifier-log", "notifier-c"):
            self.send_through(brain, name)
        self.assertIn('"name":"old"', json.dumps(brain.read("/ext/http-hello/hello/old"), separators=(",", ":")))
        # Its engine tells of a task that came and ended; its scheduler has one sent by the engine.
        wait_until(lambda: brain.task("toy", "first"), tell=lambda: brain.log_text()[-2000:])
        (tasks / "first.task").rename(tasks / "first.done")
        wait_until(lambda: (brain.task("toy", "first") or {}).get("state") == "success", tell=lambda: brain.task("toy", "first"))
        hourly = wait_until(lambda: [s for s in brain.all_of("/schedules") if s["name"] == "hourly"])[0]
        status, answer = brain.ask("POST", f"/api/v1/projects/default/schedules/{hourly['id']}/trigger", {})
        self.assertIn(status, (200, 202), answer)
        wait_until(lambda: [f for f in tasks.glob("*.task") if f.read_text().splitlines() == ["report"]], tell=lambda: (answer, list(tasks.iterdir())))
        self.stop_all(brain)

    def test_they_pass_the_checker_of_today(self):
        files = [file for folder in RELEASED for file in sorted(folder.glob("*.so"))]
        self.assertTrue(files)
        for file in files:
            settings = {"engine-toy.so": '{"folder": "{folder}"}', "scheduler-toy.so": '{"file": "{folder}/schedules"}'}.get(file.name)
            with self.subTest(file=str(file)):
                self.check(file, settings)


if __name__ == "__main__":
    unittest.main()
