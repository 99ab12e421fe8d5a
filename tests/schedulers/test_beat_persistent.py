"""The file of Debian's Celery: Berkeley DB."""
import unittest

from beat_suites import PersistentBeat


class PersistentTest(PersistentBeat, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
