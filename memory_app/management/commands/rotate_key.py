"""manage.py rotate_key: a successor for a key, both valid for a while."""

from argparse import ArgumentParser
from typing import Any

from memory_app.management.command import LetheCommand, duration
from memory_app.moments import DAY
from memory_app.operations.keys import rotate_key


class Command(LetheCommand):
    """Print a key with the rights of another, which ends after the overlap."""

    help = (
        "Make a successor for an API key; the old one ends after the overlap. Prints the new key."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "prefix", metavar="PREFIX", help="the readable part of the old key: lethe_ and 8 more"
        )
        parser.add_argument(
            "--overlap",
            type=duration,
            default=DAY,
            metavar="24h",
            help="how long the old key still works (default: 24h)",
        )

    def handle(self, **options: Any) -> None:
        """Make the successor."""
        self.stdout.write(rotate_key(prefix=options["prefix"], overlap=options["overlap"]))
