"""Show people the runs of cleanup and what the next will do, and run it when a person asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from memory_app.errors import Forbidden, NotFound
from memory_app.models import AuditAct
from memory_app.moments import MINUTE
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.cleaning import clean_up
from memory_app.operations.falling_due import Due, add_up, count_due
from memory_app.operations.rights import EVERYWHERE, Person, Right, role_for
from memory_app.operations.scrubbing import Scrubbing, look_whether_due
from memory_app.storage import Database, engine
from memory_app.storage.engine import Row

# How long a person waits for a run at most; what is left by then the next one does.
AT_ONCE_SECONDS: Final = 5.0
# A run that began so long ago and has no end was killed, unless it is the newest there is.
_STILL: Final = 60 * MINUTE
SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class RunView:
    """A run; its numbers are of the namespaces that the person may see.

    `state` is `running`, `interrupted`, `failed`, `incomplete` or `complete`.
    """

    number: int
    started_at: int
    finished_at: int | None
    namespace: str | None
    complete: bool
    scrubbed: bool
    problem: str | None
    expired: int
    purged: Due
    held: int
    state: str


@dataclass(frozen=True, slots=True)
class PartView:
    """What a run did in one namespace, and the receipt for it."""

    namespace: str
    expired: int
    purged: Due
    held: int
    receipt: str | None


@dataclass(frozen=True, slots=True)
class Runs:
    """The last runs, the newest first; `everywhere` when their numbers are of all namespaces."""

    items: Sequence[RunView]
    everywhere: bool
    now: int


def list_runs(*, person: Person, before: int | None = None, now: int | None = None) -> Runs:
    """Return the last runs, or those before a run's number.

    Raises Forbidden for those who may see no namespace.
    """
    _require(person)
    return engine().read(lambda db: read_runs(db, person, now or db.now(), before))


def read_runs(db: Database, person: Person, now: int, before: int | None = None) -> Runs:
    """Return the last runs, within a transaction."""
    names = _visible_names(person)
    # A run over a namespace that one may not see is none of one's business.
    seen, parameters = _among("r.namespace", names, "r.namespace IS NULL OR ")
    rows = db.rows(
        f"SELECT {_RUN} FROM cleanup_run r WHERE {seen}{' AND r.id < %s' if before else ''}"
        " ORDER BY r.id DESC LIMIT %s",
        (*parameters, *([before] if before else []), SHOWN),
    )
    parts = {} if names is None else _own_numbers(db, [row[0] for row in rows], names)
    newest = rows[0][0] if rows and not before else 0
    items = [_run(row, now, newest, None if names is None else parts.get(row[0])) for row in rows]
    return Runs(items, names is None, now)


def show_run(
    *, person: Person, number: int, now: int | None = None
) -> tuple[RunView, Sequence[PartView]]:
    """Return a run and what it did in each namespace that the person may see. Raises NotFound."""
    _require(person)
    names = _visible_names(person)

    def work(db: Database) -> tuple[RunView, Sequence[PartView]]:
        row = db.row(f"SELECT {_RUN} FROM cleanup_run r WHERE r.id = %s", (number,))
        if row is None or not (names is None or row[3] is None or row[3] in names):
            raise NotFound("there is no such run")
        newest = db.row("SELECT max(id) FROM cleanup_run")
        parts = _parts(db, number, names)
        own = None if names is None else _sum_of(parts)
        return _run(row, now or db.now(), newest[0] if newest else 0, own), parts

    return engine().read(work)


_RUN: Final = (
    "r.id, r.started_at, r.finished_at, r.namespace, r.complete, r.scrubbed, r.problem, r.expired,"
    " r.sessions, r.messages, r.size_bytes, r.held"
)
_Numbers = tuple[int, int, int, int, int]


def _run(row: Row, now: int, newest: int, own: _Numbers | None) -> RunView:
    number, started_at, finished_at, namespace, complete, scrubbed, problem, *whole = row
    expired, sessions, messages, size, held = whole if own is None else own
    if finished_at is None:
        state = "running" if number == newest and now - started_at < _STILL else "interrupted"
    elif problem is not None:
        state = "failed"
    else:
        state = "complete" if complete else "incomplete"
    return RunView(
        number,
        started_at,
        finished_at,
        namespace,
        bool(complete),
        bool(scrubbed),
        problem,
        expired,
        Due(sessions, messages, size),
        held,
        state,
    )


def _require(person: Person) -> None:
    if not (person.may_anywhere(Right.VIEW) or person.may_anywhere(Right.MANAGE_NAMESPACES)):
        raise Forbidden(f"this needs the role {role_for(Right.VIEW)}, which you do not hold")


def _visible_names(person: Person) -> frozenset[str] | None:
    """Return of which namespaces a person may see numbers; None means all."""
    names: frozenset[str] = frozenset()
    for right in (Right.VIEW, Right.MANAGE_NAMESPACES):
        there = person.namespaces(right)
        if there is None:
            return None
        names |= there
    return names


def _among(column: str, names: frozenset[str] | None, before: str = "") -> tuple[str, list[Any]]:
    if names is None:
        return "1 = 1", []
    marks = ", ".join(["%s"] * len(names))
    return f"({before}{column} IN ({marks}))", sorted(names)


_PART: Final = (
    "SELECT p.run_id, n.name, p.expired, p.sessions, p.messages, p.size_bytes, p.held, p.receipt"
    " FROM cleanup_part p JOIN namespace n ON n.id = p.namespace_id WHERE"
)


def _parts(db: Database, number: int, names: frozenset[str] | None) -> list[PartView]:
    among, parameters = _among("n.name", names)
    rows = db.rows(f"{_PART} p.run_id = %s AND {among} ORDER BY n.name", (number, *parameters))
    return [PartView(row[1], row[2], Due(*row[3:6]), row[6], row[7]) for row in rows]


def _own_numbers(db: Database, runs: Sequence[int], names: frozenset[str]) -> dict[int, _Numbers]:
    if not runs:
        return {}
    among, parameters = _among("n.name", names)
    marks = ", ".join(["%s"] * len(runs))
    own: dict[int, _Numbers] = dict.fromkeys(runs, (0, 0, 0, 0, 0))
    for run, _, *numbers, _ in db.rows(
        f"{_PART} p.run_id IN ({marks}) AND {among}", (*runs, *parameters)
    ):
        there = own[run]
        own[run] = tuple(a + b for a, b in zip(there, numbers, strict=True))
    return own


def _sum_of(parts: Sequence[PartView]) -> _Numbers:
    return (
        sum(part.expired for part in parts),
        sum(part.purged.sessions for part in parts),
        sum(part.purged.messages for part in parts),
        sum(part.purged.bytes for part in parts),
        sum(part.held for part in parts),
    )


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What the next run would do in the namespaces that a person may see."""

    expired: int
    due: Due
    held: int
    scrubbing: Scrubbing
    now: int


def foresee_run(*, person: Person, now: int | None = None) -> Foreseen:
    """Count what the next run would do: the numbers of `cleanup --dry-run`, and nothing changed."""
    _require(person)
    among, parameters = _among("n.name", _visible_names(person))

    def work(db: Database) -> tuple[int, int, Due, int]:
        moment = now or db.now()
        rows = db.rows(f"SELECT n.id FROM namespace n WHERE {among}", parameters)
        expired, due, held = add_up(count_due(db, [row[0] for row in rows], moment))
        return moment, expired, due, held

    moment, expired, due, held = engine().read(work)
    return Foreseen(expired, due, held, look_whether_due(now=now), moment)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run that a person asked for; `complete` when nothing that was due is left."""

    run: int
    purged: Due
    complete: bool


def run_now(*, person: Person, now: int | None = None) -> Ran:
    """Run cleanup for at most five seconds where the person may purge; what is left the next does.

    It does not scrub, which may stop writers for minutes. Raises Forbidden.
    """
    names = person.namespaces(Right.PURGE)
    if names is not None and not names:
        person.require(Right.PURGE, EVERYWHERE)
    places: list[str | None] = [None] if names is None else [*sorted(names)]
    purged, complete, last = Due(), True, 0
    for place in places:
        seconds = AT_ONCE_SECONDS / len(places)
        done = clean_up(namespace=place, max_seconds=seconds, may_scrub=False, now=now)
        assert done.run is not None, "it was not a dry one"
        purged, complete, last = purged.plus(done.purged), complete and done.complete, done.run
        counts = {"sessions": done.purged.sessions, "messages": done.purged.messages}
        entry = Entry(
            person.username, AuditAct.CLEANUP_RUN, place, About("run", str(done.run)), counts
        )
        engine().write(lambda db, entry=entry: write_entry(db, entry, now or db.now()))  # type: ignore[misc]
    return Ran(last, purged, complete)
