"""manage.py cleanup: enforce retention, once or again and again."""

import json
import threading
import time
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from typing import Any, Final

from memory_app.errors import Refusal, StorageFull, Unavailable
from memory_app.management.command import (
    DoneInPart,
    LetheCommand,
    WrongUsage,
    asked_to_stop,
    duration,
)
from memory_app.moments import DAY, SECOND
from memory_app.operations.cleaning import BATCH_SIZE, CleanedUp, clean_up
from memory_app.operations.indexing import index_pending
from memory_app.operations.purging import finish_purges
from memory_app.operations.scrubbing import Scrubbing, seconds_until_window

# How long a purge waits at least, and can be cancelled.
_LOOK_SECONDS: Final = 10.0


def _batch(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 10_000:
        return int(text)
    raise ArgumentTypeError("a batch has 1 to 10000 sessions")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if seconds > 0:
        return seconds
    raise ArgumentTypeError("seconds are a positive number")


class Command(LetheCommand):
    """Run cleanup and say what came of it."""

    help = (
        "Purge the sessions whose time and grace are over, carry out the purges that were asked for"
        " and wait, and scrub the database's files when LETHE_SCRUB_WINDOW (UTC) is open. Safe to"
        " run twice at once and to kill at any moment: the next run goes on. In --json, `purged` is"
        " what was due by its policy, `held` what a legal hold keeps of that, and `queued` how many"
        " purges were carried out that somebody had asked for (each has a receipt of its own)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what bounds a run."""
        parser.add_argument("--dry-run", action="store_true", help="count, and change nothing")
        parser.add_argument("--namespace", help="only this one; all by default")
        parser.add_argument("--batch-size", type=_batch, default=BATCH_SIZE, metavar="N")
        parser.add_argument("--max-seconds", type=_seconds, metavar="S", help="stop after so long")
        parser.add_argument("--every", type=duration, metavar="5m", help="stay, and repeat")
        parser.add_argument(
            "--scrub",
            action="store_true",
            help="scrub now, at any hour and size; on SQLite writers wait meanwhile",
        )
        parser.add_argument("--attached", action="store_true", help="stop when standard input ends")
        parser.add_argument("--json", action="store_true", help="one line of JSON for each run")

    def handle(self, **options: Any) -> None:
        """Run once, or until a signal asks to stop."""
        every = options["every"]
        if options["scrub"] and (options["dry_run"] or every is not None):
            raise WrongUsage("--scrub is done once and now: leave out --dry-run and --every")
        if every is None:
            self._run(options)
            return
        stop = asked_to_stop(attached=options["attached"])
        while not stop.is_set():
            pause = min(every, DAY) / SECOND
            try:
                self._run(options)
                # However long the pause, the window for scrubs is not missed.
                pause = min(pause, seconds_until_window() or pause)
            except (StorageFull, Unavailable) as refusal:
                # A database that is away for a while does not end the loop.
                self.stderr.write(f"cleanup: {refusal.detail}; the next run tries again")
            self._wait(stop, pause, options)

    def _wait(self, stop: threading.Event, seconds: float, options: dict[str, Any]) -> None:
        """Wait for the next run; purges that are asked for meanwhile need not wait for it."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and not stop.wait(min(left, _LOOK_SECONDS)):
            with suppress(Refusal):
                if not options["dry_run"]:
                    finish_purges(namespace=options["namespace"], queued_only=True)
                    # Where neither `serve` nor `index_messages` runs, nobody else does.
                    index_pending(seconds=_LOOK_SECONDS)

    def _run(self, options: dict[str, Any]) -> None:
        done = clean_up(
            namespace=options["namespace"],
            dry_run=options["dry_run"],
            batch_size=options["batch_size"],
            max_seconds=options["max_seconds"],
            scrub_now=options["scrub"],
        )
        self.stdout.write(_json(done) if options["json"] else _sentence(done))
        if options["scrub"] and not done.scrubbing.done:
            raise DoneInPart(f"not scrubbed: {done.scrubbing.waits_for or 'more is to be purged'}")


def _json(done: CleanedUp) -> str:
    return json.dumps(
        {
            "run": done.run,
            "dry_run": done.dry_run,
            "expired": done.expired,
            "purged": {
                "sessions": done.purged.sessions,
                "messages": done.purged.messages,
                "bytes": done.purged.bytes,
            },
            "held": done.held,
            "queued": done.queued,
            "scrubbed": done.scrubbing.done,
            "seconds": round(done.seconds, 3),
        }
    )


def _sentence(done: CleanedUp) -> str:
    verb = "would purge" if done.dry_run else "purged"
    rest = "" if done.complete else "; stopped by --max-seconds, more is due"
    queued = f"; {done.queued:,} queued purges" if done.queued else ""
    return (
        f"{done.expired:,} expired since the last run; {verb} {done.purged.sessions:,} sessions"
        f" with {done.purged.messages:,} messages, {done.purged.bytes:,} bytes{queued}{rest}"
        f"{_of_scrubbing(done.scrubbing)}"
    )


def _of_scrubbing(scrubbing: Scrubbing) -> str:
    if scrubbing.done:
        return f"; scrubbed in {scrubbing.seconds:.1f} s"
    if scrubbing.due:
        return f"; scrub due, waits for {scrubbing.waits_for or 'the next run'}"
    return ""
