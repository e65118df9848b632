"""Tell people what there is about a data subject, where, and what was removed before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from memory_app.operations.occurring import Occurrence, find_in_ids
from memory_app.operations.previewing import require_right
from memory_app.operations.receipts import ReceiptView, find_receipts, subject_digest
from memory_app.operations.receiving import check_id
from memory_app.operations.rights import Person, Right
from memory_app.operations.subjects import subject_name
from memory_app.operations.viewing import Place, visible_places
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row
from memory_app.storage.statements import HELD

# How many receipts of earlier removals are shown.
_MOST_RECEIPTS: Final = 20


@dataclass(frozen=True, slots=True)
class SubjectAt:
    """What one namespace keeps about a person, and what somebody may do with it.

    `closed` sessions are being purged, or restricted by a hold after an erasure; they are in no
    other number. `log_name` is how the audit log names the person, for those who read it there.
    Times are moments.
    """

    namespace: str
    sessions: int
    messages: int
    bytes: int
    held: int
    closed: int
    first_at: int | None
    last_at: int | None
    log_name: str | None
    may_export: bool
    may_erase: bool
    may_hold: bool


@dataclass(frozen=True, slots=True)
class Subject:
    """A person by their user id: where something is kept, and the receipts that cover them.

    `in_ids` is where ids of other sessions hold the user id; an erasure leaves those.
    """

    user_id: str
    places: Sequence[SubjectAt]
    receipts: Sequence[ReceiptView]
    namespaces: Sequence[str]
    in_ids: Sequence[Occurrence]

    @property
    def sessions(self) -> int:
        """Return how many sessions there are."""
        return sum(place.sessions for place in self.places)

    @property
    def messages(self) -> int:
        """Return how many messages there are."""
        return sum(place.messages for place in self.places)

    @property
    def bytes(self) -> int:
        """Return how many bytes of content there are."""
        return sum(place.bytes for place in self.places)

    @property
    def held(self) -> int:
        """Return how many sessions are under legal hold."""
        return sum(place.held for place in self.places)

    @property
    def closed(self) -> int:
        """Return how many sessions are being purged or restricted."""
        return sum(place.closed for place in self.places)

    @property
    def first_at(self) -> int | None:
        """Return when the first session began."""
        return min((at.first_at for at in self.places if at.first_at is not None), default=None)

    @property
    def last_at(self) -> int | None:
        """Return when something was last said."""
        return max((at.last_at for at in self.places if at.last_at is not None), default=None)


def view_subject(*, person: Person, user_id: str) -> Subject:
    """Count what there is about a person in all namespaces one may see: no content, no titles.

    Raises Forbidden, and Invalid for what is no user id.
    """
    check_id(user_id, ("query", "user_id"), "a user id")

    def work(db: Database) -> Subject:
        places = visible_places(db, person)
        found = [at for at in _count(db, person, places, user_id) if at.sessions or at.closed]
        receipts = _find_receipts(db, places, user_id)
        erasing = [place.name for place in places if person.may(Right.ERASE, place.name)]
        names = {place.id: place.name for place in places}
        return Subject(user_id, found, receipts, erasing, find_in_ids(db, names, user_id))

    return engine().read(work)


def preview_erasure(*, person: Person, namespace: str, user_id: str) -> tuple[SubjectAt, Subject]:
    """Return what an erasure in a namespace would remove, and all there is about the person.

    Zeros when there is nothing. Raises NotFound, Forbidden and Invalid.
    """
    subject = view_subject(person=person, user_id=user_id)

    def work(db: Database) -> SubjectAt:
        places = [one for one in visible_places(db, person) if one.name == namespace]
        require_right(person, namespace if places else "", Right.ERASE)
        return _count(db, person, places, user_id)[0]

    return engine().read(work), subject


def _count(db: Database, person: Person, places: Sequence[Place], user_id: str) -> list[SubjectAt]:
    """Count, by namespace, in one query."""
    if not places:
        return []
    rows = db.rows(
        f"{_COUNTS} WHERE s.user_id = %s AND s.namespace_id IN"
        f" ({', '.join(['%s'] * len(places))}) GROUP BY s.namespace_id",
        (user_id, *(place.id for place in places)),
    )
    counts = {row[0]: row for row in rows}
    return [_at(person, place, user_id, counts.get(place.id, _NOTHING)) for place in places]


def _at(person: Person, place: Place, user_id: str, row: Row) -> SubjectAt:
    reads_log = person.may(Right.READ_AUDIT, place.name)
    sessions, messages, size, held, closed = (int(number) for number in row[1:6])
    return SubjectAt(
        namespace=place.name,
        sessions=sessions,
        messages=messages,
        bytes=size,
        held=held,
        closed=closed,
        first_at=row[6],
        last_at=row[7],
        log_name=subject_name(place.id, user_id) if reads_log else None,
        may_export=person.holds(Right.EXPORT, place.name),
        may_erase=person.holds(Right.ERASE, place.name),
        may_hold=person.may(Right.HOLD, place.name),
    )


_NOTHING: Final = (0, 0, 0, 0, 0, 0, None, None)
# What is being purged is closed at every door.
_OPEN: Final = "s.purge_receipt IS NULL"
_COUNTS: Final = (
    f"SELECT s.namespace_id, sum(CASE WHEN {_OPEN} THEN 1 ELSE 0 END),"
    f" sum(CASE WHEN {_OPEN} THEN s.message_count ELSE 0 END),"
    f" sum(CASE WHEN {_OPEN} THEN s.size_bytes ELSE 0 END),"
    f" sum(CASE WHEN {_OPEN} AND {HELD} THEN 1 ELSE 0 END),"
    f" sum(CASE WHEN {_OPEN} THEN 0 ELSE 1 END),"
    " min(s.created_at), max(s.last_activity_at) FROM agent_session s"
)


def _find_receipts(db: Database, places: Iterable[Place], user_id: str) -> list[ReceiptView]:
    digests = [subject_digest(place.id, "user", user_id) for place in places]
    if not digests:
        return []
    marks = ", ".join(["%s"] * len(digests))
    covers = f"r.id IN (SELECT t.receipt_id FROM receipt_subject t WHERE t.digest IN ({marks}))"
    return find_receipts(db, covers, digests, _MOST_RECEIPTS)
