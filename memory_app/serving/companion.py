"""Run a command of `manage.py` beside the server, in a process of its own."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

logger = logging.getLogger("lethe.serving")

_STOP_SECONDS: Final = 20
# How long one that died is left alone, doubled each time up to the longest.
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 60.0
# One that has lived for so long died of something new.
_SOUND_SECONDS: Final = 600.0


class Companion:
    """A process that lives as long as the server; it ends with this one, however this one ends.

    When it dies, another one takes its place: what is due must not wait for somebody to notice.
    The command must end when its standard input does.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the process, and a thread that looks after it."""
        self._process = _begin(self._command)
        threading.Thread(target=self._look_after, name=self._command[0], daemon=True).start()

    def _look_after(self) -> None:
        pause = _FIRST_PAUSE
        while self._process is not None:
            begun = time.monotonic()
            status = self._process.wait()
            if time.monotonic() - begun > _SOUND_SECONDS:
                pause = _FIRST_PAUSE
            if self._stopping.is_set():
                return
            logger.error("%s ended with status %s; it is started again", self._command[0], status)
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, _LONGEST_PAUSE)
            # There may be no memory for another process now; it is tried again after a pause.
            with suppress(OSError):
                self._process = _begin(self._command)

    def ask_to_stop(self) -> None:
        """Let the batch that runs be the last."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()

    def stop(self) -> None:
        """Wait until it has stopped."""
        self.ask_to_stop()
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Safe at any moment: the next run goes on.
            self._process.kill()


def _begin(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the process. Its standard input ends when this process does."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, sys.argv[0], *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
