"""How the web console gets into its plugin: why it is left out, and that what is embedded is what was built."""
import gzip
import json
import os
import re
import shutil
import unittest

from packaging import SOURCE, PackagingTest

SCRIPT = SOURCE / "plugins" / "dashboard" / "console.py"
PAGE = "<!doctype html><title>z4j</title>\n"


class ConsoleTest(PackagingTest):
    def setUp(self):
        super().setUp()
        self.web, self.out = self.folder / "web", self.folder / "out"
        self.out.mkdir()

    def console(self, *arguments, **environment):
        return self.run_any("/usr/bin/python3", "-B", SCRIPT, *arguments, env={**os.environ, **environment})

    def make_web(self):
        """A console without packages from a registry, so that npm works offline."""
        (self.web / "src").mkdir(parents=True)
        facts = {"name": "tiny", "version": "1.0.0", "private": True, "scripts": {"build": "mkdir -p dist/assets && cp src/* dist/assets/ && mv dist/assets/index.html dist/"}}
        (self.web / "package.json").write_text(json.dumps(facts))
        (self.web / "package-lock.json").write_text(json.dumps({"name": "tiny", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "tiny", "version": "1.0.0"}}}))
        (self.web / "src" / "index.html").write_text(PAGE)
        (self.web / "src" / "app-BkR3x9aQ.js").write_text("let a = 1;\n" * 200)

    def embedded(self):
        """What the plugin would serve: path to type and file."""
        text = (self.out / "assets.inc").read_text()
        sizes = re.findall(r'lit\("([^"]+)"\), ::z4j::lit\("([^"]+)"\), ::z4j::lit\("([0-9a-f]{32})"\), \{z4j_asset_\d+, (\d+)\}', text)
        files = {path: (kind, (self.out / "files" / path).read_bytes(), int(size)) for path, kind, _, size in sizes}
        for path, (_, content, size) in files.items():
            self.assertEqual(len(content), size, path)
        return files


class ConsoleBuild(ConsoleTest):
    def programs(self, **scripts):
        """A folder for PATH with programs that say what they are told to."""
        folder = self.folder / "bin"
        folder.mkdir()
        for name, text in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        return str(folder)

    def assert_not_ready(self, words, path):
        done = self.console("ready", self.web, PATH=path)
        self.assertEqual((done.returncode, done.stdout), (1, words + "\n"), done.stderr)

    def test_it_says_in_one_line_why_it_is_left_out(self):
        self.assert_not_ready("its sources are not there", "")
        self.make_web()
        self.assert_not_ready("node and npm are not installed", "")
        path = self.programs(node="echo v16.20.0", npm="exit 1")
        self.assert_not_ready("node is v16.20.0, and 18 or newer is needed", path)
        shutil.rmtree(path)
        self.assert_not_ready("npm's registry cannot be reached", self.programs(node="echo v18.19.0", npm="exit 1"))

    def test_files_are_embedded_as_they_are_and_packed(self):
        dist = self.folder / "dist"
        (dist / "assets").mkdir(parents=True)
        (dist / "index.html").write_text(PAGE)
        (dist / "assets" / "app-BkR3x9aQ.js").write_text("let a = 1;\n" * 200)
        (dist / "assets" / "font-BkR3x9aQ.woff2").write_bytes(bytes(1000))
        self.assertEqual(self.console("embed", dist, self.out).returncode, 0)
        files = self.embedded()
        self.assertEqual(sorted(files), ["assets/app-BkR3x9aQ.js", "assets/app-BkR3x9aQ.js.gz", "assets/font-BkR3x9aQ.woff2", "index.html"])
        self.assertEqual(gzip.decompress(files["assets/app-BkR3x9aQ.js.gz"][1]), files["assets/app-BkR3x9aQ.js"][1])
        self.assertEqual(files["assets/app-BkR3x9aQ.js.gz"][0], "text/javascript; charset=utf-8")
        self.assertEqual(files["index.html"][1].decode(), PAGE)
        empty = self.folder / "empty"
        empty.mkdir()
        failed = self.console("embed", empty, self.out)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("holds no files", failed.stderr)


class ConsoleBuildWithNpm(ConsoleTest):
    """With the npm of this machine."""

    def make(self):
        done = self.console("make", self.web, self.out)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_it_is_built_again_only_when_its_sources_change(self):
        self.make_web()
        self.assertEqual(self.console("ready", self.web).returncode, 0)
        self.make()
        self.assertEqual(self.embedded()["index.html"][1].decode(), PAGE)
        self.assertEqual(self.console("ready", self.web, PATH="").returncode, 0)  # it is built: nothing is needed
        mark = self.web / "dist" / "mark"
        mark.write_text("of the first build")
        self.make()
        self.assertIn("mark", self.embedded())
        (self.web / "src" / "index.html").write_text(PAGE + "<p>new")
        self.make()
        self.assertEqual(self.embedded()["index.html"][1].decode(), PAGE + "<p>new")

    def test_a_build_that_fails_says_what_failed(self):
        self.make_web()
        facts = json.loads((self.web / "package.json").read_text())
        (self.web / "package.json").write_text(json.dumps({**facts, "scripts": {"build": "echo no such word; exit 3"}}))
        done = self.console("make", self.web, self.out)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no such word", done.stderr)
        self.assertIn("'npm run build' failed", done.stderr)


if __name__ == "__main__":
    unittest.main()
