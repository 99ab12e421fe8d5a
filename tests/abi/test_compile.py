"""The headers in every language they promise, and what must not compile."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["Z4J_SOURCE"])
sys.path.append(str(SOURCE / "sdk" / "abi"))
from header import Header  # noqa: E402

INCLUDE = SOURCE / "sdk" / "include"
CC, CXX = ("gcc", "clang"), ("g++", "clang++")
C_STANDARDS = ("c89", "c99", "c11", "c17")
CXX_STANDARDS = ("c++11", "c++14", "c++17", "c++20", "c++2b")
FACES = ("http", "http_client", "json", "plugin", "scheduler", "storage", "storage_check", "testing")
WARNINGS = ("-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Werror")
BARE = "#include <z4j/abi.h>\nint z4j_size(void);\nint z4j_size(void) { return (int)sizeof(z4j_plugin_entry); }\n"

NOTIFIER = """
#include <z4j/plugin.hpp>
struct N {
  N(z4j::Host, std::string_view) {}
  void start() {}
  void stop(uint32_t) {}
  SEND
};
Z4J_NOTIFIER_PLUGIN(N, "org.example.n", "1.0.0", "n", "n", "{}", "{}")
"""
SEND = "void send(z4j::Op& op, const z4j_notification&) { op.ok(); }"
# What must not compile: (words of the refusal, source). Each has its twin in MUST, which does.
MUST_NOT = (
    ("no member named|has no member", NOTIFIER.replace("SEND", "")),
    ("use of deleted|deleted", "#include <z4j/plugin.hpp>\nz4j::Op twice(z4j::Op& op) { return op; }\n"),
    ("invalid conversion|cannot (convert|initialize)", "#include <z4j/abi.h>\nz4j_status f(z4j_instance*) { return 0; }\nz4j_notifier t = {sizeof(z4j_notifier), 0, 0, {nullptr, 0}, {nullptr, 0}, &f};\n"),
    ("invalid conversion|cannot (convert|initialize)", "#include <z4j/abi.h>\nvoid f(const z4j_storage* s, z4j_instance* i) { s->session_close(i); }\n"),
    ("read-only|const", "#include <z4j/abi.h>\nvoid f() { z4j_plugin_entry_v1.plugin_count = 2; }\n"),
    ("incomplete", "#include <z4j/abi.h>\nz4j_instance an_object;\n"),
    ("build with exceptions", "// -fno-exceptions\n#include <z4j/http_client.hpp>\n"),
)
MUST = (
    NOTIFIER.replace("SEND", SEND),
    "#include <z4j/plugin.hpp>\nz4j::Op once(z4j::Op& op) { return std::move(op); }\n",
    "#include <z4j/abi.h>\nz4j_status f(z4j_instance*, z4j_op, const z4j_notification*, z4j_error*) { return 0; }\nz4j_notifier t = {sizeof(z4j_notifier), 0, 0, {nullptr, 0}, {nullptr, 0}, &f};\n",
    "#include <z4j/abi.h>\nvoid f(const z4j_storage* s, z4j_session* i) { s->session_close(i); }\n",
    "#include <z4j/abi.h>\nuint32_t f() { return z4j_plugin_entry_v1.plugin_count; }\n",
    "#include <z4j/abi.h>\nz4j_instance* a_pointer;\n",
    "#include <z4j/http_client.hpp>\n",
    "// -fno-exceptions\n" + NOTIFIER.replace("SEND", SEND),
)


class CompileTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_compile_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def compile(self, compiler, text, suffix, *options, include=INCLUDE):
        source = self.folder / f"use{suffix}"
        source.write_text(text)
        return subprocess.run([compiler, *options, f"-I{include}", "-c", str(source), "-o", str(self.folder / "use.o")], capture_output=True, text=True, timeout=120, check=False)

    def assert_compiles(self, *arguments, **more):
        done = self.compile(*arguments, **more)
        self.assertEqual(done.returncode, 0, done.stderr)

    def matrix(self, include=INCLUDE):
        """(compiler, standard, what the compiler said) for the bare header; what it said is empty where it compiles."""
        for compilers, standards, suffix in ((CC, C_STANDARDS, ".c"), (CXX, CXX_STANDARDS, ".cpp")):
            for compiler in compilers:
                for standard in standards:
                    done = self.compile(compiler, BARE, suffix, f"-std={standard}", *WARNINGS, include=include)
                    yield compiler, standard, done.stderr if done.returncode else ""

    def test_both_compilers_are_there(self):
        for name in CC + CXX:
            self.assertIsNotNone(shutil.which(name), f"{name} is not installed: ./dev setup installs it")

    def test_the_bare_header_compiles_as_each_c_and_cxx(self):
        seen = list(self.matrix())
        self.assertEqual([one for one in seen if one[2]], [])
        self.assertEqual(len(seen), 18)

    def changed(self, old, new):
        """A copy of the headers with an edit."""
        copy = self.folder / "include"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(INCLUDE, copy)
        header = copy / "z4j" / "abi.h"
        self.assertTrue(old in header.read_text(), old)
        header.write_text(header.read_text().replace(old, new, 1))
        return copy

    def test_the_matrix_sees_what_is_not_plain_c(self):
        failing = {(compiler, standard) for compiler, standard, said in self.matrix(self.changed("typedef struct z4j_str {", "// newer\ntypedef struct z4j_str {")) if said}
        self.assertEqual(failing, {("gcc", "c89"), ("clang", "c89")})
        failing = {compiler for compiler, _, said in self.matrix(self.changed("z4j_str target_type;", "z4j_str class;")) if said}
        self.assertEqual(failing, {"g++", "clang++"})

    def test_32_bits_are_refused_in_one_line(self):
        for compiler in CC:
            with self.subTest(compiler=compiler):
                done = self.compile(compiler, BARE, ".c", "-std=c11", "-m32", "-ffreestanding")
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("z4j_needs_lp64", done.stderr)
                self.assertEqual(done.stderr.count("error:"), 1, done.stderr)
                edited = self.changed("sizeof(void*) == 8 && sizeof(size_t) == 8 ? 1 : -1", "1")
                self.assertEqual(self.compile(compiler, BARE, ".c", "-std=c11", "-m32", "-ffreestanding", include=edited).returncode, 0)

    def test_the_cxx_faces_compile_from_cxx17_on(self):
        for compiler in CXX:
            for standard in ("c++17", "c++20", "c++2b"):
                for face in FACES:
                    with self.subTest(compiler=compiler, standard=standard, face=face):
                        self.assert_compiles(compiler, f"#include <z4j/{face}.hpp>\n", ".cpp", f"-std={standard}", "-Wconversion", *WARNINGS)
        self.assertEqual(sorted(FACES), sorted(path.stem for path in (INCLUDE / "z4j").glob("*.hpp")))

    def test_what_must_not_compile_does_not(self):
        for words, text in MUST_NOT:
            for compiler in CXX:
                with self.subTest(compiler=compiler, text=text):
                    options = ["-fno-exceptions"] if text.startswith("// -fno-exceptions") else []
                    done = self.compile(compiler, text, ".cpp", "-std=c++17", *options)
                    self.assertNotEqual(done.returncode, 0, "it compiles")
                    self.assertRegex(done.stderr, words)

    def test_what_must_compile_does(self):
        for text in MUST:
            for compiler in CXX:
                with self.subTest(compiler=compiler, text=text):
                    options = ["-fno-exceptions"] if text.startswith("// -fno-exceptions") else []
                    self.assert_compiles(compiler, text, ".cpp", "-std=c++17", *options)

    def test_layout_is_the_same_in_c_and_cxx_and_with_both_compilers(self):
        names = [struct.name for struct in Header(INCLUDE / "z4j" / "abi.h").structs]
        text = "#include <stdio.h>\n#include <z4j/abi.h>\nint main(void) {\n" + "".join(f'  printf("%d ", (int)sizeof({name}));\n' for name in names) + "  return 0;\n}\n"
        seen = set()
        for compiler, suffix, options in ((CC[0], ".c", []), (CC[1], ".c", []), (CXX[0], ".cpp", []), (CXX[1], ".cpp", []), (CC[0], ".c", ["-fshort-enums"])):
            source = self.folder / f"sizes{suffix}"
            source.write_text(text)
            subprocess.run([compiler, *options, f"-I{INCLUDE}", str(source), "-o", str(self.folder / "sizes")], check=True, timeout=120)
            seen.add(subprocess.run([str(self.folder / "sizes")], check=True, capture_output=True, text=True, timeout=60).stdout)
        self.assertEqual(len(seen), 1, seen)
        self.assertGreater(len(names), 40)


if __name__ == "__main__":
    unittest.main()
