"""Delete content: the one way in which rows of it go, of one session or of a thousand at once.

Whoever calls holds the locks of the sessions, has asked for holds, and enters what goes into the
journal, all in one transaction. Where content lives is on one list: storage/content.py.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from memory_app import conf
from memory_app.models.message import SEQ_BITS
from memory_app.storage import Database, search_index
from memory_app.storage.content import BY_MESSAGE, BY_SESSION, INDEXED
from memory_app.storage.pending import forget, queue_again


class Span(NamedTuple):
    """Messages of one session, from a place to a place, both included; all by default."""

    number: int
    first: int = 1
    last: int = conf.MAX_SEQ

    @property
    def keys(self) -> tuple[int, int]:
        """Return the keys between which the messages lie: after the first, up to the second."""
        start = self.number << SEQ_BITS
        return start + self.first - 1, start + self.last


class Deleted(NamedTuple):
    """How many messages went, and how many rows of the search index went with them."""

    messages: int
    index_rows: int = 0


def delete_messages(db: Database, spans: Sequence[Span]) -> Deleted:
    """Delete messages by place, from everywhere a message's text is kept."""
    for span in spans:
        queue_again(db, span.number, span.first, span.last)
    return _delete_spans(db, spans)


def _delete_spans(db: Database, spans: Sequence[Span]) -> Deleted:
    """Delete messages that nothing is about to index: see storage/pending.py."""
    ranges = [span.keys for span in spans]
    index_rows = search_index().remove(db, ranges)
    messages = 0
    for table, key in BY_MESSAGE:
        deleted = db.delete_ranges(table, key, ranges)
        messages = deleted if table == "message" else messages
    return Deleted(messages, index_rows)


def delete_sessions(db: Database, numbers: Sequence[int]) -> Deleted:
    """Delete sessions and everything that is kept of them."""
    forget(db, numbers)
    deleted = _delete_spans(db, [Span(number) for number in numbers])
    for table, column in BY_SESSION:
        db.run(f"DELETE FROM {table} WHERE {column} {{among}}", (db.array(numbers),))
    return deleted


def count_left(db: Database, numbers: Sequence[int]) -> int:
    """Count the rows of sessions that are still there: the check that nothing is left."""
    row = db.row(_LEFT, [db.array(numbers)] * _PLACES)
    assert row is not None, "a sum has one row"
    return int(row[0])


_PLACES: Final = len((*BY_MESSAGE, INDEXED, *BY_SESSION))
# One range of keys after the other: 0.3 ms for 200 sessions whose 2,000 messages have just gone.
# All places in one statement: on PostgreSQL each of its own took as long as deleting 100 messages.
_LEFT: Final = "SELECT " + " + ".join(
    [
        f"(SELECT coalesce(sum((SELECT count(*) FROM {table} m WHERE m.{key} > (r.value << 32)"
        f" AND m.{key} <= (r.value << 32) + 4294967295)), 0) FROM {{each}})"
        for table, key in (*BY_MESSAGE, INDEXED)
    ]
    + [f"(SELECT count(*) FROM {table} WHERE {column} {{among}})" for table, column in BY_SESSION]
)
