"""Show the receipts of what was removed, found also by an id that one knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from memory_app.errors import Invalid, NotFound
from memory_app.models import ReceiptKind
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.keys import Caller
from memory_app.operations.receipts import (
    ReceiptView,
    find_receipts,
    read_receipt,
    subject_digest,
)
from memory_app.operations.receiving import check_id
from memory_app.operations.rights import Person
from memory_app.operations.scrubbing import look_whether_due
from memory_app.operations.viewing import Place, visible_places
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """One page of receipts, the newest first, and the cursor of the next."""

    items: Sequence[ReceiptView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Restricted:
    """What of an erasure a hold keeps: closed at every door, and removed after the release.

    `due_at` is when it may be removed once nothing is held any more.
    """

    sessions: int
    held: int
    due_at: int


@dataclass(frozen=True, slots=True)
class Receipts(ReceiptPage):
    """One page of receipts, the namespaces of which they may be, and what is restricted by id."""

    places: Sequence[Place]
    restricted: Mapping[str, Restricted]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFilter:
    """Which receipts; what is empty does not filter. Times are moments, `before` exclusive.

    `known_id` is a receipt's own id, or that of a session or a user it covers.
    """

    known_id: str = ""
    kind: str = ""
    namespace: str = ""
    after: int | None = None
    before: int | None = None


_ANY_RECEIPT: Final = ReceiptFilter()


def browse_receipts(
    *,
    person: Person,
    wanted: ReceiptFilter = _ANY_RECEIPT,
    limit: int = 50,
    cursor: str | None = None,
) -> Receipts:
    """Return receipts of the namespaces a person may see, the newest first.

    Raises Forbidden, and Invalid for an unknown kind or a cursor of another list.
    """
    if wanted.kind and wanted.kind not in ReceiptKind.values:
        raise Invalid.at(("query", "kind"), f"a kind is one of {', '.join(ReceiptKind.values)}")
    if wanted.known_id:
        check_id(wanted.known_id, ("query", "id"), "an id")
    list_of = ("receipts", wanted)
    after = None if cursor is None else read_cursor(cursor, list_of)

    def work(db: Database) -> Receipts:
        places = visible_places(db, person)
        among = [place for place in places if wanted.namespace in ("", place.name)]
        if not among:
            return Receipts([], None, places, {})
        conditions, parameters = _about(among, wanted.known_id)
        for condition, value in (
            ("r.kind = %s", wanted.kind or None),
            ("r.requested_at >= %s", wanted.after),
            ("r.requested_at < %s", wanted.before),
        ):
            if value is not None:
                conditions += f" AND {condition}"
                parameters.append(value)
        if after is not None:
            conditions += " AND (r.requested_at, r.id) < (%s, %s)"
            parameters += after
        found = find_receipts(db, conditions, parameters, limit + 1)
        restricted = _find_restricted(db, found[:limit])
        return Receipts(found[:limit], _following(found, limit, list_of), places, restricted)

    return engine().read(work)


def _find_restricted(db: Database, receipts: Sequence[ReceiptView]) -> dict[str, Restricted]:
    ids = [one.id for one in receipts if one.kind == ReceiptKind.ERASURE and one.counts["held"]]
    if not ids:
        return {}
    rows = db.rows(
        f"SELECT s.purge_receipt, count(*), sum(CASE WHEN {HELD} THEN 1 ELSE 0 END),"
        " max(s.purge_not_before) FROM agent_session s"
        f" WHERE s.purge_receipt IN ({', '.join(['%s'] * len(ids))}) GROUP BY s.purge_receipt",
        ids,
    )
    return {
        receipt: Restricted(int(sessions), int(held), due) for receipt, sessions, held, due in rows
    }


def _following(found: Sequence[ReceiptView], limit: int, list_of: object) -> str | None:
    """Return the cursor of the page after this one, of which one receipt too many was read."""
    if len(found) <= limit:
        return None
    last = found[limit - 1]
    return write_cursor([last.requested_at, last.id], list_of)


def _about(places: Sequence[Place], known_id: str) -> tuple[str, list[Any]]:
    """Return the condition for receipts that one may see and that cover an id."""
    conditions = f"r.namespace_id IN ({', '.join(['%s'] * len(places))})"
    parameters: list[Any] = [place.id for place in places]
    if known_id:
        digests = [
            subject_digest(place.id, subject, known_id)
            for place in places
            for subject in ("session", "user")
        ]
        conditions += (
            " AND (r.id = %s OR r.id IN (SELECT t.receipt_id FROM receipt_subject t"
            f" WHERE t.digest IN ({', '.join(['%s'] * len(digests))})))"
        )
        parameters += [known_id, *digests]
    return conditions, parameters


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt with what is still to come of it: its purge, what is restricted, the scrub.

    `scrub_waits_for` says why the bytes are not scrubbed yet; None when they are.
    """

    receipt: ReceiptView
    purge: str | None
    restricted: Restricted | None
    scrub_waits_for: str | None


def show_receipt(*, person: Person, receipt: str) -> Proof:
    """Return one receipt. Raises NotFound for others' and unknown ones."""

    def work(db: Database) -> Proof:
        places = visible_places(db, person)
        found = find_receipts(db, "r.id = %s", [receipt], 1)
        found = [one for one in found if one.namespace in {place.name for place in places}]
        if not found:
            raise NotFound("there is no such receipt")
        purge = db.row("SELECT id FROM purge WHERE receipt = %s", (receipt,))
        restricted = _find_restricted(db, found).get(receipt)
        return Proof(found[0], purge[0] if purge else None, restricted, None)

    proof = engine().read(work)
    if proof.receipt.purged_at is None or proof.receipt.scrubbed_at is not None:
        return proof
    waits = look_whether_due().waits_for
    return replace(proof, scrub_waits_for=waits or "the next cleanup")


def get_receipt(*, caller: Caller, receipt: str) -> ReceiptView:
    """Return a receipt of the caller's namespace. Raises NotFound."""
    caller.require("purge")
    found = engine().read(lambda db: read_receipt(db, caller.namespace_id, receipt))
    if found is None:
        raise NotFound("there is no such receipt")
    return found


def list_receipts(
    *,
    caller: Caller,
    session_id: str | None = None,
    user_id: str | None = None,
    kind: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> ReceiptPage:
    """Return receipts of the caller's namespace, the newest first.

    Those that cover the session id and the user id, where these are given. Raises Invalid for a
    cursor of another list.
    """
    caller.require("purge")
    namespace_id = caller.namespace_id
    conditions = "r.namespace_id = %s"
    parameters: list[Any] = [namespace_id]
    for subject, name in (("session", session_id), ("user", user_id)):
        if name is not None:
            conditions += _COVERS
            parameters.append(subject_digest(namespace_id, subject, name))
    if kind is not None:
        conditions += " AND r.kind = %s"
        parameters.append(kind)
    list_of = ("receipts of a key", namespace_id, session_id, user_id, kind)
    if cursor is not None:
        conditions += " AND (r.requested_at, r.id) < (%s, %s)"
        parameters += read_cursor(cursor, list_of)
    found = engine().read(lambda db: find_receipts(db, conditions, parameters, limit + 1))
    return ReceiptPage(found[:limit], _following(found, limit, list_of))


_COVERS = " AND r.id IN (SELECT t.receipt_id FROM receipt_subject t WHERE t.digest = %s)"
