"""Purge sessions: the one way in which a session's content is removed, whoever asks.

A purge hides the sessions first and marks them with their receipt, in one transaction. Then batches
are deleted, each in a short transaction of its own, and the receipt keeps count; a process that is
killed leaves sessions that are closed at every door and a receipt that is not finished, and
`finish_purges` goes on from there.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from memory_app.models import AuditAct, ReceiptKind
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.closing import close_next, forget_shown, reopen
from memory_app.operations.emptying import SESSION_ROWS, delete_closed
from memory_app.operations.journal import file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.pacing import Pace
from memory_app.operations.receipts import (
    Act,
    ReceiptView,
    enter_subjects,
    lock_counts,
    open_receipt,
    read_receipt,
    write_counts,
)
from memory_app.operations.sparing import refuse_purge
from memory_app.storage import Database, engine


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many sessions are gone, and the receipt for it; None when there was nothing."""

    sessions: int
    receipt: ReceiptView | None


def delete_session(*, caller: Caller, session_id: str, now: int | None = None) -> Deleted:
    """Purge all sessions of an id, expired and ended ones too. Nothing there is not an error.

    A deletion that was interrupted is finished, and its receipt returned. Raises Held.
    """
    caller.require("purge")

    def hide(db: Database, size: int) -> tuple[tuple[list[str], str | None], int]:
        sessions = db.rows(_LOCK_ALL, (caller.namespace_id, session_id))
        moment = now or db.now()
        unfinished = _deletions(db, {receipt for _, _, receipt in sessions if receipt})
        fresh = [(number, user_id) for number, user_id, receipt in sessions if not receipt]
        if not fresh:
            return (unfinished, unfinished[-1] if unfinished else None), 0
        refuse_purge(db, caller.namespace_id, [number for number, _ in fresh], moment)
        receipt = _hide(db, caller, session_id, fresh, moment)
        goes_on, done = delete_closed(db, receipt, lock_counts(db, receipt), size, moment)
        if goes_on:
            unfinished.append(receipt)
        about, counts = About("receipt", receipt), {"sessions": len(fresh)}
        entry = Entry(caller.name, AuditAct.SESSION_DELETE, caller.namespace, about, counts)
        write_entry(db, entry, moment)
        return (unfinished, receipt), done

    pace = Pace()
    unfinished, receipt = pace.step(hide)
    for one in unfinished:
        finish_receipt(one, now=now, pace=pace)
    # Also when nothing is there: a call that failed after its removals may be repeated now.
    file_removals()
    if receipt is None:
        return Deleted(0, None)
    view = engine().read(lambda db: read_receipt(db, caller.namespace_id, receipt))
    assert view is not None, "it was just written"
    return Deleted(view.counts["sessions"], view)


def _hide(
    db: Database, caller: Caller, session_id: str, sessions: list[tuple[int, str | None]], now: int
) -> str:
    """Close the sessions at every door under a receipt of their own."""
    act = Act(caller.namespace_id, ReceiptKind.DELETION, caller.name)
    receipt = open_receipt(db, act, len(sessions), now)
    db.run(
        "UPDATE agent_session SET ended_at = coalesce(ended_at, %s), purge_receipt = %s"
        " WHERE id {among}",
        (now, receipt, db.array([number for number, _ in sessions])),
    )
    enter_subjects(db, receipt, caller.namespace_id, [(session_id, one) for _, one in sessions])
    return receipt


_LOCK_ALL = (
    "SELECT s.id, s.user_id, s.purge_receipt FROM agent_session s"
    " WHERE s.namespace_id = %s AND s.session_id = %s ORDER BY s.id {for_update}"
)


def _deletions(db: Database, receipts: Iterable[str]) -> list[str]:
    """Return those receipts that are of deletions: the caller may finish what one began."""
    kind = "SELECT r.kind FROM receipt r WHERE r.id = %s"
    return [one for one in sorted(receipts) if db.row(kind, (one,)) == (ReceiptKind.DELETION,)]


def finish_purges(
    *,
    namespace: str | None = None,
    queued_only: bool = False,
    seconds: float | None = None,
    now: int | None = None,
) -> int:
    """Go on with every purge that waits or was interrupted, in one namespace or in all.

    Return with how many of those that somebody asked for. After so many seconds no other batch is
    begun.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    count = 0
    for receipt, queued in engine().read(lambda db: _find_unfinished(db, namespace)):
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            break
        if queued or not queued_only:
            finish_receipt(receipt, seconds=left, now=now)
            count += queued
    file_removals()
    return count


def count_queued(db: Database, namespace: str | None = None) -> int:
    """Return how many purges that somebody asked for wait or were interrupted."""
    return sum(queued for _, queued in _find_unfinished(db, namespace))


def _find_unfinished(db: Database, namespace: str | None) -> list[tuple[str, int]]:
    """Return the receipts of purges to go on with, oldest first, and whether each was asked for."""
    within = [] if namespace is None else [namespace]
    rows = db.rows(
        _UNFINISHED.replace("{within}", "" if namespace is None else _WITHIN), within * 2
    )
    return [(receipt, queued) for receipt, queued, _ in rows]


_WITHIN = " AND r.namespace_id = (SELECT n.id FROM namespace n WHERE n.name = %s)"
# Not of cleanup itself, and not what was cancelled and has still to be put back.
_UNFINISHED = (
    "SELECT r.id, CASE WHEN r.kind <> 'cleanup' AND NOT EXISTS (SELECT 1 FROM purge p"
    " WHERE p.receipt = r.id AND p.cancelled_at IS NOT NULL) THEN 1 ELSE 0 END, r.requested_at"
    " FROM receipt r WHERE r.purged_at IS NULL AND r.scrubbed_at IS NULL{within}"
    # What an erasure left restricted is looked at again: it may have been released.
    " UNION ALL SELECT r.id, 0, r.requested_at FROM receipt r WHERE r.purged_at IS NOT NULL"
    " AND r.id IN (SELECT s.purge_receipt FROM agent_session s"
    " WHERE s.purge_receipt IS NOT NULL){within} ORDER BY 3, 1"
)


def finish_receipt(
    receipt: str,
    *,
    seconds: float | None = None,
    now: int | None = None,
    pace: Pace | None = None,
) -> bool:
    """Go on with a purge until it is done, or for so many seconds; tell whether it is done."""
    deadline = None if seconds is None else time.monotonic() + seconds
    pace = pace or Pace()
    while pace.step(partial(_step, receipt=receipt, now=now)):
        if deadline is not None and time.monotonic() > deadline:
            return False
    return True


def close_all(receipt: str, now: int | None = None) -> None:
    """Close all sessions of a purge at every door, before the first is removed."""

    def step(db: Database, size: int) -> tuple[bool, int]:
        if not _is_wanted(db, receipt):
            return False, 0
        closed = _close_some(db, receipt, size, now or db.now())
        return closed > 0, closed * SESSION_ROWS

    pace = Pace()
    while pace.step(step):
        pass


def _close_some(db: Database, receipt: str, size: int, now: int) -> int:
    """Close the next sessions of a purge, about so many rows; return how many were looked at."""
    counts = lock_counts(db, receipt)
    closed = close_next(db, receipt, counts, max(1, size // SESSION_ROWS), now)
    if closed:
        write_counts(db, receipt, counts)
    return closed


def _is_wanted(db: Database, receipt: str) -> bool:
    """Lock a receipt, and tell whether its purge is still there and was not cancelled."""
    there = db.row("SELECT s.id FROM receipt s WHERE s.id = %s {for_update}", (receipt,))
    return there is not None and not _is_cancelled(db, receipt)


def _is_cancelled(db: Database, receipt: str) -> bool:
    sql = "SELECT 1 FROM purge WHERE receipt = %s AND cancelled_at IS NOT NULL"
    return db.row(sql, (receipt,)) is not None


def _step(db: Database, size: int, *, receipt: str, now: int | None) -> tuple[bool, int]:
    """Close or delete the next batch under a receipt; tell whether more is left, and the rows."""
    moment = now or db.now()
    if not _is_wanted(db, receipt):
        return _undo_some(db, receipt, size, moment)
    closed = _close_some(db, receipt, size, moment)
    if closed:
        return True, closed * SESSION_ROWS
    forget_shown(db, receipt)
    return delete_closed(db, receipt, lock_counts(db, receipt), size, moment)


def _undo_some(db: Database, receipt: str, size: int, now: int) -> tuple[bool, int]:
    """Put back some of what a cancelled purge has closed; at the end its receipt goes."""
    if db.row("SELECT 1 FROM receipt WHERE id = %s", (receipt,)) is None:
        return False, 0
    reopened = reopen(db, receipt, max(1, size // SESSION_ROWS), now)
    if reopened:
        return True, reopened * SESSION_ROWS
    db.run("DELETE FROM receipt_subject WHERE receipt_id = %s", (receipt,))
    db.run("DELETE FROM receipt WHERE id = %s", (receipt,))
    return False, 0
