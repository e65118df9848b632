"""Fix a set of sessions for a preview, measure it, and forget it when nobody used it."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from memory_app.operations.pacing import Pace
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row
from memory_app.storage.statements import HELD

# How many sessions one look finds.
_AT_ONCE: Final = 10_000


def forget_previews(*, before: int) -> None:
    """Remove previews that were made before a moment and never used, some rows at a time."""

    def step(db: Database, size: int) -> tuple[int, int]:
        rows = db.run(_FORGET_SESSIONS, (before, size))
        if rows < size:
            db.run("DELETE FROM preview WHERE created_at < %s AND receipt IS NULL", (before,))
            return 0, rows
        return rows, rows

    pace = Pace()
    while pace.step(step):
        pass


_FORGET_SESSIONS: Final = (
    "DELETE FROM previewed_session WHERE id IN (SELECT p.id FROM preview s"
    " JOIN previewed_session p ON p.preview_id = s.id"
    " WHERE s.created_at < %s AND s.receipt IS NULL LIMIT %s)"
)


def fix_all(token: str, conditions: str, parameters: Sequence[Any]) -> None:
    """Enter the sessions of a set: found without a lock, written some at a time."""
    last = 0
    pace = Pace()
    while rows := engine().read(lambda db, after=last: _find(db, conditions, parameters, after)):  # type: ignore[misc]
        last, left = rows[-1][0], rows
        while left:
            left = pace.step(partial(_enter, token=token, rows=left))
        if len(rows) < _AT_ONCE:
            break


def _find(db: Database, conditions: str, parameters: Sequence[Any], after: int) -> list[Row]:
    """Return the next sessions of a set as they are now."""
    return db.rows(
        "SELECT s.id, s.revision, s.last_activity_at, s.expires_at, s.ended_at IS NOT NULL"
        f" FROM agent_session s WHERE {conditions} AND s.purge_receipt IS NULL AND s.id > %s"
        " ORDER BY s.id LIMIT %s",
        (*parameters, after, _AT_ONCE),
    )


def _enter(db: Database, size: int, *, token: str, rows: list[Row]) -> tuple[list[Row], int]:
    """Enter the first of these sessions into the set; return the others."""
    entered = rows[:size]
    values = [(token, *row[:4], bool(row[4])) for row in entered]
    db.insert_new("previewed_session", _SHOWN, values)
    return rows[size:], len(entered)


_SHOWN: Final = {
    "preview_id": "text",
    "number": "int",
    "revision": "bigint",
    "last_activity_at": "bigint",
    "expires_at": "bigint",
    "has_ended": "boolean",
}


def measure(token: str, now: int) -> None:
    """Note the numbers of a set, as they are shown; nobody waits while they are added up."""
    numbers = engine().read(
        lambda db: db.row(
            "SELECT count(*), coalesce(sum(s.message_count), 0), coalesce(sum(s.size_bytes), 0),"
            " min(s.last_activity_at), max(s.last_activity_at),"
            f" coalesce(sum(CASE WHEN {HELD} OR s.purge_not_before > %s THEN 1 ELSE 0 END), 0)"
            " FROM previewed_session p"
            " JOIN agent_session s ON s.id = p.number WHERE p.preview_id = %s",
            (now, token),
        )
    )
    assert numbers is not None, "an aggregate has one row"
    values = (*map(int, numbers[:3]), *numbers[3:5], int(numbers[5]), token)
    engine().write(
        lambda db: db.run(
            "UPDATE preview SET sessions = %s, messages = %s, size_bytes = %s, oldest_at = %s,"
            " newest_at = %s, held = %s WHERE id = %s",
            values,
        )
    )
