"""manage.py export_audit: the audit log as a file that can be checked elsewhere."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from memory_app.management.command import LetheCommand, Refused
from memory_app.operations.attesting import export_log
from memory_app.operations.auditing import COMMAND


class Command(LetheCommand):
    """Write the log with its checkpoints, the last of which is signed for this."""

    help = "Write the audit log as JSON Lines (docs/audit.md), to be checked with verify_audit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", metavar="FILE", help="a new file, or - for standard output")

    def handle(self, **options: Any) -> None:
        """Write the log."""
        if options["file"] == "-":
            export_log(actor=COMMAND, write=sys.stdout.write)
            return
        path = Path(options["file"])
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                count = export_log(actor=COMMAND, write=file.write)
        except OSError as problem:
            raise Refused(f"{path} cannot be written: {problem.strerror}") from None
        self.stdout.write(f"{count:,} entries written.")
