"""Retention policies: show them, say what a change would do, and carry it out.

A change is written first, so that sessions which begin meanwhile have the new limits. Then those
that live are changed, some at a time; cleanup goes on with what was interrupted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditAct, OnExpired
from memory_app.moments import NEVER
from memory_app.operations.auditing import COMMAND, About, Entry, write_entry
from memory_app.operations.browsing import prefix_end
from memory_app.operations.opening import Policy, find_policy
from memory_app.operations.receiving import check_prefix
from memory_app.operations.rights import Person, Right, role_for
from memory_app.storage import Database, engine

# How many sessions one transaction changes: their writers wait for it.
_AT_ONCE: Final = 1_000
_LIMITS: Final = {"idle_for": "idle time", "max_age": "maximum age", "grace": "grace period"}


@dataclass(frozen=True, slots=True)
class PolicyView:
    """A policy and the namespace it belongs to; limits in microseconds, NEVER for none."""

    namespace: str
    prefix: str
    idle_for: int
    max_age: int
    grace: int
    on_expired: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What a policy is to be; None leaves as it is."""

    namespace: str
    prefix: str = ""
    idle_for: int | None = None
    max_age: int | None = None
    grace: int | None = None
    on_expired: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyEffect:
    """What a change does: the policy before and after, and to how many live sessions what.

    `before` is the one that decided for the prefix, which a new policy begins from.
    """

    before: PolicyView
    after: PolicyView
    is_new: bool
    sessions: int
    would_expire: int
    sooner: int
    later: int

    @property
    def shortens(self) -> Sequence[str]:
        """Name the limits that become shorter."""
        return [
            words
            for name, words in _LIMITS.items()
            if getattr(self.after, name) < getattr(self.before, name)
        ]


def list_policies(*, person: Person) -> Sequence[PolicyView]:
    """Return the policies of the namespaces that a person sees or manages, as they decide.

    Raises Forbidden when there is no such namespace.
    """
    if not (person.may_anywhere(Right.VIEW) or person.may_anywhere(Right.MANAGE_POLICIES)):
        raise Forbidden(f"this needs the role {role_for(Right.VIEW)}, which you do not hold")
    rows = engine().read(
        lambda db: db.rows(
            "SELECT n.name, p.prefix, p.idle_for, p.max_age, p.grace, p.on_expired"
            " FROM retention_policy p JOIN namespace n ON n.id = p.namespace_id"
            " ORDER BY n.name, p.prefix"
        )
    )
    return [PolicyView(*row) for row in rows if _may_see(person, row[0])]


def _may_see(person: Person, namespace: str) -> bool:
    return person.may(Right.VIEW, namespace) or person.may(Right.MANAGE_POLICIES, namespace)


def preview_policy(
    *, change: PolicyChange, person: Person | None = None, now: int | None = None
) -> PolicyEffect:
    """Return what a change would do, and do nothing.

    Without a person a command asks. Raises NotFound, Forbidden, Invalid and InvalidPrefix.
    """
    _check(change)
    return engine().read(lambda db: _weigh(db, change, person, now)[1])


def set_policy(
    *,
    change: PolicyChange,
    confirmed: bool = False,
    person: Person | None = None,
    now: int | None = None,
) -> PolicyEffect:
    """Change the policy of a namespace or a prefix, or make one, and apply it to live sessions.

    What shortens a limit must be confirmed. No session gets an expiry in the past, and none a
    purge before now and the grace period. Raises NotFound, Forbidden, Invalid and InvalidPrefix.
    """
    _check(change)
    # Counted before the locks: it reads every session of the prefix.
    expected = engine().read(lambda db: _weigh(db, change, person, now)[1])

    def work(db: Database) -> tuple[int, PolicyEffect]:
        db.row("SELECT s.id FROM namespace s WHERE s.name = %s {for_update}", (change.namespace,))
        namespace_id, before, is_new = _before(db, change, person)
        after = _after(before, change)
        effect = replace(expected, before=before, after=after, is_new=is_new)
        if effect.shortens and not confirmed:
            raise Invalid(
                f"this shortens the {' and the '.join(effect.shortens)}:"
                f" {effect.would_expire:,} sessions would expire now and {effect.sooner:,} others"
                " sooner than before; it must be confirmed"
            )
        row = db.row(
            _WRITE,
            (
                namespace_id,
                after.prefix,
                after.idle_for,
                after.max_age,
                after.grace,
                after.on_expired,
                False,
            ),
        )
        assert row is not None, "it was just written"
        counts = {"sessions": effect.sessions, "would_expire": effect.would_expire}
        about = About("policy", str(row[0]))
        actor = COMMAND if person is None else person.username
        entry = Entry(actor, AuditAct.POLICY_SET, change.namespace, about, counts)
        write_entry(db, entry, now or db.now())
        return row[0], effect

    policy_id, effect = engine().write(work)
    apply_policy(policy_id, now=now)
    return effect


_WRITE: Final = (
    "INSERT INTO retention_policy"
    " (namespace_id, prefix, idle_for, max_age, grace, on_expired, applied)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (namespace_id, prefix) DO UPDATE SET"
    " idle_for = excluded.idle_for, max_age = excluded.max_age, grace = excluded.grace,"
    " on_expired = excluded.on_expired, applied = excluded.applied RETURNING id"
)


def _check(change: PolicyChange) -> None:
    if change.prefix:
        check_prefix(change.prefix, ("body", "prefix"))
    for name, words in _LIMITS.items():
        value = getattr(change, name)
        least, most = (0, NEVER - 1) if name == "grace" else (1, NEVER)
        if value is not None and not least <= value <= most:
            never = "" if name == "grace" else ", or never"
            raise Invalid.at(("body", name), f"the {words} is a length of time{never}")
    if change.on_expired not in (None, *OnExpired.values):
        raise Invalid.at(("body", "on_expired"), f"one of {', '.join(OnExpired.values)}")


def _before(
    db: Database, change: PolicyChange, person: Person | None
) -> tuple[int, PolicyView, bool]:
    """Return the namespace, the policy that decides for the prefix now, and whether it is new."""
    row = db.row("SELECT id FROM namespace WHERE name = %s", (change.namespace,))
    if row is None or (person is not None and not _may_see(person, change.namespace)):
        raise NotFound("there is no such namespace")
    if person is not None:
        person.require(Right.MANAGE_POLICIES, change.namespace)
    found: Policy = find_policy(db, row[0], change.prefix)
    before = PolicyView(
        change.namespace,
        found.prefix,
        found.idle_for,
        found.max_age,
        found.grace,
        found.on_expired,
    )
    return row[0], before, found.prefix != change.prefix


def _after(before: PolicyView, change: PolicyChange) -> PolicyView:
    names = (*_LIMITS, "on_expired")
    given: Mapping[str, Any] = {
        name: getattr(change, name) for name in names if getattr(change, name) is not None
    }
    return replace(before, prefix=change.prefix, **given)


# When a session would expire under other limits, by the parameters idle, age, now for each. Never
# in the past; an extension that a person or a key gave stays, and so does an explicit time.
_IDLE: Final = (
    "{least}({greatest}(s.last_activity_at + %s, CASE WHEN s.idle_until > s.last_activity_at"
    f" + s.idle_for THEN s.idle_until ELSE 0 END, %s), {NEVER})"
)
# A restored session's maximum age counts from then.
_AGE: Final = f"{{least}}({{greatest}}(coalesce(s.restored_at, s.created_at) + %s, %s), {NEVER})"
# The live sessions for which a policy decides, by the parameters namespace, now, prefix length.
_DECIDED: Final = (
    "s.namespace_id = %s AND s.ended_at IS NULL AND s.expires_at > %s"
    " AND NOT EXISTS (SELECT 1 FROM retention_policy q WHERE q.namespace_id = s.namespace_id"
    " AND length(q.prefix) > %s AND substr(s.session_id, 1, length(q.prefix)) = q.prefix)"
)


def _decided(namespace_id: int, prefix: str, now: int) -> tuple[str, list[Any]]:
    conditions, parameters = _DECIDED, list[Any]((namespace_id, now, len(prefix)))
    if prefix:
        conditions += " AND s.session_id >= %s AND s.session_id < %s"
        parameters += [prefix, prefix_end(prefix)]
    return conditions, parameters


def _weigh(
    db: Database, change: PolicyChange, person: Person | None, now: int | None
) -> tuple[int, PolicyEffect]:
    """Return the namespace, and what a change would do."""
    namespace_id, before, is_new = _before(db, change, person)
    after, moment = _after(before, change), now or db.now()
    conditions, parameters = _decided(namespace_id, after.prefix, moment)
    row = db.row(
        "SELECT count(*), coalesce(sum(CASE WHEN c.becomes <= %s THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN c.becomes > %s AND c.becomes < c.was THEN 1 ELSE 0 END), 0),"
        " coalesce(sum(CASE WHEN c.becomes > c.was THEN 1 ELSE 0 END), 0) FROM"
        f" (SELECT s.expires_at AS was, {{least}}({_IDLE}, {_AGE}, s.explicit_until) AS becomes"
        f" FROM agent_session s WHERE {conditions}) c",
        (moment, moment, after.idle_for, moment, after.max_age, moment, *parameters),
    )
    assert row is not None, "an aggregate has one row"
    sessions, would_expire, sooner, later = (int(value) for value in row)
    return namespace_id, PolicyEffect(before, after, is_new, sessions, would_expire, sooner, later)


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


def apply_policy(policy_id: int, *, now: int | None = None) -> None:
    """Give the limits of a policy to the live sessions for which it decides."""

    def read(db: Database) -> _Limits:
        row = db.row(
            "SELECT namespace_id, prefix, idle_for, max_age, grace FROM retention_policy"
            " WHERE id = %s",
            (policy_id,),
        )
        assert row is not None, "policies are changed, never removed"
        return _Limits(*row)

    def finish(db: Database, limits: _Limits) -> None:
        # Whoever has changed it meanwhile applies it as well.
        if read(db) == limits:
            db.run("UPDATE retention_policy SET applied = %s WHERE id = %s", (True, policy_id))

    changed = 1
    # Once more after the last change: a session that was just beginning had the limits of before.
    while changed:
        changed = 0
        last: int | None = 0
        limits = engine().read(read)
        while last is not None:
            some, last = engine().write(partial(_apply, limits=limits, after=last, now=now))
            changed += some
    engine().write(partial(finish, limits=limits))


def _apply(db: Database, limits: _Limits, after: int, now: int | None) -> tuple[int, int | None]:
    """Change the next sessions; return how many, and the number of the last or None at the end."""
    moment = now or db.now()
    conditions, parameters = _decided(limits.namespace_id, limits.prefix, moment)
    conditions += f" AND (s.idle_for <> %s OR s.grace <> %s OR s.max_age_until <> {_AGE})"
    parameters += [limits.idle_for, limits.grace, limits.max_age, moment]
    numbers = db.rows(
        f"SELECT s.id FROM agent_session s WHERE {conditions} AND s.id > %s ORDER BY s.id LIMIT %s",
        (*parameters, after, _AT_ONCE),
    )
    if not numbers:
        return 0, None
    last: int = numbers[-1][0]
    idle, age = (limits.idle_for, moment), (limits.max_age, moment)
    changed = db.run(
        f"UPDATE agent_session AS s SET idle_for = %s, grace = %s, idle_until = {_IDLE},"
        f" max_age_until = {_AGE}, expires_at = {{least}}({_IDLE}, {_AGE}, s.explicit_until)"
        f" WHERE {conditions} AND s.id > %s AND s.id <= %s",
        (limits.idle_for, limits.grace, *idle, *age, *idle, *age, *parameters, after, last),
    )
    return changed, last if len(numbers) == _AT_ONCE else None
