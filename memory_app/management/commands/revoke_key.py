"""manage.py revoke_key: the end of a key."""

from argparse import ArgumentParser
from typing import Any

from memory_app.management.command import LetheCommand
from memory_app.operations.keys import revoke_key


class Command(LetheCommand):
    """End a key at once."""

    help = "End an API key: no process accepts it after a few seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "prefix", metavar="PREFIX", help="the readable part of the key: lethe_ and 8 more"
        )

    def handle(self, **options: Any) -> None:
        """End the key."""
        revoke_key(prefix=options["prefix"])
