"""Which database the brains of a test stand on: Z4J_E2E_DATABASE says sqlite or postgresql.

PostgreSQL is one private server for the whole program, with a database of its own for each brain.
"""
import atexit
import itertools
import os
import pathlib
import sys

KIND = os.environ.get("Z4J_E2E_DATABASE", "sqlite")
NAME = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[KIND]
STORAGE = f"storage-{KIND}"

_servers, _numbers = [], itertools.count(1)


def server():
    """The private PostgreSQL server, started at the first call."""
    if not _servers:
        sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
        from postgres import PrivatePostgres
        _servers.append(PrivatePostgres(["shared_preload_libraries=pg_stat_statements"]))
        _servers[0].sql("CREATE EXTENSION pg_stat_statements")
        atexit.register(_servers[0].__exit__)
    return _servers[0]


def standby():
    """A physical standby of server(), which takes no writes until it is promoted; for a with."""
    primary = server()
    from postgres import Standby
    return Standby(primary)


def make():
    """What a new brain's environment says of its database, which is empty."""
    if KIND == "sqlite":
        return {}
    name = f"brain_{next(_numbers)}"
    server().sql(f"CREATE DATABASE {name}")
    return {"Z4J_DATABASE_URL": server().url_of(name)}


def queries(made):
    """How many queries its database was sent so far; BEGIN and COMMIT are none."""
    name = made["Z4J_DATABASE_URL"].split("?")[0].rsplit("/", 1)[1]
    return int(server().sql(f"SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE datname = '{name}' AND query !~* '^(begin|commit|rollback)'"))


def drop(made):
    """Ends what make() made."""
    if made:
        name = made["Z4J_DATABASE_URL"].split("?")[0].rsplit("/", 1)[1]
        server().sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
