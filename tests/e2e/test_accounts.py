"""Accounts on a real brain: invitations and resets through a real mailbox, two administrators at once, sessions that end, the commands."""
import concurrent.futures
import http.client
import json
import pathlib
import re
import secrets
import subprocess
import sys
import unittest
import urllib.parse

from brain import EMAIL, PROGRAM, Brain, exchange, wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from mail_server import MailServer, text_of  # noqa: E402

GUEST = "ann@example.test"


def fresh_password():
    return secrets.token_urlsafe(15)


class Person:
    """Somebody with cookies of their own on a brain that another one started."""

    def __init__(self, brain, email=None, password=None, source=None):
        self.brain, self.email, self.password, self.source, self.cookies = brain, email, password, source, {}

    def ask(self, method, path, body=None):
        address = urllib.parse.urlsplit(self.brain.url)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30, source_address=(self.source, 0) if self.source else None)
        sent = {"Cookie": "; ".join(f"{n}={v}" for n, v in self.cookies.items())} if self.cookies else {}
        csrf = next((v for name, v in self.cookies.items() if name.endswith("z4j_csrf")), None)
        if csrf and method != "GET":
            sent["X-CSRF-Token"] = csrf
        body = None if body is None else json.dumps(body)
        status, answer, self.headers = exchange(connection, method, path, body, {**sent, "Content-Type": "application/json"}, self.cookies)
        return status, answer

    def sign_in(self, **more):
        return self.ask("POST", "/api/v1/auth/login", {"email": self.email, "password": self.password, **more})

    def is_in(self):
        return self.ask("GET", "/api/v1/auth/me")[0] == 200


def link_in(mail, page):
    """The link of a mail, and the token behind its #."""
    found = re.search(rf"(http://\S+)/{page}#token=([\w-]{{43}})\s", text_of(mail))
    assert found, text_of(mail)
    return found.group(1), found.group(2)


class MailboxTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(MailServer(tls="starttls", users={"z4j": "mail password"}))
        cls.brain = Brain.with_admin(**cls.server.settings(Z4J_SMTP_USER="z4j", Z4J_SMTP_PASSWORD="mail password")).start().sign_in()
        cls.addClassCleanup(cls.brain.remove)

    def invite(self, email, role="operator"):
        status, minted = self.brain.ask("POST", "/api/v1/projects/default/invitations", {"email": email, "role": role})
        self.assertEqual(status, 201, minted)
        self.assertTrue(minted["email_sent"])
        base, token = link_in(self.server.wait_for(lambda mail: mail["to"] == email and "Invitation" in mail["subject"]), "invite")
        self.assertEqual(token, minted["token"])
        return base, token

    def test_a_guest_comes_in_by_the_link_and_resets_the_password_by_another(self):
        base, token = self.invite(GUEST)
        guest = Person(self.brain, GUEST, fresh_password())
        status, page = guest.ask("GET", "/invite")
        self.assertEqual((status, "/api/v1/invitations/accept" in page), (200, True))
        status, preview = guest.ask("GET", f"/api/v1/invitations/preview?token={token}")
        self.assertEqual((preview["email"], preview["role"], preview["project_slug"]), (GUEST, "operator", "default"))
        status, accepted = guest.ask("POST", "/api/v1/invitations/accept", {"token": token, "display_name": "Ann", "password": guest.password})
        self.assertEqual(status, 201, accepted)
        self.assertEqual(guest.sign_in()[0], 200)
        self.assertEqual(guest.ask("GET", "/api/v1/projects/default")[0], 200)

        # The link of the reset, as the mail has it.
        lost = Person(self.brain, GUEST, fresh_password())
        self.assertEqual(lost.ask("POST", "/api/v1/auth/password-reset/request", {"email": GUEST}), (200, {"accepted": True}))
        reset_base, reset = link_in(self.server.wait_for(lambda mail: mail["to"] == GUEST and "password" in mail["subject"]), "reset")
        self.assertEqual(reset_base, base)
        status, page = lost.ask("GET", "/reset")
        self.assertEqual((status, "/api/v1/auth/password-reset/confirm" in page), (200, True))
        status, weak = lost.ask("POST", "/api/v1/auth/password-reset/confirm", {"token": reset, "new_password": "onlyletters"})
        self.assertEqual((status, weak["details"]["code"]), (422, "password_too_short"))
        self.assertEqual(lost.ask("POST", "/api/v1/auth/password-reset/confirm", {"token": reset, "new_password": lost.password}), (200, {"success": True}))
        self.assertFalse(guest.is_in())
        self.assertEqual(guest.sign_in()[0], 401)
        self.assertEqual(lost.sign_in()[0], 200)
        status, again = lost.ask("POST", "/api/v1/auth/password-reset/confirm", {"token": reset, "new_password": fresh_password()})
        self.assertEqual((status, again["message"]), (404, "invalid_or_expired"))
        told = self.brain.log_text()
        for secret in (token, reset, guest.password, lost.password):
            self.assertNotIn(secret, told)

    def test_a_user_with_an_account_accepts_signed_in(self):
        status, made = self.brain.ask("POST", "/api/v1/users", {"email": "bob@example.test", "password": (password := fresh_password())})
        self.assertEqual(status, 201, made)
        bob = Person(self.brain, "bob@example.test", password)
        self.assertEqual(bob.sign_in()[0], 200)
        self.assertEqual(bob.ask("GET", "/api/v1/projects/default")[0], 404)
        _, token = self.invite("bob@example.test", "viewer")
        status, accepted = bob.ask("POST", "/api/v1/invitations/accept", {"token": token})
        self.assertEqual((status, accepted.get("role")), (201, "viewer"), accepted)
        self.assertEqual(bob.ask("GET", "/api/v1/projects/default")[0], 200)

    def test_an_address_nobody_has_gets_the_same_answer_and_no_mail(self):
        before = len(self.server.mails)
        stranger = Person(self.brain)
        self.assertEqual(stranger.ask("POST", "/api/v1/auth/password-reset/request", {"email": "nobody@example.test"}), (200, {"accepted": True}))
        status, page = self.brain.ask("GET", "/api/v1/users")
        self.assertNotIn("nobody@example.test", json.dumps(page))
        self.assertEqual(len(self.server.mails), before)


class AccountsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)

    def make(self, name, **more):
        person = Person(self.brain, f"{name}@example.test", fresh_password())
        status, made = self.brain.ask("POST", "/api/v1/users", {"email": person.email, "password": person.password, **more})
        self.assertEqual(status, 201, made)
        person.id = made["id"]
        self.assertEqual(person.sign_in()[0], 200)
        return person

    def test_two_administrators_who_demote_each_other_cannot_both_win(self):
        brain = Brain.with_admin().start().sign_in()
        self.addCleanup(brain.remove)
        first = Person(brain, EMAIL, brain.password)
        self.assertEqual(first.sign_in()[0], 200)
        me = first.ask("GET", "/api/v1/auth/me")[1]
        for turn in range(5):
            status, made = first.ask("POST", "/api/v1/users", {"email": f"second{turn}@example.test", "password": (password := fresh_password()), "is_admin": True})
            self.assertEqual(status, 201, made)
            second = Person(brain, f"second{turn}@example.test", password)
            self.assertEqual(second.sign_in()[0], 200)
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                jobs = [pool.submit(who.ask, "PATCH", f"/api/v1/users/{whom}", {"is_admin": False}) for who, whom in ((first, made["id"]), (second, me["id"]))]
                answers = sorted(job.result()[0] for job in jobs)
            self.assertEqual(answers[0], 200, answers)
            self.assertIn(answers[1], (403, 409))
            admins = [person for person in (first, second) if person.ask("GET", "/api/v1/users")[0] == 200]
            self.assertEqual(len(admins), 1)
            if admins[0] is second:
                first, me = second, {"id": made["id"]}

    def test_a_role_taken_away_ends_at_the_next_request(self):
        ann = self.make("ann")
        status, member = self.brain.ask("POST", "/api/v1/projects/default/memberships", {"user_id": ann.id, "role": "operator"})
        self.assertEqual(status, 201, member)
        self.assertEqual(ann.ask("GET", "/api/v1/projects/default/tasks")[0], 200)
        self.assertEqual(self.brain.ask("DELETE", f"/api/v1/projects/default/memberships/{member['id']}")[0], 204)
        self.assertEqual(ann.ask("GET", "/api/v1/projects/default/tasks")[0], 404)
        self.assertEqual(self.brain.ask("PATCH", f"/api/v1/users/{ann.id}", {"is_active": False})[0], 200)
        self.assertFalse(ann.is_in())
        self.assertEqual(ann.sign_in()[0], 401)

    def test_a_given_password_must_be_changed_first(self):
        bob = self.make("bob")
        given = fresh_password()
        self.assertEqual(self.brain.ask("POST", f"/api/v1/users/{bob.id}/password", {"new_password": given})[0], 204)
        self.assertFalse(bob.is_in())
        bob.password = given
        status, answer = bob.sign_in()
        self.assertEqual((status, answer["password_change_required"]), (200, True))
        status, refused = bob.ask("GET", "/api/v1/projects")
        self.assertEqual((status, refused["details"]["reason"]), (403, "password_change_required"))
        own = fresh_password()
        self.assertEqual(bob.ask("POST", "/api/v1/auth/change-password", {"current_password": given, "new_password": own})[0], 200)
        self.assertEqual(bob.ask("GET", "/api/v1/projects")[0], 200)

    def test_sessions_are_listed_and_the_others_end_at_once(self):
        cat = self.make("cat")
        others = [Person(self.brain, cat.email, cat.password) for _ in range(2)]
        for other in others:
            self.assertEqual(other.sign_in(remember_me=True)[0], 200)
        listed = cat.ask("GET", "/api/v1/auth/sessions")[1]
        self.assertEqual((len(listed), sum(s["is_current"] for s in listed)), (3, 1))
        self.assertEqual(cat.ask("POST", "/api/v1/auth/sessions/revoke-others"), (200, {"revoked": 2}))
        self.assertTrue(cat.is_in())
        self.assertFalse(any(other.is_in() for other in others))

    def test_a_sign_in_replaces_the_session_that_came_along(self):
        dan = self.make("dan")
        before = Person(self.brain, dan.email, dan.password)
        before.cookies = dict(dan.cookies)
        self.assertEqual(dan.sign_in()[0], 200)
        self.assertNotEqual(before.cookies, dan.cookies)
        self.assertFalse(before.is_in())
        self.assertTrue(dan.is_in())

    def test_guesses_from_elsewhere_do_not_lock_the_owner_out(self):
        eve = self.make("eve")
        for i in range(12):
            guesser = Person(self.brain, eve.email, "Not-the-password-1", source=f"127.0.9.{i % 3 + 1}")
            self.assertEqual(guesser.sign_in()[0], 401)
        self.assertEqual(Person(self.brain, eve.email, eve.password, source="127.0.9.1").sign_in()[0], 401)
        self.assertEqual(Person(self.brain, eve.email, eve.password).sign_in()[0], 200)


    def test_a_rush_of_right_sign_ins_is_bounded_and_told_when_to_come_back(self):
        fay = self.make("fay")
        rush = [Person(self.brain, fay.email, fay.password, source=f"127.0.8.{i + 1}") for i in range(50)]
        with concurrent.futures.ThreadPoolExecutor(len(rush)) as pool:
            answers = list(pool.map(lambda person: person.sign_in()[0], rush))
        self.assertLessEqual(set(answers), {200, 429, 503})
        self.assertGreater(answers.count(200), 0)
        for person, status in zip(rush, answers):
            if status != 200:
                self.assertGreater(int(person.headers["Retry-After"]), 0)
        self.assertTrue(fay.is_in())


class CommandsTest(unittest.TestCase):
    """The database is the brain's own, and the brain is not running."""

    def setUp(self):
        self.brain = Brain(environment={"Z4J_SECRET": "s" * 40, "Z4J_SESSION_SECRET": "t" * 40})
        self.addCleanup(self.brain.remove)

    def run_it(self, *arguments, expected=0, stdin=""):
        done = subprocess.run([PROGRAM, *arguments], env=self.brain.environment, capture_output=True, text=True, timeout=60, check=False, input=stdin)
        self.assertEqual(done.returncode, expected, (arguments, done.stdout, done.stderr))
        return done

    def test_accounts_by_command_and_their_exit_codes(self):
        first, second = fresh_password(), fresh_password()
        self.run_it("bootstrap-admin", "--email", "root@example.test", expected=2)
        self.run_it("bootstrap-admin", "--email", "root@example.test", "--password-stdin", expected=2, stdin="short\n")
        done = self.run_it("bootstrap-admin", "--email", "Root@example.test", "--display-name", "Root", "--password-stdin", stdin=first + "\n")
        self.assertIn("root@example.test", done.stdout)
        self.run_it("createsuperuser", "--email", "other@example.test", "--password-stdin", expected=3, stdin=first + "\n")
        self.run_it("reset-setup", "--force", expected=2)
        listed = json.loads(self.run_it("users", "list", "--json").stdout)
        self.assertEqual([(u["email"], u["is_admin"], u["last_login_at"]) for u in listed], [("root@example.test", True, None)])

        self.brain.start()
        root = Person(self.brain, "root@example.test", first)
        self.assertEqual(root.sign_in()[0], 200)
        cookies = root.cookies
        self.brain.stop()
        self.run_it("changepassword", "nobody@example.test", "--password-stdin", expected=4, stdin=second + "\n")
        self.run_it("changepassword", "root@example.test", expected=2)
        self.run_it("changepassword", "root@example.test", "--password-stdin", expected=3, stdin="onlyletters\n")
        done = self.run_it("changepassword", "ROOT@example.test", "--password-stdin", stdin=second + "\n")
        self.assertNotIn(second, done.stdout + done.stderr)
        self.run_it("reset-mfa", "root@example.test", expected=2, stdin="somebody@example.test\n")
        self.run_it("reset-mfa", "root@example.test", stdin="root@example.test\n")
        self.run_it("reset-mfa", "nobody@example.test", "--confirm", expected=4)
        self.run_it("projects", "create", "bad slug", expected=1)
        self.run_it("projects", "create", "shop", "--name", "The shop")
        self.run_it("projects", "create", "shop", expected=1)
        self.assertEqual([p["slug"] for p in json.loads(self.run_it("projects", "list", "--json").stdout)], ["default", "shop"])
        self.run_it("audit", "verify")

        self.brain.start()
        old = Person(self.brain)
        old.cookies = cookies
        self.assertFalse(old.is_in())
        self.assertEqual(root.sign_in()[0], 401)
        root.password = second
        self.assertEqual(root.sign_in()[0], 200)

    def test_setup_begins_anew_and_a_database_is_emptied(self):
        self.run_it("reset-setup", expected=1)
        self.brain.start()
        wait_until(lambda: self.brain.get("/setup")[0] == 200, 20)
        self.brain.stop()
        self.run_it("reset-setup", "--force")
        self.run_it("bootstrap-admin", "--email", "root@example.test", "--password-stdin", stdin=fresh_password() + "\n")
        self.run_it("reset", expected=1)
        self.assertEqual(len(json.loads(self.run_it("users", "list", "--json").stdout)), 1)
        self.run_it("reset", "--force")
        self.assertEqual(json.loads(self.run_it("users", "list", "--json").stdout), [])
        self.run_it("audit", "verify")
        self.brain.start()
        self.assertEqual(self.brain.get("/api/v1/setup/status")[1], {"first_boot": True})


if __name__ == "__main__":
    unittest.main()
