"""Titles of sessions that were given none: made when shown, stored nowhere, and content."""

import json
from collections.abc import Iterable
from typing import Final

from memory_app import conf
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.retrieving import texts
from memory_app.storage import Database

# How many of a session's first messages are looked at for a title, and how large one may be.
_LOOKED_AT: Final = 20
_LARGEST_TITLED: Final = 64 * conf.KB
_TITLE_LENGTH: Final = 120


def make_titles(db: Database, sessions: Iterable[SessionSnapshot]) -> dict[int, str]:
    """Make titles from the first user message of those sessions that were given none."""
    numbers = [s.number for s in sessions if s.title is None and s.purge_receipt is None]
    if not numbers:
        return {}
    rows = db.rows(
        "SELECT s.id, m.payload FROM agent_session s JOIN message m ON m.id ="
        " (SELECT min(f.id) FROM (SELECT x.id, x.role FROM message x WHERE x.id > s.id * 4294967296"
        " AND x.id <= s.id * 4294967296 + s.last_seq ORDER BY x.id LIMIT %s) AS f"
        " WHERE f.role = 'user')"
        f" WHERE m.size_bytes <= %s AND s.id IN ({', '.join(['%s'] * len(numbers))})",
        (_LOOKED_AT, _LARGEST_TITLED, *numbers),
    )
    titles = {number: make_title(payload) for number, payload in rows}
    return {number: title for number, title in titles.items() if title}


def make_title(payload: str) -> str:
    """Make a title from a message: the beginning of its text on one line."""
    text = " ".join(" ".join(texts(json.loads(payload).get("content"))).split())
    return text if len(text) <= _TITLE_LENGTH else f"{text[: _TITLE_LENGTH - 1].rstrip()}…"
