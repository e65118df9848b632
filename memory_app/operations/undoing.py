"""Undo what a person did to sessions a moment ago: put their lifetimes and holds back."""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from memory_app import moments
from memory_app.errors import Invalid
from memory_app.models import AuditAct
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import NEVER
from memory_app.operations import lifetimes
from memory_app.operations.applying import give_limits
from memory_app.operations.auditing import About, Entry, write_entries
from memory_app.operations.opening import find_policy
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row
from memory_app.storage.statements import SESSION_COLUMNS

UNDONE_FOR: Final = 60 * moments.MINUTE
# How many sessions one transaction changes: their writers wait for it.
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Undone:
    """What came of it: the act, how many sessions are as they were, and others by reason."""

    act: str
    done: int
    left: Mapping[str, int] = field(default_factory=dict)


class Kept(NamedTuple):
    """How a session was before an act, in the order of _KEPT_COLUMNS."""

    number: int
    idle_until: int
    explicit_until: int
    explicit_because: str
    expires_at: int
    left_at: int
    hold: str | None


_KEPT_COLUMNS: Final = ", ".join(f"u.{name}" for name in Kept._fields)
_INSERT: Final = (
    f"INSERT INTO undone_session (undo_id, {', '.join(Kept._fields)})"
    f" VALUES ({', '.join(['%s'] * (1 + len(Kept._fields)))})"
)


def new_undo() -> str:
    """Return a name for what will be undone."""
    return f"und_{secrets.token_hex(16)}"


def keep(db: Database, undo: str, person: Person, act: str, kept: Sequence[Kept], now: int) -> None:
    """Keep how sessions were before an act, in its transaction and after it was done."""
    if not kept:
        return
    old = "SELECT id FROM undo WHERE created_at < %s"
    db.run(f"DELETE FROM undone_session WHERE undo_id IN ({old})", (now - UNDONE_FOR,))
    db.run("DELETE FROM undo WHERE created_at < %s", (now - UNDONE_FOR,))
    db.run(
        "INSERT INTO undo (id, actor, act, created_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (id) DO NOTHING",
        (undo, person.username, act, now),
    )
    db.run_many(_INSERT, [(undo, *one) for one in kept])


def lifetime_of(session: SessionSnapshot, left_at: int) -> Kept:
    """Return what is to be kept of a session whose lifetime was changed."""
    return Kept(
        session.number,
        session.idle_until,
        session.explicit_until,
        session.explicit_because,
        session.expires_at,
        left_at,
        None,
    )


# Puts one session back that is locked. Raises Refusal.
PutBack = Callable[[Database, SessionSnapshot, Kept, int], None]


def undo_lifetimes(*, person: Person, undo: str, now: int | None = None) -> Undone:
    """Put the lifetimes back that the person changed within the last hour.

    What was changed by others since then stays as it is now. What was restored is expired again,
    from now on. Raises Invalid for what is unknown, undone already, another's, or too old.
    """
    act, kept = engine().read(lambda db: find_kept(db, person, undo, now))
    put_back = _PUT_BACK[Right(act)]
    done = 0
    left: Counter[str] = Counter()
    for start in range(0, len(kept), _AT_ONCE):
        some = kept[start : start + _AT_ONCE]
        number, others = engine().write(_work(person, undo, act, some, put_back, now))
        done += number
        left += others
    return Undone(act, done, dict(left))


def find_kept(db: Database, person: Person, undo: str, now: int | None) -> tuple[str, list[Kept]]:
    """Return the act that is to be undone, and how its sessions were. Raises Invalid."""
    row = db.row(
        "SELECT act FROM undo WHERE id = %s AND actor = %s AND created_at >= %s",
        (undo, person.username, (now or db.now()) - UNDONE_FOR),
    )
    if row is None:
        raise Invalid("it was undone already, is older than an hour, or is not yours")
    rows = db.rows(
        f"SELECT {_KEPT_COLUMNS} FROM undone_session u WHERE u.undo_id = %s ORDER BY u.number",
        (undo,),
    )
    return row[0], [Kept(*kept) for kept in rows]


def settle(db: Database, undo: str, kept: Sequence[Kept]) -> None:
    """Forget what has been undone; with the last of it, the act."""
    db.run_many(
        "DELETE FROM undone_session WHERE undo_id = %s AND number = %s",
        [(undo, one.number) for one in kept],
    )
    db.run(
        "DELETE FROM undo WHERE id = %s AND NOT EXISTS"
        " (SELECT 1 FROM undone_session u WHERE u.undo_id = undo.id)",
        (undo,),
    )


def lock_kept(db: Database, kept: Sequence[Kept]) -> dict[int, tuple[str, SessionSnapshot]]:
    """Lock those sessions that are still there; return each with the name of its namespace."""
    rows: list[Row] = db.rows(
        f"SELECT {SESSION_COLUMNS}, n.name FROM agent_session s"
        " JOIN namespace n ON n.id = s.namespace_id WHERE s.purge_receipt IS NULL"
        f" AND s.id IN ({', '.join(['%s'] * len(kept))}) ORDER BY s.id {{for_update}}",
        [one.number for one in kept],
    )
    return {row[0]: (row[-1], SessionSnapshot(*row[:-1])) for row in rows}


def _work(
    person: Person, undo: str, act: str, some: Sequence[Kept], put_back: PutBack, now: int | None
) -> Callable[[Database], tuple[int, Counter[str]]]:
    def work(db: Database) -> tuple[int, Counter[str]]:
        entries: list[Entry] = []
        left: Counter[str] = Counter()
        moment = now or db.now()
        found = lock_kept(db, some)
        for one in some:
            namespace, session = found.get(one.number, ("", None))
            if session is None or not person.may(Right.VIEW, namespace):
                left["gone"] += 1
                continue
            person.require(act, namespace)
            if session.expires_at != one.left_at or session.ended_at is not None:
                left["changed meanwhile"] += 1
            elif one.expires_at <= moment and act != Right.RESTORE:
                left["past their time by now"] += 1
            else:
                put_back(db, session, one, moment)
                about = About("session", session.uid)
                entries.append(Entry(person.username, AuditAct.SESSION_UNDO, namespace, about))
        settle(db, undo, some)
        write_entries(db, entries, moment)
        return len(entries), left

    return work


def _limits(db: Database, session: SessionSnapshot, kept: Kept, now: int) -> None:
    # An agent may have gone on with it since, under the limits that it was given.
    gone_on = min(session.last_activity_at + session.idle_for, NEVER)
    idle_until = max(kept.idle_until, gone_on)
    expires_at = min(idle_until, kept.explicit_until, session.max_age_until)
    row = db.row(
        "UPDATE agent_session SET idle_until = %s, explicit_until = %s, explicit_because = %s,"
        " expires_at = %s WHERE id = %s RETURNING namespace_id",
        (idle_until, kept.explicit_until, kept.explicit_because, expires_at, session.number),
    )
    assert row is not None, "it is locked"
    # A policy that was changed while it was expired did not reach it.
    give_limits(db, session.number, find_policy(db, row[0], session.session_id), now)


def _expire(db: Database, session: SessionSnapshot, _: Kept, now: int) -> None:
    # Its old time is past, and nothing puts an expiry into the past.
    lifetimes.expire(db, session, "operator", now)


_PUT_BACK: Final[Mapping[Right, PutBack]] = {
    Right.EXPIRE: _limits,
    Right.EXTEND: _limits,
    Right.RESTORE: _expire,
}
