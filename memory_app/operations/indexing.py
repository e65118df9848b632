"""Keep the full-text index: write what is new, remove what is removed, check it, make it anew.

Messages wait in a queue that was written with them, and one process at a time takes them from it in
batches, off the path of whoever adds them. A process that is killed leaves the queue as it is.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from memory_app import conf
from memory_app.errors import Refusal
from memory_app.models.message import SEQ_BITS
from memory_app.operations.wording import words_of
from memory_app.storage import Database, engine, search_index
from memory_app.storage.pending import (
    Turn,
    exclude_removals,
    queue_again,
    queue_sessions,
    take,
    take_bulk_back,
)
from memory_app.storage.search import Document
from memory_app.words import VERSION

logger = logging.getLogger("lethe.search")

# How many messages one transaction indexes, and up to how many bytes: other writers wait for it,
# 20 milliseconds on SQLite.
BATCH: Final = 200
_BYTES: Final = 2 * conf.MB
# How many sessions a rebuild queues at once.
_SESSIONS: Final = 1_000
# How often an idle process looks whether something waits, in seconds: what is added is found after
# that long, and the time it takes to index it.
PAUSE: Final = 0.2
_AFTER_TROUBLE: Final = 1.0


def index_pending(*, seconds: float | None = None) -> int:
    """Index what waits until nothing does, or for so long; return how many messages that were."""
    deadline = None if seconds is None else time.monotonic() + seconds
    done = 0
    while found := index_step():
        done += found.messages
        if deadline is not None and time.monotonic() > deadline:
            break
    return done


def keep_indexed(stop: threading.Event | None = None) -> None:
    """Index what is added, until told to stop; what waits is looked for five times a second."""
    stopped = stop or threading.Event()
    while not stopped.is_set():
        try:
            done = index_step()
            pause = 0.0 if done and done.goes_on else PAUSE
        except Refusal:
            pause = _AFTER_TROUBLE
        except Exception as problem:
            # Whatever it is, what is added later must be found. Its kind alone: what an error says
            # may quote a message.
            logger.error("indexing failed: %s", type(problem).__name__)
            pause = _AFTER_TROUBLE
        stopped.wait(pause)


class Batch(NamedTuple):
    """How many messages were indexed, and whether others waited that found no place in the batch.

    After one that had place for all, those of the next moment are gathered: to index them one by
    one took three times the CPU, and the writers' lock as often.
    """

    messages: int
    goes_on: bool


def index_step() -> Batch | None:
    """Index one batch; None when nothing waits, or another process is at it."""
    waits, rebuilds = engine().read(_look)
    if not waits and not rebuilds:
        return None
    with engine().alone_if_free("search") as is_alone:
        if not is_alone:
            return None
        if rebuilds:
            engine().write(_queue_more)
        turns, read, more = engine().read(_read_batch)
        if not turns:
            return Batch(0, False)
        count, taken = engine().write(lambda db: _write_batch(db, turns, read))
        # All that waits may be somebody's who removes it just now.
        return Batch(count, (more or rebuilds) and taken > 0)


def _look(db: Database) -> tuple[bool, bool]:
    """Tell whether anything waits, and whether a rebuild has more to queue."""
    state = db.row("SELECT version, below FROM search_state WHERE id = 1")
    rebuilds = state is None or state[0] != VERSION or state[1] is not None
    return db.row("SELECT 1 FROM search_pending LIMIT 1") is not None, rebuilds


def _queue_more(db: Database) -> None:
    """Go on with a rebuild, or begin one when the index holds words of another version."""
    exclude_removals(db)
    state = db.row(_STATE)
    if state is None or state[0] != VERSION:
        begin_rebuild(db)
        state = db.row(_STATE)
    assert state is not None, "it was just written"
    _, below, low = state
    if below is None or db.row("SELECT 1 FROM search_pending WHERE bulk LIMIT 1") is not None:
        return
    sessions = db.rows(
        "SELECT id, last_seq FROM agent_session WHERE id < %s ORDER BY id DESC LIMIT %s",
        (below, _SESSIONS),
    )
    waiting: list[tuple[int, int, int | None]] = []
    for number, last in sessions:
        # The newest sessions first: they are looked for most.
        low = max(low - last, 0)
        if last:
            waiting.append((number, last, low or None))
    queue_sessions(db, waiting)
    db.run(
        "UPDATE search_state SET below = %s, low = %s WHERE id = 1",
        (sessions[-1][0] if len(sessions) == _SESSIONS else None, low),
    )


_STATE: Final = "SELECT version, below, low FROM search_state WHERE id = 1"


def begin_rebuild(db: Database) -> None:
    """Let all words be made anew, from the newest session down."""
    exclude_removals(db)
    row = db.row("SELECT max(id) FROM agent_session")
    last = row[0] if row else None
    free = 0
    # Messages that have numbers keep them; only when none has are numbers set apart.
    if not search_index().last_number(db):
        row = db.row("SELECT coalesce(sum(last_seq), 0) FROM agent_session")
        free = (int(row[0]) if row else 0) + 1
    take_bulk_back(db)
    db.run(
        "INSERT INTO search_state (id, version, below, low, reserved) VALUES (1, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET version = excluded.version, below = excluded.below,"
        " low = excluded.low, reserved = excluded.reserved",
        (VERSION, last + 1 if last else None, free, free),
    )


class _Read(NamedTuple):
    """A document, and the turn of the queue by which its message was read."""

    turn: int
    document: Document


class _Chosen(NamedTuple):
    """A message to index: the turn of its queue, its number in the index, and its namespace."""

    turn: int
    docid: int
    namespace_id: int


def _read_batch(db: Database) -> tuple[list[Turn], list[_Read], bool]:
    """Read what waits longest, and make its words outside of any lock; tell whether more waits."""
    waiting = db.rows(
        "SELECT p.id, p.number, p.first, p.last, p.base, s.namespace_id FROM"
        " (SELECT * FROM search_pending ORDER BY bulk, id LIMIT %s) p"
        " LEFT JOIN agent_session s ON s.id = p.number ORDER BY p.bulk, p.id",
        (BATCH,),
    )
    # Most lines are of one message: looked up all at once, not each with a statement of its own.
    alone = [
        (number << SEQ_BITS) + first for _, number, first, last, *_ in waiting if first == last
    ]
    sizes: dict[int, int] = dict(db.rows(_SIZES, (db.array(alone),)))
    turns: list[Turn] = []
    chosen: dict[int, _Chosen] = {}
    size = 0
    for turn, number, first, last, base, namespace in waiting:
        left = BATCH - len(chosen)
        if left <= 0 or size > _BYTES:
            break
        reached = last
        for key, size_bytes in _places(db, sizes, number, first, last, left):
            docid = 0 if base is None else base + (key & conf.MAX_SEQ)
            chosen[key] = _Chosen(turn, docid, namespace)
            size += size_bytes
            left -= 1
            if left == 0 or size > _BYTES:
                reached = key & conf.MAX_SEQ
                break
        turns.append(Turn(turn, number, first, last, reached, base))
    in_part = bool(turns) and turns[-1].reached < turns[-1].last
    more = in_part or len(turns) < len(waiting) or len(waiting) == BATCH
    return turns, _documents(db, chosen), more


_SIZES: Final = "SELECT m.id, m.size_bytes FROM message m WHERE m.id {among}"


def _places(
    db: Database, sizes: dict[int, int], number: int, first: int, last: int, limit: int
) -> Iterable[tuple[int, int]]:
    """Return the first messages of those places, and their sizes."""
    start = number << SEQ_BITS
    if first == last:
        size = sizes.get(start + first)
        return [] if size is None else [(start + first, size)]
    return db.rows(
        "SELECT m.id, m.size_bytes FROM message m WHERE m.id >= %s AND m.id <= %s"
        " ORDER BY m.id LIMIT %s",
        (start + first, start + last, limit),
    )


def _documents(db: Database, chosen: dict[int, _Chosen]) -> list[_Read]:
    """Read messages and make their words; those that wait longest come first."""
    words = {
        key: words_of(payload, key >> SEQ_BITS, role)
        for key, role, payload in db.cursor(_PAYLOADS, (db.array(list(chosen)),))
    }
    return [
        _Read(one.turn, Document(one.docid, key, one.namespace_id, words[key]))
        for key, one in chosen.items()
        if key in words
    ]


_PAYLOADS: Final = "SELECT m.id, m.role, m.payload FROM message m WHERE m.id {among}"


def _write_batch(db: Database, turns: Sequence[Turn], read: Sequence[_Read]) -> tuple[int, int]:
    """Write what is still to be written: places that were touched meanwhile have another turn.

    Returns how many messages, and turns, that were.
    """
    taken = take(db, turns)
    ready = [one.document for one in read if one.turn in taken]
    known = _numbers(db, [one.message_key for one in ready])
    row = db.row("SELECT reserved FROM search_state WHERE id = 1")
    # Read before the known ones go: the last number may be among them, and stays theirs.
    following = max(search_index().last_number(db), int(row[0]) if row else 0)
    search_index().remove_numbers(db, list(known.values()))
    placed = []
    for one in ready:
        docid = known.get(one.message_key, one.docid)
        if not docid:
            following = docid = following + 1
        placed.append(one._replace(docid=docid))
    search_index().put(db, placed)
    return len(placed), len(taken)


def _numbers(db: Database, keys: Sequence[int]) -> dict[int, int]:
    """Return the numbers of messages that are in the index already: they keep their age."""
    return dict(
        db.rows(
            "SELECT d.message_key, d.docid FROM search_document d WHERE d.message_key {among}",
            (db.array(keys),),
        )
    )


def reindex_message(db: Database, key: int, namespace_id: int, payload: str, role: str) -> None:
    """Write the words of a message that was overwritten, in place of the old ones, at once."""
    number, seq = key >> SEQ_BITS, key & conf.MAX_SEQ
    queue_again(db, number, seq, seq)
    docid = _numbers(db, [key]).get(key)
    # One that was not yet indexed waits for its turn.
    if docid is not None:
        words = words_of(payload, number, role)
        search_index().remove_numbers(db, [docid])
        search_index().put(db, [Document(docid, key, namespace_id, words)])


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the index is: messages that wait, and whether it is being made anew."""

    waiting: int
    rebuilding: bool


def index_standing(db: Database) -> Standing:
    """Tell how far the index is behind what is stored."""
    row = db.row("SELECT coalesce(sum(last - first + 1), 0) FROM search_pending WHERE NOT bulk")
    return Standing(int(row[0]) if row else 0, is_rebuilding(db))


def is_rebuilding(db: Database) -> bool:
    """Tell whether words of older messages may be missing, or of another version."""
    row = db.row(
        "SELECT (SELECT count(*) FROM search_state WHERE id = 1 AND version = %s"
        " AND below IS NULL), EXISTS (SELECT 1 FROM search_pending WHERE bulk)",
        (VERSION,),
    )
    return row is None or not row[0] or bool(row[1])
