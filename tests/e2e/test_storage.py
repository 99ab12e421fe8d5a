"""Whole databases moved by the command line: copied between SQLite and PostgreSQL, saved, restored, migrated; killed in
the middle and run again. Runs on PostgreSQL and SQLite both, whatever the other tests stand on."""
import json
import os
import pathlib
import pwd
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import unittest

import database
from brain import EMAIL, PROGRAM, Brain, wait_until

TASKS, EVENTS = 4000, 16000
SEED = f"""
INSERT INTO z4j.tasks(id,project_id,engine,task_id,name,state,result,args,sort_at,created_at,updated_at)
SELECT md5('t'||i)::uuid,p.id,'celery','task-'||i,'mail.send',CASE WHEN i%7=0 THEN 'failure' ELSE 'success' END,
  jsonb_build_object('n',i,'x',i/8.0,'big',1e20::numeric*i,'s','\u00e9"'||i),'[1.0,2]',
  'epoch'::timestamptz+interval '56 years'+make_interval(secs=>i),now(),now() FROM z4j.projects p,generate_series(1,{TASKS}) i;
INSERT INTO z4j.events(occurred_at,id,project_id,agent_id,engine,task_id,kind,attempt,payload,stored_at)
SELECT now()-make_interval(secs=>i*30),md5('e'||i)::uuid,p.id,md5('a')::uuid,'celery','task-'||(i%{TASKS}),'task.started',1,
  ('{{"b":'||i||'.50,"a":[1e-7,{{"z":null,"k":'||i||'}}]}}')::jsonb,now() FROM z4j.projects p,generate_series(1,{EVENTS}) i;
"""


def psql(url, text):
    return subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def commands_of(page):
    return [line.strip() for line in (pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "operate" / page).read_text().splitlines() if re.match(r" {4}\S", line)]


class StorageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="z4j_storage_")
        cls.addClassCleanup(cls.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, secrets.token_hex(4) + name)

    def postgresql(self):
        name = "storage_" + secrets.token_hex(4)
        database.server().sql(f"CREATE DATABASE {name}")
        return database.server().url_of(name)

    def brain(self, url, like=None):
        """A brain on that database, with an administrator; or one with the secrets of another."""
        brain = Brain.with_admin(Z4J_DATABASE_URL=url)
        self.addCleanup(brain.remove)
        if like:
            shutil.copy(os.path.join(like.home, "secret.env"), brain.home)
            brain.password = like.password
        return brain

    def seeded(self):
        """A stopped brain on PostgreSQL with tasks and events."""
        brain = self.brain(self.postgresql())
        brain.start().sign_in()
        brain.stop()
        psql(brain.environment["Z4J_DATABASE_URL"], SEED)
        return brain

    def mint(self, brain):
        """Its secrets and its tables, as a first start makes them."""
        brain.start()
        brain.stop()

    def done(self, brain, *arguments, code=0):
        done = brain.run(*arguments, timeout=120)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        self.assertNotIn(database.server().password, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def secret(self, brain, url):
        """How the command line names that URL without saying it."""
        name = "Z4J_X_" + secrets.token_hex(4).upper()
        brain.environment[name] = url
        return "secret:" + name

    def entries(self, brain, action):
        """Of the audit log, as far as it has a checkpoint."""
        text = brain.ask("GET", "/api/v1/audit/bundle")[1]
        found = [line.split(" ", 2)[2] for line in text.split("\n") if f'"action":"{action}"' in line] if isinstance(text, str) else []
        return [json.loads(canonical) for canonical in found]

    def sums(self, told):
        return dict(re.findall(r"(\w+) +\d+ rows  sha256 (\w+)", told))

    def test_a_copy_goes_there_and_back_and_survives_being_killed(self):
        first = self.seeded()
        file = self.path(".sqlite")
        copy = ["storage", "copy", "--from", "config", "--to", "sqlite:///" + file]
        killed = self.kill_in_the_middle(first, copy, file)
        there = self.done(first, *copy)
        self.assertIn("counts and checksums are equal", there)
        self.assertIn("the audit log is whole", there)
        if killed:
            self.assertIn("went on where it was cut short", there)
        self.assertIn("holds data already", self.done(first, *copy, code=1))
        url = self.postgresql()
        back = self.done(first, "storage", "copy", "--from", "sqlite:///" + file, "--to", self.secret(first, url))
        self.assertEqual(self.sums(there), self.sums(back))
        self.assertIn("events", self.sums(there))
        # What PostgreSQL holds after both ways is what it held before.
        for text in ("SELECT md5(string_agg(t::text,'' ORDER BY id)) FROM z4j.tasks t", "SELECT md5(string_agg(e::text,'' ORDER BY occurred_at,id)) FROM z4j.events e"):
            self.assertEqual(psql(first.environment["Z4J_DATABASE_URL"], text), psql(url, text))
        second = self.brain(url, like=first)
        waiting = pathlib.Path(second.home) / "audit" / "deeds"
        shutil.copytree(pathlib.Path(first.home) / "audit" / "deeds", waiting)
        second.start().sign_in()
        copied = wait_until(lambda: self.entries(second, "database.copied"), 120)
        self.assertIn("sqlite:///" + file, [entry["metadata"]["to"] for entry in copied])
        self.assertNotIn(database.server().password, json.dumps(copied))
        wait_until(lambda: not list(waiting.iterdir()))
        self.assertEqual({task["name"] for task in second.project("/tasks?limit=50")["items"]}, {"mail.send"})

    def kill_in_the_middle(self, brain, arguments, file):
        """Kills a copy when its target holds some rows; then no brain serves the target."""
        process = subprocess.Popen([PROGRAM, *arguments], env=brain.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def some():
            if process.poll() is not None:
                return True
            try:
                with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=0.1) as reader:
                    return reader.execute("SELECT count(*) FROM tasks").fetchone()[0] > 0
            except sqlite3.Error:
                return False
        wait_until(some, 60, every=0.005)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        if process.returncode != -signal.SIGKILL:
            return False
        served = Brain(environment={"Z4J_DATABASE_URL": "sqlite:///" + file})
        self.addCleanup(served.remove)
        done = served.run("serve")
        self.assertEqual(done.returncode, 1)
        self.assertIn("holds only part of what is copied into it", done.stderr)
        return True

    def test_a_proof_that_is_stopped_leaves_nothing(self):
        brain = self.seeded()
        file = self.path(".z4j")
        self.done(brain, "backup", "--to", file)
        folder = pathlib.Path(self.path(".tmp"))
        folder.mkdir()
        process = subprocess.Popen([PROGRAM, "restore", "--from", file, "--verify"], env={**brain.environment, "TMPDIR": str(folder)}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: process.poll() is not None or list(folder.iterdir()), 60, every=0.005)
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=60)[1]
        if process.returncode == 1:
            self.assertIn("stopped before its end", told)
        if process.returncode != -signal.SIGTERM:  # before anything was done
            self.assertEqual(list(folder.iterdir()), [])

    def test_a_target_is_emptied_only_when_told_to(self):
        first = self.seeded()
        other = self.seeded()
        to = self.secret(first, other.environment["Z4J_DATABASE_URL"])
        psql(other.environment["Z4J_DATABASE_URL"], "DELETE FROM z4j.tasks WHERE task_id='task-1'")
        self.assertIn("--force", self.done(first, "storage", "copy", "--from", "config", "--to", to, code=1))
        self.done(first, "storage", "copy", "--from", "config", "--to", to, "--force")
        self.assertEqual(psql(other.environment["Z4J_DATABASE_URL"], "SELECT count(*) FROM z4j.tasks"), str(TASKS))
        self.assertIn("same database", self.done(first, "storage", "copy", "--from", "config", "--to", self.secret(first, first.environment["Z4J_DATABASE_URL"]), "--force", code=1))
        self.assertEqual(psql(first.environment["Z4J_DATABASE_URL"], "SELECT count(*) FROM z4j.tasks"), str(TASKS))

    def test_a_password_is_not_taken_from_the_command_line(self):
        brain = self.brain(self.postgresql())
        told = self.done(brain, "storage", "copy", "--from", "config", "--to", "postgresql://me:hunter2@h/db", code=1)
        self.assertIn("secret:NAME", told)
        self.assertNotIn("hunter2", told)
        self.mint(brain)
        self.assertIn("holds nothing of a brain", self.done(brain, "storage", "copy", "--from", self.secret(brain, self.postgresql()), "--to", "config", code=1))

    def test_a_backup_of_a_running_brain_comes_back_on_either_database(self):
        for url in ("sqlite:///" + self.path(".sqlite"), self.postgresql()):
            with self.subTest(url=url.split(":")[0]):
                brain = self.brain(url)
                brain.start().sign_in()
                file = self.path(".z4j")
                self.assertIn("secret.env", self.done(brain, "backup", "--to", file))
                self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
                self.assertIn("never replace a file", self.done(brain, "backup", "--to", file, code=1))
                self.assertIn("the backup is good", self.done(brain, "restore", "--from", file, "--verify"))
                # Both tries are in the log, also of a brain that has the file for itself.
                saved = wait_until(lambda: len(found := self.entries(brain, "database.saved")) == 2 and found, 120)
                for entry in saved:
                    self.assertEqual((entry["metadata"]["to"], entry["metadata"]["os_user"]), (file, pwd.getpwuid(os.getuid()).pw_name))
                brain.stop()
                self.assertIn("--force", self.done(brain, "restore", "--from", file, code=1))
                told = self.done(brain, "restore", "--from", file, "--force")
                self.assertIn("the audit log is whole", told)
                for other in ("sqlite:///" + self.path(".sqlite"), self.postgresql()):
                    restored = self.brain(other, like=brain)
                    self.assertIn("restored:", self.done(restored, "restore", "--from", file))
                    restored.start().sign_in()
                    restored.stop()

    def test_a_broken_audit_log_is_told_by_its_first_row(self):
        brain = self.brain("sqlite:///" + self.path(".sqlite"))
        brain.start().sign_in()
        brain.stop()
        with sqlite3.connect(brain.environment["Z4J_DATABASE_URL"][10:]) as rows:
            guard, text = rows.execute("SELECT name,sql FROM sqlite_schema WHERE type='trigger' AND tbl_name='audit_log' AND sql LIKE '%UPDATE%'").fetchone()
            rows.execute("DROP TRIGGER " + guard)
            broken = rows.execute("SELECT hex(id) FROM audit_log WHERE seq=2").fetchone()[0].lower()
            rows.execute("UPDATE audit_log SET canonical=replace(canonical,'success','denied') WHERE seq=2")
            rows.execute(text)
        file = self.path(".z4j")
        self.done(brain, "backup", "--to", file)
        done = brain.run("restore", "--from", file, "--verify")
        self.assertEqual(done.returncode, 1)
        self.assertIn(broken, done.stdout.replace("-", ""))

    def test_damaged_and_foreign_files_are_refused(self):
        brain = self.brain("sqlite:///" + self.path(".sqlite"))
        self.mint(brain)
        file = self.path(".z4j")
        self.done(brain, "backup", "--to", file)
        for change, said in ((lambda b: b[:-20], "damaged"), (lambda b: b[:200] + b"?" + b[201:], "damaged"), (lambda b: b"SQLite format 3\0" * 90, "no backup")):
            other = pathlib.Path(self.path(".bad"))
            other.write_bytes(change(pathlib.Path(file).read_bytes()))
            self.assertIn(said, self.done(brain, "restore", "--from", str(other), "--force", code=1))
        self.assertIn("no such file", self.done(brain, "restore", "--from", self.path("absent"), code=1))
        brain.start().sign_in()

    def test_the_commands_of_the_pages_work(self):
        brain = self.brain("sqlite:///" + self.path(".sqlite"))
        brain.start().sign_in()
        folder = pathlib.Path(brain.home) / "secrets"
        folder.mkdir(exist_ok=True)
        (folder / "NEW_DATABASE_URL").write_text(self.postgresql())
        seen = commands_of("backup.md") + commands_of("scale.md")
        self.assertGreater(len(seen), 6)
        for command in seen:
            with self.subTest(command=command):
                words = command.replace("/var/backups", self.folder.name).split()
                self.assertEqual(words[0], "z4j-brain", "nothing here says how to test it")
                if words[1] == "restore" and "--verify" not in words:
                    brain.stop()
                if words[1:2] == ["restore"] and len(words) == 4:
                    brain.environment["Z4J_DATABASE_URL"] = "sqlite:///" + self.path(".sqlite")
                self.done(brain, *words[1:])
        brain.environment["Z4J_DATABASE_URL"] = (folder / "NEW_DATABASE_URL").read_text()
        brain.start().sign_in()

    def test_a_migration_is_told_before_it_is_done_and_survives_being_killed(self):
        brain = self.seeded()
        url = brain.environment["Z4J_DATABASE_URL"]
        self.assertIn("0 step(s)", self.done(brain, "migrate", "--dry-run"))
        # As the schema of an older program, with many rows.
        psql(url, "ALTER TABLE z4j.tasks DROP COLUMN retried_as; DROP INDEX z4j.tasks_text; DROP INDEX z4j.tasks_root; DROP TABLE z4j.dead_letters; UPDATE z4j.z4j_store SET value=value-1 WHERE name='schema';"
             f"INSERT INTO z4j.tasks(id,project_id,engine,task_id,name,worker_name,sort_at,created_at,updated_at) SELECT md5('m'||i)::uuid,p.id,'rq',md5('m'||i),md5('n'||i),md5('w'||i),now(),now(),now() FROM z4j.projects p,generate_series(1,60000) i")
        told = self.done(brain, "migrate", "--dry-run")
        for step in ("add column tasks.retried_as", "create index tasks_text", "create index tasks_root", "create table dead_letters", "nothing was changed"):
            self.assertIn(step, told)
        self.assertEqual(psql(url, "SELECT to_regclass('z4j.dead_letters') IS NULL"), "t")
        if psql(url, "SELECT value FROM z4j.z4j_store WHERE name='schema'") != "0":
            self.assertIn("older program", self.done(brain, "backup", "--to", self.path(".z4j"), code=1))
        process = subprocess.Popen([PROGRAM, "migrate"], env=brain.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: process.poll() is not None or psql(url, "SELECT count(*) FROM pg_stat_progress_create_index") != "0", 60, every=0.01)
        process.send_signal(signal.SIGKILL)
        process.wait(20)
        self.done(brain, "migrate")
        self.assertIn("0 step(s)", self.done(brain, "migrate", "--dry-run"))
        self.assertEqual(psql(url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0")
        psql(url, "UPDATE z4j.z4j_store SET value=9999 WHERE name='schema'")
        for arguments in (["migrate"], ["migrate", "--dry-run"], ["backup", "--to", self.path(".z4j")], ["serve"]):
            self.assertIn("newer program", self.done(brain, *arguments, code=1))


if __name__ == "__main__":
    unittest.main()
