"""Builds a plugin with the package, and looks whether it has an entry."""
import os

from conan import ConanFile
from conan.errors import ConanException
from conan.tools.cmake import CMake, cmake_layout


class PluginTest(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "CMakeToolchain"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def test(self):
        with open(os.path.join(self.build_folder, "packaged.so"), "rb") as plugin:
            if b"z4j_plugin_entry_v1" not in plugin.read():
                raise ConanException("packaged.so has no entry")
