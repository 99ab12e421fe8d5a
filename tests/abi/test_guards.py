"""The guards of sdk/abi hold on the tree, and each fails on a copy with a deliberate edit."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["Z4J_SOURCE"])
SEND = "z4j_status (*send)(z4j_instance*, z4j_op, const z4j_notification*, z4j_error*);"
TRIGGER = "  z4j_status (*trigger)(z4j_instance*, z4j_op, z4j_str id, z4j_error*);\n"
LAST = f"  {SEND}\n}} z4j_notifier;"
GROWN = f"  {SEND}\n  uint64_t more;   /* new */\n}} z4j_notifier;"


class Copy:
    """The SDK and the reference page in a folder of their own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_abi_copy_"))
        shutil.copytree(SOURCE / "sdk", self.folder / "sdk", ignore=shutil.ignore_patterns("templates", "examples", "__pycache__"))
        (self.folder / "docs" / "write-a-plugin").mkdir(parents=True)
        shutil.copy(SOURCE / "docs" / "write-a-plugin" / "reference.md", self.folder / "docs" / "write-a-plugin")
        self.abi = self.folder / "sdk" / "abi"
        self.header = self.folder / "sdk" / "include" / "z4j" / "abi.h"
        frozen = self.abi / "frozen"  # a copy may be changed: nothing of it is frozen
        frozen.write_text("".join(line for line in frozen.read_text().splitlines(keepends=True) if line.startswith("#")))

    def edit(self, old, new):
        text = self.header.read_text()
        assert text.count(old) == 1, (old, text.count(old))
        self.header.write_text(text.replace(old, new))

    def run(self, *arguments, **environment):
        return subprocess.run(["/usr/bin/python3", "-B", self.abi / "abi.py", *arguments], capture_output=True, text=True, timeout=120,
                              env={**os.environ, **environment}, check=False)


class GuardTest(unittest.TestCase):
    def copy(self):
        copy = Copy()
        self.addCleanup(shutil.rmtree, copy.folder)
        return copy

    def assert_holds(self, copy, *guard):
        done = copy.run("check", *guard)
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_fails(self, words, copy, *guard, **environment):
        done = copy.run("check", *guard, **environment)
        self.assertEqual(done.returncode, 1, f"{guard} accepts it: {done.stdout}")
        self.assertIn(words, done.stderr)

    def assert_edit_fails(self, guard, words, old, new):
        with self.subTest(guard=guard, new=new):
            copy = self.copy()
            copy.edit(old, new)
            self.assert_fails(words, copy, guard)

    def test_all_hold_on_the_tree(self):
        done = subprocess.run(["/usr/bin/python3", "-B", SOURCE / "sdk" / "abi" / "abi.py", "check"], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.split(), "pins: holds baseline: holds hygiene: holds reference: holds".split())

    def test_pins_and_baseline_see_every_kind_of_change(self):
        for old, new in ((TRIGGER, ""), ("  uint32_t struct_size; uint32_t max_body_bytes;\n", "  uint32_t struct_size; uint32_t max_body_bytes;\n  uint64_t first;\n"),
                         (SEND, SEND.replace("z4j_op,", "uint32_t,")), (LAST, GROWN)):
            self.assert_edit_fails("pins", "run ./dev abi", old, new)
            self.assert_edit_fails("baseline", "run ./dev abi", old, new)
        # What abidiff does not see, pins do.
        self.assert_edit_fails("pins", "z4j_notifier::send", SEND, SEND.replace("const z4j_notification*", "z4j_notification*"))
        self.assert_edit_fails("pins", "Z4J_BUSY", "Z4J_BUSY = 200", "Z4J_BUSY = 209")
        self.assert_edit_fails("pins", "Z4J_IFACE_ENGINE", '"z4j.engine/1"\n', '"z4j.engine/2"\n')
        self.assert_edit_fails("pins", "z4j_status", "typedef int32_t  z4j_status;", "typedef int64_t  z4j_status;")
        self.assert_edit_fails("pins", "does not pin all", "#define Z4J_ABI_MAJOR 1\n", "#define Z4J_ABI_MAJOR 1\n#define Z4J_MORE 1\n")

    def test_a_frozen_version_only_grows_into_the_next_one(self):
        copy = self.copy()
        self.assertEqual(copy.run("freeze").returncode, 0)
        self.assert_holds(copy)
        self.assertIn("frozen already", copy.run("freeze").stderr)
        copy.edit(LAST, GROWN)
        self.assert_fails("raise Z4J_ABI_MINOR", copy, "pins")
        self.assertIn("raise Z4J_ABI_MINOR", copy.run("write").stderr)
        copy.edit("#define Z4J_ABI_MINOR 0", "#define Z4J_ABI_MINOR 1")
        self.assert_fails("pins_1_1.cpp is missing", copy, "pins")
        done = copy.run("write")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_holds(copy)
        self.assertIn("z4j_notifier::more", (copy.abi / "pins_1_1.cpp").read_text())
        copy.edit(SEND, SEND.replace("z4j_op,", "uint32_t,"))
        self.assertEqual(copy.run("write").returncode, 0)  # pins of 1.1 may still be written anew
        self.assert_fails("breaks what pins_1_0.cpp promises: ['z4j_notifier::send']", copy, "pins")

    def test_pins_of_a_frozen_version_are_final(self):
        copy = self.copy()
        self.assertEqual(copy.run("freeze").returncode, 0)
        with (copy.abi / "pins_1_0.cpp").open("a") as file:
            file.write("// softer\n")
        self.assert_fails("are final", copy, "pins")

    def test_hygiene(self):
        begin = "typedef struct z4j_str {"
        for words, old, new in (
                ("it includes", "#include <stdint.h>", "#include <stdint.h>\n#include <stdbool.h>"),
                ("macro MINE", begin, "#define MINE 1\n" + begin),
                ("constant MINE_TOO", begin, "enum { MINE_TOO = 1 };\n" + begin),
                ("type mine has no prefix", begin, "typedef struct mine { void* p; } mine;\n" + begin),
                ('"long" stands in it', "  int64_t (*op_remaining_ms)", "  long (*op_remaining_ms)"),
                ('"bool" stands in it', "  int32_t (*op_cancelled)", "  bool (*op_cancelled)"),
                ('"..." stands in it', "z4j_str msg, z4j_str fields_json)", "z4j_str msg, ...)"),
                ("an enum has a name", "enum { Z4J_HEALTH_OK", "enum z4j_health { Z4J_HEALTH_OK"),
                ("a hole before", "  uint32_t struct_size; uint32_t max_body_bytes;\n", "  uint32_t struct_size;\n"),
                ("is a bit-field", "  uint32_t plugin_count;", "  uint32_t plugin_count : 32;"),
                ("z4j_http_reply::begin carries no thread word", "/* host service; [any-thread, no-block] */\n  uint32_t struct_size; uint32_t reserved0;\n  z4j_status (*begin)",
                 "/* host service */\n  uint32_t struct_size; uint32_t reserved0;\n  z4j_status (*begin)"),
                ("z4j_new has no pins", begin, "typedef struct z4j_new { void* p; } z4j_new;\n" + begin),
                ("z4j_new has no witness", begin, "typedef struct z4j_new { void* p; } z4j_new;\n" + begin)):
            copy = self.copy()
            copy.edit(old, new)
            with self.subTest(words=words):
                done = copy.run("check", "hygiene")
                self.assertEqual(done.returncode, 1, done.stdout)
                # A compiler may refuse it before the guard speaks: then there is no layout to look at.
                self.assertTrue(words in done.stderr or ("bit-field" in words and "error" in done.stderr) or ("bool" in words and "bool" in done.stderr), done.stderr)

    def test_nobody_asks_for_the_size_that_a_struct_has_today(self):
        """A plugin of an older minor has shorter structs: Z4J_REACHES and Z4J_HAS ask for a member."""
        asked = re.compile(r"struct_size\s*[<>]=?\s*sizeof")
        found = [f"{path}:{text[:at.start()].count(chr(10)) + 1}" for folder in ("kernel", "plugins", "sdk") for path in sorted((SOURCE / folder).rglob("*.[ch]*"))
                 if path.suffix in (".c", ".h", ".cpp", ".hpp") for text in [path.read_text()] for at in asked.finditer(text)]
        self.assertEqual(found, [])

    def test_the_reference_page_follows_the_comments(self):
        self.assert_edit_fails("reference", "run ./dev abi", "groups open/update/resolve", "groups some")

    def test_a_guard_without_its_input_fails(self):
        for guard, file in (("pins", "pins_1_0.cpp"), ("pins", "frozen"), ("baseline", "baseline-1.0.abi"), ("baseline", "witness.c"), ("hygiene", "witness.c"),
                            ("hygiene", "pins_1_0.cpp"), ("reference", "../../docs/write-a-plugin/reference.md"), ("pins", "../include/z4j/abi.h")):
            with self.subTest(guard=guard, file=file):
                copy = self.copy()
                (copy.abi / file).unlink()
                self.assert_fails("is missing", copy, guard)

    def test_a_guard_without_its_tool_fails(self):
        tools = pathlib.Path(tempfile.mkdtemp(prefix="z4j_tools_"))
        self.addCleanup(shutil.rmtree, tools)
        for name in ("gcc", "g++", "as", "ld", "cc1"):
            if shutil.which(name):
                (tools / name).symlink_to(shutil.which(name))
        self.assert_fails("abidiff is not installed", self.copy(), "baseline", PATH=str(tools))
        self.assert_fails("g++ is not installed", self.copy(), "pins", PATH="/nowhere")


if __name__ == "__main__":
    unittest.main()
