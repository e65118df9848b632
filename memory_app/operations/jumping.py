"""Find what a person may open by an id of which they know the beginning; never by content."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from memory_app.errors import Invalid
from memory_app.operations.browsing import prefix_end
from memory_app.operations.receiving import check_id
from memory_app.operations.rights import Person, Right
from memory_app.operations.viewing import Place, visible_places
from memory_app.storage import Database, engine

MOST: Final = 8
# A uid is random: fewer of its digits would name sessions by chance.
_LEAST_OF_UID: Final = 4
_HEX: Final = frozenset("0123456789abcdef")


class SessionTarget(NamedTuple):
    """A session, by its ids."""

    uid: str
    session_id: str
    namespace: str


class SubjectTarget(NamedTuple):
    """A data subject of a namespace."""

    user_id: str
    namespace: str


class PaperTarget(NamedTuple):
    """A receipt or a hold; the detail is the kind or what it covers."""

    id: str
    namespace: str
    detail: str


@dataclass(frozen=True, slots=True)
class Targets:
    """What an id may mean, of the namespaces that a person may see."""

    sessions: Sequence[SessionTarget] = ()
    subjects: Sequence[SubjectTarget] = ()
    receipts: Sequence[PaperTarget] = ()
    holds: Sequence[PaperTarget] = ()


def find_targets(*, person: Person, text: str) -> Targets:
    """Return sessions whose session id or uid begins so, the subject of that id, receipts, holds.

    Each kind at most MOST, in a number of queries that does not depend on how many there are.
    """
    if not text or not person.may_anywhere(Right.VIEW):
        return Targets()
    try:
        check_id(text, ("query", "q"), "an id")
    except Invalid:
        return Targets()

    def work(db: Database) -> Targets:
        places = visible_places(db, person)
        if not places:
            return Targets()
        return Targets(
            _find_sessions(db, places, text),
            _find_subjects(db, places, text),
            _find_papers(db, places, text, "receipt r", "r.namespace_id", "r.kind"),
            _find_papers(db, places, text, "legal_hold r", "r.held_in", "r.matter"),
        )

    return engine().read(work)


def _find_sessions(db: Database, places: Sequence[Place], text: str) -> list[SessionTarget]:
    """Look in each namespace through its own index, in one statement."""
    names = {place.id: place.name for place in places}
    marks = ", ".join(["%s"] * len(names))
    end = prefix_end(text)
    upper, bound = ("", []) if end is None else (" AND s.session_id < %s", [end])
    first = db.for_each(
        "SELECT s.id FROM agent_session s WHERE s.namespace_id = n.id AND s.ended_at IS NULL"
        f" AND s.session_id >= %s{upper} ORDER BY s.session_id LIMIT {MOST}"
    )
    rows = db.rows(
        f"SELECT s.uid, s.session_id, s.namespace_id FROM (SELECT p.id FROM namespace n {first}"
        f" WHERE n.id IN ({marks}) LIMIT {MOST}) AS found CROSS JOIN agent_session s"
        " WHERE s.id = found.id",
        (text, *bound, *names),
    )
    found = sorted(
        (SessionTarget(uid, name, names[number]) for uid, name, number in rows),
        key=lambda one: (one.namespace, one.session_id),
    )
    if len(text) < _LEAST_OF_UID or not _HEX.issuperset(text):
        return found
    rows = db.rows(
        "SELECT s.uid, s.session_id, s.namespace_id FROM agent_session s WHERE s.uid >= %s"
        f" AND s.uid < %s AND {{unindexed}}s.namespace_id IN ({marks})"
        f" AND s.purge_receipt IS NULL ORDER BY s.uid LIMIT {MOST}",
        (text, end, *names),
    )
    known = {one.uid for one in found}
    more = [SessionTarget(uid, name, names[n]) for uid, name, n in rows if uid not in known]
    return [*found, *more][:MOST]


def _find_subjects(db: Database, places: Sequence[Place], text: str) -> list[SubjectTarget]:
    marks = ", ".join(["%s"] * len(places))
    rows = db.rows(
        f"SELECT n.name FROM namespace n WHERE n.id IN ({marks}) AND EXISTS (SELECT 1"
        " FROM agent_session s WHERE s.namespace_id = n.id AND s.user_id = %s"
        f" AND s.purge_receipt IS NULL) ORDER BY n.name LIMIT {MOST}",
        (*(place.id for place in places), text),
    )
    return [SubjectTarget(text, name) for (name,) in rows]


def _find_papers(
    db: Database, places: Sequence[Place], text: str, table: str, column: str, detail: str
) -> list[PaperTarget]:
    """Find receipts or holds by the beginning of their id."""
    if not text.startswith(("rct_", "hld_")):
        return []
    marks = ", ".join(["%s"] * len(places))
    rows = db.rows(
        f"SELECT r.id, n.name, {detail} FROM {table} JOIN namespace n ON n.id = {column}"
        f" WHERE r.id >= %s AND r.id < %s AND n.id IN ({marks}) ORDER BY r.id LIMIT {MOST}",
        (text, prefix_end(text), *(place.id for place in places)),
    )
    return [PaperTarget(*row) for row in rows]
