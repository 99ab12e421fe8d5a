"""A real SMTP server with a mailbox (aiosmtpd), for tests of mail.

    with MailServer(tls="starttls", users={"z4j": "secret"}) as server:
        ... server.host, server.port, server.certificate (the file to trust) ...
        mail = server.wait_for(lambda mail: "reset" in mail["subject"])
"""
import email
import email.policy
import hashlib
import hmac
import logging
import pathlib
import shutil
import socket
import ssl
import tempfile
import threading
import time

import certificate
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, LoginPassword


logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # refused handshakes are what tests want
logging.captureWarnings(True)
logging.getLogger("py.warnings").setLevel(logging.CRITICAL)


class _Handler:
    """What the server does with a session; the wants of a test stand in its MailServer."""

    def __init__(self, server):
        self.server = server

    async def handle_EHLO(self, _server, session, _envelope, hostname, responses):
        session.host_name = hostname
        if self.server.auth == "only":  # the way that a test wants, and no other
            ways = " ".join(self.server.ways)
            responses = [f"250-AUTH {ways}" if line.startswith("250-AUTH") else line for line in responses]
        return responses

    async def handle_MAIL(self, _server, _session, envelope, address, options):
        if address in self.server.refused_senders:
            return self.server.refused_senders[address]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(self, _server, _session, envelope, address, options):
        if address in self.server.refused:
            return self.server.refused[address]
        with self.server.lock:
            tries = self.server.tries[address] = self.server.tries.get(address, 0) + 1
        if tries <= self.server.greylist:
            return "451 4.7.1 greylisted, come again"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, _server, session, envelope):
        mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        with self.server.lock:
            self.server.mails.append(mail)
            self.server.raw.append(envelope.original_content)
            self.server.envelopes.append((envelope.mail_from, list(envelope.rcpt_tos)))
            self.server.signed_in_as.append(getattr(session.auth_data, "login", session.auth_data))
            number = len(self.server.mails)
        return f"250 2.0.0 Ok: queued as TEST{number:04}"

    async def auth_CRAM__MD5(self, server, _args):
        challenge = b"<1896.697170952@mail.test>"
        answer = await server.challenge_auth(challenge)
        if answer is MISSING:
            return AuthResult(success=False)
        user, _, digest = answer.decode().rpartition(" ")
        wanted = hmac.new(self.server.users.get(user, "").encode(), challenge, hashlib.md5).hexdigest()
        good = user in self.server.users and hmac.compare_digest(digest, wanted)
        return AuthResult(success=good, handled=False, auth_data=user.encode())

    async def auth_XOAUTH2(self, server, _args):
        answer = await server.challenge_auth("")
        if answer is MISSING:
            return AuthResult(success=False)
        fields = dict(part.split("=", 1) for part in answer.decode().split("\x01") if "=" in part)
        user = fields.get("user", "")
        good = fields.get("auth") == f"Bearer {self.server.tokens.get(user)}" and user in self.server.tokens
        if not good:
            await server.challenge_auth('{"status":"401"}')
        return AuthResult(success=good, handled=False, auth_data=user.encode())


class MailServer:
    """tls: "starttls", "implicit" or None. refused: recipient -> reply. greylist: so many first tries per recipient get a 451.
    ways: the AUTH ways it offers, else all."""

    def __init__(self, tls="starttls", users=None, tokens=None, refused=None, refused_senders=None, greylist=0, size_limit=None, ways=None,
                 certificate_for="localhost"):
        self.tls, self.users, self.tokens = tls, users or {}, tokens or {}
        self.refused, self.refused_senders, self.greylist = refused or {}, refused_senders or {}, greylist
        self.size_limit, self.ways = size_limit, ways
        self.auth = "only" if ways else "all"
        self.host = "localhost"
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_mail_"))
        self.certificate, self._key, _ = certificate.make(self.folder, certificate_for)
        self.lock = threading.Lock()
        self.mails, self.raw, self.envelopes, self.signed_in_as, self.tries = [], [], [], [], {}

    def _authenticate(self, _server, _session, _envelope, _mechanism, data):
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        user = data.login.decode()
        good = user in self.users and hmac.compare_digest(self.users[user].encode(), data.password)
        return AuthResult(success=good, handled=False, auth_data=data)

    def __enter__(self):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self._key)
        more = {"data_size_limit": self.size_limit} if self.size_limit else {}

        class Served(Controller):
            def factory(inner):
                return SMTP(inner.handler, hostname="mail.test", enable_SMTPUTF8=False, authenticator=self._authenticate,
                            auth_require_tls=self.tls == "starttls", auth_required=False,
                            tls_context=context if self.tls == "starttls" else None, **more)

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Served(_Handler(self), hostname="127.0.0.1", port=self.port, ssl_context=context if self.tls == "implicit" else None)
        self._controller.start()
        return self

    def __exit__(self, *_):
        self._controller.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def found(self, wanted=lambda mail: True):
        with self.lock:
            return next((mail for mail in self.mails if wanted(mail)), None)

    def wait_for(self, wanted=lambda mail: True, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            mail = self.found(wanted)
            if mail is not None:
                return mail
            time.sleep(0.05)
        raise AssertionError(f"no such mail within {seconds} s; there are: {[str(mail['subject']) for mail in self.mails]}")

    def settings(self, sender="z4j@example.test", **more):
        """The variables of a brain whose relay this is."""
        return {"Z4J_SMTP_HOST": self.host, "Z4J_SMTP_PORT": str(self.port), "Z4J_SMTP_CA_FILE": str(self.certificate), "Z4J_SMTP_FROM": sender,
                "Z4J_SMTP_TLS": {"starttls": "starttls", "implicit": "implicit", None: "none"}[self.tls], **more}

    def channel(self, to, sender="z4j@example.test", **more):
        """The config of an e-mail channel through it; the brain must open it as an internal target, with this port."""
        return {"smtp_host": self.host, "smtp_port": self.port, "smtp_tls": self.tls is not None,
                "smtp_tls_mode": self.tls or "auto", "from_addr": sender, "to_addrs": list(to), **more}


def text_of(mail):
    """The plain text of a mail."""
    return mail.get_body(("plain",)).get_content()


