"""An agent's side of the wire protocol, small and open to misuse: every frame can be changed before it goes out."""
import base64
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import secrets
import sys
import time
import uuid

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from websocket import WebSocket  # noqa: E402

CELERY = ["add_consumer", "bulk_retry", "cancel_consumer", "cancel_task", "pool_grow", "pool_shrink", "purge_queue", "rate_limit", "restart_worker",
          "retry_by_reference_v1", "retry_task", "submit_task"]


def now_text(shift_s=0):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=shift_s)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def event(kind, task_id, engine="celery", at=None, **data):
    """An event object as agents send it."""
    return {"id": str(uuid.uuid4()), "kind": kind, "engine": engine, "task_id": task_id, "occurred_at": at or now_text().replace("Z", "+00:00"), "data": data}


class Closed(Exception):
    def __init__(self, code, reason):
        super().__init__(f"closed with {code} {reason}")
        self.code, self.reason = code, reason


class WireAgent:
    """One process of an agent. minted is the answer to minting: agent, token, hmac_secret."""

    def __init__(self, url, minted, worker_id=None, tls=None, timeout=20):
        self.url, self.token, self.tls, self.timeout = url, minted["token"], tls, timeout
        self.key = base64.urlsafe_b64decode(minted["hmac_secret"])
        self.worker_id = worker_id or f"bare-{os.getpid()}-{secrets.token_hex(4)}"
        self.socket, self.ids, self.seq, self.inbox = None, {}, 0, []

    def connect(self, **changes):
        """Upgrade and handshake; changes are members of hello's payload (None takes one out). The payload of hello_ack."""
        self.open()
        self.send_text(self.hello(**changes))
        ack = self.receive()
        assert ack["type"] == "hello_ack", ack
        self.ids = {name: ack["payload"][name] for name in ("agent_id", "project_id", "session_id")}
        return ack["payload"]

    def open(self):
        self.socket = WebSocket(self.url, "/ws/agent", {"Authorization": f"Bearer {self.token}"}, self.timeout, self.tls)
        self.seq, self.inbox = 0, []
        assert self.socket.status == 101, (self.socket.status, self.socket.body)

    def hello(self, **changes):
        payload = {"protocol_version": "2", "agent_version": "1.12.0", "framework": "bare", "engines": ["celery"], "schedulers": [], "capabilities": {"celery": CELERY},
                   "host": {"name": "wire"}, "worker_id": self.worker_id, "worker_role": None, "worker_pid": os.getpid(), "worker_started_at": now_text(),
                   "runtime_features": ["retry_by_reference", "external_schedule_protocol_v1"], **changes}
        payload = {name: value for name, value in payload.items() if name not in changes or value is not None}
        return json.dumps({"v": 2, "id": f"hello_{secrets.token_hex(8)}", "ts": None, "type": "hello", "payload": payload})

    def sign(self, kind, payload, frame_id=None, **changes):
        """A frame that is right, but for changes, which are signed too."""
        self.seq += 1
        frame = {"v": 2, "id": frame_id or f"{kind[:2]}_{secrets.token_hex(6)}", "ts": now_text(), "nonce": secrets.token_urlsafe(16), "seq": self.seq, "type": kind, "payload": payload, **changes}
        frame["hmac"] = hmac.new(self.key, canonical({**frame, **self.ids}), hashlib.sha256).hexdigest()
        return frame

    def send(self, kind, payload, frame_id=None, **changes):
        """Sends a frame; its id."""
        frame = self.sign(kind, payload, frame_id, **changes)
        self.send_text(json.dumps(frame))
        return frame["id"]

    def send_text(self, text):
        self.socket.send_bytes(text.encode())

    def send_events(self, *events, frame_id=None):
        return self.send("event_batch", {"events": list(events)}, frame_id or f"ev_{uuid.uuid4().hex}")

    def heartbeat(self, **changes):
        return self.send("heartbeat", {"buffer_size": 0, "last_flush_at": None, "dropped_events": 0, "adapter_health": {}, **changes})

    def receive(self):
        """The next frame, its signature checked; Closed when the brain has closed the connection."""
        frame = self.inbox.pop(0) if self.inbox else self.socket.receive()
        if isinstance(frame, tuple):
            raise Closed(frame[1], getattr(self.socket, "reason", ""))
        if frame["type"] not in ("hello", "hello_ack"):
            signed = {**{name: value for name, value in frame.items() if name != "hmac"}, **self.ids}
            assert hmac.compare_digest(frame["hmac"], hmac.new(self.key, canonical(signed), hashlib.sha256).hexdigest()), frame
        return frame

    def wait_for(self, wanted, seconds=20):
        """The first frame for which wanted() holds; the others are kept for later."""
        end, others = time.monotonic() + seconds, []
        try:
            while True:
                frame = self.receive()
                if wanted(frame):
                    return frame
                others.append(frame)
                if time.monotonic() > end:
                    raise AssertionError(f"not within {seconds} s; seen: {others}")
        finally:
            self.inbox = others + self.inbox

    def acked(self, frame_id, seconds=20):
        """The payload of that frame's ack."""
        return self.wait_for(lambda f: f["type"] == "event_batch_ack" and f["id"] == f"eba_{frame_id}"[:64], seconds)["payload"]

    def command(self, seconds=20):
        """The next command, acknowledged."""
        frame = self.wait_for(lambda f: f["type"] == "command", seconds)
        self.send("command_ack", {name: frame["payload"][name] for name in ("delivery_claim_token",) if name in frame["payload"]}, frame["id"])
        return frame

    def answer(self, command, status="success", result=None, error=None):
        claim = {name: command["payload"][name] for name in ("delivery_claim_token",) if name in command["payload"]}
        self.send("command_result", {"status": status, "result": result, "error": error, **claim}, command["id"])

    def closed(self, seconds=20):
        """Close code, once the brain closes; frames before it are thrown away."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self.receive()
            except Closed as close:
                return close.code
        raise AssertionError(f"still open after {seconds} s")

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None
