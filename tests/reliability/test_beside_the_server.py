"""`serve` cleans up and indexes in processes beside itself, and takes them along when it goes."""

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


def running(command: str, pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except FileNotFoundError:
            continue
        if command.encode() in words and b"--attached" in words:
            found.append(pid)
    return found


@contextlib.contextmanager
def serving(
    installation: dict[str, str], ending: int, *arguments: str
) -> Iterator["subprocess.Popen[bytes]"]:
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "manage.py", "serve", "--bind", f"127.0.0.1:{port}", *arguments],
        cwd=ROOT,
        env=installation,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_up(f"http://127.0.0.1:{port}", server)
        yield server
    finally:
        os.kill(server.pid, ending)
        server.wait(40)


COMMANDS = ("cleanup", "index_messages")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_what_runs_beside_the_server_lives_and_ends_with_it(
    installation: dict[str, str], ending: signal.Signals
) -> None:
    with serving(installation, ending) as server:
        beside = [pid for name in COMMANDS for pid in running(name, tree(server.pid))]
        assert len(beside) == len(COMMANDS)
    assert poll(lambda: not any(running(name, beside) for name in COMMANDS))


@pytest.mark.parametrize("command", COMMANDS)
def test_what_died_beside_the_server_is_started_again(
    installation: dict[str, str], command: str
) -> None:
    with serving(installation, signal.SIGTERM) as server:
        assert poll(lambda: len(running(command, tree(server.pid))) == 1)
        (first,) = running(command, tree(server.pid))
        os.kill(first, signal.SIGKILL)
        assert poll(lambda: running(command, tree(server.pid)) not in ([first], []))
        (second,) = running(command, tree(server.pid))
    assert poll(lambda: running(command, [second]) == [])


def test_a_server_that_leaves_cleanup_to_others_still_indexes(
    installation: dict[str, str],
) -> None:
    with serving(installation, signal.SIGTERM, "--no-cleanup") as server:
        assert len(running("index_messages", tree(server.pid))) == 1
        assert running("cleanup", tree(server.pid)) == []
