"""Do much in many short transactions: as much in each as others can wait for."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from memory_app.storage import Database, engine

T = TypeVar("T")

# How long a step should take. Others wait for it, on SQLite all who write, and no longer
# than the one that runs and the one that they then share: a tenth of a second between them.
_TARGET_SECONDS: Final = 0.03
# How much the first step does, before anything was measured, and any step at most.
FIRST: Final = 2_000
_MOST: Final = 50_000
# Of fewer, a transaction itself is most of the cost: it would get smaller and smaller for nothing.
_LEAST: Final = 200
# What took longer than this is followed by a pause, in which whoever waits gets the database.
_NOTICED_SECONDS: Final = 0.01
_PAUSE_SECONDS: Final = 0.003


class Pace:
    """How much one transaction does, in units of about one row, learnt from those before it."""

    def __init__(self) -> None:
        self.size = FIRST

    def step(self, work: Callable[[Database, int], tuple[T, int]]) -> T:
        """Run a step that does up to so many units and says how many; return its result."""
        begun = 0.0

        def timed(db: Database) -> tuple[T, int]:
            nonlocal begun
            begun = time.monotonic()
            return work(db, self.size)

        result, units = engine().write(timed)
        seconds = time.monotonic() - begun
        self._learn(units, seconds)
        if seconds > _NOTICED_SECONDS:
            time.sleep(_PAUSE_SECONDS)
        return result

    def _learn(self, units: int, seconds: float) -> None:
        fitting = int(units * _TARGET_SECONDS / max(seconds, 1e-6))
        if seconds > _TARGET_SECONDS:
            self.size = max(_LEAST, min(fitting, self.size))
        elif units > self.size // 2:
            self.size = max(self.size, min(fitting, self.size * 2, _MOST))
