"""Place and release legal holds, and show them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Final

from memory_app.errors import Invalid, NotFound
from memory_app.models import AuditAct, HoldKind
from memory_app.moments import DAY, MINUTE, NEVER
from memory_app.operations.auditing import COMMAND, About, Entry, write_entry
from memory_app.operations.browsing import prefix_end
from memory_app.operations.cursors import read_cursor, write_cursor
from memory_app.operations.previewing import check_reason
from memory_app.operations.receiving import check_id, check_length, check_prefix
from memory_app.operations.rights import Person, Right
from memory_app.operations.sparing import await_removals
from memory_app.operations.viewing import Place, find_visible, visible_places
from memory_app.storage import Database, engine
from memory_app.storage.statements import COVERS

REVIEW_AFTER: Final = 180 * DAY
MAX_MATTER: Final = 200
# How long nothing is purged after the last release: time to notice a release made by mistake.
REST: Final = DAY
# How many sessions one transaction lets rest: their writers wait for it.
_AT_ONCE: Final = 1_000
# Many rest before the hold ends, so they rest a little longer.
_UNTIL_RELEASED: Final = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold as every door shows it, in the order of _HOLD_COLUMNS. Times are moments."""

    id: str
    namespace: str
    kind: str
    target: str
    matter: str
    reason: str
    placed_by: str
    placed_at: int
    review_at: int
    released_by: str | None
    released_at: int | None
    release_reason: str | None


_HOLD_COLUMNS: Final = ", ".join(
    "n.name" if field.name == "namespace" else f"h.{field.name}" for field in fields(HoldView)
)
_HOLDS: Final = (
    f"SELECT {_HOLD_COLUMNS} FROM legal_hold h JOIN namespace n ON n.id = h.held_in WHERE "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewHold:
    """What is to be held, and why; `review_after` in microseconds."""

    namespace: str
    kind: HoldKind
    target: str
    matter: str
    reason: str
    review_after: int = REVIEW_AFTER


def place_hold(*, hold: NewHold, person: Person | None = None, now: int | None = None) -> HoldView:
    """Hold a session, a subject or a prefix, its later sessions included.

    When this returns, no removal goes on that has not seen the hold. Without a person a command
    does it. Raises NotFound, Forbidden, Invalid and InvalidPrefix.
    """
    check_hold(hold)
    matter, reason = check_matter(hold.matter), check_reason(hold.reason)
    made = f"hld_{secrets.token_hex(16)}"

    def work(db: Database) -> HoldView:
        namespace_id = _find_namespace(db, person, hold.namespace)
        await_removals(db, namespace_id)
        moment = now or db.now()
        db.run(
            "INSERT INTO legal_hold (id, held_in, kind, target, matter, reason, placed_by,"
            " placed_at, review_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                made,
                namespace_id,
                hold.kind.value,
                hold.target,
                matter,
                reason,
                _name(person),
                moment,
                min(moment + hold.review_after, NEVER),
            ),
        )
        placed = find_hold(db, made)
        assert placed is not None, "it was just written"
        _enter(db, person, AuditAct.HOLD_PLACE, placed, moment)
        return placed

    return engine().write(work)


def check_matter(matter: str) -> str:
    """Return the name of a matter, trimmed. Raises Invalid."""
    trimmed = matter.strip()
    if not trimmed or not trimmed.isprintable():
        raise Invalid.at(("body", "matter"), "name the matter, in printable characters")
    check_length(trimmed, ("body", "matter"), "a matter", MAX_MATTER)
    return trimmed


def check_hold(hold: NewHold) -> None:
    """Refuse a hold that cannot be. Raises Invalid and InvalidPrefix."""
    check_matter(hold.matter)
    if hold.review_after <= 0:
        raise Invalid.at(("body", "review"), "a hold is reviewed in the future")
    if hold.kind == HoldKind.PREFIX:
        check_prefix(hold.target, ("body", "target"))
    else:
        what = "a session id" if hold.kind == HoldKind.SESSION else "a user id"
        check_id(hold.target, ("body", "target"), what)


def _find_namespace(db: Database, person: Person | None, name: str) -> int:
    row = db.row("SELECT id FROM namespace WHERE name = %s", (name,))
    if row is None or (person is not None and not person.may(Right.VIEW, name)):
        raise NotFound("there is no such namespace")
    if person is not None:
        person.require(Right.HOLD, name)
    number: int = row[0]
    return number


def _name(person: Person | None) -> str:
    return COMMAND if person is None else person.username


def _enter(db: Database, person: Person | None, act: AuditAct, hold: HoldView, now: int) -> None:
    write_entry(db, Entry(_name(person), act, hold.namespace, About("hold", hold.id)), now)


def release_hold(
    *, hold_id: str, reason: str, person: Person | None = None, now: int | None = None
) -> HoldView:
    """End a hold. Nothing of what it covered is purged for 24 hours.

    Raises NotFound, Forbidden, and Invalid without a reason or when it is released already.
    """
    why = check_reason(reason)
    covered = engine().read(lambda db: _covered(db, _require(db, hold_id, person)))
    last = _let_rest(covered, now) if len(covered) > _AT_ONCE else 0

    def work(db: Database) -> HoldView:
        hold = _require(db, hold_id, person, "{for_update}")
        moment = now or db.now()
        # A user can be named later than a session begins.
        left = _covered(db, hold, 0 if hold.kind == HoldKind.SUBJECT else last)
        _rest(db, left, moment + REST)
        db.run(
            "UPDATE legal_hold SET released_by = %s, released_at = %s, release_reason = %s"
            " WHERE id = %s",
            (_name(person), moment, why, hold_id),
        )
        released = find_hold(db, hold_id)
        assert released is not None, "it is locked"
        _enter(db, person, AuditAct.HOLD_RELEASE, released, moment)
        return released

    return engine().write(work)


def _require(db: Database, hold_id: str, person: Person | None, lock: str = "") -> HoldView:
    """Return an active hold that the person may release, locked when asked to."""
    if lock:
        db.row(f"SELECT s.id FROM legal_hold s WHERE s.id = %s {lock}", (hold_id,))
    hold = find_hold(db, hold_id)
    if hold is None or (person is not None and not person.may(Right.VIEW, hold.namespace)):
        raise NotFound("there is no such hold")
    if person is not None:
        person.require(Right.HOLD, hold.namespace)
    if hold.released_at is not None:
        raise Invalid("the hold is released already")
    return hold


def find_hold(db: Database, hold_id: str) -> HoldView | None:
    """Return a hold, released ones too."""
    row = db.row(f"{_HOLDS} h.id = %s", (hold_id,))
    return HoldView(*row) if row else None


def _covered(db: Database, hold: HoldView, after: int = 0) -> list[int]:
    """Return the numbers of the sessions that a hold covers, through the indexes."""
    conditions = "n.name = %s AND s.id > %s AND "
    parameters: list[Any] = [hold.namespace, after]
    if hold.kind == HoldKind.PREFIX:
        conditions += "s.session_id >= %s AND s.session_id < %s"
        parameters += [hold.target, prefix_end(hold.target)]
    else:
        column = "user_id" if hold.kind == HoldKind.SUBJECT else "session_id"
        conditions += f"s.{column} = %s"
        parameters.append(hold.target)
    # Ids are indexed apart for live and ended sessions.
    arms = [
        "SELECT s.id FROM agent_session s JOIN namespace n ON n.id = s.namespace_id"
        f" WHERE {conditions} AND s.ended_at {ending}"
        for ending in ("IS NULL", "IS NOT NULL")
    ]
    rows = db.rows(" UNION ALL ".join(arms), parameters * 2)
    return sorted(number for (number,) in rows)


def _let_rest(numbers: Sequence[int], now: int | None) -> int:
    """Keep many sessions from being purged, some at a time; return the number of the last."""

    def work(db: Database, some: Sequence[int]) -> None:
        _rest(db, some, (now or db.now()) + REST + _UNTIL_RELEASED)

    for start in range(0, len(numbers), _AT_ONCE):
        engine().write(partial(work, some=numbers[start : start + _AT_ONCE]))
    return numbers[-1]


def _rest(db: Database, numbers: Sequence[int], until: int) -> None:
    db.run_many(
        "UPDATE agent_session SET purge_not_before = %s WHERE id = %s AND purge_not_before < %s",
        [(until, number, until) for number in numbers],
    )


@dataclass(frozen=True, slots=True)
class Holds:
    """Holds, the newest first, and the namespaces that the person may see."""

    items: Sequence[HoldView]
    next_cursor: str | None
    places: Sequence[Place]
    now: int


def list_holds(
    *, person: Person, released: bool = False, limit: int = 50, cursor: str | None = None
) -> Holds:
    """Return the active or the released holds of the namespaces that a person may see."""
    list_of = ("holds", released)
    after = None if cursor is None else read_cursor(cursor, list_of)

    def work(db: Database) -> Holds:
        places = visible_places(db, person)
        if not places:
            return Holds([], None, places, db.now())
        conditions = (
            f"h.released_at IS {'NOT ' * released}NULL"
            f" AND h.held_in IN ({', '.join(['%s'] * len(places))})"
        )
        parameters: list[Any] = [place.id for place in places]
        if after is not None:
            conditions += " AND (h.placed_at, h.id) < (%s, %s)"
            parameters += after
        rows = db.rows(
            f"{_HOLDS} {conditions} ORDER BY h.placed_at DESC, h.id DESC LIMIT %s",
            (*parameters, limit + 1),
        )
        items = [HoldView(*row) for row in rows[:limit]]
        last = items[-1] if len(rows) > limit else None
        following = write_cursor([last.placed_at, last.id], list_of) if last else None
        return Holds(items, following, places, db.now())

    return engine().read(work)


def holds_on(*, person: Person, uid: str) -> Sequence[HoldView]:
    """Return the active holds on a session that a person may see. Raises NotFound."""

    def work(db: Database) -> list[HoldView]:
        session, _ = find_visible(db, person, uid)
        if not session.held:
            return []
        rows = db.rows(
            f"SELECT {_HOLD_COLUMNS} FROM agent_session s"
            f" JOIN legal_hold h ON h.released_at IS NULL AND {COVERS}"
            " JOIN namespace n ON n.id = h.held_in WHERE s.id = %s ORDER BY h.placed_at, h.id",
            (session.number,),
        )
        return [HoldView(*row) for row in rows]

    return engine().read(work)
