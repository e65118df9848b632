"""What it costs to purge, index rows included, and how long a writer waits meanwhile."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

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
        for length, messages in ((50, asked.messages), (2, asked.messages // 10)):
            _fill(environment, messages // length, length, days_ago=40)
            done, waits = _beside(lambda: _clean_up(environment), served, adding)
            sessions, purged, seconds = done
            yield (
                f"purge by age, {sessions:,} sessions of {length} messages"
                f" | {purged / seconds:,.0f} messages/s, {sessions / seconds:,.0f} sessions/s;"
                f" {waits} {beside}"
            )
        messages = asked.messages // 2
        _fill(environment, messages // 50, 50, days_ago=20)
        total, waits = _beside(lambda: _ask_for_purge(served, call), served, adding)
        yield f"preview and execute of {total:,} sessions, answered 202 | {waits} {beside}"
        _, waits = _beside(lambda: _clean_up(environment), served, adding)
        yield f"the purge itself, of {messages:,} messages, by cleanup | {waits} {beside}"


def _fill(environment: dict[str, str], sessions: int, messages: int, days_ago: int = 0) -> int:
    """Add sessions and let all their messages be indexed; return the number of the first."""
    url, words = environment["DATABASE_URL"], texts.texts()
    first = fill.fill(url, sessions=sessions, messages=messages, days_ago=days_ago, texts=words)
    manage(environment, "index_messages")
    return first


def _beside(work: Callable[[], T], served: Served, adding: Adding) -> tuple[T, str]:
    """Do something beside a writer; return what came of it, and how long adds took meanwhile."""
    waits: list[float] = []
    with ThreadPoolExecutor(1) as other:
        working = other.submit(work)
        while not working.done():
            measured = load.run(served.url, 1, _SLICE_SECONDS, adding(served))
            if measured.statuses.keys() != {201}:
                sys.exit(f"unexpected answers: {measured.statuses}")
            waits += measured.latencies
    waits.sort()
    p99 = waits[int(len(waits) * 0.99)] * 1000
    said = f"a writer waits p99 {p99:.0f} ms, at most {waits[-1] * 1000:.0f} ms"
    return working.result(), said


def _clean_up(environment: dict[str, str]) -> tuple[int, int, float]:
    """Run cleanup; return the sessions and messages that were due, and the seconds."""
    done = json.loads(manage(environment, "cleanup", "--json"))
    return done["purged"]["sessions"], done["purged"]["messages"], done["seconds"]


def _ask_for_purge(served: Served, call: Call) -> int:
    """Fix what began ten days ago or earlier, and ask for its purge; return how many sessions."""
    before = datetime.now(UTC) - timedelta(days=10)
    shown = call(served, "purges/preview", {"filter": {"created_before": before.isoformat()}})
    asked = {"token": shown["token"], "reason": "Measured"}
    purge = call(served, "purges/execute", asked)["purge"]
    if purge["state"] != "queued":
        sys.exit(f"unexpected answer: {purge}")
    total: int = purge["total"]
    return total


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
