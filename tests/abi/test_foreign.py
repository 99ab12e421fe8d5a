"""Plugins that were built otherwise than the brain: another compiler, standard library, language, other flags. All run in one brain."""
import shutil
import unittest

from foreign import EXAMPLES, ForeignTest, wait_until

# Name, compiler, flags, options of CMake.
BUILDS = (
    ("clang", "clang++", "-O2", ()),
    ("libcxx", "clang++", "-O2 -stdlib=libc++", ()),
    ("cxx17", "g++", "-O2", ("-DCMAKE_CXX_STANDARD=17", "-DCMAKE_CXX_EXTENSIONS=OFF")),
    ("plain", "g++", "-O0", ()),
    ("enums", "g++", "-O2 -fshort-enums", ()),
    ("nothrow", "g++", "-O2 -fno-exceptions -fno-rtti", ()),
)


class ForeignBuildTest(ForeignTest):
    def test_each_build_is_loaded_run_and_stopped(self):
        for name, compiler, flags, options in BUILDS:
            folder = self.folder / name
            shutil.copytree(EXAMPLES / "notifier-log", folder)
            for file in folder.iterdir():
                file.write_text(file.read_text().replace("notifier-log", f"notifier-{name}"))
            self.add(self.cmake(folder, f"notifier-{name}", compiler, flags, *options), f"notifier-{name}")
        self.add(self.made_in_c(), "notifier-c")
        notifiers = list(self.names)
        # Threads, events and a host that is called from them, on the other standard library.
        events = self.folder / "events"
        events.touch()
        self.run_ok(self.sdk / "bin" / "z4j-new-plugin", "engine", "engine-libcxx", cwd=self.folder)
        engine = self.cmake(self.folder / "engine-libcxx", "engine-libcxx", "clang++", "-stdlib=libc++")
        self.add(engine, "engine-libcxx", f'path = "{events}"\nevery = "100ms"')

        for name in notifiers:
            with self.subTest(checked=name):
                # Without exceptions a program ends when memory does, as docs/write-a-plugin says.
                self.check(self.plugins / f"{name}.so", None, *(("--skip", "G.no-memory*") if name.endswith("nothrow") else ()))
        with self.subTest(checked="engine-libcxx"):
            self.check(self.plugins / "engine-libcxx.so", '{"path": "{folder}/events", "every": "100ms"}')

        self.assertIn("libc++.so", self.run_ok("ldd", self.plugins / "notifier-libcxx.so"))
        brain = self.start()
        for name in notifiers:
            with self.subTest(name=name):
                self.send_through(brain, name)
        events.write_text("t1 shop.charge received\nt1 shop.charge failed\n")
        wait_until(lambda: (brain.task("engine-libcxx", "t1") or {}).get("state") == "failure", tell=lambda: brain.log_text()[-2000:])
        self.stop_all(brain)

    def made_in_c(self):
        """With make and pkg-config, as its README says."""
        folder = self.folder / "c"
        shutil.copytree(EXAMPLES / "notifier-c", folder)
        self.run_ok("make", "CC=clang", "CFLAGS=-O2 -Wall -Wextra -pedantic -Werror", cwd=folder,
                    env={"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(next(self.sdk.rglob("pkgconfig")))})
        return folder / "notifier-c.so"


if __name__ == "__main__":
    unittest.main()
