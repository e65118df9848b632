"""A streamed answer arrives whole, or visibly not at all."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.serving.server import Server, until

MB = 2**20


def test_a_short_stream_arrives_with_its_length(server: Server) -> None:
    answer = server.call("/stream?pieces=50&size=1000")
    assert (answer.status, len(answer.body)) == (200, 50_000)
    assert answer.headers["content-length"] == "50000"


def test_a_long_stream_arrives_with_its_length(server: Server) -> None:
    answer = server.call("/stream?pieces=200&size=100000")
    assert (answer.status, len(answer.body)) == (200, 20_000_000)
    assert answer.headers["content-length"] == "20000000"


def test_a_stream_that_fails_is_an_error_and_not_a_shorter_answer(
    server: Server, environment: dict[str, str]
) -> None:
    for size in (10, 100_000):
        answer = server.call(f"/stream?pieces=200&size={size}&fail=199")
        assert (answer.status, answer.json()["code"]) == (500, "internal")


def test_a_stream_whose_client_leaves_is_ended(server: Server) -> None:
    with server.connect() as client:
        client.sendall(
            b"GET /stream?pieces=1000000&size=10&pause=0.01&name=left HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        assert "left" not in server.call("/closed").json()
    until(lambda: "left" in server.call("/closed").json())


def test_streams_that_nobody_reads_hold_neither_memory_nor_threads(
    start: Callable[..., Server],
) -> None:
    server = start(threads=2)
    before = server.resident_mb()
    with ExitStack() as stack:
        for number in range(6):
            client = stack.enter_context(server.connect())
            target = f"/stream?pieces=300&size=100000&name={number}"
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        until(lambda: len(server.call("/closed").json()) == 6)
        assert server.call("/slow?seconds=0").body == b"slept"
        assert server.resident_mb() - before < 60


def spools(environment: dict[str, str]) -> set[Path]:
    return {path for path in _spool(environment).iterdir() if path.is_dir()}


def _spool(environment: dict[str, str]) -> Path:
    return Path(environment["LETHE_DATA_DIR"]) / "spool"


def test_what_a_killed_server_left_of_its_streams_is_removed(
    start: Callable[..., Server], environment: dict[str, str]
) -> None:
    before = spools(environment) if _spool(environment).exists() else set()
    killed = start()
    (left,) = spools(environment) - before
    (left / "answer").write_bytes(os.urandom(10))
    killed.process.kill()
    killed.process.wait(10)
    until(lambda: not killed.processes())
    start()
    assert not left.exists()


def test_a_server_that_starts_or_stops_leaves_the_streams_of_another_on_its_folder(
    start: Callable[..., Server], environment: dict[str, str]
) -> None:
    before = spools(environment) if _spool(environment).exists() else set()
    first = start()
    (mine,) = spools(environment) - before
    (mine / "answer").write_bytes(b"somebody reads this")
    second = start()
    second.terminate()
    assert second.process.wait(20) == 0
    assert (mine / "answer").read_bytes() == b"somebody reads this"
    assert len(first.call("/stream?pieces=200&size=100000").body) == 20_000_000
