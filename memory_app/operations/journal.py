"""The journal of removals: what a restored backup must forget again, by random ids only."""

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path

from memory_app import conf, moments
from memory_app.storage import Database, engine

ALL = "all"
Ranges = Sequence[tuple[int, int]] | str

_AT_ONCE = 1_000


def enter_removal(db: Database, *, namespace: str, uid: str, ranges: Ranges, now: int) -> None:
    """Write a removal into the journal, in the transaction that removes."""
    db.run(
        "INSERT INTO erasure (at, namespace, uid, ranges, filed) VALUES (%s, %s, %s, %s, %s)",
        (now, namespace, uid, json.dumps(ranges), False),
    )


def journal_path() -> Path:
    """Return the file that takes the journal out of the database, and so out of its backups."""
    return conf.data_dir() / "erasures.jsonl"


def file_removals() -> None:
    """Copy committed removals into erasures.jsonl; called before a removal is reported done.

    What a killed process left unfiled is filed by the next call. A line can be written twice, which
    a replay does not mind; it is never left out.
    """
    with journal_path().open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        while rows := engine().read(lambda db: db.rows(_PENDING, (False, _AT_ONCE))):
            for _, at, namespace, uid, ranges in rows:
                line = {"at": moments.to_rfc3339(at), "namespace": namespace, "uid": uid}
                file.write(json.dumps({**line, "seqs": json.loads(ranges)}) + "\n")
            file.flush()
            os.fsync(file.fileno())
            _mark_filed([row[0] for row in rows])


_PENDING = (
    "SELECT id, at, namespace, uid, ranges FROM erasure WHERE filed = %s ORDER BY id LIMIT %s"
)


def _mark_filed(ids: Sequence[int]) -> None:
    engine().write(
        lambda db: db.run_many(
            "UPDATE erasure SET filed = %s WHERE id = %s", [(True, number) for number in ids]
        )
    )
