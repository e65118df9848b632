"""What all commands share: their exit statuses, and how they read times and durations.

0: done. 1: could not run, and standard error says why. 2: wrong usage. 3: done in part, and
standard error says what was left out.
"""

import os
import signal
import sys
import threading
from argparse import ArgumentTypeError
from contextlib import suppress
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, handle_default_options
from django.db import connections

from memory_app import moments
from memory_app.errors import Invalid, Refusal
from memory_app.operations.backing_up import require_whole_database
from memory_app.operations.health import check_readiness


class Refused(CommandError):
    """Could not run: exit status 1."""


class WrongUsage(CommandError):
    """Arguments that do not go together: exit status 2."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, returncode=2)


class DoneInPart(CommandError):
    """Done, but for what the text names: exit status 3."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, returncode=3)


class LetheCommand(BaseCommand):
    """A command that calls an operation and presents what came of it."""

    requires_system_checks = []
    # Whether the command works on a database that has every table this version needs.
    needs_database: ClassVar[bool] = True

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command from a shell; what it refuses is said as a plain sentence.

        Django would put the name of the exception before it.
        """
        self._called_from_command_line = True  # so that wrong usage is status 2
        parser = self.create_parser(argv[0], argv[1])
        options = parser.parse_args(argv[2:])
        handle_default_options(options)
        given = vars(options)
        try:
            self.execute(*given.pop("args", ()), **given)
        except CommandError as refusal:
            if options.traceback:
                raise
            self.stderr.write(str(refusal), lambda text: text)
            sys.exit(refusal.returncode)
        except KeyboardInterrupt:
            self.stderr.write("interrupted; what was done until then stays", lambda text: text)
            sys.exit(1)
        except BrokenPipeError:
            self.stderr.write("nobody reads on what is written", lambda text: text)
            # Python would complain as well, when it closes the output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        finally:
            with suppress(ImproperlyConfigured):
                connections.close_all()

    def execute(self, *arguments: Any, **options: Any) -> str | None:
        """Run the command; a refusal becomes one sentence on standard error and status 1."""
        try:
            if self.needs_database:
                require_database()
            return super().execute(*arguments, **options)
        except Refusal as refusal:
            raise Refused(_sentence(refusal)) from None


def require_database() -> None:
    """Refuse to go on without a database that has every table this version needs."""
    readiness = check_readiness()
    if readiness.database != "ok":
        raise Refused("the database cannot be reached; look at DATABASE_URL")
    require_whole_database()
    if readiness.migrations != "applied":
        raise Refused("the database lacks tables of this version; run: manage.py migrate")


def _sentence(refusal: Refusal) -> str:
    faults = refusal.faults if isinstance(refusal, Invalid) else ()
    more = [fault.detail for fault in faults if fault.detail != refusal.detail]
    return "; ".join([refusal.detail, *more])


def asked_to_stop(*, attached: bool) -> threading.Event:
    """Return what is set by SIGTERM or Ctrl-C; when attached, also by the end of standard input."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if attached:
        threading.Thread(target=_wait_for_the_end, args=(stop,), daemon=True).start()
    return stop


def _wait_for_the_end(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def duration(text: str) -> int:
    """Read an argument such as 45s, 5m, 12h or 30d."""
    try:
        return moments.from_duration(text)
    except ValueError as problem:
        raise ArgumentTypeError(str(problem)) from None


def moment(text: str) -> int:
    """Read an argument that is an RFC 3339 time with a zone."""
    try:
        return moments.from_rfc3339(text)
    except ValueError:
        raise ArgumentTypeError(
            "not an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z"
        ) from None
