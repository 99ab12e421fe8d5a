"""The demo fleet (tests/fleet) under a test's control, and the plain truth about it: its run log and its Redis."""
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile

FLEET = pathlib.Path(__file__).resolve().parent.parent / "fleet" / "fleet.py"
PYTHON = "/usr/bin/python3"
FINAL = ("success", "failure", "rejected", "revoked")


class DemoFleet:
    def __init__(self, rate=0, *options):
        self.folder = tempfile.mkdtemp(prefix="z4j_fleet_")
        with open(f"{self.folder}/errors", "wb") as errors:
            self.process = subprocess.Popen([PYTHON, "-B", str(FLEET), "--control", "--folder", self.folder, "--rate", str(rate), *options],
                                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the fleet did not start: {pathlib.Path(self.folder, 'errors').read_text()}")
        self.facts = json.loads(line)

    def remove(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def brain_config(self, celery="", rq=""):
        return (f'[plugin.celery]\nplugin = "engine-celery"\n[plugin.celery.settings]\nbroker_url = "{self.facts["celery"]["broker_url"]}"\nqueues = ["night"]\n{celery}\n'
                f'[plugin.rq]\nplugin = "engine-rq"\n[plugin.rq.settings]\nredis_url = "{self.facts["rq"]["redis_url"]}"\n{rq}\n')

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def send(self, engine, name, *args, **more):
        """Task ids, or the one id."""
        ids = self.ask(do="send", engine=engine, name=name, args=list(args), **more)["ids"]
        return ids if "count" in more else ids[0]

    def produce(self, rate):
        self.ask(do="produce", rate=rate)

    def stop(self, child, signal="KILL"):
        self.ask(do="stop", child=child, signal=signal)

    def start(self, child):
        self.ask(do="start", child=child)

    # What really happened

    def log(self):
        """Words of each line of the run log: what, engine, name, id, state."""
        lines = pathlib.Path(self.facts["run_log"]).read_text().splitlines()
        return [(line.split(" ") + [""])[:5] for line in lines]

    def runs(self, task_id):
        return sum(1 for word, _, _, at, _ in self.log() if word == "RUN" and at == task_id)

    def ends(self, task_id):
        return [state for word, _, _, at, state in self.log() if word == "END" and at == task_id]

    def redis(self, database, *words):
        """The answer of one Redis command, as text."""
        where = self.facts["redis"]
        with socket.create_connection((where["host"], where["port"]), 5) as s:
            for command in (["AUTH", where["password"]], ["SELECT", str(database)], list(words)):
                s.sendall(b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (word.encode(errors="surrogateescape") for word in command)))
            with s.makefile("rb") as stream:
                stream.readline(), stream.readline()
                answer = stream.readline().decode().rstrip()
                if answer[0] == "$" and answer != "$-1":
                    return stream.read(int(answer[1:])).decode()
                return answer[1:]
