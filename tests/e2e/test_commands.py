"""Every command of the program: what it does, what it answers, its exit codes; and what it says of itself."""
import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import unittest

from brain import EMAIL, PROGRAM, Brain

DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"


class Commands(unittest.TestCase):
    def setUp(self):
        self.brain = Brain.with_admin()
        self.addCleanup(self.brain.remove)

    def run_once(self):
        """Starts and stops it, so that home, secrets, database and administrator are there."""
        self.brain.start()
        self.brain.stop()

    def run_ok(self, *arguments):
        done = self.brain.run(*arguments)
        self.assertEqual(done.returncode, 0, (arguments, done.stdout, done.stderr))
        return done.stdout

    def code_of(self, *arguments):
        return self.brain.run(*arguments).returncode

    def test_version(self):
        self.assertRegex(self.run_ok("version"), r"^z4j-brain \d+\.\d+\.\d+")
        self.assertEqual(self.run_ok("version"), self.run_ok("--version"))

    def test_wrong_usage_is_2(self):
        for arguments in (["no-such-command"], ["serve", "--no-such-option"], ["agents", "mint"], []):
            done = self.brain.run(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertNotEqual(done.stderr, "")

    def test_check_tells_what_is_missing_by_its_code(self):
        self.assertEqual(self.code_of("check", "--config", "/no/such/file"), 1)
        del self.brain.environment["Z4J_BOOTSTRAP_ADMIN_EMAIL"], self.brain.environment["Z4J_BOOTSTRAP_ADMIN_PASSWORD"]
        self.run_once()
        self.assertEqual(self.code_of("check"), 3)
        url = self.brain.environment.pop("Z4J_DATABASE_URL", None)
        self.brain.environment["Z4J_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
        self.assertEqual(self.code_of("check"), 2)
        if url:
            self.brain.environment["Z4J_DATABASE_URL"] = url
        else:
            del self.brain.environment["Z4J_DATABASE_URL"]

    def test_doctor_looks_at_everything(self):
        self.run_once()
        report = json.loads(self.run_ok("doctor", "--json"))
        names = {finding["name"] for finding in report["findings"]}
        self.assertEqual(report["code"], 0)
        self.assertLessEqual({"config", "home", "disk", "secrets", "exposure", "plugins", "database", "administrator"}, names)
        os.chmod(self.brain.home, 0o755)
        text = self.run_ok("doctor")
        self.assertIn("open to others", text)
        self.assertIn("chmod 700", text)

    def test_doctor_says_that_a_brain_runs(self):
        self.brain.start()
        done = self.brain.run("doctor")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_status_counts(self):
        self.run_once()
        counts = json.loads(self.run_ok("status", "--json"))
        self.assertEqual((counts["users"], counts["projects"], counts["tasks"]), (1, 1, 0))
        self.assertRegex(self.run_ok("status"), r"users +1\n")

    def test_agents_are_minted_listed_rotated_revoked(self):
        self.run_once()
        made = json.loads(self.run_ok("agents", "mint", "web-1", "--json"))
        self.assertRegex(made["token"], r"^[\w-]{43}$")
        again = self.brain.run("agents", "mint", "web-1")
        self.assertEqual(again.returncode, 1)
        self.assertIn("name", again.stderr)
        names = [line.split("=")[0] for line in self.run_ok("agents", "mint", "web-2").splitlines()]
        self.assertEqual(names, ["Z4J_BRAIN_URL", "Z4J_TOKEN", "Z4J_PROJECT_ID", "Z4J_HMAC_SECRET", "Z4J_AGENT_NAME", "Z4J_AGENT_ID"])
        listed = {row["name"]: row for row in json.loads(self.run_ok("agents", "list", "--json"))}
        self.assertEqual(listed["web-1"]["id"], made["id"])
        rotated = json.loads(self.run_ok("agents", "rotate", "web-1", "--overlap", "0", "--json"))
        self.assertNotEqual(rotated["token"], made["token"])
        self.run_ok("agents", "revoke", "web-1")
        listed = {row["name"]: row for row in json.loads(self.run_ok("agents", "list", "--json"))}
        self.assertTrue(listed["web-1"]["is_revoked"])
        self.assertEqual(self.code_of("agents", "revoke", "nobody"), 1)
        self.assertEqual(self.code_of("agents", "list", "--project", "nowhere"), 1)
        self.assertEqual(json.loads(self.run_ok("audit", "verify", "--json"))["ok"], True)

    def test_config_is_shown_without_secrets(self):
        self.run_once()
        shown = self.run_ok("config", "show")
        self.assertIn("server.port", shown)
        self.assertNotIn(self.brain.password, shown)
        self.assertEqual(self.run_ok("config", "validate"), "the config is good\n")
        self.assertEqual(self.code_of("config", "validate", "/no/such/file"), 2)
        bad = pathlib.Path(self.brain.home) / "bad.toml"
        bad.write_text("[server]\nport = \"x\"\n")
        done = self.brain.run("config", "validate", str(bad))
        self.assertEqual(done.returncode, 1)
        self.assertIn("bad.toml:2", done.stderr)

    def test_init_writes_a_config_that_is_good(self):
        path = self.run_ok("init").strip()
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(self.code_of("init"), 1)
        self.run_ok("init", "--force")
        self.run_ok("check-config")

    def test_allowed_hosts_are_answered_after_a_restart(self):
        self.run_ok("allowed-hosts", "add", "z4j.example.com", "other.example.com")
        self.run_ok("allowed-hosts", "remove", "other.example.com")
        self.assertEqual(self.run_ok("allowed-hosts", "list"), "z4j.example.com\n")
        self.assertTrue(self.run_ok("allowed-hosts", "path").startswith(self.brain.home))
        self.assertEqual(self.code_of("allowed-hosts", "add", "no host"), 2)
        self.assertEqual(self.code_of("allowed-hosts", "paint"), 2)
        self.brain.environment["Z4J_ENVIRONMENT"] = "production"
        self.brain.environment["Z4J_PUBLIC_URL"] = "https://public.example.com"
        self.brain.start()
        self.assertEqual(self.brain.get("/api/v1/health", {"Host": "z4j.example.com"})[0], 200)
        self.assertEqual(self.brain.get("/api/v1/health", {"Host": "other.example.com"})[0], 400)

    def test_metrics_token(self):
        self.brain.environment["Z4J_METRICS_PUBLIC"] = "false"
        self.assertEqual(self.code_of("metrics-token", "show"), 2)
        self.run_once()
        first = self.run_ok("metrics-token", "show").strip()
        second = self.run_ok("metrics-token", "rotate").strip()
        self.assertNotEqual(first, second)
        self.brain.start()
        self.assertEqual(self.brain.get("/metrics", {"Authorization": "Bearer " + first})[0], 401)
        self.assertEqual(self.brain.get("/metrics", {"Authorization": "Bearer " + second})[0], 200)

    def test_row_37_a_support_bundle_holds_no_secret(self):
        planted = {"Z4J_SECRET": "master-key-planted-0123456789abcdef", "Z4J_SESSION_SECRET": "session-planted-0123456789abcdef",
                   "Z4J_METRICS_AUTH_TOKEN": "metrics-planted-0123456789abcdef", "Z4J_BOOTSTRAP_ADMIN_PASSWORD": "Planted-password-1234"}
        self.brain.environment.update(planted)
        self.run_once()
        folder = pathlib.Path(self.brain.home) / "secrets"
        folder.mkdir()
        (folder / "broker").write_text("redis-planted-password\n")
        log = pathlib.Path(self.brain.home) / "brain.log"
        log.write_text("\n".join([f"something wrote {value}" for value in [*planted.values(), "redis-planted-password"]]
                                 + ["Authorization: Bearer abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "an innocent line"]))
        target = pathlib.Path(self.brain.home) / "bundle.json"
        self.run_ok("support-bundle", "--to", str(target), "--log", str(log))
        self.assertEqual(stat.S_IMODE(target.stat().st_mode), 0o600)
        text = target.read_text()
        for value in [*planted.values(), "redis-planted-password", "abcdefghijklmnopqrstuvwxyz0123456789"]:
            self.assertNotIn(value, text)
        bundle = json.loads(text)
        self.assertIn("an innocent line", bundle["logs"][str(log)])
        self.assertEqual(bundle["rows"]["users"], 1)
        self.assertTrue(bundle["plugins"])

    def test_completion_knows_the_commands(self):
        script = self.run_ok("completion", "bash")
        asked = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(z4j-brain agents r); COMP_CWORD=2; _z4j_brain; echo ${COMPREPLY[@]}"],
                               capture_output=True, text=True, check=True)
        self.assertEqual(asked.stdout.split(), ["rotate", "revoke"])
        for shell in ("zsh", "fish"):
            text = self.run_ok("completion", shell)
            self.assertIn("support-bundle", text)
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=text, text=True, check=True)
        self.assertEqual(self.code_of("completion", "csh"), 2)

    def test_the_manual_page_is_well_formed(self):
        page = self.run_ok("man")
        self.assertIn(".SS z4j\\-brain agents mint", page)
        if shutil.which("groff"):
            shown = subprocess.run(["groff", "-man", "-Tascii", "-ww"], input=page, capture_output=True, text=True, check=True)
            self.assertEqual(shown.stderr, "")

    def test_every_documented_command_and_flag_is_taken_or_refused_with_a_sentence(self):
        # Those of docs/operate/commands.md that others of the name have, with all their flags.
        taken = {
            "serve": "--host --port --environment --env --admin-email --admin-password --allowed-host --workers --reload --debug-host-errors",
            "migrate": "--dry-run --allow-future-schema --i-know-this-can-corrupt-data",
            "audit verify": "", "audit fork-cleanup": "--apply --no-backup",
            "projects rewrite-scheduler": "--slug --from --to --all-sources --dry-run",
            "bootstrap-admin": "--email --display-name --password-stdin --password", "createsuperuser": "--email --display-name --password-stdin --password",
            "reset-setup": "--force", "reset": "--force --nuke-secrets", "changepassword": "--password-stdin --password", "reset-mfa": "--confirm",
            "check": "", "status": "", "allowed-hosts": "", "doctor": "", "backup": "--output", "restore": "--force", "metrics-token show": "", "metrics-token rotate": "",
            "mint-scheduler-cert": "--name --ca-cert --ca-key --out-dir --validity-days", "upgrade": "--apply --json --timeout", "init": "--force",
            "config show": "", "config validate": "", "version": "", "smtp-test": "", "audit export": "", "agents mint": "", "agents list": "", "agents revoke": "",
            "agents rotate": "", "support-bundle": "", "projects create": "", "projects list": "", "apikeys create": "", "users list": "", "users erase": "--confirm"}
        for command, flags in taken.items():
            said = self.run_ok(*command.split(), "--help")
            for flag in flags.split():
                self.assertRegex(said, rf"(?m)(^|[\s,]){flag}\b", command)
        refused = [(2, "projects rewrite-scheduler --slug a --from x --to y --all-sources --dry-run"), (2, "mint-scheduler-cert --name a --validity-days 3"),
                   (2, "upgrade --apply --json --timeout 10"), (2, "migrate downgrade"), (2, "migrate revision"), (2, "migrate history"), (2, "audit fork-cleanup --apply"),
                   (1, "migrate sync --allow-future-schema --i-know-this-can-corrupt-data"), (2, "serve --workers 4"), (2, "serve --reload"), (2, "serve --debug-host-errors")]
        for code, words in refused:
            done = self.brain.run(*words.split())
            self.assertEqual((done.returncode, done.stdout), (code, ""), (words, done.stderr))
            self.assertRegex(done.stderr, r"^z4j-brain: .+\n$", words)

    def test_migrate_upgrades_and_tells_where_it_stands(self):
        self.run_once()
        self.assertRegex(self.run_ok("migrate", "current"), r"schema (\d+) would become \1, 0 step")
        self.assertEqual(self.code_of("migrate", "sideways"), 2)

    def test_flags_of_serve_outrank_variables(self):
        self.brain.environment["Z4J_BIND_PORT"] = "1"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.brain.start(arguments=["--host", "127.0.0.1", "--port", str(port), "--env", "dev", "--allowed-host", "a.example", "--allowed-host", "b.example"])
        self.assertEqual(self.brain.url, f"http://127.0.0.1:{port}")
        for host, status in (("a.example", 200), ("b.example", 200), ("c.example", 400)):
            self.assertEqual(self.brain.get("/api/v1/health", {"Host": host})[0], status, host)

    def test_a_key_made_on_the_machine_opens_what_it_says(self):
        self.run_once()
        self.assertEqual(self.code_of("apikeys", "create", "--email", "nobody@localhost", "--name", "x"), 4)
        refused = self.brain.run("apikeys", "create", "--email", EMAIL, "--name", "x", "--scope", "no:such")
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        self.assertIn("no:such", refused.stderr)
        key = self.run_ok("apikeys", "create", "--email", EMAIL, "--name", "script", "--scope", "tasks:read", "--project", "default", "--days", "3").strip()
        self.brain.start()
        header = {"Authorization": f"Bearer {key}"}
        self.assertEqual(self.brain.get("/api/v1/projects/default/tasks", header)[0], 200)
        self.assertEqual(self.brain.get("/api/v1/projects/default/agents", header)[0], 403)
        entries = self.brain.sign_in().read("/api/v1/activity")["items"]
        self.assertIn("api_key.created", [entry["action"] for entry in entries])

    def test_no_name_from_outside_reaches_the_terminal_as_a_control_code(self):
        name, task = "evil\x1b]0;owned\x07\x9b2J\x7f", "t.evil\x1b[31m"
        self.brain.start().sign_in()
        status, made = self.brain.ask("POST", "/api/v1/projects/default/schedules", {"name": "tame", "kind": "interval", "expression": "60", "task_name": "t.tame", "engine": "celery", "is_enabled": False})
        self.assertEqual(status, 201, made)
        self.brain.stop()
        with sqlite3.connect(pathlib.Path(self.brain.home) / "brain.sqlite") as db:  # as a backend may have it; the API takes no such name
            db.execute("UPDATE schedules SET name = ?, task_name = ?, source = 'imported_celerybeat'", (name, task))
            db.execute("UPDATE projects SET name = ?", ("pro\x1b[2Jject",))
        db.close()
        empty = pathlib.Path(self.brain.home) / "none.json"
        empty.write_text('{"schedules": []}')
        listed = self.run_ok("schedules", "list")
        self.assertIn("evil\\u001b]0;owned\\u0007\\u009b2J\\u007f", listed)
        planned = self.brain.run("schedules", "plan", str(empty), "--source", "imported_celerybeat", "--prune").stdout
        self.assertIn("t.evil\\u001b[31m", planned)
        simulated = self.run_ok("schedules", "simulate", "--with-disabled")
        self.assertIn("evil", simulated)
        for text in (listed, planned, simulated, self.run_ok("schedules", "export"), self.run_ok("projects", "list"), self.run_ok("schedules", "enable", made["id"])):
            self.assertNotRegex(text, r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_the_documentation_lists_every_command(self):
        page = self.run_ok("man")
        commands = {line.replace("\\-", "-")[len(".SS z4j-brain "):] for line in page.splitlines() if line.startswith(".SS ")}
        told = set(re.findall(r"^\| `([a-z0-9 -]+?)(?: [A-Z\[-].*?)?` \|", (DOCS / "operate" / "commands.md").read_text(), re.M))
        self.assertEqual(commands, told)


if __name__ == "__main__":
    unittest.main()
