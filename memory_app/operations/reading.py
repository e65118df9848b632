"""Read the messages of one session, exactly as they were received."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from memory_app import conf
from memory_app.errors import NotFound
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.fitting import fit_tokens
from memory_app.operations.keys import Caller
from memory_app.operations.opening import Found, find_live, find_uid, refuse_expired
from memory_app.storage import Database, engine
from memory_app.storage.engine import Locator, Window
from memory_app.storage.statements import BY_UID, EVENT_COLUMNS, LIVE


class Which(NamedTuple):
    """One session, by the caller's id or by its random one."""

    session_id: str
    uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """Which messages, in the order filters, order, offset, limit, max_tokens."""

    role: str | None = None
    after_seq: int | None = None
    before_seq: int | None = None
    after_moment: int | None = None
    descending: bool = False
    offset: int = 0
    limit: int | None = None
    last: int | None = None
    max_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Messages of a session; `session` is None for an unknown id, `expired` for one past its time.

    `next_after_seq` and `next_before_seq` say from where on matching messages remain.
    """

    items: Sequence[Event]
    session: SessionSnapshot | None
    expired: SessionSnapshot | None
    now: int
    tokens: int | None = None
    next_after_seq: int | None = None
    next_before_seq: int | None = None

    @property
    def truncated(self) -> bool:
        """Tell whether messages that match are missing."""
        return self.next_after_seq is not None or self.next_before_seq is not None


def list_messages(
    *, caller: Caller, which: Which, query: ListQuery, now: int | None = None
) -> Listed:
    """Return messages of a session. An unknown session is an empty list; reading creates nothing.

    Raises SessionExpired where the policy rejects.
    """
    caller.require("read")
    no_tokens = None if query.max_tokens is None else 0
    window, left_after = _window(query), None
    if query.max_tokens is not None and not window.descending:
        window, left_after = _newest_first(caller, which, query, now)
    read = engine().read_window(_locate(caller, which), window, now, alive_only=True)
    if read is None:
        return Listed([], None, None, now or 0, no_tokens)
    row, moment, rows = read
    session = SessionSnapshot(*row)
    if session.status(moment) != "active":
        engine().read(lambda db: refuse_expired(db, caller.namespace_id, session))
        return Listed([], None, session, moment, no_tokens)
    events = [Event(*row) for row in rows]
    return _page(query, window, events, SessionAt(session, moment), left_after)


def _locate(caller: Caller, which: Which) -> Locator:
    if which.uid is not None:
        return BY_UID, (caller.namespace_id, which.uid)
    return LIVE, (caller.namespace_id, which.session_id)


def _window(query: ListQuery) -> Window:
    """Ask for one message more than wanted, to know whether more remain."""
    wanted = query.last if query.last is not None else query.limit
    return Window(
        role=query.role,
        after_seq=min(query.after_seq or 0, conf.MAX_SEQ),
        before_seq=min(
            conf.MAX_SEQ + 1 if query.before_seq is None else query.before_seq, conf.MAX_SEQ + 1
        ),
        after_moment=query.after_moment,
        descending=query.descending or query.last is not None,
        offset=query.offset,
        limit=(conf.MAX_LIST if wanted is None else min(wanted, conf.MAX_LIST)) + 1,
    )


def _newest_first(
    caller: Caller, which: Which, query: ListQuery, now: int | None
) -> tuple[Window, int | None]:
    """Bound by place what offset and limit select, to read it from its newest message on.

    The messages that fit `max_tokens` are the newest: read from the oldest on, they could lie
    beyond what one answer holds. Also returns the place after which more match.
    """
    window = _window(query)._replace(descending=True, offset=0, limit=conf.MAX_LIST + 1)
    if not query.offset and query.limit is None:
        return window, None

    def work(db: Database) -> tuple[int | None, int | None]:
        found = find(db, caller, which, now)
        session = found.visible or found.expired
        if session is None:
            return None, None
        first = _place_at(db, session.number, window, query.offset)
        if query.limit is None:
            return first, None
        return first, _place_at(db, session.number, window, query.offset + query.limit)

    first, beyond = engine().read(work)
    after = conf.MAX_SEQ if first is None else first - 1
    if beyond is None:
        return window._replace(after_seq=after), None
    return window._replace(after_seq=after, before_seq=beyond), beyond - 1


def _place_at(db: Database, number: int, window: Window, offset: int) -> int | None:
    """Return the place of the message that so many matching ones come before."""
    role = " AND m.role = %s" * (window.role is not None)
    moment = " AND m.occurred_at >= %s" * (window.after_moment is not None)
    row = db.row(
        f"SELECT m.id FROM message m WHERE m.id > %s AND m.id < %s{role}{moment}"
        " ORDER BY m.id LIMIT 1 OFFSET %s",
        (
            (number << 32) + window.after_seq,
            (number << 32) + window.before_seq,
            *(value for value in (window.role, window.after_moment) if value is not None),
            offset,
        ),
    )
    return None if row is None else row[0] & conf.MAX_SEQ


class SessionAt(NamedTuple):
    """A session and the moment at which it was read."""

    session: SessionSnapshot
    now: int


def _page(
    query: ListQuery,
    window: Window,
    events: list[Event],
    at: SessionAt,
    left_after: int | None,
) -> Listed:
    """Cut what was read to what was asked, and say where the rest begins."""
    kept = _within_bytes(events[: window.limit - 1])
    rest = events[len(kept) :]
    if window.descending:
        kept, rest = kept[::-1], rest[::-1]
    left_before = None
    if rest and window.descending:
        left_before = kept[0].seq if kept else rest[-1].seq + 1
    elif rest:
        left_after = kept[-1].seq if kept else rest[0].seq - 1
    tokens = None
    if query.max_tokens is not None:
        fitting = fit_tokens(kept, query.max_tokens)
        if len(fitting) < len(kept):
            left_before = fitting[0].seq if fitting else kept[-1].seq + 1
        kept = fitting
        tokens = sum(event.tokens for event in kept)
    items = kept[::-1] if query.descending else kept
    return Listed(items, at.session, None, at.now, tokens, left_after, left_before)


# What an answer holds besides the messages and states themselves: the session with its documents,
# and around each message its id, place and times.
_AROUND_ALL: Final = conf.MB
_AROUND_ONE: Final = 200
_LONGEST_CHARACTER: Final = 6


def _within_bytes(events: list[Event]) -> list[Event]:
    size = _AROUND_ALL
    for index, event in enumerate(events):
        size += event.size_bytes + _AROUND_ONE + _LONGEST_CHARACTER * len(event.message_id)
        if size > conf.MAX_ANSWER_BYTES and index > 0:
            return events[:index]
    return events


@dataclass(frozen=True, slots=True)
class Read:
    """One message and its session."""

    item: Event
    session: SessionSnapshot
    now: int


def get_message(*, caller: Caller, which: Which, message_id: str, now: int | None = None) -> Read:
    """Return one message by its id. Raises NotFound."""
    caller.require("read")

    def work(db: Database) -> Read:
        found = find(db, caller, which, now)
        session = found.require(db, caller.namespace_id)
        row = db.row(_BY_ID, (session.number, message_id))
        if row is None:
            raise NotFound("there is no such message")
        return Read(Event(*row), session, found.now)

    return engine().read(work)


_BY_ID = f"SELECT {EVENT_COLUMNS} FROM message m WHERE (m.id >> 32) = %s AND m.message_id = %s"


def count_messages(*, caller: Caller, which: Which, now: int | None = None) -> int:
    """Return how many messages a session has; an unknown one has none."""
    caller.require("read")

    def work(db: Database) -> int:
        found = find(db, caller, which, now)
        if found.visible is None:
            refuse_expired(db, caller.namespace_id, found.expired)
            return 0
        return found.visible.message_count

    return engine().read(work)


def find(db: Database, caller: Caller, which: Which, now: int | None) -> Found:
    """Find the session that a read names."""
    if which.uid is not None:
        return find_uid(db, caller.namespace_id, which.uid, now)
    return find_live(db, caller.namespace_id, which.session_id, now)
