"""Find messages of one session that contain a text, ranked as AG-Kit ranks them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memory_app import conf
from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.keys import Caller
from memory_app.operations.opening import refuse_expired
from memory_app.operations.reading import Which, find
from memory_app.storage import Database, engine
from memory_app.storage.statements import EVENT_COLUMNS


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
    """Return the messages that contain a text literally, ignoring case in every script.

    Equal scores are in the order of the messages.
    """
    caller.require("read")
    needle = query.casefold()

    def work(db: Database) -> Retrieved:
        found = find(db, caller, which, now)
        session = found.visible
        if session is None:
            refuse_expired(db, caller.namespace_id, found.expired)
            return Retrieved([], 0, None, found.expired, found.now)
        scored = ((event, _score(event, needle)) for event in _events(db, session.number))
        matches = [Match(event, score) for event, score in scored if score is not None]
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
    """Return the score of the text that matches best, or None when none contains the needle."""
    scores = (
        _score_text(text.casefold(), needle) for text in texts(event.message().get("content"))
    )
    return max((score for score in scores if score is not None), default=None)


def _score_text(text: str, needle: str) -> float | None:
    """Score as AG-Kit does: 100 for an equal text, else by the place and share of the match."""
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
