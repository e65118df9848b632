"""Remove what is closed under a receipt, a step at a time, and keep count on the receipt."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from memory_app import conf
from memory_app.operations.closing import Closed, are_left, take_closed
from memory_app.operations.deleting import Span, count_left, delete_messages, delete_sessions
from memory_app.operations.journal import JournalEntry, enter_removals
from memory_app.operations.receipts import close_receipt, reopen_receipt, write_counts
from memory_app.operations.tallying import Gone, note_gone
from memory_app.storage import Database

# What a session costs to remove besides its messages, in rows; and what bytes cost, in pages.
SESSION_ROWS: Final = 4
_PAGE: Final = 4096
# How many sessions one step looks at.
_AT_ONCE: Final = 2_000


def delete_closed(
    db: Database, receipt: str, counts: dict[str, int], size: int, now: int, *, more: bool = False
) -> tuple[bool, int]:
    """Delete about so many rows of sessions closed under a receipt; return whether any are left.

    And how many rows it was. The receipt is finished with the last, unless `more` will be closed.
    """
    closed = take_closed(db, receipt, counts, min(size, _AT_ONCE), now)
    whole, rows = _fitting(closed, size)
    if closed and not whole:
        whole, rows = _remove_part(db, closed[0], counts, size, now)
    if whole:
        _remove_whole(db, whole, counts, now)
    note_gone(db, [Gone(*one[3:6]) for one in whole], now)
    left = are_left(db, receipt, now)
    # A part of an erasure that was held goes after the rest, and of a run of cleanup what it closed
    # after another had finished for it: the receipt is open again.
    write = reopen_receipt if closed else write_counts
    if left or more or not closed:
        write(db, receipt, counts)
    if not left and not more:
        close_receipt(db, receipt, counts, now, anew=bool(closed))
    return left, rows


def _rows(session: Closed) -> int:
    """Return about how much it is to remove a session."""
    return SESSION_ROWS + session.messages + session.bytes // _PAGE


def _fitting(closed: Sequence[Closed], size: int) -> tuple[Sequence[Closed], int]:
    """Return the first sessions that fit into a step, and how many rows they are.

    One of which no message is left fits always.
    """
    rows = 0
    for place, one in enumerate(closed):
        if rows + _rows(one) > size and (place or one.messages):
            return closed[:place], rows
        rows += _rows(one)
    return closed, rows


def _remove_whole(
    db: Database, sessions: Sequence[Closed], counts: dict[str, int], now: int
) -> None:
    """Remove sessions, enter them into the journal, and look whether anything is left of them."""
    numbers = [one.number for one in sessions]
    deleted = delete_sessions(db, numbers)
    removals = [JournalEntry(one.uid) for one in sessions]
    enter_removals(db, namespace=sessions[0].namespace, removals=removals, now=now)
    counts["sessions"] += len(sessions)
    counts["messages"] += deleted.messages
    counts["index_rows"] += deleted.index_rows
    counts["bytes"] += sum(one.bytes for one in sessions)
    counts["remaining"] += count_left(db, numbers)


def _remove_part(
    db: Database, session: Closed, counts: dict[str, int], size: int, now: int
) -> tuple[Sequence[Closed], int]:
    """Remove the first messages of a session that is too large for one step; return the rows.

    It is returned, to be removed whole, when it turns out to have none.
    """
    part = _measure_part(db, session.number, size)
    if not part.rows:
        return [session], SESSION_ROWS
    deleted = delete_messages(db, [Span(session.number, last=part.last)])
    db.run(_SHRINK, (deleted.messages, part.tokens, part.bytes, session.number))
    removals = [JournalEntry(session.uid, [(1, part.last)])]
    enter_removals(db, namespace=session.namespace, removals=removals, now=now)
    counts["messages"] += deleted.messages
    counts["index_rows"] += deleted.index_rows
    counts["bytes"] += part.bytes
    return [], part.rows


class _Part(NamedTuple):
    """The first messages of a session: their rows, tokens and bytes, and the last one's place."""

    rows: int
    tokens: int
    bytes: int
    last: int


def _measure_part(db: Database, number: int, size: int) -> _Part:
    """Return how many of the next messages fit into a step: one at least, if there is one."""
    part = _Part(0, 0, 0, 0)
    for key, tokens, length in db.rows(_MESSAGES, (*Span(number).keys, size)):
        rows = part.rows + 1 + length // _PAGE
        if part.rows and rows > size:
            break
        part = _Part(rows, part.tokens + tokens, part.bytes + length, key & conf.MAX_SEQ)
    return part


_MESSAGES: Final = (
    "SELECT id, tokens, size_bytes FROM message WHERE id > %s AND id <= %s ORDER BY id LIMIT %s"
)
# What is left of a session that is closed; a hold may bring it back. Were a counter wrong, the
# removal would still come to its end.
_SHRINK: Final = (
    "UPDATE agent_session SET message_count = {greatest}(message_count - %s, 0),"
    " token_count = {greatest}(token_count - %s, 0),"
    " size_bytes = {greatest}(size_bytes - %s, 0) WHERE id = %s"
)
