"""Remove or overwrite single messages of a session. Whole sessions are purged: see purging."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from memory_app import conf
from memory_app.errors import Invalid, NotFound, RevisionConflict
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.journal import enter_removal, file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.opening import find_uid, lock_live, refuse_expired
from memory_app.operations.receiving import (
    CONTENT_RULE,
    check_message_size,
    is_content,
    receive_message,
    with_id,
)
from memory_app.operations.sparing import refuse_held
from memory_app.storage import Database, engine
from memory_app.storage.statements import EVENT_COLUMNS
from memory_app.strict_json import Verbatim, decode, encode, members, same

# How many messages one transaction removes: other writers wait for it.
_BATCH: Final = 10_000
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
        return _remove_one(caller, target, lambda db, s: _by_id(db, s, message_id), now)
    place = -1 if index is None else index
    return _remove_one(caller, target, lambda db, s: _by_index(db, s, place), now)


def pop_message(*, caller: Caller, target: Target, now: int | None = None) -> Removed:
    """Remove the newest message and return it; None when there is none."""
    return _remove_one(caller, target, lambda db, s: _nth(db, s, "DESC", 0), now)


def _remove_one(caller: Caller, target: Target, pick: Pick, now: int | None) -> Removed:
    caller.require("write")

    def work(db: Database) -> Removed:
        session, moment = _lock(db, caller, target, now)
        event = pick(db, session) if session is not None else None
        if session is None or event is None:
            return Removed(0, session, moment)
        _remove_range(db, caller, session, event.seq, event.seq, moment)
        return Removed(1, _reread(db, caller, session, moment), moment, event)

    removed = engine().write(work)
    # Also after a miss: the call may repeat one that failed between its removal and this line.
    file_removals()
    return removed


def clear_messages(*, caller: Caller, target: Target, now: int | None = None) -> Removed:
    """Remove all messages that a session has at this moment; the session stays.

    More than a batch are removed oldest first in several transactions, so that no writer waits for
    all of them; each leaves the session's counters right.
    """
    caller.require("write")
    state = {"number": 0, "last": 0, "deleted": 0}

    def work(db: Database) -> Removed:
        first = state["last"] == 0
        session, moment = _lock(
            db, caller, target if first else Target(session_id=target.session_id), now
        )
        if session is None or session.number != (state["number"] or session.number):
            # Ended since the last step; what another began under its id is not meant.
            return Removed(0, session, moment)
        state["number"] = session.number
        state["last"] = state["last"] or session.last_seq
        end = _end_of_batch(db, session, state["last"])
        if end is None:
            return Removed(0, session, moment)
        count = _remove_range(db, caller, session, 1, end, moment, counts=first)
        return Removed(count, _reread(db, caller, session, moment), moment)

    removed = engine().write(work)
    while removed.deleted:
        state["deleted"] += removed.deleted
        if removed.deleted < _BATCH:
            break
        removed = engine().write(work)
    file_removals()
    return Removed(state["deleted"], removed.session, removed.now)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A message after its replacement."""

    item: Event
    session: SessionSnapshot
    now: int


Keeps = Literal["keep"]


def replace_message(
    *,
    caller: Caller,
    target: Target,
    message_id: str,
    message: Verbatim | None = None,
    content: Verbatim | None = None,
    replaces_content: bool = False,
    state: Verbatim | Keeps | None = "keep",
    now: int | None = None,
) -> Replaced:
    """Overwrite a message, or only its content, in place: its place and id stay.

    An equal body changes nothing. Raises NotFound, Invalid and TooLarge.
    """
    caller.require("write")
    if replaces_content:
        _check_content(content)
    else:
        receive_message(
            message, None if state == "keep" else state, ("body", "message"), ("body", "state")
        )

    def work(db: Database) -> Replaced:
        session, moment = _lock(db, caller, target, now)
        event = _by_id(db, session, message_id) if session is not None else None
        if session is None or event is None:
            raise NotFound("there is no such message")
        body = _with_content(event, content) if replaces_content else _with_old_id(event, message)
        if _is_equal(event, body, state):
            return Replaced(event, session, moment)
        _overwrite(db, caller, session, event, body, state, moment)
        fresh = _by_id(db, session, message_id)
        assert fresh is not None, "it was just written"
        return Replaced(fresh, _reread(db, caller, session, moment), moment)

    replaced = engine().write(work)
    file_removals()
    return replaced


def _check_content(content: Verbatim | None) -> None:
    """Refuse a content that no message could have."""
    if content is None:
        return
    if not isinstance(content, Verbatim) or not is_content(content.value):
        raise Invalid.at(("body", "content"), CONTENT_RULE)
    check_message_size(content.text)


def _with_content(event: Event, content: Verbatim | None) -> Verbatim:
    text = "null" if content is None else content.text
    parts = [
        f"{encode(key)}:{text if key == 'content' else value.text}"
        for key, value in members(event.payload)
    ]
    if not any(key == "content" for key, _ in members(event.payload)):
        parts.append(f'"content":{text}')
    joined = "{" + ",".join(parts) + "}"
    return Verbatim(decode(joined), joined)


def _with_old_id(event: Event, message: Verbatim | None) -> Verbatim:
    assert message is not None, "it was checked before the session was locked"
    given = message.value.get("id")
    if given is None:
        text = with_id(message, event.message_id)
        return Verbatim(decode(text), text)
    if given != event.message_id:
        raise Invalid.at(("body", "message", "id"), "an update keeps the id of the message")
    return message


def _is_equal(event: Event, body: Verbatim, state: Verbatim | Keeps | None) -> bool:
    if not same(decode(event.payload), body.value):
        return False
    if state == "keep":
        return True
    new = None if state is None else state.value
    return same(None if event.state is None else decode(event.state), new)


def _overwrite(
    db: Database,
    caller: Caller,
    session: SessionSnapshot,
    event: Event,
    body: Verbatim,
    state: Verbatim | Keeps | None,
    now: int,
) -> None:
    if state == "keep":
        state = None if event.state is None else Verbatim(decode(event.state), event.state)
    incoming = receive_message(body, state, ("body", "message"), ("body", "state"))
    db.run(
        "UPDATE message SET role = %s, payload = %s, state = %s, tokens = %s, size_bytes = %s,"
        " occurred_at = %s, updated_at = %s WHERE id = %s",
        (
            incoming.role,
            incoming.payload,
            incoming.state,
            incoming.tokens,
            incoming.size_bytes,
            event.created_at if incoming.occurred_at is None else incoming.occurred_at,
            now,
            event.key,
        ),
    )
    db.run(
        _SHRINK,
        (
            0,
            event.tokens - incoming.tokens,
            event.size_bytes - incoming.size_bytes,
            1,
            session.number,
        ),
    )
    _enter(db, caller, session, event.seq, event.seq, now)


def _lock(
    db: Database, caller: Caller, target: Target, now: int | None
) -> tuple[SessionSnapshot | None, int]:
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


def _reread(db: Database, caller: Caller, session: SessionSnapshot, now: int) -> SessionSnapshot:
    found = find_uid(db, caller.namespace_id, session.uid, now)
    assert found.visible is not None, "the session is locked"
    return found.visible


def _by_id(db: Database, session: SessionSnapshot, message_id: str) -> Event | None:
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


def _end_of_batch(db: Database, session: SessionSnapshot, last: int) -> int | None:
    """Return the last place of the next batch, or None when nothing is left."""
    row = db.row(
        "SELECT max(b.id) FROM (SELECT id FROM message WHERE id > %s AND id <= %s"
        " ORDER BY id LIMIT %s) b",
        (*_keys(session, 1, last), _BATCH),
    )
    return None if row is None or row[0] is None else row[0] & conf.MAX_SEQ


def _keys(session: SessionSnapshot, first: int, last: int) -> tuple[int, int]:
    """Return the keys between which places lie: after the first, up to and with the second."""
    return (session.number << 32) + first - 1, (session.number << 32) + last


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
    delete_content_rows(db, session.number, first, last)
    db.run(_SHRINK, (count, tokens, size, int(counts), session.number))
    _enter(db, caller, session, first, last, now)
    return count


def delete_content_rows(db: Database, number: int, first: int, last: int) -> int:
    """Delete a session's messages by place, from everywhere a message's text is kept."""
    return db.run(
        "DELETE FROM message WHERE id > %s AND id <= %s",
        ((number << 32) + first - 1, (number << 32) + last),
    )


def _enter(
    db: Database, caller: Caller, session: SessionSnapshot, first: int, last: int, now: int
) -> None:
    enter_removal(db, namespace=caller.namespace, uid=session.uid, ranges=[(first, last)], now=now)


_SHRINK = (
    "UPDATE agent_session SET message_count = message_count - %s, token_count = token_count - %s,"
    " size_bytes = size_bytes - %s, revision = revision + %s WHERE id = %s"
)
