"""What the built files export: a plugin its one symbol, a program nothing of its own."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["Z4J_BUILD"])
SOURCE = pathlib.Path(os.environ["Z4J_SOURCE"])
ENTRY = "z4j_plugin_entry_v1"
# Not plugins by intent: for tests of the loader.
FAULTY = re.compile(r"faulty-")


def exported(file):
    done = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", str(file)], capture_output=True, text=True, timeout=60, check=True)
    return {line.split()[0].split("@")[0] for line in done.stdout.splitlines()}


def plugin_problems(file):
    found = exported(file)
    return [] if found == {ENTRY} else [f"{file.name} exports {sorted(found ^ {ENTRY})[:5]} besides or instead"]


def program_problems(file):
    """A program's table holds what the linker puts there for its own libraries, which have the same symbols; anything else could be grabbed."""
    theirs = set()
    for line in subprocess.run(["ldd", str(file)], capture_output=True, text=True, timeout=60, check=True).stdout.splitlines():
        library = re.search(r"(/\S+) \(0x", line)
        if library:
            done = subprocess.run(["nm", "-D", "--format=posix", library[1]], capture_output=True, text=True, timeout=60, check=True)
            theirs |= {one.split()[0].split("@")[0] for one in done.stdout.splitlines()}
    return [f"{file.name} exports {name}" for name in sorted(exported(file) - theirs)]


class ExportTest(unittest.TestCase):
    def test_each_plugin_exports_its_entry_alone(self):
        plugins = [*(BUILD / "plugins").glob("*.so"), *(file for file in (BUILD / "tests" / "plugins").glob("*.so") if not FAULTY.match(file.name))]
        self.assertGreaterEqual(len(plugins), 15)
        self.assertEqual([line for file in plugins for line in plugin_problems(file)], [])

    def test_the_programs_export_nothing_of_their_own(self):
        programs = [file for file in (BUILD / "bin").iterdir() if file.is_file() and not file.is_symlink() and os.access(file, os.X_OK)]
        self.assertGreaterEqual({file.name for file in programs}, {"z4j-brain", "z4j-agent", "z4j-audit-verify"})
        self.assertEqual([line for file in programs for line in program_problems(file)], [])

    def test_the_guard_sees_a_symbol_too_many(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_exports_"))
        self.addCleanup(shutil.rmtree, folder)
        (folder / "more.c").write_text("int z4j_plugin_entry_v1; int more; int main(void) { return more; }\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "more.c", "-o", "more.so"], cwd=folder, check=True, timeout=60)
        self.assertIn("more", plugin_problems(folder / "more.so")[0])
        (folder / "none.c").write_text("static int none; int f(void); __attribute__((visibility(\"hidden\"))) int f(void) { return none; }\n")
        subprocess.run(["gcc", "-shared", "-fPIC", "none.c", "-o", "none.so"], cwd=folder, check=True, timeout=60)
        self.assertTrue(plugin_problems(folder / "none.so"))
        subprocess.run(["gcc", "-rdynamic", "more.c", "-o", "program"], cwd=folder, check=True, timeout=60)
        self.assertIn("program exports more", program_problems(folder / "program"))


if __name__ == "__main__":
    unittest.main()
