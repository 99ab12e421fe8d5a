"""Plugins in processes of their own, under a whole brain: they crash, hang and leak; the brain shows it and goes on."""
import os
import re
import signal
import unittest

from brain import Brain, wait_until
from test_http_plugins import Plugins, raw

CONFIG = """
[plugin.test]
plugin = "test-engine"
memory_limit_mb = 200
[plugin.test.settings]
events = [{kind = "sent", task_id = "t-1", task = "app.add"}]

[plugin.hello]
plugin = "http-hello"
[plugin.hello.settings]
greeting = "good day"

[plugin.other-store]
plugin = "storage-sqlite"
isolation = "process"
[plugin.other-store.settings]
path = "/tmp/never-made.sqlite"
"""


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


class IsolationTest(unittest.TestCase):
    def setUp(self):
        self.plugins = Plugins("test-engine", "http-hello")
        self.addCleanup(self.plugins.remove)
        self.brain = Brain.with_admin(CONFIG, Z4J_PLUGIN_DIRECTORY=str(self.plugins.path))
        self.addCleanup(self.brain.remove)
        self.brain.start().sign_in()

    def plugin(self, instance="test"):
        status, body = self.brain.ask("GET", f"/api/v1/plugins/{instance}")
        self.assertEqual(status, 200, body)
        return body

    def started(self, instance="test"):
        return wait_until(lambda: (p := self.plugin(instance))["state"] == "started" and p, 60, tell=lambda: self.plugin(instance))

    def behave(self, calls):
        """New settings, which start it anew."""
        status, body = self.brain.ask("PUT", "/api/v1/plugins/test/settings", {"settings": {"calls": calls}})
        self.assertEqual(status, 200, body)
        return body

    def died(self, times=1, seconds=60):
        return wait_until(lambda: (p := self.plugin())["process"] and p["process"]["deaths"] >= times and p, seconds, tell=self.plugin)

    def assert_brain_untouched(self):
        self.assertIsNone(self.brain.process.poll())
        self.assertEqual(self.brain.get("/api/v1/health/ready")[0], 200)
        status, _, body = raw(self.brain, "GET", "/ext/hello/hello/you")
        self.assertEqual(status, 200, body)

    def test_files_that_did_not_come_with_z4j_run_apart(self):
        here = self.started()
        self.assertEqual(here["isolation"], "process")
        self.assertIn("seccomp", here["process"]["sandbox"])
        self.assertTrue(is_there(here["process"]["pid"]))
        with open(f"/proc/{here['process']['pid']}/comm", encoding="utf-8") as name:
            self.assertEqual(name.read().strip(), "z4j-plugin-host")
        # Its events are stored as any other's, and its pages are served.
        wait_until(lambda: self.brain.ask("GET", "/api/v1/projects/default/tasks/test/t-1")[0] == 200, 30)
        self.assertEqual(self.started("hello")["isolation"], "process")
        self.assert_brain_untouched()
        # The brain's own store is inside it.
        self.assertEqual(self.plugin("storage")["isolation"], "inline")
        refused = wait_until(lambda: (p := self.plugin("other-store"))["state"] == "refused" and p, 30)
        self.assertIn("storage drivers run inside the brain only", refused["why"])
        self.assertIn('isolation = "inline"', refused["what_to_do"])

    def test_a_crash_is_shown_tried_again_and_quarantined(self):
        self.started()
        self.behave({"snapshot/workers": {"crashes": True}})
        dead = self.died()
        self.assertIn("signal 11", dead["process"]["last_death"])
        self.assertIn("in snapshot()", dead["process"]["last_death"])
        self.assertIsNotNone(dead["process"]["last_death_at"])
        self.assert_brain_untouched()
        self.died(2)
        metrics = self.brain.get("/metrics")[1]
        self.assertGreaterEqual(int(re.search(r'z4j_plugin_process_deaths_total\{instance="test",plugin="test-engine"\} (\d+)', metrics).group(1)), 2)
        self.assertIn('z4j_plugin_up{instance="test",plugin="test-engine"}', metrics)
        down = wait_until(lambda: (p := self.plugin())["state"] == "quarantined" and p, 200, tell=self.plugin)
        self.assertIn("5 of its processes died within ten minutes", down["why"])
        self.assertEqual(down["health"], "failing")
        self.assert_brain_untouched()
        self.behave({})
        self.assertEqual(self.started()["process"]["deaths"], 5)

    def test_a_hang_and_a_leak_cost_their_process(self):
        self.started()
        self.behave({"snapshot/workers": {"leaks_mib": 1000}})
        leaked = wait_until(lambda: (p := self.plugin())["state"] == "faulted" and p, 60, tell=self.plugin)
        self.assertIn("bad_alloc", leaked["why"])
        self.assert_brain_untouched()
        self.behave({"snapshot/workers": {"blocks_ms": 600000}})
        hung = self.died(seconds=120)
        self.assertIn("snapshot() did not return within", hung["process"]["last_death"])
        self.assert_brain_untouched()

    def test_processes_end_with_their_brain(self):
        pids = [self.started(name)["process"]["pid"] for name in ("test", "hello")]
        self.brain.kill()
        wait_until(lambda: not any(is_there(pid) for pid in pids), 20)
        self.brain.start().sign_in()
        pids = [self.started(name)["process"]["pid"] for name in ("test", "hello")]
        os.kill(pids[0], signal.SIGKILL)
        self.assertIn("signal 9", self.died()["process"]["last_death"])
        self.started()
        self.brain.stop()
        self.assertFalse(is_there(pids[1]))


if __name__ == "__main__":
    unittest.main()
