"""The console in a browser, as the dashboard plugin delivers it."""
import re
import unittest

from browser import Demo, browse
from brain import Brain  # noqa: E402: browser finds it


class PagesTest(unittest.TestCase):
    def test_first_boot_second_factor_and_invitation(self):
        brain = Brain()
        self.addCleanup(brain.remove)
        brain.start()
        told = brain.process.stdout.readline()  # behind the address
        browse("gates", Z4J_CONSOLE=brain.url, Z4J_SETUP_TOKEN=re.search(r"/setup\?token=([\w-]+)", told).group(1))

    def test_walks_on_the_demo_fleet(self):
        demo = Demo()
        self.addCleanup(demo.remove)
        for script in ("walk", "acts", "walk-admin"):
            with self.subTest(script=script):
                browse(script, seconds=400, Z4J_CONSOLE=demo.session["Z4J_CONSOLE"], Z4J_LOGIN=demo.session["Z4J_LOGIN"])


if __name__ == "__main__":
    unittest.main()
