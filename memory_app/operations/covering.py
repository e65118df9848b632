"""Say what holds cover: how many sessions each, and one hold with all that is known of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memory_app.errors import NotFound
from memory_app.models import HoldKind
from memory_app.operations.browsing import prefix_end
from memory_app.operations.holding import HoldView, NewHold, check_hold, find_hold
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine

# Counting stops here: beyond it a page says "10,000+".
COUNT_CAP: Final = 10_000


@dataclass(frozen=True, slots=True)
class Covered:
    """How much a hold covers now, up to COUNT_CAP sessions of each kind."""

    sessions: int
    messages: int
    bytes: int

    @property
    def capped(self) -> bool:
        """Tell whether there is more."""
        return self.sessions > COUNT_CAP


@dataclass(frozen=True, slots=True)
class HoldPage:
    """One hold, what it covers now, and the time."""

    hold: HoldView
    covered: Covered
    now: int


def count_covered(*, holds: Sequence[HoldView]) -> Mapping[str, int]:
    """Return how many sessions each of these holds covers now, by its id; COUNT_CAP + 1 is more."""
    if not holds:
        return {}
    arms: list[str] = []
    parameters: list[Any] = []
    for hold in holds:
        some, asked = _sessions(hold.namespace, hold.kind, hold.target)
        arms.append(f"SELECT CAST(%s AS text) AS hold, count(*) FROM ({some}) AS c{len(arms)}")
        parameters += [hold.id, *asked]
    rows = engine().read(lambda db: db.rows(" UNION ALL ".join(arms), parameters))
    return {hold: min(int(number), COUNT_CAP + 1) for hold, number in rows}


def show_hold(*, person: Person, hold_id: str) -> HoldPage:
    """Return a hold that a person may see. Raises NotFound."""

    def work(db: Database) -> HoldPage:
        hold = find_hold(db, hold_id)
        if hold is None or not person.may(Right.VIEW, hold.namespace):
            raise NotFound("there is no such hold")
        return HoldPage(hold, _measure(db, hold.namespace, hold.kind, hold.target), db.now())

    return engine().read(work)


def preview_hold(*, hold: NewHold, person: Person) -> Covered:
    """Return what a hold would cover now. Raises as `place_hold`, and places nothing."""
    check_hold(hold)

    def work(db: Database) -> Covered:
        known = db.row("SELECT 1 FROM namespace WHERE name = %s", (hold.namespace,))
        if known is None or not person.may(Right.VIEW, hold.namespace):
            raise NotFound("there is no such namespace")
        person.require(Right.HOLD, hold.namespace)
        return _measure(db, hold.namespace, hold.kind, hold.target)

    return engine().read(work)


def _measure(db: Database, namespace: str, kind: str, target: str) -> Covered:
    some, asked = _sessions(namespace, kind, target)
    row = db.row(
        "SELECT count(*), CAST(coalesce(sum(c.message_count), 0) AS bigint),"
        f" CAST(coalesce(sum(c.size_bytes), 0) AS bigint) FROM ({some}) AS c",
        asked,
    )
    assert row is not None, "sums always have a row"
    return Covered(*map(int, row))


def _sessions(namespace: str, kind: str, target: str) -> tuple[str, list[Any]]:
    """Return what selects the sessions that a hold covers, up to the cap, through the indexes."""
    if kind == HoldKind.PREFIX:
        condition, asked = "s.session_id >= %s AND s.session_id < %s", [target, prefix_end(target)]
    else:
        column = "user_id" if kind == HoldKind.SUBJECT else "session_id"
        condition, asked = f"s.{column} = %s", [target]
    # Ids are indexed apart for live and ended sessions.
    arms = [
        "SELECT * FROM (SELECT s.message_count, s.size_bytes FROM agent_session s"
        " JOIN namespace n ON n.id = s.namespace_id"
        f" WHERE n.name = %s AND {condition} AND s.ended_at {ending}"
        f" LIMIT {COUNT_CAP + 1}) AS {name}"
        for ending, name in (("IS NULL", "live"), ("IS NOT NULL", "ended"))
    ]
    return " UNION ALL ".join(arms), [namespace, *asked, namespace, *asked]
