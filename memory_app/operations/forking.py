"""Begin a session as a copy of another, which from then on is a session of its own."""

import secrets

from memory_app import conf
from memory_app.errors import NotFound, SessionExists, Unavailable
from memory_app.models.message import SEQ_BITS
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.keys import Caller
from memory_app.operations.opening import (
    NewSession,
    find_live,
    lock_live,
    open_session,
    refuse_expired,
)
from memory_app.operations.receiving import SessionChange
from memory_app.operations.recording import OPENING_ATTEMPTS
from memory_app.operations.sessions import SessionAt
from memory_app.storage import Database, engine
from memory_app.storage.pending import queue
from memory_app.strict_json import Verbatim, decode


def fork_session(
    *,
    caller: Caller,
    session_id: str,
    new_session_id: str | None = None,
    up_to_seq: int | None = None,
    now: int | None = None,
) -> SessionAt:
    """Begin a session with the messages, the user and the state of another.

    The messages keep their places, up to `up_to_seq`. Title, tags and metadata are the source's
    own; its time goes on as before. Raises NotFound, SessionExists, SessionExpired and StorageFull.
    """
    caller.require("write")
    engine().require_space()
    name = new_session_id if new_session_id is not None else f"ses_{secrets.token_hex(12)}"

    def work(db: Database) -> SessionAt:
        for _ in range(OPENING_ATTEMPTS):
            found = lock_live(db, caller.namespace_id, session_id, now)
            source = found.visible
            if source is None:
                # An expired one too: only memory operations answer that it expired.
                raise NotFound("there is no such session")
            session = _begin(db, caller, source, name, found.now)
            if session is not None:
                last = source.last_seq if up_to_seq is None else min(up_to_seq, source.last_seq)
                return SessionAt(_copy(db, source, session, last), found.now, created=True)
        raise Unavailable("the session is begun and ended by others all the time; try again")

    return engine().write(work)


def _begin(
    db: Database, caller: Caller, source: SessionSnapshot, name: str, now: int
) -> SessionSnapshot | None:
    """Begin the copy, still empty; None when another began one under this id."""
    # Looked at without a lock first: two forks into each other's source would wait for each other.
    there = find_live(db, caller.namespace_id, name, now)
    if there.expired is not None:
        there = lock_live(db, caller.namespace_id, name, now)
    if there.visible is not None:
        raise SessionExists("a live session has this id already")
    refuse_expired(db, caller.namespace_id, there.expired)
    change = SessionChange()
    if source.state is not None:
        change["state"] = Verbatim(decode(source.state), source.state)
    new = NewSession(
        caller.namespace_id, name, there.expired, user_id=source.user_id, change=change
    )
    return open_session(db, new, now)


def _copy(
    db: Database, source: SessionSnapshot, session: SessionSnapshot, last: int
) -> SessionSnapshot:
    """Copy the messages up to a place, inside the database: memory does not grow with them."""
    start = source.number << SEQ_BITS
    db.run(
        f"INSERT INTO message (id, {_COPIED}) SELECT m.id + %s, {_COPIED} FROM message m"
        " WHERE m.id > %s AND m.id <= %s",
        ((session.number - source.number) << SEQ_BITS, start, start + last),
    )
    queue(db, session.number, 1, max(last, 1))
    first = session.number << SEQ_BITS
    counted = db.row(
        "SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(size_bytes), 0) FROM message"
        " WHERE id > %s AND id <= %s",
        (first, first + conf.MAX_SEQ),
    )
    assert counted is not None
    count, tokens, size = (int(value) for value in counted)
    db.run(
        "UPDATE agent_session SET last_seq = %s, message_count = %s, token_count = %s,"
        " size_bytes = %s, revision = revision + 1 WHERE id = %s",
        (last, count, tokens, size, session.number),
    )
    return session._replace(
        last_seq=last,
        message_count=count,
        token_count=tokens,
        size_bytes=size,
        revision=session.revision + 1,
    )


_COPIED = (
    "message_id, role, payload, state, tokens, size_bytes, occurred_at, created_at, updated_at,"
    " api_key_id"
)
