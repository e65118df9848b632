"""Place and release legal holds on chosen sessions, one for each session id; and undo it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

from memory_app.errors import Invalid, Refusal
from memory_app.models import HoldKind
from memory_app.operations import undoing
from memory_app.operations.holding import NewHold, check_matter, place_hold, release_hold
from memory_app.operations.intervening import Chosen
from memory_app.operations.previewing import MAX_CHOSEN, check_reason, read_preview
from memory_app.operations.rights import Person, Right
from memory_app.operations.undoing import Kept, Undone
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD

# What `undoing` keeps as the act.
PLACED: Final = "hold"
RELEASED: Final = "release"


@dataclass(frozen=True, slots=True)
class HeldChosen:
    """How many of the chosen sessions were held, or let go; how many others were not, by reason.

    `undo` is what `undo_holds` takes, for an hour; None when nothing was done.
    """

    done: int
    left: Mapping[str, int] = field(default_factory=dict)
    undo: str | None = None


class _Found(NamedTuple):
    """A chosen session as far as holds are concerned."""

    number: int
    session_id: str
    namespace: str
    is_held: bool


def hold_sessions(
    *, person: Person, chosen: Chosen, matter: str, reason: str, now: int | None = None
) -> HeldChosen:
    """Hold each chosen session by its id, for one matter and one reason.

    A hold covers all sessions of that id, later ones too. Raises NotFound, Forbidden, and Invalid,
    also for more than 1,000: a hold on a prefix or a data subject covers those in one.
    """
    name, why = check_matter(matter), check_reason(reason)
    found, left = _find(person, chosen)
    kept: list[Kept] = []
    done = 0
    for one, alike in _by_id(found):
        if engine().read(partial(_holds_on, one=one, matter=name)):
            left["held for this matter already"] += alike
            continue
        hold = NewHold(
            namespace=one.namespace,
            kind=HoldKind.SESSION,
            target=one.session_id,
            matter=name,
            reason=why,
        )
        kept.append(_kept(one, place_hold(hold=hold, person=person, now=now).id))
        done += alike
    return HeldChosen(done, +left, _keep(person, PLACED, kept, now))


def release_sessions(
    *, person: Person, chosen: Chosen, reason: str, now: int | None = None
) -> HeldChosen:
    """Release the holds that were placed on the chosen sessions by their ids.

    Holds on a data subject or a prefix cover others too, and stay. Nothing of what is let go is
    purged for 24 hours. Raises NotFound, Forbidden, and Invalid as `hold_sessions`.
    """
    why = check_reason(reason)
    found, left = _find(person, chosen)
    kept: list[Kept] = []
    done = 0
    for one, alike in _by_id(found):
        holds = engine().read(partial(_holds_on, one=one))
        if not holds:
            left["held with a prefix or a data subject" if one.is_held else "not held"] += alike
            continue
        released = [hold for hold in holds if _release(hold, why, person, now)]
        kept += [_kept(one, hold) for hold in released]
        done += alike
    return HeldChosen(done, +left, _keep(person, RELEASED, kept, now))


def undo_holds(*, person: Person, undo: str, now: int | None = None) -> Undone:
    """Release what the person has held within the last hour, or hold again what they released.

    Raises Invalid for what is unknown, undone already, another's, or too old.
    """
    act, kept = engine().read(lambda db: undoing.find_kept(db, person, undo, now))
    # A session may have been let go of several holds: it is as it was when all are back.
    undone = {one.number: True for one in kept}
    for one in kept:
        assert one.hold is not None, "it is kept of every act on holds"
        if act == PLACED:
            is_undone = _release(one.hold, "Undone at once", person, now)
        else:
            is_undone = _hold_again(one.hold, person, now)
        undone[one.number] = undone[one.number] and is_undone
    engine().write(lambda db: undoing.settle(db, undo, kept))
    done = sum(undone.values())
    return Undone(act, done, +Counter({"changed meanwhile": len(undone) - done}))


def _find(person: Person, chosen: Chosen) -> tuple[list[_Found], Counter[str]]:
    """Return the chosen sessions that are there, and how many are gone."""
    count = len(chosen.uids)
    values: Sequence[Any] = chosen.uids
    named = f"s.uid IN ({', '.join(['%s'] * count)})"
    if chosen.token is not None:
        count = read_preview(actor=person, token=chosen.token, right=Right.HOLD).sessions
        named = "s.id IN (SELECT p.number FROM previewed_session p WHERE p.preview_id = %s)"
        values = [chosen.token]
    if count > MAX_CHOSEN:
        raise Invalid(
            f"at most {MAX_CHOSEN:,} sessions are held or let go one by one; a hold on a prefix or"
            " a data subject covers them in one"
        )
    rows = engine().read(
        lambda db: db.rows(
            f"SELECT s.id, s.session_id, n.name, {HELD} FROM agent_session s"
            " JOIN namespace n ON n.id = s.namespace_id"
            f" WHERE s.purge_receipt IS NULL AND {named} ORDER BY s.id",
            values,
        )
    )
    found = [one for one in (_Found(*row) for row in rows) if person.may(Right.VIEW, one.namespace)]
    for namespace in {one.namespace for one in found}:
        person.require(Right.HOLD, namespace)
    return found, Counter({"gone": count - len(found)})


def _by_id(found: Sequence[_Found]) -> list[tuple[_Found, int]]:
    """Return one session for each id, and how many there are of it: they have one hold."""
    alike = Counter((one.namespace, one.session_id) for one in found)
    first = {(one.namespace, one.session_id): one for one in reversed(found)}
    return [(first[key], number) for key, number in alike.items()]


def _holds_on(db: Database, *, one: _Found, matter: str | None = None) -> list[str]:
    """Return the active holds that were placed on a session by its id, or those for a matter."""
    rows = db.rows(
        "SELECT h.id, h.matter FROM legal_hold h JOIN namespace n ON n.id = h.held_in"
        " WHERE n.name = %s AND h.kind = 'session' AND h.target = %s AND h.released_at IS NULL"
        " ORDER BY h.placed_at, h.id",
        (one.namespace, one.session_id),
    )
    return [hold for hold, named in rows if matter in (None, named)]


def _release(hold: str, reason: str, person: Person, now: int | None) -> bool:
    """Release a hold; return whether it was there to be released."""
    try:
        release_hold(hold_id=hold, reason=reason, person=person, now=now)
    except Refusal:
        return False
    return True


def _hold_again(hold: str, person: Person, now: int | None) -> bool:
    """Place a hold like one that was released; return whether that could be done."""
    row = engine().read(lambda db: db.row(_LIKE, (hold,)))
    if row is None:
        return False
    namespace, kind, target, matter, reason = row
    again = NewHold(
        namespace=namespace, kind=HoldKind(kind), target=target, matter=matter, reason=reason
    )
    try:
        place_hold(hold=again, person=person, now=now)
    except Refusal:
        return False
    return True


_LIKE: Final = (
    "SELECT n.name, h.kind, h.target, h.matter, h.reason FROM legal_hold h"
    " JOIN namespace n ON n.id = h.held_in WHERE h.id = %s"
)


def _kept(one: _Found, hold: str) -> Kept:
    return Kept(one.number, 0, 0, "explicit", 0, 0, hold)


def _keep(person: Person, act: str, kept: Sequence[Kept], now: int | None) -> str | None:
    if not kept:
        return None
    undo = undoing.new_undo()
    engine().write(lambda db: undoing.keep(db, undo, person, act, kept, now or db.now()))
    return undo
