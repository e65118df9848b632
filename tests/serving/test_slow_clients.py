"""A client that is slow costs others nothing."""

import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.serving.server import Server, everything, one_answer

_HEAD = b"POST /show HTTP/1.1\r\nHost: a\r\n"
_FRAMED = _HEAD + b"Content-Length: 1000\r\n\r\n"


def test_three_hundred_slow_clients_do_not_delay_a_healthy_one(server: Server) -> None:
    """A third stays in its headers, a third before its body, a third sends byte by byte."""
    with ExitStack() as stack:
        crowd = [stack.enter_context(server.connect()) for _ in range(300)]
        for number, client in enumerate(crowd):
            client.sendall(_HEAD if number % 3 == 0 else _FRAMED)
        took = []
        for number in range(200):
            crowd[2 + number % 100 * 3].sendall(b"x")
            begun = time.perf_counter()
            assert server.call("/healthz").status == 200
            took.append(time.perf_counter() - begun)
    assert sorted(took)[int(len(took) * 0.99)] <= 0.1


def test_a_request_may_come_byte_by_byte(server: Server) -> None:
    with server.connect() as client:
        for byte in b"POST /show HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc":
            client.sendall(bytes([byte]))
        assert one_answer(client).json()["length"] == 3


def test_a_body_that_does_not_arrive_is_answered_408_and_the_connection_ends(
    start: Callable[..., Server],
) -> None:
    server = start(limits={"body_seconds": 0.3, "bytes_per_second": 1_000_000})
    large = _HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 100_000
    chunked = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    for begun in (_FRAMED, large, chunked):
        with server.connect() as client:
            client.sendall(begun)
            answer = one_answer(client)
            assert answer.status == 408
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "timeout"
            assert everything(client) == b""


def test_a_large_body_gets_the_time_it_needs_while_it_keeps_coming(
    start: Callable[..., Server],
) -> None:
    server = start(limits={"body_seconds": 0.3, "bytes_per_second": 50_000})
    with server.connect() as client:
        client.sendall(_HEAD + b"Content-Length: 150000\r\n\r\n")
        begun = time.monotonic()
        for _ in range(15):
            client.sendall(b"x" * 10_000)
            time.sleep(0.05)
        assert one_answer(client).json()["length"] == 150_000
        assert time.monotonic() - begun > 0.3
