"""manage.py changepassword: say what does it here."""

from argparse import SUPPRESS, ArgumentParser
from typing import Any, ClassVar

from memory_app.management.command import LetheCommand, Refused


class Command(LetheCommand):
    """Refuse: Django's own would leave sign-ins open and the audit log without an entry."""

    help = "Not used here: create_operator --reset gives a person another password."
    needs_database: ClassVar[bool] = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what Django's takes, so that the refusal is read."""
        parser.add_argument("username", nargs="?", help=SUPPRESS)
        parser.add_argument("--database", help=SUPPRESS)

    def handle(self, **options: Any) -> None:
        """Name the command that gives passwords."""
        raise Refused("give another password with: manage.py create_operator --reset NAME")
