"""Purges as people follow them: ask for one, list them, see how far one is, cancel it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from memory_app.errors import Forbidden, Invalid, NotFound
from memory_app.operations import previewing, purging
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.previewing import PreviewView
from memory_app.operations.receipts import ReceiptView, find_receipts
from memory_app.operations.requesting import Place, cancel, check_filter
from memory_app.operations.rights import Person, Right, role_for
from memory_app.operations.viewing import visible_places
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row

STATES: Final = ("queued", "running", "done", "cancelled")


@dataclass(frozen=True, slots=True)
class TrackedPurge:
    """A purge as people see it. `done` of `total` sessions are settled; times are moments.

    `receipt` is there unless it was cancelled; until it has started the receipt is no proof.
    """

    id: str
    namespace: str
    state: str
    done: int
    total: int
    actor: str
    requested_at: int
    cancelled_at: int | None
    cancelled_by: str | None
    receipt: ReceiptView | None
    may_cancel: bool

    @property
    def percent(self) -> int:
        """Return how much of it is done, in whole percent."""
        return 100 if self.state == "done" else self.done * 100 // max(1, self.total)


@dataclass(frozen=True, slots=True)
class PurgePage:
    """One page of purges, the newest first, and the namespaces of which they may be."""

    items: Sequence[TrackedPurge]
    next_cursor: str | None
    namespaces: Sequence[str]


def preview_filter(
    *,
    person: Person,
    namespace: str,
    wanted: SessionFilter,
    everything: bool = False,
    now: int | None = None,
) -> PreviewView:
    """Fix the sessions that a filter means, for a purge by this person.

    Raises NotFound, Forbidden, and Invalid for a filter that names no part of the namespace.
    """
    check_filter(wanted, everything, "name which sessions, or say that all of them are meant")
    return previewing.preview(actor=person, namespace=namespace, wanted=wanted, now=now)


def purgeable(*, person: Person) -> list[str]:
    """Return the namespaces where a person may purge, by name. Raises Forbidden where in none."""
    if not person.may_anywhere(Right.PURGE):
        raise Forbidden(f"this needs the role {role_for(Right.PURGE)}, which you do not hold")
    places = engine().read(lambda db: visible_places(db, person))
    return [place.name for place in places if person.may(Right.PURGE, place.name)]


def execute_preview(
    *, person: Person, token: str, reason: str, seconds: float, now: int | None = None
) -> TrackedPurge:
    """Purge the sessions of a preview of this person; as `previewing.execute` otherwise."""
    receipt = previewing.execute(actor=person, token=token, reason=reason, seconds=seconds, now=now)
    return _show(person, "p.receipt", receipt.id)


def show_purge(*, person: Person, purge: str) -> TrackedPurge:
    """Return one purge. Raises NotFound for others' and unknown ones, and Forbidden."""
    return _show(person, "p.id", purge)


def _show(person: Person, column: str, value: str) -> TrackedPurge:
    def work(db: Database) -> TrackedPurge:
        places = visible_places(db, person)
        found = _find(db, person, [place.id for place in places], f"{column} = %s", [value], 1)
        if not found:
            raise NotFound("there is no such purge")
        return found[0]

    return engine().read(work)


def list_purges(
    *,
    person: Person,
    state: str = "",
    namespace: str = "",
    limit: int = 50,
    cursor: str | None = None,
) -> PurgePage:
    """Return purges of the namespaces that a person may see.

    Raises Forbidden, and Invalid for an unknown state or a cursor of another list.
    """
    if state and state not in STATES:
        raise Invalid.at(("query", "state"), f"a state is one of {', '.join(STATES)}")
    list_of = ("purges", state, namespace)
    conditions, parameters = _IN_STATE.get(state, "1 = 1"), []
    if cursor is not None:
        conditions += " AND (p.requested_at, p.id) < (%s, %s)"
        parameters += read_cursor(cursor, list_of)

    def work(db: Database) -> PurgePage:
        places = visible_places(db, person)
        among = [place.id for place in places if namespace in ("", place.name)]
        found = _find(db, person, among, conditions, parameters, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else write_cursor([last.requested_at, last.id], list_of)
        return PurgePage(found[:limit], following, [place.name for place in places])

    return engine().read(work)


_WAITS: Final = "EXISTS (SELECT 1 FROM preview v WHERE v.receipt = p.receipt)"
_IN_STATE: Final = {
    "queued": f"p.cancelled_at IS NULL AND {_WAITS}",
    "running": f"p.cancelled_at IS NULL AND NOT {_WAITS} AND EXISTS"
    " (SELECT 1 FROM receipt r WHERE r.id = p.receipt AND r.purged_at IS NULL)",
    "done": "EXISTS (SELECT 1 FROM receipt r WHERE r.id = p.receipt AND r.purged_at IS NOT NULL)",
    "cancelled": "p.cancelled_at IS NOT NULL",
}


def _find(
    db: Database,
    person: Person,
    among: Sequence[int],
    conditions: str,
    parameters: Sequence[Any],
    limit: int,
) -> list[TrackedPurge]:
    if not among:
        return []
    rows = db.rows(
        "SELECT p.id, n.name, p.receipt, p.sessions, p.actor, p.requested_at, p.cancelled_at,"
        f" p.cancelled_by, {_WAITS} FROM purge p JOIN namespace n ON n.id = p.namespace_id"
        f" WHERE p.namespace_id IN ({', '.join(['%s'] * len(among))}) AND {conditions}"
        " ORDER BY p.requested_at DESC, p.id DESC LIMIT %s",
        (*among, *parameters, limit),
    )
    ids = [row[2] for row in rows]
    marks = ", ".join(["%s"] * len(ids))
    receipts = find_receipts(db, f"r.id IN ({marks})", ids, len(ids)) if ids else []
    by_id = {receipt.id: receipt for receipt in receipts}
    return [_track(row, by_id.get(row[2]), person) for row in rows]


def _track(row: Row, receipt: ReceiptView | None, person: Person) -> TrackedPurge:
    purge, namespace, _, total, actor, requested_at, cancelled_at, cancelled_by, waits = row
    if cancelled_at is not None or receipt is None:
        state, done, receipt = "cancelled", 0, None
    else:
        done = sum(receipt.counts[one] for one in ("sessions", "held", "changed", "gone"))
        state = "queued" if waits else "done" if receipt.purged_at else "running"
    return TrackedPurge(
        id=purge,
        namespace=namespace,
        state=state,
        done=done,
        total=total,
        actor=actor,
        requested_at=requested_at,
        cancelled_at=cancelled_at,
        cancelled_by=cancelled_by,
        receipt=receipt,
        may_cancel=state == "queued" and person.may(Right.PURGE, namespace),
    )


def cancel_queued(*, person: Person, purge: str, now: int | None = None) -> TrackedPurge:
    """Put the sessions of a purge back that has not started; a later one goes on unchanged.

    Raises NotFound and Forbidden.
    """
    asked = show_purge(person=person, purge=purge)
    person.require(Right.PURGE, asked.namespace)

    def work(db: Database) -> str:
        row = db.row("SELECT id FROM namespace WHERE name = %s", (asked.namespace,))
        assert row is not None, "namespaces are never removed"
        place = Place(row[0], asked.namespace)
        return cancel(db, place, person.username, purge, now or db.now())

    receipt = engine().write(work)
    left = show_purge(person=person, purge=purge)
    if left.state == "cancelled":
        purging.finish_receipt(receipt, now=now)
    return left
