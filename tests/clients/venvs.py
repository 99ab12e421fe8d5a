"""Virtual environments with the agent as people install it from PyPI, or with a tool; each is made once a day, in the build folder."""
import datetime
import fcntl
import os
import pathlib
import shutil
import subprocess

PACKAGES = {
    "bare": ["z4j-bare", "z4j-celery", "z4j-rq"],
    # The oldest whose signatures name their session; those before no brain of protocol 2 can verify.
    "oldest": ["z4j-core==1.1.0", "z4j-bare==1.1.0", "z4j-celery==1.1.0", "z4j-rq==1.1.2", "rq<3"],
    # Sends its oldest events again, without a pause, until they are acknowledged.
    "repeating": ["z4j-core==1.6.7", "z4j-bare==1.6.0", "z4j-celery==1.6.7"],
    "django": ["z4j-django", "z4j-celery"],
    "flask": ["z4j-flask", "z4j-celery"],
    "fastapi": ["z4j-fastapi", "z4j-celery", "uvicorn"],
}
WORKERS = ["celery[redis]", "rq"]  # whatever is newest
TOOLS = {"schemathesis": ["schemathesis>=4,<5"], "oidc": ["oidc-provider-mock>=0.3,<0.4"], "rq_schedulers": ["rq", "rq-scheduler"]}


def python(name):
    """The interpreter of that environment."""
    folder = pathlib.Path(os.environ["Z4J_BUILD"]) / "clients" / name
    folder.parent.mkdir(exist_ok=True)
    wanted = TOOLS[name] if name in TOOLS else PACKAGES[name] + WORKERS
    stamp, today = folder / "made-of", f"{datetime.date.today()} {' '.join(wanted)}"
    with open(f"{folder}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # suites run side by side
        if not stamp.exists() or stamp.read_text() != today:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run(["/usr/bin/python3", "-m", "venv", str(folder)], check=True, timeout=120)
            subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-input", *wanted],
                           check=True, timeout=600)
            stamp.write_text(today)
    return str(folder / "bin" / "python")


def versions(name):
    """Package -> version of what is installed."""
    listed = subprocess.run([python(name), "-c", "import importlib.metadata as m\nfor d in m.distributions(): print(d.name.lower(), d.version)"],
                            check=True, capture_output=True, text=True, timeout=60).stdout
    return dict(line.split() for line in listed.splitlines())
