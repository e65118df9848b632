"""Copy the database while it serves, and bring a copy back without what was erased since."""

import fcntl
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import MigrationLoader

from memory_app.errors import Invalid, Refusal, Unavailable
from memory_app.models import AuditAct
from memory_app.operations.attesting import enter_restore
from memory_app.operations.auditing import COMMAND, Entry, write_entry
from memory_app.operations.inviting import end_all_ways_in
from memory_app.operations.journal import file_removals, journal_path
from memory_app.operations.replaying import Replayed, replay_erasures
from memory_app.operations.staying_closed import close_again, forget_doors, keep_doors
from memory_app.storage import Database, engine, files

logger = logging.getLogger("lethe.backup")


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of a restore, and what the old database could not add to it.

    Its last removals, to the journal; and what was ended in it, which would be open again.
    """

    replayed: Replayed
    journal_was_whole: bool
    doors_were_known: bool


class LastCopy(NamedTuple):
    """The newest backup: the moment that it shows, and its size."""

    began_at: int
    size_bytes: int


def back_up(*, path: Path, now: int | None = None) -> int:
    """Write a consistent copy of the database, which takes its name when it is complete.

    Return its size, note it, and enter it into the audit log. The secret of the installation,
    `secret_key` in the data folder, is not in it. Raises Unavailable, StorageFull and Invalid.
    """
    if _is_the_database(path):
        raise Invalid("the backup would overwrite the database")
    began_at = now or engine().read(lambda db: db.now())
    # One name for every attempt: what a killed one left behind is overwritten by the next.
    draft = path.with_name(f".{path.name}.part")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_RDWR, 0o600), "r+b") as file:
            _alone(file.fileno())
            try:
                file.truncate(0)
                files().back_up(draft)
                os.fsync(file.fileno())
                size = draft.stat().st_size
                draft.replace(path)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        _sync(path.parent)
    except OSError as problem:
        raise Unavailable(f"{path}: {problem.strerror}") from None
    _note(LastCopy(began_at, size), now)
    return size


def _note(copy: LastCopy, now: int | None) -> None:
    """Note and enter a copy that is complete; it is one also where there is no room for that."""

    def work(db: Database) -> None:
        db.run(_NOTE, (1, *copy))
        entry = Entry(COMMAND, AuditAct.BACKUP, counts={"bytes": copy.size_bytes})
        write_entry(db, entry, now or db.now())

    try:
        engine().write(work)
    except Refusal as refusal:
        logger.warning("the backup is complete, but could not be noted: %s", refusal.detail)


# Of two at the same time the one that began later counts, whichever ends first.
_NOTE: Final = (
    "INSERT INTO last_backup (id, began_at, size_bytes) VALUES (%s, %s, %s)"
    " ON CONFLICT (id) DO UPDATE SET began_at = excluded.began_at,"
    " size_bytes = excluded.size_bytes WHERE excluded.began_at > last_backup.began_at"
)


def find_last_copy(db: Database) -> LastCopy | None:
    """Return the newest backup of this database; None when it has none since its restore."""
    row = db.row("SELECT b.began_at, b.size_bytes FROM last_backup b")
    return LastCopy(*row) if row else None


def _forget_copies() -> None:
    """Remove the note that a backup holds: it is of a copy older than that backup itself."""
    engine().write(lambda db: db.run("DELETE FROM last_backup"))


def _alone(handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Unavailable("another backup is writing this file") from None


def _is_the_database(path: Path) -> bool:
    settings = connections[DEFAULT_DB_ALIAS].settings_dict
    database = Path(str(settings["NAME"]))
    return engine().vendor == "sqlite" and path.resolve() == database.resolve()


def _sync(folder: Path) -> None:
    """Make the new name survive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def would_overwrite() -> bool:
    """Tell whether there is a database that a restore would replace."""
    with engine().refusals():
        return files().exist()


def restore(*, path: Path, now: int | None = None) -> Restored:
    """Replace the database by a backup, then remove again all that the journal names.

    Nothing serves before that is done: a restore that is killed in between leaves the old database
    (SQLite), or one that no server starts on until it is restored again (PostgreSQL). Raises
    Unavailable while others use the database, and Invalid for a file that is no backup of it.
    """
    if not path.is_file():
        raise Unavailable(f"{path}: there is no such file")
    with engine().alone("restore"):
        whole = _complete_journal()
        is_new = not would_overwrite()
        doors = None if is_new else keep_doors()
        with files().restoring(path):
            _require_known_version()
            call_command("migrate", interactive=False, verbosity=0)
            journal = journal_path()
            replayed = replay_erasures(path=journal, now=now) if journal.exists() else Replayed()
            end_all_ways_in()
            if doors is not None:
                close_again(doors)
            _forget_copies()
            enter_restore(now=now)
        forget_doors()
    return Restored(replayed, whole, is_new or doors is not None)


def _complete_journal() -> bool:
    """File what a killed process left in the database that goes; tell whether that was possible."""
    if not would_overwrite():
        return True
    try:
        file_removals()
    except (Refusal, engine().driver_error):
        return False
    return True


def _require_known_version() -> None:
    """Refuse a backup of a newer version, whose tables this one does not know."""
    loader = MigrationLoader(connections[DEFAULT_DB_ALIAS])
    unknown = {
        name
        for app, name in loader.applied_migrations
        if app == "memory_app" and (app, name) not in loader.disk_migrations
    }
    if unknown:
        raise Invalid("the backup was made by a newer version of Lethe")


def require_whole_database() -> None:
    """Refuse to work on a database whose restore was killed. Raises Unavailable."""
    with engine().refusals():
        unfinished = files().are_restoring()
    if unfinished:
        raise Unavailable("a restore of this database did not finish; run restore again")
