"""Compare HTTP servers in front of the product; docs/server.md keeps the table this prints.

    python -m tests.benchmarks.servers [--only NAMES] [--rounds 5] [--seconds 1.0] [--slow 1000]

All run at once, each on an SQLite database of its own, and are measured in turn in alternating
order, so that noise falls on all alike. A server that is not installed is left out.
"""

import argparse
import contextlib
import importlib.util
import itertools
import logging
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from tests.benchmarks import fill, load
from tests.benchmarks.load import Measured, request
from tests.served import ROOT, Served, free_port, manage, new_environment, wait_until_up

Requests = Callable[[int], Iterator[bytes]]

_numbers = itertools.count()


def serve_bridge(port: int, threads: int, workers: int = 1) -> None:
    import django

    django.setup()
    from memory_app.serving import serve

    serve(bind=f"127.0.0.1:{port}", threads=threads, workers=workers)


def serve_granian_wsgi(port: int, threads: int) -> None:
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    Granian(
        "tests.benchmarks.with_length:application",
        port=port,
        interface=Interfaces.WSGI,
        blocking_threads=threads,
        backlog=4096,
        backpressure=4096,
        http=HTTPModes.http1,
        log_level=LogLevels.error,
    ).serve()


def serve_waitress(port: int, threads: int) -> None:
    import waitress

    from tests.benchmarks.with_length import application

    # It would write a line for every request that waits.
    logging.getLogger("waitress").setLevel(logging.ERROR)

    waitress.serve(
        application,
        listen=f"127.0.0.1:{port}",
        threads=threads,
        connection_limit=4000,
        backlog=2048,
        asyncore_use_poll=True,
        max_request_body_size=16 * 2**20,
    )


CANDIDATES: dict[str, tuple[str, Callable[[int], None]]] = {
    "bridge-8": ("granian", lambda port: serve_bridge(port, 8)),
    "bridge-16": ("granian", lambda port: serve_bridge(port, 16)),
    "bridge-24": ("granian", lambda port: serve_bridge(port, 24)),
    "bridge-16-2-processes": ("granian", lambda port: serve_bridge(port, 16, workers=2)),
    "granian-wsgi-8": ("granian", lambda port: serve_granian_wsgi(port, 8)),
    "granian-wsgi-16": ("granian", lambda port: serve_granian_wsgi(port, 16)),
    "waitress-8": ("waitress", lambda port: serve_waitress(port, 8)),
    "waitress-16": ("waitress", lambda port: serve_waitress(port, 16)),
}


@dataclass
class Work:
    """One cell of the table."""

    name: str
    callers: int
    requests: Callable[[Served], Requests]


def empty(served: Served) -> Requests:
    one = request("GET", "/api/empty/view", authorised(served))
    return lambda _: itertools.repeat(one)


def adding(served: Served) -> Requests:
    """Append messages of about 300 characters to 100 sessions in rotation."""

    def requests(_: int) -> Iterator[bytes]:
        for number in _numbers:
            message = fill.payload(f"m-{os.getpid()}-{number}")
            body = f'{{"session_id":"w1-{number % 100}","message":{message}}}'
            yield request("POST", "/api/v1/memory/add", authorised(served), body.encode())

    return requests


def listing(served: Served) -> Requests:
    path = "/api/v1/memory/list?session_id=w3&last=50"
    one = request("GET", path, authorised(served))
    return lambda _: itertools.repeat(one)


def health(served: Served) -> Requests:
    one = request("GET", "/healthz", {})
    return lambda _: itertools.repeat(one)


WORKS = [
    Work(name, callers, requests)
    for name, requests in (("empty", empty), ("add", adding), ("list 50", listing))
    for callers in (1, 16)
]


def authorised(served: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.key}"}


@contextlib.contextmanager
def candidate(name: str, folder: Path) -> Iterator[Served]:
    """Run one server on a database of its own, with a session of 100 messages."""
    data = folder / name
    data.mkdir()
    environment = new_environment(data, None, "tests.benchmarks.settings")
    manage(environment, "migrate", "--verbosity", "0")
    key = manage(environment, "create_key", "bench").strip()
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.servers", "--serve", name, str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    served = Served(f"http://127.0.0.1:{port}", key, process, environment)
    try:
        wait_until_up(served.url, process)
        events = ",".join(f'{{"message":{fill.payload(f"m-{n}")}}}' for n in range(100))
        body = f'{{"session_id":"w3","events":[{events}]}}'.encode()
        once = request("POST", "/api/v1/memory/add_list", authorised(served), body)
        load.run(served.url, 1, 0, lambda _: itertools.repeat(once))
        yield served
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def measure(served: Served, work: Work, seconds: float) -> Measured:
    before = served.cpu()
    measured = load.run(served.url, work.callers, seconds, work.requests(served))
    measured.server_cpu = served.cpu() - before
    if set(measured.statuses) - {200, 201}:
        sys.exit(f"unexpected answers: {measured.statuses}")
    return measured


def cell(rounds: list[Measured]) -> str:
    rate = statistics.median(one.rate for one in rounds)
    p99 = statistics.median(one.percentile(0.99) for one in rounds)
    cpu = statistics.median(one.cpu_per_request for one in rounds)
    return f"{rate:,.0f}/s {p99:.1f} ms {cpu:.0f} µs"


def hold(port: int, size: int, key: str) -> None:
    """Be slow clients: a third in the headers, a third before the body, a third a byte a second."""
    head = f"POST /api/v1/memory/add HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
    framed = head + "Content-Type: application/json\r\nContent-Length: 400\r\n\r\n"
    clients = []
    for number in range(size):
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", port), timeout=2)
            client.sendall((head if number % 3 == 0 else framed).encode())
            clients.append(client)
    forever = threading.Event()
    while not forever.wait(1):
        for client in clients[2::3]:
            with contextlib.suppress(OSError):
                client.send(b"{")


def under_slow_clients(served: Served, size: int, seconds: float) -> str:
    """Return the p99 of /healthz, and what is left of the rate of memory/add."""
    calm = measure(served, Work("add", 16, adding), seconds).rate
    port = int(served.url.rsplit(":", 1)[1])
    crowd = get_context("fork").Process(target=hold, args=(port, size, served.key), daemon=True)
    crowd.start()
    time.sleep(3)
    try:
        quick = measure(served, Work("health", 1, health), seconds)
        busy = measure(served, Work("add", 16, adding), seconds).rate
    except OSError:
        return "no answer"
    finally:
        crowd.kill()
        crowd.join()
    return f"{quick.percentile(0.99):.1f} ms, {busy / calm:.2f}"


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        CANDIDATES[sys.argv[2]][1](int(sys.argv[3]))
        return
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.servers")
    parser.add_argument("--only", default=",".join(CANDIDATES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--slow", type=int, default=1000)
    asked = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    names = [n for n in asked.only.split(",") if importlib.util.find_spec(CANDIDATES[n][0])]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        servers = {n: stack.enter_context(candidate(n, Path(folder))) for n in names}
        compare(servers, asked)


def compare(servers: dict[str, Served], asked: argparse.Namespace) -> None:
    found: dict[tuple[str, int], list[Measured]] = {}
    for turn, (place, work) in itertools.product(range(-1, asked.rounds), enumerate(WORKS)):
        for name in list(servers)[:: 1 if turn % 2 else -1]:
            measured = measure(servers[name], work, asked.seconds if turn >= 0 else 0.3)
            if turn >= 0:
                found.setdefault((name, place), []).append(measured)
    heads = [f"{work.name}, c={work.callers}" for work in WORKS]
    print("| server | " + " | ".join(heads) + f" | MB | {asked.slow} slow clients |")
    print("|---" * (len(heads) + 3) + "|")
    for name, served in servers.items():
        cells = [cell(found[name, place]) for place in range(len(WORKS))]
        cells.append(f"{served.resident_mb():.0f}")
        cells.append(under_slow_clients(served, asked.slow, 2.0) if asked.slow else "")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
