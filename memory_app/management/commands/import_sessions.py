"""manage.py import_sessions: conversations from files into a namespace."""

import gzip
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any, cast

from tqdm import tqdm

from memory_app.management.command import DoneInPart, LetheCommand, Refused
from memory_app.operations.importing import Imported, import_sessions
from memory_app.operations.session_lines import Line, split_lines
from memory_app.operations.starting import FIRST_NAMESPACE


class Command(LetheCommand):
    """Import files, one after the other; what is there already counts as a duplicate."""

    help = (
        "Import sessions from JSON Lines (docs/format.md). Running it again, also after an"
        " interruption, stores nothing twice. Faulty lines are named on standard error, the rest"
        " goes on, and the exit status is 3."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "files",
            nargs="+",
            metavar="FILE",
            help="JSON Lines, compressed when the name ends in .gz; - is standard input",
        )
        parser.add_argument(
            "--namespace",
            default=FIRST_NAMESPACE,
            metavar="NS",
            help=f"where to, made when it is missing (default: {FIRST_NAMESPACE})",
        )
        parser.add_argument(
            "--keep-times",
            action="store_true",
            help="keep when sessions and messages were made, and when they expire, as the file says"
            " (default: everything is dated now)",
        )

    def handle(self, **options: Any) -> None:
        """Import each file, and say how much."""
        total = Imported()
        with ExitStack() as opened:
            files = [(name, self._open(name, opened)) for name in options["files"]]
            for name, raw in files:
                total += self._import(name, raw, options["namespace"], options["keep_times"])
        self.stdout.write(_summary(total, options["namespace"]))
        if total.refused:
            lines = "1 line was" if total.refused == 1 else f"{total.refused} lines were"
            raise DoneInPart(f"{lines} left out; see above")

    @staticmethod
    def _open(name: str, opened: ExitStack) -> IO[bytes]:
        if name == "-":
            return sys.stdin.buffer
        try:
            return opened.enter_context(open(name, "rb"))
        except OSError as problem:
            raise Refused(f"{name}: {problem.strerror}") from None

    def _import(self, name: str, raw: IO[bytes], namespace: str, keep_times: bool) -> Imported:
        bar = tqdm(
            total=os.fstat(raw.fileno()).st_size or None,
            desc=os.path.basename(name),
            unit="B",
            unit_scale=True,
            disable=None,
        )

        def lines() -> Iterator[Line]:
            """Pass lines on, and show how far the file is read."""
            packed = name.endswith(".gz")
            source = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
            for line in split_lines(source):
                yield line
                if not bar.disable and raw.seekable():
                    bar.update(raw.tell() - bar.n)

        def report(number: int, detail: str) -> None:
            bar.clear()
            self.stderr.write(f"{name}:{number}: {detail}")

        try:
            with bar:
                return import_sessions(
                    namespace=namespace, lines=lines(), keep_times=keep_times, report=report
                )
        except KeyboardInterrupt:
            raise Refused("interrupted; the same command run again goes on from there") from None


def _summary(done: Imported, namespace: str) -> str:
    return (
        f"{done.sessions} sessions imported into {namespace}, {done.begun} of them begun:"
        f" {done.messages} messages stored, {done.duplicates} were there already,"
        f" {done.repeated} kept under another id."
    )
