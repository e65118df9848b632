"""Purges that a key asks for: what may be asked, what became of it, and how it is cancelled."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct
from memory_app.operations import previewing, purging
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.keys import Caller
from memory_app.operations.previewing import PreviewView
from memory_app.operations.receipts import read_receipt
from memory_app.operations.receiving import check_prefix
from memory_app.storage import Database, engine

# How long a call works on a purge; cleanup goes on with what is then left.
SECONDS: Final = 10.0
_FILTER: Final = ("body", "filter")
# What alone names no part of a namespace: nearly all sessions are active, and none is held.
_NAMES_ALL: Final = (
    SessionFilter(status="any"),
    SessionFilter(status="active"),
    SessionFilter(status="any", held=False),
    SessionFilter(status="active", held=False),
)

_SAY_EVERYTHING: Final = (
    'name which sessions; the whole namespace is {"status": "any", "everything": true}'
)


@dataclass(frozen=True, slots=True)
class PurgeView:
    """A purge that was asked for: `queued`, `running`, `done` or `cancelled`.

    `done` of `total` sessions are settled. It has a receipt from its start on.
    """

    id: str
    state: str
    done: int
    total: int
    receipt_id: str | None


def preview_purge(
    *, caller: Caller, wanted: SessionFilter, everything: bool = False, now: int | None = None
) -> PreviewView:
    """Fix the sessions that a key may then purge with the preview's token.

    Raises Invalid for a filter that names no part of the namespace, unless `everything` is said,
    and InvalidPrefix.
    """
    caller.require("purge")
    check_filter(wanted, everything, _SAY_EVERYTHING)
    return previewing.preview(actor=caller, namespace=caller.namespace, wanted=wanted, now=now)


def check_filter(wanted: SessionFilter, everything: bool, how: str) -> None:
    """Refuse a filter that names no part of a namespace, unless `everything` is said.

    What only leaves something out names none: a tag that is misspelled there would spare nothing.
    `how` tells what would be right instead. Raises Invalid and InvalidPrefix.
    """
    included = replace(wanted.including(), tags=tuple(wanted.tags))
    named = included not in _NAMES_ALL
    if wanted.excludes and not named:
        raise Invalid.at(_FILTER, "name which sessions go, and not only which stay")
    if everything and named:
        raise Invalid.at((*_FILTER, "everything"), "with everything goes no filter but the status")
    if not everything and not named:
        raise Invalid.at(_FILTER, how)
    for prefix in (wanted.prefix, *wanted.without_prefixes):
        if prefix is not None:
            check_prefix(prefix, (*_FILTER, "prefix"))


def execute_purge(
    *,
    caller: Caller,
    token: str,
    reason: str,
    seconds: float | None = SECONDS,
    now: int | None = None,
) -> PurgeView:
    """Purge the sessions of a preview of this key that are as they were shown.

    They are closed at every door when this returns. Raises PreviewStale and Invalid.
    """
    caller.require("purge")
    receipt = previewing.execute(actor=caller, token=token, reason=reason, seconds=seconds, now=now)
    return engine().read(lambda db: find_purge(db, caller.namespace_id, "receipt", receipt.id))


def get_purge(*, caller: Caller, purge: str) -> PurgeView:
    """Return a purge of the caller's namespace. Raises NotFound."""
    caller.require("purge")
    return engine().read(lambda db: find_purge(db, caller.namespace_id, "id", purge))


def cancel_purge(*, caller: Caller, purge: str, now: int | None = None) -> PurgeView:
    """Put the sessions of a purge back that has not started; a later one goes on unchanged.

    A session comes back expired when another one has taken its id meanwhile. Raises NotFound.
    """
    caller.require("purge")

    def work(db: Database) -> str:
        place = Place(caller.namespace_id, caller.namespace)
        return cancel(db, place, caller.name, purge, now or db.now())

    receipt = engine().write(work)
    if get_purge(caller=caller, purge=purge).state == "cancelled":
        purging.finish_receipt(receipt, now=now)
    return get_purge(caller=caller, purge=purge)


class Place(NamedTuple):
    """A namespace, by its number and its name."""

    id: int
    name: str


def cancel(db: Database, place: Place, actor: str, purge: str, now: int) -> str:
    """Cancel a purge that has not started, and leave another; return its receipt's id.

    `purging.finish_receipt` then puts the sessions back. Raises NotFound.
    """
    row = db.row(_RECEIPT, (place.id, purge))
    if row is None:
        raise NotFound("there is no such purge")
    receipt: str = row[0]
    # Whoever starts it holds this lock.
    db.row("SELECT s.id FROM receipt s WHERE s.id = %s {for_update}", (receipt,))
    if find_purge(db, place.id, "id", purge).state != "queued":
        return receipt
    db.run(
        "UPDATE purge SET cancelled_at = %s, cancelled_by = %s WHERE id = %s", (now, actor, purge)
    )
    about = About("receipt", receipt)
    write_entry(db, Entry(actor, AuditAct.PURGE_CANCEL, place.name, about), now)
    return receipt


_RECEIPT: Final = "SELECT p.receipt FROM purge p WHERE p.namespace_id = %s AND p.id = %s"


def find_purge(db: Database, namespace_id: int, column: str, value: str) -> PurgeView:
    """Return the purge of a namespace with this `id` or `receipt`. Raises NotFound."""
    row = db.row(
        "SELECT p.id, p.receipt, p.sessions, p.cancelled_at, EXISTS"
        " (SELECT 1 FROM preview v WHERE v.receipt = p.receipt) FROM purge p"
        f" WHERE p.namespace_id = %s AND p.{column} = %s",
        (namespace_id, value),
    )
    if row is None:
        raise NotFound("there is no such purge")
    name, receipt_id, total, cancelled_at, waits = row
    receipt = read_receipt(db, namespace_id, receipt_id)
    if cancelled_at is not None or receipt is None:
        return PurgeView(name, "cancelled", 0, total, None)
    settled = sum(receipt.counts[one] for one in ("sessions", "held", "changed", "gone"))
    if waits:
        return PurgeView(name, "queued", settled, total, None)
    state = "running" if receipt.purged_at is None else "done"
    return PurgeView(name, state, settled, total, receipt_id)
