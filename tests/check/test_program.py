"""z4j-plugin-check as a program: options, reports, exit codes."""
import json
import pathlib
import shutil
import struct
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree

from checker import BAD, BUILD, PROGRAM, Checked

GOOD = BUILD / "plugins" / "notifier-webhook.so"


class Program(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_check_test_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_any(self, *options):
        return subprocess.run([str(PROGRAM), *map(str, options)], capture_output=True, text=True, timeout=120, check=False)

    def test_there_are_200_cases_over_all_kinds(self):
        names = [line.split()[0] for line in self.run_any("--list").stdout.splitlines()]
        self.assertGreaterEqual(len(names), 200)
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual({name[0] for name in names}, set("ABCDEFGHI"))
        for kind in ("storage", "engine", "scheduler", "notifier", "http"):
            self.assertGreaterEqual(sum(name.startswith(f"H.{kind}.") for name in names), 10, kind)

    def test_what_is_no_plugin_is_exit_2_and_one_line(self):
        text, cut, foreign = (self.folder / name for name in ("text.so", "cut.so", "foreign.so"))
        text.write_text("this is a text\n")
        whole = GOOD.read_bytes()
        cut.write_bytes(whole[:2000])
        foreign.write_bytes(whole[:18] + struct.pack("<H", 40) + whole[20:])  # e_machine: 32-bit ARM
        for file, words in ((text, "not a shared library"), (cut, "cut off"), (foreign, "another machine"), (self.folder / "none.so", "can't be read"),
                            (self.folder, "not a shared library"),
                            (BUILD / "tests" / "plugins" / "faulty-library.so", "is not a z4j plugin"),
                            (BUILD / "tests" / "plugins" / "faulty-v2.so", "needs z4j 2.x"), (PROGRAM, "z4j")):
            with self.subTest(file=file.name):
                done = self.run_any(file)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1)

    def test_any_cut_of_a_file_is_refused_without_a_crash(self):
        whole = (BAD / "bad-plugin.so").read_bytes()
        file = self.folder / "cut.so"
        for size in list(range(0, 1024, 61)) + list(range(1024, len(whole), max(1, len(whole) // 40))):
            file.write_bytes(whole[:size])
            done = self.run_any("--only", "A.exports", file)
            self.assertIn(done.returncode, (0, 2), f"{size}: {done.stdout}{done.stderr}")

    def test_wrong_usage_is_exit_2(self):
        for options in ([], ["--no-such-option", GOOD], ["--only", "Z.nothing", GOOD], ["--config", self.folder / "none.json", GOOD]):
            self.assertEqual(self.run_any(*options).returncode, 2, options)
        config = self.folder / "config.json"
        config.write_text("[]")
        done = self.run_any("--config", config, GOOD)
        self.assertEqual(done.returncode, 2)
        self.assertIn("no JSON object", done.stderr)

    def test_only_and_skip_take_names_groups_and_patterns(self):
        self.assertEqual(list(Checked(GOOD, "--only", "A.load").cases), ["A.load"])
        some = Checked(GOOD, "--only", "B", "--only", "A.e*", "--skip", "B.*e*").cases
        self.assertTrue(some)
        self.assertTrue(all(name.startswith("A.e") or name.startswith("B.") and "e" not in name[2:] for name in some), some)

    def test_reports_say_the_same(self):
        as_json, as_xml = self.folder / "r.json", self.folder / "r.xml"
        done = self.run_any("--seed", 7, "--json", as_json, "--junit", as_xml, "--only", "B", "--only", "H.http", GOOD)
        self.assertEqual(done.returncode, 0, done.stdout)
        report, suite = json.loads(as_json.read_text()), xml.etree.ElementTree.parse(as_xml).getroot()
        self.assertEqual(report["seed"], 7)
        self.assertEqual(report["abi"], "1.0")
        self.assertEqual(int(suite.get("tests")), len(report["results"]))
        self.assertEqual(int(suite.get("skipped")), report["not_run"])
        self.assertEqual({case.get("name") for case in suite}, {each["name"] for each in report["results"]})
        self.assertEqual(report["passed"] + report["failed"] + report["not_run"], len(report["results"]))
        self.assertEqual(done.stdout.splitlines()[-1], report["badge"])
        self.assertEqual(report["badge"], f"z4j-plugin-check 1.0: {report['passed']} passed, 0 failed, abi 1.0")
        self.assertIn("seed 7", done.stdout)

    def test_what_does_not_apply_is_not_passed(self):
        done = Checked(GOOD, "--only", "H.storage")
        self.assertEqual(done.report["passed"], 0)
        self.assertEqual({each["message"] for each in done.cases.values()}, {"this is no storage"})
        self.assertIn("do not count as passed", done.said)

    def test_a_seed_makes_it_happen_again(self):
        first, second = (Checked(BUILD / "plugins" / "scheduler-native.so", "--only", "I.previews").report for _ in range(2))
        self.assertEqual(first["results"][0]["outcome"], second["results"][0]["outcome"])
        self.assertEqual(first["seed"], second["seed"])

    def test_in_process_is_the_same_in_one_process(self):
        done = Checked(GOOD, "--in-process", "--only", "D.start-stop", "--only", "E.once")
        self.assertEqual((done.code, done.report["passed"]), (0, 2), done.said)

    def test_a_crash_in_one_case_leaves_the_others(self):
        done = Checked(BAD / "bad-plugin.so", "--only", "D.stop-*", bad="notifier/stop-crashes-twice")
        self.assertEqual(set(done.failed()), {"D.stop-twice", "D.stop-without-start"})
        self.assertGreater(done.report["passed"], 3)

    def test_a_deadline_bounds_a_case(self):
        done = Checked(BAD / "bad-plugin.so", "--deadline", "1", "--only", "A.load", bad="notifier/load-hangs")
        self.assertLess(done.report["took_ms"], 20_000)
        self.assertIn("within 1 s", done.failed()["A.load"])


if __name__ == "__main__":
    unittest.main()
