"""manage.py place_hold: a legal hold."""

from argparse import ArgumentParser
from typing import Any

from memory_app.management.command import LetheCommand, duration
from memory_app.models import HoldKind
from memory_app.operations.holding import REVIEW_AFTER, NewHold, place_hold


class Command(LetheCommand):
    """Hold a session, a data subject or a prefix, and print the id of the hold."""

    help = (
        "Place a legal hold: nothing of what it covers is removed or overwritten, later sessions"
        " included. Prints only its id, which release_hold takes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("namespace", metavar="NAMESPACE")
        covers = parser.add_mutually_exclusive_group(required=True)
        covers.add_argument("--session-id", metavar="S", help="all sessions of this id")
        covers.add_argument("--user-id", metavar="U", help="all sessions of this user")
        covers.add_argument(
            "--prefix", metavar="P", help="all ids that begin so; ends in one of / - _ : ."
        )
        parser.add_argument("--matter", required=True, metavar="M", help="what it is placed for")
        parser.add_argument("--reason", required=True, metavar="R")
        parser.add_argument(
            "--review",
            type=duration,
            default=REVIEW_AFTER,
            metavar="D",
            help="when to look at it again, such as 30d (default: 180d)",
        )

    def handle(self, **options: Any) -> None:
        """Place the hold."""
        given = {
            HoldKind.SESSION: options["session_id"],
            HoldKind.SUBJECT: options["user_id"],
            HoldKind.PREFIX: options["prefix"],
        }
        kind, target = next((kind, name) for kind, name in given.items() if name is not None)
        hold = NewHold(
            namespace=options["namespace"],
            kind=kind,
            target=target,
            matter=options["matter"],
            reason=options["reason"],
            review_after=options["review"],
        )
        self.stdout.write(place_hold(hold=hold).id)
