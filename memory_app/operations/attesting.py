"""Sign where the audit log ends, so that a rewritten chain is found; cut what is old enough.

A chain of hashes alone can be made anew by whoever can write the database. A checkpoint is a
signature over its end, kept in three places: the database, audit-checkpoints.jsonl in the data
folder, and the server's log. A copy kept elsewhere proves the most.
"""

import errno
import fcntl
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from memory_app import conf, moments
from memory_app.errors import StorageFull, Unavailable
from memory_app.models import AuditAct
from memory_app.operations.auditing import (
    CLEANUP,
    COMMAND,
    ENTRY_COLUMNS,
    Entered,
    Entry,
    lock_head,
    write_entry,
)
from memory_app.storage import Database, engine

logger = logging.getLogger("lethe.audit")

KEPT: Final = 400 * moments.DAY
_EVERY: Final = moments.HOUR
# How many entries or checkpoints are read at once.
_AT_ONCE: Final = 1_000
# More than one line of the file of checkpoints.
_TAIL: Final = 4_096


class Checkpoint(NamedTuple):
    """The signed end of the chain at a moment: up to entry `n`, whose hash this is."""

    n: int
    hash: str
    at: int
    signature: str = ""

    @property
    def text(self) -> str:
        """Return what is signed."""
        return f"audit-v1|{self.n}|{self.hash}|{moments.to_rfc3339(self.at)}"

    def line(self) -> dict[str, Any]:
        """Return the checkpoint as the file and an export have it."""
        at = moments.to_rfc3339(self.at)
        return {"n": self.n, "hash": self.hash, "at": at, "signature": self.signature}


CHECKPOINT_COLUMNS: Final = "c.n, c.hash, c.at, c.signature"
_LATEST: Final = f"SELECT {CHECKPOINT_COLUMNS} FROM audit_checkpoint c ORDER BY c.n DESC LIMIT 1"


def checkpoints_path() -> Path:
    """Return the file of the data folder that has every checkpoint."""
    return conf.data_dir() / "audit-checkpoints.jsonl"


def write_checkpoint(*, actor: str, now: int | None = None) -> Checkpoint | None:
    """Sign the end of the chain; None while it has none.

    The signing is itself entered, so that a checkpoint cannot be taken away unseen. When nothing
    was entered since the last checkpoint, that one is returned. Raises StorageFull, Unavailable.
    """
    key = _signing_key()

    def work(db: Database) -> Checkpoint | None:
        end, _ = lock_head(db)
        row = db.row(_LATEST)
        if end == (row[0] if row else 0):
            return Checkpoint(*row) if row else None
        moment = now or db.now()
        entered = write_entry(db, Entry(actor, AuditAct.CHECKPOINT), moment)
        unsigned = Checkpoint(entered.n, entered.hash, moment)
        signed = unsigned._replace(signature=key.sign(unsigned.text.encode()).hex())
        db.run(
            "INSERT INTO audit_checkpoint (n, hash, at, signature) VALUES (%s, %s, %s, %s)", signed
        )
        return signed

    checkpoint = engine().write(work)
    _file_checkpoints()
    return checkpoint


def keep_audit_log(*, now: int | None = None) -> None:
    """Sign a checkpoint when the last one is an hour old, and cut what is older than 400 days."""

    def is_due(db: Database) -> bool:
        row = db.row(_LATEST)
        return row is None or Checkpoint(*row).at + _EVERY <= (now or db.now())

    if engine().read(is_due):
        write_checkpoint(actor=CLEANUP, now=now)
        engine().write(lambda db: db.run(_OLD_REASONS, ((now or db.now()) - KEPT,)))
    while engine().write(lambda db: _cut(db, (now or db.now()) - KEPT)):
        pass


# The log names reasons of people by their ids; the texts go with the entries.
_OLD_REASONS: Final = "DELETE FROM stated_reason WHERE given_at < %s"


def _cut(db: Database, before: int) -> bool:
    """Remove the entries up to the oldest checkpoint that still has some, if that is old enough.

    One checkpoint at a time, so that nobody waits long and the rest always begins at a checkpoint.
    """
    row = db.row(
        "SELECT min(c.n) FROM audit_checkpoint c WHERE c.at <= %s"
        " AND c.n >= (SELECT min(e.n) FROM audit_entry e)",
        (before,),
    )
    if row is None or row[0] is None:
        return False
    db.run("DELETE FROM audit_entry WHERE n <= %s", (row[0],))
    return True


def enter_restore(*, now: int | None = None) -> None:
    """Enter that a backup was brought back, and set the file of checkpoints aside.

    What was entered since the backup is gone, which the file, given to verify_audit, goes on to
    prove; the log goes on from the backup with a file of its own.
    """
    moment = engine().write(lambda db: _enter_restore(db, now))
    path = checkpoints_path()
    if path.exists():
        when = moments.to_datetime(moment).strftime("%Y%m%dT%H%M%SZ")
        path.rename(path.with_name(f"audit-checkpoints-before-{when}.jsonl"))


def _enter_restore(db: Database, now: int | None) -> int:
    return write_entry(db, Entry(COMMAND, AuditAct.RESTORE), now or db.now()).at


def export_log(*, actor: str, write: Callable[[str], Any], now: int | None = None) -> int:
    """Write the log as JSON Lines, its checkpoints first; return how many entries it has.

    It ends with a new checkpoint, so that an export cut short is found.
    """
    end = write_checkpoint(actor=actor, now=now)
    last = end.n if end else 0

    def work(db: Database) -> int:
        for row in db.rows(
            f"SELECT {CHECKPOINT_COLUMNS} FROM audit_checkpoint c WHERE c.n <= %s ORDER BY c.n",
            (last,),
        ):
            write(json.dumps({"checkpoint": Checkpoint(*row).line()}) + "\n")
        count = n = 0
        while rows := db.rows(_ENTRIES, (n, last, _AT_ONCE)):
            for row in rows:
                entered = Entered(*row)
                write(json.dumps(entered.content() | {"hash": entered.hash}) + "\n")
            n, count = rows[-1][0], count + len(rows)
        return count

    return engine().read(work)


_ENTRIES: Final = (
    f"SELECT {ENTRY_COLUMNS} FROM audit_entry e WHERE e.n > %s AND e.n <= %s ORDER BY e.n LIMIT %s"
)


def public_key() -> str | None:
    """Return the key, in hexadecimal, that checks the signatures; None before the first one."""
    if not _key_path().exists():
        return None
    key = _read_key().public_key()
    return key.public_bytes_raw().hex()


def _key_path() -> Path:
    return conf.data_dir() / "audit_key"


def _signing_key() -> Ed25519PrivateKey:
    """Return the installation's key, made once, readable by its owner only."""
    path = _key_path()
    if not path.exists():
        # Written aside and linked into place: of two processes one wins, and none reads half a key.
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(
                Ed25519PrivateKey.generate().private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return _read_key()


def _read_key() -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(_key_path().read_bytes(), password=None)
    except (ValueError, OSError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable("audit_key in the data folder is no key; restore it from a backup")
    return key


def _file_checkpoints() -> None:
    """Copy the checkpoints that the file does not have into it and into the server's log.

    What a killed process left out comes with the next call. Raises StorageFull and Unavailable.
    """
    try:
        with checkpoints_path().open("ab+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            while found := engine().read(partial(_after, n=_last_filed(file))):
                file.writelines((json.dumps(one.line()) + "\n").encode() for one in found)
                file.flush()
                os.fsync(file.fileno())
                for one in found:
                    logger.info("audit checkpoint %s %s", one.text, one.signature)
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull("the disk is full: the checkpoints of the audit log wait") from None
        raise Unavailable("the checkpoints of the audit log cannot be written") from None


def _last_filed(file: BinaryIO) -> int:
    """Return the number of the file's last checkpoint, having cut a line half-written."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _TAIL)
    file.seek(start)
    tail = file.read()
    whole = tail.rfind(b"\n") + 1
    if whole < len(tail):
        file.truncate(start + whole)
    lines = tail[:whole].splitlines()
    try:
        return int(json.loads(lines[-1])["n"]) if lines else 0
    except (ValueError, TypeError, KeyError):
        # Somebody changed the line, which verifying tells; all are written anew.
        return 0


def _after(db: Database, n: int) -> list[Checkpoint]:
    rows = db.rows(
        f"SELECT {CHECKPOINT_COLUMNS} FROM audit_checkpoint c WHERE c.n > %s ORDER BY c.n LIMIT %s",
        (n, _AT_ONCE),
    )
    return [Checkpoint(*row) for row in rows]
