"""manage.py export_sessions: the conversations of a namespace into a file."""

import fcntl
import gzip
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from tqdm import tqdm

from memory_app.management.command import LetheCommand, Refused, WrongUsage
from memory_app.operations.exporting import count_to_export, export_sessions


class Command(LetheCommand):
    """Export to a file that appears when it is complete, and not before."""

    help = (
        "Export sessions, expired ones included, as JSON Lines (docs/format.md). FILE is replaced"
        " when the export is complete; an interrupted one leaves it as it was, and is run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "file",
            metavar="FILE",
            help="compressed when the name ends in .gz; - is standard output",
        )
        parser.add_argument("--namespace", required=True, metavar="NS", help="from where")
        parser.add_argument(
            "--prefix", metavar="P", help="only sessions whose id begins so, character by character"
        )

    def handle(self, **options: Any) -> None:
        """Export, and say how much."""
        name, namespace, prefix = options["file"], options["namespace"], options["prefix"]
        if prefix == "":
            raise WrongUsage("an empty --prefix would select nothing; leave it out to export all")
        total = count_to_export(namespace=namespace, prefix=prefix)
        try:
            with (
                _written(name) as file,
                tqdm(total=total, unit=" messages", unit_scale=True, disable=None) as bar,
            ):
                done = export_sessions(
                    namespace=namespace,
                    prefix=prefix,
                    write=lambda text: file.write(text.encode()),
                    progress=bar.update,
                )
        except OSError as problem:
            raise Refused(f"{name}: {problem.strerror}") from None
        except KeyboardInterrupt:
            raise Refused("interrupted; nothing was exported") from None
        summary = self.stderr if name == "-" else self.stdout
        summary.write(
            f"{done.sessions} sessions exported from {namespace}, {done.expired} of them expired:"
            f" {done.messages} messages."
        )


@contextmanager
def _written(name: str) -> Iterator[IO[bytes]]:
    """Open a file that takes its name when all of it is on disk; only its owner may read it."""
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    path = Path(name)
    if path.exists() and not path.is_file():
        with path.open("wb") as device:
            yield device
        return
    # One name for every attempt: what a killed one left behind is overwritten by the next.
    draft = path.with_name(f".{path.name}.part")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
        _alone(file, name)
        try:
            if name.endswith(".gz"):
                with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                    yield cast(IO[bytes], packed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
            draft.replace(path)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _alone(file: IO[bytes], name: str) -> None:
    """Empty the file, unless another export is writing it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Refused(f"{name}: another export is writing this file") from None
    file.truncate(0)
