"""manage.py release_hold: the end of a legal hold."""

from argparse import ArgumentParser
from typing import Any

from memory_app.management.command import LetheCommand
from memory_app.operations.holding import release_hold


class Command(LetheCommand):
    """Release a hold."""

    help = "Release a legal hold. Nothing of what it covered is purged for 24 hours."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("id", metavar="ID", help="of the hold, as place_hold printed it")
        parser.add_argument("--reason", required=True, metavar="R")

    def handle(self, **options: Any) -> None:
        """Release the hold."""
        release_hold(hold_id=options["id"], reason=options["reason"])
