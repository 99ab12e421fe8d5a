"""What can be wrong with the file of an SQLite database when the brain starts."""
import pathlib
import resource
import unittest

from brain import Brain


class SqliteFileTest(unittest.TestCase):
    def brain(self):
        brain = Brain()
        self.addCleanup(brain.remove)
        return brain

    def test_a_corrupt_database_is_named_and_kept(self):
        brain = self.brain()
        file = pathlib.Path(brain.home) / "brain.sqlite"
        file.write_bytes(b"this is no database" * 100)
        done = brain.run("serve")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the file is damaged or not an SQLite database: restore a backup", done.stderr)
        self.assertTrue(file.read_bytes().startswith(b"this is no database"))

    def test_a_full_disk_at_start_is_an_error_and_not_a_crash(self):
        brain = self.brain()
        with self.assertRaises(RuntimeError) as raised:
            brain.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))
        self.assertIn("z4j-brain: ", str(raised.exception))
        self.assertGreater(brain.process.returncode, 0)
        brain.stop()
        brain.start()
        self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)


if __name__ == "__main__":
    unittest.main()
