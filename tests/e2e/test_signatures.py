"""Who made a plugin's file: from a key to a plugin that runs, then whatever was changed is refused and the brain runs on."""
import base64
import hashlib
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

import database
from brain import BUILD, Brain, wait_until
from test_http_plugins import raw

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "audit"))
import ed25519  # noqa: E402

AGENT = BUILD / "bin" / "z4j-agent"
DOCS = pathlib.Path(__file__).resolve().parents[2] / "docs"
CONFIG = """
[plugins]
trusted_keys = ["acme={key}"]
require_signature = "{required}"

[plugin.hello]
plugin = "http-hello"
[plugin.hello.settings]
greeting = "good day"
"""


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


class Makers(unittest.TestCase):
    """A maker with keys and files, an operator with a plugin folder and a brain."""

    def setUp(self):
        self.shop = pathlib.Path(tempfile.mkdtemp(prefix="z4j_maker_"))
        self.addCleanup(shutil.rmtree, self.shop, ignore_errors=True)
        self.folder = self.shop / "plugins"
        self.folder.mkdir(mode=0o755)
        for name in ("acme", "stranger"):
            openssl("genpkey", "-algorithm", "ed25519", "-out", self.shop / f"{name}.pem")
            openssl("pkey", "-in", self.shop / f"{name}.pem", "-pubout", "-out", self.shop / f"{name}.pub")
            (self.shop / f"{name}.pub").chmod(0o644)
        self.file = self.make("http-hello")

    def make(self, name, as_name=None):
        to = self.shop / f"{as_name or name}.so"
        shutil.copy(BUILD / "tests" / "plugins" / f"{name}.so", to)
        to.chmod(0o755)
        return to

    def brain_with(self, required="foreign", key=None, config=CONFIG):
        """A brain on that folder, which needs its store's driver there, signed as well."""
        brain = Brain.with_admin(config.format(key=key or self.shop / "acme.pub", required=required), Z4J_PLUGIN_DIRECTORY=str(self.folder))
        self.addCleanup(brain.remove)
        return brain

    def sign(self, brain, file, key="acme"):
        return self.done(brain.run("plugin", "sign", "--key", self.shop / f"{key}.pem", file))

    def install_store(self, brain):
        store = self.shop / f"{database.STORAGE}.so"
        shutil.copy(BUILD / "plugins" / store.name, store)
        self.sign(brain, store)
        self.done(brain.run("plugin", "install", store))

    def done(self, run):
        self.assertEqual(run.returncode, 0, (run.args, run.stdout, run.stderr))
        return run.stdout

    def refused(self, run, words, code=1):
        self.assertEqual(run.returncode, code, (run.args, run.stdout, run.stderr))
        self.assertIn(words, run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
        return run.stderr


class SignaturesTest(Makers):
    def state(self, brain, state, instance="hello"):
        ask = lambda: brain.read(f"/api/v1/plugins/{instance}")  # noqa: E731
        return wait_until(lambda: (p := ask())["state"] == state and p, 60, tell=ask)

    def anew(self, brain):
        status, body = brain.ask("POST", "/api/v1/plugins/hello/enable")
        self.assertEqual(status, 200, body)

    def test_from_a_key_to_a_plugin_that_runs_and_what_was_changed_is_refused(self):
        brain = self.brain_with()
        told = self.sign(brain, self.file)
        key = re.search(r"^key: ([0-9a-f]{16})$", told, re.M).group(1)
        public = re.search(r"trusted_keys: (\S+)$", told, re.M).group(1)
        self.assertEqual(hashlib.sha256(base64.b64decode(public)).hexdigest()[:16], key)
        self.assertIn(f"acme (key {key})", self.done(brain.run("plugin", "verify", self.file)))
        self.done(brain.run("plugin", "verify", self.file, "--key", public))
        self.refused(brain.run("plugin", "verify", self.file, "--key", self.shop / "stranger.pub"), "which is none of plugins.trusted_keys")

        sha256 = hashlib.sha256(self.file.read_bytes()).hexdigest()
        said = self.done(brain.run("plugin", "install", self.file))
        self.assertIn("signed by acme", said)
        self.assertIn(f'[plugin.http-hello]\nplugin = "http-hello"\nsha256 = "{sha256}"\n', said)
        self.install_store(brain)
        brain.start().sign_in()
        here = self.state(brain, "started")
        self.assertEqual((here["signer"], here["sha256"], here["isolation"]), ({"key_id": key, "name": "acme"}, sha256, "process"))
        self.assertEqual(self.state(brain, "started", "storage")["signer"]["name"], "acme")
        self.assertEqual(raw(brain, "GET", "/ext/hello/hello/you")[0], 200)
        with open(f"/proc/{here['process']['pid']}/maps", encoding="utf-8") as maps:
            self.assertRegex(maps.read(), r"(?m)r-xp .*/memfd:z4j-plugin-http-hello")

        installed = self.folder / "http-hello.so"
        good, good_signature = installed.read_bytes(), (self.folder / "http-hello.so.sig").read_text()
        with installed.open("ab") as file:  # into the very file that runs
            file.write(b"x")
        self.assertEqual(raw(brain, "GET", "/ext/hello/hello/you")[0], 200)
        stranger = self.make("http-hello", "stranger")
        self.sign(brain, stranger, "stranger")
        other = (self.folder / f"{database.STORAGE}.so.sig").read_text()
        for content, signature, words in (
                (good + b"x", good_signature, "the file beside it has"),
                (good, good_signature.replace("sha256: ", "sha256: 0")[:-1], "is no signature"),
                (good, good_signature.replace(good_signature.splitlines()[4], "signature: " + base64.b64encode(bytes(64)).decode()), "it was changed or is forged"),
                (good, other, f'is of the plugin "{database.STORAGE}", expected "http-hello"'),
                (good, (self.shop / "stranger.so.sig").read_text(), "which is none of plugins.trusted_keys, which has"),
                (good, None, 'is not signed, and plugins.require_signature is "foreign"')):
            with self.subTest(words=words):
                installed.write_bytes(content)
                beside = self.folder / "http-hello.so.sig"
                beside.unlink(missing_ok=True)
                if signature is not None:
                    beside.write_text(signature)
                self.anew(brain)
                down = self.state(brain, "refused")
                self.assertIn(words, down["why"])
                self.assertTrue(down["why"].startswith(str(installed)), down["why"])
                self.assertEqual((down["step"], down["signer"], down["sha256"]), ("file", None, None))
                self.assertTrue(down["what_to_do"])
                self.assertEqual(brain.get("/api/v1/health/ready")[0], 200)
                lines = [line for line in brain.log_text().splitlines() if "plugin refused" in line and words in line.replace('\\"', '"')]
                self.assertGreaterEqual(len(lines), 1, brain.log_text())
        installed.write_bytes(good)
        (self.folder / "http-hello.so.sig").write_text(good_signature)
        self.anew(brain)
        self.state(brain, "started")
        brain.stop()
        # Its own store is a file like any other.
        with (self.folder / f"{database.STORAGE}.so").open("ab") as file:
            file.write(b"x")
        with self.assertRaisesRegex(RuntimeError, rf"{database.STORAGE}\.so\.sig is of a file with SHA-256"):
            brain.start()

    def test_a_second_opinion_agrees(self):
        brain = self.brain_with()
        # Signed without our program: by openssl, over the three lines.
        sha256 = hashlib.sha256(self.file.read_bytes()).hexdigest()
        text = f"z4j plugin signature v1\nplugin: http-hello\nsha256: {sha256}\n"
        (self.shop / "text").write_text(text)
        openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.shop / "acme.pem", "-in", self.shop / "text", "-out", self.shop / "raw")
        openssl("pkey", "-in", self.shop / "acme.pem", "-pubout", "-outform", "DER", "-out", self.shop / "der")
        public, signature = (self.shop / "der").read_bytes()[-32:], (self.shop / "raw").read_bytes()
        beside = self.shop / "http-hello.so.sig"
        beside.write_text(f"{text}key: {hashlib.sha256(public).hexdigest()[:16]}\nsignature: {base64.b64encode(signature).decode()}\n")
        self.done(brain.run("plugin", "verify", self.file))
        by_openssl = beside.read_text()
        self.sign(brain, self.file)
        self.assertEqual(beside.read_text(), by_openssl)
        # Verified without OpenSSL.
        self.assertTrue(ed25519.verify(public, text.encode(), signature))
        self.assertFalse(ed25519.verify(public, text.encode() + b" ", signature))

    def test_install_checks_first_and_overwrites_only_when_told(self):
        brain = self.brain_with("none")
        installed, beside = self.folder / "http-hello.so", self.folder / "http-hello.so.sig"
        self.assertIn("not signed", self.done(brain.run("plugin", "install", self.file)))
        self.assertEqual((stat.S_IMODE(installed.stat().st_mode), installed.stat().st_uid), (0o644, os.geteuid()))
        first = installed.stat().st_ino
        self.assertIn("already there", self.done(brain.run("plugin", "install", self.file)))
        changed = self.make("http-hello")
        with changed.open("ab") as file:
            file.write(b"a newer one")
        self.refused(brain.run("plugin", "install", changed), "is another file, with SHA-256")
        self.sign(brain, changed)
        self.done(brain.run("plugin", "install", "--replace", changed))
        self.assertEqual(installed.read_bytes(), changed.read_bytes())
        self.assertNotEqual(installed.stat().st_ino, first)
        self.assertEqual(beside.read_text(), (self.shop / "http-hello.so.sig").read_text())
        # A signature of the file before does not stay behind.
        (self.shop / "http-hello.so.sig").unlink()
        with changed.open("ab") as file:
            file.write(b"and newer")
        self.done(brain.run("plugin", "install", "--replace", changed))
        self.assertFalse(beside.exists())

        for name, words in (("faulty-library", "is not a z4j plugin"), ("faulty-v2", "needs z4j 2.x"), ("faulty-symbol", "z4j_test_function_that_nobody_has")):
            self.refused(brain.run("plugin", "install", self.make(name)), words)
        garbage = self.make("http-hello", "garbage")
        (self.shop / "garbage.so.sig").write_text("hello\n" * 10_000)
        self.refused(brain.run("plugin", "install", garbage), "garbage.so.sig is no signature")
        self.sign(brain, garbage, "stranger")
        self.refused(brain.run("plugin", "install", garbage), "which is none of plugins.trusted_keys")
        self.refused(brain.run("plugin", "install", self.shop / "none.so"), "none.so can't be read")
        self.refused(brain.run("plugin", "install", self.shop / "acme.pem"), "whose name ends in .so")
        self.folder.chmod(0o777)
        self.refused(brain.run("plugin", "install", changed, "--replace"), "others can replace files")
        self.folder.chmod(0o755)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["http-hello.so"])

        required = self.brain_with("foreign")
        self.refused(required.run("plugin", "install", self.make("http-hello", "unsigned")), 'is not signed, and plugins.require_signature is "foreign"')
        self.assertIn("settings", self.done(brain.run("plugin", "install", self.make_signed(brain, "engine-toy"))))

    def make_signed(self, brain, name):
        to = self.shop / f"{name}.so"
        shutil.copy(BUILD / "tests" / "bad-plugins" / f"{name}.so", to)
        self.sign(brain, to)
        return to

    def test_the_commands_of_the_pages_work(self):
        for page, expected in (("operate/signatures.md", ["z4j-brain plugin install acme-pager.so", "openssl genpkey -algorithm ed25519 -out maker.pem",
                                                          "openssl pkey -in maker.pem -pubout -out maker.pub", "z4j-brain plugin sign --key maker.pem acme-pager.so"]),
                               ("write-a-plugin/publish.md", ["openssl genpkey -algorithm ed25519 -out maker.pem", "z4j-brain plugin sign --key maker.pem pager.so"])):
            commands = re.findall(r"(?m)^ +((?:openssl|z4j-brain) .*)$", (DOCS / page).read_text())
            self.assertEqual(commands, expected)
            brain = self.brain_with("none")
            self.make("http-hello", commands[-1].split()[-1].removesuffix(".so"))
            for command in commands:
                program, *arguments = command.split()
                done = subprocess.run([BUILD / "bin" / program if program == "z4j-brain" else program, *arguments], cwd=self.shop, env=brain.environment, capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
            (self.shop / "maker.pem").chmod(0o600)
        openssl("pkey", "-in", self.shop / "maker.pem", "-pubout", "-out", self.shop / "maker.pub")
        self.assertIn("is signed by key", self.done(brain.run("plugin", "verify", "--key", self.shop / "maker.pub", self.shop / "pager.so")))

    def test_what_is_no_key_is_told_and_never_shown(self):
        brain = self.brain_with()
        (self.shop / "acme.pem").chmod(0o644)
        self.refused(brain.run("plugin", "sign", "--key", self.shop / "acme.pem", self.file), "is open to others")
        (self.shop / "acme.pem").chmod(0o600)
        openssl("genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:x", "-out", self.shop / "locked.pem")
        openssl("genpkey", "-algorithm", "rsa", "-out", self.shop / "rsa.pem")
        for name in ("locked.pem", "rsa.pem"):
            self.refused(brain.run("plugin", "sign", "--key", self.shop / name, self.file), "holds no Ed25519 private key")
        self.refused(brain.run("plugin", "verify", self.file), "is not signed: there is no")
        private = (self.shop / "acme.pem").read_text().splitlines()[1]
        brain.config.write_text(CONFIG.format(key=private, required="all"))
        said = brain.run("check-config")
        self.assertEqual(said.returncode, 1)
        self.assertIn("plugins.trusted_keys: has a wrong value: key number 1: that is no Ed25519 public key", said.stderr)
        self.assertNotIn(private, said.stdout + said.stderr)

    def test_an_agent_obeys_the_same_rules(self):
        toy = self.shop / "engine-toy.so"
        shutil.copy(BUILD / "tests" / "bad-plugins" / "engine-toy.so", toy)
        shutil.copy(toy, self.folder)
        (self.folder / "engine-toy.so").chmod(0o644)
        home = self.shop / "home"
        home.mkdir(mode=0o700)
        jobs = self.shop / "jobs"
        jobs.mkdir()
        (home / "agent.toml").write_text(f'[agent]\nplugin_directory = "{self.folder}"\nplugin_trusted_keys = ["acme={self.shop / "acme.pub"}"]\nplugin_require_signature = "foreign"\n'
                                         f'[plugin.toy]\nplugin = "engine-toy"\nsettings.folder = "{jobs}"\n')
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "Z4J_HOME": str(home), "Z4J_BRAIN_URL": "ws://127.0.0.1:1", "Z4J_TOKEN": "t" * 43, "Z4J_HMAC_SECRET": "A" * 43, "Z4J_PROJECT_ID": "default", "Z4J_AGENT_NAME": "a"}
        def doctor():
            done = subprocess.run([AGENT, "doctor", "--config", home / "agent.toml"], env=environment, capture_output=True, text=True, timeout=60, check=False)
            return done.stdout + done.stderr
        self.assertIn('is not signed, and plugins.require_signature is "foreign"', doctor())
        brain = self.brain_with()
        self.sign(brain, self.folder / "engine-toy.so", "stranger")
        self.assertIn("which is none of plugins.trusted_keys", doctor())
        self.sign(brain, self.folder / "engine-toy.so")
        told = doctor()
        self.assertNotIn("signed", told)
        self.assertNotIn("trusted_keys", told)


class OverridesTest(Makers):
    def test_instances_are_switched_from_the_machine_and_it_is_audited(self):
        brain = self.brain_with("none", config=CONFIG + '\n[plugin.needed]\nplugin = "http-hello"\nrequired = true\n[plugin.needed.settings]\ngreeting = "x"\n')
        self.install_store(brain)
        self.done(brain.run("plugin", "install", self.file))
        brain.start().sign_in()
        state = lambda: brain.read("/api/v1/plugins/hello")["state"]  # noqa: E731
        wait_until(lambda: state() == "started", 60, tell=state)
        if database.KIND == "sqlite":  # such a file has one owner
            brain.stop()
        self.assertEqual(self.done(brain.run("plugin", "disable", "hello")), "hello is disabled, whatever the file says\n")
        self.refused(brain.run("plugin", "disable", "helo"), 'did you mean "hello"?')
        self.refused(brain.run("plugin", "disable", "needed"), "required = true")
        if database.KIND == "sqlite":
            brain.start().sign_in()
        wait_until(lambda: state() == "disabled", 60, tell=state)
        if database.KIND == "sqlite":
            brain.stop()
        self.done(brain.run("plugin", "enable", "hello"))
        if database.KIND == "sqlite":
            brain.start().sign_in()
        wait_until(lambda: state() == "started", 60, tell=state)
        entries = {entry["action"]: entry for entry in brain.read("/api/v1/activity")["items"]}
        for action in ("plugin.disabled", "plugin.enabled"):
            self.assertEqual(entries[action]["target_id"], "hello", entries[action])
        brain.stop()
        self.done(brain.run("audit", "verify"))


if __name__ == "__main__":
    unittest.main()
