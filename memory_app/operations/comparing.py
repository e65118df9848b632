"""Compare two states that messages of a session carry: what was added, changed and removed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

from memory_app import conf
from memory_app.models.message import SEQ_BITS
from memory_app.models.snapshot import SessionSnapshot
from memory_app.operations.revealing import reveal
from memory_app.operations.rights import Person
from memory_app.operations.unfolding import open_value
from memory_app.operations.viewing import Place
from memory_app.storage import Database

# How many differences are shown: what is told apart more than this is another state.
MOST_DIFFERENCES: Final = 500
_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two states differ; `kind` is `added`, `removed` or `changed`.

    The path is its keys and places, from the outermost.
    """

    path: Sequence[str | int]
    kind: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state that a message carries, and the messages before and after it that carry one."""

    seq: int
    text: str
    previous: int | None
    following: int | None


@dataclass(frozen=True, slots=True)
class Compared:
    """Two states and how they differ; None where a session has no such state.

    `capped` tells that there are more differences than these.
    """

    session: SessionSnapshot
    place: Place
    before: Snapshot | None
    after: Snapshot | None
    differences: Sequence[Difference]
    capped: bool


def compare_states(
    *, person: Person, uid: str, before: int | None = None, after: int | None = None
) -> Compared:
    """Compare the states as of two messages: each is that of the last one up to there with a state.

    Without `after` it is the newest state, without `before` the one before that. Raises NotFound
    and Forbidden; for those who may read content this is a reveal.
    """

    def work(db: Database, session: SessionSnapshot, place: Place) -> Compared:
        later = _snapshot(db, session, conf.MAX_SEQ if after is None else after)
        at = before
        if at is None and later is not None:
            at = later.previous
        earlier = None if at is None else _snapshot(db, session, at)
        found = list(islice(_differences(earlier, later), MOST_DIFFERENCES + 1))
        some = found[:MOST_DIFFERENCES]
        return Compared(session, place, earlier, later, some, len(found) > len(some))

    return reveal(person, uid, work)


def _snapshot(db: Database, session: SessionSnapshot, seq: int) -> Snapshot | None:
    """Return the last state that a message up to this place carries."""
    start = session.number << SEQ_BITS
    end = start + max(0, min(seq, conf.MAX_SEQ))
    row = db.row(_LAST_STATE, (start, end))
    if row is None:
        return None
    key, text = row
    previous = db.row(_LAST_STATE, (start, key - 1))
    following = db.row(_NEXT_STATE, (key, start + conf.MAX_SEQ))
    return Snapshot(
        key - start,
        text,
        previous[0] - start if previous else None,
        following[0] - start if following else None,
    )


_LAST_STATE: Final = (
    "SELECT m.id, m.state FROM message m WHERE m.id > %s AND m.id <= %s AND m.state IS NOT NULL"
    " ORDER BY m.id DESC LIMIT 1"
)
_NEXT_STATE: Final = (
    "SELECT m.id FROM message m WHERE m.id > %s AND m.id <= %s AND m.state IS NOT NULL"
    " ORDER BY m.id LIMIT 1"
)


def _differences(earlier: Snapshot | None, later: Snapshot | None) -> Iterator[Difference]:
    if later is None:
        return
    before: Any = {} if earlier is None else open_value(earlier.text)
    yield from differences(before, open_value(later.text))


def differences(before: Any, after: Any, path: tuple[str | int, ...] = ()) -> Iterator[Difference]:
    """Yield where two JSON values differ, in the order of the second; types count.

    Lists are compared place by place.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in after.items():
            yield from _beside(before.get(key, _NOTHING), value, (*path, key))
        for key in [key for key in before if key not in after]:
            yield Difference((*path, key), "removed", before[key], None)
    elif isinstance(before, list) and isinstance(after, list):
        for place, (one, other) in enumerate(zip_longest(before, after, fillvalue=_NOTHING)):
            yield from _beside(one, other, (*path, place))
    elif not _same(before, after):
        yield Difference(path, "changed", before, after)


def _beside(before: Any, after: Any, path: tuple[str | int, ...]) -> Iterator[Difference]:
    if before is _NOTHING:
        yield Difference(path, "added", None, after)
    elif after is _NOTHING:
        yield Difference(path, "removed", before, None)
    else:
        yield from differences(before, after, path)


def _same(before: Any, after: Any) -> bool:
    """Tell whether two values that are not both objects or both lists are equal."""
    return type(before) is type(after) and before == after
