"""Read a list of sessions from several namespaces at once: a page of it, and how many there are."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from memory_app.operations.browsing import (
    SessionFilter,
    find_crowded,
    places,
    split_rare,
    where_each,
)
from memory_app.storage import Database
from memory_app.storage.engine import Row
from memory_app.storage.statements import SESSION_COLUMNS

# Counting stops here: beyond it a list says "10,000+".
COUNT_CAP: Final = 10_000


class Count(NamedTuple):
    """How many sessions there are; `capped` when there are more than were counted."""

    number: int
    capped: bool


class Listing:
    """The sessions of some namespaces that match a filter, at one moment of a snapshot."""

    def __init__(
        self, db: Database, namespace_ids: Sequence[int], wanted: SessionFilter, now: int
    ) -> None:
        self._db = db
        self._namespace_ids = namespace_ids
        self._wanted = wanted
        self._now = now

    @property
    def counts_slowly(self) -> bool:
        """Tell whether counting may look at many sessions that do not match.

        Of 200,000 sessions that all have to be looked at it takes 60 milliseconds; through an index
        10,000 are counted in half of one.
        """
        wanted = self._wanted
        ranges = (
            (wanted.created_after, wanted.created_before),
            (wanted.active_after, wanted.active_before),
            (wanted.expires_after, wanted.expires_before),
        )
        several = sum(pair != (None, None) for pair in ranges) > 1
        return wanted.held is not None or wanted.excludes or several

    def count(self) -> Count:
        """Count the sessions, up to COUNT_CAP."""
        found = self._counted
        return Count(min(found, COUNT_CAP), found > COUNT_CAP)

    def page(self, sort: str, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Return rows of SESSION_COLUMNS and the namespace, from a place of the order on."""
        if not self._namespace_ids:
            return []
        column, descending = sort.removeprefix("-"), sort.startswith("-")
        sign, way = ("<", "DESC") if descending else (">", "ASC")
        beyond = "" if after is None else f"AND (s.{column}, s.id) {sign} (%s, %s)"
        order = f"ORDER BY s.{column} {way}, s.id {way}"
        ask = _Ask(limit, order, beyond, after or ())
        numbers, parameters = self._numbers(ask, self._parts_in_order())
        return self._db.rows(
            f"{numbers} SELECT {SESSION_COLUMNS}, s.namespace_id FROM (SELECT s.id FROM number"
            f" CROSS JOIN agent_session s WHERE s.id = number.id {order} LIMIT %s) AS page"
            f" CROSS JOIN agent_session s WHERE s.id = page.id {order}",
            (*parameters, limit),
        )

    @cached_property
    def _counted(self) -> int:
        if not self._namespace_ids:
            return 0
        most = COUNT_CAP + 1
        numbers, parameters = self._numbers(_Ask(most), self._parts)
        row = self._db.row(
            f"{numbers} SELECT count(*) FROM (SELECT 1 FROM number LIMIT %s) AS found",
            (*parameters, most),
        )
        return int(row[0]) if row else 0

    @cached_property
    def _parts(self) -> list["_Part"]:
        rare, others = split_rare(self._db, self._wanted, self._namespace_ids)
        by_id = bool(self._wanted.prefix)
        return [_Part("rare", rare, by_id, rare=True), _Part("other", others, by_id)]

    def _parts_in_order(self) -> list["_Part"]:
        """Tell the namespaces apart where so many ids have the prefix that they are soon met."""
        if not self._wanted.prefix or self._counted <= COUNT_CAP:
            return self._parts
        rare, others = self._parts
        crowded = set(find_crowded(self._db, self._wanted, others.namespaces))
        return [
            rare,
            others._replace(namespaces=[one for one in others.namespaces if one not in crowded]),
            _Part("crowded", list(crowded), by_id=False),
        ]

    def _numbers(self, ask: "_Ask", parts: Sequence["_Part"]) -> tuple[str, list[Any]]:
        """Return a WITH clause whose table `number` has the numbers of sessions to choose from.

        Each namespace is asked through its own index, in one statement that is as long for hundreds
        of namespaces as for one: to plan a UNION of 600 took 1.3 to 2.4 seconds.
        """
        tables: list[str] = []
        parameters: list[Any] = []
        selects: list[str] = []
        asked: list[Any] = []
        for part in parts:
            if part.namespaces:
                table, values = places(part.name, self._wanted, part.namespaces)
                tables.append(table)
                parameters += values
                select, values = self._chosen(part, ask)
                selects.append(select)
                asked += values
        tables.append(f"number AS ({' UNION ALL '.join(selects)})")
        return f"WITH {', '.join(tables)}", [*parameters, *asked]

    def _chosen(self, part: "_Part", ask: "_Ask") -> tuple[str, list[Any]]:
        """Ask each namespace of a part for the numbers of its sessions."""
        conditions, values = where_each(self._wanted, self._now, rare=part.rare)
        values += ask.values
        select = "SELECT s.id FROM agent_session s WHERE"
        if part.by_id:
            # Ids are indexed apart for live and ended sessions. Asked for both at once, a prefix
            # that few have was looked for in all of a million sessions: 1.8 seconds instead of 3
            # milliseconds.
            arms = [
                f"{select} {conditions} AND s.ended_at IS {ended} {ask.ending}"
                for ended in ("NULL", "NOT NULL")
            ]
            return " UNION ALL ".join(
                f"SELECT p.id FROM {part.name} n {self._db.for_each(arm)}" for arm in arms
            ), [*values, ask.limit] * 2
        # One that many have is soon met in the order of the list: 840 milliseconds became 5.
        conditions = conditions.replace("s.session_id", "{unindexed}s.session_id")
        each = self._db.for_each(f"{select} {conditions} {ask.ending}")
        plain = f"SELECT p.id FROM {part.name} n {each}", [*values, ask.limit]
        if part.rare or not ask.order or self._wanted.status not in ("active", "any"):
            return plain
        # A page has room for so many namespaces at most: those whose first sessions come first.
        first = (
            f"SELECT n.* FROM {part.name} n {each} CROSS JOIN agent_session s"
            f" WHERE s.id = p.id {ask.order} LIMIT %s"
        )
        return f"SELECT p.id FROM ({first}) AS n {each}", [
            *values,
            1,
            ask.limit,
            *values,
            ask.limit,
        ]


class _Ask(NamedTuple):
    """How many sessions each namespace is asked for, from which place of which order on."""

    limit: int
    order: str = ""
    beyond: str = ""
    values: Sequence[Any] = ()

    @property
    def ending(self) -> str:
        """Return what follows the conditions of the filter."""
        return f"{self.beyond} {self.order} LIMIT %s"


class _Part(NamedTuple):
    """Namespaces that are asked in the same way: through the index of ids, or in the order."""

    name: str
    namespaces: Sequence[int]
    by_id: bool
    rare: bool = False
