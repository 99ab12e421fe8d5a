"""The Conan recipe: resolves from system packages without a remote, and its toolchain configures the tree.

Conan itself comes from PyPI, so this suite is registered only where that can be reached.
"""
import json
import os
import shutil
import unittest

from packaging import COMPILERS, SOURCE, PackagingTest

# What the CMake files of the tree look for, by the recipe's names.
NEEDED = {"boost", "poco", "openssl", "soci", "sqlite3", "tomlplusplus", "cli11", "re2", "argon2", "zlib", "libxlsxwriter", "rabbitmq-c", "libpq", "cppunit", "cmake", "ninja"}


class Conan(PackagingTest):
    def setUp(self):
        super().setUp()
        self.run_ok("/usr/bin/python3", "-m", "venv", self.folder / "venv")
        self.run_ok(self.folder / "venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "conan>=2.9,<3")
        self.environment = {**os.environ, "CONAN_HOME": str(self.folder / "home"), "PATH": f"{self.folder}/venv/bin:{os.environ['PATH']}"}
        # A copy of the recipe: what it makes must not land in the tree.
        self.tree = self.folder / "tree"
        shutil.copytree(SOURCE / "conan", self.tree / "conan")

    def conan(self, *arguments):
        return self.run_ok("conan", *arguments, env=self.environment)

    def test_system_profiles_resolve_without_a_remote(self):
        for profile in ("gcc12-system", "clang14-system"):
            with self.subTest(profile=profile):
                graph = json.loads(self.conan("graph", "info", self.tree / "conan", "-pr:a", self.tree / "conan/profiles" / profile,
                                              "--no-remote", "--format=json"))
                nodes = [node for node in graph["graph"]["nodes"].values() if not node["ref"].startswith("z4j/") and node["ref"] != "conanfile"]
                self.assertEqual({node["ref"].split("/")[0] for node in nodes}, NEEDED)
                self.assertEqual({node["binary"] for node in nodes}, {"Platform"})

    def test_plain_profiles_are_well_formed(self):
        for profile, compiler in (("gcc12", "compiler=gcc"), ("clang14", "compiler=clang")):
            shown = self.conan("profile", "show", "-pr:a", self.tree / "conan/profiles" / profile)
            self.assertIn(compiler, shown)
            self.assertIn("compiler.cppstd=20", shown)

    def test_toolchain_configures_the_tree(self):
        profiles = {"gcc": "gcc12-system", "clang": "clang14-system"}
        for cc, _ in COMPILERS:
            with self.subTest(compiler=cc):
                self.conan("install", self.tree / "conan", "-pr:a", self.tree / "conan/profiles" / profiles[cc], "--no-remote")
                toolchain = self.tree / "build/conan/conan_toolchain.cmake"
                said = self.run_ok("cmake", "-S", SOURCE, "-B", self.folder / cc, "-G", "Ninja", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
                                   "-DCMAKE_BUILD_TYPE=Release", f"-DCMAKE_C_COMPILER={cc}",
                                   f"-DCMAKE_CXX_COMPILER={dict(COMPILERS)[cc]}")
                self.assertIn("conan_toolchain.cmake", said)
                self.assertTrue((self.folder / cc / "build.ninja").exists())

    def test_the_package_of_the_sdk_builds_a_plugin(self):
        shutil.copytree(SOURCE / "sdk", self.tree / "sdk")
        version = (SOURCE / "sdk" / "version").read_text().strip()
        for cc, profile in (("gcc", "gcc12-system"), ("clang", "clang14-system")):
            if cc in dict(COMPILERS):
                with self.subTest(compiler=cc):
                    self.conan("create", self.tree / "conan/sdk", "-pr:a", self.tree / "conan/profiles" / profile, "--no-remote")
        listed = json.loads(self.conan("list", f"z4j-sdk/{version}:*", "--format=json"))
        [revision] = listed["Local Cache"][f"z4j-sdk/{version}"]["revisions"].values()
        self.assertEqual(len(revision["packages"]), 1)  # the same for both


if __name__ == "__main__":
    unittest.main()
