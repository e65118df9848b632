"""Gather the data subjects that were active last, with what is kept about each of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from memory_app.errors import NotFound
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.rights import Person
from memory_app.operations.viewing import Place, visible_places
from memory_app.storage import Database, engine

# Up to so many subjects all are looked at, so that the list is exact and says how many there are:
# leaping from one to the next takes 3 microseconds on SQLite and 10 on PostgreSQL.
MOST_KNOWN: Final = 1_000
# Of each subject so many sessions are counted, the newest first.
MOST_COUNTED: Final = 200
# Of a namespace with more subjects so many of the newest sessions are looked at for a page, so
# that one person with a million sessions is no burden; of many namespaces fewer each.
_LOOKED_AT: Final = 2_000
_LEAST_LOOKED_AT: Final = 200


@dataclass(frozen=True, slots=True)
class GatheredSubject:
    """A data subject of a namespace; counted up to MOST_COUNTED sessions. `last_at` is a moment."""

    user_id: str
    namespace: str
    sessions: int
    messages: int
    bytes: int
    last_at: int

    @property
    def capped(self) -> bool:
        """Tell whether there are more sessions than were counted."""
        return self.sessions > MOST_COUNTED


@dataclass(frozen=True, slots=True)
class SubjectPage:
    """One page of data subjects, who was active last first, and the cursor of the next.

    `total` is None where there are more than MOST_KNOWN; a page of those may be short, although
    others follow.
    """

    items: Sequence[GatheredSubject]
    next_cursor: str | None
    total: int | None
    places: Sequence[Place]


class _Newest(NamedTuple):
    """The newest session of a subject, which is the subject's place in the list."""

    last_at: int
    number: int
    namespace_id: int
    user_id: str

    @property
    def place(self) -> tuple[int, int]:
        """Return where it is in the list, which goes down."""
        return self.last_at, self.number


def browse_subjects(
    *, person: Person, namespace: str = "", limit: int = 50, cursor: str | None = None
) -> SubjectPage:
    """Return a page of the data subjects of one namespace, or of all that a person may see.

    Who is being erased is in no list. Raises Forbidden, NotFound, and Invalid for a cursor of
    another list.
    """
    list_of = ("data subjects", namespace)
    after = None if cursor is None else read_cursor(cursor, list_of)

    def work(db: Database) -> SubjectPage:
        places = visible_places(db, person)
        names = {place.id: place.name for place in places if namespace in ("", place.name)}
        if namespace and not names:
            raise NotFound("there is no such namespace")
        few = _all_of_few(db, list(names))
        if few is None:
            found, stop = _walk(db, list(names), after, limit)
        else:
            found = [one for one in few if after is None or one.place < tuple(after)]
            found, stop = found[:limit], found[limit - 1].place if len(found) > limit else None
        following = None if stop is None else write_cursor([*stop], list_of)
        total = None if few is None else len(few)
        return SubjectPage(_count(db, found, names), following, total, places)

    return engine().read(work)


def _all_of_few(db: Database, namespace_ids: Sequence[int]) -> list[_Newest] | None:
    """Return all subjects by their newest sessions; None when there are more than MOST_KNOWN."""
    if not namespace_ids:
        return []
    marks = ", ".join(["%s"] * len(namespace_ids))
    pairs = db.rows(_PAIRS.format(marks=marks), (*namespace_ids, MOST_KNOWN + 1))
    if len(pairs) > MOST_KNOWN:
        return None
    if not pairs:
        return []
    table, parameters = _table(pairs)
    newest = db.for_each(f"SELECT s.id FROM agent_session s WHERE {_OF_PAIR} {_ORDER} LIMIT 1")
    rows = db.rows(
        f"WITH {table} SELECT {_NEWEST} FROM n {newest} CROSS JOIN agent_session s"
        f" WHERE s.id = p.id {_ORDER}",
        parameters,
    )
    return [_Newest(*row) for row in rows]


def _walk(
    db: Database, namespace_ids: Sequence[int], after: Sequence[Any] | None, limit: int
) -> tuple[list[_Newest], tuple[int, int] | None]:
    """Look through the newest sessions for those that are their subject's newest.

    Returns a page, and the place where the next begins.
    """
    beyond = "" if after is None else "AND (s.last_activity_at, s.id) < (%s, %s)"
    given = [*(after or ())]
    one = f"SELECT s.id FROM agent_session s WHERE s.namespace_id = n.id {beyond} {_ORDER} LIMIT 1"
    first = _in_each(db, namespace_ids, one, given, limit + 2)
    chosen = [row.namespace_id for row in first[: limit + 1]]
    if not chosen:
        return [], None
    looked = max(_LEAST_LOOKED_AT, _LOOKED_AT // len(chosen))
    found = _in_each(
        db, chosen, _SUBJECTS.format(beyond=beyond), [*given, looked, limit + 1], limit + 1
    )
    last = _in_each(db, chosen, f"{one} OFFSET %s", [*given, looked - 1], 1)
    # Below these places not everything was looked at.
    stops = [row.place for row in last]
    stops += [(row.last_at, row.number + 1) for row in first[limit + 1 :]]
    stop = max(stops, default=None)
    found = [row for row in found if stop is None or row.place >= stop]
    return found[:limit], found[limit - 1].place if len(found) > limit else stop


def _in_each(
    db: Database, namespace_ids: Sequence[int], select: str, parameters: Sequence[Any], limit: int
) -> list[_Newest]:
    """Return the first of the sessions that a select finds in each of some namespaces."""
    marks = ", ".join(["%s"] * len(namespace_ids))
    rows = db.rows(
        f"SELECT {_NEWEST} FROM namespace n {db.for_each(select)} CROSS JOIN agent_session s"
        f" WHERE s.id = p.id AND n.id IN ({marks}) {_ORDER} LIMIT %s",
        (*parameters, *namespace_ids, limit),
    )
    return [_Newest(*row) for row in rows]


def _count(db: Database, found: Sequence[_Newest], names: dict[int, str]) -> list[GatheredSubject]:
    """Count what is kept about the subjects of a page, in one statement."""
    if not found:
        return []
    table, parameters = _table([(one.namespace_id, one.user_id) for one in found])
    newest = db.for_each(f"SELECT s.id FROM agent_session s WHERE {_OF_PAIR} {_ORDER} LIMIT %s")
    rows = db.rows(
        f"WITH {table} SELECT s.namespace_id, s.user_id, count(*), sum(s.message_count),"
        f" sum(s.size_bytes) FROM n {newest} CROSS JOIN agent_session s WHERE s.id = p.id"
        " GROUP BY s.namespace_id, s.user_id",
        (*parameters, MOST_COUNTED + 1),
    )
    counted = {(row[0], row[1]): row[2:] for row in rows}
    gathered = []
    for one in found:
        sessions, messages, size = counted[one.namespace_id, one.user_id]
        name = names[one.namespace_id]
        gathered.append(
            GatheredSubject(one.user_id, name, sessions, int(messages), int(size), one.last_at)
        )
    return gathered


def _table(pairs: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return subjects as a table `n` of a WITH clause."""
    rows = ", ".join(["(%s, %s)"] * len(pairs))
    return f"n(namespace_id, user_id) AS (VALUES {rows})", [
        value for pair in pairs for value in pair
    ]


_NEWEST: Final = "s.last_activity_at, s.id, s.namespace_id, s.user_id"
_ORDER: Final = "ORDER BY s.last_activity_at DESC, s.id DESC"
_OF_PAIR: Final = (
    "s.namespace_id = n.namespace_id AND s.user_id = n.user_id AND s.purge_receipt IS NULL"
)
# Leaps from one user to the next through their index.
_PAIRS: Final = """
    WITH RECURSIVE pair(namespace_id, user_id) AS (
        SELECT n.id, (SELECT min(s.user_id) FROM agent_session s
            WHERE s.namespace_id = n.id AND s.user_id >= '')
        FROM namespace n WHERE n.id IN ({marks})
        UNION ALL
        SELECT p.namespace_id, (SELECT min(s.user_id) FROM agent_session s
            WHERE s.namespace_id = p.namespace_id AND s.user_id > p.user_id)
        FROM pair p WHERE p.user_id IS NOT NULL
    )
    SELECT p.namespace_id, p.user_id FROM pair p WHERE p.user_id IS NOT NULL LIMIT %s"""
_SUBJECTS: Final = (
    "SELECT s.id FROM (SELECT s.id, s.namespace_id, s.user_id, s.purge_receipt, s.last_activity_at"
    f" FROM agent_session s WHERE s.namespace_id = n.id {{beyond}} {_ORDER} LIMIT %s) AS s"
    " WHERE s.user_id IS NOT NULL AND s.purge_receipt IS NULL AND NOT EXISTS (SELECT 1"
    " FROM agent_session t WHERE t.namespace_id = s.namespace_id AND t.user_id = s.user_id"
    " AND t.purge_receipt IS NULL"
    " AND (t.last_activity_at, t.id) > (s.last_activity_at, s.id))"
    f" {_ORDER} LIMIT %s"
)
