"""Idle is cheap: hundreds of connections and sockets cost no thread and hold nobody up, and a brain that nobody looks at rests."""
import http.client
import os
import pathlib
import re
import resource
import socket
import time
import unittest
import urllib.parse

import database
from brain import Brain, wait_until
from demo_fleet import DemoFleet
from websocket import WebSocket

IDLE = int(os.environ.get("Z4J_TEST_IDLE", "500"))
POOL = 32  # threads for requests at once, each made when it is needed
KEPT = 512  # descriptors that the brain keeps back for its database, plugins and files
CONNECTION_BYTES, OTHER_BYTES = 32 << 10, 64 << 20  # an idle one holds so much at most; beside them
SOCKETS = 50  # the cap for one person
REST_SECONDS = 30
SETTLE_SECONDS = 3
FLEET_QUERIES = 15  # a second: what workers and queues look like is looked up and stored every few seconds


class IdleTest(unittest.TestCase):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096 + IDLE), hard), hard))
        self.brain = Brain.with_admin().start()
        self.addCleanup(self.brain.remove)
        self.brain.sign_in()

    def idle_connection(self):
        address = urllib.parse.urlsplit(self.brain.url)
        s = socket.create_connection((address.hostname, address.port), 10)
        self.addCleanup(s.close)
        s.sendall(f"GET /api/v1/health HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
        answer = b""
        while b'{"status":"ok"}' not in answer:
            more = s.recv(4096)
            self.assertTrue(more, answer)
            answer += more
        self.assertTrue(answer.startswith(b"HTTP/1.1 200"), answer)
        self.assertNotIn(b"connection: close", answer.lower())
        return s

    def dashboard(self):
        ws = WebSocket(self.brain.url, "/ws/dashboard", {"Cookie": self.brain.cookie_header(), "Origin": self.brain.url})
        self.addCleanup(ws.close)
        self.assertEqual(ws.status, 101)
        ws.send({"type": "subscribe", "project_id": self.brain.project("")["id"]})
        return ws

    def test_500_idle_connections_and_50_dashboards_leave_room_and_add_no_thread(self):
        for _ in range(20):  # the pools are at their size after some use
            self.idle_connection().close()
        warm = self.dashboard()
        self.assertEqual(warm.receive(), {"type": "ready"})
        threads = self.brain.threads()
        idle = [self.idle_connection() for _ in range(IDLE)]
        sockets = [warm] + [self.dashboard() for _ in range(SOCKETS - 1)]
        for ws in sockets[1:]:
            self.assertEqual(ws.receive(), {"type": "ready"})
        self.assertEqual(self.brain.get("/api/v1/health/ready"), (200, {"status": "ready"}))
        self.assertEqual(len(self.brain.project("/tasks?limit=1")["items"]), 0)
        self.assertLessEqual(self.brain.threads(), threads)
        for ws in sockets:  # and all are still there
            ws.send({"type": "ping"})
            self.assertEqual(ws.receive(), {"type": "pong"})
        address = urllib.parse.urlsplit(self.brain.url)
        for s in idle[:: IDLE // 20]:
            s.sendall(f"GET /api/v1/health HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200"))

        one_more = self.dashboard()
        self.assertEqual(one_more.receive(), ("close", 4402))

    def memory(self):
        return int(re.search(r"^VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{self.brain.process.pid}/status").read_text(), re.M).group(1)) << 10

    def over(self, kept, path):
        """The answer, over a connection that is open already."""
        kept.request("GET", path)
        answer = kept.getresponse()
        text = answer.read().decode()
        self.assertEqual(answer.status, 200, text)
        return text

    def figure(self, kept, name):
        return int(re.search(rf"^{name} (\d+)$", self.over(kept, "/metrics"), re.M).group(1))

    def test_connections_up_to_the_limit_are_kept_and_one_more_is_closed(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.assertGreater(hard, IDLE + KEPT + 64, "ulimit -Hn is too low for this test")
        limit = IDLE + KEPT
        room = limit - min(limit // 2, KEPT)
        self.brain.stop()
        self.brain.start(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
        address = urllib.parse.urlsplit(self.brain.url)
        kept = http.client.HTTPConnection(address.hostname, address.port, timeout=10)
        self.over(kept, "/api/v1/health")
        for _ in range(20):  # the pools are at their size after some use
            self.idle_connection().close()
        wait_until(lambda: self.figure(kept, "z4j_front_connections") == 1)
        threads, memory = self.brain.threads(), self.memory()
        for opened in range(1, room):
            self.idle_connection()
            if opened % 500 == 0:
                self.assertEqual(self.over(kept, "/api/v1/health"), '{"status":"ok"}')
        self.assertEqual(self.figure(kept, "z4j_front_connections"), room)
        grown = self.memory() - memory
        print(f"{room} idle connections: {grown / room / 1024:.1f} KiB each, {self.brain.threads() - threads} threads more", flush=True)
        self.assertLess(grown, room * CONNECTION_BYTES + OTHER_BYTES)
        self.assertLessEqual(self.brain.threads(), threads + POOL)
        with socket.create_connection((address.hostname, address.port), 10) as one_more:
            self.assertEqual(one_more.recv(1), b"")
        self.assertEqual(self.figure(kept, "z4j_front_connections_refused_total"), 1)
        self.over(kept, "/api/v1/health/ready")
        kept.close()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.brain.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    if database.KIND == "postgresql":  # nobody counts them on SQLite
        def queries_at_rest(self, what):
            time.sleep(SETTLE_SECONDS)  # what a start does is over; this and the rest are the scenario
            cpu, asked = self.cpu_seconds(), database.queries(self.brain.made)
            time.sleep(REST_SECONDS)
            cpu, asked = self.cpu_seconds() - cpu, database.queries(self.brain.made) - asked
            print(f"{what} for {REST_SECONDS} s: {100 * cpu / REST_SECONDS:.2f} % of a core, {asked} queries", flush=True)
            return asked

        def test_a_brain_without_viewers_asks_its_database_less_than_once_a_second(self):
            asked = self.queries_at_rest("idle")
            self.assertLess(asked, REST_SECONDS)
            self.assertGreater(asked, 0)

        def test_a_fleet_without_tasks_costs_its_database_little(self):
            fleet = DemoFleet()
            self.addCleanup(fleet.remove)
            self.brain.stop()
            self.brain.config.write_text(fleet.brain_config())
            self.brain.start().sign_in()
            wait_until(lambda: sum(w["state"] == "online" for w in self.brain.project("/workers")) == 4, 60)
            asked = self.queries_at_rest("idle with four idle workers")
            self.assertLess(asked, REST_SECONDS * FLEET_QUERIES)


if __name__ == "__main__":
    unittest.main()
