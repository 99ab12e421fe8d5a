"""Runs a contract test of an engine with its library from PyPI instead of Debian's.

    engine_clients.py celery|rq PROGRAM
"""
import os
import subprocess
import sys
import tempfile

# What to install, one run each. Older releases of Celery do not say which kombu and redis they can live with, and get ones that they
# cannot. Of RQ the last of the second generation and whatever is newest.
WANTED = {"celery": ["celery[redis]"], "rq": ["rq>=2,<3", "rq"]}


def main(engine, program):
    failures, seen = 0, set()
    for wanted in WANTED[engine]:
        with tempfile.TemporaryDirectory(prefix=f"z4j-{engine}-") as folder:
            subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True, timeout=120)
            python = os.path.join(folder, "bin", "python")
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", wanted],
                           check=True, timeout=300)
            version = subprocess.run([python, "-c", f"from importlib.metadata import version; print(version('{engine}'))"],
                                     check=True, capture_output=True, text=True, timeout=60).stdout.strip()
            if version in seen:
                continue
            seen.add(version)
            print(engine, version, flush=True)
            done = subprocess.run([program], env={**os.environ, f"Z4J_{engine.upper()}_PYTHON": python}, timeout=600)
            failures += done.returncode != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
