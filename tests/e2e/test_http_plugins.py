"""Files and routes of a plugin, through the port of a whole brain: the example of the SDK."""
import http.client
import json
import pathlib
import shutil
import tempfile
import unittest
import urllib.parse

from brain import BUILD, Brain

CONFIG = """
[http]
root = "hello"

[plugin.hello]
plugin = "http-hello"
[plugin.hello.settings]
greeting = "good day"
"""


class Plugins:
    """A plugin folder with what a brain needs and the example."""

    def __init__(self, *names):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="z4j_plugins_"))
        for file in [*(BUILD / "plugins").glob("storage-*.so"), *(BUILD / "tests" / "plugins" / f"{name}.so" for name in names)]:
            shutil.copy(file, self.path)

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


def raw(brain, method, path, headers=None, body=None):
    """Status, headers and bytes."""
    address = urllib.parse.urlsplit(brain.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class HttpPluginTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plugins = Plugins("http-hello")
        cls.addClassCleanup(cls.plugins.remove)
        cls.brain = Brain.with_admin(CONFIG, Z4J_PLUGIN_DIRECTORY=str(cls.plugins.path))
        cls.addClassCleanup(cls.brain.remove)
        cls.brain.start().sign_in()

    def test_its_page_is_at_the_root_and_at_its_own_place(self):
        for path in ("/", "/ext/hello/", "/ext/hello/index.html"):
            status, headers, body = raw(self.brain, "GET", path)
            self.assertEqual(status, 200, path)
            self.assertIn(b"<title>hello</title>", body)
            self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
            self.assertIn("require-trusted-types-for", headers["Content-Security-Policy"])
            self.assertEqual(raw(self.brain, "GET", path, {"If-None-Match": headers["ETag"]})[0], 304)
        status, headers, body = raw(self.brain, "HEAD", "/")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 50)

    def test_any_address_of_a_page_is_the_page(self):
        status, _, body = raw(self.brain, "GET", "/projects/default/tasks", {"Accept": "text/html"})
        self.assertEqual(status, 200)
        self.assertIn(b"<title>hello</title>", body)
        for path in ("/projects", "/api/v1/nope", "/assets/nope.js"):
            status, _, body = raw(self.brain, "GET", path, {"Accept": "text/html" if path != "/projects" else "*/*"})
            self.assertEqual((status, json.loads(body)), (404, {"detail": "Not Found"}), path)

    def test_anybody_may_ask_the_public_route(self):
        status, headers, body = raw(self.brain, "GET", "/ext/hello/hello/you%20there")
        self.assertEqual(status, 200)
        self.assertEqual(json.loads(body), {"settings": {"greeting": "good day"}, "params": {"name": "you there"}})
        self.assertEqual(headers["Cache-Control"], "no-store")

    def test_the_other_route_wants_an_operator_and_his_token(self):
        path = "/ext/hello/projects/default/echo"
        self.assertEqual(raw(self.brain, "POST", path, body=b"x")[0], 401)
        self.assertEqual(raw(self.brain, "POST", path, {"Cookie": self.brain.cookie_header()}, b"x")[0], 403)
        self.assertEqual(self.brain.ask("POST", path, {"a": 1}), (200, {"a": 1}))
        self.assertEqual(self.brain.ask("POST", "/ext/hello/projects/nobody/echo", {"a": 1})[0], 404)
        status, answer = self.brain.ask("POST", path)
        self.assertEqual((status, answer["error"], answer["message"]), (422, "validation_error", "there is nothing to echo"))
        self.assertEqual(self.brain.ask("POST", path, "x" * 1000)[0], 413)
        self.assertEqual(self.brain.ask("POST", path, "x" * (2 << 20))[0], 413)  # the port's own bound

    def test_a_disabled_instance_answers_503_until_it_is_back(self):
        self.assertEqual(self.brain.ask("POST", "/api/v1/plugins/hello/disable")[0], 200)
        try:
            status, _, body = raw(self.brain, "GET", "/", {"Accept": "text/html"})
            self.assertEqual(status, 503)
            self.assertIn(b"its console is not", body)
        finally:
            self.assertEqual(self.brain.ask("POST", "/api/v1/plugins/hello/enable")[0], 200)
        self.assertEqual(raw(self.brain, "GET", "/")[0], 200)


class RootTest(unittest.TestCase):
    def test_a_root_that_serves_no_pages_is_one_clear_error(self):
        plugins = Plugins("test-engine")
        self.addCleanup(plugins.remove)
        brain = Brain('[http]\nroot = "engine"\n[plugin.engine]\nplugin = "test-engine"\n', {"Z4J_PLUGIN_DIRECTORY": str(plugins.path)})
        self.addCleanup(brain.remove)
        done = brain.run("serve")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('http.root is "engine", an instance of test-engine, which serves no pages', done.stdout + done.stderr)

    def test_without_the_consoles_file_there_is_a_plain_page(self):
        plugins = Plugins()
        self.addCleanup(plugins.remove)
        brain = Brain(environment={"Z4J_PLUGIN_DIRECTORY": str(plugins.path)})
        self.addCleanup(brain.remove)
        status, _, body = raw(brain.start(), "GET", "/", {"Accept": "text/html"})
        self.assertEqual(status, 200)
        self.assertIn(b"no dashboard is installed", body)


if __name__ == "__main__":
    unittest.main()
