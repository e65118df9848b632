"""The interface to the bytes of a database: rewrite them, copy them, put a copy back."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from memory_app.storage.engine import Database


class Files(ABC):
    """The files, or the server's tables, of the database that is configured."""

    # Whether nobody can write while a scrub rewrites the files, so that their size bounds it.
    scrub_stops_writers: ClassVar[bool]

    @abstractmethod
    def size_bytes(self) -> int:
        """Return how large the database is."""

    @abstractmethod
    def await_removals(self, db: Database) -> None:
        """Wait until every removal that has begun is committed, and this transaction sees it."""

    @abstractmethod
    def scrub(self, *, patience: float) -> str:
        """Remove what deleted rows left behind; return what was done and what it does not reach.

        Outside any transaction. Waits up to `patience` seconds for readers. Raises StorageFull when
        there is no room for it and Unavailable when it could not be brought to its end; either way
        it can be repeated, and so can one that was killed.
        """

    @abstractmethod
    def exist(self) -> bool:
        """Tell whether there is a database that a restore would overwrite."""

    @abstractmethod
    def are_restoring(self) -> bool:
        """Tell whether a restore was killed before its removals were replayed."""

    @abstractmethod
    def back_up(self, target: Path) -> None:
        """Write a consistent copy, without what deleted rows left behind, into an empty file.

        Others go on reading and writing. Raises Unavailable and StorageFull.
        """

    @abstractmethod
    def restoring(self, source: Path) -> AbstractContextManager[None]:
        """Connect this thread to what a backup holds; make it the database when the block ends.

        When the block fails, or the process is killed, nothing serves what was not replayed.
        Raises Unavailable while other processes use the database, and Invalid for a file that is
        no backup.
        """
