"""Begin, find, change, expire and extend sessions."""

import secrets
from dataclasses import dataclass

from memory_app.errors import (
    NotFound,
    RevisionConflict,
    SessionExists,
    Unavailable,
)
from memory_app.models import AuditAct
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import NEVER
from memory_app.operations import lifetimes
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.changing import apply_change, change_user
from memory_app.operations.keys import Caller
from memory_app.operations.lifetimes import check_expiry
from memory_app.operations.opening import (
    Found,
    NewSession,
    find_live,
    find_policy,
    find_uid,
    lock_live,
    open_session,
    refuse_expired,
)
from memory_app.operations.reading import Which
from memory_app.operations.receiving import SessionChange
from memory_app.operations.sparing import refuse_held
from memory_app.storage import Database, engine
from memory_app.storage.statements import PROLONG

_OPENING_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class SessionAt:
    """A session as it is at a moment."""

    session: SessionSnapshot
    now: int
    created: bool = False


def get_session(*, caller: Caller, which: Which, now: int | None = None) -> SessionAt:
    """Return a session, or an expired one for its stub. Raises NotFound."""
    caller.require("read")

    def work(db: Database) -> SessionAt:
        if which.uid is not None:
            found = find_uid(db, caller.namespace_id, which.uid, now)
        else:
            found = find_live(db, caller.namespace_id, which.session_id, now)
        session = found.visible or found.expired
        if session is None:
            raise NotFound("there is no such session")
        return SessionAt(session, found.now)

    return engine().read(work)


def create_session(
    *,
    caller: Caller,
    session_id: str | None,
    change: SessionChange,
    expires_at: int | None = None,
    return_existing: bool = False,
    now: int | None = None,
) -> SessionAt:
    """Begin a session, under an id that is made when none is given.

    Raises SessionExists, SessionExpired, InvalidMoment and StorageFull, and UserConflict for an
    existing session of another user.
    """
    caller.require("write")
    engine().require_space()
    name = session_id if session_id is not None else f"ses_{secrets.token_hex(12)}"

    def work(db: Database) -> SessionAt:
        for _ in range(_OPENING_ATTEMPTS):
            found = lock_live(db, caller.namespace_id, name, now)
            if found.visible is not None:
                if not return_existing:
                    raise SessionExists("a live session has this id already")
                if change.get("user_id") is not None:
                    change_user(found.visible, change)
                return SessionAt(found.visible, found.now)
            refuse_expired(db, caller.namespace_id, found.expired)
            session = _begin(db, caller, name, change, expires_at, found)
            if session is not None:
                return SessionAt(session, found.now, created=True)
        raise Unavailable("the session is begun and ended by others all the time; try again")

    return engine().write(work)


def _begin(
    db: Database,
    caller: Caller,
    session_id: str,
    change: SessionChange,
    expires_at: int | None,
    found: Found,
) -> SessionSnapshot | None:
    policy = find_policy(db, caller.namespace_id, session_id)
    latest = min(found.now + policy.max_age, NEVER)
    new = NewSession(
        caller.namespace_id,
        session_id,
        found.expired,
        user_id=change.get("user_id"),
        change=change,
        explicit_until=_explicit(expires_at, found.now, latest),
    )
    session = open_session(db, new, found.now)
    if session is not None:
        db.run("UPDATE agent_session SET revision = revision + 1 WHERE id = %s", (session.number,))
        session = session._replace(revision=session.revision + 1)
    return session


def _explicit(expires_at: int | None, now: int, latest: int) -> int:
    """Check an explicit time: in the future, and within the maximum age."""
    if expires_at is None:
        return NEVER
    check_expiry(expires_at, now, latest)
    return expires_at


def update_session(
    *,
    caller: Caller,
    session_id: str,
    change: SessionChange,
    expires_at: int | None = None,
    sets_expiry: bool = False,
    expected_revision: int | None = None,
    now: int | None = None,
) -> SessionAt:
    """Change a session's user, title, tags, metadata, state and explicit time; null clears.

    Raises NotFound, UserConflict, RevisionConflict, InvalidMoment and Held.
    """
    caller.require("write")
    engine().require_space()

    def work(db: Database) -> SessionAt:
        session, moment = _lock(db, caller, session_id, expected_revision, now)
        refuse_held(db, caller.namespace_id, session.number)
        explicit, because = session.explicit_until, session.explicit_because
        if sets_expiry:
            explicit = _explicit(expires_at, moment, session.max_age_until)
            because = "explicit"
        changed = apply_change(db, caller.namespace_id, session, change)
        changed = changed._replace(user_id=change_user(session, change))
        db.run(
            "UPDATE agent_session AS s SET user_id = %s, revision = s.revision + %s,"
            " explicit_until = %s, explicit_because = %s WHERE s.id = %s",
            (changed.user_id, int(changed != session), explicit, because, session.number),
        )
        db.run(_PROLONG_ONE, (moment, moment, moment, session.number))
        return SessionAt(_reread(db, caller, session), moment)

    return engine().write(work)


def expire_session(*, caller: Caller, session_id: str, now: int | None = None) -> SessionAt:
    """End a session's time now: agents no longer see it. Raises NotFound."""
    caller.require("write")

    def work(db: Database) -> SessionAt:
        session, moment = _lock(db, caller, session_id, None, now)
        lifetimes.expire(db, session, "explicit", moment)
        expired = SessionAt(_reread(db, caller, session), moment)
        about = About("session", session.uid)
        entry = Entry(caller.name, AuditAct.SESSION_EXPIRE, caller.namespace, about)
        write_entry(db, entry, moment)
        return expired

    return engine().write(work)


def extend_session(
    *, caller: Caller, session_id: str, expires_at: int, now: int | None = None
) -> SessionAt:
    """Let a session live at least until a moment; an earlier explicit time is dropped.

    Raises NotFound, and InvalidMoment beyond the maximum age.
    """
    caller.require("write")

    def work(db: Database) -> SessionAt:
        session, moment = _lock(db, caller, session_id, None, now)
        lifetimes.extend(db, session, expires_at, moment)
        return SessionAt(_reread(db, caller, session), moment)

    return engine().write(work)


_PROLONG_ONE = f"UPDATE agent_session AS s SET {PROLONG.replace('{now}', '%s')} WHERE s.id = %s"


def _lock(
    db: Database,
    caller: Caller,
    session_id: str,
    expected_revision: int | None,
    now: int | None,
) -> tuple[SessionSnapshot, int]:
    found = lock_live(db, caller.namespace_id, session_id, now)
    if expected_revision is not None:
        revision = found.visible.revision if found.visible else 0
        if revision != expected_revision:
            raise RevisionConflict("the session is at another revision", revision)
    if found.visible is None:
        # An expired one too, whatever the policy: only memory operations answer that it expired.
        raise NotFound("there is no such session")
    return found.visible, found.now


def _reread(db: Database, caller: Caller, session: SessionSnapshot) -> SessionSnapshot:
    found = find_uid(db, caller.namespace_id, session.uid, None)
    reread = found.visible or found.expired
    assert reread is not None, "the session is locked"
    return reread
