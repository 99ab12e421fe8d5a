"""What can be wrong with the PostgreSQL server when the brain starts: one clear sentence each, and no password in it."""
import select
import socket
import subprocess
import threading
import unittest
import urllib.parse

import database
from brain import Brain


class Between:
    """Stands at a TCP port before the server's socket; may change what the server says."""

    def __init__(self, server, change=lambda said: said):
        self.path, self.change = f"{server.folder}/.s.PGSQL.5432", change
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as server:
            try:
                server.connect(self.path)
                while True:
                    for start in select.select([client, server], [], [])[0]:
                        said = start.recv(65536)
                        if not said:
                            return
                        if start is client:
                            server.sendall(said)
                        else:
                            client.sendall(self.change(said))
            except OSError:
                pass  # one of them is gone

    def close(self):
        self.listener.close()


class PostgresqlServerTest(unittest.TestCase):
    def setUp(self):
        self.server = database.server()
        self.made = database.make()
        self.addCleanup(database.drop, self.made)
        self.url = self.made["Z4J_DATABASE_URL"]
        self.name = self.url.split("?")[0].rsplit("/", 1)[1]

    def between(self, *change):
        between = Between(self.server, *change)
        self.addCleanup(between.close)
        return f"postgresql://{self.server.user}:{self.server.password}@127.0.0.1:{between.port}/{self.name}"

    def assert_refused(self, url, *words):
        """It does not start, and says these words."""
        brain = Brain(environment={"Z4J_DATABASE_URL": url})
        self.addCleanup(brain.remove)
        done = brain.run("serve")
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, said)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(len([line for line in done.stderr.splitlines() if line.startswith("z4j-brain: ")]), 1, said)
        for secret in (urllib.parse.urlsplit(url).password, self.server.password):
            self.assertNotIn(secret, said)

    def start(self, url):
        brain = Brain(environment={"Z4J_DATABASE_URL": url})
        self.addCleanup(brain.remove)
        return brain.start()

    def test_a_wrong_password(self):
        self.assert_refused(self.url.replace(self.server.password, "s3cret-word"), "does not let user z4j in", "check user and password")

    def test_a_database_that_is_not_there(self):
        self.assert_refused(self.server.url_of("nowhere"), "there is no database nowhere", "create it")

    def test_a_server_that_is_not_there(self):
        with socket.socket() as s:  # bound and not listening: nobody else gets the port
            s.bind(("127.0.0.1", 0))
            self.assert_refused(f"postgresql://z4j:s3cret-word@127.0.0.1:{s.getsockname()[1]}/postgres", "cannot reach database postgres", "is the server running")

    def test_a_host_that_is_not_there(self):
        self.assert_refused("postgresql://z4j:s3cret-word@no-such-host.invalid/postgres", "no-such-host.invalid", "is url right")

    def test_a_read_only_replica(self):
        self.server.sql(f"ALTER DATABASE {self.name} SET default_transaction_read_only TO on")
        self.assert_refused(self.url, "takes no writes", "give the address of the primary")

    def test_a_standby(self):
        self.start(self.url).stop()  # the tables are there, as they would be
        with database.standby() as standby:
            self.assertEqual(standby.sql("SELECT pg_is_in_recovery()"), "t")
            self.assert_refused(standby.url_of(self.name), "takes no writes", "give the address of the primary")
            # The same server is good once it is the primary.
            standby.sql("SELECT pg_promote()")
            self.assertEqual(self.start(standby.url_of(self.name)).get("/api/v1/health/ready")[0], 200)

    def test_a_server_without_the_tls_that_is_asked_for(self):
        self.assert_refused(self.between() + "?sslmode=require", "no TLS", "turn it on in the server")

    def test_a_server_that_is_too_old(self):
        version = self.server.sql("SHOW server_version").split(".")[0].encode()
        older = self.between(lambda said: said.replace(b"server_version\0" + version, b"server_version\0" + b"13"))
        self.assert_refused(older, "runs PostgreSQL 13", "version 14 or newer is needed")

    def test_a_schema_of_a_newer_program(self):
        self.start(self.url).stop()
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", "UPDATE z4j.z4j_store SET value = 99 WHERE name = 'schema'"],
                       check=True, timeout=60)
        self.assert_refused(self.url, "start the newer program, or restore the backup")

    def test_the_way_between_changes_nothing_by_itself(self):
        self.assertEqual(self.start(self.between()).get("/api/v1/health/ready")[0], 200)


if __name__ == "__main__":
    unittest.main()
