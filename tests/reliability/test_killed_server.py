"""A server killed at any moment loses nothing that it acknowledged, and doubles nothing."""

import os
import signal
import subprocess
import threading
import time

from tests.reliability.writers import Agent, Written, at_once, read_all
from tests.served import start, wait_until_up

KILLS = int(os.environ.get("LETHE_PROVE_KILLS", "20"))
WRITERS = 16
SESSIONS = 4


def test_nothing_acknowledged_is_lost_doubled_or_reordered_by_kills(
    installation: dict[str, str],
) -> None:
    written = Written()
    finished = threading.Event()
    key, url, process = start(installation)
    sent: dict[int, list[str]] = {number: [] for number in range(WRITERS)}

    def writer(number: int) -> None:
        agent = Agent(url, key)
        while not finished.is_set():
            name = f"{number}-{len(sent[number])}"
            body = {
                "session_id": f"s-{number % SESSIONS}",
                "message": {"id": name, "role": "user", "content": "Hi"},
            }
            written.note([agent.insist("memory/add", body, written.statuses)])
            sent[number].append(name)

    threads = at_once([lambda n=number: writer(n) for number in range(WRITERS)], written)  # type: ignore[misc]
    try:
        for _ in range(KILLS):
            _wait_for_more(written, 50)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process = _restart(installation, url)
        _wait_for_more(written, 50)
    finally:
        finished.set()
        for thread in threads:
            thread.join()
        agent = Agent(url, key)
        sessions = {name: read_all(agent, name) for name in (f"s-{n}" for n in range(SESSIONS))}
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    assert written.problems == []
    assert {status for status in written.statuses if status >= 500} <= {503}
    seqs = {}
    for items in sessions.values():
        assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
        seqs.update({item["id"]: item["seq"] for item in items})
    assert sum(map(len, sessions.values())) == len(seqs)
    for number, names in sent.items():
        assert [written.places[name][-1] for name in names] == [seqs[name] for name in names]
        assert sorted(names, key=seqs.__getitem__) == names, f"writer {number} was reordered"


def _wait_for_more(written: Written, count: int) -> None:
    """Wait until so many more calls were acknowledged."""
    wanted = len(written.statuses) + count
    deadline = time.monotonic() + 30
    while len(written.statuses) < wanted:
        assert time.monotonic() < deadline, "the writers stand still"
        time.sleep(0.005)


def _restart(installation: dict[str, str], url: str) -> "subprocess.Popen[bytes]":
    _, _, process = start(installation, url=url)
    wait_until_up(url, process)
    return process
