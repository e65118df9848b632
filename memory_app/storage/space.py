"""How much disk is free, and a reserve of it, so that a disk that others filled can be purged."""

import math
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from memory_app.conf import MB

# Below this much nothing is added: a purge needs room in the write-ahead log to give room back.
LEAST: Final = 64 * MB
# What is kept back for that, in a file, when others fill the disk: room for one batch of a purge.
RESERVE: Final = 32 * MB
_LAST: Final = 8 * MB
# More than a second of adding takes, so that often is enough to look.
_PLENTY: Final = 1024 * MB
_SECONDS: Final = 1.0


class Space:
    """The free space of the disk that holds the database."""

    def __init__(self) -> None:
        self._checked_at = 0.0
        self._free = 0.0

    def watch(self, database: str) -> float:
        """Return how many bytes are free; keep the reserve, or give it when they are the last."""
        if self._free > _PLENTY and time.monotonic() - self._checked_at < _SECONDS:
            return self._free
        if _is_in_memory(database):
            return math.inf
        folder = Path(database).parent
        status = os.statvfs(folder)
        self._free = status.f_bavail * status.f_frsize
        self._checked_at = time.monotonic()
        if self._free >= LEAST + RESERVE:
            _keep(folder)
        elif self._free < _LAST:
            self.give_reserve(database)
        return self._free

    def give_reserve(self, database: str) -> None:
        """Let whoever removes next have the reserve; what adds is refused before that."""
        self._free = 0.0
        if not _is_in_memory(database):
            with suppress(OSError):
                _reserve(Path(database).parent).unlink()


def _is_in_memory(database: str) -> bool:
    return "memory" in database and not Path(database).exists()


def _reserve(folder: Path) -> Path:
    return folder / ".reserve"


def _keep(folder: Path) -> None:
    """Take the space of the reserve, unless it is taken."""
    path = _reserve(folder)
    if path.exists():
        return
    with suppress(OSError):  # another process was first, or the disk is filling right now
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            os.posix_fallocate(handle, 0, RESERVE)
        except OSError:
            path.unlink()
        finally:
            os.close(handle)
