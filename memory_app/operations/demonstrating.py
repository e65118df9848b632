"""Fill namespaces with real conversations, spread over the past weeks, to look at."""

import gzip
import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from memory_app import moments
from memory_app.moments import DAY, HOUR, MINUTE
from memory_app.operations.importing import import_sessions
from memory_app.operations.namespaces import ensure_namespace
from memory_app.operations.session_lines import Line
from memory_app.storage import Database, engine
from memory_app.strict_json import decode, encode

_FOLDER: Final = Path(__file__).resolve().parent.parent / "demo"
_ENDING: Final = ".jsonl.gz"

# Under the default policy (idle 30 days, grace 7) a session's age says what has become of it. For
# each kind: its share of the sessions, the youngest and the oldest, in days.
_AGES: Final = (
    (0.80, 0.01, 27.0),  # active, more of them recent
    (0.07, 28.6, 29.95),  # expiring soon
    (0.08, 30.1, 36.5),  # expired, within grace
    (0.05, 37.2, 44.0),  # past grace: the next cleanup purges it
)
_GOLDEN: Final = 0.6180339887498949
# Every so many sessions one has an explicit time, soon.
_EXPLICIT: Final = 23


@dataclass(frozen=True, slots=True)
class Demonstration:
    """What was added now; sessions that were there already are left alone."""

    namespaces: tuple[str, ...]
    sessions: int
    messages: int


def fill_demonstration(*, now: int | None = None) -> Demonstration:
    """Add the conversations that are not there; it can be run again, and twice at once."""
    number = sessions = messages = 0
    files = {file.name.removesuffix(_ENDING): file for file in sorted(_FOLDER.glob(f"*{_ENDING}"))}
    with engine().alone("demo"):
        for namespace, file in files.items():
            there, moment = engine().write(partial(_prepare, namespace, now))
            for session in _sessions(file):
                number += 1
                if session["session_id"] not in there:
                    messages += _add(namespace, session, number, moment)
                    sessions += 1
    return Demonstration(tuple(files), sessions, messages)


def _prepare(name: str, now: int | None, db: Database) -> tuple[frozenset[str], int]:
    """Return which ids the namespace has had sessions of, and the time."""
    moment = now or db.now()
    namespace = ensure_namespace(name=name, now=moment)
    rows = db.rows("SELECT session_id FROM agent_session WHERE namespace_id = %s", (namespace.id,))
    return frozenset(row[0] for row in rows), moment


def _sessions(file: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(file) as lines:
        for line in lines:
            yield decode(line)


def _add(namespace: str, session: dict[str, Any], number: int, now: int) -> int:
    """Add a session as if its last message had come when its age says; return its messages."""
    active_at = now - _age(number)
    times = [moments.from_rfc3339(message["timestamp"]) for message in session["messages"]]
    for message, moment in zip(session["messages"], times, strict=True):
        message["timestamp"] = moments.to_rfc3339(moment - max(times) + active_at)
    if number % _EXPLICIT == 0 and active_at > now - 20 * DAY:
        session["expires_at"] = moments.to_rfc3339(now + 2 * HOUR + number * MINUTE)
    line = Line(number, io.BytesIO(encode(session).encode()))
    done = import_sessions(
        namespace=namespace,
        lines=[line],
        keep_times=True,
        report=lambda *_: None,  # one conversation repeats an id with another message, as in life
        now=active_at,
    )
    assert not done.refused, "the files of the demonstration are part of the product"
    return done.messages


def _age(number: int) -> int:
    """Return how long ago the session was active, in microseconds: always the same."""
    place = number * _GOLDEN % 1
    for share, youngest, oldest in _AGES:
        if place < share:
            return int((youngest + (oldest - youngest) * (place / share) ** 1.5) * DAY)
        place -= share
    return int(_AGES[-1][2] * DAY)
