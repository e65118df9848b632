"""Show people the content of sessions: a transcript page by page, one message, what is found."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from memory_app import conf
from memory_app.errors import Invalid, NotFound
from memory_app.models.message import SEQ_BITS
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.auditing import About, enter_reveal
from memory_app.operations.receiving import ROLES
from memory_app.operations.rights import Person, Right
from memory_app.operations.viewing import Place, find_visible
from memory_app.storage import Database, engine
from memory_app.storage.statements import EVENT_COLUMNS

T = TypeVar("T")

# A page of a transcript ends after so many messages, or so many bytes of them.
PAGE: Final = 50
_PAGE_BYTES: Final = 4 * conf.MB
# How many messages come before the one that a link leads to.
_BEFORE: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Which part of a transcript: after or before a place, around one, or the end."""

    after: int | None = None
    before: int | None = None
    at: int | None = None
    end: bool = False
    roles: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked for, the places of the messages that hold it, and which is shown."""

    query: str
    seqs: Sequence[int]
    index: int

    @property
    def seq(self) -> int | None:
        """Return the place of the match that is shown."""
        return self.seqs[self.index - 1] if self.seqs else None


@dataclass(frozen=True, slots=True)
class Transcript:
    """One page of a session's messages, and what of it lies before and after."""

    events: Sequence[Event]
    has_earlier: bool
    has_later: bool
    finding: Finding | None
    results: Mapping[str, int]
    calls: Mapping[str, tuple[int, str]]


def read_transcript(
    *,
    person: Person,
    uid: str,
    passage: Passage | None = None,
    query: str = "",
    match: int = 1,
) -> Transcript:
    """Return a page of messages; with a query, the page that holds its n-th match.

    Raises NotFound, Forbidden, and Invalid for an unknown role or a query that is too long.
    """
    wanted = passage or Passage()
    if not set(wanted.roles) <= set(ROLES):
        raise Invalid.at(("query", "role"), f"a role is one of {', '.join(ROLES)}")
    if len(query) > conf.MAX_QUERY:
        raise Invalid.at(("query", "find"), f"at most {conf.MAX_QUERY} characters")

    def work(db: Database, session: SessionSnapshot, _: Place) -> Transcript:
        finding = _find(db, session, wanted.roles, query, match) if query.strip() else None
        part = wanted
        if finding is not None and finding.seq is not None:
            part = Passage(at=finding.seq, roles=wanted.roles)
        events = _passage(db, session, part)
        first, last = (events[0].seq, events[-1].seq) if events else (0, 0)
        earlier = bool(events) and _exists(db, session, part.roles, 0, first)
        later = bool(events) and _exists(db, session, part.roles, last, conf.MAX_SEQ + 1)
        results, calls = _pairs(events)
        return Transcript(events, earlier, later, finding, results, calls)

    return _reveal(person, uid, work)


def _reveal(person: Person, uid: str, work: Callable[[Database, SessionSnapshot, Place], T]) -> T:
    """Read content of a session that a person may read; handed over when that is entered.

    Every reading of content goes through here. Raises NotFound and Forbidden.
    """

    def reading(db: Database) -> tuple[str, T]:
        session, place = find_visible(db, person, uid)
        person.require(Right.READ_CONTENT, place.name)
        return place.name, work(db, session, place)

    namespace, found = engine().read(reading)
    enter_reveal(person=person, namespace=namespace, about=About("session", uid))
    return found


def _passage(db: Database, session: SessionSnapshot, part: Passage) -> list[Event]:
    """Read one page, in the order of the messages."""
    if part.end:
        return _read(db, session, part.roles, 0, conf.MAX_SEQ + 1, newest=True)
    if part.before is not None:
        return _read(db, session, part.roles, 0, part.before, newest=True)
    if part.at is not None:
        lead = _read(db, session, part.roles, 0, part.at, newest=True, limit=_BEFORE)
        return lead + _read(
            db, session, part.roles, part.at - 1, conf.MAX_SEQ + 1, limit=PAGE - len(lead)
        )
    return _read(db, session, part.roles, part.after or 0, conf.MAX_SEQ + 1)


def _read(
    db: Database,
    session: SessionSnapshot,
    roles: Collection[str],
    after: int,
    before: int,
    *,
    newest: bool = False,
    limit: int | None = None,
) -> list[Event]:
    conditions, parameters = _range(session, roles, after, before)
    rows = db.cursor(
        f"SELECT {EVENT_COLUMNS} FROM message m WHERE {conditions}"
        f" ORDER BY m.id {'DESC' if newest else 'ASC'} LIMIT %s",
        (*parameters, PAGE if limit is None else limit),
    )
    events: list[Event] = []
    size = 0
    for row in rows:
        event = Event(*row)
        size += event.size_bytes
        if events and size > _PAGE_BYTES:
            break
        events.append(event)
    return events[::-1] if newest else events


def _range(
    session: SessionSnapshot, roles: Collection[str], after: int, before: int
) -> tuple[str, list[Any]]:
    start = session.number << SEQ_BITS
    bounded = max(0, min(after, conf.MAX_SEQ)), max(0, min(before, conf.MAX_SEQ + 1))
    conditions = "m.id > %s AND m.id < %s"
    parameters: list[Any] = [start + bounded[0], start + bounded[1]]
    if roles:
        conditions += f" AND m.role IN ({', '.join(['%s'] * len(roles))})"
        parameters += sorted(roles)
    return conditions, parameters


def _exists(
    db: Database, session: SessionSnapshot, roles: Collection[str], after: int, before: int
) -> bool:
    conditions, parameters = _range(session, roles, after, before)
    return db.row(f"SELECT 1 FROM message m WHERE {conditions} LIMIT 1", parameters) is not None


def _pairs(events: Sequence[Event]) -> tuple[dict[str, int], dict[str, tuple[int, str]]]:
    """Tell, by the ids of tool calls, where on a page their results are, and who made them."""
    results: dict[str, int] = {}
    calls: dict[str, tuple[int, str]] = {}
    for event in events:
        message = event.message()
        call_id = message.get("tool_call_id")
        if event.role == "tool" and isinstance(call_id, str):
            results.setdefault(call_id, event.seq)
        for call in message.get("tool_calls") or ():
            if isinstance(call.get("id"), str):
                calls[call["id"]] = (event.seq, call_name(call))
    return results, calls


def call_name(call: Mapping[str, Any]) -> str:
    """Return the name of the tool that a call asks for."""
    function = call.get("function")
    name = function.get("name") if isinstance(function, dict) else call.get("name")
    return name if isinstance(name, str) else "tool"


def _find(
    db: Database, session: SessionSnapshot, roles: Collection[str], query: str, match: int
) -> Finding:
    conditions, parameters = _range(session, roles, 0, conf.MAX_SEQ + 1)
    rows = db.cursor(
        f"SELECT m.id, m.payload FROM message m WHERE {conditions} ORDER BY m.id", parameters
    )
    needle = query.casefold()
    seqs = [
        key & conf.MAX_SEQ
        for key, payload in rows
        if any(needle in text.casefold() for text in shown_texts(open_message(payload)))
    ]
    return Finding(query, seqs, max(1, min(match, len(seqs))))


def shown_texts(message: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a message that a transcript shows and so can mark."""
    yield from leaves(open_json(message.get("content")))
    for call in message.get("tool_calls") or ():
        yield call_name(call)
        yield from leaves(open_json(call_arguments(call)))
    if isinstance(message.get("name"), str):
        yield message["name"]


def call_arguments(call: Mapping[str, Any]) -> Any:
    """Return what a tool is called with: usually JSON in a text."""
    function = call.get("function")
    return function.get("arguments") if isinstance(function, dict) else call.get("arguments")


class Number(str):
    """A number of a message, as it was spelled."""


def open_message(payload: str) -> dict[str, Any]:
    """Parse a message, its numbers as they were spelled."""
    message: dict[str, Any] = json.loads(payload, parse_float=Number, parse_int=Number)
    return message


def open_json(value: Any) -> Any:
    """Return the object or list that a text spells, else the value itself."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        opened = json.loads(value, parse_float=Number, parse_int=Number, parse_constant=Number)
    except (ValueError, RecursionError):
        return value
    return opened if _is_shallow(opened) else value


def _is_shallow(value: Any) -> bool:
    """Tell whether a value is no deeper than a message may be."""
    level = [value]
    for _ in range(conf.MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def leaves(value: Any) -> Iterator[str]:
    """Yield the keys and values of a JSON value as a tree of it shows them."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, bool) or value is None:
        yield json.dumps(value)
    else:
        yield str(value)


@dataclass(frozen=True, slots=True)
class Revealed:
    """One message, its session and where that is."""

    event: Event
    session: SessionSnapshot
    place: Place


def read_message(*, person: Person, uid: str, seq: int) -> Revealed:
    """Return one message of a session by its place. Raises NotFound and Forbidden."""

    def work(db: Database, session: SessionSnapshot, place: Place) -> Revealed:
        events = _read(db, session, (), seq - 1, seq + 1, limit=1)
        if not events or not 1 <= seq <= conf.MAX_SEQ:
            raise NotFound("there is no such message")
        return Revealed(events[0], session, place)

    return _reveal(person, uid, work)
