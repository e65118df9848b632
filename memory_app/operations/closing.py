"""Close previewed sessions at every door, under the receipt by which they are then purged."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from memory_app.models import ReceiptKind
from memory_app.operations.auditing import REPLAY
from memory_app.operations.browsing import SessionFilter, where
from memory_app.operations.receipts import enter_subjects
from memory_app.operations.sparing import await_holds, held_among
from memory_app.storage import Database
from memory_app.storage.engine import Row
from memory_app.storage.statements import HELD


class Shown(NamedTuple):
    """A session as a preview saw it."""

    number: int
    revision: int
    last_activity_at: int
    expires_at: int
    has_ended: bool


SHOWN_COLUMNS: Final = "p.number, p.revision, p.last_activity_at, p.expires_at, p.has_ended"


def show_again(db: Database, token: str, numbers: Sequence[int]) -> None:
    """Take sessions of a set as they are now, after its own actor changed them.

    They may no longer match the filter, by that very act: from then on the set stands for itself.
    """
    columns = "revision, last_activity_at, expires_at, has_ended"
    current = "s.revision, s.last_activity_at, s.expires_at, s.ended_at IS NOT NULL"
    db.run_many(
        f"UPDATE previewed_session SET ({columns}) ="
        f" (SELECT {current} FROM agent_session s WHERE s.id = number)"
        " WHERE preview_id = %s AND number = %s",
        [(token, number) for number in numbers],
    )
    if numbers:
        db.run("UPDATE preview SET wanted = NULL WHERE id = %s", (token,))


def read_filter(wanted: str | None) -> SessionFilter | None:
    """Return the filter that a preview keeps as JSON; None for sessions chosen one by one."""
    if wanted is None:
        return None
    fields = json.loads(wanted)
    left_out = {name: tuple(fields[name]) for name in fields if name.startswith("without_")}
    return SessionFilter(**fields | left_out)


def close_next(db: Database, receipt: str, counts: dict[str, int], limit: int, now: int) -> int:
    """Close the next sessions of a receipt, and count why others are left.

    Of a preview a session is purged only as it was shown: unchanged, still matching, not held. An
    erasure takes all that match. Returns how many sessions were looked at.
    """
    preview = db.row(_PREVIEW, (receipt,))
    if preview is None:
        return 0
    token, namespace_id, wanted, kind = preview
    if kind == ReceiptKind.ERASURE:
        rows = _lock_subject(db, namespace_id, read_filter(wanted), limit, now)
        counts["previewed"] += len(rows)
        close(db, receipt, namespace_id, rows, now)
        return len(rows)
    rows = db.rows(
        f"SELECT {SHOWN_COLUMNS} FROM previewed_session p WHERE p.preview_id = %s"
        " ORDER BY p.number LIMIT %s",
        (token, limit),
    )
    if not rows:
        return 0
    shown = [Shown(*row) for row in rows]
    found = _lock(db, namespace_id, [one.number for one in shown], read_filter(wanted), now)
    held = held_among(db, namespace_id, list(found), now)
    closing = []
    for one in shown:
        row = found.get(one.number)
        verdict = "gone" if row is None else _verdict(one, row)
        if one.number in held:
            verdict = "held"
        if verdict == "purge":
            assert row is not None, "it was found"
            closing.append(row)
        else:
            counts[verdict] += 1
    close(db, receipt, namespace_id, closing, now)
    db.run(
        "DELETE FROM previewed_session WHERE preview_id = %s AND number <= %s",
        (token, shown[-1].number),
    )
    return len(shown)


_PREVIEW: Final = (
    "SELECT p.id, p.namespace_id, p.wanted, r.kind FROM preview p"
    " JOIN receipt r ON r.id = p.receipt WHERE p.receipt = %s"
)


def _lock_subject(
    db: Database, namespace_id: int, wanted: SessionFilter | None, limit: int, now: int
) -> list[Row]:
    """Lock the next sessions of a subject, whatever their condition; held ones too."""
    assert wanted is not None, "an erasure names its subject"
    matches, parameters = where(wanted, namespace_id, now)
    return db.rows(
        "SELECT s.id, 0, 0, 0, 0, s.session_id, s.user_id FROM agent_session s"
        f" WHERE {matches} AND s.purge_receipt IS NULL ORDER BY s.id LIMIT %s {{for_update}}",
        (*parameters, limit),
    )


def forget_shown(db: Database, receipt: str) -> None:
    """Forget what was previewed under a receipt: from here on it cannot be cancelled."""
    preview = "SELECT id FROM preview WHERE receipt = %s"
    db.run(f"DELETE FROM previewed_session WHERE preview_id IN ({preview})", (receipt,))
    db.run("DELETE FROM preview WHERE receipt = %s", (receipt,))


def forget_some_shown(db: Database, receipt: str, limit: int) -> int:
    """Forget some of what was previewed under a receipt, the preview last; return how many."""
    done = db.run(
        "DELETE FROM previewed_session WHERE (preview_id, number) IN (SELECT p.preview_id, p.number"
        " FROM previewed_session p JOIN preview v ON v.id = p.preview_id WHERE v.receipt = %s"
        " ORDER BY p.preview_id, p.number LIMIT %s)",
        (receipt, limit),
    )
    if done < limit:
        done += db.run("DELETE FROM preview WHERE receipt = %s", (receipt,))
    return done


def _lock(
    db: Database,
    namespace_id: int,
    numbers: Sequence[int],
    wanted: SessionFilter | None,
    now: int,
) -> Mapping[int, Row]:
    """Lock those sessions that are still there, and tell which match the filter."""
    matches, parameters = ("s.namespace_id = %s", [namespace_id])
    if wanted is not None:
        matches, parameters = where(wanted, namespace_id, now)
    rows = db.rows(
        "SELECT s.id, s.revision, s.last_activity_at, s.expires_at, s.ended_at, s.session_id,"
        f" s.user_id, CASE WHEN {matches} THEN 1 ELSE 0 END"
        " FROM agent_session s WHERE s.purge_receipt IS NULL"
        " AND s.id {among} ORDER BY s.id {for_update}",
        (*parameters, db.array(numbers)),
    )
    return {row[0]: row for row in rows}


def _verdict(one: Shown, row: Row) -> str:
    number, revision, last_activity_at, expires_at, ended_at, _, _, matches = row
    now = Shown(number, revision, last_activity_at, expires_at, ended_at is not None)
    same = now == one._replace(has_ended=bool(one.has_ended))
    return "purge" if same and matches else "changed"


# Past its time and its grace, by the parameters namespace, now, now, now.
DUE: Final = (
    "s.namespace_id = %s AND s.expires_at <= %s AND s.expires_at + s.grace <= %s"
    " AND s.purge_not_before <= %s AND s.purge_receipt IS NULL"
)


def lock_due(db: Database, namespace_id: int, limit: int, now: int) -> list[Row]:
    """Lock the sessions of a namespace that have been due longest and are not held.

    Oldest first, so that an interrupted run has always done the most overdue work.
    """
    return db.rows(
        "SELECT s.id, 0, 0, 0, 0, s.session_id, s.user_id FROM agent_session s"
        f" WHERE {DUE} AND NOT {HELD} ORDER BY s.expires_at, s.id LIMIT %s {{for_update_skipping}}",
        (namespace_id, now, now, now, limit),
    )


def close_due(db: Database, receipt: str, namespace_id: int, due: list[Row], now: int) -> int:
    """Close sessions that are due and locked; return how many a hold was just placed on."""
    held = held_among(db, namespace_id, [row[0] for row in due], now)
    close(db, receipt, namespace_id, [row for row in due if row[0] not in held], now)
    return len(held)


def close(db: Database, receipt: str, namespace_id: int, sessions: Sequence[Row], now: int) -> None:
    """Close locked sessions at every door under a receipt."""
    db.run(
        "UPDATE agent_session SET ended_at = coalesce(ended_at, %s), purge_receipt = %s"
        " WHERE id {among}",
        (now, receipt, db.array([row[0] for row in sessions])),
    )
    enter_subjects(db, receipt, namespace_id, [(row[5], row[6]) for row in sessions])


def keep_filter(wanted: SessionFilter | None) -> str | None:
    """Write a filter as JSON, to be read back by `read_filter`."""
    if wanted is None:
        return None
    fields: dict[str, Any] = {name: getattr(wanted, name) for name in SessionFilter.__slots__}
    return json.dumps(fields | {"tags": list(wanted.tags)}, ensure_ascii=False)


class Closed(NamedTuple):
    """A session that is closed under a receipt, and what is left of it, by its counters."""

    number: int
    uid: str
    namespace: str
    namespace_id: int
    created_at: int
    expires_at: int
    messages: int
    bytes: int
    is_held: int


def take_closed(
    db: Database, receipt: str, counts: dict[str, int], limit: int, now: int
) -> list[Closed]:
    """Return the next closed sessions that may be removed; put back what is held meanwhile.

    What is left of those is kept. Those of an erasure stay closed: they are restricted, and removed
    after the release. A replay is not stopped: a hold that a backup brought back was released
    before the removal.
    """
    row = db.row(
        "SELECT namespace_id, requested_at, kind, actor FROM receipt WHERE id = %s", (receipt,)
    )
    assert row is not None, "it is locked"
    namespace_id, requested_at, kind, actor = row
    await_holds(db, namespace_id)
    if kind == ReceiptKind.ERASURE:
        found = db.rows(f"{_CLOSED}{_FREE} ORDER BY s.id LIMIT %s", (now, receipt, now, limit))
        restricted = db.row(f"{_COUNT_CLOSED}{_RESTRICTED}", (receipt, now))
        assert restricted is not None, "an aggregate has one row"
        counts["held"] = int(restricted[0])
        return [Closed(*one) for one in found]
    found = db.rows(f"{_CLOSED} ORDER BY s.id LIMIT %s", (now, receipt, limit))
    closed = [Closed(*one) for one in found]
    if actor == REPLAY:
        return closed
    for one in reversed(closed):
        if one.is_held:
            db.run(_REOPEN, (requested_at, one.number))
            db.run(_LEAVE_EXPIRED, (now, now, one.number, now))
            counts["held"] += 1
    return [one for one in closed if not one.is_held]


def are_left(db: Database, receipt: str, now: int) -> bool:
    """Tell whether sessions are closed under a receipt that can be removed by and by."""
    return db.row(_LEFT, (receipt, ReceiptKind.ERASURE.value, receipt, now)) is not None


def reopen(db: Database, receipt: str, limit: int, now: int) -> int:
    """Put back the next sessions of a purge that was cancelled; return how many."""
    row = db.row("SELECT requested_at FROM receipt WHERE id = %s", (receipt,))
    assert row is not None, "it is locked"
    numbers = db.rows(_LAST_CLOSED, (receipt, limit))
    for (number,) in numbers:
        db.run(_REOPEN, (row[0], number))
        db.run(_LEAVE_EXPIRED, (now, now, number, now))
    return len(numbers)


# The last begun first: of several of one id only that can have been live.
_LAST_CLOSED: Final = (
    "SELECT s.id FROM agent_session s WHERE s.purge_receipt = %s ORDER BY s.id DESC LIMIT %s"
    " {for_update}"
)
_CLOSED: Final = (
    "SELECT s.id, s.uid, n.name, s.namespace_id, s.created_at, s.expires_at, s.message_count,"
    " s.size_bytes,"
    f" CASE WHEN {HELD} OR s.purge_not_before > %s THEN 1 ELSE 0 END"
    " FROM agent_session s JOIN namespace n ON n.id = s.namespace_id WHERE s.purge_receipt = %s"
)
_COUNT_CLOSED: Final = "SELECT count(*) FROM agent_session s WHERE s.purge_receipt = %s"
# Of an erasure what is held stays, restricted, until a day after the release.
_RESTRICTED: Final = f" AND ({HELD} OR s.purge_not_before > %s)"
_FREE: Final = f" AND NOT {HELD} AND s.purge_not_before <= %s"
_LEFT: Final = (
    "SELECT 1 FROM agent_session s WHERE s.purge_receipt = %s AND"
    f" (NOT EXISTS (SELECT 1 FROM receipt r WHERE r.kind = %s AND r.id = %s) OR (true{_FREE}))"
    " LIMIT 1"
)
# It lives again if it was ended by being closed, and no other session of its id has begun.
_OPEN: Final = (
    "purge_receipt = NULL, ended_at = CASE WHEN s.ended_at >= %s AND NOT EXISTS"
    " (SELECT 1 FROM agent_session o WHERE o.namespace_id = s.namespace_id"
    " AND o.session_id = s.session_id AND o.ended_at IS NULL) THEN NULL ELSE s.ended_at END"
    " WHERE s.id = %s"
)
_REOPEN: Final = f"UPDATE agent_session AS s SET {_OPEN}"
# Another session has taken its id, so it comes back as one that was ended: its grace begins.
_LEAVE_EXPIRED: Final = (
    "UPDATE agent_session SET explicit_until = %s, expires_at = %s"
    " WHERE id = %s AND ended_at IS NOT NULL AND expires_at > %s"
)
