"""manage.py verify_audit: whether the audit log is as it was written."""

import json
from argparse import ArgumentParser, FileType
from dataclasses import asdict
from typing import Any

from memory_app.management.command import LetheCommand, Refused, require_database
from memory_app.operations.attesting import write_checkpoint
from memory_app.operations.auditing import COMMAND
from memory_app.operations.verifying import Verified, verify_export, verify_log


class Command(LetheCommand):
    """Check the audit log and say where it is broken: exit status 1."""

    help = (
        "Check that nothing in the audit log was edited, removed, inserted, moved, cut or made"
        " anew. Prints the public key that its checkpoints are signed with."
    )
    # An export can be checked on a machine without one.
    needs_database = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        file = FileType(encoding="utf-8", errors="replace")
        parser.add_argument(
            "--checkpoints", type=file, metavar="FILE", help="a copy that was kept elsewhere"
        )
        parser.add_argument(
            "--export", type=file, metavar="FILE", help="check this file of export_audit instead"
        )
        parser.add_argument(
            "--public-key",
            action="append",
            default=[],
            metavar="KEY",
            help="trust this key, noted earlier, not the one in the data folder; repeatable",
        )
        parser.add_argument(
            "--sign", action="store_true", help="write a checkpoint when the log is intact"
        )
        parser.add_argument("--json", action="store_true", help="one line of JSON")

    def handle(self, **options: Any) -> None:
        """Check the log; sign it when that is asked for."""
        verified = _verify(options)
        if options["sign"] and options["export"] is None and verified.fault is None:
            write_checkpoint(actor=COMMAND)
        if options["json"]:
            self.stdout.write(json.dumps(_fields(verified)))
        elif verified.fault is None:
            self.stdout.write(_sentence(verified))
        if verified.fault is not None:
            n, kind, detail = verified.fault
            raise Refused(f"the audit log is broken at entry {n} ({kind}): {detail}")


def _verify(options: dict[str, Any]) -> Verified:
    checkpoints, keys = options["checkpoints"], options["public_key"]
    if options["export"] is not None:
        return verify_export(
            export=options["export"], checkpoints=checkpoints or (), public_keys=keys
        )
    require_database()
    return verify_log(checkpoints=checkpoints, public_keys=keys)


def _fields(verified: Verified) -> dict[str, Any]:
    fault = verified.fault
    fields = asdict(verified) | {"fault": None if fault is None else fault._asdict()}
    # The command begins at the beginning.
    del fields["begun_at"]
    return {"intact": fault is None} | fields


def _sentence(verified: Verified) -> str:
    if not verified.entries:
        return "The audit log is intact: it has no entries."
    return (
        f"The audit log is intact: {verified.entries:,} entries, {verified.first} to"
        f" {verified.last}, and {verified.checkpoints:,}"
        f" checkpoint{'' if verified.checkpoints == 1 else 's'}.\n"
        f"Public key: {verified.public_key or 'none yet; the first checkpoint makes it'}"
    )
