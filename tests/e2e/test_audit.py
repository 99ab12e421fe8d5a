"""The audit log as people outside see it: whole or not, on the command line and over the API; exported and proven elsewhere with a public key; witnessed, forwarded, put back to an older state."""
import contextlib
import hashlib
import hmac
import json
import pathlib
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, HTTPServer

import database
from brain import BUILD, Brain, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "audit"))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
import certificate
import proof

VERIFY = BUILD / "bin" / "z4j-audit-verify"
QUICK = {"Z4J_AUDIT_CHECKPOINT_INTERVAL": "1"}


def psql(url, text):
    return subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


class Receiver:
    """A webhook's other side, which can be shut."""

    def __init__(self):
        self.bodies, self.headers, self.status = [], [], 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 200:
                    receiver.bodies.append(body)
                    receiver.headers.append(dict(self.headers))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/audit"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class SyslogServer:
    """Reads frames of RFC 5425, over TLS when it is given a certificate."""

    def __init__(self, context=None):
        self.messages, self.context = [], context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as stream:
                while True:
                    digits = b""
                    while (byte := stream.read(1)) not in (b" ", b""):
                        digits += byte
                    if not digits:
                        return
                    self.messages.append(stream.read(int(digits)).decode())
        except (OSError, ValueError):
            return

    def close(self):
        self.listener.close()


class Audit(unittest.TestCase):
    def brain(self, **environment):
        brain = Brain.with_admin(**{**QUICK, **environment})
        self.addCleanup(brain.remove)
        return brain.start().sign_in()

    def folder(self):
        folder = tempfile.TemporaryDirectory(prefix="z4j_e2e_audit_")
        self.addCleanup(folder.cleanup)
        return pathlib.Path(folder.name)

    def make_entries(self, brain, count):
        for i in range(count):
            status, body = brain.ask("PATCH", "/api/v1/projects/default", {"description": f"entry {i}"})
            self.assertEqual(status, 200, body)

    def verified(self, brain):
        status, body = brain.ask("POST", "/api/v1/audit/verify", {})
        self.assertIn(status, (202, 409), body)
        return wait_until(lambda: (found := brain.read("/api/v1/audit/verify"))["checked_at"] and not found["is_checking"] and found, 60)

    def witnessed(self, brain, size=1):
        return wait_until(lambda: (point := brain.read("/api/v1/audit/checkpoint"))["size"] >= size and point, 60)

    def prove(self, bundle, key, *more):
        done = subprocess.run([VERIFY, bundle, "--key", key, "--json", *more], capture_output=True, text=True, timeout=60, check=False, env={})
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stderr

    def test_the_log_is_listed_checked_and_exported_over_the_api(self):
        brain = self.brain()
        self.make_entries(brain, 5)
        page = brain.project("/audit?action_prefix=project.&limit=3")
        self.assertEqual([item["action"] for item in page["items"]], ["project.updated"] * 3)
        rest = brain.project("/audit?action_prefix=project.&limit=500&cursor=" + page["next_cursor"])
        for newer, older in zip(page["items"] + rest["items"], (page["items"] + rest["items"])[1:]):
            self.assertGreater(newer["seq"], older["seq"])
        self.assertRegex(page["items"][0]["row_hmac"], "^[0-9a-f]{64}$")
        self.assertEqual(brain.ask("GET", "/api/v1/projects/default/audit?cursor=nonsense")[0], 422)
        text = brain.ask("GET", "/api/v1/projects/default/audit?format=csv&fields=seq,action,row_hmac")[1]
        self.assertTrue(text.startswith("seq,action,row_hmac\r\n"), text[:80])

        found = self.verified(brain)
        self.assertTrue(found["ok"], found)
        self.assertGreaterEqual(found["rows_verified"], 6)
        point = self.witnessed(brain, found["tree"]["size"])
        status, text = brain.ask("GET", "/api/v1/audit/bundle")
        self.assertEqual(status, 200)
        bundle = self.folder() / "bundle"
        bundle.write_text(text)
        code, report = self.prove(bundle, point["key"])
        self.assertEqual((code, report["ok"]), (0, True), report)
        proof.check(text.encode(), proof.Key.parse(point["key"]))
        metrics = brain.get("/metrics")[1]
        self.assertIn("z4j_audit_chain_ok 1", metrics)

    def test_an_export_is_proven_elsewhere_with_only_the_public_key(self):
        brain = self.brain()
        self.make_entries(brain, 8)
        brain.stop()
        key = brain.run("audit", "key", "show").stdout.strip()
        folder = self.folder()
        done = brain.run("audit", "export", "--out", str(folder))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(key, done.stdout)
        (bundle,) = folder.iterdir()
        code, report = self.prove(bundle, key)
        self.assertEqual(code, 0, report)
        self.assertGreaterEqual(report["entries"], 9)
        proof.check(bundle.read_bytes(), proof.Key.parse(key))
        # An auditor who keeps the checkpoint finds that the log went on from it.
        seen = pathlib.Path(brain.home) / "audit" / "checkpoint"
        kept = folder / "seen"
        shutil.copy(seen, kept)
        brain.start().sign_in()
        self.make_entries(brain, 3)
        brain.stop()
        size = int(kept.read_text().split("\n")[1])
        later = folder / "later"
        self.assertEqual(brain.run("audit", "export", "--out", str(later), "--from", str(size + 2), "--since", str(size)).returncode, 0)
        code, report = self.prove(later, key, "--seen", kept)
        self.assertEqual((code, report["extends_seen"]), (0, True), report)
        # Anything changed in it is refuted, here and by the other verifier.
        text = later.read_text()
        later.write_text(text.replace("project.updated", "project.deleted", 1))
        code, report = self.prove(later, key)
        self.assertEqual(code, 1, report)
        with self.assertRaises(proof.Refuted):
            proof.check(later.read_bytes(), proof.Key.parse(key))

    def test_a_database_put_back_to_an_older_state_is_found(self):
        if database.KIND != "sqlite":
            self.skipTest("copies the database file")
        brain = self.brain()
        self.make_entries(brain, 3)
        brain.stop()
        home = pathlib.Path(brain.home)
        for file in home.glob("brain.sqlite*"):
            shutil.copy(file, home / ("old-" + file.name))
        brain.start().sign_in()
        self.make_entries(brain, 4)
        brain.stop()
        self.assertEqual(brain.run("audit", "verify").returncode, 0)
        for file in home.glob("brain.sqlite*"):
            file.unlink()
        for file in home.glob("old-brain.sqlite*"):
            file.rename(home / file.name[4:])
        done = brain.run("audit", "verify", "--json")
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report["reason"]), (1, "rolled_back"), report)
        done = brain.run("audit", "acknowledge", "--reason", "rolled_back", "--seq", str(report["first_broken_seq"]), "--note", "restored on purpose")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = brain.run("audit", "verify", "--json", "--all")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_witness_co_signs_and_notices_a_fork(self):
        folder = self.folder()
        brain = Brain.with_admin(**QUICK)
        self.addCleanup(brain.remove)
        brain.start()
        brain.stop()
        key = brain.run("audit", "key", "show").stdout.strip()
        script = pathlib.Path(__file__).parent.parent / "audit" / "witness.py"
        witness = subprocess.Popen([sys.executable, "-B", script, folder / "state", key], stdout=subprocess.PIPE, text=True)
        self.addCleanup(witness.stdout.close)
        self.addCleanup(witness.wait)
        self.addCleanup(witness.terminate)
        witness_key, port = witness.stdout.readline().split()
        brain.environment.update(Z4J_AUDIT_WITNESS_URL=f"http://127.0.0.1:{port}", Z4J_AUDIT_WITNESS_KEY=witness_key)
        brain.start().sign_in()
        self.make_entries(brain, 3)
        point = wait_until(lambda: (found := brain.read("/api/v1/audit/checkpoint"))["is_witnessed"] and found, 60)
        text, signatures = proof.parse_note(point["note"])
        self.assertIsNotNone(proof.Key.parse(witness_key).signed(text, signatures))
        # The witness has seen more than this log has: somebody put it back.
        state = json.loads((folder / "state").read_text())
        (origin,) = state["seen"]
        state["seen"][origin][0] += 1000
        witness.terminate()
        witness.wait()
        witness.stdout.close()
        (folder / "state").write_text(json.dumps(state))
        witness = subprocess.Popen([sys.executable, "-B", script, folder / "state", key], stdout=subprocess.PIPE, text=True)
        self.addCleanup(witness.stdout.close)
        self.addCleanup(witness.wait)
        self.addCleanup(witness.terminate)
        brain.stop()
        brain.environment["Z4J_AUDIT_WITNESS_URL"] = f"http://127.0.0.1:{witness.stdout.readline().split()[1]}"
        brain.start().sign_in()
        self.make_entries(brain, 1)
        trouble = wait_until(lambda: brain.read("/api/v1/audit/verify")["witness_trouble"], 60)
        self.assertIn("rolled back", trouble)

    def test_a_webhook_gets_every_entry_and_a_shut_one_stops_changes(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        secret = "forwarder-secret-at-least-32-bytes-long!"
        brain = self.brain(Z4J_AUDIT_WEBHOOK_URL=receiver.url, Z4J_AUDIT_WEBHOOK_HMAC_SECRET=secret, Z4J_AUDIT_FORWARD_MAX_BEHIND="5")
        self.make_entries(brain, 3)
        newest = brain.project("/audit?limit=1")["items"][0]
        wait_until(lambda: any(newest["id"] in body.decode() for body in receiver.bodies), 60)
        for body, headers in zip(receiver.bodies, receiver.headers):
            signed = headers["X-Z4J-Audit-Timestamp"].encode() + b"." + body
            self.assertEqual(headers["X-Z4J-Audit-Signature"], "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest())
        receiver.status = 503

        def is_refused():
            status, body = brain.ask("PATCH", "/api/v1/projects/default", {"description": "more"})
            return status == 503 and body

        wait_until(is_refused, 60)
        self.assertEqual(brain.ask("GET", "/api/v1/projects")[0], 200)  # reading goes on
        sink = wait_until(lambda: (found := brain.read("/api/v1/audit/verify")["forwarding"][0])["last_error"] and found, 30)
        self.assertTrue(sink["refuses_changes"], sink)
        self.assertIn("503", sink["last_error"])
        receiver.status = 200
        wait_until(lambda: not is_refused(), 120)
        links = [json.loads(body) for body in receiver.bodies]
        ids = [entry["row_hmac"] for entry in links]
        self.assertEqual(len(set(ids)), len({entry["id"] for entry in links}))
        known = set(ids)
        for entry in links:  # in order, and none is missing
            self.assertTrue(entry["prev_row_hmac"] is None or entry["prev_row_hmac"] in known, entry)

    def test_syslog_over_tls_gets_every_entry(self):
        folder = self.folder()
        files = certificate.make(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(files[0], files[1])
        server = SyslogServer(context)
        self.addCleanup(server.close)
        brain = self.brain(Z4J_AUDIT_SYSLOG_URL=f"tls://localhost:{server.port}", Z4J_AUDIT_SYSLOG_CA_FILE=str(files[0]))
        self.make_entries(brain, 3)
        newest = brain.project("/audit?limit=1")["items"][0]
        wait_until(lambda: any(newest["id"] in message for message in server.messages), 60, tell=lambda: brain.log_text()[-2000:])
        self.assertRegex(server.messages[-1], r"^<110>1 [0-9T:.-]+Z \S+ z4j - project.updated \[z4j@32473 seq=\"\d+\" id=")
        self.assertEqual(json.loads(server.messages[-1].split("] ", 1)[1])["id"], newest["id"])

    # The troubleshooting page: verification of the audit log fails

    def spoil(self, brain, seq):
        """What somebody with the database does to an entry, past the guards."""
        change = f"UPDATE {{}}audit_log SET canonical=replace(canonical,'success','denied') WHERE seq={seq}"
        if database.KIND == "sqlite":
            with contextlib.closing(sqlite3.connect(pathlib.Path(brain.home) / "brain.sqlite")) as rows:
                guard, text = rows.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger' AND tbl_name='audit_log' AND sql LIKE '%UPDATE%'").fetchone()
                rows.execute(f'DROP TRIGGER "{guard}"')
                rows.execute(change.format(""))
                rows.execute(text)
                rows.commit()
            return
        url = brain.environment["Z4J_DATABASE_URL"]
        schema = psql(url, "SELECT schemaname FROM pg_tables WHERE tablename='audit_log'")
        psql(url, f"ALTER TABLE {schema}.audit_log DISABLE TRIGGER USER; {change.format(schema + '.')}; ALTER TABLE {schema}.audit_log ENABLE TRIGGER USER")

    def broken(self):
        """A stopped brain whose third entry was changed, what the check says, and the entry's id."""
        brain = self.brain()
        self.make_entries(brain, 5)
        entry = [item for item in brain.project("/audit?limit=100")["items"] if item["action"] == "project.updated"][2]
        brain.stop()
        self.spoil(brain, entry["seq"])
        done = brain.run("audit", "verify", "--json")
        return brain, entry, done.returncode, json.loads(done.stdout)

    def test_row_17_an_entry_edited_in_the_table_fails_verification(self):
        brain, _, code, report = self.broken()
        self.assertEqual((code, report["ok"], report["reason"]), (1, False, "mac_mismatch"))
        self.assertIn("broken after", brain.run("audit", "verify").stdout)

    def test_row_18_the_first_broken_id_is_told(self):
        _, entry, _, report = self.broken()
        self.assertEqual((report["first_broken_id"], report["first_broken_seq"]), (entry["id"], entry["seq"]))
        self.assertEqual(report["rows_verified"], entry["seq"] - 1)

    def test_row_19_a_break_made_on_purpose_is_acknowledged_and_hides_no_other(self):
        brain, entry, _, _ = self.broken()
        words = ["--reason", "mac_mismatch", "--seq", str(entry["seq"]), "--row", entry["id"]]
        done = brain.run("audit", "acknowledge", *words, "--note", "erased on request")
        self.assertEqual(done.returncode, 0, done.stderr)
        # The tree knows it as well, and says so by a reason of its own only where the MAC is good.
        done = brain.run("audit", "verify", "--json", "--all")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.spoil(brain, entry["seq"] - 2)
        report = json.loads(brain.run("audit", "verify", "--json").stdout)
        self.assertEqual((report["ok"], report["first_broken_seq"]), (False, entry["seq"] - 2))
        brain.start().sign_in()
        (known,) = brain.read("/api/v1/audit/breaks")
        self.assertEqual((known["note"], known["is_genuine"]), ("erased on request", True))

    def test_row_20_what_comes_after_a_break_is_still_checked(self):
        brain, entry, _, report = self.broken()
        self.assertGreater(report["rows_after_break"], 0)
        self.spoil(brain, entry["seq"] + 2)
        breaks = json.loads(brain.run("audit", "verify", "--json", "--all").stdout)["breaks"]
        self.assertEqual([found["seq"] for found in breaks if found["reason"] == "mac_mismatch"][:2], [entry["seq"], entry["seq"] + 2])

    def test_row_21_an_unexpected_break_is_seen_by_those_who_watch(self):
        brain, entry, _, _ = self.broken()
        brain.start().sign_in()
        found = self.verified(brain)
        self.assertEqual((found["ok"], found["first_broken_id"]), (False, entry["id"]))
        self.assertIn("z4j_audit_chain_ok 0", brain.get("/metrics")[1])
        self.assertIn("audit log is BROKEN", brain.log_text())
        # The evidence can still be taken away, and proves what was changed.
        bundle = self.folder() / "evidence"
        bundle.write_text(brain.ask("GET", "/api/v1/audit/bundle")[1])
        code, report = self.prove(bundle, brain.read("/api/v1/audit/checkpoint")["key"])
        self.assertEqual(code, 1, report)

    def test_audit_fork_cleanup_is_refused(self):
        brain = Brain.with_admin()
        self.addCleanup(brain.remove)
        done = brain.run("audit", "fork-cleanup", "--apply")
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    unittest.main()
