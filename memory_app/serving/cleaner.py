"""Run the cleanup loop beside the server, in a process of its own."""

import subprocess
import sys
from typing import Final

_EVERY: Final = "5m"
_STOP_SECONDS: Final = 20


class Cleaner:
    """The process of `cleanup --every`; it ends with this one, however this one ends."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the loop. Its standard input ends when this process does, which stops it."""
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, sys.argv[0], "cleanup", "--every", _EVERY, "--attached"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        """Let the batch that runs be finished, and stop."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # Safe at any moment: the next run goes on.
            self._process.kill()
