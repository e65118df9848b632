"""What is stored and not yet in the index: written with the messages, so that none is forgotten.

Whoever removes or overwrites a message touches what waits for it first, then the index. On
PostgreSQL that waits for an indexer that is just about to write the message's words, and one that
has read the message but written nothing finds its turn gone.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from memory_app.storage.engine import Database

# The session's number, the first place and the last.
QUEUE: Final = "INSERT INTO search_pending (number, first, last, bulk) VALUES (%s, %s, %s, false)"
QUEUE_BULK: Final = QUEUE.replace("false", "true")


def queue(db: Database, number: int, first: int, last: int, *, bulk: bool = False) -> None:
    """Let places of a session be indexed, in the transaction that writes them."""
    db.run(QUEUE_BULK if bulk else QUEUE, (number, first, last))


def queue_again(db: Database, number: int, first: int, last: int) -> None:
    """Let what waits and touches these places wait under a new turn, as something of it changed."""
    rows = db.rows(
        "DELETE FROM search_pending WHERE number = %s AND first <= %s AND last >= %s"
        " RETURNING first, last, bulk, base",
        (number, last, first),
    )
    db.run_many(
        "INSERT INTO search_pending (number, first, last, bulk, base) VALUES (%s, %s, %s, %s, %s)",
        [(number, *row) for row in rows],
    )


def forget(db: Database, numbers: Sequence[int]) -> None:
    """Let nothing of sessions wait that are being removed."""
    db.run("DELETE FROM search_pending WHERE number {among}", (db.array(numbers),))


def take_bulk_back(db: Database) -> None:
    """Let what a rebuild has queued wait no more: another one begins."""
    db.run("DELETE FROM search_pending WHERE bulk")


class Turn(NamedTuple):
    """Places of one session that wait, and the last of them that a batch comes to."""

    id: int
    number: int
    first: int
    last: int
    reached: int
    base: int | None


def take(db: Database, turn: Turn) -> bool:
    """Take places from the queue; False when they were touched since they were read.

    What is left waits on in the same row: whoever waits for its lock then finds it changed.
    """
    if turn.reached >= turn.last:
        taken = "DELETE FROM search_pending WHERE id = %s AND first = %s"
        return db.run(taken, (turn.id, turn.first)) > 0
    left = "UPDATE search_pending SET first = %s WHERE id = %s AND first = %s"
    return db.run(left, (turn.reached + 1, turn.id, turn.first)) > 0
