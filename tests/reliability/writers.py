"""Agents that write at once and retry whatever they get no answer to."""

import http.client
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_PATIENCE = 60.0


class Agent:
    """One agent with one connection, which it opens again when it breaks."""

    def __init__(self, url: str, key: str) -> None:
        self.address = urlsplit(url).netloc
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.connection: http.client.HTTPConnection | None = None

    def call(self, operation: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """Call an operation once."""
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=30)
        try:
            self.connection.request(
                "GET" if body is None else "POST",
                f"/api/v1/{operation}",
                None if body is None else json.dumps(body),
                self.headers,
            )
            answer = self.connection.getresponse()
            status, waits = answer.status, answer.getheader("Retry-After")
            assert waits or status not in (503, 507), f"{status} does not say when to come back"
            return status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.connection.close()
            self.connection = None
            raise

    def insist(self, operation: str, body: dict[str, Any], statuses: list[int]) -> Any:
        """Send a call until it is acknowledged; note every status that came."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            try:
                status, answer = self.call(operation, body)
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.01)
                continue
            statuses.append(status)
            if status in (200, 201):
                return answer
            time.sleep(0.01)
        raise TimeoutError("no acknowledgement")


@dataclass
class Written:
    """What agents were told: the place of each message, by its id, and every status."""

    places: dict[str, list[int]] = field(default_factory=dict)
    statuses: list[int] = field(default_factory=list)
    problems: list[BaseException] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, items: list[dict[str, Any]]) -> None:
        """Remember where messages are."""
        with self.lock:
            for item in items:
                self.places.setdefault(item["id"], []).append(item["seq"])


def at_once(workers: list[Callable[[], None]], written: Written) -> list[threading.Thread]:
    """Start workers together."""
    barrier = threading.Barrier(len(workers))

    def run(worker: Callable[[], None]) -> None:
        barrier.wait()
        try:
            worker()
        except BaseException as problem:
            written.problems.append(problem)

    threads = [threading.Thread(target=run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    return threads


def read_all(agent: Agent, session_id: str) -> list[dict[str, Any]]:
    """Return all messages of a session, page after page."""
    items: list[dict[str, Any]] = []
    after = 0
    while True:
        status, answer = agent.call(
            f"memory/list?session_id={session_id}&after_seq={after}&limit=1000"
        )
        assert status == 200, answer
        items += answer["items"]
        if not answer["truncated"]:
            return items
        after = answer["next_after_seq"]
