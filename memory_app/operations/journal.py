"""The journal of removals: what a restored backup must forget again, by random ids only."""

import errno
import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from memory_app import conf, moments
from memory_app.errors import StorageFull, Unavailable
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row

ALL = "all"
Ranges = Sequence[tuple[int, int]] | str

_AT_ONCE = 1_000


class JournalEntry(NamedTuple):
    """What is removed: places of the session of a uid, or all of it."""

    uid: str
    ranges: Ranges = ALL


def enter_removals(
    db: Database, *, namespace: str, removals: Sequence[JournalEntry], now: int
) -> None:
    """Write removals into the journal, in the transaction that removes."""
    rows = [(now, namespace, one.uid, json.dumps(one.ranges), False) for one in removals]
    db.insert_new("erasure", _COLUMNS, rows)


_COLUMNS: Final = {
    "at": "bigint",
    "namespace": "text",
    "uid": "text",
    "ranges": "text",
    "filed": "boolean",
}


def journal_path() -> Path:
    """Return the file that takes the journal out of the database, and so out of its backups."""
    return conf.data_dir() / "erasures.jsonl"


def file_removals() -> None:
    """Copy committed removals into erasures.jsonl; called before a removal is reported done.

    What a killed process left unfiled is filed by the next call. A line can be written twice, which
    a replay does not mind; it is never left out. Raises StorageFull and Unavailable.
    """
    try:
        with journal_path().open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            _end_torn_line(file)
            while rows := engine().read(lambda db: db.rows(_PENDING, (False, _AT_ONCE))):
                file.writelines(map(_line, rows))
                file.flush()
                os.fsync(file.fileno())
                _mark_filed([row[0] for row in rows])
                if len(rows) < _AT_ONCE:
                    break
    except OSError as problem:
        # The content is gone and the database knows it; only the report has to wait.
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("the disk is full: the journal of removals waits") from None
        raise Unavailable("the journal of removals cannot be written") from None


def _end_torn_line(file: BinaryIO) -> None:
    """End a line that a killed process left half-written, so that it spoils no other."""
    if file.seek(0, os.SEEK_END) > 0:
        file.seek(-1, os.SEEK_END)
        if file.read(1) != b"\n":
            file.write(b"\n")


def _line(row: Row) -> bytes:
    _, at, namespace, uid, ranges = row
    line = {"at": moments.to_rfc3339(at), "namespace": namespace, "uid": uid}
    return (json.dumps({**line, "seqs": json.loads(ranges)}) + "\n").encode()


_PENDING = (
    "SELECT id, at, namespace, uid, ranges FROM erasure WHERE filed = %s ORDER BY id LIMIT %s"
)


def _mark_filed(ids: Sequence[int]) -> None:
    """Note what is filed; were that lost in a crash, it would be filed twice."""

    def work(db: Database) -> None:
        db.need_not_last()
        db.run("UPDATE erasure SET filed = %s WHERE id {among}", (True, db.array(ids)))

    engine().write(work)
