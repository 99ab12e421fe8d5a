"""A database of an older program: this one takes it over, and the audit log in it still verifies, entry by entry and in the tree that it did not have."""
import contextlib
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import unittest

from brain import BUILD, Brain, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "audit"))
import proof

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "upgrade"
OLD, NEW = "the-secret-of-schema-3-before-its-rotation", "the-secret-of-schema-3-after-its-rotation!"
PASSWORD = "Schema-3-had-this-word"
ENTRIES, OF_OLD = 9, 6


class Upgrade(unittest.TestCase):
    def brain(self, change=""):
        """On the old database, with `change` made to it."""
        brain = Brain.with_admin(Z4J_SECRET=NEW, Z4J_PREVIOUS_SECRETS=json.dumps([OLD]), Z4J_AUDIT_CHECKPOINT_INTERVAL="1", Z4J_AUDIT_RETENTION_DAYS="3650")
        self.addCleanup(brain.remove)
        brain.password = PASSWORD
        with contextlib.closing(sqlite3.connect(pathlib.Path(brain.home) / "brain.sqlite")) as rows:
            rows.executescript((FIXTURES / "schema-3.sql").read_text() + change)
        return brain

    def verify(self, brain):
        done = brain.run("audit", "verify", "--json")
        return done.returncode, json.loads(done.stdout)

    def test_the_audit_log_verifies_after_the_upgrade_and_goes_on(self):
        brain = self.brain()
        told = brain.run("migrate", "--dry-run")
        for table in ("audit_tiles", "saved_views", "deploys", "plugin_capabilities"):
            self.assertIn(f"create table {table}", told.stdout, told.stderr)
        self.assertEqual(brain.run("migrate").returncode, 0)
        brain.start().sign_in()
        status, body = brain.ask("PATCH", "/api/v1/projects/default", {"description": "after the upgrade"})
        self.assertEqual(status, 200, body)
        point = wait_until(lambda: (found := brain.read("/api/v1/audit/checkpoint"))["size"] > ENTRIES and found, 60)
        text = brain.ask("GET", "/api/v1/audit/bundle")[1]
        brain.stop()
        code, report = self.verify(brain)
        self.assertEqual((code, report["reason"]), (0, None), report)
        self.assertEqual([use["rows"] for use in report["secrets"]], [report["rows_verified"] - OF_OLD, OF_OLD])
        # The old entries stand in the tree and are proven with the new ones.
        self.assertIn("setup.completed", text)
        proof.check(text.encode(), proof.Key.parse(point["key"]))
        with tempfile.NamedTemporaryFile("w", prefix="z4j_bundle_") as bundle:
            bundle.write(text)
            bundle.flush()
            done = subprocess.run([BUILD / "bin" / "z4j-audit-verify", bundle.name, "--key", point["key"], "--json"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(json.loads(done.stdout)["first_seq"], 1)

    def test_an_old_entry_that_was_changed_is_found(self):
        brain = self.brain("DROP TRIGGER audit_log_no_update; UPDATE audit_log SET canonical=replace(canonical,'failed','success') WHERE seq=4;")
        code, report = self.verify(brain)
        self.assertEqual((code, report["reason"], report["first_broken_seq"]), (1, "mac_mismatch", 4), report)

    def test_an_old_log_that_was_cut_is_found(self):
        brain = self.brain("DROP TRIGGER audit_log_no_delete; DELETE FROM audit_log WHERE seq=9;")
        code, report = self.verify(brain)
        self.assertEqual((code, report["reason"]), (1, "head_mismatch"), report)


if __name__ == "__main__":
    unittest.main()
