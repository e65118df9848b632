"""Fill a database with sessions and messages, past the product: a million in seconds."""

import itertools
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg

NEVER = 253_402_300_799_999_999
DAY = 86_400 * 1_000_000
TEXT = (
    "I'd like to change my reservation for the flight on Tuesday to the one on Thursday morning,"
    " if there is still a window seat, and please put the refund on the card ending in 4417."
    " Could you also tell me whether the second bag that I paid for is kept on the new booking?"
)

_SESSION = (
    "id, uid, namespace_id, session_id, tags, revision, last_seq, message_count, token_count,"
    " size_bytes, created_at, last_activity_at, idle_for, idle_until, max_age_until,"
    " explicit_until, explicit_because, expires_at, grace, purge_not_before"
)
_MESSAGE = "id, message_id, role, payload, tokens, size_bytes, occurred_at, created_at, api_key_id"
Rows = Iterator[tuple[Any, ...]]


def payload(message_id: str, text: str = TEXT) -> str:
    """Return a message of about 300 characters."""
    content = json.dumps(text, ensure_ascii=False)
    return f'{{"id":"{message_id}","role":"user","content":{content}}}'


def _sessions(first: int, count: int, messages: int, namespace: int, now: int) -> Rows:
    sizes = [len(payload(f"m-{seq}")) for seq in range(1, messages + 1)]
    size, tokens = sum(sizes), sum(one // 4 for one in sizes)
    for number in range(first, first + count):
        at = now - (count - (number - first)) * 1_000
        yield (
            number,
            uuid.uuid4().hex,
            namespace,
            f"org-{number % 100}/user-{number}",
            "[]",
            messages,
            messages,
            messages,
            tokens,
            size,
            at,
            at,
            30 * DAY,
            at + 30 * DAY,
            at + 365 * DAY,
            NEVER,
            "explicit",
            at + 30 * DAY,
            7 * DAY,
            0,
        )


def _messages(first: int, count: int, messages: int, now: int, texts: Iterator[str]) -> Rows:
    for number in range(first, first + count):
        for seq in range(1, messages + 1):
            text = payload(f"m-{seq}", next(texts))
            yield (
                number << 32 | seq,
                f"m-{seq}",
                "user",
                text,
                len(text) // 4,
                len(text),
                now,
                now,
                None,
            )


def fill(
    database_url: str,
    *,
    sessions: int,
    messages: int,
    namespace: int = 1,
    days_ago: int = 0,
    texts: Iterator[str] | None = None,
) -> int:
    """Add sessions with so many messages each; return the number of the first.

    With texts of their own the messages wait for the search index, as after an import.
    """
    now = time.time_ns() // 1000 - days_ago * DAY
    if database_url.startswith("sqlite"):
        with sqlite3.connect(database_url.removeprefix("sqlite:///")) as db:
            first = (db.execute("SELECT max(id) FROM agent_session").fetchone()[0] or 0) + 1
            for table, columns, rows in _work(first, sessions, messages, namespace, now, texts):
                marks = ", ".join("?" * len(columns.split(",")))
                db.executemany(f"INSERT INTO {table} ({columns}) VALUES ({marks})", rows)
            # No ANALYZE: the product runs none on SQLite, so its plans do without statistics.
            db.commit()
        return first
    with psycopg.connect(database_url) as server:
        row = server.execute("SELECT max(id) FROM agent_session").fetchone()
        first = ((row and row[0]) or 0) + 1
        for table, columns, rows in _work(first, sessions, messages, namespace, now, texts):
            with server.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
                for values in rows:
                    copy.write_row(values)
        server.execute(
            "SELECT setval(pg_get_serial_sequence('agent_session', 'id'), %s)", (first + sessions,)
        )
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute("VACUUM ANALYZE")
    return first


def _work(
    first: int,
    sessions: int,
    messages: int,
    namespace: int,
    now: int,
    texts: Iterator[str] | None,
) -> Iterator[tuple[str, str, Rows]]:
    yield "agent_session", _SESSION, _sessions(first, sessions, messages, namespace, now)
    said = itertools.repeat(TEXT) if texts is None else texts
    yield "message", _MESSAGE, _messages(first, sessions, messages, now, said)
    if texts is not None:
        waiting = ((number, 1, messages, True) for number in range(first, first + sessions))
        yield "search_pending", "number, first, last, bulk", waiting
