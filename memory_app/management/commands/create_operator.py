"""manage.py create_operator: let a person into the console, or give them another password."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from memory_app.management.command import LetheCommand, WrongUsage
from memory_app.models import Role
from memory_app.operations.people import ROLES, create_person, reset_password
from memory_app.operations.second_factor import drop_factor


class Command(LetheCommand):
    """Make a person who can sign in; no mail is sent."""

    help = (
        "Let a person into the console, or give one another password with --reset. On a terminal"
        " the password is asked for; left empty, or without a terminal, one is made and printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", nargs="?", metavar="NAME", help="by which they sign in")
        parser.add_argument(
            "--role",
            action="append",
            choices=ROLES,
            help="what they may do; can be given several times (default: operator)",
        )
        parser.add_argument(
            "--namespace",
            action="append",
            default=[],
            metavar="NAMESPACE",
            help="where they may do it; can be given several times (default: everywhere)",
        )
        parser.add_argument(
            "--reset", metavar="NAME", help="give this person another password instead"
        )
        parser.add_argument(
            "--drop-second-factor",
            metavar="NAME",
            help="ask this person, who lost it, for no second factor any more instead",
        )

    def handle(self, **options: Any) -> None:
        """Make the person, or the password."""
        name, reset, drop = options["name"], options["reset"], options["drop_second_factor"]
        if [name, reset, drop].count(None) != 2:
            raise WrongUsage("give NAME, or --reset NAME, or --drop-second-factor NAME")
        if drop is not None:
            drop_factor(username=drop)
            return
        if reset is not None and (options["role"] or options["namespace"]):
            raise WrongUsage("--reset changes the password only; leave --role and --namespace out")
        given = self._ask()
        if reset is not None:
            password = reset_password(username=reset, password=given)
        else:
            password = create_person(
                username=name,
                roles=options["role"] or [Role.OPERATOR.value],
                namespaces=options["namespace"],
                password=given,
            )
        if given is None:
            self.stdout.write(password)
            self.stderr.write("This is the password. It is shown this once.")

    @staticmethod
    def _ask() -> str | None:
        """Ask a person at a terminal for the password; None when one is to be made."""
        if not sys.stdin.isatty():
            return None
        given = getpass.getpass("Password (empty: make one): ")
        if given and getpass.getpass("Again: ") != given:
            raise WrongUsage("the two passwords differ")
        return given or None
