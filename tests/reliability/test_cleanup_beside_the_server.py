"""`serve` runs the cleanup loop beside itself, and takes it along when it goes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.served import ROOT, free_port, tree, wait_until_up


def poll(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def cleaners(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if b"--attached" in file.read():
                    found.append(pid)
        except FileNotFoundError:
            continue
    return found


@contextlib.contextmanager
def serving(installation: dict[str, str], ending: int) -> Iterator["subprocess.Popen[bytes]"]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}"],
        cwd=ROOT,
        env=installation,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_up(f"http://127.0.0.1:{port}", server)
        assert poll(lambda: len(cleaners(tree(server.pid))) == 1)
        yield server
    finally:
        os.kill(server.pid, ending)
        server.wait(40)


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_the_cleanup_loop_lives_and_ends_with_the_server(
    installation: dict[str, str], ending: signal.Signals
) -> None:
    with serving(installation, ending) as server:
        (cleaner,) = cleaners(tree(server.pid))
    assert poll(lambda: cleaners([cleaner]) == [])


def test_a_cleanup_loop_that_died_is_started_again(installation: dict[str, str]) -> None:
    with serving(installation, signal.SIGTERM) as server:
        (first,) = cleaners(tree(server.pid))
        os.kill(first, signal.SIGKILL)
        assert poll(lambda: cleaners(tree(server.pid)) not in ([first], []))
        (second,) = cleaners(tree(server.pid))
    assert poll(lambda: cleaners([second]) == [])
