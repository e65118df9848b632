"""Run the cleanup loop beside the server, in a process of its own."""

import logging
import subprocess
import sys
import threading
import time
from typing import Final

logger = logging.getLogger("lethe.serving")

_EVERY: Final = "5m"
_STOP_SECONDS: Final = 20
# How long a loop that died is left alone, doubled each time up to the longest.
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0
# A loop that has lived for so long died of something new.
_SOUND_SECONDS: Final = 600.0


class Cleaner:
    """The process of `cleanup --every`; it ends with this one, however this one ends.

    When it dies, another one takes its place: what is due must not wait for somebody to notice.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the loop, and a thread that looks after it."""
        self._process = _begin()
        threading.Thread(target=self._look_after, name="cleaner", daemon=True).start()

    def _look_after(self) -> None:
        pause = _FIRST_PAUSE
        while self._process is not None:
            begun = time.monotonic()
            status = self._process.wait()
            if time.monotonic() - begun > _SOUND_SECONDS:
                pause = _FIRST_PAUSE
            if self._stopping.is_set():
                return
            logger.error("the cleanup loop ended with status %s; it is started again", status)
            if self._stopping.wait(pause):
                return
            pause = min(pause * 2, _LONGEST_PAUSE)
            self._process = _begin()

    def stop(self) -> None:
        """Let the batch that runs be finished, and stop."""
        self._stopping.set()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Safe at any moment: the next run goes on.
            self._process.kill()


def _begin() -> "subprocess.Popen[bytes]":
    """Start the loop. Its standard input ends when this process does, which stops it."""
    return subprocess.Popen(  # noqa: S603
        [sys.executable, sys.argv[0], "cleanup", "--every", _EVERY, "--attached"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
