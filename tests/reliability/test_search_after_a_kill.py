"""A server killed while it indexes has nothing missing in its search when it is back."""

import os
import signal
import threading
import time
from collections.abc import Callable
from urllib.parse import quote

from tests.reliability.writers import Agent, Written, at_once
from tests.served import manage, start, wait_until_up

KILLS = int(os.environ.get("LETHE_PROVE_KILLS", "4"))
WRITERS = 4


def test_everything_acknowledged_is_found_within_a_second_after_kills(
    installation: dict[str, str],
) -> None:
    written = Written()
    finished = threading.Event()
    key, url, process = start(installation)
    sent: list[str] = []

    def writer(number: int) -> None:
        agent = Agent(url, key)
        count = 0
        while not finished.is_set():
            name = f"w{number}n{count}"
            message = {"id": name, "role": "user", "content": f"refund {name}"}
            body = {"session_id": f"s-{number}", "message": message}
            agent.insist("memory/add", body, written.statuses)
            sent.append(name)
            count += 1

    threads = at_once([lambda n=number: writer(n) for number in range(WRITERS)], written)  # type: ignore[misc]
    try:
        for kill in range(KILLS):
            _wait_for(lambda kill=kill: len(sent) > 40 * (kill + 1))  # type: ignore[misc]
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            _, _, process = start(installation, url=url)
            wait_until_up(url, process)
    finally:
        finished.set()
        for thread in threads:
            thread.join()
    try:
        agent = Agent(url, key)
        _wait_for(lambda: _found(agent, sent[-1]) == 1)
        taken = sorted(_seconds_until_found(agent, n, written) for n in range(5))
        missing = [name for name in sent if _found(agent, name) != 1]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert written.problems == []
    assert missing == []
    assert taken[2] < 1, taken
    manage(installation, "rebuild_search", "--verify")


def _seconds_until_found(agent: Agent, number: int, written: Written) -> float:
    message = {"role": "user", "content": f"the very last {number}"}
    agent.insist("memory/add", {"session_id": "last", "message": message}, written.statuses)
    acknowledged = time.monotonic()
    _wait_for(lambda: _found(agent, f'"the very last {number}"') == 1)
    return time.monotonic() - acknowledged


def _found(agent: Agent, query: str) -> int:
    status, answer = agent.call(f"memory/search?query={quote(query)}")
    assert status == 200, answer
    return len(answer["items"])


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.01)
