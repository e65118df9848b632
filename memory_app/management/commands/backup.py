"""manage.py backup: copy the database while it serves."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from memory_app.management.command import LetheCommand
from memory_app.operations.backing_up import back_up


class Command(LetheCommand):
    """Write a backup that appears when it is complete, and not before."""

    help = (
        "Copy the database to FILE while it serves, without what deleted rows left behind. Keep the"
        " data folder's secret_key with it: without that no API key is recognised."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", type=Path, help="replaced when it exists")

    def handle(self, **options: Any) -> None:
        """Copy, and say how much."""
        size = back_up(path=options["file"])
        self.stdout.write(f"{options['file']}: {size:,} bytes.")
