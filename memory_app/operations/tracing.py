"""Trace a session by its uid: the others of the same id, and its receipt when it is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from memory_app.errors import NotFound
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.rights import Person, Right
from memory_app.operations.viewing import find_visible
from memory_app.storage import Database, engine
from memory_app.storage.statements import SESSION_COLUMNS

# How many others of the same id are shown.
MOST_NAMESAKES: Final = 20
# How many receipts there can be for a removal before they are left to the list of receipts.
_MOST_RECEIPTS: Final = 3


def find_namesakes(*, person: Person, uid: str) -> Sequence[SessionSnapshot]:
    """Return the other sessions of the same id, the newest first; at most MOST_NAMESAKES.

    Raises NotFound.
    """

    def work(db: Database) -> list[SessionSnapshot]:
        session, place = find_visible(db, person, uid)
        rows = [
            row
            for ending in ("IS NULL", "IS NOT NULL")
            for row in db.rows(
                f"SELECT {SESSION_COLUMNS} FROM agent_session s WHERE s.namespace_id = %s"
                f" AND s.session_id = %s AND s.ended_at {ending} AND s.purge_receipt IS NULL"
                " ORDER BY s.id DESC LIMIT %s",
                (place.id, session.session_id, MOST_NAMESAKES + 1),
            )
        ]
        found = [SessionSnapshot(*row)._replace(title=None) for row in rows]
        return [one for one in found if one.uid != uid][:MOST_NAMESAKES]

    return engine().read(work)


@dataclass(frozen=True, slots=True)
class Removed:
    """A session that is gone or closed, and the receipts that may tell of it, the newest first.

    `removed_at` is None while it is being purged: then there is one receipt.
    """

    uid: str
    namespace: str
    removed_at: int | None
    receipts: Sequence[str]


def find_removed(*, person: Person, uid: str) -> Removed:
    """Return what is known of a session that is purged, or being purged.

    Raises NotFound for one that was never there, and for those of others.
    """

    def work(db: Database) -> Removed:
        closed = db.row(_CLOSED, (uid,))
        if closed is not None:
            found = Removed(uid, closed[1], None, [closed[0]])
        else:
            gone = db.row(_GONE, (uid, '"all"'))
            if gone is None:
                raise NotFound("there is no such session")
            at, namespace = gone
            rows = db.rows(_RECEIPTS, (namespace, at, at, _MOST_RECEIPTS + 1))
            receipts = [receipt for (receipt,) in rows] if len(rows) <= _MOST_RECEIPTS else []
            found = Removed(uid, namespace, at, receipts)
        if not person.may(Right.VIEW, found.namespace):
            raise NotFound("there is no such session")
        return found

    return engine().read(work)


_CLOSED: Final = (
    "SELECT s.purge_receipt, n.name FROM agent_session s JOIN namespace n ON n.id = s.namespace_id"
    " WHERE s.uid = %s AND s.purge_receipt IS NOT NULL"
)
_GONE: Final = (
    "SELECT e.at, e.namespace FROM erasure e WHERE e.uid = %s AND e.ranges = %s"
    " ORDER BY e.id DESC LIMIT 1"
)
# The journal names no receipt: these were being worked on when the session went.
_RECEIPTS: Final = (
    "SELECT r.id FROM receipt r JOIN namespace n ON n.id = r.namespace_id WHERE n.name = %s"
    " AND r.requested_at <= %s AND (r.purged_at IS NULL OR r.purged_at >= %s)"
    " ORDER BY r.requested_at DESC, r.id DESC LIMIT %s"
)
