"""Check the audit log against its checkpoints, in the database or in an export."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from memory_app import moments
from memory_app.errors import Invalid
from memory_app.operations.attesting import (
    CHECKPOINT_COLUMNS,
    Checkpoint,
    checkpoints_path,
    public_key,
)
from memory_app.operations.auditing import ENTRY_COLUMNS, GENESIS, Entered
from memory_app.operations.following import Fault, Head, Link, Walk
from memory_app.storage import Database, engine

_AT_ONCE: Final = 1_000
# What reading a line or a row of a log that somebody changed may raise.
_SPOILED: Final = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)


@dataclass(frozen=True, slots=True)
class Verified:
    """What was checked and the first fault that was found; None when the log is intact.

    `begun_at` is the entry with which the check began where it left older ones out.
    """

    entries: int
    first: int | None
    last: int | None
    checkpoints: int
    public_key: str | None
    fault: Fault | None
    begun_at: int | None = None


class _Signed(NamedTuple):
    """The checkpoints with a valid signature by number, and what is wrong with the others."""

    valid: dict[int, Checkpoint]
    faults: list[Fault]


def verify_log(
    *,
    checkpoints: Iterable[str] | None = None,
    public_keys: Iterable[str] = (),
    newest: int | None = None,
    now: int | None = None,
) -> Verified:
    """Check the log in the database, with its checkpoints and those of a file.

    `checkpoints` are the lines of a copy kept elsewhere; without it they are those of the data
    folder. Signatures are checked by the given keys, else by the installation's. With `newest` the
    check begins at the last checkpoint that leaves so many entries to check. Raises Invalid where
    there is no key.
    """
    # The file first: what it has was in the database before.
    filed = _read_lines(checkpoints if checkpoints is not None else _filed())

    def work(db: Database) -> Verified:
        rows = db.rows(f"SELECT {CHECKPOINT_COLUMNS} FROM audit_checkpoint c ORDER BY c.n")
        stored = [Checkpoint(*row) for row in rows]
        signed = _check_signatures([*stored, *filed], _keys(public_keys))
        known = {one.n for one in filed if one is not None}
        signed.faults.extend(_absent({one.n for one in stored}, known, checkpoints is None))
        head = db.row("SELECT n, hash FROM audit_head WHERE id = 1") or (0, GENESIS)
        start = None if newest is None else _start(db, signed, head[0] - newest)
        links = _stored_links(db, start.n if start else None)
        return _verdict(links, signed, (head[0], head[1]), now or db.now(), start)

    return engine().read(work)


def verify_export(
    *,
    export: Iterable[str],
    checkpoints: Iterable[str] = (),
    public_keys: Iterable[str] = (),
    now: int | None = None,
) -> Verified:
    """Check the lines of an exported log, with its own checkpoints and those kept elsewhere.

    Needs no database. Raises Invalid where there is no key.
    """
    lines = iter(export)
    inside: list[str] = []
    rest: list[str] = []
    for line in lines:
        if not line.startswith('{"checkpoint"'):
            rest.append(line)
            break
        inside.append(line)
    filed = [*_read_lines(inside, "checkpoint"), *_read_lines(checkpoints)]
    signed = _check_signatures(filed, _keys(public_keys))
    links = (_read_link(line) for line in chain(rest, lines))
    return _verdict(links, signed, None, now or moments.process_clock())


def _start(db: Database, signed: _Signed, before: int) -> Checkpoint | None:
    """Return the last signed end before an entry that is still there; None for the beginning."""
    last = max((n for n in signed.valid if n <= before), default=0)
    there = db.row("SELECT 1 FROM audit_entry e WHERE e.n = %s", (last,))
    return signed.valid[last] if there else None


def _filed() -> list[str]:
    """Return the whole lines of the data folder's file: another process may be writing one."""
    path = checkpoints_path()
    text = path.read_text(errors="replace") if path.exists() else ""
    return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _read_lines(lines: Iterable[str], inside: str | None = None) -> list[Checkpoint | None]:
    return [_read_checkpoint(line, inside) for line in lines if line.strip()]


def _read_checkpoint(line: str, inside: str | None) -> Checkpoint | None:
    try:
        read = json.loads(line)
        read = read[inside] if inside else read
        at = moments.from_rfc3339(read["at"])
        return Checkpoint(int(read["n"]), str(read["hash"]), at, str(read["signature"]))
    except _SPOILED:
        return None


def _keys(given: Iterable[str]) -> list[Ed25519PublicKey]:
    own = public_key()
    try:
        return [
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
            for key in list(given) or ([own] if own else [])
        ]
    except ValueError:
        raise Invalid("a public key has 64 hexadecimal digits") from None


def _check_signatures(
    checkpoints: Iterable[Checkpoint | None], keys: list[Ed25519PublicKey]
) -> _Signed:
    signed = _Signed({}, [])
    # The database and the file have the same ones, and a signature takes as long as ten entries.
    for one in dict.fromkeys(checkpoints):
        if one is not None and not keys:
            raise Invalid("no key to check the signatures with: give --public-key")
        if one is None or not any(_is_signed(one, key) for key in keys):
            n = one.n if one else 0
            detail = "a checkpoint was changed, or signed with another key"
            signed.faults.append(Fault(n, "checkpoint_changed", detail))
        elif signed.valid.setdefault(one.n, one).hash != one.hash:
            detail = "two checkpoints of the same entry, both signed, differ"
            signed.faults.append(Fault(one.n, "rewritten", detail))
    return signed


def _is_signed(checkpoint: Checkpoint, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(bytes.fromhex(checkpoint.signature), checkpoint.text.encode())
    except (InvalidSignature, *_SPOILED):
        return False
    return True


def _absent(in_database: set[int], in_file: set[int], is_ours: bool) -> Iterator[Fault]:
    """Yield a fault for each checkpoint that the database, or our own file, lost."""
    for n in sorted(in_file - in_database):
        yield Fault(n, "checkpoint_missing", "the database lacks a checkpoint that the file has")
    # The end of the file may be behind the database, its beginning not; a copy may have a choice.
    filed = range(max(in_file, default=0)) if is_ours else ()
    for n in sorted(in_database - in_file):
        if n in filed:
            yield Fault(n, "checkpoint_missing", "the file lacks a checkpoint that it had")


def _stored_links(db: Database, last: int | None) -> Iterator[Link]:
    while True:
        beyond, parameters = ("", []) if last is None else ("WHERE e.n > %s", [last])
        rows = db.rows(
            f"SELECT {ENTRY_COLUMNS} FROM audit_entry e {beyond} ORDER BY e.n LIMIT %s",
            [*parameters, _AT_ONCE],
        )
        for row in rows:
            entered = Entered(*row)
            try:
                yield Link(entered.n, entered.content(), entered.hash)
            except _SPOILED:
                yield Link(entered.n, None, None)
        if not rows:
            return
        last = rows[-1][0]


def _read_link(line: str) -> Link:
    try:
        content = json.loads(line)
        claimed = content.pop("hash")
        return Link(int(content["n"]), content, claimed)
    except _SPOILED:
        return Link(None, None, None)


def _verdict(
    links: Iterator[Link],
    signed: _Signed,
    head: Head | None,
    now: int,
    start: Checkpoint | None = None,
) -> Verified:
    walk = Walk(signed.valid, now, start)
    fault = walk.follow(links) or walk.end(head)
    # Of two at the same entry the one about the checkpoint explains the other.
    faults = [*signed.faults, *([fault] if fault else [])]
    return Verified(
        entries=walk.entries,
        first=walk.first,
        last=walk.last,
        checkpoints=len(signed.valid),
        public_key=public_key(),
        fault=min(faults, key=lambda one: one.n, default=None),
        begun_at=start.n + 1 if start else None,
    )
