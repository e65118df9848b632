"""Import sessions from lines, through the one recording path; running it again is safe."""

import operator
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from typing import Final, NamedTuple

from memory_app import conf
from memory_app.errors import Invalid, Refusal, StorageFull, Unavailable
from memory_app.operations.merging import Outcome, Target, merge
from memory_app.operations.namespaces import ensure_namespace
from memory_app.operations.session_lines import (
    Line,
    LineItem,
    SessionLine,
    read_items,
    read_session,
)
from memory_app.storage import engine

# One transaction takes short lines until there are this many messages or bytes: other writers wait
# for it.
_MESSAGES_AT_ONCE: Final = conf.MAX_BATCH
_BYTES_AT_ONCE: Final = 4 * conf.MB
_ATTEMPTS: Final = 5
_SECONDS_BETWEEN: Final = 0.2

# Called with the number of a line and what is to be said about it.
Report = Callable[[int, str], None]


@dataclass(slots=True)
class Imported:
    """What an import did. `repeated` of the messages are kept under another id than their own."""

    sessions: int = 0
    begun: int = 0
    messages: int = 0
    duplicates: int = 0
    repeated: int = 0
    refused: int = 0

    def __add__(self, other: "Imported") -> "Imported":
        """Add up what two imports did."""
        return Imported(*map(operator.add, astuple(self), astuple(other)))


def import_sessions(
    *,
    namespace: str,
    lines: Iterable[Line],
    keep_times: bool = False,
    report: Report,
    now: int | None = None,
) -> Imported:
    """Append the messages of each line to the live session of its id, or begin the session.

    The namespace is made when it is missing. What is there already counts as a duplicate, so an
    import that was interrupted is simply run again. A line that breaks a rule is reported and left
    out; the rest goes on. Raises Invalid for the namespace, StorageFull and Unavailable.
    """
    namespace_id = engine().write(
        lambda db: ensure_namespace(name=namespace, now=now or db.now()).id
    )
    run = _Run(Target(namespace_id=namespace_id, keep_times=keep_times, now=now), report)
    for line in lines:
        run.take(line)
    run.commit()
    return run.done


class _Waiting(NamedTuple):
    """Messages of a line that are to be stored."""

    number: int
    session: SessionLine
    items: Sequence[LineItem]
    dated_at: int | None = None


class _Run:
    """Collects short lines into one transaction, and takes long ones piece by piece."""

    def __init__(self, target: Target, report: Report) -> None:
        self.done = Imported()
        self._target = target
        self._report = report
        self._waiting: list[_Waiting] = []

    def take(self, line: Line) -> None:
        """Read and check a line, and store it now or with those that follow."""
        if line.text is None:
            self._refuse(line.number, "the file is damaged or cut off here and cannot be read on")
            return
        with line.text as text:
            try:
                session = read_session(text)
            except Refusal as refusal:
                self._refuse(line.number, explain(refusal))
                return
            if session.items is None:
                self.commit()
                self._take_long(line.number, session, read_items(text))
                return
        self._waiting.append(_Waiting(line.number, session, session.items))
        if (
            sum(len(one.items) + 1 for one in self._waiting) >= _MESSAGES_AT_ONCE
            or sum(one.session.size for one in self._waiting) >= _BYTES_AT_ONCE
        ):
            self.commit()

    def commit(self) -> None:
        """Store the lines that wait in one transaction; a refused one undoes itself alone."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        for one, outcome in zip(waiting, _persist(self._target, waiting), strict=True):
            if isinstance(outcome, Refusal):
                self._refuse(one.number, explain(outcome))
            else:
                self.done.sessions += 1
                self._count(one.number, outcome, 0)

    def _take_long(self, number: int, session: SessionLine, items: Iterator[LineItem]) -> None:
        taken, dated_at = 0, None
        for batch in _batches(items):
            outcome = _persist(self._target, [_Waiting(number, session, batch, dated_at)])[0]
            if isinstance(outcome, Refusal):
                before = f" ({taken} messages before it are stored)" if taken else ""
                self._refuse(number, explain(outcome) + before)
                return
            self._count(number, outcome, taken)
            taken, dated_at = taken + len(batch), dated_at or outcome.now
        self.done.sessions += 1

    def _count(self, number: int, outcome: Outcome, before: int) -> None:
        self.done.begun += outcome.begun
        self.done.messages += outcome.stored
        self.done.duplicates += outcome.duplicates
        self.done.repeated += len(outcome.repeated)
        for index in outcome.repeated:
            self._report(
                number,
                f"messages.{before + index}: an earlier message of the session has the same id;"
                " this one is kept unchanged, under that id with ~ and a number",
            )

    def _refuse(self, number: int, detail: str) -> None:
        self.done.refused += 1
        self._report(number, detail)


def explain(refusal: Refusal) -> str:
    """Say in one line what is wrong and where; no content is quoted."""
    faults = refusal.faults if isinstance(refusal, Invalid) else ()
    places = [
        f"{'.'.join(map(str, fault.loc))}: {fault.detail}" if fault.loc else fault.detail
        for fault in faults
    ]
    return "; ".join(places) or refusal.detail


def _batches(items: Iterator[LineItem]) -> Iterator[list[LineItem]]:
    """Cut the messages of a long line into what one transaction takes."""
    batch: list[LineItem] = []
    size = 0
    for item in items:
        batch.append(item)
        size += item.event.size_bytes
        if len(batch) >= _MESSAGES_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _persist(target: Target, waiting: Sequence[_Waiting]) -> list[Outcome | Refusal]:
    """Store what waits in one transaction, again when others were in the way."""
    for attempt in range(_ATTEMPTS):
        try:
            engine().require_space()
            return engine().write(lambda db: [_store_alone(target, one) for one in waiting])
        except Unavailable:
            if attempt + 1 == _ATTEMPTS:
                raise
            time.sleep(_SECONDS_BETWEEN * 2**attempt)
    raise AssertionError


def _store_alone(target: Target, waiting: _Waiting) -> Outcome | Refusal:
    """Store one line within the transaction; when it is refused, it alone is undone."""
    try:
        return engine().write(
            lambda db: merge(db, target, waiting.session, waiting.items, waiting.dated_at)
        )
    except (Unavailable, StorageFull):
        raise
    except Refusal as refusal:
        return refusal
