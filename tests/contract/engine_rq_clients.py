"""Runs the contract test of engine-rq with RQ from PyPI instead of Debian's.

    engine_rq_clients.py PROGRAM
"""
import os
import subprocess
import sys
import tempfile

# The last of the second generation, and whatever is newest.
WANTED = ["rq>=2,<3", "rq"]


def main(program):
    failures, seen = 0, set()
    for wanted in WANTED:
        with tempfile.TemporaryDirectory(prefix="z4j-rq-") as folder:
            subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True, timeout=120)
            python = os.path.join(folder, "bin", "python")
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", wanted],
                           check=True, timeout=300)
            version = subprocess.run([python, "-c", "from importlib.metadata import version; print(version('rq'))"], check=True,
                                     capture_output=True, text=True, timeout=60).stdout.strip()
            if version in seen:
                continue
            seen.add(version)
            print("RQ", version, flush=True)
            done = subprocess.run([program], env={**os.environ, "Z4J_RQ_PYTHON": python}, timeout=600)
            failures += done.returncode != 0
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
