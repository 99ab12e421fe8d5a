"""The web console as the build delivers it, from a brain that nobody configured."""
import gzip
import re
import unittest

from brain import Brain
from test_http_plugins import raw


class ConsoleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain()
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.start()

    def test_the_page_and_all_that_it_names_are_there(self):
        status, headers, body = raw(self.brain, "GET", "/", {"Accept": "text/html"})
        self.assertEqual(status, 200)
        self.assertEqual(headers["Cache-Control"], "no-cache")
        named = re.findall(r'(?:src|href)="(/[^"]+)"', body.decode())
        self.assertTrue([path for path in named if path.endswith(".js")], body)
        for path in named:
            status, headers, plain = raw(self.brain, "GET", path)
            self.assertEqual(status, 200, path)
            if path.startswith("/assets/"):
                self.assertIn("immutable", headers["Cache-Control"], path)
            status, headers, packed = raw(self.brain, "GET", path, {"Accept-Encoding": "gzip"})
            self.assertEqual(status, 200, path)
            self.assertEqual(gzip.decompress(packed) if headers["Content-Encoding"] == "gzip" else packed, plain, path)

    def test_nothing_in_the_page_breaks_its_policy(self):
        _, headers, body = raw(self.brain, "GET", "/", {"Accept": "text/html"})
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])
        page = body.decode()
        self.assertFalse(re.findall(r"<style|<script(?![^>]* src=)| style=| on\w+=|https?://", page), page)

    def test_addresses_of_the_console_are_its_page(self):
        page = raw(self.brain, "GET", "/", {"Accept": "text/html"})[2]
        for path in ("/login", "/projects/default/tasks?state=failure", "/projects/default/tasks/celery/a.b.c"):
            self.assertEqual(raw(self.brain, "GET", path, {"Accept": "text/html"})[::2], (200, page), path)


if __name__ == "__main__":
    unittest.main()
