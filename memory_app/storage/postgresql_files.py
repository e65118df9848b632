"""What a PostgreSQL server can be asked to do about bytes, and its own tools for copies."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, ClassVar, Final

import psycopg
from django.db import connection
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from memory_app.errors import Invalid, StorageFull, Unavailable
from memory_app.storage.content import TABLES
from memory_app.storage.engine import Database
from memory_app.storage.files import Files


class PostgreSQLFiles(Files):
    """Tables that the server vacuums; dumps made by the client programs of PostgreSQL."""

    scrub_stops_writers: ClassVar[bool] = False

    def size_bytes(self) -> int:
        """Return the size of the database on the server."""
        return int(_one("SELECT pg_database_size(current_database())"))

    def await_removals(self, db: Database) -> None:
        """Take a lock that removals hold against, so their numbers below the last are all here."""
        db.run("LOCK TABLE erasure IN SHARE MODE")

    def scrub(self, *, patience: float) -> str:
        """Vacuum the tables and rebuild the text indexes, which keep the words of deleted rows.

        Nobody waits for it. Freed space is not zeroed: it is overwritten as it is used again.
        """
        with _refusals():
            _run(f"VACUUM (ANALYZE, INDEX_CLEANUP ON) {', '.join(TABLES)}")
            for (index,) in _rows(_BROKEN_INDEXES, (list(TABLES),)):
                _run(f"DROP INDEX IF EXISTS {index}")
            rebuilt = _rows(_TEXT_INDEXES, (list(TABLES),))
            for (index,) in rebuilt:
                _run(f"REINDEX INDEX CONCURRENTLY {index}")
            return _method(bool(rebuilt))

    def exist(self) -> bool:
        """Tell whether the database has Lethe's tables."""
        return bool(_one("SELECT to_regclass('agent_session') IS NOT NULL"))

    def are_restoring(self) -> bool:
        """Tell whether the mark is there that a restore sets with its data and removes last."""
        return bool(_one("SELECT to_regclass('restoring') IS NOT NULL"))

    def back_up(self, target: Path) -> None:
        """Have pg_dump write one snapshot in its own compressed format."""
        _finish([*_client("pg_dump"), "--format=custom", f"--file={target}", f"--dbname={_dsn()}"])

    @contextmanager
    def restoring(self, source: Path) -> Iterator[None]:
        """Replace the tables in one transaction, with a mark for which nothing starts to serve."""
        programs = _client("pg_restore"), _client("psql")
        known = {*_dumped_tables(programs[0], source), *_own_tables()}
        _require_alone()
        there = set(connection.introspection.table_names(include_views=True))
        _require_own_database(there - known)
        # In one statement, whatever refers to what; not what others have built on it.
        drops = f"DROP TABLE {', '.join(map(_quoted, sorted(there)))};\n" if there else ""
        schema = _one("SELECT quote_ident(current_schema())")
        connection.close()
        _pour(
            [*programs[0], "--no-owner", "--no-privileges", "--file=-", str(source)],
            [*programs[1], "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={_dsn()}"],
            before=f"BEGIN;\n{drops}",
            after=f"CREATE TABLE {schema}.restoring ();\nCOMMIT;\n",
        )
        connection.close()
        yield
        _run("DROP TABLE IF EXISTS restoring")


# Rebuilding under traffic leaves these behind when it is killed.
_BROKEN_INDEXES: Final = (
    "SELECT i.indexrelid::regclass::text FROM pg_index i"
    " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE t.relname = ANY(%s) AND NOT i.indisvalid AND c.relname ~ '_ccnew[0-9]*$'"
)
_TEXT_INDEXES: Final = (
    "SELECT i.indexrelid::regclass::text FROM pg_index i"
    " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid"
    " JOIN pg_am a ON a.oid = c.relam WHERE t.relname = ANY(%s) AND a.amname IN ('gin', 'gist')"
)


def _method(rebuilt: bool) -> str:
    """Say what was done, and until when copies stay, by this server's settings."""
    version = _one("SHOW server_version")
    indexes = ", text indexes rebuilt" if rebuilt else ""
    archive = ", and longer in its archive" if _one("SHOW archive_mode") != "off" else ""
    followers = int(_one("SELECT count(*) FROM pg_stat_replication"))
    replicas = f"; {followers} replicas follow with their own" if followers else ""
    return (
        f"rows deleted, tables vacuumed{indexes} (PostgreSQL {version}). Old bytes stay in the"
        " tables' free space until it is used again, and in the write-ahead log for up to"
        f" {_one('SHOW max_wal_size')} of later writes{archive}{replicas}. Not reached: blocks that"
        " a file system, SSD or snapshot keeps"
    )


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except errors.DiskFull:
        raise StorageFull("the disk of the database server is full") from None
    except (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled):
        raise Unavailable("others keep the database busy; try again") from None
    except (psycopg.OperationalError, psycopg.InterfaceError):
        connection.close()
        raise Unavailable("the database cannot be reached") from None


def _raw() -> Any:
    connection.ensure_connection()
    return connection.connection


def _rows(statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = _raw().execute(statement, parameters or None).fetchall()
    return rows


def _one(statement: str) -> Any:
    return _rows(statement)[0][0]


def _run(statement: str) -> None:
    _raw().execute(sql.SQL(statement))


def _dsn() -> str:
    """Return how the client programs connect; the password travels in their environment.

    Only what was given: psycopg's own libpq adds what it decided (`sslcertmode` since 16), which
    the programs of PostgreSQL 15 do not know.
    """
    given = connection.get_connection_params().keys() | {"host", "port", "user", "dbname"}
    parameters = _raw().info.get_parameters()
    return make_conninfo("", **{name: parameters[name] for name in parameters if name in given})


def _client(program: str) -> list[str]:
    found = shutil.which(program)
    if found is None:
        raise Unavailable(
            f"{program} is not installed here: install PostgreSQL's client programs, of the"
            " server's version or newer, or use the server's own backups and replay_erasures"
        )
    return [found]


def _environment() -> dict[str, str]:
    return {**os.environ, "PGPASSWORD": str(_raw().info.password or "")}


def _finish(command: list[str]) -> None:
    """Run a client program. Raises Unavailable with what it said, which is never a row."""
    done = subprocess.run(
        command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    if done.returncode:
        raise Unavailable(_said(command, done.stderr))


def _said(command: list[str], stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()[:2]
    said = "; ".join(line.split(": ", 2)[-1] for line in lines)
    return f"{Path(command[0]).name}: {said or 'it failed without a word'}"


def _dumped_tables(pg_restore: list[str], source: Path) -> set[str]:
    """Return the tables that a backup holds. Raises Invalid for a file that is none of Lethe."""
    listed = subprocess.run(
        [*pg_restore, "--list", str(source)], capture_output=True, text=True, check=False
    )
    # As in `3472; 0 16385 TABLE DATA public agent_session lethe`.
    tables = {
        line.partition(" TABLE DATA ")[2].split()[1]
        for line in listed.stdout.splitlines()
        if " TABLE DATA " in line
    }
    if listed.returncode or not {"django_migrations", "agent_session", "erasure"} <= tables:
        raise Invalid(
            "the file is not a backup of Lethe's PostgreSQL database, or of a newer server"
        )
    return tables


def _own_tables() -> set[str]:
    """Return the tables that this version makes."""
    made = connection.introspection.django_table_names()
    return {*made, *TABLES, "django_migrations", "restoring"}


def _require_own_database(foreign: set[str]) -> None:
    """Refuse to touch a database that holds what is not Lethe's. Raises Invalid."""
    if foreign:
        named = ", ".join(sorted(foreign)[:10]) + (", …" if len(foreign) > 10 else "")
        raise Invalid(
            f"the database holds tables that are not Lethe's: {named}; restore into a database of"
            " its own, or move them to another schema"
        )


def _quoted(table: str) -> str:
    return connection.ops.quote_name(table)


def _require_alone() -> None:
    others = int(
        _one(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
    )
    if others:
        raise Unavailable(
            f"{others} other connections use the database; stop every server, then restore"
        )


def _pour(source: list[str], target: list[str], *, before: str, after: str) -> None:
    """Feed one program's output to another between two texts; without the end nothing is kept."""
    environment = _environment()
    connection.close()
    with (
        subprocess.Popen(source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reader,
        subprocess.Popen(
            target,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as writer,
    ):
        _copy(reader, writer, before, after)
    if reader.returncode or writer.returncode:
        raise Unavailable("the backup could not be restored; the database is as it was")


def _copy(
    reader: "subprocess.Popen[bytes]", writer: "subprocess.Popen[bytes]", before: str, after: str
) -> None:
    out: IO[bytes] | None = reader.stdout
    into: IO[bytes] | None = writer.stdin
    assert out is not None
    assert into is not None
    try:
        into.write(before.encode())
        shutil.copyfileobj(out, into)
        if reader.wait() == 0:
            into.write(after.encode())
        into.close()
    except BrokenPipeError:
        reader.kill()
