"""Two hundred agents at once: all come in, every event is acked and stored once, all come back after a restart."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import brain as brains  # noqa: E402

PROGRAM = brains.BUILD / "bench" / "z4j-agents"


def tokens_of(brain, count):
    """A file of that many new agents' tokens and secrets."""
    handle, path = tempfile.mkstemp(prefix="z4j_tokens_", dir=brain.home)
    with os.fdopen(handle, "w") as file:
        for i in range(count):
            minted = brain.mint(f"load-{i}")
            file.write(f"{minted['token']} {minted['hmac_secret']}\n")
    return path


class Load(unittest.TestCase):
    def setUp(self):
        self.brain = brains.Brain.with_admin()
        self.addCleanup(self.brain.remove)
        self.brain.start()
        self.brain.sign_in()

    def agents(self, *options):
        """The load client, begun."""
        load = subprocess.Popen([PROGRAM, "--url", self.brain.url.replace("http", "ws"), "--json", "--verify", *map(str, options)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: load.poll() is None and load.kill())
        return load

    def report(self, load):
        out, told = load.communicate(timeout=300)
        report = json.loads(out) if out else {}
        self.assertEqual(load.returncode, 0, (report, told))
        return report

    def stored(self):
        """Events in the store, as its agents count them; repeats are not among them."""
        return sum(self.brain.project(f"/agents/{a['id']}")["events_persisted"] for a in self.brain.project("/agents"))

    def test_every_event_of_two_hundred_agents_is_acked_and_stored_once(self):
        report = self.report(self.agents("--tokens", tokens_of(self.brain, 20), "--agents", 200, "--rate", 2, "--seconds", 6, "--heartbeat", 2))
        self.assertEqual(report["connected"], 200)
        self.assertGreater(report["events"], 1000)
        self.assertEqual(report["acks"], report["events"])
        self.assertEqual((report["refused_frames"], report["foreign_acks"], report["losses"]), (0, 0, 0), report)
        self.assertGreater(report["frame_to_ack"]["p99_ms"], 0)
        self.assertEqual(self.stored(), report["events"])

    def test_all_agents_come_back_after_a_restart_and_nothing_is_lost(self):
        self.brain.environment["Z4J_BIND_PORT"] = self.brain.url.rsplit(":", 1)[1]
        load = self.agents("--tokens", tokens_of(self.brain, 10), "--agents", 100, "--rate", 2, "--seconds", 25)
        while "all connected" not in load.stderr.readline():
            self.assertIsNone(load.poll())
        self.brain.stop()
        self.brain.start()
        report = self.report(load)
        self.assertEqual(len(report["outages"]), 1, report)
        self.assertEqual(report["acks"], report["events"])
        self.assertEqual(report["connected"], 100)
        self.brain.sign_in()
        self.assertEqual(self.stored(), report["events"])


if __name__ == "__main__":
    unittest.main()
