"""Hand a person chosen sessions as one file: everything of them, or a table about them."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from memory_app.models import AuditAct
from memory_app.models.snapshot import SessionSnapshot
from memory_app.moments import NEVER, to_rfc3339
from memory_app.operations.auditing import About, Entry, write_entry
from memory_app.operations.exporting import Write, write_matching
from memory_app.operations.previewing import read_preview
from memory_app.operations.rights import Person, Right
from memory_app.storage import Database, engine
from memory_app.storage.statements import SESSION_COLUMNS

# How many sessions of a table are read at once.
_AT_ONCE: Final = 1_000
# A spreadsheet takes a cell that begins so for a formula, and computes it.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Cell = Callable[[SessionSnapshot, str, int], Any]
# The table has what a list shows to those who do not read content: no title, metadata or state.
_CELLS: Final[dict[str, Cell]] = {
    "uid": lambda session, namespace, now: session.uid,
    "session_id": lambda session, namespace, now: session.session_id,
    "namespace": lambda session, namespace, now: namespace,
    "user_id": lambda session, namespace, now: session.user_id or "",
    "status": lambda session, namespace, now: session.status(now),
    "held": lambda session, namespace, now: "yes" if session.held else "no",
    "tags": lambda session, namespace, now: " ".join(session.tags),
    "messages": lambda session, namespace, now: session.message_count,
    "tokens": lambda session, namespace, now: session.token_count,
    "size_bytes": lambda session, namespace, now: session.size_bytes,
    "created_at": lambda session, namespace, now: _time(session.created_at),
    "last_activity_at": lambda session, namespace, now: _time(session.last_activity_at),
    "expires_at": lambda session, namespace, now: _time(session.expires_at),
    "expires_because": lambda session, namespace, now: session.expires_because or "",
    "ended_at": lambda session, namespace, now: _time(session.ended_at),
}


@dataclass(frozen=True, slots=True)
class ExportedChosen:
    """How many sessions of the set were written, and how many are gone."""

    sessions: int
    gone: int


def export_lines(
    *, person: Person, token: str, write: Write, now: int | None = None
) -> ExportedChosen:
    """Write the sessions of a set with everything in them, as lines that an import reads again.

    What is written may be handed over when this returns: then the export is entered. Raises
    PreviewStale and Forbidden.
    """

    def work(moment: int) -> int:
        last = engine().read(_last_number)
        return write_matching(_IN_SET, (token,), last, moment, write).sessions

    return _export(person, token, work, now)


def export_table(
    *, person: Person, token: str, write: Write, now: int | None = None
) -> ExportedChosen:
    """Write what lists show of the sessions of a set, without content, as CSV with a head.

    Cells that a spreadsheet would compute begin with an apostrophe. As `export_lines` otherwise.
    """

    def work(moment: int) -> int:
        write(_row(_CELLS))
        number = 0
        for session, namespace in _sessions(token):
            write(_row(cell(session, namespace, moment) for cell in _CELLS.values()))
            number += 1
        return number

    return _export(person, token, work, now)


_IN_SET: Final = (
    "s.id IN (SELECT p.number FROM previewed_session p WHERE p.preview_id = %s)"
    " AND s.purge_receipt IS NULL"
)


def _export(
    person: Person, token: str, work: Callable[[int], int], now: int | None
) -> ExportedChosen:
    preview = read_preview(actor=person, token=token, right=Right.EXPORT, now=now)
    moment = now or engine().read(lambda db: db.now())
    written = work(moment)
    # The set is named by its random number: it is gone within the hour, and the entry stays.
    about, counts = About("selection", token), {"sessions": written}
    entry = Entry(person.username, AuditAct.SESSION_EXPORT, preview.namespace, about, counts)
    engine().write(lambda db: write_entry(db, entry, now or db.now()))
    return ExportedChosen(written, preview.sessions - written)


def _last_number(db: Database) -> int:
    row = db.row("SELECT coalesce(max(id), 0) FROM agent_session")
    assert row is not None, "an aggregate has one row"
    number: int = row[0]
    return number


def _sessions(token: str) -> Iterator[tuple[SessionSnapshot, str]]:
    """Read the sessions of a set, some at a time."""
    last = 0
    while True:
        rows = engine().read(lambda db, after=last: db.rows(_TABLE, (token, after, _AT_ONCE)))  # type: ignore[misc]
        for row in rows:
            yield SessionSnapshot(*row[:-1]), row[-1]
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1][0]


_TABLE: Final = (
    f"SELECT {SESSION_COLUMNS}, n.name FROM agent_session s"
    f" JOIN namespace n ON n.id = s.namespace_id WHERE {_IN_SET} AND s.id > %s"
    " ORDER BY s.id LIMIT %s"
)


def _row(cells: Any) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_defused(cell) for cell in cells])
    return line.getvalue()


def _defused(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _time(moment: int | None) -> str:
    return "" if moment is None or moment >= NEVER else to_rfc3339(moment)
