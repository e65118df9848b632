"""Receipts: that content was removed, by whom, why and how much; never what."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from memory_app import conf
from memory_app.models import ReceiptKind
from memory_app.moments import to_rfc3339
from memory_app.storage import Database
from memory_app.storage.engine import Row

METHOD: Final = "rows deleted; the bytes leave the database files with the next scrub"


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


class Act(NamedTuple):
    """What a receipt is opened for: the kind, by whom and why."""

    namespace_id: int
    kind: ReceiptKind
    actor: str
    reason: str | None = None


def open_receipt(db: Database, act: Act, previewed: int, now: int) -> str:
    """Write the receipt of an act that begins; return its id."""
    receipt = f"rct_{secrets.token_hex(16)}"
    counts = dict.fromkeys(_COUNTS, 0) | {"previewed": previewed}
    db.run(
        "INSERT INTO receipt (id, namespace_id, kind, reason, actor, requested_at, counts, method)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            receipt,
            act.namespace_id,
            act.kind.value,
            act.reason,
            act.actor,
            now,
            json.dumps(counts),
            METHOD,
        ),
    )
    return receipt


def lock_counts(db: Database, receipt: str) -> dict[str, int]:
    """Lock a receipt and return what it has counted so far."""
    row = db.row("SELECT s.counts FROM receipt s WHERE s.id = %s {for_update}", (receipt,))
    assert row is not None
    return _object(row[0])


def write_counts(db: Database, receipt: str, counts: dict[str, int]) -> None:
    """Keep what a receipt has counted so far."""
    db.run("UPDATE receipt SET counts = %s WHERE id = %s", (json.dumps(counts), receipt))


def reopen_receipt(db: Database, receipt: str, counts: dict[str, int]) -> None:
    """Keep what a receipt has counted so far, and let it be unfinished, were it finished before."""
    db.run(
        "UPDATE receipt SET counts = %s, purged_at = NULL, scrubbed_at = NULL WHERE id = %s",
        (json.dumps(counts), receipt),
    )


def close_receipt(
    db: Database, receipt: str, counts: dict[str, int], now: int, *, anew: bool
) -> None:
    """Finish a receipt with the result of the check that nothing is left.

    One that was finished is left alone, unless something was removed since, `anew`.
    """
    remaining = counts["remaining"]
    verification = {
        "checked_at": now,
        "remaining": remaining,
        "result": "remaining" if remaining else "clear",
    }
    db.run(
        "UPDATE receipt SET counts = %s, purged_at = %s, scrubbed_at = NULL, verification = %s"
        f" WHERE id = %s{'' if anew else ' AND purged_at IS NULL'}",
        (json.dumps(counts), now, json.dumps(verification), receipt),
    )


def enter_subjects(
    db: Database,
    receipt: str,
    namespace_id: int,
    sessions: Iterable[tuple[str | None, str | None]],
) -> None:
    """Enter the digests by which a receipt is found from a session or user id it covers."""
    digests = {
        subject_digest(namespace_id, kind, name)
        for names in sessions
        for kind, name in zip(("session", "user"), names, strict=True)
        if name is not None
    }
    columns = {"receipt_id": "text", "digest": "bytea"}
    db.insert_new("receipt_subject", columns, [(receipt, digest) for digest in sorted(digests)])


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


def find_receipts(
    db: Database, conditions: str, parameters: Sequence[Any], limit: int
) -> list[ReceiptView]:
    """Return receipts `r` that meet conditions, the newest first."""
    rows = db.rows(
        f"{_SELECT_RECEIPT} WHERE {conditions} ORDER BY r.requested_at DESC, r.id DESC LIMIT %s",
        (*parameters, limit),
    )
    return [_view(row) for row in rows]


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


def receipt_fields(receipt: ReceiptView) -> dict[str, Any]:
    """Return a receipt as JSON has it at every door: times as RFC 3339."""
    verification = receipt.verification
    if verification is not None:
        verification = verification | {"checked_at": to_rfc3339(verification["checked_at"])}
    return {
        "id": receipt.id,
        "namespace": receipt.namespace,
        "kind": receipt.kind,
        "reason": receipt.reason,
        "actor": receipt.actor,
        "requested_at": to_rfc3339(receipt.requested_at),
        "purged_at": receipt.purged_at and to_rfc3339(receipt.purged_at),
        "scrubbed_at": receipt.scrubbed_at and to_rfc3339(receipt.scrubbed_at),
        "counts": {name: n for name, n in receipt.counts.items() if name != "remaining"},
        "method": receipt.method,
        "verification": verification,
    }
