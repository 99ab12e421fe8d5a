"""The audit log as people outside see it: whole or not, on the command line and over the API; exported and proven elsewhere with a public key; witnessed, forwarded, put back to an older state."""
import contextlib
import datetime
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
WITNESS = ("Z4J_AUDIT_WITNESS_URL", "Z4J_AUDIT_WITNESS_KEY")


def psql(url, text):
    return subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def lines_of(text):
    """The entries of a bundle, as objects, in order."""
    lines = text.split("\n")
    texts = [line.split(" ", 2)[2] for line in lines[lines.index("entries") + 1 : lines.index("end")]]
    return [json.loads(text) for text in texts if not text.startswith("=")]


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
        self.server.handle_error = lambda *_: None  # a sender that is killed
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/audit"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class SyslogServer:
    """Reads frames of RFC 5425, over TLS when it is given a certificate; may go away and come back."""

    def __init__(self, context=None):
        self.messages, self.context, self.port = [], context, 0
        self.open()

    def open(self):
        self.connections, self.listener = [], socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, args=(self.listener,), daemon=True).start()

    def run(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
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
        for closed in (self.listener, *self.connections):
            with contextlib.suppress(OSError):
                closed.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def entries(self):
        return [json.loads(message.split("] ", 1)[1]) for message in self.messages]


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

    def witness(self, state, key):
        """(its public key, its URL, what ends it) of a witness that keeps its state in that file and knows logs of that key."""
        script = pathlib.Path(__file__).parent.parent / "audit" / "witness.py"
        process = subprocess.Popen([sys.executable, "-B", script, state, key], stdout=subprocess.PIPE, text=True)

        def end():
            process.terminate()
            process.wait()
            process.stdout.close()

        self.addCleanup(end)
        witness_key, port = process.stdout.readline().split()
        return witness_key, f"http://127.0.0.1:{port}", end

    def co_signed(self, folder):
        """A signed-in brain whose log a witness co-signed, and the keys of both."""
        brain = Brain.with_admin(**QUICK)
        self.addCleanup(brain.remove)
        brain.start()
        brain.stop()
        key = brain.run("audit", "key", "show").stdout.strip()
        witness_key, url, end = self.witness(folder / "state", key)
        brain.environment.update(Z4J_AUDIT_WITNESS_URL=url, Z4J_AUDIT_WITNESS_KEY=witness_key)
        brain.start().sign_in()
        self.make_entries(brain, 3)
        return brain, key, witness_key, end

    def refused_by_witness(self, brain, environment):
        """What a brain says of the witness that it is started with; it is stopped at the end."""
        brain.stop()
        brain.environment.update({name: environment[name] for name in WITNESS})
        brain.start().sign_in()
        self.make_entries(brain, 1)
        trouble = wait_until(lambda: brain.read("/api/v1/audit/verify")["witness_trouble"], 60)
        self.assertFalse(brain.read("/api/v1/audit/checkpoint")["is_witnessed"])
        brain.stop()
        return trouble

    def newest_seq(self, brain):
        return brain.project("/audit?limit=1")["items"][0]["seq"]

    def is_witnessed(self, brain, size):
        return wait_until(lambda: (point := brain.read("/api/v1/audit/checkpoint"))["is_witnessed"] and point["size"] >= size and point, 60)

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

    def test_a_person_who_is_forgotten_leaves_the_log_which_still_proves_itself(self):
        brain = self.brain(Z4J_TRUSTED_PROXIES="127.0.0.1")
        password = "a-Long-enough-one-41"
        forwarded = {"X-Forwarded-For": "203.0.113.41", "User-Agent": "Ann's own browser"}
        made = brain.ask("POST", "/api/v1/users", {"email": "ann@example.org", "password": password, "last_name": "Ashby"})[1]
        self.assertEqual(brain.ask("POST", "/api/v1/auth/login", {"email": "ann@example.org", "password": password}, {**forwarded, "Cookie": ""})[0], 200)
        brain.sign_in()
        self.assertEqual(brain.ask("POST", "/api/v1/projects/default/invitations", {"email": "ann@example.org", "role": "viewer"})[0], 201)
        key, seen = brain.read("/api/v1/audit/checkpoint")["key"], self.witnessed(brain, self.newest_seq(brain))
        told = ("ann@example.org", "203.0.113.41", "own browser")
        before = brain.ask("GET", "/api/v1/audit/bundle")[1]
        for word in told:
            self.assertIn(word, before)

        self.assertEqual(brain.ask("DELETE", f"/api/v1/users/{made['id']}?erase=true")[0], 204)
        wait_until(lambda: '"action":"audit.erased"' in brain.ask("GET", "/api/v1/audit/bundle")[1], 90)
        after = brain.ask("GET", f"/api/v1/audit/bundle?since={seen['size']}")[1]
        (entry,) = (entry for entry in lines_of(after) if entry["action"] == "audit.erased")
        self.assertEqual((entry["target_id"], entry["metadata"]["is_complete"]), (made["id"], True))
        for word in told:
            self.assertNotIn(word, after)
        found = self.verified(brain)
        self.assertEqual((found["ok"], found["erased"], found["erasure_trouble"]), (True, entry["metadata"]["erased_in_all"], None), found)
        self.assertGreaterEqual(found["erased"], 3)

        # An auditor who kept the checkpoint from before finds that nothing else was changed.
        folder = self.folder()
        (folder / "seen").write_text(seen["note"])
        (folder / "bundle").write_text(after)
        code, report = self.prove(folder / "bundle", key, "--seen", folder / "seen")
        self.assertEqual((code, report["extends_seen"], report["erased"]), (0, True, found["erased"]), report)
        proof.check(after.encode(), proof.Key.parse(key))
        brain.stop()
        self.assertIn(f"{found['erased']} erased in part", brain.run("audit", "verify").stdout)

    def test_a_person_is_erased_on_the_machine(self):
        brain = self.brain()
        brain.ask("POST", "/api/v1/users", {"email": "ann@example.org", "password": "a-Long-enough-one-41"})
        brain.stop()
        self.assertEqual(brain.run("users", "erase", "bob@example.org", "--confirm").returncode, 4)
        self.assertEqual(brain.run("users", "erase", "ann@example.org").returncode, 2)
        self.assertEqual(brain.run("users", "erase", "ann@example.org", "--confirm").returncode, 0)
        brain.start().sign_in()
        wait_until(lambda: "ann@example.org" not in brain.ask("GET", "/api/v1/audit/bundle")[1], 90)
        self.assertTrue(self.verified(brain)["ok"])

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

    def test_a_new_signing_key_goes_on_with_the_log_of_the_old_one(self):
        brain = self.brain()
        self.make_entries(brain, 3)
        brain.stop()
        folder = self.folder()
        old = brain.run("audit", "key", "show").stdout.strip()
        before, seen = folder / "before", folder / "seen"
        self.assertEqual(brain.run("audit", "export", "--out", str(before)).returncode, 0)
        shutil.copy(pathlib.Path(brain.home) / "audit" / "checkpoint", seen)
        size = int(seen.read_text().split("\n")[1])
        done = brain.run("audit", "key", "rotate")
        self.assertEqual(done.returncode, 0, done.stderr)
        keys = folder / "keys"
        keys.write_text(brain.run("audit", "key", "show").stdout)
        new, listed = keys.read_text().split()
        self.assertEqual((listed, new.split("+")[0]), (old, old.split("+")[0]))
        self.assertNotEqual(new, old)
        self.assertEqual(brain.run("audit", "verify").returncode, 0)
        # What was exported before is of the old key, and passes for whoever has both.
        code, report = self.prove(before, keys)
        self.assertEqual((code, report["key"]), (0, old), report)
        self.assertEqual(self.prove(before, new)[0], 1)
        brain.start().sign_in()
        self.make_entries(brain, 2)
        self.assertEqual(brain.read("/api/v1/audit/checkpoint")["previous_keys"], [old])
        found = self.verified(brain)
        self.assertEqual((found["ok"], len(found["secrets"])), (True, 1), found)
        brain.stop()
        later = folder / "later"
        self.assertEqual(brain.run("audit", "export", "--out", str(later), "--since", str(size)).returncode, 0)
        code, report = self.prove(later, new, "--seen", seen)
        self.assertEqual((code, report["key"], report["extends_seen"]), (0, new, True), report)
        kept = proof.parse_checkpoint(proof.parse_note(seen.read_text())[0])
        for bundle, key in ((before, old), (later, new)):
            proof.check(bundle.read_bytes(), proof.Key.parse(new), seen=kept, older=[proof.Key.parse(old)])
            with self.assertRaises(proof.Refuted):
                proof.check(bundle.read_bytes(), proof.Key.parse(old if key == new else new))
        # A key that is in no list is nobody's.
        secrets = pathlib.Path(brain.home) / "secret.env"
        secrets.write_text("".join(line for line in secrets.read_text().splitlines(True) if "PREVIOUS_KEYS" not in line))
        done = brain.run("audit", "verify", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["reason"]), (1, "checkpoint_mismatch"), done.stdout)

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
        brain, key, witness_key, end = self.co_signed(folder)
        point = self.is_witnessed(brain, 1)
        text, signatures = proof.parse_note(point["note"])
        self.assertIsNotNone(proof.Key.parse(witness_key).signed(text, signatures))
        # The witness has seen more than this log has: somebody put it back.
        state = json.loads((folder / "state").read_text())
        (origin,) = state["seen"]
        state["seen"][origin][0] += 1000
        end()
        (folder / "state").write_text(json.dumps(state))
        brain.stop()
        brain.environment["Z4J_AUDIT_WITNESS_URL"] = self.witness(folder / "state", key)[1]
        brain.start().sign_in()
        self.make_entries(brain, 1)
        trouble = wait_until(lambda: brain.read("/api/v1/audit/verify")["witness_trouble"], 60)
        self.assertIn("rolled back", trouble)

    def test_two_histories_from_one_snapshot_are_a_fork(self):
        folder = self.folder()
        brain, key, witness_key, _ = self.co_signed(folder)
        self.is_witnessed(brain, self.newest_seq(brain))
        snapshot = folder / "snapshot"
        self.assertEqual(brain.run("backup", "--to", str(snapshot)).returncode, 0)
        self.make_entries(brain, 4)  # one history goes on, and the witness sees it
        self.is_witnessed(brain, self.newest_seq(brain))
        brain.stop()
        bundle = folder / "first"
        self.assertEqual(brain.run("audit", "export", "--out", str(bundle)).returncode, 0)
        kept = folder / "seen"
        shutil.copy(pathlib.Path(brain.home) / "audit" / "checkpoint", kept)
        size = int(kept.read_text().split("\n")[1])

        # The other begins where the snapshot ends, with the same keys, and grows longer.
        other = Brain.with_admin(**QUICK)
        self.addCleanup(other.remove)
        shutil.copy(pathlib.Path(brain.home) / "secret.env", other.home)
        done = other.run("restore", "--from", str(snapshot))
        self.assertEqual(done.returncode, 0, done.stderr)
        other.password = brain.password
        other.start().sign_in()
        while self.newest_seq(other) <= size + 3:
            self.make_entries(other, 3)
        self.assertTrue(self.verified(other)["ok"])  # by itself it is whole
        self.assertIn("another past", self.refused_by_witness(other, brain.environment))
        self.assertEqual(other.run("audit", "verify").returncode, 0)
        fork = folder / "second"
        self.assertEqual(other.run("audit", "export", "--out", str(fork)).returncode, 0)
        self.assertEqual(self.prove(bundle, key, "--witness", witness_key)[0], 0)
        self.assertEqual(self.prove(fork, key)[0], 0)
        self.assertEqual(self.prove(fork, key, "--witness", witness_key)[0], 1)
        # Whoever knows the first history finds the second to be a fork of it, this brain's check among them.
        shutil.copy(kept, pathlib.Path(other.home) / "audit" / "checkpoint")
        done = other.run("audit", "verify", "--json")
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report["ok"], report["reason"]), (1, False, "forked"), report)

    def rewrite(self, brain, back):
        """What somebody with the database, the master key, the signing key and the home folder can do to a stopped brain: every entry is of another time, with good MACs, and of tree and checkpoints nothing is left."""
        (secret,) = (line.split("=", 1)[1].strip('"').encode() for line in (pathlib.Path(brain.home) / "secret.env").read_text().splitlines() if line.startswith("Z4J_SECRET="))

        def mac(text):
            return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()

        def dumped(members):
            return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

        is_sqlite = database.KIND == "sqlite"
        url, schema = brain.environment.get("Z4J_DATABASE_URL"), ""
        if is_sqlite:
            rows = self.enterContext(contextlib.closing(sqlite3.connect(pathlib.Path(brain.home) / "brain.sqlite")))
            entries = rows.execute("SELECT seq,canonical FROM audit_log ORDER BY seq").fetchall()
        else:
            schema = psql(url, "SELECT schemaname FROM pg_tables WHERE tablename='audit_log'") + "."
            entries = [line.split(" ", 1) for line in psql(url, f"SELECT seq||' '||canonical FROM {schema}audit_log ORDER BY seq").splitlines()]
        self.assertGreater(len(entries), 5)
        before, at, changes = None, 0, []

        def stored(us):
            return str(us) if is_sqlite else f"timestamptz 'epoch'+{us}*interval '1 microsecond'"

        def quoted(text):
            return "NULL" if text is None else "'" + text.replace("'", "''") + "'"

        for seq, canonical in entries:
            members = json.loads(canonical)
            self.assertEqual(dumped(members), canonical)
            time = datetime.datetime.fromisoformat(members["occurred_at"]) - back
            at = (time - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)
            members.update(occurred_at=time.isoformat(timespec="microseconds"), prev_row_hmac=before)
            text, last = dumped(members), before
            before = mac(text)
            changes.append(f"UPDATE {schema}audit_log SET canonical={quoted(text)},occurred_at={stored(at)},prev_row_hmac={quoted(last)},row_hmac='{before}' WHERE seq={seq}")
        head = mac(f"z4j-audit-head-v1\n{entries[-1][0]}\n{before}\n{at}")
        changes.append(f"UPDATE {schema}audit_head SET row_hmac='{before}',occurred_at={stored(at)},mac='{head}'")
        changes += [f"DELETE FROM {schema}{table}" for table in ("audit_tiles", "audit_checkpoints")]
        if is_sqlite:
            guards = rows.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger' AND tbl_name='audit_log'").fetchall()
            changes = [f'DROP TRIGGER "{name}"' for name, _ in guards] + changes + [text for _, text in guards]
            for change in changes:
                rows.execute(change)
            rows.commit()
        else:
            guards = [f"ALTER TABLE {schema}audit_log {verb} TRIGGER USER" for verb in ("DISABLE", "ENABLE")]
            for change in (guards[0], *changes, guards[1]):
                psql(url, change)
        shutil.rmtree(pathlib.Path(brain.home) / "audit")

    def test_an_administrator_with_all_keys_cannot_rewrite_what_was_co_signed(self):
        folder = self.folder()
        brain, key, witness_key, _ = self.co_signed(folder)
        self.is_witnessed(brain, self.newest_seq(brain))
        brain.stop()
        honest, kept = folder / "honest", folder / "seen"
        self.assertEqual(brain.run("audit", "export", "--out", str(honest)).returncode, 0)
        shutil.copy(pathlib.Path(brain.home) / "audit" / "checkpoint", kept)
        self.assertEqual(self.prove(honest, key, "--witness", witness_key)[0], 0)
        self.rewrite(brain, datetime.timedelta(hours=1))
        # Nothing that he holds tells: the MACs are good, and the brain signs a tree of the new past.
        self.assertEqual(brain.run("audit", "verify").returncode, 0)
        witness = {name: brain.environment.pop(name) for name in WITNESS}
        brain.start().sign_in()
        self.make_entries(brain, 2)
        self.assertTrue(self.verified(brain)["ok"])
        self.assertIn("another past", self.refused_by_witness(brain, witness))
        forged = folder / "forged"
        size = int(kept.read_text().split("\n")[1])
        self.assertEqual(brain.run("audit", "export", "--out", str(forged), "--since", str(size)).returncode, 0)
        self.assertEqual(self.prove(forged, key)[0], 0)
        code, report = self.prove(forged, key, "--witness", witness_key)
        self.assertEqual(code, 1, report)
        # An auditor who kept the co-signed checkpoint refutes it, with either verifier.
        code, report = self.prove(forged, key, "--seen", kept)
        self.assertEqual(code, 1, report)
        seen = kept.read_text().split("\n")
        with self.assertRaises(proof.Refuted):
            proof.check(forged.read_bytes(), proof.Key.parse(key), (), (seen[0], size, proof.strict_base64(seen[2])))

    def test_retention_and_the_scheduled_check_go_together_and_a_break_raises_the_alarm(self):
        brain = self.brain(Z4J_AUDIT_VERIFY_INTERVAL="1", Z4J_AUDIT_RETENTION_DAYS="1", Z4J_AUDIT_RETENTION_SWEEP_INTERVAL_SECONDS="60")
        project = next(p["id"] for p in brain.read("/api/v1/projects") if p["slug"] == "default")
        status, body = brain.ask("POST", "/api/v1/user/subscriptions", {"project_id": project, "trigger": "audit.chain_broken"})
        self.assertEqual(status, 201, body)
        self.make_entries(brain, 5)
        old = self.newest_seq(brain)
        brain.stop()
        self.rewrite(brain, datetime.timedelta(days=10))
        brain.start().sign_in()
        self.make_entries(brain, 3)

        def checked(ok):
            return wait_until(lambda: (found := brain.read("/api/v1/audit/verify"))["checked_at"] and found["ok"] == ok and found, 120, tell=lambda: (brain.read("/api/v1/audit/verify"), brain.log_text()[-2000:]))

        # What is old goes (the first pass is a minute after the start), all but the newest of it, and nobody had to ask for the checks that find the rest whole.
        wait_until(lambda: checked(True)["pruned_through"] >= old - 1, 180, tell=lambda: brain.read("/api/v1/audit/verify"))
        pruned = brain.read("/api/v1/audit/verify")["pruned_through"]
        first = checked(True)["checked_at"]
        wait_until(lambda: checked(True)["checked_at"] > first, 60)
        self.assertIn("z4j_audit_chain_ok 1", brain.get("/metrics")[1])
        self.assertGreater(brain.project("/audit?limit=500")["items"][-1]["seq"], pruned)
        self.assertEqual([n for n in brain.read("/api/v1/user/notifications") if n["trigger"] == "audit.chain_broken"], [])
        self.make_entries(brain, 3)
        seq = self.newest_seq(brain) - 1
        brain.stop()
        self.spoil(brain, seq)
        brain.start().sign_in()
        self.assertEqual(checked(False)["first_broken_seq"], seq)
        (told,) = wait_until(lambda: [n for n in brain.read("/api/v1/user/notifications") if n["trigger"] == "audit.chain_broken"], 60, tell=lambda: brain.log_text()[-2000:])
        self.assertIn("mac_mismatch", json.dumps(told))

    def test_what_a_brain_was_set_to_is_in_its_log(self):
        brain = self.brain()

        def applied():
            return [entry["metadata"] for entry in lines_of(brain.ask("GET", "/api/v1/audit/bundle")[1]) if entry["action"] == "config.applied"]

        def restarted(**environment):
            brain.stop()
            brain.environment.update(environment)
            brain.start().sign_in()
            self.make_entries(brain, 1)
            self.witnessed(brain, self.newest_seq(brain))
            return applied()

        self.make_entries(brain, 1)
        self.witnessed(brain, self.newest_seq(brain))
        (first,) = applied()
        self.assertNotIn("changed", first)
        self.assertEqual(first["settings"]["audit.checkpoint_interval_seconds"], "1")
        self.assertEqual(len(restarted()), 1)  # nothing changed
        self.assertEqual(restarted(Z4J_LOG_LEVEL="debug")[1]["changed"], ["log.level"])
        brain.stop()
        self.assertEqual(brain.run("allowed-hosts", "add", "z4j.example.com").returncode, 0)
        token = brain.run("metrics-token", "rotate").stdout.strip()
        self.assertEqual(restarted()[2]["changed"], ["metrics.auth_token", "server.allowed_hosts"])
        brain.config.write_text('[plugin.mine]\nplugin = "engine-rq"\nenabled = false\n[plugin.mine.settings]\nurl = "redis://:hunter2@localhost:1/0"\n')
        found = restarted()
        self.assertEqual(found[3]["changed"], ["plugin.mine"])
        text = json.dumps(found)
        for secret in (token, "hunter2", brain.password):
            self.assertNotIn(secret, text)
        # So is the state that it was put back to.
        brain.stop()
        file = self.folder() / "backup"
        self.assertEqual(brain.run("backup", "--to", str(file)).returncode, 0)
        done = brain.run("restore", "--from", str(file), "--force")
        self.assertEqual(done.returncode, 0, done.stderr)
        restarted()
        (entry,) = (entry for entry in lines_of(brain.ask("GET", "/api/v1/audit/bundle")[1]) if entry["action"] == "database.restored")
        self.assertGreater(entry["metadata"]["rows"], 10)

    def forwarding(self):
        """A signed-in brain that forwards to a webhook and to syslog, both of which may be shut; with what says how a change ends."""
        receiver, server = Receiver(), SyslogServer()
        self.addCleanup(receiver.close)
        self.addCleanup(server.close)
        brain = self.brain(Z4J_AUDIT_WEBHOOK_URL=receiver.url, Z4J_AUDIT_WEBHOOK_HMAC_SECRET="forwarder-secret-at-least-32-bytes-long!", Z4J_AUDIT_SYSLOG_URL=f"tcp://127.0.0.1:{server.port}", Z4J_AUDIT_FORWARD_MAX_BEHIND="5")
        self.make_entries(brain, 3)
        self.have(brain, receiver, server)
        return brain, receiver, server

    def have(self, brain, receiver, server):
        """Waits until both have the newest entry, and requires all before it."""
        newest = brain.project("/audit?limit=1")["items"][0]
        for entries in (lambda: [json.loads(body) for body in list(receiver.bodies)], server.entries):
            wait_until(lambda: any(entry["id"] == newest["id"] for entry in entries()), 120, tell=lambda: brain.read("/api/v1/audit/verify")["forwarding"])
        self.witnessed(brain, newest["seq"])
        wanted = [entry["id"] for entry in lines_of(brain.ask("GET", "/api/v1/audit/bundle")[1])]
        for entries in ([json.loads(body) for body in list(receiver.bodies)], server.entries()):
            ids = list(dict.fromkeys(entry["id"] for entry in entries))
            self.assertEqual(ids[: newest["seq"]], wanted[: newest["seq"]])  # in order, none missing

    def change(self, brain):
        return brain.ask("PATCH", "/api/v1/projects/default", {"description": "more"})[0]

    def test_with_all_receivers_shut_changes_stop_reads_go_on_and_health_says_why(self):
        brain, receiver, server = self.forwarding()
        for path, status in (("/api/v1/health", "ok"), ("/api/v1/health/ready", "ready")):
            self.assertEqual(brain.get(path), (200, {"status": status}))
        self.assertEqual(brain.read("/api/v1/health/system")["status"], "ok")
        receiver.status = 503
        server.close()
        wait_until(lambda: self.change(brain) == 503, 60)
        self.assertEqual(self.change(brain), 503)
        for path in ("/api/v1/health", "/api/v1/health/ready"):
            self.assertEqual(brain.get(path), (200, {"status": "degraded", "reason": "audit_blocked"}))
        for path in ("/api/v1/projects", "/api/v1/projects/default/tasks", "/api/v1/projects/default/audit"):
            self.assertEqual(brain.ask("GET", path)[0], 200)
        system = brain.read("/api/v1/health/system")
        self.assertEqual((system["status"], system["reason"]), ("degraded", "audit_blocked"))
        self.assertEqual([sink["refuses_changes"] for sink in system["audit_forwarding"]], [True, True])
        # What leaves in bulk does so with its entry, which waits with the others.
        self.assertEqual(brain.ask("GET", "/api/v1/projects/default/tasks?format=csv")[0], 200)
        self.assertEqual(brain.project("/audit?limit=1")["items"][0]["action"], "tasks.exported")
        # One receiver is enough for changes to go on.
        server.open()
        wait_until(lambda: self.change(brain) == 200, 120)
        self.assertEqual(brain.get("/api/v1/health"), (200, {"status": "ok"}))
        for _ in range(10):
            wait_until(lambda: self.change(brain) == 200, 60)
        self.assertIn(True, [sink["refuses_changes"] for sink in brain.read("/api/v1/audit/verify")["forwarding"]])
        receiver.status = 200
        self.have(brain, receiver, server)

    def test_nothing_is_lost_when_a_receiver_goes_away_and_the_brain_is_killed_half_way(self):
        brain, receiver, server = self.forwarding()
        brain.stop()
        brain.environment["Z4J_AUDIT_FORWARD_MAX_BEHIND"] = "10000"
        brain.start().sign_in()
        receiver.status = 503
        server.close()
        self.make_entries(brain, 60)
        brain.kill()
        known = len(receiver.bodies)
        server.open()
        receiver.status = 200
        brain.start()
        wait_until(lambda: len(receiver.bodies) > known + 5, 60, every=0.001)
        brain.kill()  # some of them are out, and nobody knows how many
        brain.start().sign_in()
        self.make_entries(brain, 3)
        self.have(brain, receiver, server)

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
