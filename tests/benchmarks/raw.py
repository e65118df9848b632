"""The product's own statements, straight from the drivers: what the database allows."""

import contextlib
import itertools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import django
import psycopg

from tests.benchmarks import fill
from tests.benchmarks.load import Measured

_unique = itertools.count(1)
Arm = Callable[[float], Measured]


def _statements() -> Any:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.settings")
    django.setup()
    from memory_app.storage import postgresql, sqlite

    return sqlite, postgresql


def _connect_sqlite(database_url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database_url.removeprefix("sqlite:///"),
        isolation_level=None,
        timeout=20,
        check_same_thread=False,
    )
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "cache_size=-65536"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _append(session_id: str) -> Any:
    from memory_app.storage.engine import Append

    number = next(_unique)
    name = f"r-{os.getpid()}-{number}"
    text = fill.payload(name)
    return Append(
        namespace_id=1,
        session_id=session_id,
        user_id=None,
        found_user_id=None,
        expected_revision=None,
        message_id=name,
        role="user",
        payload=text,
        state=None,
        tokens=len(text) // 4,
        size_bytes=len(text),
        occurred_at=None,
        api_key_id=1,
        may_repeat=True,
        now=time.time_ns() // 1000,
    )


@contextlib.contextmanager
def appending(database_url: str, callers: int) -> Iterator[Arm]:
    """Append one message in a transaction: one writer on SQLite, as many as callers otherwise."""
    sqlite, postgresql = _statements()
    if database_url.startswith("sqlite"):
        connection = _connect_sqlite(database_url)

        def one(number: int) -> None:
            append = _append(f"w1-{number % 1000}")
            connection.execute("BEGIN IMMEDIATE")
            sql, parameters = sqlite.grow_statement(append, append.now)
            session = connection.execute(_spell(sql), parameters)
            row = sqlite.message_row(append, session.fetchone())
            connection.execute(sqlite.INSERT.replace("%s", "?"), row)
            connection.execute("COMMIT")

        yield lambda seconds: _alone(seconds, one)
        connection.close()
        return
    servers = [psycopg.connect(database_url, autocommit=True) for _ in range(callers)]
    for server in servers:
        server.prepare_threshold = 2

    def send(server: psycopg.Connection[Any], number: int) -> None:
        append = _append(f"w1-{number % 1000}")._replace(now=None)
        sql, parameters = postgresql.append_statement(append)
        server.execute(_unmark(sql), parameters).fetchone()

    yield lambda seconds: _together(seconds, servers, send)
    for server in servers:
        server.close()


@contextlib.contextmanager
def appending_lists(database_url: str) -> Iterator[Arm]:
    """Insert 100 messages in a transaction by executemany."""
    sqlite, _ = _statements()
    places = itertools.count((2**31 - 2) << 32 | 1)

    def rows() -> list[tuple[Any, ...]]:
        number = next(_unique)
        names = [f"r-{number}-{n}" for n in range(100)]
        texts = [fill.payload(name) for name in names]
        return [
            (next(places), name, "user", text, None, len(text) // 4, len(text), 1, 1, 1)
            for name, text in zip(names, texts, strict=True)
        ]

    if database_url.startswith("sqlite"):
        connection = _connect_sqlite(database_url)

        def one(_: int) -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(sqlite.INSERT.replace("%s", "?"), rows())
            connection.execute("COMMIT")

        yield lambda seconds: _alone(seconds, one)
        connection.close()
        return
    with psycopg.connect(database_url) as server:

        def many(_: int) -> None:
            server.cursor().executemany(sqlite.INSERT, rows())
            server.commit()

        yield lambda seconds: _alone(seconds, many)


@lru_cache(maxsize=8)
def _spell(sql: str) -> str:
    return sql.replace("%s", "?").replace("{least}", "min").replace("{greatest}", "max")


@lru_cache(maxsize=8)
def _unmark(sql: str) -> str:
    return sql.replace("{least}", "least").replace("{greatest}", "greatest")


def _alone(seconds: float, one: Callable[[int], None]) -> Measured:
    latencies = []
    begun = time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        one(len(latencies))
        latencies.append(time.perf_counter() - now)
    return Measured(len(latencies), time.perf_counter() - begun, latencies, {})


def _together(
    seconds: float,
    servers: list[psycopg.Connection[Any]],
    send: Callable[[psycopg.Connection[Any], int], None],
) -> Measured:
    parts: list[Measured] = []

    def work(place: int) -> None:
        step = len(servers)
        parts.append(_alone(seconds, lambda n: send(servers[place], place + n * step)))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(len(servers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latencies = [latency for part in parts for latency in part.latencies]
    return Measured(len(latencies), max(part.seconds for part in parts), latencies, {})


_BARE_DELETION = (
    "DELETE FROM search_document WHERE message_key > {0} AND message_key < {1}",
    "DELETE FROM message WHERE id > {0} AND id < {1}",
)
# FTS5 is told what it is to forget, as every application with a table of its own must tell it.
_FORGETTING = (
    "INSERT INTO search_words (search_words, rowid, words) SELECT 'delete', docid, words"
    " FROM search_document WHERE message_key > {0} AND message_key < {1} ORDER BY docid"
)


@contextlib.contextmanager
def deleting(database_url: str) -> Iterator[Callable[[int], None]]:
    """Delete the messages of one session and their index rows, by the range of their keys."""
    if database_url.startswith("sqlite"):
        connection: Any = _connect_sqlite(database_url)
        statements: tuple[str, ...] = (_FORGETTING, *_BARE_DELETION)
    else:
        connection = psycopg.connect(database_url, autocommit=True)
        statements = _BARE_DELETION

    def delete(number: int) -> None:
        connection.execute("BEGIN")
        for sql in statements:
            connection.execute(sql.format(number << 32, (number + 1) << 32))
        connection.execute("COMMIT")

    yield delete
    connection.close()
