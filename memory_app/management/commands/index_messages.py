"""manage.py index_messages: let search find what waits for it, once or for as long as it runs."""

import sys
from argparse import ArgumentParser
from typing import Any

from tqdm import tqdm

from memory_app.management.command import LetheCommand, WrongUsage, asked_to_stop
from memory_app.operations.indexing import keep_indexed
from memory_app.operations.rebuilding import index_waiting


class Command(LetheCommand):
    """Index what waits, or stay and index what is added."""

    help = (
        "Let search find what was added, imported or restored. `serve` runs this beside itself;"
        " where another server answers, run it with --stay, on as many machines as you like: one of"
        " them works at a time. Safe to kill at any moment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take for how long."""
        parser.add_argument("--stay", action="store_true", help="go on with what is added")
        parser.add_argument("--attached", action="store_true", help="stop when standard input ends")

    def handle(self, **options: Any) -> None:
        """Index."""
        if options["stay"]:
            keep_indexed(asked_to_stop(attached=options["attached"]))
            return
        if options["attached"]:
            raise WrongUsage("--attached goes with --stay")
        with tqdm(unit=" messages", disable=not sys.stderr.isatty(), delay=0.5) as bar:

            def show(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            count = index_waiting(progress=show)
        self.stdout.write(f"{count:,} messages were indexed")
