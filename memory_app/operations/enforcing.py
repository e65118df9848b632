"""Purge what is due in one namespace, in short transactions, under one receipt.

Each looks again, under the lock, whether a session is due. Another run may take this one for dead
and finish its receipt; what this one then removes opens it again, so that a run has one receipt.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from memory_app.models import ReceiptKind
from memory_app.operations.auditing import CLEANUP
from memory_app.operations.closing import are_left, close_due, lock_due
from memory_app.operations.emptying import SESSION_ROWS, delete_closed
from memory_app.operations.falling_due import Due
from memory_app.operations.journal import file_removals
from memory_app.operations.pacing import Pace
from memory_app.operations.receipts import Act, lock_counts, open_receipt
from memory_app.storage import Database


@dataclass(slots=True, kw_only=True)
class Enforcement:
    """What a run purges in a namespace, `most` sessions at a time, until `is_over` says so."""

    namespace_id: int
    most: int
    is_over: Callable[[], bool]
    now: int | None
    purged: Due = field(default_factory=Due)
    receipt: str | None = None

    def run(self) -> bool:
        """Purge what is due; tell whether nothing is left. A receipt that is opened is finished."""
        pace = Pace()
        try:
            while goes_on := not self.is_over():
                if not pace.step(self._purge_some):
                    break
        finally:
            if self.receipt is not None:
                while pace.step(self._finish):
                    pass
                file_removals()
        return goes_on

    def _purge_some(self, db: Database, size: int) -> tuple[bool, int]:
        """Close and delete about so many rows; tell whether there was anything, and the rows.

        Sessions that are closed are deleted before others are closed: a run that stops here leaves
        nothing hidden that it would not have removed.
        """
        now = self.now or db.now()
        receipt = self.receipt
        counts = {} if receipt is None else lock_counts(db, receipt)
        waiting = receipt is not None and are_left(db, receipt, now)
        limit = min(self.most, max(1, size // SESSION_ROWS))
        due = [] if waiting else lock_due(db, self.namespace_id, limit, now)
        if not waiting and not due:
            return False, 0
        if receipt is None:
            receipt = open_receipt(db, Act(self.namespace_id, ReceiptKind.CLEANUP, CLEANUP), 0, now)
            counts = lock_counts(db, receipt)
        counts["previewed"] += len(due)
        counts["held"] += close_due(db, receipt, self.namespace_id, due, now)
        self.receipt = receipt
        _, rows = self._delete(db, counts, size, now, more=True)
        return True, rows + len(due)

    def _finish(self, db: Database, size: int) -> tuple[bool, int]:
        """Delete what is still closed under the receipt, and finish it; tell whether to go on."""
        now = self.now or db.now()
        assert self.receipt is not None, "it was opened"
        return self._delete(db, lock_counts(db, self.receipt), size, now)

    def _delete(
        self, db: Database, counts: dict[str, int], size: int, now: int, *, more: bool = False
    ) -> tuple[bool, int]:
        assert self.receipt is not None, "it was opened"
        before = _counted(counts)
        done = delete_closed(db, self.receipt, counts, size, now, more=more)
        self.purged = self.purged.plus(_counted(counts)).minus(before)
        return done


def _counted(counts: dict[str, int]) -> Due:
    return Due(counts["sessions"], counts["messages"], counts["bytes"])
