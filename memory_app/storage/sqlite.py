"""SQLite: one writer at a time, so the waiting ones are committed together."""

import fcntl
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.db import connection, transaction

from memory_app.conf import MAX_ANSWER_BYTES, MAX_SEQ, data_dir
from memory_app.errors import Refusal, StorageFull, Unavailable
from memory_app.storage import statements
from memory_app.storage.engine import Append, Database, Engine, Locator, Row, Window
from memory_app.storage.pending import queue
from memory_app.storage.space import LEAST, Space
from memory_app.storage.sqlite_database import SQLiteDatabase
from memory_app.storage.turns import Turns

T = TypeVar("T")

# How long a writer waits altogether: for its turn in this process, then for other processes.
_PATIENCE_SECONDS = 5.0
_HURRIED_SECONDS = 0.1

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)


class _Job(Generic[T]):
    """A write that waits to be committed, and then what came of it."""

    __slots__ = ("done", "error", "result", "since", "work")

    def __init__(self, work: Callable[[Database], T]) -> None:
        self.work = work
        self.result: T | None = None
        self.error: BaseException | None = None
        self.done = False
        self.since = time.monotonic()

    def is_late(self) -> bool:
        """Tell whether the writer's patience is over, to the accuracy of SQLite's waiting."""
        return time.monotonic() - self.since > _PATIENCE_SECONDS - _HURRIED_SECONDS


class SQLiteEngine(Engine):
    """Group commit: whichever writer gets the process's lock commits all that wait for it.

    Sixteen writers, each with its own commit, share neither the sync to disk nor a queue: SQLite's
    busy handler sleeps and is unfair. Grouping gave 3 times the rate and a tenth of the p99.
    """

    vendor = "sqlite"
    driver_error = sqlite3.Error

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Job[Any]] = deque()
        self._space = Space()
        self._turns = Turns()

    def database(self) -> Database:
        """Return this thread's connection, opened when it is not."""
        connection.ensure_connection()
        return SQLiteDatabase(connection.connection)

    def write(self, work: Callable[[Database], T]) -> T:
        """Run the work in the next group's transaction, on whichever thread commits the group."""
        if connection.in_atomic_block:
            with transaction.atomic():
                return work(self.database())
        job = _Job(work)
        self._waiting.append(job)
        while not job.done:
            with self._lock:
                if not job.done:
                    self._commit_waiting()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def _commit_waiting(self) -> None:
        """Run everything that waits in one transaction; a job that fails undoes itself alone."""
        group = [self._waiting.popleft() for _ in range(len(self._waiting))]
        begun = False
        try:
            self._space.watch(_name())
            deadline = group[0].since + _PATIENCE_SECONDS
            turn = self._turns.taken(_name(), deadline)
            with self.refusals(), turn, _patience(group[0].since), transaction.atomic():
                begun = True
                self._run_group(group)
        except BaseException as problem:
            late = [job for job in group if job.is_late()]
            if not begun and late:
                # Another process keeps the lock; whoever came later may wait a little longer.
                waiting = [job for job in group if job not in late]
                self._waiting.extendleft(reversed(waiting))
                group = late
            # The commit failed, so nothing of the group is stored, also what had succeeded.
            for job in group:
                job.error = job.error or problem
        if any(isinstance(job.error, StorageFull) for job in group):
            self._space.give_reserve(_name())
        for job in group:
            job.done = True

    def _run_group(self, group: Sequence[_Job[Any]]) -> None:
        db = self.database()
        if len(group) == 1:
            group[0].result = group[0].work(db)
            return
        for job in group:
            db.run("SAVEPOINT job")
            try:
                job.result = job.work(db)
            except Exception as problem:
                if not connection.connection.in_transaction:
                    raise  # SQLite gave up the whole transaction (disk full, input or output error)
                db.run("ROLLBACK TO job")
                job.error = self.meaning(problem) or problem
            db.run("RELEASE job")

    def read(self, work: Callable[[Database], T]) -> T:
        """Run the work in a read transaction, which in WAL mode waits for nobody."""
        with self.refusals():
            db = self.database()
            if connection.in_atomic_block:
                return work(db)
            db.run("BEGIN DEFERRED")
            try:
                return work(db)
            finally:
                db.run("COMMIT")

    def append(
        self,
        append: Append,
        stored: Callable[[Row], T],
        otherwise: Callable[[Database], T],
    ) -> T:
        """Append in two statements of a group's transaction."""

        def work(db: Database) -> T:
            session = db.row(*grow_statement(append, append.now or db.now()))
            if session is None:
                return otherwise(db)
            db.run(INSERT, message_row(append, session))
            seq = session[statements.LAST_SEQ]
            queue(db, session[0], seq, seq)
            return stored(session)

        return self.write(work)

    def insert_messages(self, db: Database, rows: Sequence[Row]) -> None:
        """Insert rows of MESSAGE_COLUMNS, all or none."""
        db.run_many(INSERT, rows)

    def read_window(
        self,
        locator: Locator,
        window: Window,
        now: int | None,
        *,
        alive_only: bool,
    ) -> tuple[Row, int, list[Row]] | None:
        """Read the session, then its messages, in one read transaction."""
        where, parameters = locator

        def work(db: Database) -> tuple[Row, int, list[Row]] | None:
            session = db.row(_SESSION.replace("{where}", where), parameters)
            if session is None:
                return None
            moment = now or db.now()
            if alive_only and session[statements.EXPIRES_AT] <= moment:
                return session, moment, []
            return session, moment, _messages(db, session[0], window)

        return self.read(work)

    def require_space(self) -> None:
        """Refuse to add when the disk is nearly full. Raises StorageFull."""
        if self._space.watch(_name()) < LEAST:
            raise StorageFull("the disk is full; nothing is added until there is room again")

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold a lock on a file of the data folder, which the system frees when a process dies."""
        with (data_dir() / f".{name}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextmanager
    def alone_if_free(self, name: str) -> Iterator[bool]:
        """Hold the same lock, unless somebody has it."""
        with (data_dir() / f".{name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def translate(self, problem: Exception) -> Refusal | None:
        """Tell a full disk and a busy or lost file from a bug."""
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            return StorageFull("the disk is full; nothing was stored")
        if code == sqlite3.SQLITE_READONLY:
            return Unavailable("the database only reads at present; the call can be repeated")
        if code in _BUSY:
            return Unavailable(
                "the database is busy; nothing was done, so the call can be repeated"
            )
        return None


def _name() -> str:
    return str(connection.settings_dict["NAME"])


@contextmanager
def _patience(since: float) -> Iterator[None]:
    """Let SQLite wait only for what is left of a writer's patience."""
    waited = time.monotonic() - since
    if waited < _HURRIED_SECONDS:
        yield
        return
    left = max(0.0, _PATIENCE_SECONDS - waited)
    connection.ensure_connection()
    connection.connection.execute(f"PRAGMA busy_timeout={int(left * 1000)}")
    try:
        yield
    finally:
        if connection.connection is not None:
            connection.connection.execute(f"PRAGMA busy_timeout={int(_PATIENCE_SECONDS * 1000)}")


INSERT = (
    f"INSERT INTO message ({statements.MESSAGE_COLUMNS})"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_SESSION = statements.SESSION_WITH_DOCUMENT


@lru_cache(maxsize=64)
def _grow_sql(with_user: bool, with_revision: bool, may_repeat: bool) -> str:
    grow = statements.GROW + "," + statements.PROLONG.replace("{now}", "%s")
    sql = (
        f"UPDATE agent_session AS s SET {grow} WHERE {statements.LIVE}"
        " AND s.expires_at > %s AND s.last_seq < %s"
    )
    if with_user:
        sql += statements.SAME_USER
    if with_revision:
        sql += statements.SAME_REVISION
    if may_repeat:
        sql += statements.NOT_A_REPEAT
    return f"{sql} RETURNING {statements.SESSION_COLUMNS.replace('s.', '')}"


def grow_statement(append: Append, now: int) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that makes room for a message in its session, and its parameters."""
    conditions: tuple[Any, ...] = ()
    if append.user_id is not None:
        conditions += (append.user_id,)
    if append.expected_revision is not None:
        conditions += (append.expected_revision,)
    if append.may_repeat:
        conditions += (append.message_id,)
    sql = _grow_sql(
        append.user_id is not None, append.expected_revision is not None, append.may_repeat
    )
    user_id = append.user_id or append.found_user_id
    grown = (1, 1, append.tokens, append.size_bytes, user_id, now, now, now)
    return sql, (*grown, append.namespace_id, append.session_id, now, MAX_SEQ, *conditions)


def message_row(append: Append, session: Row) -> Row:
    """Return the values of MESSAGE_COLUMNS for a message appended to a session just grown."""
    stored_at = session[statements.LAST_ACTIVITY_AT]
    return (
        session[0] << 32 | session[statements.LAST_SEQ],
        append.message_id,
        append.role,
        append.payload,
        append.state,
        append.tokens,
        append.size_bytes,
        stored_at if append.occurred_at is None else append.occurred_at,
        stored_at,
        append.api_key_id,
    )


def _messages(db: Database, number: int, window: Window) -> list[Row]:
    """Read rows until one passes the most bytes that an answer may hold."""
    conditions = "m.id > %s AND m.id < %s"
    parameters: list[Any] = [number << 32 | window.after_seq, (number << 32) + window.before_seq]
    if window.role is not None:
        conditions += " AND m.role = %s"
        parameters.append(window.role)
    if window.after_moment is not None:
        conditions += " AND m.occurred_at >= %s"
        parameters.append(window.after_moment)
    order = "DESC" if window.descending else "ASC"
    cursor = db.cursor(
        f"SELECT {statements.EVENT_COLUMNS} FROM message m WHERE {conditions}"
        f" ORDER BY m.id {order} LIMIT %s OFFSET %s",
        (*parameters, window.limit, window.offset),
    )
    rows: list[Row] = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += row[statements.SIZE_BYTES]
        if size > MAX_ANSWER_BYTES:
            break
    return rows
