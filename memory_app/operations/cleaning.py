"""One run of cleanup: finish what was interrupted, count what expired, purge what is due, scrub.

Sessions expire by the moment, not by this run; it removes those whose grace is over. Each batch is
a transaction of its own that looks again, under the lock, whether a session is due. Several runs
may go at once and any may be killed: what it left is closed at every door, and the next goes on.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from memory_app.errors import NotFound
from memory_app.models import ReceiptKind
from memory_app.moments import SECOND
from memory_app.operations.attesting import keep_audit_log
from memory_app.operations.auditing import CLEANUP
from memory_app.operations.closing import DUE, close_due, lock_due
from memory_app.operations.journal import file_removals
from memory_app.operations.policies import finish_policies
from memory_app.operations.previewing import VALID_FOR, forget_previews
from memory_app.operations.purging import delete_closed, finish_purges
from memory_app.operations.receipts import Act, close_receipt, lock_counts, open_receipt
from memory_app.operations.scrubbing import Scrubbing, look_whether_due, scrub
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD

# How many sessions one transaction closes; the messages it deletes have a bound of their own.
BATCH_SIZE: Final = 200


@dataclass(frozen=True, slots=True)
class Due:
    """What a run removes, or would remove."""

    sessions: int = 0
    messages: int = 0
    bytes: int = 0

    def plus(self, other: "Due") -> "Due":
        """Add up."""
        return Due(
            self.sessions + other.sessions,
            self.messages + other.messages,
            self.bytes + other.bytes,
        )


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What came of a run; `run` is None for a dry one, which leaves no trace."""

    run: int | None
    dry_run: bool
    expired: int
    purged: Due
    held: int
    seconds: float
    complete: bool
    scrubbing: Scrubbing


@dataclass(slots=True)
class _Progress:
    """What a run has done so far, and until when it may go on."""

    deadline: float | None
    purged: Due = field(default_factory=Due)
    complete: bool = False

    def is_over(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline


def clean_up(
    *,
    namespace: str | None = None,
    dry_run: bool = False,
    batch_size: int = BATCH_SIZE,
    max_seconds: float | None = None,
    scrub_now: bool = False,
    now: int | None = None,
) -> CleanedUp:
    """Run once, over one namespace or all, then scrub the files when that is due or asked for.

    Raises NotFound for a namespace that does not exist.
    """
    begun = time.monotonic()
    progress = _Progress(None if max_seconds is None else begun + max_seconds)
    namespaces = engine().read(lambda db: _namespaces(db, namespace))
    if dry_run:
        expired, due, held = engine().read(lambda db: _count(db, namespaces, now or db.now()))
        seconds = time.monotonic() - begun
        look = look_whether_due(now=now)
        return CleanedUp(None, True, expired, due, held, seconds, complete=True, scrubbing=look)
    with _recorded(namespace, namespaces, progress, now) as (run, expired, held):
        finish_purges(seconds=max_seconds, now=now)
        finish_policies(now=now)
        progress.complete = all(
            _purge_due(namespace_id, batch_size, progress, now) for namespace_id in namespaces
        )
    # What one nobody used shows may be content as well.
    engine().write(lambda db: forget_previews(db, (now or db.now()) - VALID_FOR))
    scrubbing = scrub(asked=scrub_now, now=now) if progress.complete else look_whether_due(now=now)
    # Last, so that a key or a file that was damaged keeps nothing from being purged.
    keep_audit_log(now=now)
    return CleanedUp(
        run=run,
        dry_run=False,
        expired=expired,
        purged=progress.purged,
        held=held,
        seconds=time.monotonic() - begun,
        complete=progress.complete,
        scrubbing=scrubbing,
    )


def _namespaces(db: Database, name: str | None) -> list[int]:
    if name is None:
        return [row[0] for row in db.rows("SELECT id FROM namespace ORDER BY id")]
    row = db.row("SELECT id FROM namespace WHERE name = %s", (name,))
    if row is None:
        raise NotFound("there is no such namespace")
    return [row[0]]


# How long something may be due before cleanup is overdue: twelve runs of the loop in `serve`.
OVERDUE: Final = 3_600 * SECOND


def is_overdue(*, now: int | None = None) -> bool:
    """Tell whether a session that no hold protects should have been purged an hour ago."""

    def work(db: Database) -> bool:
        late = (now or db.now()) - OVERDUE
        return any(
            db.row(
                f"SELECT 1 FROM agent_session s WHERE {DUE} AND NOT {HELD} LIMIT 1",
                (namespace_id, late, late, late),
            )
            for namespace_id in _namespaces(db, None)
        )

    return engine().read(work)


def _count(db: Database, namespaces: list[int], now: int) -> tuple[int, Due, int]:
    """Count what expired since the last run, what is due for purge, and what a hold keeps."""
    expired, due, held = 0, Due(), 0
    since = _last_start(db)
    for namespace_id in namespaces:
        row = db.row(
            "SELECT count(*) FROM agent_session s WHERE s.namespace_id = %s"
            " AND s.expires_at > %s AND s.expires_at <= %s",
            (namespace_id, since, now),
        )
        expired += int(row[0]) if row else 0
        row = db.row(
            "SELECT count(*), coalesce(sum(s.message_count), 0), coalesce(sum(s.size_bytes), 0)"
            f" FROM agent_session s WHERE {DUE} AND NOT {HELD}",
            (namespace_id, now, now, now),
        )
        if row:
            due = due.plus(Due(*(int(value) for value in row)))
        row = db.row(
            f"SELECT count(*) FROM agent_session s WHERE {DUE} AND {HELD}",
            (namespace_id, now, now, now),
        )
        held += int(row[0]) if row else 0
    return expired, due, held


def _last_start(db: Database) -> int:
    row = db.row("SELECT max(started_at) FROM cleanup_run WHERE finished_at IS NOT NULL")
    return int(row[0]) if row and row[0] is not None else 0


@contextmanager
def _recorded(
    namespace: str | None, namespaces: list[int], progress: _Progress, now: int | None
) -> Iterator[tuple[int, int, int]]:
    """Write the run down when it begins and ends; give its number, and what expired and is held."""

    def begin(db: Database) -> tuple[int, int, int]:
        moment = now or db.now()
        expired, _, held = _count(db, namespaces, moment)
        row = db.row(
            "INSERT INTO cleanup_run (started_at, namespace, expired, sessions, messages,"
            " size_bytes, held, complete) VALUES (%s, %s, %s, 0, 0, 0, %s, %s) RETURNING id",
            (moment, namespace, expired, held, False),
        )
        assert row is not None
        return row[0], expired, held

    run, expired, held = engine().write(begin)
    try:
        yield run, expired, held
    finally:
        engine().write(lambda db: _finish(db, run, progress, now))


def _finish(db: Database, run: int, progress: _Progress, now: int | None) -> None:
    purged = progress.purged
    db.run(
        "UPDATE cleanup_run SET finished_at = %s, sessions = %s, messages = %s, size_bytes = %s,"
        " complete = %s WHERE id = %s",
        (now or db.now(), purged.sessions, purged.messages, purged.bytes, progress.complete, run),
    )


def _purge_due(namespace_id: int, batch_size: int, progress: _Progress, now: int | None) -> bool:
    """Purge what is due in a namespace, under one receipt; tell whether nothing is left."""
    receipt: str | None = None
    done = False
    try:
        while not done and not progress.is_over():
            work = partial(_batch, namespace_id=namespace_id, receipt=receipt, size=batch_size)
            receipt, batch, done = engine().write(partial(work, now=now))
            progress.purged = progress.purged.plus(batch)
    finally:
        if receipt is not None:
            _close(receipt, now)
            file_removals()
    return done


def _batch(
    db: Database, *, namespace_id: int, receipt: str | None, size: int, now: int | None
) -> tuple[str | None, Due, bool]:
    """Close and delete one batch; return the receipt, what was purged and whether that was all.

    Sessions that are closed are deleted before others are closed: a run that stops here leaves
    nothing hidden that it would not have removed.
    """
    moment = now or db.now()
    if receipt is not None and _is_closed(db, receipt):
        receipt = None
    waiting = receipt is not None and _has_closed(db, receipt)
    due = [] if waiting else lock_due(db, namespace_id, size, moment)
    if not waiting and not due:
        return receipt, Due(), True
    if receipt is None:
        receipt = open_receipt(db, Act(namespace_id, ReceiptKind.CLEANUP, CLEANUP), 0, moment)
    counts = lock_counts(db, receipt)
    before = _counted(counts)
    counts["previewed"] += len(due)
    counts["held"] += close_due(db, receipt, namespace_id, due, moment)
    delete_closed(db, receipt, counts, moment)
    after = _counted(counts)
    purged = Due(
        after.sessions - before.sessions,
        after.messages - before.messages,
        after.bytes - before.bytes,
    )
    return receipt, purged, False


def _counted(counts: dict[str, int]) -> Due:
    return Due(counts["sessions"], counts["messages"], counts["bytes"])


def _has_closed(db: Database, receipt: str) -> bool:
    """Tell whether sessions are closed under the receipt and not yet deleted."""
    row = db.row("SELECT 1 FROM agent_session WHERE purge_receipt = %s LIMIT 1", (receipt,))
    return row is not None


def _is_closed(db: Database, receipt: str) -> bool:
    """Tell whether another run took this one for dead and finished its receipt."""
    row = db.row("SELECT 1 FROM receipt WHERE id = %s AND purged_at IS NOT NULL", (receipt,))
    return row is not None


def _close(receipt: str, now: int | None) -> None:
    """Delete what is still closed under the receipt, and finish it."""

    def work(db: Database) -> bool:
        moment = now or db.now()
        counts = lock_counts(db, receipt)
        if delete_closed(db, receipt, counts, moment):
            return False
        close_receipt(db, receipt, counts, moment)
        return True

    while not engine().write(work):
        pass
