"""Check the full-text index against what is stored, and make it anew, while others are served."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from memory_app.models.message import SEQ_BITS
from memory_app.operations.indexing import (
    begin_rebuild,
    index_standing,
    index_step,
    is_rebuilding,
)
from memory_app.operations.pacing import Pace
from memory_app.operations.wording import words_of
from memory_app.storage import Database, engine, search_index
from memory_app.storage.pending import exclude_removals
from memory_app.storage.search import Document
from memory_app.words import VERSION

# Told how many messages were looked at, and of how many.
Progress = Callable[[int, int], None]

# How many sessions one step compares, and how many messages' words are made again to compare them.
_SESSIONS: Final = 500
SAMPLE: Final = 2_000
_PAUSE: Final = 0.2


@dataclass(slots=True)
class VerifiedIndex:
    """What was compared, and what was wrong."""

    messages: int = 0
    waiting: int = 0
    missing: int = 0
    orphaned: int = 0
    sampled: int = 0
    wrong: int = 0
    sound: bool = True
    rebuilding: bool = False
    outdated: bool = False

    @property
    def is_true(self) -> bool:
        """Tell whether the index holds what is stored, nothing else, and lacks what waits only.

        So it is before anything was indexed, and while a rebuild goes on that only repeats.
        """
        return self.sound and not (self.missing or self.orphaned or self.wrong or self.outdated)


def verify_index(*, progress: Progress | None = None, sample: int = SAMPLE) -> VerifiedIndex:
    """Compare the index with the messages: each has its words there, and nothing else has."""
    done = engine().read(_begin)
    total, last = engine().read(_extent)
    every = max(total // max(sample, 1), 1)
    at = 0
    while at < last:
        first, at = at + 1, min(at + _SESSIONS, last)
        engine().read(lambda db, a=first, b=at: _compare(db, done, a, b, every))  # type: ignore[misc]
        if progress is not None:
            progress(done.messages, total)
    done.sound = engine().read(lambda db: search_index().is_sound(db))
    return done


def _begin(db: Database) -> VerifiedIndex:
    row = db.row("SELECT version FROM search_state WHERE id = 1")
    if row is None:
        return VerifiedIndex()
    return VerifiedIndex(rebuilding=is_rebuilding(db), outdated=row[0] != VERSION)


def _extent(db: Database) -> tuple[int, int]:
    """Return how many messages there are, and the greatest number of a session."""
    row = db.row("SELECT coalesce(sum(message_count), 0), coalesce(max(id), 0) FROM agent_session")
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _compare(db: Database, done: VerifiedIndex, first: int, last: int, every: int) -> None:
    """Compare the messages of sessions by their numbers; the last step takes what is beyond."""
    keys = (first << SEQ_BITS, (last + 1) << SEQ_BITS)
    waiting = db.rows(
        "SELECT number, first, last FROM search_pending WHERE number >= %s AND number <= %s",
        (first, last),
    )
    spans = [((n << SEQ_BITS) + a, (n << SEQ_BITS) + b) for n, a, b in waiting]
    for key, docid in db.cursor(_MESSAGES, keys):
        done.messages += 1
        if docid is None:
            waits = any(start <= key <= end for start, end in spans)
            done.waiting += waits
            done.missing += not waits
        elif done.messages % every == 0:
            done.sampled += 1
            done.wrong += not _is_right(db, key, docid)
    row = db.row(_ORPHANS, keys)
    done.orphaned += int(row[0]) if row else 0


_MESSAGES: Final = (
    "SELECT m.id, d.docid FROM message m LEFT JOIN search_document d ON d.message_key = m.id"
    " WHERE m.id >= %s AND m.id < %s"
)
_ORPHANS: Final = (
    "SELECT count(*) FROM search_document d LEFT JOIN message m ON m.id = d.message_key"
    " WHERE d.message_key >= %s AND d.message_key < %s AND m.id IS NULL"
)


def _is_right(db: Database, key: int, docid: int) -> bool:
    """Make a message's words again, and look whether the index has them."""
    row = db.row(
        "SELECT m.role, m.payload, s.namespace_id FROM message m"
        " JOIN agent_session s ON s.id = (m.id >> 32) WHERE m.id = %s",
        (key,),
    )
    if row is None:
        return False
    role, payload, namespace = row
    words = words_of(payload, key >> SEQ_BITS, role)
    return search_index().holds(db, Document(docid, key, namespace, words))


def rebuild_index(*, progress: Progress | None = None) -> int:
    """Make the words of all messages anew, newest sessions first; return how many there were.

    What is added meanwhile comes first. It can be killed at any moment: the process that indexes
    beside a server goes on with it, and so does the same command.
    """
    _mend()
    engine().write(begin_rebuild)
    total, _ = engine().read(_extent)
    _follow(lambda: engine().read(_left), total, progress)
    return total


def index_waiting(*, progress: Progress | None = None) -> int:
    """Index what waits at this moment, a rebuild that has begun included; return how many."""
    row = engine().read(lambda db: db.row("SELECT coalesce(max(id), 0) FROM search_pending"))
    newest = row[0] if row else 0

    def left() -> int:
        return engine().read(lambda db: _left(db, newest))

    total = left()
    _follow(left, total, progress)
    return total


def _follow(count_left: Callable[[], int], total: int, progress: Progress | None) -> None:
    """Index, or watch another process that does, until nothing is left."""
    while True:
        left = count_left()
        if progress is not None:
            progress(max(total - left, 0), total)
        if not left and not engine().read(index_standing).rebuilding:
            return
        until = time.monotonic() + 1
        while time.monotonic() < until:
            if not index_step():
                # Another process is at it, or nothing is left.
                time.sleep(_PAUSE)
                break


def _mend() -> None:
    """Drop what no message has, and make the structure anew when it is damaged.

    What is wrong is looked for before any lock: only to make the structure anew lets others wait.
    """
    orphans = engine().read(lambda db: [docid for (docid,) in db.rows(_ORPHANED)])
    if not engine().read(lambda db: search_index().is_sound(db)):
        engine().write(lambda db: search_index().make_anew(db))

    def drop_some(db: Database, size: int) -> tuple[list[int], int]:
        exclude_removals(db)
        some = db.array(orphans[:size])
        # Looked at again: a number that was freed meanwhile may be another message's by now.
        still = [docid for (docid,) in db.rows(f"{_ORPHANED} AND d.docid {{among}}", (some,))]
        search_index().remove_numbers(db, still)
        return orphans[size:], len(still)

    pace = Pace()
    while orphans:
        orphans = pace.step(drop_some)


_ORPHANED: Final = (
    "SELECT d.docid FROM search_document d LEFT JOIN message m ON m.id = d.message_key"
    " WHERE m.id IS NULL"
)


def _left(db: Database, newest: int = 0) -> int:
    """Count the messages that a rebuild has not come to, and those that wait up to some line."""
    row = db.row(
        "SELECT (SELECT coalesce(sum(last - first + 1), 0) FROM search_pending"
        " WHERE bulk OR id <= %s)"
        " + (SELECT coalesce(sum(s.message_count), 0) FROM agent_session s, search_state t"
        " WHERE s.id < t.below)",
        (newest,),
    )
    return int(row[0]) if row else 0
