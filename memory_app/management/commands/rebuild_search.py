"""manage.py rebuild_search: make the full-text index anew, or check it."""

import sys
from argparse import ArgumentParser
from typing import Any

from tqdm import tqdm

from memory_app.management.command import DoneInPart, LetheCommand
from memory_app.operations.rebuilding import VerifiedIndex, rebuild_index, verify_index


class Command(LetheCommand):
    """Rebuild or verify, with progress, while the server serves."""

    help = (
        "Make the search index anew from the messages, while the server serves: new messages come"
        " first, searches say that they are incomplete. Safe to kill: the server goes on with it."
        " With --verify, check instead that each message has its words in the index and nothing"
        " else has; exit status 3 when not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which of the two."""
        parser.add_argument("--verify", action="store_true", help="check, and change nothing")

    def handle(self, **options: Any) -> None:
        """Do it, and say what came of it."""
        with tqdm(unit=" messages", disable=not sys.stderr.isatty(), delay=0.5) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            if options["verify"]:
                verified = verify_index(progress=show)
            else:
                count = rebuild_index(progress=show)
        if not options["verify"]:
            self.stdout.write(f"the words of {count:,} messages were made anew")
            return
        self.stdout.write(_sentence(verified))
        if not verified.is_true:
            raise DoneInPart("the index is not true; run: manage.py rebuild_search")


def _sentence(verified: VerifiedIndex) -> str:
    structure = "sound" if verified.sound else "damaged"
    rebuild = "; a rebuild is going on" if verified.rebuilding else ""
    rebuild += "; its words are of another version" if verified.outdated else ""
    return (
        f"{verified.messages:,} messages: {verified.missing:,} missing in the index,"
        f" {verified.waiting:,} waiting for it; {verified.orphaned:,} in it that are gone;"
        f" the words of {verified.sampled:,} compared, {verified.wrong:,} wrong;"
        f" its structure is {structure}{rebuild}"
    )
