"""Fix a set of sessions, show its numbers, and purge what is still as it was shown."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from memory_app import moments
from memory_app.errors import Invalid, NotFound, PreviewStale
from memory_app.models import AuditAct, ReceiptKind
from memory_app.operations import purging
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.browsing import SessionFilter, where
from memory_app.operations.closing import keep_filter, read_filter
from memory_app.operations.fixing import fix_all, forget_previews, measure
from memory_app.operations.journal import file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.receipts import Act, ReceiptView, open_receipt, read_receipt
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD

Actor = Person | Caller

# What is larger waits for cleanup: until then it can be cancelled.
MOST_SESSIONS_AT_ONCE: Final = 2_000
MOST_MESSAGES_AT_ONCE: Final = 50_000
VALID_FOR: Final = 60 * 60 * moments.SECOND
MAX_REASON: Final = 500
MAX_CHOSEN: Final = 1_000


@dataclass(frozen=True, slots=True)
class PreviewView:
    """A fixed set of sessions and what it holds. Times are moments."""

    token: str
    namespace: str
    sessions: int
    messages: int
    bytes: int
    held: int
    oldest: int | None
    newest: int | None
    wanted: SessionFilter | None
    valid_until: int

    @property
    def is_large(self) -> bool:
        """Tell whether its purge waits for cleanup, and can be cancelled until then."""
        return self.sessions > MOST_SESSIONS_AT_ONCE or self.messages > MOST_MESSAGES_AT_ONCE

    @property
    def going(self) -> int:
        """Return how many a purge would remove: all but those that are held."""
        return self.sessions - self.held


def preview(
    *,
    actor: Actor,
    namespace: str | None = None,
    wanted: SessionFilter | None = None,
    uids: Sequence[str] = (),
    right: Right = Right.PURGE,
    now: int | None = None,
) -> PreviewView:
    """Fix the sessions that match a filter, or those chosen by uid, for one act of this actor.

    `right` is what the act needs. Sessions of other namespaces and sessions that are being purged
    are no part of it. Without a namespace it is that of the chosen sessions. Raises NotFound,
    Forbidden and Invalid.
    """
    if (wanted is None) == (not uids):
        raise Invalid("name a filter or sessions, and not both")
    if len(uids) > MAX_CHOSEN:
        raise Invalid(f"at most {MAX_CHOSEN} sessions are chosen one by one; use a filter")
    if namespace is None:
        namespace = engine().read(lambda db: _shared_namespace(db, actor, uids))
    token = f"prv_{secrets.token_hex(16)}"
    moment, namespace_id = engine().write(
        lambda db: _open(db, token, actor, str(namespace), wanted, right, now)
    )
    if wanted is None:
        marks = ", ".join(["%s"] * len(uids))
        conditions = f"s.namespace_id = %s AND s.uid IN ({marks})"
        parameters: list[Any] = [namespace_id, *uids]
    else:
        conditions, parameters = where(wanted, namespace_id, moment)
    # A preview may name people and hold content: what nobody used goes with the next one.
    forget_previews(before=moment - VALID_FOR)
    fix_all(token, conditions, parameters)
    measure(token, moment)
    return read_preview(actor=actor, token=token, right=right, now=moment)


def _shared_namespace(db: Database, actor: Actor, uids: Sequence[str]) -> str:
    """Return the namespace of all chosen sessions: an act and its receipt belong to one."""
    if not uids:
        raise Invalid("name the namespace of the filter")
    rows = db.rows(
        "SELECT DISTINCT n.name FROM agent_session s JOIN namespace n ON n.id = s.namespace_id"
        f" WHERE s.purge_receipt IS NULL AND s.uid IN ({', '.join(['%s'] * len(uids))})",
        uids,
    )
    names = [name for (name,) in rows if isinstance(actor, Caller) or actor.may(Right.VIEW, name)]
    if not names:
        raise NotFound("none of the sessions is there")
    if len(names) > 1:
        raise Invalid("a purge and its receipt belong to one namespace; choose sessions of one")
    found: str = names[0]
    return found


def _open(
    db: Database,
    token: str,
    actor: Actor,
    namespace: str,
    wanted: SessionFilter | None,
    right: Right,
    now: int | None,
) -> tuple[int, int]:
    moment = now or db.now()
    row = db.row("SELECT id FROM namespace WHERE name = %s", (namespace,))
    require_right(actor, namespace if row else "", right)
    if wanted is not None and wanted.metadata and isinstance(actor, Person):
        # What is counted by its content tells of that content.
        actor.require(Right.READ_CONTENT, namespace)
    assert row is not None, "nobody has a right in a namespace that is not there"
    db.run(
        "INSERT INTO preview (id, namespace_id, actor, wanted, created_at, sessions, messages,"
        " size_bytes, held) VALUES (%s, %s, %s, %s, %s, 0, 0, 0, 0)",
        (token, row[0], name_of(actor), keep_filter(wanted), moment),
    )
    return moment, row[0]


def require_right(actor: Actor, namespace: str, right: Right) -> None:
    """Refuse whoever may not do this there. Raises NotFound for a namespace of others."""
    if isinstance(actor, Caller):
        actor.require("purge")
        if namespace != actor.namespace:
            raise NotFound("there is no such namespace")
    elif not namespace or not actor.may(Right.VIEW, namespace):
        raise NotFound("there is no such namespace")
    else:
        actor.require(right, namespace)


def name_of(actor: Actor) -> str:
    """Return how a receipt names whoever acts."""
    return actor.username if isinstance(actor, Person) else f"key {actor.prefix}"


def read_preview(
    *, actor: Actor, token: str, right: Right = Right.PURGE, now: int | None = None
) -> PreviewView:
    """Return a preview of this actor that can still be used. Raises PreviewStale and Forbidden."""
    return engine().read(lambda db: _read(db, actor, token, right, now or db.now()))


def _read(
    db: Database, actor: Actor, token: str, right: Right, now: int, lock: str = ""
) -> PreviewView:
    row = db.row(
        "SELECT s.id, n.name, s.sessions, s.messages, s.size_bytes, s.oldest_at, s.newest_at,"
        " s.wanted, s.created_at, s.actor, s.receipt, s.held FROM preview s"
        f" JOIN namespace n ON n.id = s.namespace_id WHERE s.id = %s {lock}",
        (token,),
    )
    if row is None or row[10] is not None or row[9] != name_of(actor) or row[8] + VALID_FOR <= now:
        raise PreviewStale(
            "the preview is used, older than an hour, or not yours; nothing was removed"
        )
    require_right(actor, row[1], right)
    return PreviewView(
        token=row[0],
        namespace=row[1],
        sessions=row[2],
        messages=int(row[3]),
        bytes=int(row[4]),
        held=row[11],
        oldest=row[5],
        newest=row[6],
        wanted=read_filter(row[7]),
        valid_until=row[8] + VALID_FOR,
    )


class Spared(NamedTuple):
    """A session of a set that a purge would leave; without a hold it was just let go."""

    uid: str
    session_id: str
    until: int | None
    messages: int
    bytes: int


def find_spared(*, actor: Actor, preview: PreviewView, now: int | None = None) -> Sequence[Spared]:
    """Return the sessions of a preview that a purge would leave, by their ids.

    `until` is when those may be purged whose last hold was released less than a day ago. Of a large
    set none are looked for.
    """
    if not preview.held or preview.is_large:
        return []
    require_right(actor, preview.namespace, Right.PURGE)

    def work(db: Database) -> list[Spared]:
        rows = db.rows(_SPARED, (preview.token, now or db.now()))
        return [Spared(row[0], row[1], None if row[5] else row[2], row[3], row[4]) for row in rows]

    return engine().read(work)


_SPARED: Final = (
    "SELECT s.uid, s.session_id, s.purge_not_before, s.message_count, s.size_bytes,"
    f" CASE WHEN {HELD} THEN 1 ELSE 0 END"
    " FROM previewed_session p JOIN agent_session s ON s.id = p.number"
    f" WHERE p.preview_id = %s AND ({HELD} OR s.purge_not_before > %s)"
    " ORDER BY s.session_id, s.id"
)


def execute(
    *,
    actor: Actor,
    token: str,
    reason: str,
    seconds: float | None = None,
    now: int | None = None,
) -> ReceiptView:
    """Purge the sessions of a preview that are as they were shown; return the receipt.

    A large set waits closed for cleanup to begin, and so does what is left after so many seconds:
    the receipt is not finished yet. Raises PreviewStale, also when somebody cancels it meanwhile,
    Forbidden and Invalid.
    """
    why = check_reason(reason)

    def begin(db: Database) -> tuple[str, int, bool]:
        moment = now or db.now()
        shown = _read(db, actor, token, Right.PURGE, moment, "{for_update}")
        row = db.row("SELECT namespace_id FROM preview WHERE id = %s", (token,))
        assert row is not None, "it is locked"
        act = Act(row[0], ReceiptKind.PURGE, name_of(actor), why)
        receipt = open_receipt(db, act, shown.sessions, moment)
        db.run("UPDATE preview SET receipt = %s WHERE id = %s", (receipt, token))
        db.run(
            "INSERT INTO purge (id, namespace_id, receipt, sessions, actor, requested_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            (
                f"prg_{secrets.token_hex(16)}",
                row[0],
                receipt,
                shown.sessions,
                act.actor,
                moment,
            ),
        )
        about, counts = About("receipt", receipt), {"sessions": shown.sessions}
        entry = Entry(act.actor, AuditAct.PURGE_EXECUTE, shown.namespace, about, counts)
        write_entry(db, entry, moment)
        waits = shown.is_large or (seconds is not None and seconds <= 0)
        return receipt, row[0], waits

    receipt, namespace_id, waits = engine().write(begin)
    purging.close_all(receipt, now)
    if not waits:
        purging.finish_receipt(receipt, seconds=seconds, now=now)
        file_removals()
    view = engine().read(lambda db: read_receipt(db, namespace_id, receipt))
    if view is None:
        raise PreviewStale("somebody cancelled this purge while its sessions were being closed")
    return view


def check_reason(reason: str) -> str:
    """Return the reason, trimmed. Raises Invalid when there is none."""
    trimmed = reason.strip()
    if not trimmed or len(trimmed) > MAX_REASON:
        raise Invalid.at(("body", "reason"), f"give a reason of at most {MAX_REASON} characters")
    return trimmed
