"""A plugin in Rust, through the C ABI, in the brain that GCC built."""
import os
import shutil
import unittest

from foreign import EXAMPLES, ForeignTest


class RustTest(ForeignTest):
    def test_the_example_in_rust_is_loaded_run_and_stopped(self):
        source = self.folder / "rust"  # cargo writes beside what it builds
        shutil.copytree(EXAMPLES / "notifier-rust", source)
        self.run_ok("cargo", "build", "--release", "--offline", cwd=source, env={**os.environ, "CARGO_HOME": str(self.folder / "cargo")})
        self.add(source / "target" / "release" / "libnotifier_rust.so", "notifier-rust")
        self.check(self.plugins / "notifier-rust.so")
        brain = self.start()
        self.send_through(brain, "notifier-rust")
        self.stop_all(brain)


if __name__ == "__main__":
    unittest.main()
