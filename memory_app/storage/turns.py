"""Take turns at writing with the other processes on one SQLite file.

SQLite lets whoever waits look again after pauses of up to a tenth of a second, and hands its lock
to nobody: a writer can miss every gap between the transactions of a purge. Here whoever is next
keeps a place that the one before cannot take again, so nobody waits for more than one transaction
of each other process.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LOOK_SECONDS: Final = 0.001


class Turns:
    """Two locks of this process beside the database: the turn, and the place of who is next."""

    def __init__(self) -> None:
        self._handles: tuple[int, int] | None = None
        self._of: tuple[int, str] | None = None

    @contextmanager
    def taken(self, database: str, deadline: float) -> Iterator[None]:
        """Hold the turn; without it from the deadline on, when SQLite's own lock decides."""
        handles = self._open(database)
        if handles is None:
            yield
            return
        following, turn = handles
        try:
            if _take(following, deadline):
                _take(turn, deadline)
                fcntl.flock(following, fcntl.LOCK_UN)
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)

    def _open(self, database: str) -> tuple[int, int] | None:
        """Return the locks; a process that was forked off opens its own."""
        of = os.getpid(), database
        if self._of != of:
            for handle in self._handles or ():
                os.close(handle)
            self._of, self._handles = of, _create(Path(database))
        return self._handles


def _create(database: Path) -> tuple[int, int] | None:
    if "memory" in str(database) and not database.exists():
        return None
    flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
    try:
        following, turn = (
            os.open(database.with_name(f".{database.name}.{name}"), flags, 0o600)
            for name in ("next", "turn")
        )
    except OSError:
        return None
    return following, turn


def _take(handle: int, deadline: float) -> bool:
    """Take a lock, looking again and again until the deadline; tell whether it is taken."""
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        else:
            return True
