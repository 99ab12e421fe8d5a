"""The SDK out of its tree: installed alone, found by CMake, built against with each compiler, loaded."""
import itertools
import os
import unittest

from packaging import BUILD, COMPILERS, PROGRAM, SOURCE, PackagingTest

EXAMPLE = SOURCE / "sdk" / "examples" / "notifier-log"
HTTP_EXAMPLE = SOURCE / "sdk" / "examples" / "http-hello"
STORAGE_EXAMPLE = SOURCE / "sdk" / "examples" / "storage-memory"
WARNINGS = ["-pedantic", "-Wall", "-Wextra", "-Wshadow", "-Werror"]


class Sdk(PackagingTest):
    def installed(self):
        prefix = self.folder / "sdk"
        self.run_ok("cmake", "--install", BUILD, "--component", "sdk", "--prefix", prefix)
        return prefix

    def build(self, source, build, prefix, cxx="g++", *options):
        self.run_ok("cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={cxx}", *options)
        self.run_ok("cmake", "--build", build)

    def exported(self, library):
        lines = self.run_ok("nm", "-D", "--defined-only", library).splitlines()
        return [line.split()[-1] for line in lines]

    def test_component_holds_the_sdk_and_nothing_else(self):
        files = self.files_below(self.installed())
        self.assertIn("share/z4j-sdk/templates/storage/src/tables.hpp", files)
        others = sorted(name.split("/")[-1] for name in files if "/templates/" not in name)
        self.assertEqual(others, sorted([
            "abi.h", "http.hpp", "http_client.hpp", "json.hpp", "plugin.hpp", "scheduler.hpp", "storage-memory.so", "storage.hpp", "storage_check.hpp", "testing.hpp", "z4j-plugin-check", "z4j-plugin.map",
            "z4jAddPlugin.cmake", "z4j-sdk-config.cmake", "z4j-sdk-config-version.cmake", "z4j-sdk-targets.cmake", "z4j-sdk.pc", "z4j-new-plugin", "version"]))

    def test_examples_build_outside_the_tree_and_load(self):
        prefix = self.installed()
        said_of = {EXAMPLE: ("org.example.notifier-log", "1.0.0", "notifier", "prefix", "first word of each line"),
                   HTTP_EXAMPLE: ("org.example.http-hello", "1.0.0", "http", "greeting", "first word of the answer"),
                   STORAGE_EXAMPLE: ("org.z4j.storage-memory", "0.1.0", "storage", "max_mib", "Commits are refused")}
        for (cc, cxx), (example, words) in itertools.product(COMPILERS, said_of.items()):
            with self.subTest(compiler=cxx, example=example.name):
                build = self.folder / f"{cc}-{example.name}"
                self.build(example, build, prefix, cxx, f"-DCMAKE_CXX_FLAGS={' '.join(WARNINGS)}")
                library = build / f"{example.name}.so"
                self.assertEqual(self.exported(library), ["z4j_plugin_entry_v1"])
                plugins = self.folder / f"plugins-{cc}-{example.name}"
                plugins.mkdir(mode=0o755)
                library.rename(plugins / library.name)
                (plugins / library.name).chmod(0o755)
                environment = {**os.environ, "Z4J_HOME": str(self.folder / "home"), "Z4J_PLUGIN_DIRECTORY": str(plugins)}
                said = self.run_ok(PROGRAM, "plugin", "describe", example.name, env=environment)
                for word in words:
                    self.assertIn(word, said)

    def test_example_builds_with_older_and_newer_language_and_without_optimiser(self):
        prefix = self.installed()
        for number, options in enumerate((["-DCMAKE_CXX_STANDARD=17", "-DCMAKE_CXX_FLAGS=-O0"],
                                          ["-DCMAKE_CXX_STANDARD=20", "-DCMAKE_CXX_FLAGS=-O2 -fshort-enums"])):
            build = self.folder / str(number)
            self.build(EXAMPLE, build, prefix, "g++", *options)
            self.assertEqual(self.exported(build / "notifier-log.so"), ["z4j_plugin_entry_v1"])

    def test_sdk_can_be_a_subdirectory(self):
        (self.folder / "CMakeLists.txt").write_text(
            f'cmake_minimum_required(VERSION 3.25)\nproject(whole CXX)\nadd_subdirectory("{SOURCE}/sdk" sdk)\n'
            f'z4j_add_plugin(mine SOURCES "{EXAMPLE}/notifier_log.cpp")\n')
        self.build(self.folder, self.folder / "build", "")
        self.assertEqual(self.exported(self.folder / "build" / "mine.so"), ["z4j_plugin_entry_v1"])

    def test_another_major_version_is_refused_clearly(self):
        prefix = self.installed()
        (self.folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(later CXX)\nfind_package(z4j-sdk 9.0 REQUIRED)\n")
        done = self.run_any("cmake", "-S", self.folder, "-B", self.folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('requested version "9.0"', done.stderr)

    def test_an_undefined_symbol_fails_the_link(self):
        (self.folder / "bad.cpp").write_text("extern int nobody();\nint uses() { return nobody(); }\n")
        (self.folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(bad CXX)\nfind_package(z4j-sdk REQUIRED)\nz4j_add_plugin(bad SOURCES bad.cpp)\n")
        self.run_ok("cmake", "-S", self.folder, "-B", self.folder / "build", f"-DCMAKE_PREFIX_PATH={self.installed()}")
        done = self.run_any("cmake", "--build", self.folder / "build")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nobody", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
