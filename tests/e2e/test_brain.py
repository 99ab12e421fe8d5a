"""The brain seen from outside: start, health, plugins, bad input, faults."""
import json
import os
import pathlib
import re
import shutil
import signal
import unittest

import database
from brain import BUILD, Brain


class BrainTest(unittest.TestCase):
    def brain(self, *args, **kwargs):
        brain = Brain(*args, **kwargs)
        self.addCleanup(brain.remove)
        return brain

    def signed_in(self, config=""):
        brain = Brain.with_admin(config)
        self.addCleanup(brain.remove)
        return brain.start().sign_in()

    def test_serves_with_nothing_configured(self):
        brain = self.brain().start()
        self.assertEqual(brain.get("/api/v1/health"), (200, {"status": "ok"}))
        self.assertEqual(brain.get("/api/v1/health/ready"), (200, {"status": "ready"}))
        self.assertEqual(brain.get("/api/v1/health/system")[0], 401)
        self.assertEqual(os.stat(brain.home).st_mode & 0o777, 0o700)

    def test_system_facts(self):
        system = self.signed_in().read("/api/v1/health/system")
        self.assertEqual((system["database_type"], system["abi_version"]), (database.NAME, "1.0"))

    def test_everything_crosses_the_plugin_boundary(self):
        storage = self.signed_in().read("/api/v1/plugins")["items"]
        storage = next(one for one in storage if one["instance"] == "storage")
        self.assertEqual((storage["plugin_id"], storage["state"], storage["health"]), (f"org.z4j.{database.STORAGE}", "started", "ok"))
        self.assertGreater(storage["calls"], 0)

    def test_an_unknown_path_and_method(self):
        brain = self.brain().start()
        self.assertEqual(brain.get("/api/v1/nothing"), (404, {"detail": "Not Found"}))
        self.assertEqual(brain.get("/api/v1/health", method="POST", body=b"{}"), (405, {"detail": "Method Not Allowed"}))

    def test_headers_and_request_id(self):
        brain = self.brain().start()
        brain.get("/api/v1/health", headers={"X-Request-Id": "from-me"})
        self.assertEqual(brain.headers["X-Request-Id"], "from-me")
        self.assertEqual(brain.headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(brain.headers["X-Frame-Options"], "DENY")

    def test_a_foreign_host_name_is_refused(self):
        brain = self.brain().start()
        status, body = brain.get("/api/v1/health", headers={"Host": "evil.example"})
        self.assertEqual((status, body["error"]), (400, "invalid_host"))

    def test_metrics(self):
        brain = self.brain().start()
        self.assertEqual(brain.get("/metrics")[0], 401)
        token = re.search(r'^Z4J_METRICS_AUTH_TOKEN="?([^"\n]+)', (pathlib.Path(brain.home) / "secret.env").read_text(), re.M).group(1)
        status, text = brain.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        self.assertEqual(status, 200)
        self.assertIn(f'z4j_plugin_up{{instance="storage",plugin="{database.STORAGE}"}} 1', text)
        self.assertIn("z4j_brain_rss_bytes ", text)
        families = re.findall(r"^# TYPE (\S+)", text, re.M)
        self.assertEqual(sorted(set(families)), sorted(families))

    def test_all_config_problems_at_once(self):
        brain = self.brain('[server]\nprot = 1\nhost = "0.0.0.0"\n[plugin.x]\n')
        for command in ("check-config", "serve"):
            done = brain.run(command)
            self.assertEqual(done.returncode, 1)
            self.assertIn(":2: unknown setting server.prot; did you mean server.port?", done.stderr)
            self.assertIn("server.public_url: is missing", done.stderr)
            self.assertIn(":4: plugin.x does not say which plugin it is", done.stderr)

    def test_an_unknown_plugin_does_not_stop_the_brain(self):
        brain = self.signed_in('[plugin.x]\nplugin = "storage-sqlit"\n')
        refused = [p for p in brain.read("/api/v1/plugins")["items"] if p["instance"] == "x"][0]
        self.assertEqual((refused["state"], refused["step"]), ("refused", "file"))
        self.assertIn('did you mean "storage-sqlite"?', refused["what_to_do"])
        self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)

    def test_an_unknown_required_plugin_stops_it(self):
        done = self.brain('[plugin.x]\nplugin = "nothing"\nrequired = true\n').run("serve")
        self.assertEqual(done.returncode, 1)
        self.assertIn('no plugin "nothing"', done.stderr)

    def test_a_file_that_is_no_plugin_is_refused_at_its_step(self):
        brain = Brain.with_admin()
        self.addCleanup(brain.remove)
        folder = pathlib.Path(brain.home) / "plugins"
        folder.mkdir()
        for name in {"storage-sqlite", database.STORAGE}:
            shutil.copy(BUILD / "plugins" / f"{name}.so", folder)
        (folder / "text.so").write_text("no library")
        writable = folder / "writable.so"
        shutil.copy(BUILD / "plugins" / "storage-sqlite.so", writable)
        writable.chmod(0o666)
        brain.config.write_text("".join(f'[plugin.{n}]\nplugin = "{n}"\n' for n in ("text", "writable")) + f'[plugins]\ndirectory = "{folder}"\n'
                                '[plugin.pinned]\nplugin = "storage-sqlite"\nsha256 = "00000000000000000000000000000000000000000000000000000000000000aa"\n[plugin.wrong]\nplugin = "storage-sqlite"\nisolation = "inline"\n[plugin.wrong.settings]\npaht = 1\n')
        brain.start().sign_in()
        steps = {p["instance"]: (p["state"], p["step"], p["why"]) for p in brain.read("/api/v1/plugins")["items"]}
        self.assertEqual(steps["text"][:2], ("refused", "file"))
        self.assertEqual(steps["writable"][:2], ("refused", "file"))
        self.assertIn("written by others", steps["writable"][2])
        self.assertIn("the config pins 00", steps["pinned"][2])
        self.assertEqual(steps["wrong"][:2], ("refused", "config"))
        self.assertIn('did you mean "path"?', steps["wrong"][2])

    def test_plugin_list_and_describe(self):
        brain = self.brain()
        self.assertIn("org.z4j.storage-sqlite", brain.run("plugin", "list").stdout)
        described = brain.run("plugin", "describe", "storage-sqlite")
        self.assertEqual(described.returncode, 0)
        self.assertIn("busy_timeout_ms  a whole number", described.stdout)
        self.assertEqual(brain.run("plugin", "describe", "storage-sqlit").returncode, 1)

    def test_a_second_brain_on_one_home_is_refused_clearly(self):
        brain = self.brain().start()
        second = Brain(home=brain.home, environment={k: v for k, v in brain.environment.items() if k == "Z4J_DATABASE_URL"}).run("serve")
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"another brain uses the home folder {brain.home} (pid {brain.process.pid})", second.stderr)
        self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)

    def test_a_port_in_use_is_named(self):
        brain = self.brain().start()
        port = brain.url.rsplit(":", 1)[1]
        done = self.brain(environment={"Z4J_BIND_PORT": port}).run("serve")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"cannot listen on 127.0.0.1:{port}", done.stderr)

    def test_a_home_that_cannot_be_made_is_named(self):
        brain = self.brain(environment={"Z4J_HOME": "/proc/nowhere"})
        done = brain.run("serve")
        self.assertEqual(done.returncode, 1)
        self.assertIn("can't use the home folder /proc/nowhere", done.stderr)

    def test_secrets_are_made_once_and_private(self):
        brain = self.brain().start()
        file = pathlib.Path(brain.home) / "secret.env"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        first = file.read_text()
        brain.stop()
        brain.start()
        self.assertEqual(file.read_text(), first)
        for line in first.splitlines():
            if not line.startswith("#"):
                self.assertNotIn(line.split("=", 1)[1].strip('"'), brain.log_text())
        file.chmod(0o644)
        self.assertIn("chmod 600", brain.run("check-config").stderr)

    def test_audit_verify(self):
        brain = self.brain().start()
        brain.stop()
        done = brain.run("audit", "verify", "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["ok"]), (0, True), done.stderr)

    def test_stops_cleanly_and_starts_again_on_its_data(self):
        brain = self.brain().start()
        process = brain.process
        brain.stop()
        self.assertEqual(process.returncode, 0)
        brain.start()
        self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)

    def test_survives_kill_9(self):
        brain = self.brain().start()
        brain.process.send_signal(signal.SIGKILL)
        brain.process.wait(timeout=10)
        brain.stop()
        brain.start()
        self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)


if __name__ == "__main__":
    unittest.main()
