"""Retention policies: show them, say what a change would do, and carry it out.

A change is written first, so that sessions which begin meanwhile have the new limits. Then those
that live are changed, some at a time (`applying`); cleanup goes on with what was interrupted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditAct, OnExpired
from memory_app.moments import NEVER
from memory_app.operations.applying import apply_policy
from memory_app.operations.auditing import COMMAND, About, Entry, write_entry
from memory_app.operations.opening import Policy, find_policy
from memory_app.operations.receiving import check_prefix
from memory_app.operations.rights import Person, Right, role_for
from memory_app.operations.weighing import LIMITS, PolicyEffect, PolicyView, weigh
from memory_app.storage import Database, engine


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What a policy is to be; None leaves as it is."""

    namespace: str
    prefix: str = ""
    idle_for: int | None = None
    max_age: int | None = None
    grace: int | None = None
    on_expired: str | None = None


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
    return [PolicyView(*row) for row in rows if may_see(person, row[0])]


def may_see(person: Person, namespace: str) -> bool:
    """Tell whether a person sees the policies of a namespace."""
    return person.may(Right.VIEW, namespace) or person.may(Right.MANAGE_POLICIES, namespace)


def find_policy_of(*, person: Person, namespace: str, prefix: str) -> tuple[PolicyView, bool]:
    """Return the policy that decides for a prefix, and whether it is that prefix's own.

    Raises NotFound, and Forbidden for those who may not change it.
    """
    _, found, is_new = engine().read(
        lambda db: _before(db, PolicyChange(namespace=namespace, prefix=prefix), person)
    )
    return found, not is_new


def preview_policy(
    *,
    change: PolicyChange,
    person: Person | None = None,
    most: int | None = None,
    now: int | None = None,
) -> PolicyEffect:
    """Return what a change would do, and do nothing.

    Looks at no more than `most` sessions, first at those that expire first. Without a person a
    command asks. Raises NotFound, Forbidden, Invalid and InvalidPrefix.
    """
    _check(change)

    def work(db: Database) -> PolicyEffect:
        namespace_id, before, is_new = _before(db, change, person)
        effect = PolicyEffect(before, _after(before, change), is_new, 0, 0, 0, 0, 0)
        return weigh(db, namespace_id, change.prefix, effect, now or db.now(), most)

    return engine().read(work)


def set_policy(
    *,
    change: PolicyChange,
    confirmed: bool = False,
    person: Person | None = None,
    seconds: float | None = None,
    now: int | None = None,
) -> PolicyEffect:
    """Change the policy of a namespace or a prefix, or make one, and apply it to live sessions.

    What shortens a limit must be confirmed. No session gets an expiry in the past, and none a
    purge before now and the grace period. With `seconds` it is applied for so long, and cleanup
    goes on. Raises NotFound, Forbidden, Invalid and InvalidPrefix.
    """
    # Counted before the locks: it reads every session of the prefix.
    expected = preview_policy(change=change, person=person, now=now)

    def work(db: Database) -> tuple[int, PolicyEffect]:
        _lock(db, change.namespace)
        namespace_id, before, is_new = _before(db, change, person)
        after = _after(before, change)
        effect = replace(expected, before=before, after=after, is_new=is_new)
        _require_confirmed(effect, confirmed)
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
                effect.changes,
                0,
            ),
        )
        assert row is not None, "it was just written"
        _enter(db, person, AuditAct.POLICY_SET, row[0], effect, now)
        return row[0], effect

    policy_id, effect = engine().write(work)
    return replace(effect, applied=apply_policy(policy_id, seconds=seconds, now=now))


_WRITE: Final = (
    "INSERT INTO retention_policy"
    " (namespace_id, prefix, idle_for, max_age, grace, on_expired, applied,"
    " sessions_to_change, sessions_changed)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (namespace_id, prefix) DO UPDATE SET"
    " idle_for = excluded.idle_for, max_age = excluded.max_age, grace = excluded.grace,"
    " on_expired = excluded.on_expired, applied = excluded.applied,"
    " sessions_to_change = excluded.sessions_to_change, sessions_changed = 0 RETURNING id"
)


def preview_removal(
    *, namespace: str, prefix: str, person: Person, now: int | None = None
) -> PolicyEffect:
    """Return what it would do to remove the policy of a prefix; `after` is what decides then.

    Raises NotFound, Forbidden, and Invalid for the policy of the whole namespace.
    """

    def work(db: Database) -> PolicyEffect:
        namespace_id, effect = _without(db, namespace, prefix, person)
        return weigh(db, namespace_id, prefix, effect, now or db.now(), None)

    return engine().read(work)


def remove_policy(
    *,
    namespace: str,
    prefix: str,
    person: Person,
    confirmed: bool = False,
    seconds: float | None = None,
    now: int | None = None,
) -> PolicyEffect:
    """Remove the policy of a prefix, and give its live sessions the limits of what decides then.

    As in `set_policy` shortening must be confirmed, nothing moves into the past, and `seconds`
    bounds the work. Raises NotFound, Forbidden and Invalid.
    """
    expected = preview_removal(namespace=namespace, prefix=prefix, person=person, now=now)

    def work(db: Database) -> tuple[int, PolicyEffect]:
        _lock(db, namespace)
        namespace_id, effect = _without(db, namespace, prefix, person)
        effect = replace(expected, before=effect.before, after=effect.after)
        _require_confirmed(effect, confirmed)
        one = (namespace_id, prefix)
        gone = db.row(
            "DELETE FROM retention_policy WHERE namespace_id = %s AND prefix = %s RETURNING id", one
        )
        heir = db.row(
            "UPDATE retention_policy SET applied = %s, sessions_to_change = %s,"
            " sessions_changed = 0 WHERE namespace_id = %s AND prefix = %s RETURNING id",
            (False, effect.changes, namespace_id, effect.after.prefix),
        )
        assert gone is not None, "it was found under the lock"
        assert heir is not None, "it was found under the lock"
        _enter(db, person, AuditAct.POLICY_REMOVE, gone[0], effect, now)
        return heir[0], effect

    heir_id, effect = engine().write(work)
    return replace(effect, applied=apply_policy(heir_id, seconds=seconds, now=now))


def _without(db: Database, namespace: str, prefix: str, person: Person) -> tuple[int, PolicyEffect]:
    change = PolicyChange(namespace=namespace, prefix=prefix)
    namespace_id, before, is_other = _before(db, change, person)
    if is_other:
        raise NotFound("there is no such policy")
    if not prefix:
        raise Invalid("a namespace keeps the policy for all its other ids; change it instead")
    row = db.row(
        "SELECT idle_for, max_age, grace, on_expired, prefix FROM retention_policy"
        " WHERE namespace_id = %s AND prefix <> %s"
        " AND substr(CAST(%s AS text), 1, length(prefix)) = prefix"
        " ORDER BY length(prefix) DESC LIMIT 1",
        (namespace_id, prefix, prefix),
    )
    assert row is not None, "a namespace is made together with its policy"
    after = _view(namespace, Policy(*row))
    return namespace_id, PolicyEffect(before, after, False, 0, 0, 0, 0, 0)


def _require_confirmed(effect: PolicyEffect, confirmed: bool) -> None:
    if effect.shortens and not confirmed:
        raise Invalid(
            f"this shortens the {' and the '.join(effect.shortens)}:"
            f" {effect.would_expire:,} sessions would expire now and {effect.sooner:,} others"
            " sooner than before; it must be confirmed"
        )


def _enter(
    db: Database,
    person: Person | None,
    act: AuditAct,
    number: int,
    effect: PolicyEffect,
    now: int | None,
) -> None:
    counts = {"sessions": effect.sessions, "would_expire": effect.would_expire}
    actor = COMMAND if person is None else person.username
    about = About("policy", str(number))
    write_entry(db, Entry(actor, act, effect.before.namespace, about, counts), now or db.now())


def _lock(db: Database, namespace: str) -> None:
    db.row("SELECT s.id FROM namespace s WHERE s.name = %s {for_update}", (namespace,))


def _check(change: PolicyChange) -> None:
    if change.prefix:
        check_prefix(change.prefix, ("body", "prefix"))
    for name, words in LIMITS.items():
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
    if row is None or (person is not None and not may_see(person, change.namespace)):
        raise NotFound("there is no such namespace")
    if person is not None:
        person.require(Right.MANAGE_POLICIES, change.namespace)
    found = find_policy(db, row[0], change.prefix)
    return row[0], _view(change.namespace, found), found.prefix != change.prefix


def _view(namespace: str, found: Policy) -> PolicyView:
    return PolicyView(
        namespace, found.prefix, found.idle_for, found.max_age, found.grace, found.on_expired
    )


def _after(before: PolicyView, change: PolicyChange) -> PolicyView:
    names = (*LIMITS, "on_expired")
    given: Mapping[str, Any] = {
        name: getattr(change, name) for name in names if getattr(change, name) is not None
    }
    return replace(before, prefix=change.prefix, **given)
