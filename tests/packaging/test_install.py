"""The program installed: the usual layout, and it runs from there with the plugins beside it."""
import os
import unittest

from packaging import BUILD, SOURCE, PackagingTest


class Install(PackagingTest):
    def test_layout_is_the_usual_one_and_the_program_runs_from_it(self):
        prefix = self.folder / "usr"
        self.run_ok("cmake", "--install", BUILD, "--component", "brain", "--prefix", prefix)
        files = self.files_below(prefix)
        self.assertIn("bin/z4j-brain", files)
        self.assertIn("etc/z4j/z4j.toml", files)
        self.assertIn("bin/z4j-agent", files)
        self.assertIn("bin/z4j-plugin-host", files)
        self.assertIn("etc/z4j/agent.toml", files)
        self.assertIn(".SS z4j\\-brain serve", (prefix / "share/man/man1/z4j-brain.1").read_text())
        self.assertIn("share/bash-completion/completions/z4j-brain", files)
        self.assertTrue([name for name in files if name.endswith("/z4j-agent.service")])
        self.assertEqual(os.readlink(prefix / "bin" / "z4j"), "z4j-brain")
        plugins = sorted(name.split("/")[-1] for name in files if "/z4j/plugins/" in name)
        built = sorted(path.name for path in (BUILD / "plugins").glob("*.so") if path.stem != "storage-memory")
        self.assertEqual(plugins, built)
        self.assertIn("storage-sqlite.so", plugins)
        self.assertFalse([name for name in files if "test-engine" in name or "faulty" in name or "storage-memory" in name])
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "Z4J_HOME": str(self.folder / "home")}
        listed = self.run_ok(prefix / "bin" / "z4j", "plugin", "describe", "storage-sqlite", env=environment)
        self.assertIn(str(prefix), listed)
        checked = self.run_ok(prefix / "bin" / "z4j", "check-config", "--config", prefix / "etc" / "z4j" / "z4j.toml", env=environment)
        self.assertNotIn("unknown", checked)
        told = {"Z4J_BRAIN_URL": "wss://z4j.example.com", "Z4J_PROJECT_ID": "default", "Z4J_TOKEN": "t" * 43, "Z4J_HMAC_SECRET": "c" * 43 + "=",
                "CELERY_BROKER_URL": "redis://localhost:6379/0"}
        self.assertIn("is good", self.run_ok(prefix / "bin" / "z4j-agent", "check-config", "--config", prefix / "etc" / "z4j" / "agent.toml", env={**environment, **told}))

    def test_installed_config_is_the_one_of_the_tree(self):
        prefix = self.folder / "usr"
        self.run_ok("cmake", "--install", BUILD, "--component", "brain", "--prefix", prefix)
        self.assertEqual((prefix / "etc/z4j/z4j.toml").read_text(), (SOURCE / "config/z4j.toml").read_text())


if __name__ == "__main__":
    unittest.main()
