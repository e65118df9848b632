"""W5: search, newest first, among more and more messages; and what the index costs."""

import argparse
import contextlib
import itertools
import json
import resource
import sqlite3
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks import fill, texts
from tests.served import Served, manage, serving

_QUERIES = {
    f"rare word, 1 of {texts.RARE[1]:,}": texts.RARE[0],
    f"middling word, 1 of {texts.MIDDLING[1]}": texts.MIDDLING[0],
    f"common word, 1 of {texts.COMMON[1]}": texts.COMMON[0],
    "word that nobody said": "xyzzyx",
    "two words": f"{texts.COMMON[0]} {texts.MIDDLING[0]}",
    "common without middling": f"{texts.COMMON[0]} -{texts.MIDDLING[0]}",
    "phrase": f'"{texts.COMMON[0]} {texts.MIDDLING[0]}"',
    "beginning of a word": "invo*",
    "Chinese, four characters": texts.CHINESE[0],
    "Chinese, one character": texts.CHINESE[0][0],
    "emoji": texts.EMOJI[0],
}
_GOALS = {"sqlite": "≤ 2 ms", "postgresql": "≤ 20 ms"}


def w5(
    environment: dict[str, str],
    asked: argparse.Namespace,
    *,
    call: Callable[..., dict[str, Any]],
) -> Iterator[str]:
    """Measure single calls of memory/search over HTTP, on one kept connection."""
    first: dict[str, float] = {}
    vendor = "sqlite" if environment["DATABASE_URL"].startswith("sqlite") else "postgresql"
    words = texts.texts()
    have = 0
    for total in [size for size in (10_000, 100_000, 1_000_000) if size <= asked.messages]:
        with serving(environment) as served:
            call(served, "memory/add", {"session_id": "x", "message": {"role": "user"}})
        before = _size(environment)
        sessions = (total - have) // 100
        fill.fill(environment["DATABASE_URL"], sessions=sessions, messages=100, texts=words)
        filled = _size(environment)
        begun, cpu = time.perf_counter(), _cpu_of_commands()
        manage(environment, "rebuild_search")
        seconds, cpu = time.perf_counter() - begun, _cpu_of_commands() - cpu
        yield (
            f"index {total:,} messages | {total / seconds:,.0f} messages/s,"
            f" {cpu / total * 1e6:.0f} µs CPU each"
            f" | {(filled - before) / (total - have):,.0f} bytes a message without it"
            f" | {(_size(environment) - filled) / (total - have):,.0f} bytes with it | |"
        )
        have = total
        with serving(environment) as served:
            empty, _, _ = _times(served, "/api/empty/view", asked.rounds)
            for name, query in _QUERIES.items():
                path = f"/api/v1/memory/search?query={urllib.parse.quote(query)}"
                before_cpu = served.cpu()
                fast, median, answer = _times(served, path, asked.rounds)
                found = len(json.loads(answer)["items"])
                cpu = (served.cpu() - before_cpu) / (20 * asked.rounds + 10) * 1e6
                growth = fast / first.setdefault(name, fast)
                yield (
                    f"search {total:,}: {name}, {found} shown | {fast:.2f} ms,"
                    f" median {median:.2f} ms, {cpu:.0f} µs CPU | empty view {empty:.2f} ms"
                    f" | {growth:.2f} × of 10,000"
                    f" | {_GOALS[vendor]} a word, ≤ 2 × |"
                )


def _cpu_of_commands() -> float:
    """Return the CPU seconds of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _size(environment: dict[str, str]) -> int:
    url = environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.stat().st_size
    import psycopg

    with psycopg.connect(url, autocommit=True) as server:
        server.execute("VACUUM search_document")
        row = server.execute("SELECT pg_database_size(current_database())").fetchone()
        return int(row[0]) if row else 0


def _times(served: Served, path: str, rounds: int) -> tuple[float, float, bytes]:
    """Return the fastest tenth and the median of single calls, in milliseconds, and an answer.

    The fastest tenth is what a search takes when nothing else wants the machine.
    """
    import http.client

    connection = http.client.HTTPConnection(urllib.parse.urlsplit(served.url).netloc, timeout=60)
    headers = {"Authorization": f"Bearer {served.key}"}
    taken = []
    for number in itertools.count():
        begun = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, answer.status
        if number >= 10:
            taken.append((time.perf_counter() - begun) * 1000)
        if len(taken) >= 20 * rounds:
            break
    taken.sort()
    return taken[len(taken) // 10], taken[len(taken) // 2], body
