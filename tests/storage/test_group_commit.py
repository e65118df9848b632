"""Writers that wait are committed together, and what befalls one of them befalls it alone."""

import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from django.db import connection, connections

from memory_app.errors import NotFound, StorageFull, Unavailable
from memory_app.storage import Database, engine
from memory_app.storage.space import Space
from memory_app.storage.sqlite import SQLiteEngine

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL groups commits itself"),
]

Work = Callable[[Database], Any]


def make_namespace(name: str) -> Work:
    return lambda db: db.run(
        "INSERT INTO namespace (name, created_at, shares_default,"
        " demands_reason) VALUES (%s, 1, %s, %s)",
        (name, True, False),
    )


def fail(problem: Exception) -> Work:
    def work(db: Database) -> NoReturn:
        make_namespace("of-the-one-that-fails")(db)
        raise problem

    return work


def driver_error(code: int) -> sqlite3.OperationalError:
    problem = sqlite3.OperationalError("what SQLite says")
    problem.sqlite_errorcode = code
    return problem


def write_together(*works: Work) -> list[Exception | None]:
    """Let writers wait for the same commit; return what each was told."""
    writer = engine()
    assert isinstance(writer, SQLiteEngine)
    told: list[Exception | None] = [None] * len(works)

    def wait_for_the_others(db: Database) -> None:
        deadline = time.monotonic() + 10
        while len(writer._waiting) < len(works) and time.monotonic() < deadline:
            time.sleep(0.001)

    def write(place: int, work: Work) -> None:
        try:
            writer.write(work)
        except Exception as problem:
            told[place] = problem
        connections.close_all()

    first = threading.Thread(target=writer.write, args=[wait_for_the_others])
    others = [threading.Thread(target=write, args=pair) for pair in enumerate(works)]
    for thread in (first, *others):
        thread.start()
    for thread in (first, *others):
        thread.join()
    return told


def namespaces() -> list[str]:
    return [name for (name,) in engine().read(lambda db: db.rows("SELECT name FROM namespace"))]


@pytest.mark.parametrize(
    ("problem", "refusal"),
    [
        (NotFound("there is nothing"), NotFound),
        (driver_error(sqlite3.SQLITE_FULL), StorageFull),
        (driver_error(sqlite3.SQLITE_IOERR_WRITE), Unavailable),
        (driver_error(sqlite3.SQLITE_CONSTRAINT), sqlite3.OperationalError),
    ],
)
def test_a_writer_that_fails_is_told_so_and_undone_alone(
    problem: Exception, refusal: type[Exception]
) -> None:
    told = write_together(make_namespace("a"), fail(problem), make_namespace("b"))
    assert [type(one) for one in told] == [type(None), refusal, type(None)]
    assert sorted(namespaces()) == ["a", "b"]


def test_a_disk_that_cannot_be_looked_at_is_told_to_all_who_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watch, calls = Space.watch, []

    def gone_once(space: Space, database: str) -> float:
        calls.append(database)
        if len(calls) == 2:
            raise OSError("stale")
        return watch(space, database)

    monkeypatch.setattr(Space, "watch", gone_once)
    told = write_together(make_namespace("a"), make_namespace("b"))
    assert [type(one) for one in told] == [OSError, OSError]
    engine().write(make_namespace("c"))
    assert namespaces() == ["c"]
