"""Purge sessions: the one way in which a session's content is removed, whoever asks.

A purge hides the sessions first and marks them with their receipt, in one transaction. Then batches
are deleted, each in a short transaction of its own, and the receipt keeps count; a process that is
killed leaves sessions that are closed at every door and a receipt that is not finished, and
`finish_purges` goes on from there.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any, Final

from memory_app import conf
from memory_app.models import ReceiptKind
from memory_app.models.message import SEQ_BITS
from memory_app.operations.journal import ALL, enter_removal, file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.removing import delete_content_rows
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row

# How many messages one transaction deletes: writers wait for it, a tenth of a second at most.
BATCH: Final = 2_000

METHOD: Final = "rows deleted; the bytes leave the database files with the next scrub"

# Everything that holds content of a session besides its messages, with the column that names it.
_PARTS: Final = (("session_document", "session_id"), ("session_facet", "session_id"))


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A receipt as every door shows it. Times are moments; nothing in it is content."""

    id: str
    namespace: str
    kind: str
    reason: str | None
    actor: str
    requested_at: int
    purged_at: int | None
    scrubbed_at: int | None
    counts: dict[str, int]
    method: str
    verification: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many sessions are gone, and the receipt for it; None when there was nothing."""

    sessions: int
    receipt: ReceiptView | None


def delete_session(*, caller: Caller, session_id: str, now: int | None = None) -> Deleted:
    """Purge all sessions of an id, expired and ended ones too. Nothing there is not an error."""
    caller.require("purge")

    def hide(db: Database) -> tuple[str, int] | None:
        moment = now or db.now()
        sessions = db.rows(_LOCK_ALL, (caller.namespace_id, session_id))
        if not sessions:
            return None
        receipt = _open_receipt(db, caller, len(sessions), moment)
        for number, user_id in sessions:
            db.run(
                "UPDATE agent_session SET ended_at = coalesce(ended_at, %s), purge_receipt = %s"
                " WHERE id = %s",
                (moment, receipt, number),
            )
            _enter_subjects(db, receipt, caller.namespace_id, session_id, user_id)
        return receipt, _step(db, receipt, moment)

    hidden = engine().write(hide)
    if hidden is None:
        return Deleted(0, None)
    receipt, left = hidden
    if left:
        _finish(receipt, now)
    file_removals()
    view = engine().read(lambda db: read_receipt(db, caller.namespace_id, receipt))
    assert view is not None, "it was just written"
    return Deleted(view.counts["sessions"], view)


_LOCK_ALL = (
    "SELECT s.id, s.user_id FROM agent_session s WHERE s.namespace_id = %s AND s.session_id = %s"
    " AND s.purge_receipt IS NULL ORDER BY s.id {for_update}"
)


def finish_purges() -> int:
    """Go on with every purge that was interrupted; return how many receipts were finished."""
    receipts = engine().read(
        lambda db: db.rows(
            "SELECT DISTINCT purge_receipt FROM agent_session WHERE purge_receipt IS NOT NULL"
        )
    )
    for (receipt,) in receipts:
        _finish(receipt, None)
    file_removals()
    return len(receipts)


def _finish(receipt: str, now: int | None) -> None:
    while engine().write(lambda db: _step(db, receipt, now or db.now())):
        pass


def _step(db: Database, receipt: str, now: int) -> int:
    """Delete up to a batch of messages under a receipt; return how many sessions are left."""
    counts = _lock_counts(db, receipt)
    budget = BATCH
    while budget > 0:
        session = db.row(_NEXT, (receipt,))
        if session is None:
            _close_receipt(db, receipt, counts, now)
            return 0
        number, uid, namespace = session
        messages, size, last = _measure_batch(db, number, budget)
        if messages:
            delete_content_rows(db, number, 1, last)
        counts["messages"] += messages
        counts["bytes"] += size
        budget -= messages
        if messages == 0 or budget > 0:
            _remove_session(db, number, uid, namespace, counts, now)
            budget -= 1
    db.run("UPDATE receipt SET counts = %s WHERE id = %s", (json.dumps(counts), receipt))
    row = db.row("SELECT count(*) FROM agent_session WHERE purge_receipt = %s", (receipt,))
    assert row is not None
    return max(int(row[0]), 1)


_NEXT = (
    "SELECT s.id, s.uid, n.name FROM agent_session s JOIN namespace n ON n.id = s.namespace_id"
    " WHERE s.purge_receipt = %s ORDER BY s.id LIMIT 1"
)


def _measure_batch(db: Database, number: int, budget: int) -> tuple[int, int, int]:
    """Return how many messages come next, their bytes, and the place of the last."""
    row = db.row(
        "SELECT count(*), coalesce(sum(b.size_bytes), 0), max(b.id) FROM"
        " (SELECT id, size_bytes FROM message WHERE id > %s AND id <= %s ORDER BY id LIMIT %s) b",
        (number << SEQ_BITS, (number << SEQ_BITS) + conf.MAX_SEQ, budget),
    )
    assert row is not None
    return int(row[0]), int(row[1]), (row[2] or 0) & conf.MAX_SEQ


def _remove_session(
    db: Database, number: int, uid: str, namespace: str, counts: dict[str, int], now: int
) -> None:
    """Remove the rest of a session, enter it into the journal and look whether anything is left."""
    for table, column in _PARTS:
        db.run(f"DELETE FROM {table} WHERE {column} = %s", (number,))
    db.run("DELETE FROM agent_session WHERE id = %s", (number,))
    enter_removal(db, namespace=namespace, uid=uid, ranges=ALL, now=now)
    counts["sessions"] += 1
    counts["remaining"] += _remaining(db, number)


def _remaining(db: Database, number: int) -> int:
    """Count the rows of a session that are still there: the check that nothing is left."""
    checks = [("agent_session", "id"), *_PARTS]
    total = 0
    for table, column in checks:
        row = db.row(f"SELECT count(*) FROM {table} WHERE {column} = %s", (number,))
        total += int(row[0]) if row else 0
    row = db.row(
        "SELECT count(*) FROM message WHERE id > %s AND id <= %s",
        (number << SEQ_BITS, (number << SEQ_BITS) + conf.MAX_SEQ),
    )
    return total + (int(row[0]) if row else 0)


_COUNTS: Final = (
    "previewed",
    "sessions",
    "messages",
    "bytes",
    "index_rows",
    "held",
    "changed",
    "gone",
    "remaining",
)


def _open_receipt(db: Database, caller: Caller, sessions: int, now: int) -> str:
    receipt = f"rct_{secrets.token_hex(16)}"
    counts = dict.fromkeys(_COUNTS, 0) | {"previewed": sessions}
    db.run(
        "INSERT INTO receipt (id, namespace_id, kind, reason, actor, requested_at, counts, method)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            receipt,
            caller.namespace_id,
            ReceiptKind.DELETION.value,
            None,
            f"key {caller.prefix}",
            now,
            json.dumps(counts),
            METHOD,
        ),
    )
    return receipt


def _lock_counts(db: Database, receipt: str) -> dict[str, int]:
    row = db.row("SELECT s.counts FROM receipt s WHERE s.id = %s {for_update}", (receipt,))
    assert row is not None
    counts: dict[str, int] = row[0] if isinstance(row[0], dict) else json.loads(row[0])
    return counts


def _close_receipt(db: Database, receipt: str, counts: dict[str, int], now: int) -> None:
    remaining = counts["remaining"]
    verification = {
        "checked_at": now,
        "remaining": remaining,
        "result": "remaining" if remaining else "clear",
    }
    db.run(
        "UPDATE receipt SET counts = %s, purged_at = %s, verification = %s WHERE id = %s",
        (json.dumps(counts), now, json.dumps(verification), receipt),
    )


def _enter_subjects(
    db: Database, receipt: str, namespace_id: int, session_id: str, user_id: str | None
) -> None:
    digests = [subject_digest(namespace_id, "session", session_id)]
    if user_id is not None:
        digests.append(subject_digest(namespace_id, "user", user_id))
    db.run_many(
        "INSERT INTO receipt_subject (receipt_id, digest) VALUES (%s, %s) ON CONFLICT DO NOTHING",
        [(receipt, digest) for digest in digests],
    )


def subject_digest(namespace_id: int, kind: str, name: str) -> bytes:
    """Return the keyed digest by which a receipt is found from an id that one knows."""
    secret = f"receipt:{namespace_id}:{kind}:{conf.secret_key()}".encode()
    return hmac.new(secret, name.encode(), hashlib.sha256).digest()


def read_receipt(db: Database, namespace_id: int, receipt: str) -> ReceiptView | None:
    """Return a receipt of a namespace, or None."""
    row = db.row(
        f"{_SELECT_RECEIPT} WHERE r.namespace_id = %s AND r.id = %s", (namespace_id, receipt)
    )
    return _view(row) if row else None


_SELECT_RECEIPT = (
    "SELECT r.id, n.name, r.kind, r.reason, r.actor, r.requested_at, r.purged_at, r.scrubbed_at,"
    " r.counts, r.method, r.verification FROM receipt r JOIN namespace n ON n.id = r.namespace_id"
)


def _view(row: Row) -> ReceiptView:
    verification = row[10]
    return ReceiptView(
        id=row[0],
        namespace=row[1],
        kind=row[2],
        reason=row[3],
        actor=row[4],
        requested_at=row[5],
        purged_at=row[6],
        scrubbed_at=row[7],
        counts=_object(row[8]),
        method=row[9],
        verification=_object(verification) if verification else None,
    )


def _object(value: Any) -> dict[str, Any]:
    """Return a JSON column, which SQLite hands over as text."""
    result: dict[str, Any] = json.loads(value) if isinstance(value, str) else value
    return result
