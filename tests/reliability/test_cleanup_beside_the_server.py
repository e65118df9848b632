"""`serve` runs the cleanup loop beside itself, and takes it along when it goes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

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


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_the_cleanup_loop_lives_and_ends_with_the_server(
    installation: dict[str, str], ending: signal.Signals
) -> None:
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
        (cleaner,) = cleaners(tree(server.pid))
    finally:
        os.kill(server.pid, ending)
        server.wait(40)
    assert poll(lambda: cleaners([cleaner]) == [])
