"""The person that sessions are about: tell what there is, take it out, erase it."""

import hmac
import secrets
from dataclasses import dataclass

from memory_app import conf
from memory_app.models import AuditAct, ReceiptKind
from memory_app.operations import purging
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.closing import keep_filter
from memory_app.operations.exporting import Exported, Write, write_matching
from memory_app.operations.journal import file_removals
from memory_app.operations.keys import Caller
from memory_app.operations.previewing import Actor, check_reason, name_of, require_right
from memory_app.operations.receipts import (
    Act,
    ReceiptView,
    enter_subjects,
    open_receipt,
    read_receipt,
)
from memory_app.operations.requesting import Place
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine
from memory_app.storage.statements import HELD


@dataclass(frozen=True, slots=True)
class SubjectView:
    """What a namespace keeps about a person. Times are moments."""

    user_id: str
    sessions: int
    messages: int
    bytes: int
    held: int
    first_at: int | None
    last_at: int | None


def get_subject(*, caller: Caller, user_id: str) -> SubjectView:
    """Count what there is about a person, expired and ended sessions too; zeros when nothing is."""
    caller.require("purge")
    row = engine().read(
        lambda db: db.row(
            "SELECT count(*), coalesce(sum(s.message_count), 0), coalesce(sum(s.size_bytes), 0),"
            f" coalesce(sum(CASE WHEN {HELD} THEN 1 ELSE 0 END), 0), min(s.created_at),"
            f" max(s.last_activity_at) FROM agent_session s WHERE {_ABOUT}",
            (caller.namespace_id, user_id),
        )
    )
    assert row is not None, "an aggregate has one row"
    return SubjectView(user_id, *(int(value) for value in row[:4]), *row[4:])


# What is being purged is closed at every door.
_ABOUT = "s.namespace_id = %s AND s.user_id = %s AND s.purge_receipt IS NULL"


def export_subject(
    *, caller: Caller, user_id: str, write: Write, now: int | None = None
) -> Exported:
    """Write all sessions about a person, expired and ended ones too, as the lines of an export.

    What is written may be handed over when this returns: then the export is entered.
    """
    caller.require("purge")
    place = Place(caller.namespace_id, caller.namespace)
    return _export(caller.name, place, user_id, write, now)


def hand_out_subject(
    *, person: Person, namespace: str, user_id: str, write: Write, now: int | None = None
) -> Exported:
    """Write all sessions about a person of a namespace for somebody who may export there.

    As `export_subject` otherwise. Raises NotFound, Forbidden and ReasonNeeded.
    """
    row = engine().read(lambda db: db.row("SELECT id FROM namespace WHERE name = %s", (namespace,)))
    require_right(person, namespace if row else "", Right.EXPORT)
    assert row is not None, "nobody has a right in a namespace that is not there"
    return _export(person.username, Place(row[0], namespace), user_id, write, now)


def _export(actor: str, place: Place, user_id: str, write: Write, now: int | None) -> Exported:
    def begin(db: Database) -> tuple[int, int]:
        row = db.row("SELECT coalesce(max(id), 0) FROM agent_session")
        assert row is not None, "an aggregate has one row"
        return row[0], now or db.now()

    last, moment = engine().read(begin)
    done = write_matching(_ABOUT, (place.id, user_id), last, moment, write)
    about = About("subject", subject_name(place.id, user_id))
    counts = {"sessions": done.sessions, "messages": done.messages}
    entry = Entry(actor, AuditAct.SUBJECT_EXPORT, place.name, about, counts)
    engine().write(lambda db: write_entry(db, entry, now or db.now()))
    return done


def subject_name(namespace_id: int, user_id: str) -> str:
    """Return how the audit log names a person: it holds no id that somebody chose."""
    secret = f"audit-subject:{namespace_id}:{conf.secret_key()}".encode()
    return hmac.digest(secret, user_id.encode(), "sha256").hex()[:32]


def erase_subject(
    *,
    actor: Actor,
    namespace: str,
    user_id: str,
    reason: str,
    seconds: float | None = None,
    now: int | None = None,
) -> ReceiptView:
    """Purge all sessions about a person in one namespace, whatever their condition; no grace.

    What is held is closed at every door as well, and removed a day after the release. The receipt
    is finished unless the seconds were over: cleanup goes on then. Also nothing found has one.
    Raises NotFound, Forbidden and Invalid.
    """
    why = check_reason(reason)

    def begin(db: Database) -> tuple[str, int, list[str]]:
        row = db.row("SELECT id FROM namespace WHERE name = %s", (namespace,))
        require_right(actor, namespace if row else "", Right.ERASE)
        assert row is not None, "nobody has a right in a namespace that is not there"
        moment = now or db.now()
        act = Act(row[0], ReceiptKind.ERASURE, name_of(actor), why)
        receipt = open_receipt(db, act, 0, moment)
        enter_subjects(db, receipt, row[0], [(None, user_id)])
        # From here on cleanup completes it, should this process die.
        db.run(_ORDER, _order(receipt, row[0], act.actor, user_id, moment))
        waiting = db.rows(_WAITING, (row[0], user_id))
        about = About("receipt", receipt)
        write_entry(db, Entry(act.actor, AuditAct.SUBJECT_ERASE, namespace, about), moment)
        return receipt, row[0], [one for (one,) in waiting]

    receipt, namespace_id, waiting = engine().write(begin)
    for one in waiting:
        # A purge that could still be cancelled would bring back what is erased here.
        purging.finish_receipt(one, now=now)
    purging.close_all(receipt, now)
    purging.finish_receipt(receipt, seconds=seconds, now=now)
    file_removals()
    view = engine().read(lambda db: read_receipt(db, namespace_id, receipt))
    assert view is not None, "it was just written"
    return view


_ORDER = (
    "INSERT INTO preview (id, namespace_id, actor, wanted, created_at, receipt, sessions, messages,"
    " size_bytes, held) VALUES (%s, %s, %s, %s, %s, %s, 0, 0, 0, 0)"
)


def _order(
    receipt: str, namespace_id: int, actor: str, user_id: str, now: int
) -> tuple[str, int, str, str | None, int, str]:
    wanted = keep_filter(SessionFilter(user_id=user_id, status="any"))
    return f"prv_{secrets.token_hex(16)}", namespace_id, actor, wanted, now, receipt


_WAITING = (
    "SELECT DISTINCT s.purge_receipt FROM agent_session s"
    " WHERE s.namespace_id = %s AND s.user_id = %s AND s.purge_receipt IS NOT NULL"
)
