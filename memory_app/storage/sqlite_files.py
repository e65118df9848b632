"""SQLite's files: the database, its write-ahead log, and copies of both."""

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

from django.db import connection

from memory_app.conf import MB
from memory_app.errors import Invalid, StorageFull, Unavailable
from memory_app.storage.engine import Database
from memory_app.storage.files import Files

# How long VACUUM waits for the lock that the writers hand to one another.
_LOCK_MS: Final = 20_000
# How long one attempt to empty the log waits for readers. Writers wait with it, so it is short.
_CHECKPOINT_MS: Final = 200
_PAUSE_SECONDS: Final = 0.25
_SPARE: Final = 64 * MB

METHOD: Final = (
    "rows deleted and overwritten with zeroes; database file rewritten without them (VACUUM, SQLite"
    f" {sqlite3.sqlite_version}), write-ahead log emptied. Not reached: blocks that a file system,"
    " SSD or snapshot keeps"
)
_FULL: Final = "the disk is full; nothing was changed"


class SQLiteFiles(Files):
    """One file, rewritten by VACUUM."""

    scrub_stops_writers: ClassVar[bool] = True

    def size_bytes(self) -> int:
        """Return the size of the database file."""
        path = _path()
        return path.stat().st_size if path.exists() else 0

    def await_removals(self, db: Database) -> None:
        """Do nothing: one writes at a time, so whoever is in a transaction sees all removals."""

    def scrub(self, *, patience: float) -> str:
        """Rewrite the file, then empty the log until no reader is in the way.

        `secure_delete` zeroes rows where they were last, but not where SQLite had moved them from:
        those copies go when every page is written anew. The log keeps all it was given until
        TRUNCATE, which answers `busy` instead of failing while somebody reads an older state.
        The -shm file holds page numbers only.
        """
        _require_room(2 * self.size_bytes(), _path().parent)
        with _refusals(), closing(_connect(_path())) as raw:
            # First without cost: with a long reader about, the rewriting would be for nothing.
            _empty_log(raw, patience)
            raw.execute(f"PRAGMA busy_timeout={_LOCK_MS}")
            _forget_drafts(raw)
            _optimise_search(raw)
            _sort_beside_the_database(raw)
            raw.execute("VACUUM")
            if _number(raw, "PRAGMA freelist_count"):
                # Others removed rows in that moment; their pages are zeroes, but not yet gone.
                raw.execute("VACUUM")
            _empty_log(raw, patience)
        return METHOD

    def exist(self) -> bool:
        """Tell whether the file is there and holds anything."""
        return self.size_bytes() > 0

    def are_restoring(self) -> bool:
        """Return false: a restored file takes its place when it is complete."""
        return False

    def back_up(self, target: Path) -> None:
        """Write the live rows of one snapshot into a new file.

        The online backup would copy pages with their residue, and starts again at every write.
        """
        _require_room(self.size_bytes(), target.parent)
        with _refusals(), closing(_connect(_path())) as raw:
            raw.execute("VACUUM INTO ?", (str(target),))

    @contextmanager
    def restoring(self, source: Path) -> Iterator[None]:
        """Prepare a copy beside the database, then copy it over in one transaction of SQLite's."""
        live = _path()
        draft = _draft()
        _require_room(source.stat().st_size * 3, live.parent)
        connection.close()
        with _refusals(), closing(_connect(live)) as raw:
            _take_alone(raw)
            try:
                _remove(draft)
                shutil.copyfile(source, draft)
                draft.chmod(0o600)
                _check(draft)
                with _connected_to(draft):
                    yield
                with closing(_connect(draft)) as restored:
                    # What was replayed has left its residue.
                    restored.execute("PRAGMA journal_mode=DELETE")
                    restored.execute("VACUUM")
                    restored.backup(raw)
            finally:
                _remove(draft)


def _path() -> Path:
    return Path(str(connection.settings_dict["NAME"]))


def _draft() -> Path:
    return _path().with_name(f".{_path().name}.restoring")


def _remove(database: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + ending).unlink(missing_ok=True)


def _connect(path: Path) -> sqlite3.Connection:
    raw = sqlite3.connect(path, timeout=_CHECKPOINT_MS / 1000, isolation_level=None)
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("PRAGMA secure_delete=ON")
    return raw


def _number(raw: sqlite3.Connection, sql: str) -> int:
    return int(raw.execute(sql).fetchone()[0])


@contextmanager
def _refusals() -> Iterator[None]:
    """Say what SQLite could not do, without its words, which may name paths and rows."""
    try:
        yield
    except sqlite3.Error as problem:
        code = getattr(problem, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise StorageFull(_FULL) from None
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Unavailable("others keep the database busy; try again") from None
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            raise Unavailable("the database file is damaged; move it away and restore") from None
        if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise Unavailable("a file could not be read or written") from None
        raise


def _require_room(size: int, folder: Path) -> None:
    """Refuse what the disk has no room for, before it fills it. Raises StorageFull."""
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE:
        raise StorageFull(
            f"this needs {(size + _SPARE) // MB:,} MB of free disk, and {free // MB:,} MB are free"
        )


def _empty_log(raw: sqlite3.Connection, patience: float) -> None:
    """Move the log into the database file and cut it to nothing. Raises Unavailable."""
    raw.execute(f"PRAGMA busy_timeout={_CHECKPOINT_MS}")
    deadline = time.monotonic() + patience
    while True:
        # The large part, for which nobody waits.
        raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        busy, left, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy and left <= 0:
            return
        if time.monotonic() > deadline:
            raise Unavailable(
                "readers of an older state keep the write-ahead log from being emptied"
            )
        time.sleep(_PAUSE_SECONDS)


def _optimise_search(raw: sqlite3.Connection) -> None:
    """Merge the segments of every full-text index: deleted words stay in the old ones."""
    for (table,) in raw.execute(_SEARCH_TABLES).fetchall():
        raw.execute(f'INSERT INTO "{table}"("{table}") VALUES (?)', ("optimize",))


_SEARCH_TABLES: Final = (
    "SELECT name FROM sqlite_master WHERE type = 'table'"
    " AND lower(sql) LIKE 'create virtual table%using fts5%'"
)


def _sort_beside_the_database(raw: sqlite3.Connection) -> None:
    """Keep VACUUM's copy on the database's disk, whose room was looked at, and out of /tmp."""
    if raw.execute("PRAGMA temp_store_directory").fetchone() is None:
        folder = str(_path().parent).replace("'", "''")
        raw.execute(f"PRAGMA temp_store_directory='{folder}'")


def _forget_drafts(raw: sqlite3.Connection) -> None:
    """Remove the copy that a killed restore left; one that is at work holds the lock."""
    if _draft().exists():
        raw.execute("BEGIN IMMEDIATE")
        _remove(_draft())
        raw.execute("ROLLBACK")


def _take_alone(raw: sqlite3.Connection) -> None:
    """Keep everybody out until the connection closes. Raises Unavailable when somebody is in."""
    raw.execute("PRAGMA locking_mode=EXCLUSIVE")
    try:
        # Only the last connection may leave the write-ahead log, so this finds idle ones as well.
        raw.execute("PRAGMA journal_mode=DELETE")
        raw.execute("BEGIN EXCLUSIVE")
        raw.execute("COMMIT")
    except sqlite3.OperationalError:
        raise Unavailable(
            "a server or another process uses the database; stop it, then restore"
        ) from None


def _check(draft: Path) -> None:
    """Refuse a file that is no whole backup of Lethe. Raises Invalid."""
    try:
        with closing(_connect(draft)) as raw:
            sound = raw.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
            tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master")}
    except sqlite3.DatabaseError:
        sound, tables = False, set[Any]()
    if not sound or not {"django_migrations", "agent_session", "erasure"} <= tables:
        raise Invalid("the file is not a whole backup of Lethe's SQLite database")


@contextmanager
def _connected_to(path: Path) -> Iterator[None]:
    live = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = live
