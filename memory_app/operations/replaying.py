"""Replay a journal of removals on a database that a backup brought back.

What the journal names is removed again: by uid, by places within a session, or all of it. Places
whose message was overwritten at that time or later are left: they hold what replaced the message.
A replay can be repeated, and does nothing the second time. Holds do not stop it: no removal was
written into the journal while one stood.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

from memory_app import conf, moments
from memory_app.errors import Unavailable
from memory_app.models import AuditAct, ReceiptKind
from memory_app.operations.auditing import REPLAY, About, Entry, write_entries
from memory_app.operations.closing import close
from memory_app.operations.deleting import Span, delete_messages
from memory_app.operations.journal import ALL, JournalEntry, enter_removals, file_removals
from memory_app.operations.purging import finish_purges, finish_receipt
from memory_app.operations.receipts import Act, lock_counts, open_receipt, write_counts
from memory_app.storage import Database, engine

REASON: Final = "removals replayed after a restore"

# How many lines one transaction replays.
_AT_ONCE: Final = 500


class Removal(NamedTuple):
    """One line of a journal: places of a session, or None for all of it."""

    at: int
    uid: str
    places: Sequence[tuple[int, int]] | None


@dataclass(slots=True)
class Replayed:
    """What a replay read and what it removed; sessions have a receipt, one for each batch."""

    lines: int = 0
    unreadable: int = 0
    sessions: int = 0
    messages: int = 0


def replay_erasures(*, path: Path, now: int | None = None) -> Replayed:
    """Remove what the journal in a file names and the database still has.

    Raises Unavailable when the file cannot be read.
    """
    done = Replayed()
    finish_purges()
    try:
        lines = _lines(path)
        while batch := list(islice(lines, _AT_ONCE)):
            _replay(batch, done, now)
    except OSError as problem:
        raise Unavailable(f"{path}: {problem.strerror}") from None
    file_removals()
    return done


def _lines(path: Path) -> Iterator[bytes]:
    """Read what is there now: this installation's own journal grows while it is replayed."""
    with path.open("rb") as file:
        end = path.stat().st_size
        while file.tell() < end:
            yield file.readline()


def _replay(batch: Sequence[bytes], done: Replayed, now: int | None) -> None:
    removals = list(_read(batch, done))
    messages, receipts = engine().write(lambda db: _remove(db, removals, now))
    done.messages += messages
    for receipt in receipts:
        finish_receipt(receipt, now=now)
        counts = engine().write(lambda db, one=receipt: lock_counts(db, one))  # type: ignore[misc]
        done.sessions += counts["sessions"]
        done.messages += counts["messages"]


def _read(batch: Sequence[bytes], done: Replayed) -> Iterator[Removal]:
    """Read lines; what a killed process left half-written was written again by the next."""
    for line in batch:
        done.lines += 1
        try:
            read = json.loads(line)
            at, uid, seqs = moments.from_rfc3339(read["at"]), read["uid"], read["seqs"]
            places = None if seqs == ALL else [_pair(*pair) for pair in seqs]
            if not isinstance(uid, str):
                raise TypeError
        except (ValueError, TypeError, KeyError):
            done.unreadable += 1
            continue
        yield Removal(at, uid, places)


def _pair(first: Any, last: Any) -> tuple[int, int]:
    if type(first) is not int or type(last) is not int or not 1 <= first <= last <= conf.MAX_SEQ:
        raise ValueError
    return first, last


def _remove(db: Database, removals: Sequence[Removal], now: int | None) -> tuple[int, list[str]]:
    """Remove places, and close the sessions that go; return messages removed, and receipts."""
    moment = now or db.now()
    uids = sorted({removal.uid for removal in removals})
    if not uids:
        return 0, []
    rows = db.rows(_LOCK.replace("{uids}", ", ".join(["%s"] * len(uids))), uids)
    there = {row[1]: row for row in rows}
    count = 0
    for removal in removals:
        if removal.uid in there:
            for first, last in removal.places or ():
                count += _remove_places(db, there[removal.uid], first, last, removal.at)
    going = {removal.uid for removal in removals if removal.places is None} & there.keys()
    entries = []
    for namespace_id in sorted({there[uid][2] for uid in going}):
        closing = [there[uid] for uid in sorted(going) if there[uid][2] == namespace_id]
        about = About("receipt", _close(db, namespace_id, closing, moment))
        counts = {"sessions": len(closing)}
        entries.append(Entry(REPLAY, AuditAct.PURGE_EXECUTE, closing[0][3], about, counts))
    write_entries(db, entries, moment)
    return count, [entry.about.id for entry in entries if entry.about]


_LOCK: Final = (
    "SELECT s.id, s.uid, s.namespace_id, n.name, 0, s.session_id, s.user_id"
    " FROM agent_session s JOIN namespace n ON n.id = s.namespace_id"
    " WHERE s.purge_receipt IS NULL AND s.uid IN ({uids}) ORDER BY s.id {for_update}"
)


def _close(db: Database, namespace_id: int, sessions: list[tuple[Any, ...]], now: int) -> str:
    """Close sessions under a receipt of their own, by which they are then purged."""
    act = Act(namespace_id, ReceiptKind.CLEANUP, REPLAY, REASON)
    receipt = open_receipt(db, act, len(sessions), now)
    counts = lock_counts(db, receipt)
    close(db, receipt, namespace_id, sessions, now)
    write_counts(db, receipt, counts)
    return receipt


def _remove_places(db: Database, session: tuple[Any, ...], first: int, last: int, at: int) -> int:
    """Remove messages by place, but for those overwritten since, and never give the places out.

    The backup may be older than the messages that stood there, and new ones would take their place.
    """
    number, uid, _, namespace = session[:4]
    count = tokens = size = 0
    kept = [key & conf.MAX_SEQ for (key,) in db.rows(_KEPT, (*Span(number, first, last).keys, at))]
    removed = []
    for start, end in zip([first - 1, *kept], [*kept, last + 1], strict=True):
        if end - start < 2:
            continue
        span = Span(number, start + 1, end - 1)
        row = db.row(_MEASURE, span.keys)
        if row is None or not row[0]:
            continue
        delete_messages(db, [span])
        removed.append((span.first, span.last))
        count, tokens, size = count + int(row[0]), tokens + int(row[1]), size + int(row[2])
    db.run(_SHRINK, (count, tokens, size, int(count > 0), last, number))
    if removed:
        entry = JournalEntry(uid, removed)
        enter_removals(db, namespace=namespace, removals=[entry], now=at)
    return count


_KEPT: Final = "SELECT id FROM message WHERE id > %s AND id <= %s AND updated_at >= %s ORDER BY id"
_MEASURE: Final = (
    "SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(size_bytes), 0)"
    " FROM message WHERE id > %s AND id <= %s"
)
_SHRINK: Final = (
    "UPDATE agent_session AS s SET message_count = s.message_count - %s,"
    " token_count = s.token_count - %s, size_bytes = s.size_bytes - %s,"
    " revision = s.revision + %s, last_seq = {greatest}(s.last_seq, %s) WHERE s.id = %s"
)
