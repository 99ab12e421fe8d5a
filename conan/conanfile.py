"""z4j with Conan 2: what it is built from, and a CMake toolchain for it.

    conan install conan -pr:a conan/profiles/gcc12 --build=missing        from a remote
    conan install conan -pr:a conan/profiles/gcc12-system --no-remote     from Debian's packages
    cmake -S . -B build/conan -G Ninja -DCMAKE_TOOLCHAIN_FILE=build/conan/conan_toolchain.cmake
"""
import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy


class Z4j(ConanFile):
    name = "z4j"
    version = "0.1.0"
    description = "A control plane for background tasks: brain, plugins and plugin SDK"
    package_type = "application"
    settings = "os", "arch", "compiler", "build_type"
    options = {"tests": [True, False], "postgresql": [True, False]}
    default_options = {
        "tests": True,
        "postgresql": True,
        "soci/*:with_sqlite3": True,
        "soci/*:with_postgresql": True,
        "soci/*:shared": True,
        "boost/*:header_only": False,
        "poco/*:enable_data": False,
        "poco/*:enable_mongodb": False,
        "poco/*:enable_activerecord": False,
    }

    # The lower bounds are what Debian 12 has and CI builds with. Boost stays at 1.81: Boost.DLL and
    # Boost.JSON were measured there.
    def requirements(self):
        self.requires("boost/[>=1.81 <1.82]")
        self.requires("poco/[>=1.11 <2]")
        self.requires("openssl/[>=3.0 <4]")
        self.requires("soci/[>=4.0.3 <5]")
        self.requires("sqlite3/[>=3.37 <4]")
        self.requires("tomlplusplus/[>=3.3 <4]")
        self.requires("cli11/[>=2.1 <3]")
        self.requires("re2/[>=20220601]")
        self.requires("argon2/[>=20171227]")
        self.requires("zlib/[>=1.2.13 <2]")
        self.requires("libxlsxwriter/[>=1.1.4 <2]")
        self.requires("rabbitmq-c/[>=0.11 <1]")
        if self.options.postgresql:
            self.requires("libpq/[>=15 <17]")

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25 <5]")
        self.tool_requires("ninja/[>=1.11 <2]")
        if self.options.tests:
            self.test_requires("cppunit/[>=1.15 <2]")

    def validate(self):
        check_min_cppstd(self, 20)

    def layout(self):
        # The recipe lies in conan/, the tree one above.
        self.folders.root = ".."
        self.folders.generators = "build/conan"
        self.folders.build = "build/conan"

    def export_sources(self):
        root = os.path.join(self.recipe_folder, "..")
        for part in ("CMakeLists.txt", "README.md", "CHANGELOG.md", "cmake/*", "config/*", "kernel/*", "plugins/*", "sdk/*", "tests/*"):
            copy(self, part, root, self.export_sources_folder)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self, generator="Ninja")
        toolchain.user_presets_path = False  # the tree has presets of its own
        toolchain.cache_variables["Z4J_BUILD_TESTS"] = bool(self.options.tests)
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        cmake = CMake(self)
        cmake.install(component="brain")
        cmake.install(component="sdk")

    def package_info(self):
        self.cpp_info.libs = []
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "z4j-sdk")]
