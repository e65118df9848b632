"""manage.py create_key: a key for an agent, and its namespace."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from memory_app.management.command import LetheCommand, moment
from memory_app.moments import NEVER
from memory_app.operations.keys import DEFAULT_SCOPES, MAX_RATE, SCOPES, create_key


def scopes(text: str) -> list[str]:
    """Read scopes separated by commas."""
    names = text.split(",")
    if not set(names) <= set(SCOPES):
        raise ArgumentTypeError(f"scopes are {', '.join(SCOPES)}, separated by commas")
    return names


def calls(text: str) -> int:
    """Read a number of calls a minute."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= number <= MAX_RATE:
        raise ArgumentTypeError(f"a limit is 1 to {MAX_RATE} calls a minute")
    return number


class Command(LetheCommand):
    """Print a new API key, which is shown this once and kept nowhere."""

    help = "Make an API key for a namespace, and the namespace when it is new. Prints only the key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("namespace", metavar="NAMESPACE")
        parser.add_argument(
            "--scopes",
            type=scopes,
            default=DEFAULT_SCOPES,
            help="what the key may do: read,write,purge (default: read,write)",
        )
        parser.add_argument(
            "--expires-at",
            type=moment,
            default=NEVER,
            metavar="T",
            help="when it ends, such as 2030-01-31T12:00:00Z (default: never)",
        )
        parser.add_argument("--label", default="", metavar="L", help="what people call the key")
        parser.add_argument(
            "--rate-limit",
            type=calls,
            metavar="N",
            help="how many calls a minute it may make, counted by each process (default: no limit)",
        )

    def handle(self, **options: Any) -> None:
        """Make the key."""
        key = create_key(
            namespace=options["namespace"],
            scopes=options["scopes"],
            expires_at=options["expires_at"],
            label=options["label"],
            rate_limit=options["rate_limit"],
        )
        self.stdout.write(key)
