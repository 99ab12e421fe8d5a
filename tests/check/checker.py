"""Runs z4j-plugin-check and reads its report."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

BUILD = pathlib.Path(os.environ["Z4J_BUILD"])
SOURCE = pathlib.Path(os.environ["Z4J_SOURCE"])
PROGRAM = BUILD / "bin" / "z4j-plugin-check"
BAD = BUILD / "tests" / "bad-plugins"


class Checked:
    """What came of one run: its exit code, what it printed, and the cases by name."""

    def __init__(self, file, *options, bad="", config=None, timeout=600):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_check_test_"))
        try:
            command = [str(PROGRAM), "--seed", "1", "--json", str(folder / "report.json"), *map(str, options), str(file)]
            if config is not None:
                path = folder / "config.json"
                path.write_text(json.dumps(config))
                path.chmod(0o600)
                command[1:1] = ["--config", str(path)]
            environment = {**os.environ, "Z4J_BAD": bad}
            if not bad:
                del environment["Z4J_BAD"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, env=environment)
            self.code, self.said, self.errors = done.returncode, done.stdout, done.stderr
            report = folder / "report.json"
            self.report = json.loads(report.read_text()) if report.exists() else {"results": []}
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        self.cases = {each["name"]: each for each in self.report["results"]}

    def failed(self):
        return {name: each["message"] for name, each in self.cases.items() if each["outcome"] == "failed"}
