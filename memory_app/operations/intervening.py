"""What a person does to the lifetime of chosen sessions: expire, extend, restore."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

from memory_app.errors import Invalid, NotFound, Refusal, SessionExists
from memory_app.models import AuditAct
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations import lifetimes, undoing
from memory_app.operations.auditing import COMMAND, About, Entry, write_entries, write_entry
from memory_app.operations.closing import SHOWN_COLUMNS, Shown, show_again
from memory_app.operations.previewing import MAX_CHOSEN, check_reason, read_preview
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine
from memory_app.storage.statements import SESSION_COLUMNS

T = TypeVar("T")

# How many sessions one transaction changes: their writers wait for it.
_AT_ONCE: Final = 500
# How many sessions one call changes: somebody waits for it, and 12,000 take some five seconds.
MAX_CHANGED: Final = 20_000

_AUDITED: Final = {
    Right.EXPIRE: AuditAct.SESSION_EXPIRE,
    Right.EXTEND: AuditAct.SESSION_EXTEND,
    Right.RESTORE: AuditAct.SESSION_RESTORE,
}


@dataclass(frozen=True, slots=True)
class Intervened:
    """What came of an act on chosen sessions: which are done, and how many are not, by reason.

    `undo` is what `undoing` takes, for an hour; None when nothing was done.
    """

    done: Sequence[str]
    left: Mapping[str, int] = field(default_factory=dict)
    undo: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Sessions named one by one, or all of a preview."""

    uids: Sequence[str] = ()
    token: str | None = None


Act = Callable[[Database, int, SessionSnapshot, int], None]


def expire_sessions(*, person: Person, chosen: Chosen, now: int | None = None) -> Intervened:
    """End the time of active sessions now; their content is kept for the grace period."""

    def act(db: Database, _: int, session: SessionSnapshot, moment: int) -> None:
        if session.status(moment) != "active":
            raise Invalid("expired already")
        lifetimes.expire(db, session, "operator", moment)

    return _intervene(person, Right.EXPIRE, chosen, act, now)


def extend_sessions(
    *, person: Person, chosen: Chosen, extend_by: int, now: int | None = None
) -> Intervened:
    """Let active sessions live at least so many microseconds from now."""
    if extend_by <= 0:
        raise Invalid("a session is extended into the future")

    def act(db: Database, _: int, session: SessionSnapshot, moment: int) -> None:
        if session.status(moment) != "active":
            raise Invalid("past their time, so to be restored instead")
        if moment + extend_by > session.max_age_until:
            raise Invalid("reaching their maximum age before that")
        lifetimes.extend(db, session, moment + extend_by, moment)

    return _intervene(person, Right.EXTEND, chosen, act, now)


def restore_sessions(*, person: Person, chosen: Chosen, now: int | None = None) -> Intervened:
    """Let expired sessions live again, within their grace and where their id is not live."""

    def act(db: Database, namespace_id: int, session: SessionSnapshot, moment: int) -> None:
        lifetimes.restore(db, namespace_id, session, moment)

    return _intervene(person, Right.RESTORE, chosen, act, now)


def restore_session(*, uid: str, reason: str, now: int | None = None) -> None:
    """Let one expired session live again, as a command; the reason is kept with it.

    Raises NotFound, Invalid, and SessionExists when another session of its id is live.
    """
    why = check_reason(reason)

    def work(db: Database) -> None:
        found = _lock(db, Batch(uids=[uid]))
        if not found:
            raise NotFound("there is no such session")
        namespace_id, namespace, session = found[0]
        moment = now or db.now()
        lifetimes.restore(db, namespace_id, session, moment, why)
        about = About("session", session.uid)
        write_entry(db, Entry(COMMAND, AuditAct.SESSION_RESTORE, namespace, about), moment)

    _begin_none_meanwhile(work)


def _begin_none_meanwhile(work: Callable[[Database], T]) -> T:
    """Run the work; refuse it when another caller begins a session of the same id meanwhile."""
    try:
        return engine().write(work)
    except engine().driver_error as problem:
        if "one_live_session_per_id" not in str(problem):
            raise
        raise SessionExists("a session of the same id has just begun; try again") from None


def _intervene(
    person: Person, right: Right, chosen: Chosen, act: Act, now: int | None
) -> Intervened:
    done: list[str] = []
    left: Counter[str] = Counter()
    undo = undoing.new_undo()
    for batch in _batches(person, right, chosen, now):
        some, others = _begin_none_meanwhile(_work(person, right, batch, act, undo, now))
        done += some
        left += others
    return Intervened(done, dict(left), undo if done else None)


class Batch(NamedTuple):
    """The sessions of one transaction: by uid, or by number with what a preview showed of each."""

    uids: Sequence[str] = ()
    token: str = ""
    shown: Sequence[Shown] = ()


def _batches(person: Person, right: Right, chosen: Chosen, now: int | None) -> list[Batch]:
    if chosen.token is None:
        if len(chosen.uids) > MAX_CHOSEN:
            raise Invalid(f"at most {MAX_CHOSEN} sessions are chosen one by one; use a filter")
        return [Batch(uids=chosen.uids)] if chosen.uids else []
    token = chosen.token
    preview = read_preview(actor=person, token=token, right=right, now=now)
    if preview.sessions > MAX_CHANGED:
        raise Invalid(
            f"at most {MAX_CHANGED:,} sessions are changed at once, and these are"
            f" {preview.sessions:,}; narrow the filter"
        )
    rows = engine().read(
        lambda db: db.rows(
            f"SELECT {SHOWN_COLUMNS} FROM previewed_session p WHERE p.preview_id = %s"
            " ORDER BY p.number",
            (token,),
        )
    )
    shown = [Shown(*row) for row in rows]
    return [
        Batch(token=token, shown=shown[start : start + _AT_ONCE])
        for start in range(0, len(shown), _AT_ONCE)
    ]


def _work(
    person: Person, right: Right, batch: Batch, act: Act, undo: str, now: int | None
) -> Callable[[Database], tuple[list[str], Counter[str]]]:
    def work(db: Database) -> tuple[list[str], Counter[str]]:
        done: list[SessionSnapshot] = []
        entries: list[Entry] = []
        left: Counter[str] = Counter()
        moment = now or db.now()
        found = _lock(db, batch)
        visible = [row for row in found if person.may(Right.VIEW, row[1])]
        left["gone"] += len(batch.uids or batch.shown) - len(visible)
        for _, namespace, _ in visible:
            person.require(right, namespace)
        shown = {one.number: one for one in batch.shown}
        for namespace_id, namespace, session in visible:
            if session.number in shown and not _is_as_shown(shown[session.number], session):
                left["changed meanwhile"] += 1
                continue
            try:
                act(db, namespace_id, session, moment)
            except Refusal as refusal:
                left[refusal.detail] += 1
            else:
                done.append(session)
                about = About("session", session.uid)
                entries.append(Entry(person.username, _AUDITED[right], namespace, about))
        expiries = _expiries(db, done)
        kept = [undoing.lifetime_of(one, expiries[one.number]) for one in done]
        undoing.keep(db, undo, person, right, kept, moment)
        if batch.token:
            show_again(db, batch.token, [one.number for one in done])
        write_entries(db, entries, moment)
        return [one.uid for one in done], +left

    return work


def _expiries(db: Database, sessions: Sequence[SessionSnapshot]) -> dict[int, int]:
    """Return when sessions expire now, by their numbers."""
    if not sessions:
        return {}
    marks = ", ".join(["%s"] * len(sessions))
    rows = db.rows(
        f"SELECT s.id, s.expires_at FROM agent_session s WHERE s.id IN ({marks})",
        [one.number for one in sessions],
    )
    return dict(rows)


def _is_as_shown(one: Shown, session: SessionSnapshot) -> bool:
    return (one.revision, one.last_activity_at, one.expires_at, bool(one.has_ended)) == (
        session.revision,
        session.last_activity_at,
        session.expires_at,
        session.ended_at is not None,
    )


def _lock(db: Database, batch: Batch) -> list[tuple[int, str, SessionSnapshot]]:
    """Lock those sessions of a batch that are there; return each with its namespace."""
    column = "s.uid" if batch.uids else "s.id"
    values: Sequence[Any] = batch.uids or [one.number for one in batch.shown]
    rows = db.rows(
        f"SELECT {SESSION_COLUMNS}, s.namespace_id, n.name FROM agent_session s"
        " JOIN namespace n ON n.id = s.namespace_id WHERE s.purge_receipt IS NULL"
        f" AND {column} IN ({', '.join(['%s'] * len(values))}) ORDER BY s.id {{for_update}}",
        values,
    )
    return [(row[-2], row[-1], SessionSnapshot(*row[:-2])) for row in rows]
