"""Purge sessions: the one way in which a session's content is removed, whoever asks.

A purge hides the sessions first and marks them with their receipt, in one transaction. Then batches
are deleted, each in a short transaction of its own, and the receipt keeps count; a process that is
killed leaves sessions that are closed at every door and a receipt that is not finished, and
`finish_purges` goes on from there.
"""

import time
from dataclasses import dataclass
from functools import partial

from memory_app.models import AuditAct, ReceiptKind
from memory_app.models.agent_session import MAX_NUMBER
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.closing import (
    close,
    close_next,
    forget_shown,
    forget_some_shown,
    reopen,
)
from memory_app.operations.emptying import SESSION_ROWS, delete_closed
from memory_app.operations.journal import file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.pacing import Pace
from memory_app.operations.receipts import (
    Act,
    ReceiptView,
    lock_counts,
    open_receipt,
    read_receipt,
    write_counts,
)
from memory_app.operations.sparing import await_holds, held_among, refuse_purge
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD


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

    deletion = _Deletion(caller, session_id, now)
    pace = Pace()
    while pace.step(deletion.hide):
        pass
    for one in deletion.unfinished:
        finish_receipt(one, now=now, pace=pace)
    # Also when nothing is there: a call that failed after its removals may be repeated now.
    file_removals()
    receipt = deletion.receipt or next(reversed(deletion.unfinished), None)
    if receipt is None:
        return Deleted(0, None)
    view = engine().read(lambda db: read_receipt(db, caller.namespace_id, receipt))
    assert view is not None, "it was just written"
    return Deleted(view.counts["sessions"], view)


class _Deletion:
    """The sessions of an id on their way under a receipt, the live one first."""

    def __init__(self, caller: Caller, session_id: str, now: int | None) -> None:
        self.receipt: str | None = None
        self.unfinished: list[str] = []
        self._caller = caller
        self._id = (caller.namespace_id, session_id)
        self._now = now
        self._before = MAX_NUMBER + 1

    def hide(self, db: Database, size: int) -> tuple[bool, int]:
        """Close the next sessions at every door; with the last begin to delete them.

        What an id has begun and ended thousands of times takes several steps. Raises Held before
        anything is done; what is held only after that is left.
        """
        limit = max(1, size // SESSION_ROWS)
        rows = db.rows(_LOCK_NEXT, (*self._id, self._before, limit + 1))
        found = rows[:limit]
        moment = self._now or db.now()
        if self.receipt is None:
            self.unfinished = _deletions(db, self._id)
            if not found:
                return False, 0
            self._begin(db, moment)
        assert self.receipt is not None, "it has begun"
        counts = lock_counts(db, self.receipt)
        held = held_among(db, self._id[0], [row[0] for row in found], moment)
        close(db, self.receipt, self._id[0], [row for row in found if row[0] not in held], moment)
        counts["previewed"] += len(found)
        counts["held"] += len(held)
        if len(rows) > limit:
            self._before = found[-1][0]
            write_counts(db, self.receipt, counts)
            return True, len(found) * SESSION_ROWS
        goes_on, done = delete_closed(db, self.receipt, counts, size, moment)
        if goes_on:
            self.unfinished.append(self.receipt)
        return False, done

    def _begin(self, db: Database, now: int) -> None:
        """Open the receipt, and enter the act, unless one of the sessions is held."""
        await_holds(db, self._id[0])
        numbers = [number for (number,) in db.rows(_SPARED, (*self._id, now))]
        refuse_purge(db, self._id[0], numbers, now)
        row = db.row(_COUNT, self._id)
        assert row is not None, "it counts"
        act = Act(self._id[0], ReceiptKind.DELETION, self._caller.name)
        self.receipt = open_receipt(db, act, 0, now)
        about, counts = About("receipt", self.receipt), {"sessions": int(row[0])}
        done = AuditAct.SESSION_DELETE
        write_entry(db, Entry(self._caller.name, done, self._caller.namespace, about, counts), now)


_OF_ID = (
    "FROM agent_session s WHERE s.namespace_id = %s AND s.session_id = %s"
    " AND s.purge_receipt IS NULL"
)
_LOCK_NEXT = (
    f"SELECT s.id, 0, 0, 0, 0, s.session_id, s.user_id {_OF_ID} AND s.id < %s"
    " ORDER BY s.id DESC LIMIT %s {for_update}"
)
_COUNT = f"SELECT count(*) {_OF_ID}"
_SPARED = f"SELECT s.id {_OF_ID} AND ({HELD} OR s.purge_not_before > %s) ORDER BY s.id DESC LIMIT 1"


def _deletions(db: Database, of_id: tuple[int, str]) -> list[str]:
    """Return the receipts of deletions of an id that were interrupted: the caller finishes them."""
    rows = db.rows(_BEGUN, (ReceiptKind.DELETION.value, *of_id))
    return [receipt for (receipt,) in rows]


_BEGUN = (
    "SELECT r.id FROM receipt r WHERE r.kind = %s AND r.id IN (SELECT s.purge_receipt"
    " FROM agent_session s WHERE s.namespace_id = %s AND s.session_id = %s"
    " AND s.purge_receipt IS NOT NULL) ORDER BY r.id"
)


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
    """Forget some of what a cancelled purge was to remove, then put back what it has closed.

    At the end its receipt goes.
    """
    if db.row("SELECT 1 FROM receipt WHERE id = %s", (receipt,)) is None:
        return False, 0
    forgotten = forget_some_shown(db, receipt, size)
    if forgotten:
        return True, forgotten
    reopened = reopen(db, receipt, max(1, size // SESSION_ROWS), now)
    if reopened:
        return True, reopened * SESSION_ROWS
    db.run("DELETE FROM receipt_subject WHERE receipt_id = %s", (receipt,))
    db.run("DELETE FROM receipt WHERE id = %s", (receipt,))
    return False, 0
