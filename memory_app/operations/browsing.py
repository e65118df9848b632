"""Find sessions: one filter for the list on screen, the list in JSON, the preview and the purge."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations import cursors
from memory_app.operations.keys import Caller
from memory_app.operations.opening import metadata_facet, tag_facet
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD, HELD_NUMBERS, SESSION_COLUMNS
from memory_app.strict_json import canonical

SORTS: Final = ("last_activity_at", "created_at", "expires_at", "message_count", "size_bytes")
STATUSES: Final = ("active", "expired", "purging", "any")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions of a namespace; what is None does not filter.

    `without_…` leaves out those that have one of the tags, users or beginnings of the id.
    """

    prefix: str | None = None
    user_id: str | None = None
    status: str = "active"
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = None
    created_after: int | None = None
    created_before: int | None = None
    active_after: int | None = None
    active_before: int | None = None
    expires_after: int | None = None
    expires_before: int | None = None
    held: bool | None = None
    without_tags: Sequence[str] = ()
    without_users: Sequence[str] = ()
    without_prefixes: Sequence[str] = ()

    @property
    def excludes(self) -> bool:
        """Tell whether something is left out that otherwise matches."""
        return bool(self.without_tags or self.without_users or self.without_prefixes)

    def including(self) -> "SessionFilter":
        """Return the filter that leaves nothing out."""
        return replace(self, without_tags=(), without_users=(), without_prefixes=())


@dataclass(frozen=True, slots=True)
class SessionPage:
    """One page of sessions, and the cursor of the next."""

    items: Sequence[SessionSnapshot]
    next_cursor: str | None
    total: int | None
    now: int


def list_sessions(
    *,
    caller: Caller,
    wanted: SessionFilter,
    sort: str = "-last_activity_at",
    limit: int = 50,
    cursor: str | None = None,
    with_total: bool = False,
    now: int | None = None,
) -> SessionPage:
    """Return a page of sessions, without state or message text, by keyset.

    Ordered by created_at each session is met exactly once; by a field that changes while one pages,
    a session can be met twice or not at all. Raises Invalid for a cursor that is not of this list.
    """
    caller.require("read")
    namespace_id = caller.namespace_id
    scope = _scope(wanted, namespace_id)
    start = read_cursor(cursor, scope, sort) if cursor is not None else None

    def work(db: Database) -> SessionPage:
        moment = now or db.now()
        conditions, parameters = where(wanted, namespace_id, moment)
        total = None
        if with_total:
            row = db.row(f"SELECT count(*) FROM agent_session s WHERE {conditions}", parameters)
            total = row[0] if row else 0
        items = _page(db, conditions, parameters, sort, start, limit + 1)
        after = write_cursor(items[limit - 1], scope, sort) if len(items) > limit else None
        return SessionPage(items[:limit], after, total, moment)

    return engine().read(work)


def where(
    wanted: SessionFilter, namespace_id: int, now: int, *, rare: bool = False
) -> tuple[str, list[Any]]:
    """Return the filter as a condition on `agent_session s`, and its parameters.

    `rare` says that few sessions are held or tagged so: see `split_rare`.
    """
    facets = [("%s", (digest,)) for digest in _facets(wanted, namespace_id)]
    return _conditions(wanted, now, ("%s", (namespace_id,)), facets, rare=rare)


def where_each(wanted: SessionFilter, now: int, *, rare: bool) -> tuple[str, list[Any]]:
    """Return the filter as a condition on `agent_session s` for each row `n` of `places`."""
    number = _facets_of(wanted) + len(wanted.without_tags)
    facets: list[_Term] = [(f"n.facet_{place}", ()) for place in range(number)]
    return _conditions(wanted, now, ("n.id", ()), facets, rare=rare)


def places(name: str, wanted: SessionFilter, namespace_ids: Sequence[int]) -> tuple[str, list[Any]]:
    """Return namespaces as a table of a WITH clause: what `where_each` looks for in each."""
    number = _facets_of(wanted) + len(wanted.without_tags)
    columns = ["id", *(f"facet_{place}" for place in range(number))]
    row = f"({', '.join(['%s'] * len(columns))})"
    table = f"{name}({', '.join(columns)}) AS (VALUES {', '.join([row] * len(namespace_ids))})"
    return table, [
        value for number in namespace_ids for value in (number, *_facets(wanted, number))
    ]


# How SQL writes a value, and its parameters.
_Term = tuple[str, tuple[Any, ...]]


def _conditions(
    wanted: SessionFilter, now: int, namespace: _Term, facets: Sequence[_Term], *, rare: bool
) -> tuple[str, list[Any]]:
    # Few sessions are being purged, and they have an index of their own; in the order of the list
    # all would be looked at: 1.5 seconds for a million.
    few = "{unindexed}" if rare or wanted.status == "purging" else ""
    conditions = [f"{few}s.namespace_id = {namespace[0]}"]
    parameters: list[Any] = [*namespace[1]]

    def add(condition: str, *values: Any) -> None:
        conditions.append(condition)
        parameters.extend(values)

    condition, moments = _in_status(wanted.status, now)
    add(condition, *moments)
    if wanted.prefix:
        add("s.session_id >= %s", wanted.prefix)
        end = prefix_end(wanted.prefix)
        if end is not None:
            add("s.session_id < %s", end)
    if wanted.user_id is not None:
        add("s.user_id = %s", wanted.user_id)
    if wanted.held is not None:
        add(f"s.id IN ({HELD_NUMBERS})" if wanted.held else f"NOT {HELD}")
    for condition, moment in _ranges(wanted):
        add(condition, moment)
    for condition, values in _left_out(wanted):
        add(condition, *values)
    for place, facet in enumerate(facets):
        add(_of_facet(facet, rare=rare, is_asked=place < _facets_of(wanted)), *facet[1])
    return " AND ".join(conditions), parameters


def _of_facet(facet: _Term, *, rare: bool, is_asked: bool) -> str:
    """Return the condition that a session has a facet that is asked for, or not what is left out.

    Of a row of `places` SQLite makes the list of a facet anew for each session: a page of a tag
    that 270,000 have took over a minute, and looking up each session it takes 50 milliseconds.
    """
    found = f"SELECT f.session_id FROM session_facet f WHERE f.digest = {facet[0]}"
    if is_asked and (rare or facet[1]):
        return f"s.id IN ({found})"
    return f"{'' if is_asked else 'NOT '}EXISTS ({found} AND f.session_id = s.id)"


def split_rare(
    db: Database, wanted: SessionFilter, namespace_ids: Sequence[int]
) -> tuple[list[int], list[int]]:
    """Return the namespaces where few sessions are held, or have one of the facets; and the others.

    There these few are looked at, instead of all in the order of the list: 28 milliseconds of
    200,000.
    """
    if wanted.held:
        held = db.row(
            f"SELECT count(*) FROM (SELECT 1 FROM ({HELD_NUMBERS}) AS h LIMIT {_FEW}) AS f"
        )
        if held != (_FEW,):
            return list(namespace_ids), []
    if not _facets_of(wanted):
        return [], list(namespace_ids)
    table, parameters = places("n", wanted, namespace_ids)
    few = " OR ".join(
        f"(SELECT count(*) FROM (SELECT 1 FROM session_facet f WHERE f.digest = n.facet_{place}"
        f" LIMIT {_FEW}) AS found) < {_FEW}"
        for place in range(_facets_of(wanted))
    )
    rare = {
        number for (number,) in db.rows(f"WITH {table} SELECT n.id FROM n WHERE {few}", parameters)
    }
    return [one for one in namespace_ids if one in rare], [
        one for one in namespace_ids if one not in rare
    ]


def find_crowded(db: Database, wanted: SessionFilter, namespace_ids: Sequence[int]) -> list[int]:
    """Return the namespaces where many live sessions have the prefix of a filter."""
    if not namespace_ids:
        return []
    only = SessionFilter(prefix=wanted.prefix, status="any")
    table, parameters = places("n", only, namespace_ids)
    conditions, values = where_each(only, 0, rare=False)
    rows = db.rows(
        f"WITH {table} SELECT n.id FROM n WHERE (SELECT count(*) FROM (SELECT 1 FROM agent_session"
        f" s WHERE {conditions} AND s.ended_at IS NULL LIMIT {_CROWD}) AS found) = {_CROWD}",
        (*parameters, *values),
    )
    return [number for (number,) in rows]


_FEW: Final = 5_000
_CROWD: Final = 200


def _in_status(status: str, now: int) -> tuple[str, list[int]]:
    """Return the condition of a status, and its parameters."""
    if status == "active":
        # Nearly all sessions of a list are active: the index of its order serves better.
        return "s.ended_at IS NULL AND {unindexed}s.expires_at > %s", [now]
    if status == "expired":
        return "s.expires_at <= %s AND s.purge_receipt IS NULL", [now]
    return "s.purge_receipt IS NOT NULL" if status == "purging" else "1 = 1", []


def _ranges(wanted: SessionFilter) -> list[tuple[str, int]]:
    ranges = (
        ("s.created_at >= %s", wanted.created_after),
        ("s.created_at < %s", wanted.created_before),
        ("s.last_activity_at >= %s", wanted.active_after),
        ("s.last_activity_at < %s", wanted.active_before),
        ("s.expires_at >= %s", wanted.expires_after),
        ("s.expires_at < %s", wanted.expires_before),
    )
    return [(condition, moment) for condition, moment in ranges if moment is not None]


def _facets(wanted: SessionFilter, namespace_id: int) -> list[bytes]:
    """Return the digests of what a filter asks for, and then of what it leaves out."""
    metadata = (wanted.metadata or {}).items()
    return [
        *(tag_facet(namespace_id, tag) for tag in wanted.tags),
        *(metadata_facet(namespace_id, key, value) for key, value in metadata),
        *(tag_facet(namespace_id, tag) for tag in wanted.without_tags),
    ]


def _facets_of(wanted: SessionFilter) -> int:
    """Return how many facets a filter asks for."""
    return len(wanted.tags) + len(wanted.metadata or {})


def _left_out(wanted: SessionFilter) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the conditions of what is left out but for tags; of each session true or false."""
    for prefix in wanted.without_prefixes:
        end = prefix_end(prefix)
        below = "" if end is None else " AND s.session_id < %s"
        yield f"NOT (s.session_id >= %s{below})", [prefix, *([end] if end else [])]
    for user in wanted.without_users:
        yield "(s.user_id IS NULL OR s.user_id <> %s)", [user]


def prefix_end(prefix: str) -> str | None:
    """Return the first text, in code point order, after all that begin with a prefix.

    None when there is none: the prefix consists of the last code point only.
    """
    kept = prefix.rstrip("\U0010ffff")
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    # Surrogates are no characters: neither database stores them.
    return kept[:-1] + chr(0xE000 if following == 0xD800 else following)


def _page(
    db: Database,
    conditions: str,
    parameters: Sequence[Any],
    sort: str,
    start: tuple[int, int] | None,
    limit: int,
) -> list[SessionSnapshot]:
    column, descending = sort.removeprefix("-"), sort.startswith("-")
    order = "DESC" if descending else "ASC"
    values = list(parameters)
    if start is not None:
        conditions += f" AND (s.{column}, s.id) {'<' if descending else '>'} (%s, %s)"
        values += start
    rows = db.rows(
        f"SELECT {SESSION_COLUMNS}, d.metadata FROM agent_session s"
        " LEFT JOIN session_document d ON d.session_id = s.id"
        f" WHERE {conditions} ORDER BY s.{column} {order}, s.id {order} LIMIT %s",
        (*values, limit),
    )
    return [SessionSnapshot(*row) for row in rows]


def write_cursor(session: SessionSnapshot, scope: int | str, sort: str) -> str:
    """Return the cursor of the page after a session; the scope says of whose list."""
    value = getattr(session, sort.removeprefix("-"))
    return cursors.write_cursor([value, session.number], ("sessions", scope, sort))


def read_cursor(cursor: str, scope: int | str, sort: str) -> tuple[int, int]:
    """Read a cursor that this installation wrote for the same list. Raises Invalid."""
    value, number = cursors.read_cursor(cursor, ("sessions", scope, sort))
    return value, number


def _scope(wanted: SessionFilter, namespace_id: int) -> str:
    """Tell one filter's list in one namespace from every other."""
    metadata = None if wanted.metadata is None else canonical(dict(wanted.metadata))
    return repr((namespace_id, replace(wanted, metadata=None, tags=sorted(wanted.tags)), metadata))
