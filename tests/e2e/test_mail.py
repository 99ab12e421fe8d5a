"""Mail through real relays: each way to sign in, TLS and its certificates, refusals, and smtp-test's account of them."""
import hashlib
import hmac
import http.server
import json
import pathlib
import shutil
import socket
import ssl
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import certificate  # noqa: E402
from brain import Brain, wait_until  # noqa: E402
from dns_server import DnsServer  # noqa: E402
from mail_server import MailServer, text_of  # noqa: E402

TO = "ops@example.test"
PASSWORD = "correct horse 42"


class SmtpTest(unittest.TestCase):
    def run_test(self, *arguments, expected, environment=None, seconds=20, dns="127.0.0.1:9"):
        brain = Brain(environment={"Z4J_SECRET": "s" * 40, "Z4J_SESSION_SECRET": "t" * 40, **(environment or {})})
        self.addCleanup(brain.stop)
        # Nobody is asked outside this machine.
        done = brain.run("smtp-test", "--to", TO, "--json", "--timeout", str(seconds), "--dns-server", dns, *arguments, timeout=120)
        self.assertEqual(expected, done.returncode, done.stdout + done.stderr)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        self.brain = brain
        return json.loads(done.stdout)

    def steps(self, seen):
        return {step["name"]: step for step in seen["steps"]}

    def signed_in(self, server, auth="auto"):
        return server.settings(Z4J_SMTP_USER="z4j@example.test", Z4J_SMTP_PASSWORD=PASSWORD, Z4J_SMTP_AUTH=auth)

    def test_a_mail_arrives_whole(self):
        with MailServer() as server:
            seen = self.run_test(environment=server.settings(), expected=0)
            mail = server.wait_for()
        self.assertEqual(["dns", "tcp", "greeting", "ehlo", "starttls", "ehlo", "mail from", "rcpt to", "data"], [step["name"] for step in seen["steps"]])
        self.assertTrue(all(step["good"] for step in seen["steps"]))
        self.assertIn("TLSv1", self.steps(seen)["starttls"]["text"])
        self.assertEqual("250 2.0.0 Ok: queued as TEST0001", seen["reply"])
        self.assertTrue(seen["audited"])
        self.assertEqual(TO, mail["to"])
        self.assertEqual("z4j <z4j@example.test>", str(mail["from"]))
        self.assertRegex(mail["message-id"], r"^<[0-9a-f-]{36}@example\.test>$")
        self.assertIn("+0000", mail["date"])
        self.assertEqual("auto-generated", mail["auto-submitted"])
        self.assertIn("smtp-test", text_of(mail))

    def test_the_test_stands_in_the_audit_log(self):
        with MailServer() as server:
            self.run_test(environment=server.settings(), expected=0)
        verdict = self.brain.run("audit", "verify", "--json")
        self.assertEqual(0, verdict.returncode, verdict.stdout + verdict.stderr)
        self.assertEqual(1, json.loads(verdict.stdout)["rows_verified"])

    def test_every_way_to_sign_in(self):
        for way in ("plain", "login", "cram-md5", "xoauth2"):
            with self.subTest(way=way), MailServer(users={"z4j@example.test": PASSWORD}, tokens={"z4j@example.test": PASSWORD}, ways=[way.upper()]) as server:
                seen = self.run_test(environment=self.signed_in(server, "auto" if way != "xoauth2" else way), expected=0)
                self.assertIn(way.upper(), self.steps(seen)["auth"]["text"])
                self.assertEqual([b"z4j@example.test"], server.signed_in_as)

    def test_a_wrong_password_is_3_and_is_not_shown(self):
        for way in ("plain", "login", "cram-md5", "xoauth2"):
            with self.subTest(way=way), MailServer(users={"z4j@example.test": "other"}, tokens={"z4j@example.test": "other"}) as server:
                seen = self.run_test(environment=self.signed_in(server, way), expected=3)
                self.assertEqual("auth", seen["stage"])
                self.assertEqual(535, seen["reply_code"])
                self.assertEqual([], server.mails)

    def test_implicit_tls(self):
        with MailServer(tls="implicit") as server:
            seen = self.run_test(environment=server.settings(), expected=0)
        self.assertEqual(["dns", "tcp", "tls", "greeting"], [step["name"] for step in seen["steps"]][:4])

    def test_no_password_without_tls(self):
        users = {"z4j@example.test": PASSWORD}
        with MailServer(tls=None, users=users) as server:  # CRAM-MD5 sends none
            seen = self.run_test(environment=self.signed_in(server), expected=0)
            self.assertIn("CRAM-MD5", self.steps(seen)["auth"]["text"])
        with MailServer(tls=None, users=users, ways=["PLAIN", "LOGIN", "XOAUTH2"]) as server:
            seen = self.run_test(environment=self.signed_in(server), expected=3)
            self.assertIn("without TLS", seen["error"])
            self.assertEqual([], server.mails)

    def test_no_way_back_to_plain_text(self):
        with MailServer(tls=None) as server:
            seen = self.run_test(environment={**server.settings(), "Z4J_SMTP_TLS": "starttls"}, expected=2)
            self.assertIn("no STARTTLS", seen["error"])
            self.assertEqual([], server.mails)

    def test_a_certificate_that_nobody_vouches_for(self):
        for tls in ("starttls", "implicit"):
            with self.subTest(tls=tls), MailServer(tls=tls) as server, MailServer() as other:
                for authorities in ("", str(other.certificate)):
                    seen = self.run_test(environment={**server.settings(), "Z4J_SMTP_CA_FILE": authorities}, expected=2)
                    self.assertIn("certificate", seen["error"].lower())
                self.assertEqual([], server.mails)

    def test_a_certificate_of_another_name(self):
        with MailServer(certificate_for="mail.elsewhere.test") as server:
            for host in ("localhost", "127.0.0.1"):
                seen = self.run_test(environment={**server.settings(), "Z4J_SMTP_HOST": host}, expected=2)
                self.assertIn("certificate", seen["error"].lower())
            self.assertEqual([], server.mails)

    def test_refused_recipients_and_senders_are_4(self):
        with MailServer(refused={TO: "550 5.1.1 no such user"}) as server:
            seen = self.run_test(environment=server.settings(), expected=4)
            self.assertEqual(("rcpt to", 550, "550 5.1.1 no such user"), (seen["stage"], seen["reply_code"], seen["reply"]))
        with MailServer(refused_senders={"z4j@example.test": "553 5.7.1 not yours"}) as server:
            seen = self.run_test(environment=server.settings(), expected=4)
            self.assertEqual(("mail from", 553), (seen["stage"], seen["reply_code"]))

    def test_a_mail_larger_than_the_relay_takes(self):
        with MailServer(size_limit=200) as server:
            seen = self.run_test(environment=server.settings(), expected=4)
            self.assertIn("at most 200", seen["error"])

    def test_a_silent_or_dripping_relay_ends_in_time(self):
        for drip in (b"", b"2"):
            with self.subTest(drip=drip), socket.create_server(("127.0.0.1", 0)) as listener:
                over = threading.Event()

                def serve(listener=listener, over=over, drip=drip):
                    connection, _ = listener.accept()
                    with connection:
                        while not over.wait(0.2):
                            try:
                                connection.sendall(drip)
                            except OSError:
                                return

                thread = threading.Thread(target=serve)
                thread.start()
                try:
                    seen = self.run_test(environment={"Z4J_SMTP_HOST": "127.0.0.1", "Z4J_SMTP_PORT": str(listener.getsockname()[1]), "Z4J_SMTP_FROM": "z4j@example.test"},
                                         expected=2, seconds=3)
                    self.assertEqual("greeting", seen["stage"])
                    self.assertIn("in time", seen["error"])
                finally:
                    over.set()
                    thread.join(timeout=30)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        seen = self.run_test(environment={"Z4J_SMTP_HOST": "127.0.0.1", "Z4J_SMTP_PORT": str(port), "Z4J_SMTP_FROM": "z4j@example.test"}, expected=2)
        self.assertEqual("tcp", seen["stage"])

    def test_commands_do_not_ride_in_addresses(self):
        with MailServer() as server:
            for sender in ("a@b.test>\r\nRCPT TO:<x@y.test", "a@b.test\nBcc: x@y.test", "no address"):
                seen = self.run_test("--from", sender, environment=server.settings(), expected=1)
                self.assertFalse(seen["accepted"])
            self.assertEqual([], server.mails)

    def test_row_27_of_the_troubleshooting_page_smtp_is_not_configured(self):
        seen = self.run_test(expected=1)
        self.assertIn("Z4J_SMTP_HOST", seen["error"])

    def test_row_28_of_the_troubleshooting_page_each_step_for_people(self):
        with MailServer() as server:
            brain = Brain(environment={"Z4J_SECRET": "s" * 40, "Z4J_SESSION_SECRET": "t" * 40, **server.settings()})
            self.addCleanup(brain.stop)
            done = brain.run("smtp-test", "--to", TO, "--dns-server", "127.0.0.1:9", timeout=120)
            self.assertEqual(0, done.returncode, done.stdout + done.stderr)
            for word in ("settings", "dns", "tcp", "greeting", "ehlo", "starttls", "mail from", "rcpt to", "data", "queued as TEST0001"):
                self.assertIn(word, done.stdout)

    def test_row_29_of_the_troubleshooting_page_spf_dkim_dmarc(self):
        long = "v=DKIM1; k=rsa; p=" + "A" * 400
        records = {"example.test": ["v=spf1 -all", "other=1"], "_dmarc.example.test": ["v=DMARC1; p=reject"], "z4j._domainkey.example.test": [long]}
        with MailServer() as server, DnsServer(records) as names:
            seen = self.run_test("--dkim-selector", "z4j", environment=server.settings(), expected=0, dns=names.address)
            self.assertEqual(["v=spf1 -all"], seen["dns"]["spf"]["records"])
            self.assertEqual(["v=DMARC1; p=reject"], seen["dns"]["dmarc"]["records"])
            self.assertEqual([long], seen["dns"]["dkim"]["records"])
            names.records.clear()
            seen = self.run_test(environment=server.settings(), expected=0, dns=names.address)
            self.assertEqual([], seen["dns"]["spf"]["records"])
            self.assertIsNone(seen["dns"]["dkim"])

    def test_row_30_of_the_troubleshooting_page_the_last_reply_is_kept(self):
        with MailServer(greylist=1) as server:
            seen = self.run_test(environment=server.settings(), expected=4)
            self.assertEqual((451, "451 4.7.1 greylisted, come again"), (seen["reply_code"], seen["reply"]))
            self.assertIn("451", self.steps(seen)["rcpt to"]["text"])


class WebhookTest(unittest.TestCase):
    """One message of each kind of answer, over TLS, from a real brain to a receiver on this machine."""

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="z4j_hook_")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        cert, key, _ = certificate.make(folder)
        self.seen, self.answers = [], []
        test = self

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                test.seen.append((self.path, dict(self.headers), body))
                status, headers = test.answers.pop(0) if test.answers else (200, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"seen")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.port = self.server.server_address[1]
        self.cert = str(cert)

    def brain(self, **environment):
        brain = Brain.with_admin(**environment).start()
        self.addCleanup(brain.stop)
        brain.sign_in()
        return brain

    def test_signed_webhooks_reach_an_opened_target_and_no_other(self):
        brain = self.brain(Z4J_NOTIFICATIONS_INTERNAL_TARGETS=f"localhost:{self.port}", Z4J_NOTIFICATIONS_CA_FILE=self.cert)

        def test(url):
            return brain.ask("POST", "/api/v1/user/channels/test", {"type": "webhook", "config": {"url": url, "hmac_secret": "s3cret"}})

        def first():
            status, answer = test(f"https://localhost:{self.port}/hook?a=%2F")
            return answer if status == 200 and answer.get("success") else None

        answer = wait_until(first)  # plugins start after the brain
        self.assertEqual(200, answer["status_code"])
        path, headers, body = self.seen[-1]
        self.assertEqual("/hook?a=%2F", path)
        self.assertEqual("z4j-brain/notification-webhook", headers["User-Agent"])
        signed = hmac.new(b"s3cret", headers["X-Z4J-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
        self.assertEqual(f"sha256={signed}", headers["X-Z4J-Signature"])
        self.assertEqual("z4j.test", json.loads(body)["trigger"])

        self.answers = [(302, {"Location": f"https://127.0.0.1:{self.port}/inside"})]
        status, answer = test(f"https://localhost:{self.port}/moved")
        self.assertEqual((200, False, 302), (status, answer["success"], answer["status_code"]))
        count = len(self.seen)
        for url in (f"https://127.0.0.1:{self.port}/", "https://169.254.169.254/latest/meta-data/", f"http://localhost:{self.port}/",
                    f"https://user:pass@localhost:{self.port}/", f"https://[::ffff:127.0.0.1]:{self.port}/"):
            status, answer = test(url)
            self.assertFalse(status == 200 and answer["success"], url)
        self.assertEqual(count, len(self.seen))


if __name__ == "__main__":
    unittest.main()
