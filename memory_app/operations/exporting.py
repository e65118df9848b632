"""Export sessions as lines that an import reads again: what was received comes out as it went in.

docs/format.md is the format in words.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from memory_app import conf
from memory_app.errors import NotFound
from memory_app.models import AuditAct
from memory_app.models.message import SEQ_BITS
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.moments import NEVER, to_rfc3339
from memory_app.operations.auditing import COMMAND, About, Entry, write_entry
from memory_app.operations.browsing import SessionFilter, where
from memory_app.operations.session_lines import BESIDE_A_MESSAGE
from memory_app.storage import Database, engine
from memory_app.storage.statements import EVENT_COLUMNS, SESSION_COLUMNS

# How many sessions are read on one snapshot, and what is in memory of one session at a time.
_SESSIONS_AT_ONCE: Final = 20
_MESSAGES_AT_ONCE: Final = 1_000
_BYTES_AT_ONCE: Final = 4 * conf.MB

Write = Callable[[str], object]


@dataclass(slots=True)
class Exported:
    """What an export wrote; `expired` of the sessions are past their time and not yet purged."""

    sessions: int = 0
    messages: int = 0
    expired: int = 0


def export_sessions(
    *,
    namespace: str,
    prefix: str | None = None,
    write: Write,
    progress: Callable[[int], object] = lambda _: None,
    now: int | None = None,
) -> Exported:
    """Write the sessions that hold an id of the namespace, expired ones included, line by line.

    Sessions that a restart has ended, and those being purged, are left out; so are sessions that
    begin after the export. Each line shows one instant, the whole export does not. `progress` hears
    how many of the sessions' messages were written. The export is in the audit log before the first
    line is written, also when it is then interrupted. Raises NotFound for an unknown namespace.
    """
    wanted = SessionFilter(prefix=prefix, status="any")
    namespace_id, last, moment = engine().read(lambda db: _begin(db, namespace, now))
    conditions, parameters = where(wanted, namespace_id, moment)
    conditions += " AND s.ended_at IS NULL AND s.purge_receipt IS NULL"
    _enter(namespace, conditions, parameters, now)
    return write_matching(conditions, parameters, last, moment, write, progress)


def _enter(namespace: str, conditions: str, parameters: Sequence[Any], now: int | None) -> None:
    """Enter that content leaves by a command, with how many sessions it is of."""

    def work(db: Database) -> None:
        row = db.row(f"SELECT count(*) FROM agent_session s WHERE {conditions}", parameters)
        about, counts = (
            About("selection", secrets.token_hex(16)),
            {"sessions": row[0] if row else 0},
        )
        entry = Entry(COMMAND, AuditAct.SESSION_EXPORT, namespace, about, counts)
        write_entry(db, entry, now or db.now())

    engine().write(work)


def write_matching(
    conditions: str,
    parameters: Sequence[Any],
    last: int,
    now: int,
    write: Write,
    progress: Callable[[int], object] = lambda _: None,
) -> Exported:
    """Write the sessions `s` up to a number that meet conditions, some at a time, line by line."""
    done = Exported()
    conditions += " AND s.id > %s AND s.id <= %s"
    number = 0

    def work(db: Database) -> int | None:
        rows = db.rows(_SESSIONS.replace("{where}", conditions), (*parameters, number, last))
        for row in rows:
            session = SessionSnapshot(*row)
            count = write_session(db, session, write)
            done.sessions += 1
            done.messages += count
            done.expired += session.status(now) == "expired"
            progress(count)
        return rows[-1][0] if rows else None

    while (reached := engine().read(work)) is not None:
        number = reached
    return done


def count_to_export(*, namespace: str, prefix: str | None = None) -> int:
    """Return about how many messages an export will write, for a progress bar."""

    def work(db: Database) -> int:
        namespace_id, _, moment = _begin(db, namespace, None)
        conditions, parameters = where(
            SessionFilter(prefix=prefix, status="any"), namespace_id, moment
        )
        row = db.row(
            f"SELECT CAST(coalesce(sum(s.message_count), 0) AS bigint) FROM agent_session s"
            f" WHERE {conditions} AND s.ended_at IS NULL AND s.purge_receipt IS NULL",
            parameters,
        )
        return int(row[0]) if row else 0

    return engine().read(work)


def _begin(db: Database, namespace: str, now: int | None) -> tuple[int, int, int]:
    """Return the number of the namespace, that of its newest session, and the time."""
    row = db.row(
        "SELECT n.id, coalesce((SELECT max(s.id) FROM agent_session s), 0)"
        " FROM namespace n WHERE n.name = %s",
        (namespace,),
    )
    if row is None:
        raise NotFound("there is no such namespace")
    return row[0], row[1], now or db.now()


_SESSIONS = (
    f"SELECT {SESSION_COLUMNS}, d.metadata, d.state FROM ("
    f" SELECT * FROM agent_session s WHERE {{where}} ORDER BY s.id LIMIT {_SESSIONS_AT_ONCE}"
    ") s LEFT JOIN session_document d ON d.session_id = s.id ORDER BY s.id"
)


def write_session(db: Database, session: SessionSnapshot, write: Write) -> int:
    """Write one line; return how many messages it has."""
    write(_head(session))
    seq = count = 0
    for events in read_pages(db, session):
        items = []
        for event in events:
            items.append(_item(event, session, seq + 1))
            seq = event.seq
        write(("," if count else "") + ",".join(items))
        count += len(items)
    write("]}\n")
    return count


def _head(session: SessionSnapshot) -> str:
    """Write a session up to its messages; what it has not is left out."""
    members = [("session_id", _quote(session.session_id))]
    if session.user_id is not None:
        members.append(("user_id", _quote(session.user_id)))
    if session.title is not None:
        members.append(("title", _quote(session.title)))
    if session.tags:
        members.append(("tags", session.tags_text))
    if session.metadata is not None:
        members.append(("metadata", _one_line(session.metadata)))
    if session.state is not None:
        members.append(("state", _one_line(session.state)))
    members.append(("created_at", f'"{to_rfc3339(session.created_at)}"'))
    if session.expires_at < NEVER:
        members.append(("expires_at", f'"{to_rfc3339(session.expires_at)}"'))
        members.append(("expires_because", f'"{session.expires_because}"'))
    return "{" + "".join(f'"{name}":{text},' for name, text in members) + '"messages":['


def _item(event: Event, session: SessionSnapshot, next_seq: int) -> str:
    """Write a message, and beside it what cannot be told from it and its neighbours."""
    message = event.message()
    beside = "" if event.state is None else f',"state":{event.state}'
    if event.seq != next_seq:
        beside += f',"seq":{event.seq}'
    if message.get("timestamp") is None and event.created_at != session.created_at:
        beside += f',"created_at":"{to_rfc3339(event.created_at)}"'
    if message.keys().isdisjoint(BESIDE_A_MESSAGE):
        return _one_line(event.payload[:-1] + beside + "}")
    return _one_line('{"message":' + event.payload + beside + "}")


def _one_line(text: str) -> str:
    """Return a JSON text without line breaks, which can only be white space between its parts."""
    return text.replace("\n", " ").replace("\r", " ")


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def read_pages(db: Database, session: SessionSnapshot) -> Iterator[list[Event]]:
    """Read the messages of a session in order, as many at once as memory shall hold."""
    start, end = session.number << SEQ_BITS, (session.number << SEQ_BITS) + conf.MAX_SEQ
    if session.message_count > _MESSAGES_AT_ONCE or session.size_bytes > _BYTES_AT_ONCE:
        while (stop := _end_of_page(db, start, end)) is not None:
            yield _events(db, start, stop)
            start = stop
    elif session.message_count:
        yield _events(db, start, end)


def _end_of_page(db: Database, start: int, end: int) -> int | None:
    """Return the key up to which the next messages are few and small enough; None at the end."""
    size, stop = 0, None
    for key, size_bytes in db.rows(_SIZES, (start, end)):
        size += size_bytes
        if stop is not None and size > _BYTES_AT_ONCE:
            break
        stop = key
    return stop


_SIZES = (
    "SELECT m.id, m.size_bytes FROM message m WHERE m.id > %s AND m.id <= %s"
    f" ORDER BY m.id LIMIT {_MESSAGES_AT_ONCE}"
)


def _events(db: Database, start: int, end: int) -> list[Event]:
    rows = db.rows(
        f"SELECT {EVENT_COLUMNS} FROM message m WHERE m.id > %s AND m.id <= %s ORDER BY m.id",
        (start, end),
    )
    return [Event(*row) for row in rows]
