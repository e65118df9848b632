"""Suggest what a list of sessions can be filtered by: users, tags and ids that there are."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from memory_app.operations.branching import first_children
from memory_app.operations.browsing import prefix_end
from memory_app.operations.rights import Person
from memory_app.operations.viewing import visible_places
from memory_app.storage import Database, engine

MOST: Final = 8
# Tags are indexed by digests that do not tell them: those of so many newest sessions are offered.
_LOOKED_AT: Final = 300

Look = Callable[[Database, int, str, int], list[str]]


def suggest(
    *,
    person: Person,
    key: str,
    beginning: str,
    namespace: str | None = None,
    now: int | None = None,
) -> Sequence[str]:
    """Return values of `user`, `tag`, `prefix` or `namespace` that begin so, where one may view.

    None of them is content. Raises Forbidden.
    """

    def work(db: Database) -> list[str]:
        moment = now or db.now()
        found: set[str] = set()
        places = visible_places(db, person)
        if key == "namespace":
            return [place.name for place in places if place.name.startswith(beginning)][:MOST]
        look = _LOOKS[key]
        for place in places:
            if namespace in (None, "", place.name):
                found.update(look(db, place.id, beginning, moment))
        return sorted(found)[:MOST]

    return engine().read(work)


def _users(db: Database, namespace_id: int, beginning: str, _: int) -> list[str]:
    """Leap from one user to the next through their index."""
    end = prefix_end(beginning)
    upper = "" if end is None else "AND s.user_id < %s"
    bound: list[Any] = [] if end is None else [end]
    rows = db.rows(
        _NEXT_USERS.replace("{upper}", upper),
        (namespace_id, beginning, *bound, namespace_id, *bound, MOST),
    )
    return [user for (user,) in rows]


_NEXT_USERS: Final = """
    WITH RECURSIVE one(user_id, n) AS (
        SELECT (SELECT min(s.user_id) FROM agent_session s
            WHERE s.namespace_id = %s AND s.user_id >= %s {upper}), 1
        UNION ALL
        SELECT (SELECT min(s.user_id) FROM agent_session s
            WHERE s.namespace_id = %s AND s.user_id > o.user_id {upper}), o.n + 1
        FROM one o WHERE o.user_id IS NOT NULL AND o.n < %s
    )
    SELECT o.user_id FROM one o WHERE o.user_id IS NOT NULL"""


def _tags(db: Database, namespace_id: int, beginning: str, _: int) -> list[str]:
    rows = db.rows(
        "SELECT DISTINCT t.tags FROM (SELECT s.tags FROM agent_session s WHERE s.namespace_id = %s"
        " ORDER BY s.last_activity_at DESC, s.id DESC LIMIT %s) AS t",
        (namespace_id, _LOOKED_AT),
    )
    tags = {tag for (text,) in rows for tag in json.loads(text)}
    return [tag for tag in tags if tag.startswith(beginning)]


def _prefixes(db: Database, namespace_id: int, beginning: str, now: int) -> list[str]:
    return first_children(db, namespace_id, beginning, MOST, now)


_LOOKS: Final[Mapping[str, Look]] = {"user": _users, "tag": _tags, "prefix": _prefixes}
