"""Scan the messages that may match a search: from the hits of the index to the rows themselves.

The index says which messages have the words; what a session is like now, phrases and the rest are
looked at in the rows, a few at a time, for as long as whoever searches asks for more.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from memory_app import conf
from memory_app.models.snapshot import Event
from memory_app.operations.browsing import SessionFilter, prefix_end, where
from memory_app.operations.excerpting import Excerpt, Marker
from memory_app.operations.wording import (
    role_facet,
    session_facet,
    text_of,
    tool_facet,
    tool_names,
)
from memory_app.storage import Database, search_index
from memory_app.storage.engine import Row
from memory_app.storage.search import Hit, Wanted
from memory_app.storage.statements import EVENT_COLUMNS, SIZE_BYTES
from memory_app.words import Query

# How many hits of the index one search looks at, and for how long: then it stops and says so.
MOST_EXAMINED: Final = 5_000
_SECONDS: Final = 1.0
# So many sessions are looked for in the index itself; of more, each hit is looked at.
_SESSIONS: Final = 50
# How many hits are read at once, first and at most.
_FIRST: Final = 32
_AT_ONCE: Final = 500
# And how many bytes of messages in all: what matches stays in memory until the answer is written.
MOST_BYTES: Final = 64 * conf.MB


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Which messages are searched; what is None does not filter.

    Times are moments, of the message itself where it has one, `before` exclusive.
    """

    role: str | None = None
    tool: str | None = None
    prefix: str | None = None
    user_id: str | None = None
    status: str = "any"
    after: int | None = None
    before: int | None = None


class Home(NamedTuple):
    """The session of a message that was found."""

    number: int
    uid: str
    session_id: str
    user_id: str | None
    namespace_id: int
    expires_at: int
    ended_at: int | None

    def status(self, now: int) -> str:
        """Return `active` or `expired`; what is purging is never found."""
        return "active" if now < self.expires_at else "expired"


@dataclass(frozen=True, slots=True)
class Match:
    """A message that was found, where it is, and where in it."""

    event: Event
    home: Home
    excerpt: Excerpt
    score: float


class Question(NamedTuple):
    """What is looked for, where and in which order."""

    query: Query
    wanted: MessageFilter
    sort: str
    limit: int
    is_for_agents: bool


class Scan:
    """The messages that match, newest first, read from the hits of the index a few at a time."""

    def __init__(
        self,
        db: Database,
        question: Question,
        namespaces: Sequence[int],
        before: int | None,
        now: int,
    ) -> None:
        self.was_cut = False
        self.reached = 0
        self._db = db
        self._question = question
        self._namespaces = namespaces
        self._before = before
        self._now = now
        self._marker = Marker(question.query)

    def __iter__(self) -> Iterator[tuple[int, Match]]:
        question = self._question
        wanted = self._wanted()
        if wanted is None or not question.limit or not self._namespaces:
            return
        deadline = time.monotonic() + _SECONDS
        conditions, parameters = self._conditions()
        hits = search_index().hits(self._db, self._namespaces, wanted, self._before)
        examined, left, size = 0, MOST_BYTES, _FIRST
        while batch := list(islice(hits, size)):
            rows = _read(self._db, batch, conditions, parameters)
            for hit in batch:
                row = rows.get(hit.message_key)
                match = None if row is None else self._match(row)
                if match is not None:
                    yield hit.docid, match
                self.reached = hit.docid
                # Of long texts one batch may take many times as long as a search may.
                if time.monotonic() > deadline:
                    self.was_cut = True
                    return
            examined += len(batch)
            read = sum(row[SIZE_BYTES] for row in rows.values())
            left -= read
            if examined >= MOST_EXAMINED or left <= 0:
                self.was_cut = True
                return
            # As many as there is room for, when they are as long as these.
            size = min(2 * size, _AT_ONCE, max(left * len(batch) // max(read, 1), 1))

    def _wanted(self) -> Wanted | None:
        """Say it to the index; None when there can be nothing."""
        query, wanted = self._question.query, self._question.wanted
        if not query.terms:
            return None
        groups: list[list[str]] = []
        if wanted.role is not None:
            groups.append([role_facet(wanted.role)])
        if wanted.tool is not None:
            groups.append([tool_facet(wanted.tool)])
        sessions = self._sessions()
        if sessions is not None:
            if not sessions:
                return None
            groups.append([session_facet(number) for number in sessions])
        return Wanted(
            list(dict.fromkeys(word for term in query.terms for word in term.words)),
            groups,
            # Of a phrase the words alone may be there: the text decides.
            [word for term in query.excluded if term.needle is None for word in term.words],
        )

    def _sessions(self) -> list[int] | None:
        """Return the sessions that a filter leaves when they are few, else None."""
        wanted = self._question.wanted
        if not wanted.prefix and wanted.user_id is None:
            return None
        chosen = SessionFilter(prefix=wanted.prefix, user_id=wanted.user_id, status="any")
        found: list[int] = []
        for namespace in self._namespaces:
            conditions, parameters = where(chosen, namespace, self._now)
            found += [
                number
                for (number,) in self._db.rows(
                    f"SELECT s.id FROM agent_session s WHERE {conditions} LIMIT %s",
                    (*parameters, _SESSIONS + 1 - len(found)),
                )
            ]
            if len(found) > _SESSIONS:
                return None
        return found

    def _conditions(self) -> tuple[str, list[Any]]:
        """Return what the row of a message and its session must be like."""
        wanted = self._question.wanted
        conditions = ["s.purge_receipt IS NULL"]
        parameters: list[Any] = []

        def add(condition: str, value: Any) -> None:
            conditions.append(condition)
            parameters.append(value)

        if self._question.is_for_agents:
            conditions.append("s.ended_at IS NULL")
        if self._question.is_for_agents or wanted.status == "active":
            add("s.expires_at > %s", self._now)
        elif wanted.status == "expired":
            add("s.expires_at <= %s", self._now)
        if wanted.prefix:
            add("s.session_id >= %s", wanted.prefix)
            end = prefix_end(wanted.prefix)
            if end is not None:
                add("s.session_id < %s", end)
        for condition, value in (
            ("s.user_id = %s", wanted.user_id),
            ("m.role = %s", wanted.role),
            ("m.occurred_at >= %s", wanted.after),
            ("m.occurred_at < %s", wanted.before),
        ):
            if value is not None:
                add(condition, value)
        return " AND ".join(conditions), parameters

    def _match(self, row: Row) -> Match | None:
        """Look at the text itself: for phrases, and because only it decides."""
        query, wanted = self._question.query, self._question.wanted
        event, home = Event(*row[:_EVENT_WIDTH]), Home(*row[_EVENT_WIDTH:])
        message = event.message()
        if wanted.tool is not None and wanted.tool not in tool_names(message):
            return None
        text = text_of(message)
        if query.confirms and not query.suits(text):
            return None
        excerpt = self._marker.excerpt(text)
        if not excerpt.marks and not query.matches(text):
            return None
        return Match(event, home, excerpt, self._marker.score(text))


_EVENT_WIDTH: Final = len(EVENT_COLUMNS.split(","))
_SELECT: Final = (
    f"SELECT {EVENT_COLUMNS}, s.id, s.uid, s.session_id, s.user_id, s.namespace_id, s.expires_at,"
    " s.ended_at FROM message m JOIN agent_session s ON s.id = (m.id >> 32)"
)


def _read(
    db: Database, hits: Sequence[Hit], conditions: str, parameters: Sequence[Any]
) -> Mapping[int, Row]:
    """Read the rows of hits that meet the conditions, by the key of the message."""
    keys = [hit.message_key for hit in hits]
    # A statement is prepared for each length, so there are few lengths.
    keys += keys[-1:] * (_length(len(keys)) - len(keys))
    rows = db.rows(
        f"{_SELECT} WHERE m.id IN ({', '.join(['%s'] * len(keys))}) AND {conditions}",
        (*keys, *parameters),
    )
    return {row[0]: row for row in rows}


def _length(count: int) -> int:
    return next(size for size in (8, 32, 128, _AT_ONCE) if count <= size)
