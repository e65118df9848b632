"""What is stored and not yet in the index: written with the messages, so that none is forgotten.

Whoever removes or overwrites a message touches what waits for it first, then the index. On
PostgreSQL that waits for an indexer that is just about to write the message's words, and one that
has read the message but written nothing finds its turn gone.

A rebuild lets messages wait that did not: it is kept apart from removals, so that each of them has
either seen what a rebuild queued or is over before the messages are read.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from memory_app.storage.engine import Database

# The session's number, the first place and the last.
QUEUE: Final = "INSERT INTO search_pending (number, first, last, bulk) VALUES (%s, %s, %s, false)"
QUEUE_BULK: Final = QUEUE.replace("false", "true")


_REMOVALS: Final = ("search_pending", 0)


def exclude_removals(db: Database) -> None:
    """Wait for what is being removed or overwritten, and let none begin until the transaction ends.

    On PostgreSQL a message could otherwise be queued, read and indexed while a transaction removes
    it that had looked into the queue before.
    """
    db.exclude(_REMOVALS)


def queue(db: Database, number: int, first: int, last: int, *, bulk: bool = False) -> None:
    """Let places of a session be indexed, in the transaction that writes them."""
    db.run(QUEUE_BULK if bulk else QUEUE, (number, first, last))


def queue_sessions(db: Database, waiting: Sequence[tuple[int, int, int | None]]) -> None:
    """Let whole sessions be indexed: their numbers, last places and bases. See exclude_removals."""
    db.run_many(
        "INSERT INTO search_pending (number, first, last, bulk, base) VALUES (%s, 1, %s, true, %s)",
        waiting,
    )


def queue_again(db: Database, number: int, first: int, last: int) -> None:
    """Let what waits and touches these places wait under a new turn, as something of it changed."""
    db.share(_REMOVALS)
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
    db.share(_REMOVALS)
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


def take(db: Database, turns: Sequence[Turn]) -> set[int]:
    """Take places from the queue; return the turns that nobody has touched since they were read.

    Whoever removes a message waits for the indexer, so the indexer waits for nobody: what somebody
    is removing just now is theirs. Each waiting for the other was a deadlock on PostgreSQL. What is
    left waits on in the same row: whoever waits for its lock then finds it changed.
    """
    ids = db.array([turn.id for turn in turns])
    there: dict[int, int] = dict(db.rows(_UNTOUCHED, (ids,)))
    taken = [turn for turn in turns if there.get(turn.id) == turn.first]
    whole = [turn.id for turn in taken if turn.reached >= turn.last]
    db.run("DELETE FROM search_pending WHERE id {among}", (db.array(whole),))
    db.run_many(
        "UPDATE search_pending SET first = %s WHERE id = %s",
        [(turn.reached + 1, turn.id) for turn in taken if turn.reached < turn.last],
    )
    return {turn.id for turn in taken}


_UNTOUCHED: Final = (
    "SELECT s.id, s.first FROM search_pending s WHERE s.id {among} {for_update_skipping}"
)
