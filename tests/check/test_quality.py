"""What quality tests 47 to 49 demand of plugins, as far as the checker and the loader go."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from checker import BAD, BUILD, Checked

BRAIN = BUILD / "bin" / "z4j-brain"


class Quality47(unittest.TestCase):
    """Wrong ABI, missing symbol, bad manifest, unsigned, a file that others may have changed: refused with one clear line."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_quality_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)

    def refused(self, source, bad=""):
        file = self.folder / "tried.so"
        content, mark = source.read_bytes(), b"z4j-bad:" + bytes(len(bad))
        if bad:
            self.assertEqual(content.count(mark), 1, source)
        file.write_bytes(content.replace(mark, b"z4j-bad:" + bad.encode()) if bad else content)
        file.chmod(0o755)
        environment = {**os.environ, "Z4J_HOME": str(self.folder / "home"), "Z4J_PLUGIN_DIRECTORY": str(self.folder)}
        done = subprocess.run([str(BRAIN), "plugin", "describe", "tried"], capture_output=True, text=True, timeout=60, check=False, env=environment)
        self.assertNotEqual(done.returncode, 0, f"{source.name} {bad}: {done.stdout}")
        self.assertGreater(done.returncode, 0, f"the brain died of {source.name} {bad}")
        return done.stderr

    def test_the_loader_says_what_the_checker_says(self):
        plain, odd = BAD / "bad-plugin.so", BUILD / "tests" / "plugins"
        for source, bad, words in (
                (plain, "notifier/entry-major", "built for ABI 9.x, this host has ABI 1."),
                (plain, "notifier/entry-magic", "wrong magic number"),
                (plain, "notifier/entry-min-host", "it needs ABI 1.99"),
                (plain, "notifier/descriptor-id", "is not of the form org.example.name"),
                (plain, "notifier/descriptor-stopless", "a required function of its descriptor is missing"),
                (plain, "notifier/schema-beyond", "its settings schema is not usable"),
                (plain, "notifier/interface-throws", "its get_interface() threw an exception"),
                (BAD / "bad-host-symbols.so", "", "it uses z4j_function_of_the_program, which none of the libraries has"),
                (BAD / "bad-missing-library.so", "", "it needs the library libbad-gone.so"),
                (BAD / "bad-stack.so", "", "it makes the stack executable"),
                (BAD / "bad-run-path.so", "", "it looks for libraries in /home/author/lib"),
                (BAD / "bad-exports.so", "", "it exports bad_other_symbol"),
                (odd / "faulty-library.so", "", "is not a z4j plugin"),
                (odd / "faulty-v2.so", "", "needs z4j 2.x")):
            with self.subTest(file=source.name, bad=bad):
                said = self.refused(source, bad)
                self.assertIn(words, said)
                self.assertEqual(len([line for line in said.splitlines() if words in line]), 1, said)
                checked = Checked(source, "--only", "A", "--only", "B", bad=bad)
                wording = "an exception crossed the boundary in get_interface()" if bad.endswith("interface-throws") else words
                self.assertIn(wording, checked.said + checked.errors)

    def test_a_file_with_another_hash_than_pinned_or_that_others_can_write_is_refused(self):
        file = self.folder / "tried.so"
        shutil.copy(BAD / "bad-plugin.so", file)
        file.chmod(0o777)
        environment = {**os.environ, "Z4J_HOME": str(self.folder / "home"), "Z4J_PLUGIN_DIRECTORY": str(self.folder)}
        done = subprocess.run([str(BRAIN), "plugin", "describe", "tried"], capture_output=True, text=True, timeout=60, check=False, env=environment)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("can be written by others", done.stderr)


    def test_an_unsigned_file_is_refused_and_so_is_every_signature_that_does_not_hold(self):
        file, key, public, stranger = self.folder / "tried.so", self.folder / "maker.pem", self.folder / "maker.pub", self.folder / "stranger.pem"
        shutil.copy(BAD / "notifier-log.so", file)
        file.chmod(0o755)
        for pem in (key, stranger):
            subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(pem)], check=True, capture_output=True, timeout=60)
        subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)], check=True, capture_output=True, timeout=60)
        public.chmod(0o644)
        environment = {**os.environ, "Z4J_HOME": str(self.folder / "home"), "Z4J_PLUGIN_DIRECTORY": str(self.folder), "Z4J_PLUGIN_TRUSTED_KEYS": f"maker={public}",
                       "Z4J_PLUGIN_REQUIRE_SIGNATURE": "foreign"}

        def brain(*arguments):
            return subprocess.run([str(BRAIN), "plugin", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False, env=environment)

        def refused(words):
            done = brain("describe", "tried")
            self.assertEqual((done.returncode, done.stdout), (1, ""), words)
            self.assertIn(words, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

        refused('is not signed, and plugins.require_signature is "foreign"')
        self.assertEqual(brain("sign", "--key", stranger, file).returncode, 0)
        refused("which is none of plugins.trusted_keys, which has")
        self.assertEqual(brain("sign", "--key", key, file).returncode, 0)
        good = brain("describe", "tried")
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertRegex(good.stdout, r"(?m)^signed by: maker \(key [0-9a-f]{16}\)$")
        with file.open("ab") as changed:
            changed.write(b"x")
        refused("it was changed after it was signed")
        (self.folder / "tried.so.sig").write_text("no signature\n")
        refused("tried.so.sig is no signature: its first line is not")


class Quality48(unittest.TestCase):
    """Crash, hang, leak, exception across the boundary, a wrong thread, an oversized reply: a result, not the end of the run."""

    def test_each_fault_is_a_result_and_the_run_goes_on(self):
        for bad, case, words in (
                ("notifier/operation-crashes-on-nonsense", "E.hostile", "it crashed in send(): SIGSEGV"),
                ("notifier/stop-hangs", "D.stop-in-time", "did not end within 3 s in stop()"),
                ("notifier/create-leaks", "D.create-thousand", "bytes behind"),
                ("notifier/operation-throws", "E.once", "an exception crossed the boundary"),
                ("notifier/calls-after-stop", "D.stop-quiet", "it called log() after stop() returned"),
                ("notifier/thread-left", "D.threads-gone", "run on after destroy()"),
                ("notifier/answers-too-much", "E.once", "expected at most 8388608")):
            with self.subTest(bad=bad):
                patience = ("--deadline", "3") if "within 3 s" in words else ()
                done = Checked(BAD / "bad-plugin.so", "--only", case, "--only", "B.magic", "--only", "I.configs", *patience, bad=bad)
                self.assertEqual(done.code, 1, done.said)
                self.assertIn(words, done.failed()[case])
                self.assertEqual(done.cases["B.magic"]["outcome"], "passed")
                self.assertIn("I.configs", done.cases)


class Quality49(unittest.TestCase):
    """An engine that says it can and does not, or does what it does not say."""

    def test_lies_are_caught_and_the_honest_one_is_not(self):
        lie = Checked(BAD / "bad-plugin.so", "--only", "E.verb-*", bad="engine/lies-revoke")
        self.assertEqual(list(lie.failed()), ["E.verb-revoke"], lie.said)
        self.assertIn("it says that it can REVOKE, and answers that it can't", lie.said)
        hidden = Checked(BAD / "bad-plugin.so", "--only", "E.verb-*", bad="engine/does-what-it-hides")
        self.assertEqual(list(hidden.failed()), ["E.verb-purge"], hidden.said)
        honest = Checked(BAD / "bad-plugin.so", "--only", "E.verb-*", bad="engine")
        self.assertEqual((honest.code, honest.failed()), (0, {}), honest.said)
        self.assertGreaterEqual(honest.report["passed"], 10)


if __name__ == "__main__":
    unittest.main()
