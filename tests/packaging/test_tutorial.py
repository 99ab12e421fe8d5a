"""docs/write-a-plugin: the tutorial followed word for word in an empty folder, and what its pages name is there."""
import os
import re
import signal
import socket
import subprocess
import unittest

from packaging import BUILD, SOURCE, PackagingTest

PAGES = SOURCE / "docs" / "write-a-plugin"
TUTORIAL = PAGES / "tutorial.md"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.M | re.S)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def script_of(page):
    """One shell script of all the page's commands and files, and what each command block is said to print."""
    script, expected = "set -euo pipefail\n", []
    for language, path, text in FENCE.findall(page):
        if path:
            script += f"cat > '{path}' <<'END_OF_THE_FILE'\n{text}END_OF_THE_FILE\n"
        elif language == "sh":
            expected.append([])
            script += f"printf '\\n@@ {len(expected) - 1}\\n'\n{text}"
        elif language == "text":
            expected[-1] += text.splitlines()
        else:
            raise AssertionError(f"the page has a block of {language} that is neither a file nor commands")
    return script, expected


class Tutorial(PackagingTest):
    def test_the_tutorial_word_for_word(self):
        page = TUTORIAL.read_text()
        prefix = self.folder / "z4j"
        [install] = re.findall(r"^    (cmake --install .*)$", page, re.M)
        self.run_ok("bash", "-c", install.replace("build/dev", str(BUILD)).replace("/opt/z4j", str(prefix)))
        script, expected = script_of(page)
        empty = self.folder / "empty"
        empty.mkdir()
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "Z4J": str(prefix), "Z4J_BIND_PORT": str(free_port()), "PAGER_PORT": str(free_port())}
        (self.folder / "page.sh").write_text(script)
        shell = subprocess.Popen(["bash", self.folder / "page.sh"], cwd=empty, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        try:
            said, _ = shell.communicate(timeout=400)
        finally:
            try:
                os.killpg(shell.pid, signal.SIGKILL)  # what the page left running when it failed
            except ProcessLookupError:
                pass
        log = empty / "pager" / "brain.log"
        self.assertEqual(shell.returncode, 0, said + (log.read_text() if log.exists() else ""))
        parts = re.split(r"^@@ (\d+)\n", said, flags=re.M)[1:]
        printed = dict(zip(map(int, parts[::2]), parts[1::2]))
        self.assertEqual(len(printed), len(expected))
        for number, lines in enumerate(expected):
            for line in lines:
                self.assertIn(line, printed[number])
        self.assertGreaterEqual(sum(map(len, expected)), 7)
        self.assertFalse(re.findall(r"warning:", said), said)

    def test_a_page_that_lies_is_seen(self):
        script, expected = script_of("```sh\necho one\n```\n```text\ntwo\n```\n```toml a/b\nx = 1\n```\n")
        self.assertEqual(expected, [["two"]])
        done = subprocess.run(["bash"], input=script, cwd=self.folder, capture_output=True, text=True, timeout=20, check=False)
        self.assertNotEqual(done.returncode, 0)  # there is no folder a
        self.assertNotIn("two", done.stdout)


class Pages(unittest.TestCase):
    def test_links_lead_somewhere(self):
        for page in PAGES.glob("*.md"):
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", FENCE.sub("", page.read_text())):
                self.assertTrue((PAGES / target).exists(), f"{page.name}: {target}")

    def test_names_of_the_sdk_are_in_its_headers(self):
        headers = "".join(path.read_text() for path in (SOURCE / "sdk" / "include" / "z4j").iterdir())
        headers += (SOURCE / "sdk" / "cmake" / "z4jAddPlugin.cmake").read_text()
        variables = (SOURCE / "docs" / "operate" / "settings.md").read_text() + "".join(path.read_text() for path in PAGES.glob("*.md") if path.name == "tutorial.md")
        for page in PAGES.glob("*.md"):
            code = " ".join(re.findall(r"`([^`\n]+)`", page.read_text()))
            for name in set(re.findall(r"\b(Z4J_[A-Z0-9_]+|z4j_\w+)\b", code)):
                known = re.search(rf"\b{name.rstrip('_')}", headers) or name in variables or name in ("Z4J_SDK", "Z4J_SDK_URL")
                self.assertTrue(known, f"{page.name}: {name}")
            for name in set(re.findall(r"\bz4j::(?:store::|json::)?(\w+)", code)):
                self.assertRegex(headers, rf"\b{name}\b", page.name)

    def test_every_kind_has_a_page_and_the_index_names_all(self):
        index = (PAGES / "README.md").read_text()
        for page in PAGES.glob("*.md"):
            if page.name != "README.md":
                self.assertIn(f"]({page.name})", index)
        self.assertLessEqual({"engine", "scheduler", "notifier", "storage", "http"}, {page.stem for page in PAGES.glob("*.md")})


if __name__ == "__main__":
    unittest.main()
