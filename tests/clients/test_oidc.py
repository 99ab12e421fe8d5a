"""Sign-in through providers that others wrote: the one of PyPI that tests use, and npm's certified one, which insists on PKCE."""
import fcntl
import http.cookiejar
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

import venvs
from place import Brain, free_port, wait_until

HERE = pathlib.Path(__file__).resolve().parent
SECRET = "a secret of the brain"
HOPS = 20


class Agent(urllib.request.HTTPRedirectHandler):
    """A browser that keeps cookies and goes where it is sent, one hop at a time."""

    def __init__(self):
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(self, urllib.request.HTTPCookieProcessor(self.jar))

    def redirect_request(self, *_):
        return None

    def ask(self, url, form=None, headers=None):
        """Status, where it leads, and the page."""
        data = urllib.parse.urlencode(form).encode() if form is not None else None
        try:
            with self.opener.open(urllib.request.Request(url, data, headers or {}), timeout=20) as answer:
                return answer.status, None, answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                to = e.headers.get("Location")
                return e.code, to and urllib.parse.urljoin(url, to), e.read().decode()

    def follow(self, url, until, headers=None):
        """Goes on from url to the first address that begins so, without asking for it, or to the first page that is none."""
        for _ in range(HOPS):
            if url.startswith(until):
                return url, None
            status, to, page = self.ask(url, headers=headers)
            if not to:
                return url, (status, page)
            url = to
        raise AssertionError("redirects without an end")


class Provider:
    """A provider process on a port of its own, whose users are in self.users."""
    algorithm = "RS256"

    def __init__(self):
        self.port = free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.folder = tempfile.mkdtemp(prefix="z4j_oidc_")
        self.process = None

    def run(self, *words, cwd=None):
        with open(pathlib.Path(self.folder) / "log", "wb") as log:
            self.process = subprocess.Popen(words, cwd=cwd, stdout=log, stderr=log)

        def answers():
            try:
                with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=2):
                    return True
            except OSError:
                return False

        wait_until(answers, 60, tell=lambda: (pathlib.Path(self.folder) / "log").read_text())

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)


class PypiProvider(Provider):
    def start(self, redirect):
        del redirect
        program = pathlib.Path(venvs.python("oidc")).parent / "oidc-provider-mock"
        self.run(program, "--port", str(self.port), "--require-nonce", "true")

    def set_user(self, sub, claims):
        request = urllib.request.Request(f"{self.issuer}/users/{sub}", json.dumps(claims).encode(), {"Content-Type": "application/json"}, method="PUT")
        with urllib.request.urlopen(request, timeout=10):
            pass

    def sign_in(self, agent, url, sub, until):
        """From the provider's page back to the address that begins so."""
        _, to, _ = agent.ask(url, {"sub": sub})
        return agent.follow(to, until)[0]


class NpmProvider(Provider):
    def start(self, redirect):
        modules = pathlib.Path(os.environ["Z4J_BUILD"]) / "clients" / "npm-oidc"
        modules.mkdir(parents=True, exist_ok=True)
        with open(f"{modules}.lock", "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (modules / "node_modules" / "oidc-provider").exists():
                subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", "oidc-provider@8"], cwd=modules, check=True, timeout=600)
        self.accounts = pathlib.Path(self.folder) / "accounts.json"
        self.accounts.write_text("{}")
        self.run("node", str(HERE / "oidc_provider.mjs"), str(self.port), str(self.accounts), redirect, self.algorithm, cwd=modules)

    def set_user(self, sub, claims):
        known = json.loads(self.accounts.read_text())
        self.accounts.write_text(json.dumps({**known, sub: claims}))

    def sign_in(self, agent, url, sub, until):
        for form in ({"prompt": "login", "login": sub, "password": "any"}, {"prompt": "consent"}):
            url, seen = agent.follow(url, until)
            if seen is None:
                return url
            status, to, page = agent.ask(url, form)
            assert to, (status, page)
            url = to
        return agent.follow(url, until)[0]


class EllipticProvider(NpmProvider):
    algorithm = "ES256"


class OidcSuite:
    """What holds with every provider."""

    def setUp(self):
        self.provider = self.make()
        self.addCleanup(self.provider.stop)
        self.brain = Brain.with_admin(
            f'[oidc]\nissuer = "{self.provider.issuer}"\nclient_id = "z4j"\nname = "Test"\nscopes = ["openid", "email", "profile", "groups"]\n'
            'groups = ["ops = operator@default", "leads = admin@default", "z4j-admins = admin"]\nemail_domains = ["corp.example"]\n',
            Z4J_OIDC_CLIENT_SECRET=SECRET).start().sign_in()
        self.addCleanup(self.brain.remove)
        self.callback = f"{self.brain.url.rstrip('/')}/api/v1/auth/oidc/callback"
        self.provider.start(self.callback)
        self.ada(["ops"])

    def ada(self, groups, **more):
        self.provider.set_user("ada", {"email": "ada@corp.example", "email_verified": True, "name": "Ada", "groups": groups, **more})

    def come(self, sub="ada", query=""):
        """Signs in as a new browser; the browser, and the callback address that it has not asked for yet."""
        agent = Agent()
        page, _ = agent.follow(f"{self.brain.url.rstrip('/')}/api/v1/auth/oidc/start{query}", "nowhere")
        back = self.provider.sign_in(agent, page, sub, self.callback)
        self.assertTrue(back.startswith(self.callback), back)
        return agent, back

    def me(self, agent):
        status, _, body = agent.ask(f"{self.brain.url.rstrip('/')}/api/v1/auth/me")
        return json.loads(body) if status == 200 else None

    def sign_in(self):
        agent, back = self.come()
        status, _, page = agent.ask(back)
        self.assertEqual(status, 303, page)
        return self.me(agent)

    def roles(self, me):
        return {m["project_slug"]: m["role"] for m in me["memberships"]}

    def test_people_get_accounts_and_roles_by_their_groups(self):
        status, body = self.brain.get("/api/v1/auth/oidc")
        self.assertEqual((status, body), (200, {"enabled": True, "name": "Test"}))
        agent, back = self.come(query="?next=/projects/default")
        status, to, page = agent.ask(back)
        self.assertEqual(status, 303, page)
        self.assertEqual(urllib.parse.urlsplit(to).path, "/projects/default")
        me = self.me(agent)
        self.assertEqual((me["email"], me["display_name"], me["is_admin"]), ("ada@corp.example", "Ada", False))
        self.assertEqual(self.roles(me), {"default": "operator"})

        # The groups are what counts, at the next sign-in.
        self.ada([])
        self.assertEqual(self.roles(self.sign_in()), {})
        self.ada(["z4j-admins"])
        self.assertTrue(self.sign_in()["is_admin"])
        self.ada(["leads"])
        me = self.sign_in()
        self.assertEqual((me["is_admin"], self.roles(me)), (False, {"default": "admin"}))

    def test_an_answer_counts_once(self):
        agent, back = self.come()
        kept = list(agent.jar)
        self.assertEqual(agent.ask(back)[0], 303)
        for cookie in kept:
            agent.jar.set_cookie(cookie)
        status, _, body = agent.ask(back)
        self.assertEqual((status, json.loads(body)["details"]["reason"]), (401, "oidc_refused"))

    def test_nobody_else_may_bring_the_answer(self):
        _, back = self.come()
        thief, own = self.come()
        self.assertEqual(thief.ask(back)[0], 401)
        self.assertIsNone(self.me(thief))
        state = re.search(r"state=[^&]+", own).group()
        forged = re.sub(r"state=[^&]+", state, back)
        self.assertEqual(thief.ask(forged)[0], 401)
        status, to, _ = thief.ask(own, headers={"Accept": "text/html"})
        self.assertEqual((status, urllib.parse.urlsplit(to).path), (303, "/login"))

    def test_addresses_that_look_alike_or_are_not_verified_are_refused(self):
        for more in ({"email": "ada@corp.example.evil.com"}, {"email_verified": False}, {"email": "ada@evil.com"}):
            self.ada(["ops"], **more)
            agent, back = self.come()
            status, _, body = agent.ask(back)
            self.assertEqual(status, 401, body)
            self.assertIsNone(self.me(agent))

    def test_a_deactivated_account_stays_out(self):
        me = self.sign_in()
        status, _ = self.brain.ask("PATCH", f"/api/v1/users/{me['id']}", {"is_active": False})
        self.assertEqual(status, 200)
        agent, back = self.come()
        self.assertEqual(agent.ask(back)[0], 401)

    def test_a_provider_that_is_away_is_told_as_such(self):
        os.kill(self.provider.process.pid, signal.SIGKILL)
        self.provider.process.wait(timeout=20)
        status, _, body = Agent().ask(f"{self.brain.url.rstrip('/')}/api/v1/auth/oidc/start")
        self.assertEqual(status, 503, body)
        self.assertEqual(self.brain.ask("GET", "/api/v1/auth/me")[0], 200)


class PypiOidcTest(OidcSuite, unittest.TestCase):
    make = PypiProvider


@unittest.skipUnless(shutil.which("npm"), "not run: there is no npm")
class NpmOidcTest(OidcSuite, unittest.TestCase):
    make = NpmProvider


@unittest.skipUnless(shutil.which("npm"), "not run: there is no npm")
class EllipticOidcTest(OidcSuite, unittest.TestCase):
    make = EllipticProvider


if __name__ == "__main__":
    unittest.main()
