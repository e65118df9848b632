"""manage.py restore: bring a backup back, without what was erased since."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, ClassVar

from memory_app.management.command import DoneInPart, LetheCommand, Refused
from memory_app.operations.backing_up import restore, would_overwrite


class Command(LetheCommand):
    """Replace the database by a backup."""

    help = (
        "Replace the database by the backup FILE, then remove again what erasures.jsonl in the data"
        " folder names. Stop every server first."
    )
    needs_database: ClassVar[bool] = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", type=Path, help="made by manage.py backup")
        parser.add_argument(
            "--yes", action="store_true", help="overwrite the database that is there"
        )

    def handle(self, **options: Any) -> None:
        """Restore, and say what was removed again."""
        if not options["yes"] and would_overwrite():
            raise Refused("there is a database, and restore would overwrite it; add --yes to do so")
        done = restore(path=options["file"])
        replayed = done.replayed
        self.stdout.write(
            f"Restored. Of {replayed.lines:,} removals in the journal, {replayed.sessions:,}"
            f" sessions and {replayed.messages:,} messages had to be removed again."
        )
        left = []
        if not done.journal_was_whole:
            left.append("the old database could not be read: its last removals may be missing")
        if not done.doors_were_known:
            left.append("keys, people and passkeys that were ended since may be open again")
        if replayed.unreadable:
            lines = "1 line" if replayed.unreadable == 1 else f"{replayed.unreadable} lines"
            left.append(f"{lines} of the journal could not be read")
        if left:
            raise DoneInPart("; ".join(left))
