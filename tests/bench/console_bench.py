#!/usr/bin/python3
"""How soon and how smoothly the console shows many tasks.

    console_bench.py [--tasks N] [--rows N] [--seconds N]     so many tasks seeded; so many rows read by scrolling; scrolled over so long

Chromium at a brain on SQLite that z4j-seed filled. Printed: the bare answers of the API, which nothing on screen can beat; from the
address to the first rows; from Enter to the filtered rows; and what kept the page from drawing while the list was read to so many
rows and then scrolled over: tasks of more than 50 ms, and frames that came later than 50 ms. All of it is slowed by what else
the machine does: measure on a quiet one, in the release preset: ./dev bench console.
"""
import argparse
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "console")]
from browser import BUILD, browse, session  # noqa: E402
from brain import Brain  # noqa: E402


def main():
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--tasks", type=int, default=200_000)
    words.add_argument("--rows", type=int, default=100_000)
    words.add_argument("--seconds", type=int, default=20)
    given = words.parse_args()
    brain = Brain.with_admin()
    try:
        file = f"sqlite:///{brain.home}/bench.sqlite"
        brain.environment["Z4J_DATABASE_URL"] = file
        brain.start().stop()  # sets the database up
        subprocess.run([BUILD / "scale" / "z4j-seed", "--tasks", str(given.tasks), "--days", "7"], env={**os.environ, "Z4J_DATABASE_URL": file}, stdout=subprocess.DEVNULL, check=True)
        brain.start()
        print(f"{given.tasks:,} tasks, load {os.getloadavg()[0]:.1f}", flush=True)
        for line in browse("bench", str(given.rows), str(given.seconds), seconds=1800, **session(brain)):
            print(line)
    finally:
        brain.remove()


main()
