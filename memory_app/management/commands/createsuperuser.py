"""manage.py createsuperuser: say what does it here."""

from argparse import SUPPRESS, ArgumentParser
from typing import Any, ClassVar

from memory_app.management.command import LetheCommand, Refused


class Command(LetheCommand):
    """Refuse: Django's own would make a person without a role."""

    help = "Not used here: people are made with create_operator."
    needs_database: ClassVar[bool] = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what Django's takes, so that the refusal is read."""
        for name in ("--username", "--email", "--database"):
            parser.add_argument(name, help=SUPPRESS)
        parser.add_argument("--noinput", "--no-input", action="store_true", help=SUPPRESS)

    def handle(self, **options: Any) -> None:
        """Name the command that makes people."""
        raise Refused("make people with: manage.py create_operator NAME --role administrator")
