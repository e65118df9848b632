"""Say what other limits would do to the sessions that live, before anything is changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from memory_app.operations.applying import AGE, DIFFERS, IDLE, bounded, decided
from memory_app.storage import Database

LIMITS: Final = {"idle_for": "idle time", "max_age": "maximum age", "grace": "grace period"}


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy and the namespace it belongs to; limits in microseconds, NEVER for none."""

    namespace: str
    prefix: str
    idle_for: int
    max_age: int
    grace: int
    on_expired: str


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What a change does: the policy before and after, and to how many live sessions what.

    `before` is the one that decided for the prefix, which a new policy begins from. `changes` is
    how many get other limits. With `capped` there are more sessions than were looked at, and the
    numbers are the least that they are.
    """

    before: PolicyView
    after: PolicyView
    is_new: bool
    sessions: int
    would_expire: int
    sooner: int
    later: int
    changes: int
    capped: bool = False
    applied: bool = True

    @property
    def shortens(self) -> Sequence[str]:
        """Name the limits that become shorter."""
        return [
            words
            for name, words in LIMITS.items()
            if getattr(self.after, name) < getattr(self.before, name)
        ]


def weigh(
    db: Database,
    namespace_id: int,
    prefix: str,
    effect: PolicyEffect,
    now: int,
    most: int | None,
) -> PolicyEffect:
    """Count what the limits that come after do to the live sessions of a prefix."""
    after = effect.after
    conditions, parameters = decided(namespace_id, prefix, now)
    source, found = "agent_session s", list[Any]()
    if most is not None:
        source, found = bounded(namespace_id, prefix, now, most)
    row = db.row(
        "SELECT count(*), coalesce(sum(CASE WHEN c.becomes <= %s THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN c.becomes > %s AND c.becomes < c.was THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN c.becomes > c.was THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN c.differs THEN 1 ELSE 0 END), 0) FROM"
        f" (SELECT s.expires_at AS was, {DIFFERS} AS differs,"
        f" {{least}}({IDLE}, {AGE}, s.explicit_until) AS becomes"
        f" FROM {source} WHERE {conditions}) c",
        (
            *(now, now),
            *(after.idle_for, after.grace, after.max_age, now),
            *(after.idle_for, now, after.max_age, now),
            *found,
            *parameters,
        ),
    )
    assert row is not None, "an aggregate has one row"
    sessions, would_expire, sooner, later, changes = (int(value) for value in row)
    capped = most is not None and _looked_at(db, source, found) > most
    return replace(
        effect,
        sessions=sessions,
        would_expire=would_expire,
        sooner=sooner,
        later=later,
        changes=changes,
        capped=capped,
    )


def _looked_at(db: Database, source: str, parameters: Sequence[Any]) -> int:
    row = db.row(f"SELECT count(*) FROM {source}", parameters)
    assert row is not None, "an aggregate has one row"
    return int(row[0])
