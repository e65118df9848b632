"""Send requests over kept connections from one thread, and measure."""

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Measured:
    """What came of one arm in one round."""

    requests: int
    seconds: float
    latencies: list[float] = field(repr=False)
    statuses: dict[int, int]
    server_cpu: float = 0.0

    @property
    def rate(self) -> float:
        """Return requests per second."""
        return self.requests / self.seconds

    def percentile(self, share: float) -> float:
        """Return a latency in milliseconds."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000

    @property
    def cpu_per_request(self) -> float:
        """Return microseconds of the server's CPU for each request."""
        return self.server_cpu / max(self.requests, 1) * 1e6


def request(
    method: str, path: str, headers: dict[str, str], body: bytes = b"", host: str = "127.0.0.1"
) -> bytes:
    """Write a request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Caller:
    """One connection that sends its next request as soon as it has its answer."""

    def __init__(self, address: tuple[str, int], requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.requests = requests
        self.received = bytearray()
        self.needed = -1
        self.chunked = False
        self.status = 0
        self.sent_at = 0.0

    def send(self) -> None:
        self.received.clear()
        self.needed = -1
        self.sent_at = time.perf_counter()
        self.socket.sendall(next(self.requests))

    def receive(self) -> bool:
        """Take what has come; return whether the answer is whole."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.received += data
        if self.needed < 0:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self.received[:end]).lower()
            self.status = int(head[9:12])
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            self.needed = end + 4 + length
            self.chunked = b"transfer-encoding: chunked" in head
        if self.chunked:
            return self.received.endswith(b"\r\n0\r\n\r\n")
        return len(self.received) >= self.needed


def run(
    url: str, callers: int, seconds: float, requests: Callable[[int], Iterator[bytes]]
) -> Measured:
    """Let callers send for some seconds; `requests` gives each of them its own."""
    parts = urlsplit(url)
    address = (parts.hostname or "127.0.0.1", parts.port or 80)
    waiting = selectors.DefaultSelector()
    alive = []
    for number in range(callers):
        caller = _Caller(address, requests(number))
        waiting.register(caller.socket, selectors.EVENT_READ, caller)
        alive.append(caller)
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    begun = time.perf_counter()
    end = begun + seconds
    for caller in alive:
        caller.send()
    outstanding = callers
    while outstanding:
        ready = waiting.select(5)
        if not ready:
            raise TimeoutError("the server gave no answer for 5 seconds")
        for key, _ in ready:
            caller = key.data
            if not caller.receive():
                continue
            now = time.perf_counter()
            latencies.append(now - caller.sent_at)
            statuses[caller.status] = statuses.get(caller.status, 0) + 1
            if now < end:
                caller.send()
            else:
                outstanding -= 1
    finished = time.perf_counter()
    for caller in alive:
        caller.socket.close()
    return Measured(len(latencies), finished - begun, latencies, statuses)
