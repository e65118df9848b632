"""Show people the retention policies: what each covers, what it does next, how far it is applied.

What is said of a namespace is read from the sessions that expire first in it, up to a bound, so
that a page is as fast with a million sessions as with a thousand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memory_app.errors import Forbidden
from memory_app.moments import DAY
from memory_app.operations.policies import may_see
from memory_app.operations.rights import Person, Right, role_for
from memory_app.operations.weighing import PolicyView
from memory_app.storage import Database, engine

PAGE: Final = 50
# How many sessions a page looks at in all, and in one namespace at least.
LOOKED_AT: Final = 10_000
_LEAST: Final = 500
_SOON: Final = DAY


@dataclass(slots=True)
class Outlook:
    """What a policy covers and does next, so far as was looked.

    With `capped` there are more sessions in its namespace than were looked at: the numbers are the
    least that they are, and a `next_at` of None means later than `looked_until`.
    """

    policy: PolicyView
    number: int
    applied: bool
    to_change: int
    changed: int
    sessions: int = 0
    soon: int = 0
    soon_capped: bool = False
    next_at: int | None = None
    capped: bool = False
    looked_until: int | None = None


@dataclass(frozen=True, slots=True)
class OutlookPage:
    """One page of policies by namespace and prefix, and after which the next begins."""

    items: Sequence[Outlook]
    next_after: tuple[str, str] | None
    now: int


def foresee_policies(
    *, person: Person, after: tuple[str, str] = ("", ""), now: int | None = None
) -> OutlookPage:
    """Return a page of the policies that a person sees. Raises Forbidden when they see none."""
    if not (person.may_anywhere(Right.VIEW) or person.may_anywhere(Right.MANAGE_POLICIES)):
        raise Forbidden(f"this needs the role {role_for(Right.VIEW)}, which you do not hold")

    def work(db: Database) -> OutlookPage:
        moment = now or db.now()
        rows = db.rows(
            f"SELECT {_COLUMNS} FROM retention_policy p JOIN namespace n ON n.id = p.namespace_id"
            " WHERE (n.name, p.prefix) > (%s, %s) ORDER BY n.name, p.prefix",
            after,
        )
        mine = [row for row in rows if may_see(person, row[0])]
        found = [_outlook(row) for row in mine[:PAGE]]
        _look(db, {row[10]: row[0] for row in mine[:PAGE]}, found, moment)
        following = None
        if len(mine) > PAGE:
            following = (found[-1].policy.namespace, found[-1].policy.prefix)
        return OutlookPage(found, following, moment)

    return engine().read(work)


_COLUMNS: Final = (
    "n.name, p.prefix, p.idle_for, p.max_age, p.grace, p.on_expired, p.id, p.applied,"
    " p.sessions_to_change, p.sessions_changed, p.namespace_id"
)


def _outlook(row: Sequence[Any]) -> Outlook:
    return Outlook(PolicyView(*row[:6]), row[6], bool(row[7]), row[8], min(row[9], row[8]))


def policies_being_applied(*, person: Person) -> Sequence[Outlook]:
    """Return the policies that not all sessions follow yet, of those that a person sees."""
    rows = engine().read(
        lambda db: db.rows(
            f"SELECT {_COLUMNS} FROM retention_policy p JOIN namespace n ON n.id = p.namespace_id"
            " WHERE NOT p.applied ORDER BY n.name, p.prefix"
        )
    )
    return [_outlook(row) for row in rows if may_see(person, row[0])]


def _look(
    db: Database, namespaces: Mapping[int, str], outlooks: Iterable[Outlook], now: int
) -> None:
    """Fill in what the sessions that expire first in each namespace say."""
    if not namespaces:
        return
    share = max(LOOKED_AT // len(namespaces), _LEAST)
    rows = db.rows(
        " UNION ALL ".join(
            "SELECT * FROM (SELECT namespace_id, session_id, expires_at FROM agent_session"
            f" WHERE namespace_id = {number} AND ended_at IS NULL AND expires_at > %s"
            f" ORDER BY expires_at, id LIMIT {share + 1}) AS part{number}"
            for number in namespaces
        ),
        [now] * len(namespaces),
    )
    marks = ", ".join(["%s"] * len(namespaces))
    prefixes = db.rows(
        f"SELECT namespace_id, prefix FROM retention_policy WHERE namespace_id IN ({marks})",
        list(namespaces),
    )
    shown = {(one.policy.namespace, one.policy.prefix): one for one in outlooks}
    for number, name in namespaces.items():
        some = [(session_id, at) for of, session_id, at in rows if of == number]
        mine = {prefix for of, prefix in prefixes if of == number}
        capped = len(some) > share
        for prefix in mine:
            if one := shown.get((name, prefix)):
                one.capped = capped
                one.looked_until = some[share - 1][1] if capped else None
                one.soon_capped = capped and some[share - 1][1] <= now + _SOON
        _tell(some[:share], mine, {prefix: shown.get((name, prefix)) for prefix in mine}, now)


def _tell(
    sessions: Iterable[tuple[str, int]],
    prefixes: set[str],
    shown: Mapping[str, Outlook | None],
    now: int,
) -> None:
    lengths = sorted({len(prefix) for prefix in prefixes}, reverse=True)
    for session_id, at in sessions:
        prefix = next(cut for size in lengths if (cut := session_id[:size]) in prefixes)
        one = shown[prefix]
        if one is None:
            continue
        one.sessions += 1
        one.soon += at <= now + _SOON
        one.next_at = at if one.next_at is None else min(one.next_at, at)
