"""Spare what is under legal hold: every removal asks here, once it holds the sessions' locks."""

from collections.abc import Sequence
from typing import Final

from memory_app.errors import Held
from memory_app.moments import to_rfc3339
from memory_app.storage import Database
from memory_app.storage.statements import HELD

_REFUSAL: Final = "the session is under legal hold; nothing of it is removed or overwritten"


def refuse_held(db: Database, namespace_id: int, number: int) -> None:
    """Raise Held when a session, which is locked, may not be removed from or overwritten."""
    await_holds(db, namespace_id)
    if db.row(f"SELECT 1 FROM agent_session s WHERE s.id = %s AND {HELD}", (number,)):
        raise Held(_REFUSAL)


def refuse_purge(db: Database, namespace_id: int, numbers: Sequence[int], now: int) -> None:
    """Raise Held when one of the sessions, which are locked, may not be purged."""
    spared = sorted(held_among(db, namespace_id, numbers, now))
    if not spared:
        return
    if _among(db, namespace_id, spared, HELD, []):
        raise Held(_REFUSAL)
    row = db.row("SELECT purge_not_before FROM agent_session WHERE id = %s", (spared[-1],))
    assert row is not None, "it is locked"
    raise Held(
        "a legal hold was released less than a day ago; nothing is purged before"
        f" {to_rfc3339(row[0])}"
    )


def held_among(db: Database, namespace_id: int, numbers: Sequence[int], now: int) -> set[int]:
    """Return which of these sessions, which are locked, may not be purged now.

    Held ones, and those whose last hold was released less than a day ago.
    """
    return _among(db, namespace_id, numbers, f"({HELD} OR s.purge_not_before > %s)", [now])


def _among(
    db: Database, namespace_id: int, numbers: Sequence[int], condition: str, values: list[int]
) -> set[int]:
    await_holds(db, namespace_id)
    sql = f"SELECT s.id FROM agent_session s WHERE s.id {{among}} AND {condition}"
    return {row[0] for row in db.rows(sql, (db.array(numbers), *values))}


def await_holds(db: Database, namespace_id: int) -> None:
    """Wait for a hold that is being placed, and let none be placed until the transaction ends.

    Holds are then asked for in another statement: PostgreSQL shows one that waited for a lock the
    holds as they were before it waited.
    """
    db.share(_lock(namespace_id))


def await_removals(db: Database, namespace_id: int) -> None:
    """Wait for the removals of a namespace that have asked for holds, and let no other ask.

    Until the transaction ends: what it places is seen by every removal that asks afterwards.
    """
    db.exclude(_lock(namespace_id))


def _lock(namespace_id: int) -> tuple[str, int]:
    return "holds", namespace_id
