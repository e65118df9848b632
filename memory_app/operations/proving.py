"""Show the receipts of what was removed, found also by an id that one knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
from memory_app.operations.viewing import Place, visible_places
from memory_app.storage import Database, engine


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """One page of receipts, the newest first, and the cursor of the next."""

    items: Sequence[ReceiptView]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Receipts(ReceiptPage):
    """One page of receipts, and the namespaces of which they may be."""

    places: Sequence[Place]


def browse_receipts(
    *,
    person: Person,
    known_id: str = "",
    kind: str = "",
    limit: int = 50,
    cursor: str | None = None,
) -> Receipts:
    """Return receipts of the namespaces a person may see.

    `known_id` is a receipt's own id, or that of a session or a user it covers. Raises Forbidden,
    and Invalid for an unknown kind or a cursor of another list.
    """
    if kind and kind not in ReceiptKind.values:
        raise Invalid.at(("query", "kind"), f"a kind is one of {', '.join(ReceiptKind.values)}")
    if known_id:
        check_id(known_id, ("query", "id"), "an id")
    list_of = ("receipts", known_id, kind)
    after = None if cursor is None else read_cursor(cursor, list_of)

    def work(db: Database) -> Receipts:
        places = visible_places(db, person)
        conditions, parameters = _about(places, known_id)
        if kind:
            conditions += " AND r.kind = %s"
            parameters.append(kind)
        if after is not None:
            conditions += " AND (r.requested_at, r.id) < (%s, %s)"
            parameters += after
        found = find_receipts(db, conditions, parameters, limit + 1) if places else []
        return Receipts(found[:limit], _following(found, limit, list_of), places)

    return engine().read(work)


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


def show_receipt(*, person: Person, receipt: str) -> ReceiptView:
    """Return one receipt. Raises NotFound for others' and unknown ones."""

    def work(db: Database) -> ReceiptView:
        places = visible_places(db, person)
        found = find_receipts(db, "r.id = %s", [receipt], 1)
        found = [one for one in found if one.namespace in {place.name for place in places}]
        if not found:
            raise NotFound("there is no such receipt")
        return found[0]

    return engine().read(work)


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
