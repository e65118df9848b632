"""Read a list of sessions from several namespaces at once: a page of it, and how many there are."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from memory_app.operations.browsing import SessionFilter, is_rare, where
from memory_app.storage import Database
from memory_app.storage.engine import Row
from memory_app.storage.statements import SESSION_COLUMNS, union_all

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
        return wanted.held is not None or sum(pair != (None, None) for pair in ranges) > 1

    def count(self) -> Count:
        """Count the sessions, up to COUNT_CAP."""
        found = self._counted
        return Count(min(found, COUNT_CAP), found > COUNT_CAP)

    def page(self, sort: str, after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Return rows of SESSION_COLUMNS and the namespace, from a place of the order on."""
        if not self._namespace_ids:
            return []
        column, descending = sort.removeprefix("-"), sort.startswith("-")
        order = "DESC" if descending else "ASC"
        sign = "<" if descending else ">"
        beyond = "" if after is None else f"AND (s.{column}, s.id) {sign} (%s, %s)"
        ending = f"{beyond} ORDER BY s.{column} {order}, s.id {order} LIMIT %s"
        # A prefix that many ids have is soon met in the order of the list.
        by_order = bool(self._wanted.prefix) and self._counted > COUNT_CAP
        numbers, parameters = self._union(
            "s.id AS number", ending, [*(after or ()), limit], by_order=by_order
        )
        return self._db.rows(
            f"SELECT {SESSION_COLUMNS}, s.namespace_id FROM agent_session s"
            f" JOIN ({numbers}) AS page ON page.number = s.id"
            f" ORDER BY s.{column} {order}, s.id {order} LIMIT %s",
            (*parameters, limit),
        )

    @cached_property
    def _counted(self) -> int:
        if not self._namespace_ids:
            return 0
        ones, parameters = self._union("1 AS one", "LIMIT %s", [COUNT_CAP + 1])
        row = self._db.row(f"SELECT count(*) FROM ({ones}) AS found", parameters)
        return int(row[0]) if row else 0

    @cached_property
    def _rare(self) -> dict[int, bool]:
        return {number: is_rare(self._db, self._wanted, number) for number in self._namespace_ids}

    def _union(
        self, columns: str, ending: str, values: Sequence[Any], *, by_order: bool = False
    ) -> tuple[str, list[Any]]:
        """Ask each namespace through its own index, in one statement."""
        # Ids are indexed apart for live and ended sessions. Asked for both at once, a prefix that
        # few have was looked for in all of a million sessions: 1.8 seconds instead of 3
        # milliseconds. One that many have is soon met in the order of the list: 840 milliseconds
        # became 5.
        both = ["s.ended_at IS NULL", "s.ended_at IS NOT NULL"]
        arms = both if self._wanted.prefix and not by_order else ["1 = 1"]
        parts: list[str] = []
        parameters: list[Any] = []
        for number in self._namespace_ids:
            conditions, asked = where(self._wanted, number, self._now, rare=self._rare[number])
            if by_order:
                conditions = conditions.replace("s.session_id", "{unindexed}s.session_id")
            for arm in arms:
                parts.append(
                    f"SELECT * FROM (SELECT {columns} FROM agent_session s"
                    f" WHERE {conditions} AND {arm} {ending}) AS part{len(parts)}"
                )
                parameters += [*asked, *values]
        return union_all(parts), parameters
