"""Every screen for those who do not see it, or see it otherwise: axe in every theme, and what a screen reader is told."""
import os
import pathlib
import unittest

from browser import browse, session
from scenery import build
from stage import Stage

NAMES = pathlib.Path(__file__).resolve().parent / "names"
UPDATE = bool(os.environ.get("Z4J_UPDATE_NAMES"))


class NamesStage(Stage):
    def __init__(self):
        super().__init__()
        self.addressed, self.heard = [], {}

    def screens(self):
        return self.addressed

    def told(self, name, text):
        self.heard[name] = text


class ScreensTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.stage = NamesStage()
        cls.addClassCleanup(cls.stage.remove)
        cls.stage.addressed = build(cls.stage)

    def test_axe_finds_nothing_on_any_screen_in_any_theme(self):
        paths = dict(self.stage.addressed)
        paths.pop("frame")  # the same page as "now"
        browse("axe", *paths.values(), **session(self.stage.brain))

    def test_a_screen_reader_is_told_what_names_say(self):
        """Z4J_UPDATE_NAMES=1 writes what is told now."""
        browse("names", stage=self.stage, **session(self.stage.brain))
        if UPDATE:
            NAMES.mkdir(exist_ok=True)
            for old in NAMES.glob("*.txt"):
                old.unlink()
            for name, text in self.stage.heard.items():
                (NAMES / f"{name}.txt").write_text(text)
        known = {path.stem: path.read_text() for path in NAMES.glob("*.txt")}
        self.assertEqual(sorted(known), sorted(self.stage.heard))
        for name, text in self.stage.heard.items():
            with self.subTest(screen=name):
                self.assertEqual(known[name], text, "Z4J_UPDATE_NAMES=1 takes it as it is now")


if __name__ == "__main__":
    unittest.main()
