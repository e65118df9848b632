"""A process that runs beside the server is there for as long as the server is."""

import subprocess
import sys
import threading
from collections.abc import Sequence

import pytest

from memory_app.serving import companion
from memory_app.serving.companion import Companion

Process = subprocess.Popen[bytes]


def program(text: str) -> Process:
    return subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE)


def test_one_that_died_is_started_again_even_when_that_fails_at_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when the machine's memory is full, of which it died."""
    started = threading.Event()
    tries: list[Sequence[str]] = []

    def begin(command: Sequence[str]) -> Process:
        tries.append(command)
        if len(tries) == 1:
            return program("")
        if len(tries) < 4:
            raise OSError("Cannot allocate memory")
        started.set()
        return program("import sys; sys.stdin.read()")

    monkeypatch.setattr(companion, "_begin", begin)
    monkeypatch.setattr(companion, "_FIRST_PAUSE", 0.01)
    beside = Companion(["index_messages", "--stay", "--attached"])
    beside.start()
    try:
        assert started.wait(30)
    finally:
        beside.stop()
