"""Second factors, keys and roles on a real brain: what a browser and a program meet, sockets too."""
import base64
import hashlib
import hmac
import json
import secrets
import struct
import time
import unittest

from brain import EMAIL, Brain, wait_until
from websocket import WebSocket

ROLES = ("viewer", "operator", "admin")
# What each role may do in its own project, by the least that is needed.
PROBES = (("GET", "/tasks", "viewer"), ("GET", "/commands", "viewer"), ("POST", "/commands/retry-task", "operator"), ("POST", "/commands/restart-worker", "operator"),
          ("POST", "/commands/purge-queue", "admin"), ("GET", "/memberships", "admin"), ("GET", "/audit", "admin"), ("POST", "/agents", "admin"))


def totp(secret_base32, at=None):
    secret = base64.b32decode(secret_base32 + "=" * (-len(secret_base32) % 8))
    digest = hmac.new(secret, struct.pack(">Q", int(at or time.time()) // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


class Person:
    """Somebody with cookies of his own on a brain that another one started."""

    def __init__(self, brain, email, password):
        self.brain, self.email, self.password, self.cookies = brain, email, password, {}
        self.login = self.sign_in()

    def sign_in(self):
        status, body = self.ask("POST", "/api/v1/auth/login", {"email": self.email, "password": self.password})
        assert status == 200, (status, body)
        return body

    def ask(self, method, path, body=None):
        kept, self.brain.cookies = self.brain.cookies, self.cookies
        try:
            return self.brain.ask(method, path, body)
        finally:
            self.brain.cookies = kept

    def socket(self, project):
        cookie = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        out = WebSocket(self.brain.url, "/ws/dashboard", {"Cookie": cookie, "Origin": self.brain.url.rstrip("/")})
        out.send({"type": "subscribe", "project_id": project})
        return out


class AccessTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)
        cls.own = cls.brain.read("/api/v1/projects/default")["id"]
        status, other = cls.brain.ask("POST", "/api/v1/projects", {"slug": "other", "name": "Other"})
        assert status == 201, other
        cls.other = other["id"]

    def person(self, name, role=None):
        """A new user; as administrators give passwords, he chooses one of his own first."""
        email, given, chosen = f"{name}-{secrets.token_hex(4)}@example.com", secrets.token_urlsafe(15), secrets.token_urlsafe(15)
        status, user = self.brain.ask("POST", "/api/v1/users", {"email": email, "password": given})
        self.assertEqual(status, 201, user)
        if role:
            status, member = self.brain.ask("POST", "/api/v1/projects/default/memberships", {"user_id": user["id"], "role": role})
            self.assertEqual(status, 201, member)
            user["membership"] = member["id"]
        out = Person(self.brain, email, given)
        if out.login.get("password_change_required"):
            status, body = out.ask("POST", "/api/v1/auth/change-password", {"current_password": given, "new_password": chosen})
            self.assertEqual(status, 200, body)
            out.password = chosen
        out.user = user
        return out

    def with_key(self, token, method, path, body=None):
        status, answer = self.brain.get(path, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, method,
                                        None if method == "GET" else json.dumps(body or {}).encode())
        return status, answer

    def test_roles_hold_in_the_own_project_and_hide_the_other(self):
        for rank, role in enumerate((None, *ROLES)):
            who = self.person(role or "stranger", role)
            for method, path, need in PROBES:
                status, body = who.ask(method, f"/api/v1/projects/other{path}", {} if method == "POST" else None)
                self.assertEqual(status, 404, (role, path, body))
                status, body = who.ask(method, f"/api/v1/projects/default{path}", {} if method == "POST" else None)
                if role is None:
                    self.assertEqual(status, 404, (path, body))
                elif rank <= ROLES.index(need):
                    self.assertEqual((status, body["details"]), (403, {"have": role, "need": need}), path)
                else:
                    self.assertNotIn(status, (401, 403, 404), (role, path, body))
            for method, path in (("GET", "/api/v1/users"), ("POST", "/api/v1/projects"), ("GET", "/api/v1/plugins"), ("GET", "/api/v1/admin/settings")):
                self.assertEqual(who.ask(method, path, {} if method == "POST" else None)[0], 403, (role, path))

    def test_sockets_open_to_members_alone_and_end_with_the_role(self):
        for role in ROLES:
            who = self.person(role, role)
            live, strange = who.socket(self.own), who.socket(self.other)
            self.addCleanup(live.close)
            self.addCleanup(strange.close)
            self.assertEqual(live.receive(), {"type": "ready"})
            self.assertEqual(strange.receive(), ("close", 4403))
            # Every topic reaches every member.
            status, command = self.brain.ask("POST", "/api/v1/projects/default/agents", {"name": f"for-{role}-{secrets.token_hex(4)}"})
            self.assertEqual(status, 201, command)
            self.assertEqual(live.receive(), {"type": "event", "topic": "agent.changed"})
            self.assertEqual(self.brain.ask("DELETE", f"/api/v1/projects/default/memberships/{who.user['membership']}")[0], 204)
            self.assertEqual(who.ask("GET", "/api/v1/projects/default")[0], 404)
            last = live.receive()
            while not isinstance(last, tuple):
                last = live.receive()
            self.assertEqual(last, ("close", 4403))

    def test_a_second_factor_is_asked_of_every_session(self):
        who = self.person("ada", "viewer")
        status, begun = who.ask("POST", "/api/v1/auth/mfa/enroll-start", {})
        self.assertEqual(status, 200, begun)
        self.assertIn(begun["secret_base32"], begun["provisioning_url"])
        code = totp(begun["secret_base32"])
        status, done = who.ask("POST", "/api/v1/auth/mfa/enroll-complete", {"code": code})
        self.assertEqual(status, 200, done)
        self.assertEqual(len(set(done["recovery_codes"])), 10)

        again = Person(self.brain, who.email, who.password)
        self.assertTrue(again.login["mfa_required"])
        status, body = again.ask("GET", "/api/v1/projects/default")
        self.assertEqual((status, body["error"]), (403, "mfa_reverify_required"))
        shut = again.socket(self.own)
        self.addCleanup(shut.close)
        self.assertEqual(shut.receive(), ("close", 4401))
        # The code of the enrolment does not work twice; a recovery code does once.
        self.assertEqual(again.ask("POST", "/api/v1/auth/mfa/verify", {"code": code})[0], 401)
        status, body = again.ask("POST", "/api/v1/auth/mfa/verify", {"code": done["recovery_codes"][3], "remember_device": True})
        self.assertEqual((status, body["remaining_recovery_codes"]), (200, 9), body)
        self.assertEqual(again.ask("GET", "/api/v1/projects/default")[0], 200)
        self.assertFalse(again.sign_in()["mfa_required"])

        # Whoever lost the app is helped on the machine, or by an administrator.
        self.assertEqual(self.brain.ask("POST", f"/api/v1/users/{who.user['id']}/reset-mfa")[0], 204)
        third = Person(self.brain, who.email, who.password)
        self.assertFalse(third.login["mfa_required"])

    def test_keys_open_what_they_name(self):
        who = self.person("robot", "operator")
        status, key = who.ask("POST", "/api/v1/api-keys", {"name": "ci", "scopes": ["tasks:read", "commands:write"], "allowed_ips": ["127.0.0.0/8"]})
        self.assertEqual(status, 201, key)
        token = key["token"]
        self.assertEqual(self.with_key(token, "GET", "/api/v1/projects/default/tasks")[0], 200)
        self.assertEqual(self.with_key(token, "POST", "/api/v1/projects/default/commands/retry-task")[0], 422)
        status, body = self.with_key(token, "GET", "/api/v1/projects/default/agents")
        self.assertEqual((status, body["details"]["required_scope"]), (403, "agents:read"))
        self.assertEqual(self.with_key(token, "POST", "/api/v1/projects/default/commands/purge-queue")[0], 403)
        self.assertEqual(self.with_key(token, "GET", "/api/v1/projects/other/tasks")[0], 404)
        self.assertEqual(self.with_key(token, "POST", "/api/v1/projects/default/agents", {"name": "x"})[0], 401)

        status, far = who.ask("POST", "/api/v1/api-keys", {"name": "far", "scopes": ["tasks:read"], "allowed_ips": ["10.0.0.0/8"]})
        self.assertEqual(status, 201, far)
        status, body = self.with_key(far["token"], "GET", "/api/v1/projects/default/tasks")
        self.assertEqual((status, body["details"]["reason"]), (401, "address_not_allowed"))

        self.assertEqual(who.ask("DELETE", f"/api/v1/api-keys/{key['id']}")[0], 204)
        status, body = self.with_key(token, "GET", "/api/v1/projects/default/tasks")
        self.assertEqual((status, body["details"]["reason"]), (401, "revoked"))
        wait_until(lambda: {"api_key.created", "api_key.revoked", "api_key.refused"} <= {e["action"] for e in self.brain.read("/api/v1/activity?limit=200")["items"]})


class RotationTest(unittest.TestCase):
    def test_a_new_master_secret_keeps_keys_and_factors(self):
        old = secrets.token_urlsafe(36)
        brain = Brain.with_admin(Z4J_SECRET=old).start().sign_in()
        self.addCleanup(brain.remove)
        status, key = brain.ask("POST", "/api/v1/api-keys", {"name": "ci", "scopes": ["projects:read"]})
        self.assertEqual(status, 201, key)
        status, begun = brain.ask("POST", "/api/v1/auth/mfa/enroll-start", {})
        self.assertEqual(status, 200, begun)
        self.assertEqual(brain.ask("POST", "/api/v1/auth/mfa/enroll-complete", {"code": totp(begun["secret_base32"])})[0], 200)
        brain.stop()
        brain.environment.update(Z4J_SECRET=secrets.token_urlsafe(36), Z4J_PREVIOUS_SECRETS=json.dumps([old]))
        brain.start()
        self.assertEqual(brain.get("/api/v1/projects", {"Authorization": f"Bearer {key['token']}"})[0], 200)
        brain.sign_in(EMAIL)

        def is_in():
            # The step of the enrolment is used up; the next one counts.
            return brain.ask("POST", "/api/v1/auth/mfa/verify", {"code": totp(begun["secret_base32"], time.time() + 30)})[0] == 200

        self.assertTrue(is_in())
        self.assertEqual(brain.ask("GET", "/api/v1/projects")[0], 200)


if __name__ == "__main__":
    unittest.main()
