"""The API that is documented is the API that answers; and files that it sends can be read by others."""
import csv
import http.client
import io
import json
import pathlib
import re
import sqlite3
import unittest
import urllib.parse
import urllib.request
import xml.etree.ElementTree
import zipfile

from brain import Brain

ENDPOINTS = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "http-api.tsv"
# Pages of a dashboard that no brain has yet; and what would end the session that asks.
SKIPPED = {("GET", "/{path}"), ("GET", "/assets/{path}"), ("GET", "/setup"), ("POST", "/api/v1/auth/logout")}
NO_ID = "00000000-0000-0000-0000-000000000000"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def documented():
    for line in ENDPOINTS.read_text(encoding="utf-8").splitlines():
        method, path = line.split("\t")[:2]
        if (method, path) not in SKIPPED:
            yield method, path


class DocumentTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)

    def answer(self, method, path, headers=None):
        """Status, content type, and what it says once the path is taken out."""
        sent = {"Cookie": self.brain.cookie_header(), "Content-Type": "application/json", **(headers or {})}
        sent["X-CSRF-Token"] = next(value for name, value in self.brain.cookies.items() if name.endswith("csrf"))
        body = b"{}" if method in ("POST", "PUT", "PATCH") else None
        status, said = self.brain.get(path, sent, method, body)
        said = {name: value for name, value in said.items() if name != "request_id"} if isinstance(said, dict) else said
        return status, self.brain.headers.get("Content-Type", ""), json.dumps(said).replace(path, "PATH")

    def is_routed(self, method, path):
        slug = "no-such-project" if (method, path) == ("DELETE", "/api/v1/projects/{slug}") else "default"
        real = path.replace("{slug}", slug).replace("{engine}", "celery").replace("{task_id}", "no-such-task")
        real = re.sub(r"\{[a-z_]+\}", NO_ID, real)
        if method == "WS":
            status, _, _ = self.answer("GET", real, {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "=="})
            return status != 404
        status, kind, said = self.answer(method, real)
        self.assertNotEqual(status, 500, (method, path, said))
        if status in (404, 405):
            return status == 404 and '"error"' in said
        return not ("html" in kind and path.startswith("/api/") and not path.endswith("/docs"))

    def test_documented_endpoints_are_routed(self):
        all_of_them = list(documented())
        self.assertEqual(len(all_of_them), 131)
        missing = [f"{method} {path}" for method, path in all_of_them if not self.is_routed(method, path)]
        self.assertEqual(missing, [])

    def test_the_document_is_of_this_brain_and_of_documented_answers(self):
        document = self.brain.read("/api/v1/openapi.json")
        self.assertEqual(document["info"]["version"], self.brain.read("/api/v1/health/system")["z4j_version"])
        for path, operations in document["paths"].items():
            operation = operations.get("get")
            if operation is None or path in ("/metrics", "/setup"):
                continue
            real = re.sub(r"\{[a-z_]+\}", NO_ID, path.replace("{slug}", "default"))
            status, kind, said = self.answer("GET", real)
            self.assertIn(str(status), operation["responses"], (path, said))
            kinds = operation["responses"][str(status)].get("content", {})
            self.assertIn(kind.split(";")[0], kinds, path)

    def test_doors_of_agents_open_to_no_user_and_no_key(self):
        document = self.brain.read("/api/v1/openapi.json")
        doors = [(method.upper(), path) for path, operations in document["paths"].items() for method, one in operations.items() if one["security"] == [{"agentToken": []}]]
        self.assertEqual(set(doors), {("GET", "/ws/agent"), ("GET", "/api/v1/agent/commands"), ("POST", "/api/v1/agent/events")})
        status, key = self.brain.ask("POST", "/api/v1/api-keys", {"name": "all", "scopes": ["admin:*"]})
        self.assertEqual(status, 201, key)
        upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x" * 22 + "=="}
        for method, path in doors:
            for name, headers in {"nobody": {}, "session": {"Cookie": self.brain.cookie_header()}, "key": {"Authorization": f"Bearer {key['token']}"}}.items():
                asked = {**headers, **(upgrade if path.startswith("/ws/") else {"Content-Type": "application/json"})}
                door = http.client.HTTPConnection(urllib.parse.urlsplit(self.brain.url).netloc, timeout=30)  # urllib would not let it upgrade
                door.request(method, path, b'{"frames": []}' if method == "POST" else None, asked)
                answer = door.getresponse()
                self.assertEqual((answer.status, json.loads(answer.read())), (401, {"detail": "invalid agent token"}), (method, path, name))
                door.close()

    def test_the_page_for_people_loads_nothing(self):
        status, kind, _ = self.answer("GET", "/api/v1/docs")
        self.assertEqual((status, kind), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'", self.brain.headers["Content-Security-Policy"])

    def test_who_reads_it_is_recorded(self):
        self.brain.read("/api/v1/openapi.json")
        self.assertIn("openapi.schema_accessed", [row["action"] for row in self.brain.read("/api/v1/activity")["items"]])


class FilesTest(unittest.TestCase):
    """Task lists as files, with what a hostile task would put into them."""
    NAMES = ["+1", "-1", "@x", "a,\"b\"\nc", "\u00e4\U0001F600", "plain", *json.loads((pathlib.Path(__file__).resolve().parent.parent / "console" / "corpus.json").read_text())]

    @classmethod
    def setUpClass(cls):
        cls.brain = Brain.with_admin().start().sign_in()
        cls.addClassCleanup(cls.brain.remove)
        project = cls.brain.read("/api/v1/projects/default")["id"]
        cls.brain.stop()
        file = sqlite3.connect(pathlib.Path(cls.brain.home) / "brain.sqlite")
        for number, name in enumerate(cls.NAMES):
            file.execute("INSERT INTO tasks (id, project_id, engine, task_id, name, sort_at, created_at, updated_at, retry_count) VALUES (?,?,?,?,?,?,?,?,?)",
                         (bytes([number] * 16), bytes.fromhex(project.replace("-", "")), "celery", f"t{number}", name, 1_000_000 - number, 1, 1, number))
        file.commit()
        file.close()
        cls.brain.start().sign_in()

    def file(self, kind):
        request = urllib.request.Request(f"{self.brain.url}/api/v1/projects/default/tasks?format={kind}&fields=task_id,name,retry_count",
                                         headers={"Cookie": self.brain.cookie_header()})
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.assertEqual(answer.headers["Content-Disposition"], f'attachment; filename="z4j-tasks-default.{kind}"')
            return answer.read()

    def harmless(self, name):
        return "'" + name if name[0] in "=+-@\t\r" else name

    def test_csv(self):
        rows = list(csv.reader(io.StringIO(self.file("csv").decode(), newline="")))
        self.assertEqual(rows[0], ["task_id", "name", "retry_count"])
        self.assertEqual([row[1] for row in rows[1:]], [self.harmless(name) for name in self.NAMES])

    def test_json(self):
        self.assertEqual([row["name"] for row in json.loads(self.file("json"))], self.NAMES)

    def test_workbook(self):
        with zipfile.ZipFile(io.BytesIO(self.file("xlsx"))) as book:
            self.assertIsNone(book.testzip())
            self.assertIn(b'name="Tasks"', book.read("xl/workbook.xml"))
            sheet = xml.etree.ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
            shared = xml.etree.ElementTree.fromstring(book.read("xl/sharedStrings.xml")) if "xl/sharedStrings.xml" in book.namelist() else []
        words = ["".join(t.text or "" for t in entry.iter(SHEET + "t")) for entry in shared]

        def text(cell):
            # What XML cannot hold is told as _xHHHH_.
            return re.sub(r"_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), stored(cell))

        def stored(cell):
            inline = cell.find(f"{SHEET}is/{SHEET}t")
            value = cell.find(SHEET + "v")
            if inline is not None:
                return inline.text
            return words[int(value.text)] if cell.get("t") == "s" else value.text

        rows = [[text(cell) for cell in row.iter(SHEET + "c")] for row in sheet.iter(SHEET + "row")]
        self.assertEqual(rows[0], ["task_id", "name", "retry_count"])
        self.assertEqual([row[1] for row in rows[1:]], [self.harmless(name) for name in self.NAMES])
        self.assertEqual([float(row[2]) for row in rows[1:]], [float(i) for i in range(len(self.NAMES))])
        self.assertEqual([], list(sheet.iter(SHEET + "f")), "no formulas")
        self.assertIsNotNone(sheet.find(f".//{SHEET}pane[@state='frozen']"))


if __name__ == "__main__":
    unittest.main()
