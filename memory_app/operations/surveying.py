"""What the overview shows: how much there is, what happened, and what needs somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from memory_app.errors import Forbidden, Refusal
from memory_app.models import ReceiptKind
from memory_app.moments import DAY, HOUR, NEVER
from memory_app.operations.closing import DUE
from memory_app.operations.falling_due import OVERDUE, is_overdue, was_complete_since
from memory_app.operations.rights import Person, Right, role_for
from memory_app.operations.running import Runs, RunView, read_runs
from memory_app.operations.scrubbing import Scrubbing, look_whether_due
from memory_app.operations.tallying import Counted, Day, read_tallies
from memory_app.operations.viewing import Place, visible_places
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD

# Up to so many a page counts; beyond, it says that there are more.
CAP: Final = 10_000
# A scrub that is due so long has missed its window.
_SCRUB_LATE: Final = 36 * HOUR
# A key that ends so soon is named.
_KEY_SOON: Final = 14 * DAY
_RECENT: Final = DAY
# A backup that old loses more than a week; who lives so long without one is told.
_BACKUP_LATE: Final = 7 * DAY


class Some(NamedTuple):
    """How many, at most CAP, and whether there are more; since when, or from when on."""

    number: int = 0
    more: bool = False
    first_at: int | None = None


class Stored(NamedTuple):
    """What one namespace holds."""

    namespace: str
    counted: Counted


class Matter(NamedTuple):
    """One thing that needs somebody; `about` is a run's number or what a scrub waits for."""

    kind: str
    number: int = 0
    at: int | None = None
    about: str = ""
    urgent: bool = True


@dataclass(frozen=True, slots=True)
class Survey:
    """The numbers of the namespaces that a person may see, and how the installation fares.

    `places` is empty for those who may see the installation only. `counted_at` says when sessions,
    messages and bytes were counted; None where they were not yet.
    """

    now: int
    places: Sequence[Place]
    stored: Sequence[Stored]
    total: Counted
    counted_at: int | None
    days: Sequence[Day]
    overdue: Some
    expiring: Some
    purges: int
    restricted: int
    runs: Runs
    matters: Sequence[Matter]


def survey(*, person: Person, now: int | None = None) -> Survey:
    """Return the overview. The number of its queries is that of its parts, whatever there is.

    Raises Forbidden for those who may see neither a namespace nor the installation.
    """
    scrubbing = look_whether_due(now=now)

    def work(db: Database) -> Survey:
        moment = now or db.now()
        places = _places(db, person)
        numbers = [place.id for place in places]
        tallies = read_tallies(db, numbers, moment)
        stored = [
            Stored(place.name, tallies.namespaces[place.id])
            for place in places
            if place.id in tallies.namespaces
        ]
        overdue = _count_overdue(db, numbers, moment)
        purges, restricted = _count_waiting(db, numbers)
        runs = read_runs(db, person, moment)
        return Survey(
            now=moment,
            places=places,
            stored=sorted(stored, key=lambda one: -one.counted.size_bytes),
            total=_total(stored),
            counted_at=tallies.counted_at,
            days=tallies.days,
            overdue=overdue,
            expiring=_count_expiring(db, numbers, moment),
            purges=purges,
            restricted=restricted,
            runs=runs,
            matters=[
                *_of_runs(overdue, runs.items, moment),
                *_of_holds(db, numbers, moment),
                *([Matter("restricted", restricted)] if restricted else []),
                *_of_keys(db, person, moment),
                *_of_scrub(db, scrubbing, moment),
                *_of_backups(db, person, moment),
            ],
        )

    return engine().read(work)


def _places(db: Database, person: Person) -> Sequence[Place]:
    if person.may_anywhere(Right.VIEW):
        return visible_places(db, person)
    if person.may_anywhere(Right.MANAGE_NAMESPACES):
        return ()
    raise Forbidden(f"this needs the role {role_for(Right.VIEW)}, which you do not hold")


def _total(stored: Sequence[Stored]) -> Counted:
    columns = zip(*(one.counted for one in stored), strict=True)
    return Counted(*(sum(column) for column in columns))


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _count_overdue(db: Database, namespaces: Sequence[int], now: int) -> Some:
    """Count what should have been purged an hour ago and that no hold protects."""
    late = now - OVERDUE
    if not namespaces or was_complete_since(db, late):
        return Some()
    due = DUE.replace("s.namespace_id = %s", f"s.namespace_id IN ({_marks(namespaces)})")
    row = db.row(
        "SELECT count(*), min(d.due_at) FROM (SELECT s.expires_at + s.grace AS due_at"
        f" FROM agent_session s WHERE {due} AND NOT {HELD} LIMIT %s) AS d",
        (*namespaces, late, late, late, CAP + 1),
    )
    return _some(row)


def _count_expiring(db: Database, namespaces: Sequence[int], now: int) -> Some:
    """Count what expires within 24 hours, from the index alone: ended sessions are past theirs."""
    if not namespaces:
        return Some()
    row = db.row(
        "SELECT count(*), min(d.expires_at) FROM (SELECT s.expires_at FROM agent_session s"
        f" WHERE s.namespace_id IN ({_marks(namespaces)}) AND s.expires_at > %s"
        " AND s.expires_at <= %s LIMIT %s) AS d",
        (*namespaces, now, now + DAY, CAP + 1),
    )
    return _some(row)


def _some(row: tuple[Any, ...] | None) -> Some:
    assert row is not None, "it counts"
    number, first_at = row
    return Some(min(number, CAP), number > CAP, first_at if number <= CAP else None)


def _count_waiting(db: Database, namespaces: Sequence[int]) -> tuple[int, int]:
    """Count the removals that are under way, and the erasures of which a hold keeps a part."""
    if not namespaces:
        return 0, 0
    marks = _marks(namespaces)
    under_way = db.row(
        "SELECT count(*) FROM receipt r WHERE r.scrubbed_at IS NULL AND r.purged_at IS NULL"
        f" AND r.namespace_id IN ({marks})",
        namespaces,
    )
    restricted = db.row(
        "SELECT count(*) FROM (SELECT DISTINCT s.purge_receipt FROM agent_session s"
        " WHERE s.purge_receipt IS NOT NULL) AS w JOIN receipt r ON r.id = w.purge_receipt"
        f" WHERE r.kind = %s AND r.purged_at IS NOT NULL AND r.namespace_id IN ({marks})",
        (ReceiptKind.ERASURE.value, *namespaces),
    )
    return (under_way[0] if under_way else 0, restricted[0] if restricted else 0)


def _of_runs(overdue: Some, runs: Sequence[RunView], now: int) -> list[Matter]:
    matters = []
    if overdue.number:
        matters.append(Matter("overdue", overdue.number, overdue.first_at))
    if not runs:
        return [*matters, Matter("never_run")]
    newest = runs[0]
    bad = [run for run in runs if run.state in ("failed", "interrupted")]
    recent = [run for run in bad if now - run.started_at < _RECENT]
    if recent:
        last = recent[0]
        since = sum(run.state == "complete" for run in runs if run.number > last.number)
        matters.append(
            Matter(last.state, since, last.started_at, str(last.number), urgent=since == 0)
        )
    if newest.state == "incomplete":
        matters.append(Matter("incomplete", 0, newest.started_at, str(newest.number)))
    return matters


def _of_holds(db: Database, namespaces: Sequence[int], now: int) -> list[Matter]:
    if not namespaces:
        return []
    row = db.row(
        "SELECT count(*), min(h.review_at) FROM legal_hold h WHERE h.released_at IS NULL"
        f" AND h.held_in IN ({_marks(namespaces)}) AND h.review_at <= %s",
        (*namespaces, now),
    )
    return [Matter("review", row[0], row[1])] if row and row[0] else []


def _of_keys(db: Database, person: Person, now: int) -> list[Matter]:
    """Return the keys that end soon, to whoever could rotate them."""
    names = person.namespaces(Right.MANAGE_KEYS)
    if names is not None and not names:
        return []
    among = "" if names is None else f" AND n.name IN ({_marks(sorted(names))})"
    row = db.row(
        "SELECT count(*), min(k.expires_at) FROM api_key k JOIN namespace n"
        " ON n.id = k.namespace_id WHERE k.expires_at > %s AND k.expires_at <= %s"
        f" AND (k.revoked_at IS NULL OR k.revoked_at > %s){among}",
        (now, min(now + _KEY_SOON, NEVER), now, *sorted(names or ())),
    )
    return [Matter("keys", row[0], row[1])] if row and row[0] else []


def _of_scrub(db: Database, scrubbing: Scrubbing, now: int) -> list[Matter]:
    """Say that a scrub is due; it is urgent when it has missed its window."""
    if not scrubbing.due:
        return []
    row = db.row(
        "SELECT min(r.purged_at) FROM receipt r WHERE r.scrubbed_at IS NULL"
        " AND r.purged_at IS NOT NULL"
    )
    since = row[0] if row else None
    late = since is not None and now - since > _SCRUB_LATE
    return [Matter("scrub", 0, since, scrubbing.waits_for or "the next run", urgent=late)]


def _of_backups(db: Database, person: Person, now: int) -> list[Matter]:
    """Tell administrators of a backup that is old; that there is none is no alarm.

    Lethe knows of its own command only, and others copy disks or whole servers.
    """
    if not person.may_anywhere(Right.MANAGE_NAMESPACES):
        return []
    row = db.row(
        "SELECT (SELECT b.began_at FROM last_backup b), (SELECT min(n.created_at) FROM namespace n)"
    )
    last_at, began_at = row or (None, None)
    if last_at is not None:
        return [Matter("backup", 0, last_at)] if now - last_at > _BACKUP_LATE else []
    if began_at is None or now - began_at <= _BACKUP_LATE:
        return []
    return [Matter("no_backup", urgent=False)]


def cleanup_is_late(*, person: Person, now: int | None = None) -> bool:
    """Tell whoever can act on it whether cleanup is overdue; false when nobody can say."""
    if not (person.may_anywhere(Right.PURGE) or person.may_anywhere(Right.MANAGE_NAMESPACES)):
        return False
    try:
        return is_overdue(now=now)
    except Refusal:
        return False
