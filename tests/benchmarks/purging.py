"""What it costs to purge, index rows included, and how long a writer waits meanwhile."""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from tests.benchmarks import fill, load, raw, texts
from tests.served import Served, manage, serving

T = TypeVar("T")
Call = Callable[[Served, str, dict[str, Any]], dict[str, Any]]
Adding = Callable[[Served], Callable[[int], Iterator[bytes]]]

_LENGTH = 1_000
_SLICE_SECONDS = 0.5


def w6(environment: dict[str, str], asked: argparse.Namespace, call: Call) -> Iterator[str]:
    """Measure sessions/delete of 1,000 messages beside the bare deletion of their rows."""
    url = environment["DATABASE_URL"]
    rounds = asked.rounds * 4
    with serving(environment) as served:
        call(served, "memory/add", {"session_id": "x", "message": {"role": "user"}})
        sessions = max(asked.messages // _LENGTH, 2 * rounds)
        first = _fill(environment, sessions, _LENGTH)
        # From all over the table, so that neither arm finds the other's pages in a cache.
        step = sessions // (2 * rounds)
        numbers = iter(range(first, first + sessions, step))
        ours, limit = list[float](), list[float]()
        with raw.deleting(url) as delete_range:
            for _ in range(rounds):
                limit.append(_seconds(lambda: delete_range(next(numbers))))
                name = _name(next(numbers))
                ours.append(_seconds(lambda: _delete(served, call, name)))  # noqa: B023
        mine, bare = (statistics.median(times) * 1000 for times in (ours, limit))
        yield (
            f"sessions/delete of {_LENGTH:,} messages among {sessions * _LENGTH:,}, over HTTP"
            f" | {mine:.1f} ms | raw range delete with index rows {bare:.1f} ms"
            f" | **{mine / bare:.2f}** × | ≤ 2 × |"
        )


def w7(
    environment: dict[str, str], asked: argparse.Namespace, adding: Adding, call: Call
) -> Iterator[str]:
    """Measure purges of many messages, and of many small sessions, beside a writer."""
    with serving(environment) as served:
        load.run(served.url, 1, 2, adding(served))
        quiet = load.run(served.url, 1, 4 * _SLICE_SECONDS, adding(served))
        beside = (
            f"| without a purge p99 {quiet.percentile(0.99):.0f} ms,"
            f" at most {quiet.percentile(1):.0f} ms | | ≥ 50,000 messages/s, ≤ 100 ms |"
        )
        # Starting the command takes most of a second.
        idle = _clean_up(environment).cpu
        for length, messages in ((50, asked.messages), (2, asked.messages // 10)):
            _fill(environment, messages // length, length, days_ago=40)
            done, waits = _beside(lambda: _clean_up(environment), served, adding, call)
            yield (
                f"purge by age, {done.sessions:,} sessions of {length} messages"
                f" | {done.messages / done.seconds:,.0f} messages/s,"
                f" {done.sessions / done.seconds:,.0f} sessions/s,"
                f" {done.messages / (done.cpu - idle):,.0f} messages a second of CPU;"
                f" {waits} {beside}"
            )
        messages = asked.messages // 2
        _fill(environment, messages // 50, 50, days_ago=20)
        purge, waits = _beside(lambda: _ask_for_purge(served, call), served, adding, call)
        said = f"preview and execute of {purge['total']:,} sessions, answered {purge['state']}"
        yield f"{said} | {waits} {beside}"
        _, waits = _beside(lambda: _clean_up(environment), served, adding, call)
        yield f"the purge itself, of {messages:,} messages, by cleanup | {waits} {beside}"


def _fill(environment: dict[str, str], sessions: int, messages: int, days_ago: int = 0) -> int:
    """Add sessions and let all their messages be indexed; return the number of the first."""
    url, words = environment["DATABASE_URL"], texts.texts()
    first = fill.fill(url, sessions=sessions, messages=messages, days_ago=days_ago, texts=words)
    manage(environment, "index_messages")
    return first


def _beside(work: Callable[[], T], served: Served, adding: Adding, call: Call) -> tuple[T, str]:
    """Do something beside a writer; return what came of it, and how adds and searches fared."""
    waits: list[float] = []
    found: list[float] = []
    with ThreadPoolExecutor(1) as other:
        working = other.submit(work)
        while not working.done():
            measured = load.run(served.url, 1, _SLICE_SECONDS, adding(served))
            if measured.statuses.keys() != {201}:
                sys.exit(f"unexpected answers: {measured.statuses}")
            waits += measured.latencies
            found.append(_seconds_until_found(served, call))
    waits.sort()
    p99 = waits[int(len(waits) * 0.99)] * 1000
    said = (
        f"a writer waits p99 {p99:.0f} ms, at most {waits[-1] * 1000:.0f} ms;"
        f" added to found median {statistics.median(found):.2f} s, at most {max(found):.2f} s"
    )
    return working.result(), said


def _seconds_until_found(served: Served, call: Call) -> float:
    """Add a message, and search until it is found."""
    word = f"w{time.time_ns()}"
    call(served, "memory/add", {"session_id": "w7", "message": {"role": "user", "content": word}})
    added = time.perf_counter()
    while not call(served, "memory/search", {"query": word})["items"]:
        time.sleep(0.01)
    return time.perf_counter() - added


class _CleanedUp(NamedTuple):
    """What was due, and how long it took, by the clock and in CPU."""

    sessions: int
    messages: int
    seconds: float
    cpu: float


def _clean_up(environment: dict[str, str]) -> _CleanedUp:
    """Run cleanup."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = json.loads(manage(environment, "cleanup", "--json"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    due = done["purged"]
    return _CleanedUp(due["sessions"], due["messages"], done["seconds"], cpu)


def _ask_for_purge(served: Served, call: Call) -> dict[str, Any]:
    """Fix what began ten days ago or earlier, and ask for its purge."""
    before = datetime.now(UTC) - timedelta(days=10)
    shown = call(served, "purges/preview", {"filter": {"created_before": before.isoformat()}})
    asked = {"token": shown["token"], "reason": "Measured"}
    purge: dict[str, Any] = call(served, "purges/execute", asked)["purge"]
    return purge


def _seconds(work: Callable[[], None]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _name(number: int) -> str:
    return f"org-{number % 100}/user-{number}"


def _delete(served: Served, call: Call, name: str) -> None:
    answer = call(served, "sessions/delete", {"session_id": name})
    if answer["deleted"] != 1:
        sys.exit(f"unexpected answer: {answer}")
