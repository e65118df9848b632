"""manage.py replay_erasures: remove again what a journal names."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from memory_app.management.command import DoneInPart, LetheCommand
from memory_app.operations.replaying import replay_erasures


class Command(LetheCommand):
    """Replay a journal; the second time it finds nothing."""

    help = (
        "Remove what the journal FILE (erasures.jsonl of a data folder) names and this database"
        " still has. For a database that was restored by other means than manage.py restore."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, **options: Any) -> None:
        """Replay, and say what was removed."""
        done = replay_erasures(path=options["file"])
        self.stdout.write(
            f"{done.lines:,} removals read; {done.sessions:,} sessions and"
            f" {done.messages:,} messages removed."
        )
        if done.unreadable:
            lines = "1 line" if done.unreadable == 1 else f"{done.unreadable} lines"
            raise DoneInPart(f"{lines} could not be read")
