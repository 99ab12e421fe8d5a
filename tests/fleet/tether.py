"""Runs a program that dies with its parent: FLEET_PARENT=PID [FLEET_DEATH_SIGNAL=TERM] tether.py PROGRAM ARGUMENTS..."""
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(number):
    """The signal comes when the thread that started this process ends; start it from a main thread."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


if __name__ == "__main__":
    parent = int(os.environ.pop("FLEET_PARENT"))
    die_with_parent(getattr(signal, "SIG" + os.environ.pop("FLEET_DEATH_SIGNAL", "KILL")))
    if os.getppid() != parent:
        sys.exit("the parent is gone")
    os.execvp(sys.argv[1], sys.argv[1:])
