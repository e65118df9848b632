"""Find messages of one session that contain a text, ranked as AG-Kit ranks them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from memory_app.models.snapshot import Event, SessionSnapshot
from memory_app.operations.exporting import read_pages
from memory_app.operations.keys import Caller
from memory_app.operations.opening import refuse_expired
from memory_app.operations.reading import Which, find
from memory_app.storage import Database, engine
from memory_app.storage.statements import EVENT_COLUMNS

# How many keys one query asks for: well below the fewest parameters a build of SQLite allows.
_KEYS_AT_ONCE: Final = 500


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
        ranked = sorted(_rank(db, session, needle))
        page = ranked[offset : offset + limit]
        return Retrieved(_matches(db, page), len(ranked), session, None, found.now)

    return engine().read(work)


# A match before its message is read again: all of them may be more than memory shall hold.
_Rank = tuple[float, int]


def _rank(db: Database, session: SessionSnapshot, needle: str) -> Iterator[_Rank]:
    """Yield the score of each match, below zero so that the best comes first, and its key."""
    for events in read_pages(db, session):
        for event in events:
            score = _score(event, needle)
            if score is not None:
                yield -score, event.key


def _matches(db: Database, page: Sequence[_Rank]) -> list[Match]:
    """Read the messages of matches, in their order."""
    events: dict[int, Event] = {}
    for start in range(0, len(page), _KEYS_AT_ONCE):
        keys = [key for _, key in page[start : start + _KEYS_AT_ONCE]]
        places = ", ".join(["%s"] * len(keys))
        rows = db.rows(f"SELECT {EVENT_COLUMNS} FROM message m WHERE m.id IN ({places})", keys)
        events.update((row[0], Event(*row)) for row in rows)
    return [Match(events[key], -negated) for negated, key in page]


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
