"""Make, change and show the isolated spaces of sessions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from memory_app import conf
from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.models import AuditAct, Namespace, OnExpired, RetentionPolicy
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.rights import EVERYWHERE, Person, Right, role_for
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?", re.ASCII)
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9._-]+", re.ASCII)
# A page of namespaces looks at so many sessions in all, so that it is as fast with a million: each
# namespace is counted up to its share, and no less than the least.
COUNTED: Final = 10_000
_LEAST: Final = 200
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class NamespaceView:
    """A namespace as people manage it. With `capped` there are more sessions and messages."""

    number: int
    name: str
    created_at: int
    shares_default: bool
    demands_reason: bool
    on_expired: str
    # The limits of its policy for all other ids, in microseconds.
    idle_for: int
    max_age: int
    grace: int
    # What happens to calls without a session id matters where there were some.
    uses_default: bool
    sessions: int = 0
    messages: int = 0
    capped: bool = False
    keys: int = 0
    policies: int = 0
    last_activity_at: int | None = None


@dataclass(frozen=True, slots=True)
class NamespacePage:
    """One page of namespaces by name, and after which the next begins."""

    items: Sequence[NamespaceView]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceChange:
    """What a namespace is to be; `on_expired` is that of its policy for all other ids."""

    name: str
    shares_default: bool = True
    demands_reason: bool = False
    on_expired: str = OnExpired.RESTART.value


def check_name(name: str) -> str:
    """Refuse a name that a namespace may not have; propose one where that is easy."""
    if _NAME.fullmatch(name):
        return name
    proposal = _NOT_IN_NAMES.sub("-", name.lower())[:64].strip("._-")
    perhaps = f"; perhaps {proposal}" if proposal and proposal != name else ""
    raise Invalid.at(
        ("body", "name"),
        "a namespace has 1 to 64 lowercase letters, digits, dots, dashes and underscores,"
        f" and begins and ends with a letter or digit{perhaps}",
    )


def ensure_namespace(*, name: str, now: int) -> Namespace:
    """Return the namespace of a name, making it with the default policy when it is missing."""
    namespace, created = Namespace.objects.get_or_create(
        name=check_name(name), defaults={"created_at": now}
    )
    if created:
        RetentionPolicy.objects.create(namespace=namespace)
    return namespace


def create_namespace(
    *, person: Person, change: NamespaceChange, now: int | None = None
) -> NamespaceView:
    """Make a namespace with the default policy. Raises Forbidden and Invalid."""
    person.require(Right.MANAGE_NAMESPACES, EVERYWHERE)
    check_name(change.name)
    _check(change)

    def work(db: Database) -> NamespaceView:
        moment = now or db.now()
        if Namespace.objects.filter(name=change.name).exists():
            raise Invalid.at(("body", "name"), f"there is a namespace {change.name} already")
        made = ensure_namespace(name=change.name, now=moment)
        _write(db, made.pk, change)
        found = _find(db, person, change.name)
        write_entry(db, _entry(person, AuditAct.NAMESPACE_CREATE, found), moment)
        return found

    return engine().write(work)


def change_namespace(
    *,
    person: Person,
    change: NamespaceChange,
    confirmed: bool = False,
    now: int | None = None,
) -> NamespaceView:
    """Change what holds for all sessions of a namespace. What bites must be confirmed.

    Raises NotFound, and Invalid when it is not confirmed.
    """
    _check(change)

    def work(db: Database) -> NamespaceView:
        db.row("SELECT s.id FROM namespace s WHERE s.name = %s {for_update}", (change.name,))
        before = _find(db, person, change.name)
        if not confirmed and (bites := bites_of(before, change)):
            raise Invalid.at(("body", "confirmed"), f"confirm that {' and that '.join(bites)}")
        _write(db, before.number, change)
        after = _find(db, person, change.name)
        if after != before:
            entry = _entry(person, AuditAct.NAMESPACE_CHANGE, after)
            write_entry(db, entry._replace(counts=_turned(before, after)), now or db.now())
        return after

    return engine().write(work)


def bites_of(before: NamespaceView, change: NamespaceChange) -> Sequence[str]:
    """Say what a change takes away from agents, or from the privacy of subjects."""
    bites = []
    if before.shares_default and not change.shares_default:
        used = ", as some here do," if before.uses_default else ""
        bites.append(f"calls that name no session{used} will be refused")
    if before.on_expired == OnExpired.RESTART and change.on_expired == OnExpired.REJECT:
        bites.append("agents that go on with an expired session will be refused")
    if before.demands_reason and not change.demands_reason:
        bites.append("content will be shown without a written reason")
    return bites


def _check(change: NamespaceChange) -> None:
    if change.on_expired not in OnExpired.values:
        raise Invalid.at(
            ("body", "on_expired"),
            f"an add to an expired session: one of {', '.join(OnExpired.values)}",
        )


def _write(db: Database, number: int, change: NamespaceChange) -> None:
    db.run(
        "UPDATE namespace SET shares_default = %s, demands_reason = %s WHERE id = %s",
        (change.shares_default, change.demands_reason, number),
    )
    db.run(
        "UPDATE retention_policy SET on_expired = %s WHERE namespace_id = %s AND prefix = ''",
        (change.on_expired, number),
    )


def _entry(person: Person, act: AuditAct, namespace: NamespaceView) -> Entry:
    about = About("namespace", str(namespace.number))
    return Entry(person.username, act, namespace.name, about)


def _turned(before: NamespaceView, after: NamespaceView) -> dict[str, int]:
    """Name what was changed, and how, as an entry of the audit log can say it."""
    turned = {
        f"turned_{'on' if getattr(after, name) else 'off'}_{name}": 1
        for name in ("shares_default", "demands_reason")
        if getattr(after, name) != getattr(before, name)
    }
    if after.on_expired != before.on_expired:
        turned[f"turned_to_{after.on_expired}"] = 1
    return turned


def list_namespaces(*, person: Person, after: str = "") -> NamespacePage:
    """Return the namespaces that a person manages, by name, with what is in them.

    Raises Forbidden when there are none by right.
    """
    if not person.may_anywhere(Right.MANAGE_NAMESPACES):
        raise Forbidden(
            f"this needs the role {role_for(Right.MANAGE_NAMESPACES)}, which you do not hold"
        )

    def work(db: Database) -> NamespacePage:
        rows = db.rows(f"{_NAMESPACES} n.name > %s ORDER BY n.name", (after,))
        mine = [_view(row) for row in rows if person.may(Right.MANAGE_NAMESPACES, row[1])]
        items = _counted(db, mine[:PAGE])
        return NamespacePage(items, items[-1].name if len(mine) > PAGE else None)

    return engine().read(work)


def show_namespace(*, person: Person, name: str) -> NamespaceView:
    """Return a namespace that a person manages, with what is in it. Raises NotFound."""
    return engine().read(lambda db: _counted(db, [_find(db, person, name)])[0])


_COLUMNS: Final = (
    "n.id, n.name, n.created_at, n.shares_default, n.demands_reason, p.on_expired, p.idle_for,"
    " p.max_age, p.grace, (SELECT 1 FROM agent_session d WHERE d.namespace_id = n.id"
    f" AND d.ended_at IS NULL AND d.session_id = '{conf.DEFAULT_SESSION_ID}')"
)
_NAMESPACES: Final = (
    f"SELECT {_COLUMNS} FROM namespace n"
    " JOIN retention_policy p ON p.namespace_id = n.id AND p.prefix = '' WHERE "
)


def _view(row: Row) -> NamespaceView:
    number, name, created_at, shares_default, demands_reason, *policy, default = row
    rules = (bool(shares_default), bool(demands_reason))
    return NamespaceView(*(number, name, created_at, *rules, *policy, default is not None))


def _find(db: Database, person: Person, name: str) -> NamespaceView:
    row = db.row(f"{_NAMESPACES} n.name = %s", (name,))
    if row is None or not person.may(Right.MANAGE_NAMESPACES, name):
        raise NotFound("there is no such namespace")
    return _view(row)


def _counted(db: Database, some: Sequence[NamespaceView]) -> list[NamespaceView]:
    if not some:
        return []
    share = max(COUNTED // len(some), _LEAST)
    numbers = [one.number for one in some]
    marks = ", ".join(["%s"] * len(numbers))
    found = {
        row[0]: row
        for row in db.rows(
            f"SELECT n.id, ({_KEYS_OF}), ({_POLICIES_OF}), ({_LAST_ACTIVITY_OF})"
            f" FROM namespace n WHERE n.id IN ({marks})",
            numbers,
        )
    }
    parts = " UNION ALL ".join(
        f"SELECT * FROM (SELECT {number} AS number, message_count FROM agent_session"
        f" WHERE namespace_id = {number} ORDER BY last_activity_at DESC LIMIT {share + 1})"
        f" AS part{number}"
        for number in numbers
    )
    counts = {
        number: (int(sessions), int(messages))
        for number, sessions, messages in db.rows(
            f"SELECT number, count(*), sum(message_count) FROM ({parts}) AS parts GROUP BY number"
        )
    }
    items = []
    for one in some:
        sessions, messages = counts.get(one.number, (0, 0))
        _, keys, policies, last = found[one.number]
        items.append(
            replace(
                one,
                sessions=min(sessions, share),
                messages=messages,
                capped=sessions > share,
                keys=keys,
                policies=policies,
                last_activity_at=last,
            )
        )
    return items


_KEYS_OF: Final = (
    "SELECT count(*) FROM api_key k WHERE k.namespace_id = n.id AND k.revoked_at IS NULL"
)
_POLICIES_OF: Final = "SELECT count(*) FROM retention_policy p WHERE p.namespace_id = n.id"
_LAST_ACTIVITY_OF: Final = (
    "SELECT max(a.last_activity_at) FROM agent_session a WHERE a.namespace_id = n.id"
)
