"""Runs a contract test of engine-celery with Celery from PyPI instead of Debian's.

    engine_celery_clients.py PROGRAM
"""
import os
import subprocess
import sys
import tempfile

# Whatever is newest. Older releases do not say which kombu and redis they can live with, and get ones that they cannot.
WANTED = [["celery[redis]"]]


def main(program):
    failures, seen = 0, set()
    for wanted in WANTED:
        with tempfile.TemporaryDirectory(prefix="z4j-celery-") as folder:
            subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True, timeout=120)
            python = os.path.join(folder, "bin", "python")
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", *wanted],
                           check=True, timeout=300)
            version = subprocess.run([python, "-c", "import celery; print(celery.__version__)"], check=True,
                                     capture_output=True, text=True, timeout=60).stdout.strip()
            if version in seen:
                continue
            seen.add(version)
            print("Celery", version, flush=True)
            done = subprocess.run([program], env={**os.environ, "Z4J_CELERY_PYTHON": python}, timeout=600)
            failures += done.returncode != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
