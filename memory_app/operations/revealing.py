"""Show people the content of sessions: a transcript page by page, one message, what is found."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final, TypeVar

from memory_app import conf
from memory_app.errors import Invalid, NotFound
from memory_app.folding import Needle
from memory_app.models.message import SEQ_BITS
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.auditing import About, enter_reveal
from memory_app.operations.receiving import ROLES
from memory_app.operations.rights import Person, Right
from memory_app.operations.unfolding import call_name, open_message, shown_texts
from memory_app.operations.viewing import Place, find_visible
from memory_app.storage import Database, engine
from memory_app.storage.statements import EVENT_COLUMNS

T = TypeVar("T")

# A page of a transcript ends after so many messages, or so many bytes of them.
PAGE: Final = 50
_PAGE_BYTES: Final = 4 * conf.MB
# How many messages come before the one that a link leads to.
_BEFORE: Final = 5
# How many results of tools a page is made longer by, so that they stand with their calls.
_MORE_RESULTS: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Which part of a transcript: after or before a place, around one, or the end."""

    after: int | None = None
    before: int | None = None
    at: int | None = None
    end: bool = False
    roles: Collection[str] = ()

    @property
    def is_beginning(self) -> bool:
        """Tell whether no part is asked for."""
        return self.after is None and self.before is None and self.at is None and not self.end


@dataclass(frozen=True, slots=True)
class Finding:
    """The places of the messages that hold what was looked for, and the number of one's own.

    `index` counts from 1. It is None where there is no match, and where another part is shown.
    """

    seqs: Sequence[int]
    index: int | None

    @property
    def seq(self) -> int | None:
        """Return the place of the match that is shown."""
        return None if self.index is None else self.seqs[self.index - 1]


@dataclass(frozen=True, slots=True)
class Transcript:
    """One page of a session's messages, and what of it lies before and after."""

    events: Sequence[Event]
    has_earlier: bool
    has_later: bool
    finding: Finding | None
    calls: Mapping[str, tuple[int, str]]


def read_transcript(
    *,
    person: Person,
    uid: str,
    passage: Passage | None = None,
    query: str = "",
    match: int | None = None,
    as_received: bool = False,
) -> Transcript:
    """Return a page of messages; with a query, the page that holds its n-th match.

    A match is a message that holds the query, whatever its case and accents, in what a transcript
    shows of it; `as_received` in its JSON. Without `match` it is the first, unless a part is asked
    for. Raises NotFound, Forbidden, and Invalid for an unknown role or a query that is too long.
    """
    wanted = passage or Passage()
    if not set(wanted.roles) <= set(ROLES):
        raise Invalid.at(("query", "role"), f"a role is one of {', '.join(ROLES)}")
    if len(query) > conf.MAX_QUERY:
        raise Invalid.at(("query", "find"), f"at most {conf.MAX_QUERY} characters")

    def work(db: Database, session: SessionSnapshot, _: Place) -> Transcript:
        finding, part = None, wanted
        if query.strip():
            seqs = _find(db, session, wanted.roles, Needle(query), as_received=as_received)
            number = match or (1 if wanted.is_beginning else None)
            finding = Finding(seqs, number and (max(1, min(number, len(seqs))) if seqs else None))
        if finding is not None and finding.seq is not None:
            part = Passage(at=finding.seq, roles=wanted.roles)
        events = _passage(db, session, part)
        if not part.roles:
            events = _with_results(db, session, events)
        first, last = (events[0].seq, events[-1].seq) if events else (0, 0)
        earlier = bool(events) and _exists(db, session, part.roles, 0, first)
        later = bool(events) and _exists(db, session, part.roles, last, conf.MAX_SEQ + 1)
        return Transcript(events, earlier, later, finding, _calls(events))

    return reveal(person, uid, work)


def reveal(person: Person, uid: str, work: Callable[[Database, SessionSnapshot, Place], T]) -> T:
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


def _with_results(db: Database, session: SessionSnapshot, events: list[Event]) -> list[Event]:
    """Lengthen a page at both ends so that it parts no tool call from the results that follow."""
    if events and events[0].role == "tool":
        before = _read(db, session, (), 0, events[0].seq, newest=True, limit=_MORE_RESULTS)
        calls = [at for at, event in enumerate(before) if event.role != "tool"]
        if calls:
            events = before[calls[-1] :] + events
    if events and events[-1].role in ("assistant", "tool"):
        after = _read(db, session, (), events[-1].seq, conf.MAX_SEQ + 1, limit=_MORE_RESULTS)
        events = events + list(takewhile(lambda event: event.role == "tool", after))
    return events


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


def _calls(events: Sequence[Event]) -> dict[str, tuple[int, str]]:
    """Tell, by the ids of tool calls, where on a page they are, and the tools' names."""
    calls: dict[str, tuple[int, str]] = {}
    for event in events:
        for call in event.message().get("tool_calls") or ():
            if isinstance(call.get("id"), str):
                calls[call["id"]] = (event.seq, call_name(call))
    return calls


def _find(
    db: Database,
    session: SessionSnapshot,
    roles: Collection[str],
    needle: Needle,
    *,
    as_received: bool,
) -> list[int]:
    """Return the places of the messages that hold something."""
    conditions, parameters = _range(session, roles, 0, conf.MAX_SEQ + 1)
    rows = db.cursor(
        f"SELECT m.id, m.payload FROM message m WHERE {conditions} ORDER BY m.id", parameters
    )
    if as_received:
        return [key & conf.MAX_SEQ for key, payload in rows if needle.is_in(payload)]
    return [
        key & conf.MAX_SEQ
        for key, payload in rows
        if _may_hold(payload, needle)
        and any(needle.is_in(text) for text in shown_texts(open_message(payload)))
    ]


def _may_hold(payload: str, needle: Needle) -> bool:
    """Tell, before it is parsed, whether a message can hold something.

    It cannot when its JSON does not, unless one of the two has what JSON writes in other ways.
    Finding a word in 2,600 messages took 34 milliseconds, and takes 7; with accents in all of them
    it takes 100.
    """
    text = needle.folded
    plain = text.isprintable() and not any(one in text for one in '"\\/')
    return not plain or "\\u" in payload or needle.is_in(payload)


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

    return reveal(person, uid, work)
