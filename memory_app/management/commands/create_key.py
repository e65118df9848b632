"""manage.py create_key: a key for an agent, and its namespace."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from memory_app.management.command import LetheCommand, moment
from memory_app.moments import NEVER
from memory_app.operations.keys import DEFAULT_SCOPES, SCOPES, create_key


def scopes(text: str) -> list[str]:
    """Read scopes separated by commas."""
    names = text.split(",")
    if not set(names) <= set(SCOPES):
        raise ArgumentTypeError(f"scopes are {', '.join(SCOPES)}, separated by commas")
    return names


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

    def handle(self, **options: Any) -> None:
        """Make the key."""
        key = create_key(
            namespace=options["namespace"],
            scopes=options["scopes"],
            expires_at=options["expires_at"],
            label=options["label"],
        )
        self.stdout.write(key)
