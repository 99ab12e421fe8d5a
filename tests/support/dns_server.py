"""A DNS server for tests: answers TXT questions over UDP from a dict, NXDOMAIN for all else."""
import socket
import struct
import threading


class DnsServer:
    """records: name -> list of texts."""

    def __init__(self, records):
        self.records, self.asked = records, []

    def __enter__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wake:
            wake.sendto(b"", self._socket.getsockname())
        self._thread.join(timeout=10)
        self._socket.close()

    def _serve(self):
        while True:
            question, client = self._socket.recvfrom(4096)
            if not question:
                return
            labels, at = [], 12
            while question[at]:
                labels.append(question[at + 1:at + 1 + question[at]].decode())
                at += 1 + question[at]
            name = ".".join(labels)
            self.asked.append(name)
            texts = self.records.get(name, [])
            answers = b""
            for text in texts:
                pieces = [text.encode()[i:i + 255] for i in range(0, len(text), 255)]
                data = b"".join(bytes([len(piece)]) + piece for piece in pieces)
                answers += b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(data)) + data
            head = question[:2] + struct.pack("!HHHHH", 0x8180 if texts else 0x8183, 1, len(texts), 0, 0)
            self._socket.sendto(head + question[12:at + 5] + answers, client)
