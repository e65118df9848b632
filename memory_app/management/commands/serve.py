"""manage.py serve: the API and the console over HTTP."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any, Final

from memory_app.management.command import LetheCommand, WrongUsage
from memory_app.serving import CannotServe, parse_bind, serve

# Not on a thread of the processes that serve: with 16 callers a third of their adds went to it.
_INDEXES: Final = ("index_messages", "--stay", "--attached")
_CLEANS_UP: Final = ("cleanup", "--every", "5m", "--attached")


def _address(text: str) -> str:
    try:
        parse_bind(text)
    except CannotServe as refusal:
        raise ArgumentTypeError(refusal.detail) from None
    return text


class Command(LetheCommand):
    """Serve until SIGTERM or Ctrl-C; requests in flight are still answered."""

    help = "Serve the API and the console until SIGTERM or Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--bind",
            type=_address,
            default="127.0.0.1:8000",
            metavar="HOST:PORT",
            help="default: 127.0.0.1:8000",
        )
        parser.add_argument(
            "--workers", type=int, default=1, metavar="N", help="processes (default: 1)"
        )
        parser.add_argument(
            "--no-cleanup", action="store_true", help="leave cleanup to another machine or to cron"
        )

    def handle(self, **options: Any) -> None:
        """Serve."""
        if options["workers"] < 1:
            raise WrongUsage("--workers is at least 1")
        beside = [_INDEXES] if options["no_cleanup"] else [_INDEXES, _CLEANS_UP]
        serve(bind=options["bind"], workers=options["workers"], beside=beside)
