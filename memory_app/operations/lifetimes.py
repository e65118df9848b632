"""Change how long a locked session lives, whoever asks: expire, extend, restore."""

from memory_app.errors import Invalid, InvalidMoment, SessionExists
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import NEVER, to_rfc3339
from memory_app.operations.opening import find_policy
from memory_app.storage import Database

_EXPIRES_AT = ("body", "expires_at")


def check_expiry(expires_at: int, now: int, latest: int) -> None:
    """Refuse a moment that is not in the future, or is past the end of the maximum age."""
    if expires_at <= now:
        raise InvalidMoment("a session expires in the future", _EXPIRES_AT)
    if expires_at > latest:
        raise InvalidMoment(
            f"the maximum age ends at {to_rfc3339(latest)}; a session expires by then",
            _EXPIRES_AT,
            latest,
        )


def expire(db: Database, session: SessionSnapshot, because: str, now: int) -> None:
    """End a session's time now; `because` is `explicit` for a key, `operator` for a person."""
    db.run(
        "UPDATE agent_session SET explicit_until = %s, explicit_because = %s, expires_at = %s"
        " WHERE id = %s",
        (now, because, now, session.number),
    )


def extend(db: Database, session: SessionSnapshot, expires_at: int, now: int) -> None:
    """Let a session live at least until a moment; an earlier explicit time is dropped.

    Raises InvalidMoment beyond the maximum age.
    """
    check_expiry(expires_at, now, session.max_age_until)
    explicit = session.explicit_until if session.explicit_until >= expires_at else NEVER
    idle_until = max(session.idle_until, expires_at)
    db.run(
        "UPDATE agent_session SET idle_until = %s, explicit_until = %s, expires_at = %s"
        " WHERE id = %s",
        (idle_until, explicit, min(idle_until, explicit, session.max_age_until), session.number),
    )


def restore(
    db: Database,
    namespace_id: int,
    session: SessionSnapshot,
    now: int,
    reason: str | None = None,
) -> None:
    """Let an expired session live again: idle and maximum age count anew from now.

    Raises Invalid when it is not expired or its grace is over, SessionExists when another session
    of its id is live.
    """
    if session.status(now) != "expired":
        raise Invalid("the session is not expired")
    if session.purge_after <= now:
        raise Invalid("the session's grace period is over")
    other = db.row(
        "SELECT 1 FROM agent_session WHERE namespace_id = %s AND session_id = %s"
        " AND ended_at IS NULL AND id <> %s",
        (namespace_id, session.session_id, session.number),
    )
    if other is not None:
        raise SessionExists("another session of this id is live")
    policy = find_policy(db, namespace_id, session.session_id)
    idle_until = min(now + policy.idle_for, NEVER)
    max_age_until = min(now + policy.max_age, NEVER)
    db.run(
        "UPDATE agent_session SET ended_at = NULL, idle_for = %s, idle_until = %s,"
        " max_age_until = %s, explicit_until = %s, explicit_because = 'explicit', expires_at = %s,"
        " grace = %s, restored_at = %s, restored_because = %s WHERE id = %s",
        (
            policy.idle_for,
            idle_until,
            max_age_until,
            NEVER,
            min(idle_until, max_age_until),
            policy.grace,
            now,
            reason,
            session.number,
        ),
    )
