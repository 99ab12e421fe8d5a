"""Ten jobs done by keyboard alone, on the demo fleet: what has the focus always shows it, and the focus is never lost."""
import unittest

from browser import Demo, browse


class KeyboardTest(unittest.TestCase):
    def test_ten_jobs_by_keyboard_alone(self):
        demo = Demo()
        self.addCleanup(demo.remove)
        lines = browse("keyboard", **demo.session)
        self.assertEqual(len([line for line in lines if line.startswith("ok ")]), 10, lines)


if __name__ == "__main__":
    unittest.main()
