"""The file of Debian's Celery, a Berkeley DB, and the same entries in the other kinds of file that Python may make of it."""
import ctypes
import dbm
import dbm.dumb
import dbm.ndbm
import os
import sqlite3
import tempfile
import unittest

from beat_suites import PersistentBeat


class Datum(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_int)]


def write_gdbm(path, pairs):
    """As Python's dbm.gnu does, which would become everybody's default if it were installed."""
    gdbm = ctypes.CDLL("libgdbm.so.6")
    gdbm.gdbm_open.restype = ctypes.c_void_p
    file = gdbm.gdbm_open(path.encode(), 0, 3, 0o600, None)  # GDBM_NEWDB
    gdbm.gdbm_store.argtypes = [ctypes.c_void_p, Datum, Datum, ctypes.c_int]
    for key, value in pairs.items():
        gdbm.gdbm_store(file, Datum(key, len(key)), Datum(value, len(value)), 1)
    gdbm.gdbm_close.argtypes = [ctypes.c_void_p]
    gdbm.gdbm_close(file)


class PersistentTest(PersistentBeat, unittest.TestCase):
    def test_reads_every_kind_of_file(self):
        beat = self.beat("celery.beat:PersistentScheduler", {"Z4J_STATIC": "1"}).start()
        beat.wait_sent("shop.static_fast")
        beat.stop()
        wanted = self.open(beat).all()
        self.assertEqual(len(wanted), 2)
        path = os.path.join(beat.folder, "celerybeat-schedule")
        self.assertEqual(dbm.whichdb(path), "dbm.ndbm")
        with dbm.open(path, "r") as shelf:
            pairs = {key: shelf[key] for key in shelf.keys()}
        pairs.update({b"more %d" % n: b"x" * n * 50 for n in range(300)})  # several pages, long values
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("dumb", "sqlite", "gdbm", "ndbm"):
                path = os.path.join(folder, kind)
                if kind == "dumb":
                    with dbm.dumb.open(path, "n") as file:
                        file.update(pairs)
                elif kind == "ndbm":
                    with dbm.ndbm.open(path, "n") as file:
                        for key, value in pairs.items():
                            file[key] = value
                elif kind == "sqlite":
                    with sqlite3.connect(path) as db:
                        db.execute("CREATE TABLE Dict (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)")
                        db.executemany("INSERT INTO Dict VALUES (?, ?)", pairs.items())
                else:
                    write_gdbm(path, pairs)
                self.assertEqual(self.desk(store="persistent", path=path).all(), wanted, kind)

    def test_says_what_is_no_such_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "schedule")
            for content in (b"nonsense", b"\0" * 4096, b"SQLite format 3\0" + b"x" * 100, (0x13579ACF).to_bytes(4, "little") + b"\xff" * 200):
                with open(path, "wb") as file:
                    file.write(content)
                self.assertIn(self.desk(store="persistent", path=path).page()["error"], ("corrupt", "bad_config"), content)


if __name__ == "__main__":
    unittest.main()
