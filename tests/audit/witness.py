"""A witness (C2SP tlog-witness) as a process of its own: it remembers the last checkpoint of each log that it was told of and co-signs only what goes on from that.

    witness.py FILE KEY...      FILE keeps its state; prints its public key and its port
"""
import base64
import json
import pathlib
import secrets
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import proof


class Witness:
    def __init__(self, file, keys):
        self.file = pathlib.Path(file)
        self.logs = {}
        for key in keys:
            self.logs.setdefault(key.name, []).append(key)
        if not self.file.exists():
            self.file.write_text(json.dumps({"seed": secrets.token_hex(32), "seen": {}}))
        self.state = json.loads(self.file.read_text())
        self.signer = proof.Signer("witness.example/test", proof.COSIGNATURE, bytes.fromhex(self.state["seed"]))

    def add_checkpoint(self, body):
        """(status, answer)"""
        head, _, note = body.partition("\n\n")
        lines = head.split("\n")
        if not lines[0].startswith("old "):
            return 400, ""
        old, hashes = proof.number(lines[0][4:]), [proof.strict_base64(line) for line in lines[1:]]
        text, signatures = proof.parse_note(note)
        origin, size, root = proof.parse_checkpoint(text)
        keys = self.logs.get(origin)
        if keys is None:
            return 404, ""
        if not any([key.signed(text, signatures) is not None for key in keys]):
            return 403, ""
        if old > size:
            return 400, ""
        known, known_root = self.state["seen"].get(origin, (0, ""))
        if old != known or (old == size and known and base64.b64decode(known_root) != root):
            return 409, f"{known}\n"
        if not proof.is_consistent(old, base64.b64decode(known_root), size, root, hashes):
            return 422, ""
        self.state["seen"][origin] = (size, base64.b64encode(root).decode())
        self.file.write_text(json.dumps(self.state))
        return 200, self.signer.line(text, int(time.time()))


def main():
    witness = Witness(sys.argv[1], [proof.Key.parse(text) for text in sys.argv[2:]])

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            try:
                status, answer = witness.add_checkpoint(body) if self.path == "/add-checkpoint" else (404, "")
            except (proof.Refuted, ValueError, IndexError):
                status, answer = 403, ""
            data = answer.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(witness.signer.key.text(), server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
