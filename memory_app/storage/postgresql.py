"""PostgreSQL: one statement for an append, one for a page of messages, its clock inside both."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import psycopg
from django.db import connection, transaction
from psycopg import errors

from memory_app.conf import MAX_ANSWER_BYTES, MAX_SEQ
from memory_app.errors import Refusal, StorageFull, Unavailable
from memory_app.storage import statements
from memory_app.storage.engine import Append, Database, Engine, Locator, Row, Window
from memory_app.storage.postgresql_database import CLOCK, PostgreSQLDatabase

T = TypeVar("T")


class PostgreSQLEngine(Engine):
    """PostgreSQL groups commits itself; what counts here is the number of round trips."""

    vendor = "postgresql"
    driver_error = psycopg.Error

    def database(self) -> Database:
        """Return this thread's connection, opened when it is not."""
        connection.ensure_connection()
        return PostgreSQLDatabase(connection.connection)

    def write(self, work: Callable[[Database], T]) -> T:
        """Run the work in a transaction of its own."""
        with self.refusals(), transaction.atomic():
            return work(self.database())

    def read(self, work: Callable[[Database], T]) -> T:
        """Run the work on one snapshot."""
        with self.refusals():
            if connection.in_atomic_block:
                return work(self.database())
            with transaction.atomic():
                db = self.database()
                db.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                return work(db)

    def append(
        self,
        append: Append,
        stored: Callable[[Row], T],
        otherwise: Callable[[Database], T],
    ) -> T:
        """Append in one statement, which commits by itself: one round trip."""
        with self.refusals():
            try:
                session = self.database().row(*append_statement(append))
            except errors.UniqueViolation:
                # The same message arrived twice at once; the second now waits for the first.
                session = None
        return self.write(otherwise) if session is None else stored(session)

    def insert_messages(self, db: Database, rows: Sequence[Row]) -> None:
        """Insert rows of MESSAGE_COLUMNS, all or none, in one statement."""
        if rows:
            db.run(_INSERT, [list(column) for column in zip(*rows, strict=True)])

    def read_window(
        self,
        locator: Locator,
        window: Window,
        now: int | None,
        *,
        alive_only: bool,
    ) -> tuple[Row, int, list[Row]] | None:
        """Read the session and arrays of its messages' columns in one statement, one row."""
        where, parameters = locator
        sql, conditions = _window_sql(where, window, alive_only, now is not None)
        with self.refusals():
            row = self.database().row(
                sql,
                (now,) * (now is not None)
                + conditions
                + (window.limit, window.offset, MAX_ANSWER_BYTES)
                + parameters,
            )
        if row is None:
            return None
        session, moment, columns = (
            row[: -_EVENT_WIDTH - 1],
            row[-_EVENT_WIDTH - 1],
            row[-_EVENT_WIDTH:],
        )
        return session, moment, [] if columns[0] is None else list(zip(*columns, strict=True))

    def require_space(self) -> None:
        """PostgreSQL says itself when its disk is full."""

    @contextmanager
    def alone(self, name: str) -> Iterator[None]:
        """Hold an advisory lock of the connection, which ends with it at the latest."""
        key = zlib.crc32(f"lethe:{name}".encode())
        with self.refusals():
            self.database().row("SELECT pg_advisory_lock(%s::bigint)", (key,))
        try:
            yield
        finally:
            with self.refusals():
                self.database().row("SELECT pg_advisory_unlock(%s::bigint)", (key,))

    @contextmanager
    def alone_if_free(self, name: str) -> Iterator[bool]:
        """Hold the same lock, unless another connection has it."""
        key = zlib.crc32(f"lethe:{name}".encode())
        with self.refusals():
            row = self.database().row("SELECT pg_try_advisory_lock(%s::bigint)", (key,))
        if row is None or not row[0]:
            yield False
            return
        try:
            yield True
        finally:
            with self.refusals():
                self.database().row("SELECT pg_advisory_unlock(%s::bigint)", (key,))

    def translate(self, problem: Exception) -> Refusal | None:
        """Tell a full disk and a server that is away from a bug."""
        if isinstance(problem, errors.DiskFull):
            return StorageFull("the disk is full; nothing was stored")
        if isinstance(problem, errors.ReadOnlySqlTransaction):
            # A standby, or a server that is being moved: its successor takes the call.
            return Unavailable("the database only reads at present; the call can be repeated")
        if isinstance(problem, psycopg.OperationalError | psycopg.InterfaceError):
            return Unavailable("the database cannot be reached; the call can be repeated")
        return None


_EVENT_WIDTH = len(statements.EVENT_COLUMNS.split(","))

_INSERT = f"""
    INSERT INTO message ({statements.MESSAGE_COLUMNS})
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[],
        %s::int[], %s::bigint[], %s::bigint[], %s::int[])"""


@lru_cache(maxsize=64)
def _append_template(with_now: bool, with_user: bool, with_revision: bool, may_repeat: bool) -> str:
    conditions = (
        statements.SAME_USER * with_user
        + statements.SAME_REVISION * with_revision
        + statements.NOT_A_REPEAT * may_repeat
    )
    prolong = statements.PROLONG.replace("{now}", "clock.now")
    return f"""
        WITH clock AS (SELECT {"%s::bigint" if with_now else CLOCK} AS now),
        grown AS (
            UPDATE agent_session AS s SET {statements.GROW}, {prolong}
            FROM clock
            WHERE {statements.LIVE} AND s.expires_at > clock.now AND s.last_seq < %s {conditions}
            RETURNING {statements.KEPT_COLUMNS}
        ),
        stored AS (
            INSERT INTO message ({statements.MESSAGE_COLUMNS})
            SELECT s.id * 4294967296 + s.last_seq, %s, %s, %s, %s, %s, %s,
                coalesce(%s::bigint, s.last_activity_at), s.last_activity_at, %s
            FROM grown s
        ), queued AS (
            INSERT INTO search_pending (number, first, last, bulk)
            SELECT s.id, s.last_seq, s.last_seq, false FROM grown s
        )
        SELECT {statements.SESSION_COLUMNS} FROM grown s"""


def append_statement(append: Append) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that appends a message, and its parameters."""
    conditions: tuple[Any, ...] = ()
    if append.user_id is not None:
        conditions += (append.user_id,)
    if append.expected_revision is not None:
        conditions += (append.expected_revision,)
    if append.may_repeat:
        conditions += (append.message_id,)
    sql = _append_template(
        append.now is not None,
        append.user_id is not None,
        append.expected_revision is not None,
        append.may_repeat,
    )
    clock = () if append.now is None else (append.now,)
    user_id = append.user_id or append.found_user_id
    grown = (1, 1, append.tokens, append.size_bytes, user_id)
    where = (append.namespace_id, append.session_id, MAX_SEQ, *conditions)
    stored = (append.message_id, append.role, append.payload, append.state)
    measures = (append.tokens, append.size_bytes, append.occurred_at, append.api_key_id)
    return sql, (*clock, *grown, *where, *stored, *measures)


@lru_cache(maxsize=256)
def _window_template(
    where: str, descending: bool, with_role: bool, with_moment: bool, alive: bool, with_now: bool
) -> str:
    order = "DESC" if descending else "ASC"
    arrays = ", ".join(
        f"array_agg({column.strip()})" for column in statements.EVENT_COLUMNS.split(",")
    )
    role = " AND m.role = %s" * with_role
    moment = " AND m.occurred_at >= %s" * with_moment
    # LATERAL reads the one session's range from its end; a plain join walked the whole table's key
    # backwards once newer sessions existed, 44 times slower.
    return f"""
        WITH clock AS (SELECT {"%s::bigint" if with_now else CLOCK} AS now)
        SELECT {statements.SESSION_COLUMNS}, d.metadata, d.state, clock.now, w.*
        FROM clock CROSS JOIN agent_session s
        LEFT JOIN session_document d ON d.session_id = s.id
        LEFT JOIN LATERAL (
            SELECT {arrays} FROM (
                SELECT {statements.EVENT_COLUMNS},
                    sum(m.size_bytes) OVER (ORDER BY m.id {order}) - m.size_bytes AS before
                FROM (
                    SELECT m.* FROM message m
                    WHERE m.id > s.id * 4294967296 + %s AND m.id < s.id * 4294967296 + %s
                        {role}{moment}
                    ORDER BY m.id {order} LIMIT %s OFFSET %s
                ) m
            ) m WHERE m.before <= %s
        ) w ON {"s.expires_at > clock.now" if alive else "true"}
        WHERE {where}"""


def _window_sql(
    where: str, window: Window, alive_only: bool, with_now: bool
) -> tuple[str, tuple[Any, ...]]:
    """Return the statement for a window and the parameters of its conditions."""
    conditions: tuple[Any, ...] = (window.after_seq, window.before_seq)
    if window.role is not None:
        conditions += (window.role,)
    if window.after_moment is not None:
        conditions += (window.after_moment,)
    sql = _window_template(
        where,
        window.descending,
        window.role is not None,
        window.after_moment is not None,
        alive_only,
        with_now,
    )
    return sql, conditions
