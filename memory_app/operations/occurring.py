"""Find a user id within the ids of sessions that are about nobody, or about somebody else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memory_app.storage import Database

SEPARATOR: Final = "/"
# So many branches at the beginning of ids are looked into: leaping to each takes 3 microseconds on
# SQLite and 10 on PostgreSQL, and looking for the id in it as long again.
_MOST_BRANCHES: Final = 500
# So many of the person's own sessions tell where the id stands in theirs, until that is in so many
# places: agents choose ids, and one of 512 characters can hold a short user id 256 times.
_OWN: Final = 200
_MOST_OWN: Final = 500
# Under an id that holds the user id so many sessions are looked at.
MOST_COUNTED: Final = 500
MOST_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An id that ends in a user id: sessions of it, and below it, about somebody else or nobody.

    They are counted among the first MOST_COUNTED of live ones, and of ended ones.
    """

    namespace: str
    session_id: str
    sessions: int


def find_in_ids(db: Database, namespaces: Mapping[int, str], user_id: str) -> list[Occurrence]:
    """Return where the user id is a whole part of a session id.

    Looked for at the beginning of ids, after each first part that ids have, and where the ids of
    the person's own sessions have it. At most MOST_SHOWN, those of the most sessions.
    """
    if not namespaces:
        return []
    wanted = {(number, user_id) for number in namespaces}
    wanted |= {(number, branch + user_id) for number, branch in _branches(db, list(namespaces))}
    wanted |= _own(db, list(namespaces), user_id)
    found = _count(db, sorted(wanted), user_id)
    most = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:MOST_SHOWN]
    return [Occurrence(namespaces[number], base, sessions) for (number, base), sessions in most]


def _branches(db: Database, namespace_ids: Sequence[int]) -> Iterable[tuple[int, str]]:
    """Yield the first parts of live ids, with their separator, in each namespace."""
    marks = ", ".join(["%s"] * len(namespace_ids))
    rows = db.rows(_ROOTS.format(marks=marks), (*namespace_ids, _MOST_BRANCHES))
    for number, session_id in rows:
        name, separator, _ = session_id.partition(SEPARATOR)
        if separator:
            yield number, name + separator


def _own(db: Database, namespace_ids: Sequence[int], user_id: str) -> set[tuple[int, str]]:
    """Return the ids that end in the user id, of those above the person's own sessions."""
    marks = ", ".join(["%s"] * len(namespace_ids))
    rows = db.rows(
        "SELECT s.namespace_id, s.session_id FROM agent_session s WHERE s.user_id = %s"
        f" AND s.namespace_id IN ({marks}) LIMIT %s",
        (user_id, *namespace_ids, _OWN),
    )
    found: set[tuple[int, str]] = set()
    for number, session_id in rows:
        if len(found) >= _MOST_OWN:
            break
        parts = session_id.split(SEPARATOR)
        for end in range(1, len(parts) + 1):
            base = SEPARATOR.join(parts[:end])
            if base == user_id or base.endswith(SEPARATOR + user_id):
                found.add((number, base))
    return found


def _count(
    db: Database, wanted: Sequence[tuple[int, str]], user_id: str
) -> dict[tuple[int, str], int]:
    """Count the sessions of others at each of some ids and below."""
    parameters: list[Any] = []
    for place, (number, base) in enumerate(wanted):
        # No id holds a control character, so nothing comes between an id and this after it.
        parameters += [place, number, base, f"{base}\x01"]
        parameters += [place, number, base + SEPARATOR, base + _AFTER_SEPARATOR]
    marks = ", ".join(["(%s, %s, %s, %s)"] * 2 * len(wanted))
    rows = db.rows(
        f"WITH n(place, namespace_id, low, high) AS (VALUES {marks})"
        f" SELECT f.place, sum(f.live) + sum(f.ended) FROM (SELECT n.place,"
        f" ({_OTHERS.format(ended='NULL')}) AS live, ({_OTHERS.format(ended='NOT NULL')}) AS ended"
        " FROM n) AS f GROUP BY f.place HAVING sum(f.live) + sum(f.ended) > 0",
        (*parameters, MOST_COUNTED, user_id, MOST_COUNTED, user_id),
    )
    return {wanted[place]: int(others) for place, others in rows}


_AFTER_SEPARATOR: Final = chr(ord(SEPARATOR) + 1)
_OTHERS: Final = (
    "SELECT count(*) FROM (SELECT s.user_id, s.purge_receipt FROM agent_session s"
    " WHERE s.namespace_id = n.namespace_id AND s.ended_at IS {ended} AND s.session_id >= n.low"
    " AND s.session_id < n.high LIMIT %s) AS s"
    " WHERE s.purge_receipt IS NULL AND (s.user_id IS NULL OR s.user_id <> %s)"
)
_FIRST: Final = (
    "SELECT min(s.session_id) FROM agent_session s WHERE s.namespace_id = {namespace}"
    " AND s.ended_at IS NULL AND s.session_id >= {start}"
)
_FROM: Final = (
    "CASE WHEN {{position}}(r.session_id, '/') > 0"
    " THEN substr(r.session_id, 1, {{position}}(r.session_id, '/') - 1) || '0'"
    " ELSE r.session_id || '\x01' END"
)
_ROOTS: Final = f"""
    WITH RECURSIVE root(namespace_id, session_id) AS (
        SELECT n.id, ({_FIRST.format(namespace="n.id", start="''")})
        FROM namespace n WHERE n.id IN ({{marks}})
        UNION ALL
        SELECT r.namespace_id, ({_FIRST.format(namespace="r.namespace_id", start=_FROM)})
        FROM root r WHERE r.session_id IS NOT NULL
    )
    SELECT r.namespace_id, r.session_id FROM root r WHERE r.session_id IS NOT NULL LIMIT %s"""
