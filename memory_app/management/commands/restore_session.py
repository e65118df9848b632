"""manage.py restore_session: an expired session lives again."""

from argparse import ArgumentParser
from typing import Any

from memory_app.management.command import LetheCommand
from memory_app.operations.intervening import restore_session


class Command(LetheCommand):
    """Restore a session within its grace period."""

    help = (
        "Let an expired session live again, within its grace period and unless its id is live:"
        " idle time and maximum age count anew from now."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("uid", metavar="UID", help="of the session, as the console shows it")
        parser.add_argument("--reason", required=True, metavar="R", help="kept with the session")

    def handle(self, **options: Any) -> None:
        """Restore the session."""
        restore_session(uid=options["uid"], reason=options["reason"])
