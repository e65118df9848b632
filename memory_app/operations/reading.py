"""Read the messages of one session, exactly as they were received."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memory_app import conf
from memory_app.errors import NotFound
from memory_app.models.snapshot import Event, SessionSnapshot
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
    window = _window(query)
    read = engine().read_window(_locate(caller, which), window, now, alive_only=True)
    if read is None:
        return Listed([], None, None, now or 0)
    row, moment, rows = read
    session = SessionSnapshot(*row)
    if session.status(moment) != "active":
        engine().read(lambda db: refuse_expired(db, caller.namespace_id, session))
        return Listed([], None, session, moment)
    return _page(query, window, [Event(*row) for row in rows], session, moment)


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


def _page(
    query: ListQuery, window: Window, events: list[Event], session: SessionSnapshot, now: int
) -> Listed:
    """Cut what was read to what was asked, and say where the rest begins."""
    kept = _within_bytes(events[: window.limit - 1])
    rest = events[len(kept) :]
    if window.descending:
        kept, rest = kept[::-1], rest[::-1]
    left_before = left_after = None
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
    return Listed(items, session, None, now, tokens, left_after, left_before)


def _within_bytes(events: list[Event]) -> list[Event]:
    size = 0
    for index, event in enumerate(events):
        size += event.size_bytes
        if size > conf.MAX_ANSWER_BYTES and index > 0:
            return events[:index]
    return events


def fit_tokens(events: list[Event], most: int) -> list[Event]:
    """Return the newest of these events that fit, a tool call together with its results.

    Groups are taken from the newest backwards until one does not fit.
    """
    kept: list[Event] = []
    total = 0
    for group in reversed(tool_groups(events)):
        total += sum(event.tokens for event in group)
        if total > most:
            break
        kept = group + kept
    return kept


def tool_groups(events: list[Event]) -> list[list[Event]]:
    """Split events, in order, where no tool call is separated from a result of it.

    A result may come late, with other messages in between: those belong to the group too.
    """
    last_use = _last_uses(events)
    groups: list[list[Event]] = []
    end = -1
    for index, event in enumerate(events):
        if index > end:
            groups.append([])
        end = max(end, last_use[index])
        groups[-1].append(event)
    return groups


def _last_uses(events: list[Event]) -> list[int]:
    """Return, for each event, the place of the last result of a call that it makes."""
    last_use = list(range(len(events)))
    callers: dict[str, int] = {}
    for index, event in enumerate(events):
        if event.role not in ("assistant", "tool"):
            continue
        message = event.message()
        call = message.get("tool_call_id")
        if event.role == "tool" and isinstance(call, str) and call in callers:
            last_use[callers[call]] = index
        for made in message.get("tool_calls") or ():
            if isinstance(made.get("id"), str):
                callers[made["id"]] = index
    return last_use


@dataclass(frozen=True, slots=True)
class Match:
    """A message that contains what was asked for, and how well."""

    event: Event
    score: float


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Matches of one session, best first."""

    matches: Sequence[Match]
    total: int
    session: SessionSnapshot | None
    expired: SessionSnapshot | None
    now: int


def retrieve_messages(
    *,
    caller: Caller,
    which: Which,
    query: str,
    limit: int,
    offset: int = 0,
    now: int | None = None,
) -> Retrieved:
    """Return the messages that contain a text literally, ignoring case in every script."""
    caller.require("read")
    needle = query.casefold()

    def work(db: Database) -> Retrieved:
        found = _find(db, caller, which, now)
        session = found.visible
        if session is None:
            refuse_expired(db, caller.namespace_id, found.expired)
            return Retrieved([], 0, None, found.expired, found.now)
        matches = [
            Match(event, score)
            for event in _events(db, session.number)
            if (score := _score(event, needle)) is not None
        ]
        matches.sort(key=lambda match: (-match.score, match.event.key))
        page = matches[offset : offset + limit]
        return Retrieved(page, len(matches), session, None, found.now)

    return engine().read(work)


def _events(db: Database, number: int) -> Iterable[Event]:
    rows = db.cursor(
        f"SELECT {EVENT_COLUMNS} FROM message m WHERE m.id > %s AND m.id <= %s ORDER BY m.id",
        (number << 32, (number << 32) + conf.MAX_SEQ),
    )
    return (Event(*row) for row in rows)


def _score(event: Event, needle: str) -> float | None:
    """Score as AG-Kit does: 100 for an equal text, else by the place and share of the match."""
    text = "\n".join(texts(event.message().get("content"))).casefold()
    at = text.find(needle)
    if at < 0:
        return None
    if text == needle:
        return 100.0
    return 80 - 20 * at / len(text) + 20 * len(needle) / len(text)


def texts(content: object) -> list[str]:
    """Return the texts of a message's content: the string, or its text parts."""
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else [content]
    found = []
    for part in parts:
        if isinstance(part, str):
            found.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            found.append(part["text"])
    return found


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
        found = _find(db, caller, which, now)
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
        found = _find(db, caller, which, now)
        if found.visible is None:
            refuse_expired(db, caller.namespace_id, found.expired)
            return 0
        return found.visible.message_count

    return engine().read(work)


def _find(db: Database, caller: Caller, which: Which, now: int | None) -> Found:
    if which.uid is not None:
        return find_uid(db, caller.namespace_id, which.uid, now)
    return find_live(db, caller.namespace_id, which.session_id, now)
