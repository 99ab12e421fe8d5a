"""The brain's own state in a storage plugin that is neither of ours: database.url = "plugin:NAME"."""
import unittest

from brain import Brain, wait_until

CONFIG = """[database]
url = "plugin:store"
[plugin.store]
plugin = "storage-memory"
isolation = "inline"
[plugin.store.settings]
max_mib = 64
"""


class StoragePlugin(unittest.TestCase):
    def brain(self, config=CONFIG):
        brain = Brain.with_admin(config, Z4J_DATABASE_URL="")
        self.addCleanup(brain.remove)
        return brain

    def test_a_brain_works_on_it(self):
        brain = self.brain().start().sign_in()
        rows = {row["instance"]: row for row in brain.read("/api/v1/plugins")["items"]}
        self.assertNotIn("store", rows)
        self.assertEqual((rows["storage"]["plugin"], rows["storage"]["state"]), ("storage-memory", "started"))
        brain.mint("web-1")
        self.assertEqual([a["name"] for a in brain.read("/api/v1/projects/default/agents")], ["web-1"])
        wait_until(lambda: [row for row in brain.all_of("/audit") if row["action"] == "agent.token.minted"], tell=brain.log_text)

    def test_what_cannot_be_is_one_clear_problem(self):
        for config, words in ((CONFIG.replace("plugin:store", "plugin:stone"), "there is no such instance"),
                              (CONFIG.replace('"inline"', '"process"'), "is to run in a process"),
                              (CONFIG.replace("isolation", "enabled = false\nisolation"), "is not enabled"),
                              (CONFIG.replace("plugin:store", "plugin:"), "names no plugin instance")):
            with self.subTest(words=words):
                done = self.brain(config).run("check-config")
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertEqual(len([line for line in (done.stdout + done.stderr).splitlines() if words in line]), 1, done.stdout + done.stderr)
        brain = self.brain(CONFIG.replace("max_mib = 64", 'max_mib = "many"'))
        with self.assertRaisesRegex(RuntimeError, "max_mib"):
            brain.start()


if __name__ == "__main__":
    unittest.main()
