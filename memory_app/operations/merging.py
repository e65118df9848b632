"""Merge a line of an import file into the session of its id, as often as it comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memory_app import conf
from memory_app.errors import SessionFull, Unavailable, UserConflict
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.opening import (
    Found,
    NewSession,
    find_policy,
    limit,
    lock_live,
    open_session,
    refuse_expired,
)
from memory_app.operations.recording import (
    OPENING_ATTEMPTS,
    Known,
    Placed,
    known_messages,
    repeats,
    store_placed,
)
from memory_app.operations.session_lines import LineItem, SessionLine
from memory_app.storage import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where sessions are imported to, and whether they keep the times of the file."""

    namespace_id: int
    keep_times: bool
    now: int | None


class Outcome(NamedTuple):
    """What came of some messages of one line; the indexes are of those with another id."""

    begun: bool
    stored: int
    duplicates: int
    repeated: Sequence[int]
    now: int


def merge(
    db: Database,
    target: Target,
    session: SessionLine,
    items: Sequence[LineItem],
    dated_at: int | None = None,
) -> Outcome:
    """Append the messages of a line that are not there yet to the session of its id.

    `dated_at` is when an earlier part of the line was stored: its messages are all dated alike.
    A live session keeps its own title, tags, metadata, state and limits; where there is none, one
    begins with those of the line. Raises UserConflict, SessionExpired and SessionFull.
    """
    for _ in range(OPENING_ATTEMPTS):
        found = lock_live(db, target.namespace_id, session.session_id, target.now)
        new = _new_session(target, session, found)
        there = found.visible or _past(db, target, new, found)
        placing = _place(db, there, items)
        begun = there is None
        if there is None:
            refuse_expired(db, target.namespace_id, found.expired)
            there = _begin(db, new, found.now, empty=not items)
        if there is not None:
            if placing.placed:
                placed = _dated(target, there, placing.placed, dated_at or found.now, found.now)
                _append(db, target, session, there, placed, found.now)
            return Outcome(
                begun, len(placing.placed), placing.duplicates, placing.repeated, found.now
            )
    raise Unavailable("the session is begun and ended by others all the time; try again")


def _new_session(target: Target, session: SessionLine, found: Found) -> NewSession:
    """Return how the session begins when there is none to append to."""
    new = NewSession(
        target.namespace_id,
        session.session_id,
        found.expired,
        user_id=session.user_id,
        change=session.change,
    )
    if not target.keep_times:
        return new
    begun_at = session.first_at if session.created_at is None else session.created_at
    times = [moment for moment in (begun_at, session.last_at) if moment is not None]
    new = new._replace(begun_at=begun_at, active_at=max(times, default=None))
    if session.expires_at is None or session.expires_because == "max_age":
        return new
    if session.expires_because == "idle":
        return new._replace(idle_until=session.expires_at)
    return new._replace(explicit_until=session.expires_at, explicit_because=session.expires_because)


def _begin(db: Database, new: NewSession, now: int, *, empty: bool) -> SessionSnapshot | None:
    session = open_session(db, new, now)
    if session is not None and empty:
        db.run("UPDATE agent_session SET revision = revision + 1 WHERE id = %s", (session.number,))
    return session


def _past(db: Database, target: Target, new: NewSession, found: Found) -> SessionSnapshot | None:
    """Return the expired session to go on with, for a line that would be expired as well.

    That is how such a line finds what an earlier import stored of it.
    """
    if not target.keep_times or found.expired is None or found.expired.purge_receipt is not None:
        return None
    policy = find_policy(db, target.namespace_id, new.session_id)
    return found.expired if limit(new, policy, found.now).expires_at <= found.now else None


class _Placing(NamedTuple):
    placed: list[Placed]
    duplicates: int
    repeated: list[int]


def _place(db: Database, there: SessionSnapshot | None, items: Sequence[LineItem]) -> _Placing:
    """Give each message that is not there yet a place and an id of its own."""
    known = known_messages(db, there, [item.event.message_id for item in items])
    placing = _Placing([], 0, [])
    last_seq = there.last_seq if there else 0
    duplicates = 0
    for index, item in enumerate(items):
        message_id = _free_id(db, there, known, item)
        if message_id is None:
            duplicates += 1
            continue
        last_seq = max(item.seq or 0, last_seq + 1)
        known[message_id] = (last_seq, item.event.payload, item.event.state)
        placing.placed.append(Placed(message_id, last_seq, item.event, item.kept_at))
        if message_id != item.event.message_id:
            placing.repeated.append(index)
    if last_seq > conf.MAX_SEQ:
        raise SessionFull("the session has given out all its places; begin another session")
    return placing._replace(duplicates=duplicates)


def _free_id(
    db: Database, there: SessionSnapshot | None, known: dict[str, Known], item: LineItem
) -> str | None:
    """Return the id to keep a message under; None when the same message is there already."""
    message_id, number = item.event.message_id, 1
    while (other := known.get(message_id)) is not None:
        if repeats(item.event, other):
            return None
        number += 1
        ending = f"~{number}"
        message_id = item.event.message_id[: conf.MAX_ID - len(ending)] + ending
        if message_id not in known:
            known.update(known_messages(db, there, [message_id]))
    return message_id


def _dated(
    target: Target,
    there: SessionSnapshot,
    placed: Sequence[Placed],
    dated_at: int,
    now: int,
) -> list[Placed]:
    """Say since when messages have been kept: never later than now."""
    if not target.keep_times:
        return [one._replace(created_at=dated_at) for one in placed]
    return [
        one._replace(
            created_at=min(there.created_at if one.created_at is None else one.created_at, now)
        )
        for one in placed
    ]


def _append(
    db: Database,
    target: Target,
    session: SessionLine,
    there: SessionSnapshot,
    placed: Sequence[Placed],
    now: int,
) -> None:
    """Store messages in a session that is locked; an expired one is not prolonged."""
    if session.user_id is not None and there.user_id not in (None, session.user_id):
        raise UserConflict("the session belongs to another user")
    active_at = now
    if there.status(now) != "active":
        active_at = there.last_activity_at
    elif target.keep_times:
        active_at = max(one.created_at or now for one in placed)
    store_placed(
        db,
        there,
        placed,
        user_id=session.user_id,
        api_key_id=None,
        active_at=active_at,
        bulk=True,
    )
