"""Count what namespaces hold and what happened on each day, without a cost to those who write.

Sessions that are there are counted by cleanup, or when asked where there are few; each session that
is removed enters itself in the transaction that removes it. A page adds the two up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from memory_app.moments import DAY
from memory_app.storage import Database, engine

# How many days a chart shows at most; counting goes no further back.
DAYS: Final = 30
# Up to so many sessions a page counts for itself, in less than 20 milliseconds. A million took 600
# on SQLite, so more are counted by cleanup, and the page says when that was.
COUNTED_AT_ONCE: Final = 20_000


class Gone(NamedTuple):
    """A session that is being removed."""

    namespace_id: int
    created_at: int
    expires_at: int


class Day(NamedTuple):
    """What happened on a day, which is counted from 1970 in UTC."""

    day: int
    created: int = 0
    expired: int = 0
    purged: int = 0


class _DayOf(NamedTuple):
    """A day of a namespace."""

    namespace_id: int
    day: Day


class Counted(NamedTuple):
    """What a namespace holds."""

    active: int = 0
    expired: int = 0
    purging: int = 0
    messages: int = 0
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Tallies:
    """The numbers of namespaces by their numbers, their days together, and when they were counted.

    `counted_at` is None where nothing was counted yet: there are too many sessions to do it now.
    """

    namespaces: Mapping[int, Counted]
    days: Sequence[Day]
    counted_at: int | None


def note_gone(db: Database, sessions: Iterable[Gone], now: int) -> None:
    """Enter sessions into their days, in the transaction that removes them, as late as may be.

    Others that remove in the same namespace wait for the rows until the commit.
    """
    created: Counter[tuple[int, int]] = Counter()
    expired: Counter[tuple[int, int]] = Counter()
    purged: Counter[tuple[int, int]] = Counter()
    for one in sessions:
        created[one.namespace_id, one.created_at // DAY] += 1
        if one.expires_at <= now:
            expired[one.namespace_id, one.expires_at // DAY] += 1
        purged[one.namespace_id, now // DAY] += 1
    # In one order everywhere, so that two who remove never wait for one another.
    for key in sorted(created | expired | purged):
        db.run(_NOTE, (*key, created[key], expired[key], purged[key]))


_NOTE: Final = (
    "INSERT INTO daily_removal AS t (namespace_id, day, created, expired, purged)"
    " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (namespace_id, day)"
    " DO UPDATE SET created = t.created + excluded.created,"
    " expired = t.expired + excluded.expired, purged = t.purged + excluded.purged"
)


def count_namespaces(*, now: int | None = None) -> None:
    """Count what all namespaces hold, and keep it for the pages."""

    def count(db: Database) -> tuple[int, dict[int, Counted], list[_DayOf]]:
        moment = now or db.now()
        numbers = [number for (number,) in db.rows("SELECT id FROM namespace ORDER BY id")]
        return moment, _count_sessions(db, numbers, moment), _count_days(db, numbers, moment)

    with engine().alone("tally"):
        found = engine().read(count)
        engine().write(lambda db: _keep(db, *found))


def _count_sessions(db: Database, namespaces: Sequence[int], now: int) -> dict[int, Counted]:
    if not namespaces:
        return {}
    rows = db.rows(_COUNT.format(marks=_marks(namespaces)), (now, *namespaces))
    counted = {row[0]: Counted(*(int(value) for value in row[1:])) for row in rows}
    return {number: counted.get(number, Counted()) for number in namespaces}


# In the order of the table: through an index a million rows took ten times as long on SQLite.
_COUNT: Final = (
    "SELECT c.namespace_id, sum(c.is_live), sum(1 - c.is_live - c.is_closed), sum(c.is_closed),"
    " sum(c.message_count), sum(c.size_bytes) FROM (SELECT s.namespace_id, s.message_count,"
    " s.size_bytes, CASE WHEN s.purge_receipt IS NULL THEN 0 ELSE 1 END AS is_closed,"
    " CASE WHEN s.purge_receipt IS NULL AND s.expires_at > %s THEN 1 ELSE 0 END AS is_live"
    " FROM agent_session s WHERE {{unindexed}}s.namespace_id IN ({marks})) AS c"
    " GROUP BY {{unindexed}}c.namespace_id"
)


def _count_days(db: Database, namespaces: Sequence[int], now: int) -> list[_DayOf]:
    """Count the sessions that are there by the days they began and expired on."""
    if not namespaces:
        return []
    marks = _marks(namespaces)
    found: list[_DayOf] = []
    for field, column in (("created", "created_at"), ("expired", "expires_at")):
        rows = db.rows(
            f"SELECT s.namespace_id, s.{column} / {DAY}, count(*) FROM agent_session s"
            f" WHERE s.namespace_id IN ({marks}) AND s.{column} >= %s AND s.{column} <= %s"
            " GROUP BY 1, 2",
            (*namespaces, _first_day(now) * DAY, now),
        )
        found += [_DayOf(number, Day(day)._replace(**{field: n})) for number, day, n in rows]
    return found


def _first_day(now: int) -> int:
    return now // DAY - DAYS + 1


def _keep(db: Database, at: int, counted: Mapping[int, Counted], days: Iterable[_DayOf]) -> None:
    db.run_many(
        "INSERT INTO tally (namespace_id, counted_at, active, expired, purging, messages,"
        " size_bytes) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (namespace_id)"
        " DO UPDATE SET counted_at = excluded.counted_at, active = excluded.active,"
        " expired = excluded.expired, purging = excluded.purging, messages = excluded.messages,"
        " size_bytes = excluded.size_bytes",
        [(number, at, *one) for number, one in counted.items()],
    )
    db.run("DELETE FROM daily_tally")
    db.run_many(
        "INSERT INTO daily_tally AS t (namespace_id, day, created, expired)"
        " VALUES (%s, %s, %s, %s) ON CONFLICT (namespace_id, day) DO UPDATE"
        " SET created = t.created + excluded.created, expired = t.expired + excluded.expired",
        [(number, one.day, one.created, one.expired) for number, one in days],
    )


def read_tallies(db: Database, namespaces: Sequence[int], now: int) -> Tallies:
    """Return the numbers of namespaces: counted now where there are few sessions, else as kept."""
    if not namespaces:
        return Tallies({}, _together([], now), now)
    gone = _days(db, "created, t.expired, t.purged FROM daily_removal", namespaces, now)
    if _are_few(db):
        days = [one for _, one in _count_days(db, namespaces, now)]
        return Tallies(_count_sessions(db, namespaces, now), _together([*gone, *days], now), now)
    there = _days(db, "created, t.expired, 0 FROM daily_tally", namespaces, now)
    kept = db.rows(
        "SELECT t.namespace_id, t.counted_at, t.active, t.expired, t.purging, t.messages,"
        f" t.size_bytes FROM tally t WHERE t.namespace_id IN ({_marks(namespaces)})",
        namespaces,
    )
    return Tallies(
        {row[0]: Counted(*row[2:]) for row in kept},
        _together([*gone, *there], now),
        min((row[1] for row in kept), default=None),
    )


def _days(db: Database, of: str, namespaces: Sequence[int], now: int) -> list[Day]:
    rows = db.rows(
        f"SELECT t.day, t.{of} t WHERE t.namespace_id IN ({_marks(namespaces)}) AND t.day >= %s",
        (*namespaces, _first_day(now)),
    )
    return [Day(*row) for row in rows]


def _marks(values: Sequence[int]) -> str:
    return ", ".join(["%s"] * len(values))


def _are_few(db: Database) -> bool:
    """Tell whether there are few sessions, at once: from the numbers that they were given."""
    row = db.row(
        "SELECT coalesce((SELECT max(id) FROM agent_session), 0)"
        " - coalesce((SELECT min(id) FROM agent_session), 0)"
    )
    return row is None or row[0] < COUNTED_AT_ONCE


def _together(days: Iterable[Day], now: int) -> list[Day]:
    """Add up days, and fill those on which nothing happened."""
    sums = {day: Day(day) for day in range(_first_day(now), now // DAY + 1)}
    for one in days:
        there = sums.get(one.day)
        if there is not None:
            sums[one.day] = Day(
                one.day,
                there.created + one.created,
                there.expired + one.expired,
                there.purged + one.purged,
            )
    return list(sums.values())
