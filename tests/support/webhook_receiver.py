"""A webhook receiver with TLS for localhost that keeps what it is sent and answers as told."""
import hashlib
import hmac
import http.server
import json
import pathlib
import shutil
import ssl
import tempfile
import threading
import time

import certificate


class WebhookReceiver:
    """answers: statuses of the first requests, or (status, headers); 200 after that."""

    def __init__(self, answers=()):
        self.answers, self.lock, self.requests = list(answers), threading.Lock(), []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="z4j_hook_"))
        self.certificate, key, _ = certificate.make(self.folder)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.requests.append((self.path, dict(self.headers.items()), body))
                    answer = receiver.answers.pop(0) if receiver.answers else 200
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://localhost:{self.server.server_address[1]}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def settings(self):
        """The variables of a brain that may send here."""
        return {"Z4J_NOTIFICATIONS_INTERNAL_TARGETS": "localhost", "Z4J_NOTIFICATIONS_CA_FILE": str(self.certificate)}

    def bodies(self, trigger):
        with self.lock:
            said = [json.loads(body) for _, _, body in self.requests]
        return [body for body in said if body["trigger"] == trigger]

    def wait_for(self, trigger, count=1, seconds=90):
        end = time.monotonic() + seconds
        while len(self.bodies(trigger)) < count:
            if time.monotonic() > end:
                raise AssertionError(f"{count} of {trigger} did not come within {seconds} s: {self.bodies(trigger)}")
            time.sleep(0.05)
        return self.bodies(trigger)

    def is_signed(self, secret):
        """Every request so far."""
        with self.lock:
            for _, headers, body in self.requests:
                text = headers["X-Z4J-Timestamp"].encode() + b"." + body
                wanted = "sha256=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
                if not hmac.compare_digest(wanted, headers["X-Z4J-Signature"]):
                    return False
            return True
