"""Remove or overwrite single messages of a session. Whole sessions are purged: see purging."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from memory_app import conf
from memory_app.errors import RevisionConflict
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.deleting import Span, delete_messages
from memory_app.operations.journal import JournalEntry, enter_removals, file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.opening import find_uid, lock_live, refuse_expired
from memory_app.operations.pacing import Pace
from memory_app.operations.sparing import refuse_held
from memory_app.storage import Database, engine
from memory_app.storage.statements import EVENT_COLUMNS

_LARGEST_OFFSET: Final = 2**62


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed from a session; `session` is None where there is none."""

    deleted: int
    session: SessionSnapshot | None
    now: int
    item: Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The session that is changed, and the revision it must be at."""

    session_id: str
    expected_revision: int | None = None


Pick = Callable[[Database, SessionSnapshot], Event | None]


def delete_message(
    *,
    caller: Caller,
    target: Target,
    message_id: str | None = None,
    index: int | None = None,
    now: int | None = None,
) -> Removed:
    """Remove one message by its id, or by its place from 0. A miss removes nothing."""
    if message_id is not None:
        return _remove_one(caller, target, lambda db, s: find_message(db, s, message_id), now)
    place = -1 if index is None else index
    return _remove_one(caller, target, lambda db, s: _by_index(db, s, place), now)


def pop_message(*, caller: Caller, target: Target, now: int | None = None) -> Removed:
    """Remove the newest message and return it; None when there is none."""
    return _remove_one(caller, target, lambda db, s: _nth(db, s, "DESC", 0), now)


def _remove_one(caller: Caller, target: Target, pick: Pick, now: int | None) -> Removed:
    caller.require("write")

    def work(db: Database) -> Removed:
        session, moment = lock_target(db, caller, target, now)
        event = pick(db, session) if session is not None else None
        if session is None or event is None:
            return Removed(0, session, moment)
        _remove_range(db, caller, session, event.seq, event.seq, moment)
        return Removed(1, reread(db, caller, session, moment), moment, event)

    removed = engine().write(work)
    # Also after a miss: the call may repeat one that failed between its removal and this line.
    file_removals()
    return removed


def clear_messages(*, caller: Caller, target: Target, now: int | None = None) -> Removed:
    """Remove all messages that a session has at this moment; the session stays.

    Many are removed oldest first in several transactions, so that no writer waits for all of them;
    each leaves the session's counters right.
    """
    caller.require("write")
    clearing = _Clearing(caller, target)
    pace = Pace()
    removed = pace.step(partial(clearing.step, now=now))
    while clearing.goes_on:
        removed = pace.step(partial(clearing.step, now=now))
    file_removals()
    return Removed(clearing.deleted, removed.session, removed.now)


class _Clearing:
    """A clear under way: which session it began with, and up to which of its places."""

    def __init__(self, caller: Caller, target: Target) -> None:
        self.caller = caller
        self.target = target
        self.number: int | None = None
        self.last = 0
        self.deleted = 0
        self.goes_on = False

    def step(self, db: Database, size: int, *, now: int | None) -> tuple[Removed, int]:
        """Remove the next messages, at most so many; return the session and how many went."""
        first = self.number is None
        target = self.target if first else Target(session_id=self.target.session_id)
        session, moment = lock_target(db, self.caller, target, now)
        if session is None or (not first and session.number != self.number):
            # Ended since the last step; what another began under its id is not meant.
            self.goes_on = False
            return Removed(0, session, moment), 0
        if first:
            self.number, self.last = session.number, session.last_seq
        end = _end_of_batch(db, session, self.last, size)
        self.goes_on = end is not None and end < self.last
        if end is None:
            return Removed(0, session, moment), 0
        count = _remove_range(db, self.caller, session, 1, end, moment, counts=first)
        self.deleted += count
        return Removed(count, reread(db, self.caller, session, moment), moment), count


def lock_target(
    db: Database, caller: Caller, target: Target, now: int | None
) -> tuple[SessionSnapshot | None, int]:
    """Lock the session to change, at the revision it must have; return the time as well."""
    found = lock_live(db, caller.namespace_id, target.session_id, now)
    refuse_expired(db, caller.namespace_id, found.expired)
    expected = target.expected_revision
    if expected is not None:
        revision = found.visible.revision if found.visible else 0
        if expected != revision:
            raise RevisionConflict("the session is at another revision", revision)
    if found.visible is not None:
        refuse_held(db, caller.namespace_id, found.visible.number)
    return found.visible, found.now


def reread(db: Database, caller: Caller, session: SessionSnapshot, now: int) -> SessionSnapshot:
    """Read a session again that is locked."""
    found = find_uid(db, caller.namespace_id, session.uid, now)
    assert found.visible is not None, "the session is locked"
    return found.visible


def find_message(db: Database, session: SessionSnapshot, message_id: str) -> Event | None:
    """Return the message of an id, or None."""
    row = db.row(
        f"SELECT {EVENT_COLUMNS} FROM message m WHERE (m.id >> 32) = %s AND m.message_id = %s",
        (session.number, message_id),
    )
    return Event(*row) if row else None


def _by_index(db: Database, session: SessionSnapshot, index: int) -> Event | None:
    return _nth(db, session, "ASC", index) if index >= 0 else None


def _nth(db: Database, session: SessionSnapshot, order: str, place: int) -> Event | None:
    row = db.row(
        f"SELECT {EVENT_COLUMNS} FROM message m WHERE m.id > %s AND m.id <= %s"
        f" ORDER BY m.id {order} LIMIT 1 OFFSET %s",
        (*_keys(session, 1, conf.MAX_SEQ), min(place, _LARGEST_OFFSET)),
    )
    return Event(*row) if row else None


def _end_of_batch(db: Database, session: SessionSnapshot, last: int, size: int) -> int | None:
    """Return the last place of the next batch, or None when nothing is left."""
    row = db.row(
        "SELECT max(b.id) FROM (SELECT id FROM message WHERE id > %s AND id <= %s"
        " ORDER BY id LIMIT %s) b",
        (*_keys(session, 1, last), size),
    )
    return None if row is None or row[0] is None else row[0] & conf.MAX_SEQ


def _keys(session: SessionSnapshot, first: int, last: int) -> tuple[int, int]:
    """Return the keys between which places lie: after the first, up to and with the second."""
    return Span(session.number, first, last).keys


def _remove_range(
    db: Database,
    caller: Caller,
    session: SessionSnapshot,
    first: int,
    last: int,
    now: int,
    *,
    counts: bool = True,
) -> int:
    """Delete messages by place, take them off the counters and enter them into the journal."""
    keys = _keys(session, first, last)
    row = db.row(
        "SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(size_bytes), 0)"
        " FROM message WHERE id > %s AND id <= %s",
        keys,
    )
    assert row is not None
    count, tokens, size = (int(value) for value in row)
    delete_messages(db, [Span(session.number, first, last)])
    db.run(SHRINK, (count, tokens, size, int(counts), session.number))
    enter_places(db, caller, session, first, last, now)
    return count


def enter_places(
    db: Database, caller: Caller, session: SessionSnapshot, first: int, last: int, now: int
) -> None:
    """Enter places of a session into the journal."""
    removals = [JournalEntry(session.uid, [(first, last)])]
    enter_removals(db, namespace=caller.namespace, removals=removals, now=now)


SHRINK = (
    "UPDATE agent_session SET message_count = message_count - %s, token_count = token_count - %s,"
    " size_bytes = size_bytes - %s, revision = revision + %s WHERE id = %s"
)
