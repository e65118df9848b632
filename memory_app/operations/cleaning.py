"""One run of cleanup: finish what was interrupted, count what expired, purge what is due, scrub.

Sessions expire by the moment, not by this run; it removes those whose grace is over. Several runs
may go at once and any may be killed: what it left is closed at every door, and the next goes on.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from memory_app.errors import Refusal
from memory_app.moments import DAY
from memory_app.operations.applying import finish_policies
from memory_app.operations.attesting import keep_audit_log
from memory_app.operations.enforcing import Enforcement
from memory_app.operations.falling_due import Due, Found, add_up, count_due, find_namespaces
from memory_app.operations.fixing import forget_previews
from memory_app.operations.previewing import VALID_FOR
from memory_app.operations.purging import count_queued, finish_purges
from memory_app.operations.scrubbing import Scrubbing, look_whether_due, scrub
from memory_app.operations.tallying import count_namespaces
from memory_app.storage import Database, engine

# How many sessions one transaction takes at most; fewer when they take too long (pacing.py).
BATCH_SIZE: Final = 1_000
# How long it is known what a run did: as long as the audit log is kept.
_KEPT: Final = 400 * DAY


@dataclass(frozen=True, slots=True)
class CleanedUp:
    """What came of a run; `run` is None for a dry one, which leaves no trace.

    `purged` is what was due by its policy. `queued` are the purges that somebody had asked for and
    that this run went on with: what each removed is on its own receipt.
    """

    run: int | None
    dry_run: bool
    expired: int
    purged: Due
    held: int
    queued: int
    seconds: float
    complete: bool
    scrubbing: Scrubbing


@dataclass(slots=True)
class _Progress:
    """What a run has done so far, and until when it may go on."""

    deadline: float | None
    purged: Due = field(default_factory=Due)
    complete: bool = False
    scrubbing: Scrubbing = field(default_factory=Scrubbing)
    problem: str | None = None

    def is_over(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline


def clean_up(
    *,
    namespace: str | None = None,
    dry_run: bool = False,
    batch_size: int = BATCH_SIZE,
    max_seconds: float | None = None,
    scrub_now: bool = False,
    may_scrub: bool = True,
    now: int | None = None,
) -> CleanedUp:
    """Run once, over one namespace or all, then scrub the files when that is due or asked for.

    A person who waits for the answer does not scrub (`may_scrub`): it may take minutes. Raises
    NotFound for a namespace that does not exist.
    """
    begun = time.monotonic()
    progress = _Progress(None if max_seconds is None else begun + max_seconds)
    namespaces = engine().read(lambda db: find_namespaces(db, namespace))
    if dry_run:
        return _look(namespace, namespaces, begun, now)
    with _recorded(namespace, namespaces, progress, now) as (run, expired, held):
        queued = finish_purges(namespace=namespace, seconds=max_seconds, now=now)
        finish_policies(now=now)
        whole = all(
            _purge_due(run, namespace_id, batch_size, progress, now) for namespace_id in namespaces
        )
        left = progress.is_over() and engine().read(lambda db: count_queued(db, namespace))
        progress.complete = whole and not left
        # What one nobody used shows may be content as well.
        moment = now or engine().read(lambda db: db.now())
        forget_previews(before=moment - VALID_FOR)
        if progress.complete and (may_scrub or scrub_now):
            progress.scrubbing = scrub(asked=scrub_now, now=now)
        else:
            progress.scrubbing = look_whether_due(now=now)
        count_namespaces(now=now)
        # Last, so that a key or a file that was damaged keeps nothing from being purged.
        keep_audit_log(now=now)
    return CleanedUp(
        run=run,
        dry_run=False,
        expired=expired,
        purged=progress.purged,
        held=held,
        queued=queued,
        seconds=time.monotonic() - begun,
        complete=progress.complete,
        scrubbing=progress.scrubbing,
    )


def _look(
    namespace: str | None, namespaces: Sequence[int], begun: float, now: int | None
) -> CleanedUp:
    """Count what a run would do, and change nothing."""

    def work(db: Database) -> tuple[Found, int]:
        found = count_due(db, namespaces, now or db.now())
        return add_up(found), count_queued(db, namespace)

    (expired, due, held), queued = engine().read(work)
    return CleanedUp(
        run=None,
        dry_run=True,
        expired=expired,
        purged=due,
        held=held,
        queued=queued,
        seconds=time.monotonic() - begun,
        complete=True,
        scrubbing=look_whether_due(now=now),
    )


@contextmanager
def _recorded(
    namespace: str | None, namespaces: list[int], progress: _Progress, now: int | None
) -> Iterator[tuple[int, int, int]]:
    """Write the run down when it begins and ends; give its number, and what expired and is held."""

    def look(db: Database) -> tuple[int, dict[int, Found]]:
        moment = now or db.now()
        return moment, count_due(db, namespaces, moment)

    # Before the transaction: it may look at all that is expired, and writers would wait.
    moment, found = engine().read(look)
    expired, _, held = add_up(found)

    def begin(db: Database) -> int:
        row = db.row(
            "INSERT INTO cleanup_run (started_at, namespace, expired, sessions, messages,"
            " size_bytes, held, complete, scrubbed)"
            " VALUES (%s, %s, %s, 0, 0, 0, %s, %s, %s) RETURNING id",
            (moment, namespace, expired, held, False, False),
        )
        assert row is not None
        for number, one in found.items():
            if one.expired or one.held:
                _add_to_part(db, row[0], number, one)
        return int(row[0])

    run = engine().write(begin)
    try:
        yield run, expired, held
    except BaseException as problem:
        # Its kind alone: what an error says may quote what was handled.
        progress.problem = problem.code if isinstance(problem, Refusal) else type(problem).__name__
        raise
    finally:
        engine().write(lambda db: _finish(db, run, progress, now))


def _add_to_part(
    db: Database, run: int, namespace_id: int, found: Found, receipt: str | None = None
) -> None:
    """Add what a run found or did in a namespace to its part there."""
    due = found.due
    db.run(
        "INSERT INTO cleanup_part AS p (run_id, namespace_id, expired, sessions, messages,"
        " size_bytes, held, receipt) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (run_id, namespace_id) DO UPDATE SET sessions = excluded.sessions,"
        " messages = excluded.messages, size_bytes = excluded.size_bytes,"
        " receipt = excluded.receipt",
        (
            run,
            namespace_id,
            found.expired,
            due.sessions,
            due.messages,
            due.bytes,
            found.held,
            receipt,
        ),
    )


def _finish(db: Database, run: int, progress: _Progress, now: int | None) -> None:
    purged = progress.purged
    moment = now or db.now()
    db.run(
        "UPDATE cleanup_run SET finished_at = %s, sessions = %s, messages = %s, size_bytes = %s,"
        " complete = %s, scrubbed = %s, problem = %s WHERE id = %s",
        (
            moment,
            purged.sessions,
            purged.messages,
            purged.bytes,
            progress.complete,
            progress.scrubbing.done,
            progress.problem,
            run,
        ),
    )
    old = "SELECT r.id FROM cleanup_run r WHERE r.started_at < %s"
    db.run(f"DELETE FROM cleanup_part WHERE run_id IN ({old})", (moment - _KEPT,))
    db.run("DELETE FROM cleanup_run WHERE started_at < %s", (moment - _KEPT,))


def _purge_due(
    run: int, namespace_id: int, batch_size: int, progress: _Progress, now: int | None
) -> bool:
    """Purge what is due in a namespace, under one receipt; tell whether nothing is left."""
    enforcement = Enforcement(
        namespace_id=namespace_id, most=batch_size, is_over=progress.is_over, now=now
    )
    try:
        return enforcement.run()
    finally:
        progress.purged = progress.purged.plus(enforcement.purged)
        if (receipt := enforcement.receipt) is not None:
            part = Found(0, enforcement.purged, 0)
            engine().write(lambda db: _add_to_part(db, run, namespace_id, part, receipt))
