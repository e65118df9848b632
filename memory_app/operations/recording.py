"""Append messages to sessions: exactly once, in one order, however many write."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from memory_app import conf
from memory_app.errors import (
    MessageConflict,
    NotFound,
    RevisionConflict,
    SessionFull,
    Unavailable,
    UserConflict,
)
from memory_app.models.message import SEQ_BITS
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.changing import apply_change, keeps
from memory_app.operations.keys import Caller
from memory_app.operations.opening import (
    Found,
    NewSession,
    lock_live,
    open_session,
    refuse_expired,
)
from memory_app.operations.receiving import IncomingMessage, SessionChange
from memory_app.operations.sparing import refuse_held
from memory_app.storage import Database, engine
from memory_app.storage.engine import Append, Row
from memory_app.storage.pending import queue
from memory_app.storage.statements import GROW, PROLONG, SESSION_COLUMNS
from memory_app.strict_json import decode, same

# How many ids one query asks for: well below the fewest parameters a build of SQLite allows.
_IDS_AT_ONCE = 500
OPENING_ATTEMPTS: Final = 5

# A message's place, text and state.
Known = tuple[int, str, str | None]


class Placed(NamedTuple):
    """A message that is to be stored, and where. An import may say since when it has been kept."""

    message_id: str
    seq: int
    event: IncomingMessage
    created_at: int | None = None


class StoredItem(NamedTuple):
    """Where a message is; `duplicate` when it was there before."""

    message_id: str
    seq: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of an append. `session` is None only for an empty list to an unknown id."""

    items: Sequence[StoredItem]
    session: SessionSnapshot | None
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Events for one session, and the conditions under which they are appended."""

    session_id: str
    events: Sequence[IncomingMessage]
    user_id: str | None = None
    change: SessionChange | None = None
    expected_revision: int | None = None
    create: bool = True
    batch: bool = False


def add_events(*, caller: Caller, recording: Recording, now: int | None = None) -> Recorded:
    """Append events atomically, in order, with nothing of another writer in between.

    A message that is there already with an equal body is answered with its place and changes
    nothing. Raises MessageConflict, UserConflict, RevisionConflict, NotFound, SessionExpired,
    SessionFull, StorageFull and, for a session_patch that overwrites, Held.
    """
    caller.require("write")
    engine().require_space()

    def in_a_transaction(db: Database) -> Recorded:
        return _append(db, caller, recording, now)

    if len(recording.events) == 1 and recording.change is None:
        append = _single(caller, recording, now)
        return engine().append(append, lambda row: _stored(append, row), in_a_transaction)
    return engine().write(in_a_transaction)


def _single(caller: Caller, recording: Recording, now: int | None) -> Append:
    event = recording.events[0]
    return Append(
        namespace_id=caller.namespace_id,
        session_id=recording.session_id,
        user_id=recording.user_id,
        found_user_id=event.user_id,
        expected_revision=recording.expected_revision,
        message_id=event.message_id,
        role=event.role,
        payload=event.payload,
        state=event.state,
        tokens=event.tokens,
        size_bytes=event.size_bytes,
        occurred_at=event.occurred_at,
        api_key_id=caller.api_key_id,
        may_repeat=event.named,
        now=now,
    )


def _stored(append: Append, row: Row) -> Recorded:
    session = SessionSnapshot(*row)
    item = StoredItem(append.message_id, session.last_seq, False)
    return Recorded([item], session, session.last_activity_at)


def _append(db: Database, caller: Caller, recording: Recording, now: int | None) -> Recorded:
    """Append under the session's lock, whatever the session's condition is."""
    for _ in range(OPENING_ATTEMPTS):
        found = lock_live(db, caller.namespace_id, recording.session_id, now)
        if not recording.events:
            return Recorded([], found.visible, found.now)
        named = [event.message_id for event in recording.events if event.named]
        known = known_messages(db, found.visible, named)
        items = _place(recording, known, found.visible.last_seq if found.visible else 0)
        if all(item.duplicate for item in items):
            return Recorded(items, found.visible, found.now)
        fresh = sum(not item.duplicate for item in items)
        session = _admit(db, caller, recording, found, fresh)
        if session is not None:
            return _store(db, caller, recording, items, session, found.now)
    raise Unavailable("the session is begun and ended by others all the time; try again")


def known_messages(
    db: Database, session: SessionSnapshot | None, message_ids: Iterable[str]
) -> dict[str, Known]:
    """Return place, message and state of those messages that the session has."""
    known: dict[str, Known] = {}
    if session is None:
        return known
    ids = list(set(message_ids))
    for start in range(0, len(ids), _IDS_AT_ONCE):
        some = ids[start : start + _IDS_AT_ONCE]
        rows = db.rows(
            "SELECT m.message_id, m.id, m.payload, m.state FROM message m"
            f" WHERE (m.id >> 32) = %s AND m.message_id IN ({', '.join(['%s'] * len(some))})",
            (session.number, *some),
        )
        known.update({row[0]: (row[1] & conf.MAX_SEQ, row[2], row[3]) for row in rows})
    return known


def _place(recording: Recording, known: dict[str, Known], last_seq: int) -> list[StoredItem]:
    """Give each event its place: the one it has, or the next."""
    items = []
    for index, event in enumerate(recording.events):
        there = known.get(event.message_id)
        if there is None:
            last_seq += 1
            known[event.message_id] = (last_seq, event.payload, event.state)
            items.append(StoredItem(event.message_id, last_seq, False))
        elif repeats(event, there):
            items.append(StoredItem(event.message_id, there[0], True))
        else:
            raise MessageConflict(
                "a message of this session has the same id and another body",
                index if recording.batch else None,
            )
    return items


def repeats(event: IncomingMessage, there: Known) -> bool:
    """Tell whether a message is one that is there already: the same message and the same state."""
    return _equal(there[1], event.payload) and _equal(there[2], event.state)


def _equal(stored: str | None, sent: str | None) -> bool:
    if stored is None or sent is None or stored == sent:
        return stored == sent
    return same(decode(stored), decode(sent))


def _admit(
    db: Database, caller: Caller, recording: Recording, found: Found, fresh: int
) -> SessionSnapshot | None:
    """Return the session to append to, begun when that is asked for; None when another began it."""
    if found.visible is not None:
        _check_conditions(recording, found.visible, fresh)
        return found.visible
    refuse_expired(db, caller.namespace_id, found.expired)
    if not recording.create:
        raise NotFound("there is no such session")
    if recording.expected_revision not in (None, 0):
        raise RevisionConflict("there is no live session", 0)
    new = NewSession(
        caller.namespace_id, recording.session_id, found.expired, user_id=recording.user_id
    )
    return open_session(db, new, found.now)


def _check_conditions(recording: Recording, session: SessionSnapshot, fresh: int) -> None:
    expected = recording.expected_revision
    if expected is not None and expected != session.revision:
        raise RevisionConflict("the session is at another revision", session.revision)
    if recording.user_id is not None and session.user_id not in (None, recording.user_id):
        raise UserConflict("the session belongs to another user")
    if session.last_seq + fresh > conf.MAX_SEQ:
        raise SessionFull("the session has given out all its places; begin another session")


def _store(
    db: Database,
    caller: Caller,
    recording: Recording,
    items: Sequence[StoredItem],
    session: SessionSnapshot,
    now: int,
) -> Recorded:
    placed = [
        Placed(item.message_id, item.seq, event)
        for item, event in zip(items, recording.events, strict=True)
        if not item.duplicate
    ]
    grown = store_placed(
        db,
        session,
        placed,
        user_id=recording.user_id,
        api_key_id=caller.api_key_id,
        active_at=now,
    )
    if recording.change:
        changed = apply_change(db, caller.namespace_id, grown, recording.change)
        if not keeps(grown, changed):
            refuse_held(db, caller.namespace_id, session.number)
        grown = changed
    return Recorded(items, grown, now)


def store_placed(
    db: Database,
    session: SessionSnapshot,
    placed: Sequence[Placed],
    *,
    user_id: str | None,
    api_key_id: int | None,
    active_at: int,
    bulk: bool = False,
) -> SessionSnapshot:
    """Insert messages, at least one, in the order of their places into a session that is locked.

    `active_at` is when the session was active by that: it prolongs the session. Search finds them
    within a second, `bulk` ones when nothing else waits for it.
    """
    found_user_id = next((one.event.user_id for one in placed if one.event.user_id), None)
    row = db.row(
        _GROW_ONE,
        (
            placed[-1].seq - session.last_seq,
            len(placed),
            sum(one.event.tokens for one in placed),
            sum(one.event.size_bytes for one in placed),
            user_id or found_user_id,
            *(active_at, active_at, active_at),
            session.number,
        ),
    )
    assert row is not None, "the session is locked"
    grown = SessionSnapshot(*row)._replace(metadata=session.metadata, state=session.state)
    engine().insert_messages(
        db,
        [_message_row(session.number, one, grown.last_activity_at, api_key_id) for one in placed],
    )
    queue(db, session.number, placed[0].seq, placed[-1].seq, bulk=bulk)
    return grown


def _message_row(number: int, placed: Placed, stored_at: int, api_key_id: int | None) -> Row:
    """Return the values of MESSAGE_COLUMNS."""
    event = placed.event
    created_at = stored_at if placed.created_at is None else placed.created_at
    return (
        number << SEQ_BITS | placed.seq,
        placed.message_id,
        event.role,
        event.payload,
        event.state,
        event.tokens,
        event.size_bytes,
        created_at if event.occurred_at is None else event.occurred_at,
        created_at,
        api_key_id,
    )


_GROW_ONE = (
    f"UPDATE agent_session AS s SET {GROW}, {PROLONG.replace('{now}', '%s')}"
    f" WHERE s.id = %s RETURNING {SESSION_COLUMNS.replace('s.', '')}"
)
