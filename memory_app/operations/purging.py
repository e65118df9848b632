"""Purge sessions: the one way in which a session's content is removed, whoever asks.

A purge hides the sessions first and marks them with their receipt, in one transaction. Then batches
are deleted, each in a short transaction of its own, and the receipt keeps count; a process that is
killed leaves sessions that are closed at every door and a receipt that is not finished, and
`finish_purges` goes on from there.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from memory_app import conf
from memory_app.models import AuditAct, ReceiptKind
from memory_app.models.message import SEQ_BITS
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.closing import close_next, forget_shown, reopen, spare_closed
from memory_app.operations.journal import ALL, enter_removal, file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.receipts import (
    Act,
    ReceiptView,
    close_receipt,
    enter_subjects,
    lock_counts,
    open_receipt,
    read_receipt,
    write_counts,
)
from memory_app.operations.removing import delete_content_rows
from memory_app.operations.sparing import refuse_purge
from memory_app.operations.tallying import Gone, note_gone
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD

# How many messages one transaction deletes: writers wait for it, a tenth of a second at most.
BATCH: Final = 2_000

# Everything that holds content of a session besides its messages, with the column that names it.
_PARTS: Final = (("session_document", "session_id"), ("session_facet", "session_id"))


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

    def hide(db: Database) -> tuple[list[str], str | None]:
        sessions = db.rows(_LOCK_ALL, (caller.namespace_id, session_id))
        moment = now or db.now()
        unfinished = _deletions(db, {receipt for _, _, receipt in sessions if receipt})
        fresh = [(number, user_id) for number, user_id, receipt in sessions if not receipt]
        if not fresh:
            return unfinished, unfinished[-1] if unfinished else None
        refuse_purge(db, caller.namespace_id, [number for number, _ in fresh], moment)
        receipt = _hide(db, caller, session_id, fresh, moment)
        if _step(db, receipt, moment):
            unfinished.append(receipt)
        about, counts = About("receipt", receipt), {"sessions": len(fresh)}
        entry = Entry(caller.name, AuditAct.SESSION_DELETE, caller.namespace, about, counts)
        write_entry(db, entry, moment)
        return unfinished, receipt

    unfinished, receipt = engine().write(hide)
    for one in unfinished:
        finish_receipt(one, now=now)
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
    for number, _ in sessions:
        db.run(
            "UPDATE agent_session SET ended_at = coalesce(ended_at, %s), purge_receipt = %s"
            " WHERE id = %s",
            (now, receipt, number),
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
    *, queued_only: bool = False, seconds: float | None = None, now: int | None = None
) -> int:
    """Go on with every purge that waits or was interrupted; return with how many.

    After so many seconds no other batch is begun.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    receipts = engine().read(lambda db: db.rows(_QUEUED if queued_only else _UNFINISHED))
    for (receipt,) in receipts:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            break
        finish_receipt(receipt, seconds=left, now=now)
    file_removals()
    return len(receipts)


_QUEUED = "SELECT receipt FROM preview WHERE receipt IS NOT NULL"
_UNFINISHED = (
    f"SELECT purge_receipt FROM agent_session WHERE purge_receipt IS NOT NULL UNION {_QUEUED}"
    # Whose last session was put back or removed, but which nobody has closed since.
    " UNION SELECT p.receipt FROM purge p JOIN receipt r ON r.id = p.receipt"
    " WHERE r.purged_at IS NULL"
)


def finish_receipt(receipt: str, *, seconds: float | None = None, now: int | None = None) -> bool:
    """Go on with a purge until it is done, or for so many seconds; tell whether it is done."""
    deadline = None if seconds is None else time.monotonic() + seconds
    while engine().write(lambda db: _step(db, receipt, now or db.now())):
        if deadline is not None and time.monotonic() > deadline:
            return False
    return True


def close_all(receipt: str, now: int | None = None) -> None:
    """Close all sessions of a purge at every door, before the first is removed."""

    def step(db: Database) -> bool:
        return _is_wanted(db, receipt) and _close_some(db, receipt, now or db.now())

    while engine().write(step):
        pass


def _close_some(db: Database, receipt: str, now: int) -> bool:
    counts = lock_counts(db, receipt)
    closed = close_next(db, receipt, counts, now)
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


def _step(db: Database, receipt: str, now: int) -> int:
    """Close or delete the next batch under a receipt; return how many sessions are left."""
    if not _is_wanted(db, receipt):
        return _undo_some(db, receipt, now)
    if _close_some(db, receipt, now):
        return 1
    forget_shown(db, receipt)
    counts = lock_counts(db, receipt)
    left = delete_closed(db, receipt, counts, now)
    if not left:
        close_receipt(db, receipt, counts, now)
    return left


def _undo_some(db: Database, receipt: str, now: int) -> int:
    """Put back some of what a cancelled purge has closed; at the end its receipt goes."""
    if db.row("SELECT 1 FROM receipt WHERE id = %s", (receipt,)) is None:
        return 0
    if reopen(db, receipt, now):
        return 1
    db.run("DELETE FROM receipt_subject WHERE receipt_id = %s", (receipt,))
    db.run("DELETE FROM receipt WHERE id = %s", (receipt,))
    return 0


def delete_closed(db: Database, receipt: str, counts: dict[str, int], now: int) -> int:
    """Delete up to a batch of the sessions closed under a receipt; return how many are left."""
    budget = BATCH
    restricts = spare_closed(db, receipt, counts, budget, now)
    free, values = (_FREE, (receipt, now)) if restricts else ("", (receipt,))
    removed = counts["sessions"] + counts["messages"]
    gone: list[Gone] = []
    while budget > 0:
        session = db.row(_NEXT.replace("{free}", free), values)
        if session is None:
            break
        number, uid, namespace, *facts = session
        messages, size, last = _measure_batch(db, number, budget)
        if messages:
            delete_content_rows(db, number, 1, last)
        counts["messages"] += messages
        counts["bytes"] += size
        budget -= messages
        if messages == 0 or budget > 0:
            _remove_session(db, number, uid, namespace, counts, now)
            gone.append(Gone(*facts))
            budget -= 1
        else:
            enter_removal(db, namespace=namespace, uid=uid, ranges=[(1, last)], now=now)
    if restricts:
        counts["held"] = _count_closed(db, receipt) - _count_closed(db, receipt, free, values)
        if counts["sessions"] + counts["messages"] > removed:
            # A part that was held is removed after the rest: the receipt is open again.
            db.run(
                "UPDATE receipt SET purged_at = NULL, scrubbed_at = NULL WHERE id = %s", values[:1]
            )
    write_counts(db, receipt, counts)
    note_gone(db, gone, now)
    return _count_closed(db, receipt, free, values)


def _count_closed(
    db: Database, receipt: str, free: str = "", values: tuple[Any, ...] | None = None
) -> int:
    sql = f"SELECT count(*) FROM agent_session s WHERE s.purge_receipt = %s{free}"
    row = db.row(sql, values or (receipt,))
    return int(row[0]) if row else 0


_NEXT = (
    "SELECT s.id, s.uid, n.name, s.namespace_id, s.created_at, s.expires_at"
    " FROM agent_session s JOIN namespace n ON n.id = s.namespace_id"
    " WHERE s.purge_receipt = %s{free} ORDER BY s.id LIMIT 1"
)
# Of an erasure what is held stays, restricted, until a day after the release.
_FREE: Final = f" AND NOT {HELD} AND s.purge_not_before <= %s"


def _measure_batch(db: Database, number: int, budget: int) -> tuple[int, int, int]:
    """Return how many messages come next, their bytes, and the place of the last."""
    row = db.row(
        "SELECT count(*), coalesce(sum(b.size_bytes), 0), max(b.id) FROM"
        " (SELECT id, size_bytes FROM message WHERE id > %s AND id <= %s ORDER BY id LIMIT %s) b",
        (number << SEQ_BITS, (number << SEQ_BITS) + conf.MAX_SEQ, budget),
    )
    assert row is not None
    return int(row[0]), int(row[1]), (row[2] or 0) & conf.MAX_SEQ


def _remove_session(
    db: Database, number: int, uid: str, namespace: str, counts: dict[str, int], now: int
) -> None:
    """Remove the rest of a session, enter it into the journal and look whether anything is left."""
    for table, column in _PARTS:
        db.run(f"DELETE FROM {table} WHERE {column} = %s", (number,))
    db.run("DELETE FROM agent_session WHERE id = %s", (number,))
    enter_removal(db, namespace=namespace, uid=uid, ranges=ALL, now=now)
    counts["sessions"] += 1
    counts["remaining"] += _remaining(db, number)


def _remaining(db: Database, number: int) -> int:
    """Count the rows of a session that are still there: the check that nothing is left."""
    checks = [("agent_session", "id"), *_PARTS]
    total = 0
    for table, column in checks:
        row = db.row(f"SELECT count(*) FROM {table} WHERE {column} = %s", (number,))
        total += int(row[0]) if row else 0
    row = db.row(
        "SELECT count(*) FROM message WHERE id > %s AND id <= %s",
        (number << SEQ_BITS, (number << SEQ_BITS) + conf.MAX_SEQ),
    )
    return total + (int(row[0]) if row else 0)
