"""The SDK of plugins as a package of its own: headers, the CMake function, the scaffold.

    conan create conan/sdk -pr:a conan/profiles/gcc12-system --no-remote
"""
import os

from conan import ConanFile
from conan.tools.cmake import CMake, CMakeToolchain
from conan.tools.files import copy, load


class Z4jSdk(ConanFile):
    name = "z4j-sdk"
    description = "What a plugin of z4j needs"
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"

    def set_version(self):
        self.version = load(self, os.path.join(self.recipe_folder, "..", "..", "sdk", "version")).strip()

    def export_sources(self):
        sdk = os.path.join(self.recipe_folder, "..", "..", "sdk")
        for part in ("CMakeLists.txt", "version", "bin/*", "cmake/*", "include/*", "templates/*"):
            copy(self, part, sdk, self.export_sources_folder)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.user_presets_path = False
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install(component="sdk")

    def package_id(self):
        self.info.clear()  # headers: one package for all compilers

    def package_info(self):
        # The package's own CMake files are the way in: they bring z4j_add_plugin.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "z4j-sdk")]
        self.cpp_info.bindirs, self.cpp_info.libdirs = ["bin"], []
