"""The newest Celery, RedBeat and django-celery-beat of PyPI."""
import os
import pathlib
import shutil
import subprocess
import unittest

from beat_suites import DjangoBeat, OnSqlite, PersistentBeat, RedbeatBeat

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


class DjangoTest(OnSqlite, DjangoBeat, unittest.TestCase):
    PYTHON = PYTHON


if __name__ == "__main__":
    unittest.main()
