"""The newest Celery, RedBeat and django-celery-beat of PyPI."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from beat_suites import DjangoBeat, PersistentBeat, RedbeatBeat

FOLDER = pathlib.Path(os.environ["Z4J_BUILD"]) / "clients" / "beat"
PYTHON = str(FOLDER / "bin" / "python")


def setUpModule():
    FOLDER.parent.mkdir(exist_ok=True)
    shutil.rmtree(FOLDER, ignore_errors=True)
    subprocess.run(["/usr/bin/python3", "-m", "venv", str(FOLDER)], check=True, timeout=120)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "celery[redis,solar]", "celery-redbeat",
                    "django-celery-beat"], check=True, timeout=600)


class RedbeatTest(RedbeatBeat, unittest.TestCase):
    PYTHON = PYTHON


class PersistentTest(PersistentBeat, unittest.TestCase):
    PYTHON, STATIC = PYTHON, "solar"


class DjangoTest(DjangoBeat, unittest.TestCase):
    PYTHON = PYTHON

    test_refuses_tables_that_require_what_it_does_not_know = None

    def database(self):
        folder = tempfile.mkdtemp(prefix="z4j_django_")
        self.addCleanup(shutil.rmtree, folder, True)
        path = os.path.join(folder, "db.sqlite3")
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": {"timeout": 20}}, "sqlite:///" + path


if __name__ == "__main__":
    unittest.main()
