"""The tables of docs/internals/performance.md about agents: a brain of its own under z4j-agents, by hand on a quiet machine.

    figures.py BUILD idle [--agents N] [--tls]        memory, CPU and the way back after a restart
    figures.py BUILD events [--agents N] [--rate N]   frame to ack on PostgreSQL that syncs
    figures.py BUILD flood [--agents N] [--rate N] [--flood N] [--runs N]
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent / "e2e"), str(HERE.parent / "support")]
SYNCED = ["fsync=on", "full_page_writes=on", "synchronous_commit=on", "shared_buffers=1GB", "wal_compression=lz4", "max_wal_size=4GB", "min_wal_size=2GB"]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("what", choices=["idle", "events", "flood"])
    parser.add_argument("--agents", type=int)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--flood", type=float, default=5000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--database", choices=["sqlite", "postgresql"])
    return parser.parse_args()


class Process:
    """What the system says of one process."""

    def __init__(self, pid):
        self.pid, self.ticks = pid, os.sysconf("SC_CLK_TCK")

    def cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / self.ticks

    def rss_mib(self):
        return next(int(line.split()[1]) for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines() if line.startswith("VmRSS")) / 1024

    def share(self, seconds):
        """Part of a core it takes over that time, in percent."""
        before, began = self.cpu_s(), time.monotonic()
        time.sleep(seconds)
        return 100 * (self.cpu_s() - before) / (time.monotonic() - began)


def tokens_of(brain, count):
    path = pathlib.Path(brain.home) / "tokens"
    with open(path, "w", encoding="ascii") as file:
        for i in range(count):
            minted = brain.mint(f"load-{i}")
            file.write(f"{minted['token']} {minted['hmac_secret']}\n")
    return path


def load(brain, tokens, agents, *options):
    url = brain.url.replace("http", "ws", 1)
    return subprocess.Popen([brains.BUILD / "bench" / "z4j-agents", "--url", url, "--tokens", tokens, "--agents", str(agents), "--json", *map(str, options)],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(client, words):
    while words not in (line := client.stderr.readline()):
        if not line:
            raise RuntimeError("z4j-agents ended")
    return line.strip()


def report(client):
    return json.loads(client.communicate()[0])


def tell(**figures):
    print(json.dumps({**figures, "load": os.getloadavg()[0]}), flush=True)


def parts(brain, client):
    """CPU seconds of all that shares the machine."""
    servers = [pid for server in database._servers for pid in children(server.pid)]
    return {"brain": Process(brain.process.pid).cpu_s(), "client": Process(client.pid).cpu_s(), "server": sum(Process(pid).cpu_s() for pid in servers)}


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def idle(brain, asked):
    count = asked.agents or 10_000
    tokens = tokens_of(brain, count)
    process = Process(brain.process.pid)
    tell(step="before", rss_mib=round(process.rss_mib(), 1), idle_cpu_percent=round(process.share(10), 2))
    client = load(brain, tokens, count, "--seconds", asked.seconds + 120, "--heartbeat", 10)
    print(wait_for(client, "all connected"), flush=True)
    time.sleep(15)
    tell(step="idle", agents=count, tls=asked.tls, cpu_percent=round(process.share(asked.seconds), 2), rss_mib=round(process.rss_mib(), 1))
    brain.environment["Z4J_BIND_PORT"] = brain.url.rsplit(":", 1)[1]
    brain.kill()
    brain.start()
    print(wait_for(client, "back"), flush=True)
    process = Process(brain.process.pid)
    tell(step="after the restart", rss_mib=round(process.rss_mib(), 1))
    client.terminate()
    client.communicate()


def events(brain, asked):
    count = asked.agents or 500
    tokens = tokens_of(brain, count)
    client = load(brain, tokens, count, "--seconds", asked.seconds, "--rate", asked.rate)
    wait_for(client, "all connected")
    began, before = time.monotonic(), parts(brain, client)
    time.sleep(asked.seconds - 5)
    taken = {name: cpu_s - before.get(name, 0) for name, cpu_s in parts(brain, client).items()}
    passed = time.monotonic() - began
    rss_mib = Process(brain.process.pid).rss_mib()
    tell(cpu_percent={name: round(100 * cpu_s / passed, 1) for name, cpu_s in taken.items()}, rss_mib=round(rss_mib, 1), **report(client))


def flood(brain, asked):
    count = asked.agents or 50
    tokens = tokens_of(brain, count)
    quiet, loud = [], []
    for _ in range(asked.runs):
        for p95, options in ((quiet, []), (loud, ["--flood", asked.flood])):
            told = report(load(brain, tokens, count, "--seconds", asked.seconds, "--rate", asked.rate, *options))
            p95.append(told["frame_to_ack"]["p95_ms"])
            tell(flood=bool(options), p95_ms=p95[-1], p99_ms=told["frame_to_ack"]["p99_ms"], events=told["events"], of_flood=told["frame_to_ack_of_flood"])
    tell(median_p95_quiet_ms=statistics.median(quiet), median_p95_flooded_ms=statistics.median(loud))


def main():
    asked = parse()
    os.environ["Z4J_BUILD"] = str(pathlib.Path(asked.build).resolve())
    os.environ["Z4J_E2E_DATABASE"] = asked.database or ("sqlite" if asked.what == "idle" else "postgresql")
    global brains, database
    import brain as brains  # it looks at the variables above
    import certificate
    import database
    from postgres import PrivatePostgres
    if database.KIND == "postgresql":
        server = PrivatePostgres(SYNCED)
        database._servers.append(server)
        # A server that has run for a while writes its log into old files, which is faster than into new ones.
        server.sql("DO $$ BEGIN FOR i IN 1..96 LOOP PERFORM pg_logical_emit_message(false, 'z4j', 'x'); PERFORM pg_switch_wal(); END LOOP; END $$")
        server.sql("CHECKPOINT")
    environment = {}
    if asked.tls:
        folder = tempfile.mkdtemp(prefix="z4j_figures_")
        cert, key, _ = certificate.make(folder)
        environment = {"Z4J_TLS_CERTIFICATE_FILE": str(cert), "Z4J_TLS_KEY_FILE": str(key)}
    brain = brains.Brain.with_admin(**environment)
    try:
        brain.start()
        brain.sign_in()
        {"idle": idle, "events": events, "flood": flood}[asked.what](brain, asked)
    finally:
        brain.remove()
        for server in database._servers:
            server.__exit__()


if __name__ == "__main__":
    main()
