"""schemathesis reads the brain's own description and asks what it allows and forbids: no 500, no undescribed answer."""
import pathlib
import subprocess
import tempfile
import unittest

import venvs
from place import Brain

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What would end the session, or change the account that asks.
LEFT_OUT = "/auth/(logout|login|change-password|sessions|password-reset|mfa)|/setup|/override|/(en|dis)able$"
SECONDS = 120


class SchemathesisTest(unittest.TestCase):
    def test_no_fault_and_no_undescribed_answer(self):
        brain = Brain.with_admin().start().sign_in()
        self.addCleanup(brain.remove)
        folder = tempfile.TemporaryDirectory(prefix="z4j_schemathesis_")
        self.addCleanup(folder.cleanup)
        # Most ids are drawn; the project is the one there is, so that more than its absence is tried. 503 is the answer for who is away.
        (pathlib.Path(folder.name) / "schemathesis.toml").write_text('[parameters]\n"path.slug" = "default"\n[checks.not_a_server_error]\nexpected-statuses = ["2xx", "3xx", "4xx", 503]\n')
        csrf = next(value for name, value in brain.cookies.items() if name.endswith("csrf"))
        program = pathlib.Path(venvs.python("schemathesis")).parent / "schemathesis"
        ran = subprocess.run([program, "run", f"{brain.url}/api/v1/openapi.json", "--checks", CHECKS, "--max-time", str(SECONDS), "--workers", "1",
                              "--exclude-path-regex", LEFT_OUT, "--phases", "coverage,fuzzing", "--seed", "1", "--no-shrink", "--continue-on-failure",
                              "--suppress-health-check", "all", "--request-timeout", "20",
                              "-H", f"Cookie: {brain.cookie_header()}", "-H", f"X-CSRF-Token: {csrf}"],
                             cwd=folder.name, capture_output=True, text=True, timeout=SECONDS * 3, check=False)
        self.assertEqual(ran.returncode, 0, ran.stdout[-20_000:] + ran.stderr[-2000:])
        self.assertIsNone(brain.process.poll())


if __name__ == "__main__":
    unittest.main()
