"""Give the sessions that live the limits of a policy, some at a time; go on where it stopped."""

import time
from functools import partial
from typing import Any, Final, NamedTuple

from memory_app.moments import NEVER
from memory_app.operations.browsing import prefix_end
from memory_app.operations.opening import Policy
from memory_app.storage import Database, engine

# How many sessions one transaction changes: their writers wait for it.
_AT_ONCE: Final = 1_000

# When a session would expire under other limits, by the parameters idle, age, now for each. Never
# in the past; an extension that a person or a key gave stays, and so does an explicit time.
IDLE: Final = (
    "{least}({greatest}(s.last_activity_at + %s, CASE WHEN s.idle_until > s.last_activity_at"
    f" + s.idle_for THEN s.idle_until ELSE 0 END, %s), {NEVER})"
)
# A restored session's maximum age counts from then.
AGE: Final = f"{{least}}({{greatest}}(coalesce(s.restored_at, s.created_at) + %s, %s), {NEVER})"
# The live sessions for which a policy decides, by the parameters namespace, now, prefix length.
_DECIDED: Final = (
    "s.namespace_id = %s AND s.ended_at IS NULL AND s.expires_at > %s"
    " AND NOT EXISTS (SELECT 1 FROM retention_policy q WHERE q.namespace_id = s.namespace_id"
    " AND length(q.prefix) > %s AND substr(s.session_id, 1, length(q.prefix)) = q.prefix)"
)


def decided(
    namespace_id: int, prefix: str, now: int, *, by_session_id: bool = False
) -> tuple[str, list[Any]]:
    """Return the condition of the live sessions for which a policy decides, and its parameters."""
    conditions, parameters = _DECIDED, list[Any]((namespace_id, now, len(prefix)))
    if by_session_id:
        conditions = conditions.replace("s.expires_at", "{unindexed}s.expires_at")
    if prefix:
        conditions += " AND s.session_id >= %s AND s.session_id < %s"
        parameters += [prefix, prefix_end(prefix)]
    return conditions, parameters


def bounded(namespace_id: int, prefix: str, now: int, most: int) -> tuple[str, list[Any]]:
    """Return a source `s` of at most one more live session than `most`, and its parameters.

    Of a namespace those that expire first; of a prefix those that its ids lead to.
    """
    live = "s.namespace_id = %s AND s.ended_at IS NULL"
    if not prefix:
        order = f"{live} AND s.expires_at > %s ORDER BY s.expires_at, s.id LIMIT %s"
        return f"(SELECT * FROM agent_session s WHERE {order}) s", [namespace_id, now, most + 1]
    within = f"{live} AND s.session_id >= %s AND s.session_id < %s LIMIT %s"
    parameters = [namespace_id, prefix, prefix_end(prefix), most + 1]
    return f"(SELECT * FROM agent_session s WHERE {within}) s", parameters


def finish_policies(*, now: int | None = None) -> int:
    """Go on with every change that was interrupted; return how many there were."""
    left = engine().read(
        lambda db: db.rows("SELECT id FROM retention_policy WHERE NOT applied ORDER BY id")
    )
    for (policy_id,) in left:
        apply_policy(policy_id, now=now)
    return len(left)


class _Limits(NamedTuple):
    namespace_id: int
    prefix: str
    idle_for: int
    max_age: int
    grace: int


def apply_policy(policy_id: int, *, seconds: float | None = None, now: int | None = None) -> bool:
    """Give the limits of a policy to the live sessions for which it decides.

    With `seconds` it stops after so long, and cleanup goes on. Returns whether all have them.
    """
    until = None if seconds is None else time.monotonic() + seconds

    def read(db: Database) -> _Limits | None:
        row = db.row(
            "SELECT namespace_id, prefix, idle_for, max_age, grace FROM retention_policy"
            " WHERE id = %s",
            (policy_id,),
        )
        return None if row is None else _Limits(*row)

    def finish(db: Database, limits: _Limits | None) -> None:
        # Whoever has changed it meanwhile applies it as well.
        if read(db) == limits:
            db.run("UPDATE retention_policy SET applied = %s WHERE id = %s", (True, policy_id))

    changed = 1
    # Once more after the last change: a session that was just beginning had the limits of before.
    while changed:
        changed = 0
        last: str | None = ""
        limits = engine().read(read)
        if limits is None:
            return True
        while last is not None:
            if until is not None and time.monotonic() > until:
                return False
            some, last = _apply(policy_id, limits, last, now)
            changed += some
    engine().write(partial(finish, limits=limits))
    return True


# What still has other limits than a policy, by the parameters idle, grace, age, now.
DIFFERS: Final = f"(s.idle_for <> %s OR s.grace <> %s OR s.max_age_until <> {AGE})"


_GIVE: Final = (
    f"UPDATE agent_session AS s SET idle_for = %s, grace = %s, idle_until = {IDLE},"
    f" max_age_until = {AGE}, expires_at = {{least}}({IDLE}, {AGE}, s.explicit_until)"
)


def _given(idle_for: int, max_age: int, grace: int, now: int) -> tuple[int, ...]:
    idle, age = (idle_for, now), (max_age, now)
    return (idle_for, grace, *idle, *age, *idle, *age)


def give_limits(db: Database, number: int, policy: Policy, now: int) -> None:
    """Give a locked session that lives again the limits of its policy, where it has others."""
    db.run(
        f"{_GIVE} WHERE s.id = %s AND {DIFFERS}",
        (
            *_given(policy.idle_for, policy.max_age, policy.grace, now),
            number,
            *(policy.idle_for, policy.grace, policy.max_age, now),
        ),
    )


def _apply(policy_id: int, limits: _Limits, after: str, now: int | None) -> tuple[int, str | None]:
    """Change the next sessions by their ids; return how many, and the last id or None at the end.

    Which are next is read before any lock. In the order of their numbers SQLite looked at a million
    for each thousand: 4 seconds instead of 50 milliseconds.
    """

    def conditions(db: Database) -> tuple[str, list[Any], int]:
        moment = now or db.now()
        text, parameters = decided(limits.namespace_id, limits.prefix, moment, by_session_id=True)
        differing = [limits.idle_for, limits.grace, limits.max_age, moment]
        return f"{text} AND {DIFFERS} AND s.session_id > %s", [*parameters, *differing], moment

    def read(db: Database) -> list[str]:
        text, parameters, _ = conditions(db)
        rows = db.rows(
            f"SELECT s.session_id FROM agent_session s WHERE {text} ORDER BY s.session_id LIMIT %s",
            (*parameters, after, _AT_ONCE),
        )
        return [session_id for (session_id,) in rows]

    def change(db: Database, last: str) -> int:
        text, parameters, moment = conditions(db)
        changed = db.run(
            f"{_GIVE} WHERE {text} AND s.session_id <= %s",
            (
                *_given(limits.idle_for, limits.max_age, limits.grace, moment),
                *parameters,
                after,
                last,
            ),
        )
        db.run(
            "UPDATE retention_policy SET sessions_changed = sessions_changed + %s WHERE id = %s",
            (changed, policy_id),
        )
        return changed

    ids = engine().read(read)
    if not ids:
        return 0, None
    changed = engine().write(partial(change, last=ids[-1]))
    return changed, ids[-1] if len(ids) == _AT_ONCE else None
