"""Count requests and how long they take, for all processes of one server together.

The counters are in memory that the server's processes share because they were forked from one. Each
process writes a part of its own, and whoever is asked adds the parts up: a process that ends leaves
its counts behind, and the sums never fall. Where processes are not forked, each tells of itself.
"""

import mmap
import os
import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

# Upper bounds in seconds; what took longer than all of them is in the last.
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")
OTHER: Final = "other"

_OPERATIONS: Final = 256
_PARTS: Final = 64
# The counts by class, then by duration, then the microseconds altogether.
_WIDTH: Final = len(CLASSES) + len(BOUNDS) + 1 + 1
_PART: Final = 1 + _OPERATIONS * _WIDTH

_shared = memoryview(mmap.mmap(-1, _PARTS * _PART * 8)).cast("Q")
_lock = threading.Lock()
_names: dict[str, int] = {OTHER: 0}
_part = 0


def _next_part() -> None:
    global _part
    _part = (_part + 1) % _PARTS


# A child keeps the number that its parent had when it was made; the parent moves on.
os.register_at_fork(after_in_parent=_next_part)


class Measured(NamedTuple):
    """The requests of an operation: by class of status, and by duration up to each bound."""

    operation: str
    classes: tuple[int, ...]
    durations: tuple[int, ...]
    seconds: float


def declare(operations: Iterable[str]) -> None:
    """Name what will be counted, the same in every process; what is not named is `other`."""
    for name in operations:
        if len(_names) < _OPERATIONS:
            _names.setdefault(name, len(_names))


def record(operation: str, status: int, nanoseconds: int) -> None:
    """Count a request that was answered. It takes a microsecond of the 600 of a small call."""
    microseconds = nanoseconds // 1000
    start = _part * _PART
    row = start + 1 + _names.get(operation, 0) * _WIDTH
    by_class = row + min(max(status // 100, 2), 5) - 2
    by_duration = row + len(CLASSES) + bisect_left(BOUNDS, microseconds / 1e6)
    with _lock:
        _shared[start] = 1
        _shared[by_class] += 1
        _shared[by_duration] += 1
        _shared[row + _WIDTH - 1] += microseconds


def read() -> Iterator[Measured]:
    """Yield what was counted by all processes, of the operations that were called."""
    used = [part * _PART for part in range(_PARTS) if _shared[part * _PART]]
    for name, index in list(_names.items()):
        sums = [0] * _WIDTH
        for start in used:
            row = start + 1 + index * _WIDTH
            sums = [a + b for a, b in zip(sums, _shared[row : row + _WIDTH], strict=True)]
        if any(sums):
            classes, durations = sums[: len(CLASSES)], sums[len(CLASSES) : -1]
            yield Measured(name, tuple(classes), tuple(durations), sums[-1] / 1e6)
