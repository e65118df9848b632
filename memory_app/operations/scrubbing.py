"""Scrub: after rows were removed, remove what they left behind in the database's files.

A removal hides content at once and deletes its rows; only a scrub takes the bytes out of the files
(storage/files.py), and only then does a receipt say so. It may be killed at any moment: it stays
due, and the next one begins from the start.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

from memory_app import conf
from memory_app.errors import Refusal
from memory_app.moments import DAY, SECOND
from memory_app.storage import Database, engine, files

logger = logging.getLogger("lethe.scrubbing")

# How long a scrub waits for readers of an older state, an export for instance.
PATIENCE_SECONDS: Final = 30.0
_MINUTE: Final = 60 * SECOND
_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Scrubbing:
    """What came of it; `waits_for` says why a scrub that is due was not done."""

    done: bool = False
    due: bool = False
    waits_for: str | None = None
    seconds: float = 0.0


def scrub(*, asked: bool = False, now: int | None = None) -> Scrubbing:
    """Scrub when something was removed, the window is open and the database not too large.

    When a person asks, scrub in any case. It cannot be part of a transaction.
    """
    if not asked:
        look = look_whether_due(now=now)
        if not look.due or look.waits_for:
            return look
    try:
        with engine().alone("scrub"):
            # Another process may just have done it.
            if asked or look_whether_due(now=now).due:
                return _scrub(asked, now)
    except Refusal as refusal:
        return Scrubbing(due=True, waits_for=refusal.detail)
    return Scrubbing()


def look_whether_due(*, now: int | None = None) -> Scrubbing:
    """Tell whether a scrub is due, and what it waits for; changes nothing."""
    due, moment = engine().read(lambda db: (_is_due(db), now or db.now()))
    return Scrubbing(due=due, waits_for=_obstacle(moment) if due else None)


def _is_due(db: Database) -> bool:
    """Tell whether anything was removed since the last scrub that was done."""
    receipt = db.row(
        "SELECT 1 FROM receipt WHERE scrubbed_at IS NULL AND purged_at IS NOT NULL LIMIT 1"
    )
    return receipt is not None or _last_removal(db) > _last_covered(db)


def _last_removal(db: Database) -> int:
    row = db.row("SELECT max(id) FROM erasure")
    return int(row[0]) if row and row[0] is not None else 0


def _last_covered(db: Database) -> int:
    row = db.row(
        "SELECT max(removals_through) FROM scrub WHERE finished_at IS NOT NULL AND problem IS NULL"
    )
    return int(row[0]) if row and row[0] is not None else 0


def _obstacle(moment: int) -> str | None:
    """Say why a scrub that is due is not done by itself at this moment."""
    window = conf.scrub_window()
    if window is None:
        return "cleanup --scrub, since LETHE_SCRUB_WINDOW is never"
    if not _is_open(window, moment):
        return f"the window from {_clock(window[0])} to {_clock(window[1])} UTC"
    if files().scrub_stops_writers and files().size_bytes() > conf.scrub_max_bytes():
        return "cleanup --scrub, since the database is larger than LETHE_SCRUB_MAX_MB"
    return None


def _is_open(window: tuple[int, int], moment: int) -> bool:
    start, end = window
    minute = moment % DAY // _MINUTE
    return start <= minute < end if start < end else not end <= minute < start


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def seconds_until_window(*, now: int | None = None) -> float | None:
    """Return how long it is until the window opens next; None when it never or always is open."""
    window = conf.scrub_window()
    if window is None or window == (0, 24 * 60):
        return None
    moment = now or engine().read(lambda db: db.now())
    wait = (window[0] * _MINUTE - moment % DAY) % DAY
    return (wait or DAY) / SECOND


def _scrub(asked: bool, now: int | None) -> Scrubbing:
    begun = time.monotonic()
    number, receipts = engine().write(lambda db: _begin(db, asked, now))
    try:
        method = files().scrub(patience=PATIENCE_SECONDS)
    except Refusal as refusal:
        problem = refusal.detail
        engine().write(lambda db: _finish(db, number, problem, now))
        logger.warning("a scrub was not finished: %s", problem)
        return Scrubbing(due=True, waits_for=problem, seconds=time.monotonic() - begun)
    for start in range(0, len(receipts), _AT_ONCE):
        some = receipts[start : start + _AT_ONCE]
        engine().write(lambda db, some=some: _stamp(db, some, method, now))  # type: ignore[misc]
    engine().write(lambda db: _finish(db, number, None, now))
    return Scrubbing(done=True, seconds=time.monotonic() - begun)


def _begin(db: Database, asked: bool, now: int | None) -> tuple[int, list[str]]:
    """Write down what the scrub covers: removals up to a number, and the receipts that wait.

    What is removed while it runs may be gone with it, and stays due all the same.
    """
    files().await_removals(db)
    row = db.row(
        "INSERT INTO scrub (started_at, asked, removals_through, size_before)"
        " VALUES (%s, %s, %s, %s) RETURNING id",
        (now or db.now(), asked, _last_removal(db), files().size_bytes()),
    )
    assert row is not None
    receipts = db.rows("SELECT id FROM receipt WHERE scrubbed_at IS NULL AND purged_at IS NOT NULL")
    return row[0], [receipt for (receipt,) in receipts]


def _stamp(db: Database, receipts: list[str], method: str, now: int | None) -> None:
    days = conf.backup_days()
    backups = f"which are kept for {days} days" if days else "for as long as they are kept"
    text = f"{method}, and backups made before, {backups}"
    moment = now or db.now()
    db.run_many(
        "UPDATE receipt SET scrubbed_at = %s, method = %s WHERE id = %s",
        [(moment, text, receipt) for receipt in receipts],
    )


def _finish(db: Database, number: int, problem: str | None, now: int | None) -> None:
    db.run(
        "UPDATE scrub SET finished_at = %s, size_after = %s, problem = %s WHERE id = %s",
        (now or db.now(), files().size_bytes(), problem, number),
    )
