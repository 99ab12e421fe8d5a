"""The little of RFC 6455 that the tests need: a client for /ws/dashboard and /ws/agent."""
import base64
import json
import os
import socket
import struct
import urllib.parse


class WebSocket:
    def __init__(self, url, path, headers=None, timeout=10, tls=None):
        """Opens one; status is 101, or body holds what was answered instead. tls is the SSLContext of an https address."""
        address = urllib.parse.urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout)
        if address.scheme == "https":
            self.socket = tls.wrap_socket(self.socket, server_hostname=address.hostname)
        self.stream = self.socket.makefile("rb")
        lines = [f"GET {address.path.rstrip('/')}{path} HTTP/1.1", f"Host: {address.netloc}", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", *(f"{k}: {v}" for k, v in (headers or {}).items())]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.status = int(self.stream.readline().split()[1])
        self.headers = {}
        while line := self.stream.readline().strip():
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        if self.status != 101:
            self.body = self.stream.read(int(self.headers.get("content-length", 0))).decode()
            self.close()

    def send(self, value):
        self.send_bytes(json.dumps(value).encode(), 1)

    def send_bytes(self, data, opcode=2):
        mask = os.urandom(4)
        size = len(data)
        head = bytes([0x80 | opcode]) + (bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size) if size < 65536 else b"\xff" + struct.pack(">Q", size))
        masked = int.from_bytes(data, "big") ^ int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        self.socket.sendall(head + mask + masked.to_bytes(size, "big"))

    def receive(self):
        """The next message, or ("close", code)."""
        while True:
            opcode, data = self.receive_bytes()
            if opcode == 8:
                self.reason = data[2:].decode()
                return "close", struct.unpack(">H", data[:2])[0] if len(data) >= 2 else 1005
            if opcode in (1, 2):
                return json.loads(data)

    def receive_bytes(self):
        """(opcode, data) of the next frame; a peer that ends without one counts as a close frame with code 1006."""
        head = self.stream.read(2)
        if len(head) < 2:
            return 8, struct.pack(">H", 1006)
        first, second = head
        size = second & 0x7F
        if size == 126:
            size = struct.unpack(">H", self.stream.read(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self.stream.read(8))[0]
        return first & 0x0F, self.stream.read(size)

    def close(self):
        self.stream.close()
        self.socket.close()
