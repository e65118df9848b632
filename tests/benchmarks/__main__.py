"""Measure the works of the product against raw statements and an empty view, in one run.

    python -m tests.benchmarks [--engines sqlite,postgresql] [--works w1,w2,w3,w4,w5,w6,w7]
        [--rounds 5] [--seconds 1.5] [--sessions 1000000] [--messages 1000000]

Arms take turns, several rounds, and medians are shown: the machine's own speed cancels out in the
ratios, which are what to read.
"""

import argparse
import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import console, fill, load, purging, raw, searching
from tests.benchmarks.load import Measured
from tests.served import Served, manage, new_environment, serving

_unique = itertools.count(int(time.time() * 1e6))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--works", default="w1,w2,w3,w4,w5,w6,w7")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=1_000_000)
    asked = parser.parse_args()
    print("| engine | work | measured | against | ratio | goal |")
    print("|---|---|---|---|---|---|")
    for vendor in asked.engines.split(","):
        with installation(vendor) as environment:
            for name in asked.works.split(","):
                for row in WORKS[name](environment, asked):
                    print(f"| {vendor} | {name.upper()} {row}", flush=True)


@contextlib.contextmanager
def installation(vendor: str) -> Iterator[dict[str, str]]:
    """Make an installation with the tables on one of the databases."""
    with tempfile.TemporaryDirectory(prefix="lethe-bench-") as name:
        folder = Path(name)
        url = None
        if vendor == "postgresql":
            from tests.databases import start_postgresql

            folder.chmod(0o755)
            url = start_postgresql(folder / "server", durable=True)
        environment = new_environment(folder / "data", url, "tests.benchmarks.settings")
        (folder / "data").mkdir()
        manage(environment, "migrate", "--verbosity", "0")
        yield environment


def in_turns(
    arms: dict[str, Callable[[float], Measured]], asked: argparse.Namespace
) -> dict[str, list[Measured]]:
    """Let the arms take turns, in alternating order; one short round before to warm up."""
    results: dict[str, list[Measured]] = {name: [] for name in arms}
    for arm in arms.values():
        arm(0.3)
    for number in range(asked.rounds):
        for name in list(arms)[:: 1 if number % 2 else -1]:
            results[name].append(arms[name](asked.seconds))
    return results


def rate(rounds: list[Measured]) -> float:
    """Return the median rate."""
    return statistics.median(one.rate for one in rounds)


def p99(rounds: list[Measured]) -> float:
    """Return the median of the 99th percentiles, in milliseconds."""
    return statistics.median(one.percentile(0.99) for one in rounds)


def cpu(rounds: list[Measured]) -> float:
    """Return the median CPU of a request, in microseconds."""
    return statistics.median(one.cpu_per_request for one in rounds)


def calling(
    served: Served, callers: int, requests: Callable[[int], Iterator[bytes]]
) -> Callable[[float], Measured]:
    """Return an arm that calls the server."""

    def arm(seconds: float) -> Measured:
        before = served.cpu()
        measured = load.run(served.url, callers, seconds, requests)
        measured.server_cpu = served.cpu() - before
        wrong = {status: n for status, n in measured.statuses.items() if status not in (200, 201)}
        if wrong:
            sys.exit(f"unexpected answers: {wrong}")
        return measured

    return arm


def authorised(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.key}"}


def empty(served: Served) -> Callable[[int], Iterator[bytes]]:
    one = load.request("GET", "/api/empty/view", authorised(served))
    return lambda _: itertools.repeat(one)


def getting(served: Served, path: str) -> Callable[[int], Iterator[bytes]]:
    one = load.request("GET", f"/api/v1/{path}", authorised(served))
    return lambda _: itertools.repeat(one)


def adding(served: Served) -> Callable[[int], Iterator[bytes]]:
    """Append messages of about 300 characters to 1,000 sessions in rotation."""

    def requests(_: int) -> Iterator[bytes]:
        for number in _unique:
            name = f"m-{number}"
            body = f'{{"session_id":"w1-{number % 1000}","message":{fill.payload(name)}}}'
            yield load.request("POST", "/api/v1/memory/add", authorised(served), body.encode())

    return requests


def begin_sessions(served: Served) -> None:
    """Begin the 1,000 sessions, however long it takes: raw statements need each of them."""
    twice_around = next(_unique) + 2_000
    while next(_unique) < twice_around:
        load.run(served.url, 16, 1, adding(served))


def adding_lists(served: Served) -> Callable[[int], Iterator[bytes]]:
    """Append 100 messages at once."""

    def requests(caller: int) -> Iterator[bytes]:
        for number in _unique:
            events = ",".join(
                f'{{"message":{fill.payload(f"m-{number}-{n}")}}}' for n in range(100)
            )
            body = f'{{"session_id":"w2-{caller}","events":[{events}]}}'
            yield load.request("POST", "/api/v1/memory/add_list", authorised(served), body.encode())

    return requests


def w1(environment: dict[str, str], asked: argparse.Namespace) -> Iterator[str]:
    """Measure memory/add with 1 and with 16 callers, and with two server processes."""
    with serving(environment) as served:
        begin_sessions(served)
        for callers, goal in ((1, "≥ 0.6, CPU ≤ 2"), (16, "≥ 0.6, p99 < 50 ms")):
            with raw.appending(environment["DATABASE_URL"], callers) as raw_arm:
                results = in_turns(
                    {
                        "empty": calling(served, callers, empty(served)),
                        "raw": raw_arm,
                        "add": calling(served, callers, adding(served)),
                    },
                    asked,
                )
            e, r, add = (rate(results[name]) for name in ("empty", "raw", "add"))
            limit = 1 / (1 / e + 1 / r) if callers == 1 else min(e, r)
            share = cpu(results["add"]) / cpu(results["empty"])
            yield (
                f"add, {callers} caller{'s' * (callers > 1)} | {add:,.0f}/s, p99"
                f" {p99(results['add']):.1f} ms, {cpu(results['add']):.0f} µs CPU"
                f" | raw {r:,.0f}/s, empty {e:,.0f}/s, {cpu(results['empty']):.0f} µs CPU"
                f" | **{add / limit:.2f}**, CPU {share:.1f} × | {goal} |"
            )
    with serving(environment, workers=2) as served:
        results = in_turns({"add": calling(served, 16, adding(served))}, asked)
        yield (
            f"add, 16 callers, 2 processes | {rate(results['add']):,.0f}/s,"
            f" p99 {p99(results['add']):.1f} ms | | no error | no lock error |"
        )


def w2(environment: dict[str, str], asked: argparse.Namespace) -> Iterator[str]:
    """Measure memory/add_list of 100."""
    with (
        serving(environment) as served,
        raw.appending_lists(environment["DATABASE_URL"]) as raw_arm,
    ):
        results = in_turns(
            {"raw": raw_arm, "add_list": calling(served, 1, adding_lists(served))}, asked
        )
        ours, limit = rate(results["add_list"]), rate(results["raw"])
        yield (
            f"add_list of 100 | {ours:,.0f}/s, {cpu(results['add_list']):.0f} µs CPU"
            f" | raw executemany {limit:,.0f}/s | **{ours / limit:.2f}** | ≥ 0.6 |"
        )


def w3(environment: dict[str, str], asked: argparse.Namespace) -> Iterator[str]:
    """Measure memory/list?last=50 of a session of 1,000 messages, among few and among many."""
    small: float | None = None
    for total in (1_000, asked.messages):
        with serving(environment) as served:
            call(served, "memory/add", {"session_id": "x", "message": {"role": "user"}})
            first = fill.fill(
                environment["DATABASE_URL"], sessions=max(total // 1000, 1), messages=1000
            )
            name = f"org-{first % 100}/user-{first}"
            results = in_turns(
                {
                    "empty": calling(served, 1, empty(served)),
                    "list": calling(
                        served, 1, getting(served, f"memory/list?session_id={name}&last=50")
                    ),
                },
                asked,
            )
            ours, e = rate(results["list"]), rate(results["empty"])
            share = ours / e
            growth = "" if small is None else f", {small / share:.2f} × slower than among 1,000"
            small = small or share
            yield (
                f"list?last=50 among {total:,} messages | {ours:,.0f}/s,"
                f" {cpu(results['list']):.0f} µs CPU | empty {e:,.0f}/s"
                f" | **{share:.2f}**{growth} | ≥ 0.5, ≤ 1.2 × |"
            )


def w4(environment: dict[str, str], asked: argparse.Namespace) -> Iterator[str]:
    """Measure a page of 50 sessions among many, the first and one half-way down."""
    with serving(environment) as served:
        call(served, "memory/add", {"session_id": "x", "message": {"role": "user"}})
        fill.fill(environment["DATABASE_URL"], sessions=asked.sessions, messages=0)
        deep = half_way(served, asked.sessions)
        results = in_turns(
            {
                "empty": calling(served, 1, empty(served)),
                "first": calling(served, 1, getting(served, "sessions/list")),
                "deep": calling(served, 1, getting(served, f"sessions/list?cursor={deep}")),
            },
            asked,
        )
        e, first, later = (rate(results[name]) for name in ("empty", "first", "deep"))
        yield (
            f"page of 50 among {asked.sessions:,} sessions | {first:,.0f}/s,"
            f" {cpu(results['first']):.0f} µs CPU | empty {e:,.0f}/s | **{first / e:.2f}**"
            " | ≥ 0.5 |"
        )
        yield (
            f"the page half-way down | {later:,.0f}/s | the first page"
            f" | **{first / later:.2f}** × slower | ≤ 1.2 × |"
        )
    yield from console.pages(environment, asked.sessions, asked.rounds)


def half_way(served: Served, sessions: int) -> str:
    """Walk to a page in the middle, a thousand sessions at a time."""
    cursor = ""
    for _ in range(sessions // 2000):
        page = call(served, f"sessions/list?limit=1000{cursor}")
        cursor = f"&cursor={page['next_cursor']}"
    return cursor.removeprefix("&cursor=")


def call(served: Served, operation: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call an operation once."""
    asked = urllib.request.Request(
        f"{served.url}/api/v1/{operation}",
        data=None if body is None else json.dumps(body).encode(),
        headers=authorised(served) | {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked) as answer:
        result: dict[str, Any] = json.load(answer)
        return result


WORKS = {
    "w1": w1,
    "w2": w2,
    "w3": w3,
    "w4": w4,
    "w5": partial(searching.w5, call=call),
    "w6": partial(purging.w6, call=call),
    "w7": partial(purging.w7, adding=adding, call=call),
}

if __name__ == "__main__":
    main()
