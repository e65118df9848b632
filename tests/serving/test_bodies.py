"""A body reaches a view whole, or not at all."""

import socket
from collections.abc import Callable, Iterator

import pytest

from tests.serving.server import Answer, Server, one_answer, until

MB = 2**20


def chunks(size: int, count: int) -> Iterator[bytes]:
    return iter([b"x" * size] * count)


def assert_problem(answer: Answer, status: int, code: str) -> None:
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "code", "detail", "request_id"}
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]


def test_a_body_up_to_16_mb_arrives_whole(server: Server) -> None:
    answer = server.call("/show", "POST", b"x" * 16 * MB).json()
    assert (answer["length"], answer["CONTENT_LENGTH"]) == (16 * MB, str(16 * MB))


def test_a_larger_body_is_answered_413_and_the_client_can_read_it(server: Server) -> None:
    answer = server.call("/receive?name=large", "POST", b"x" * (16 * MB + 1))
    assert_problem(answer, 413, "too_large")


def test_a_larger_body_in_chunks_is_answered_413_and_the_client_can_read_it(
    server: Server,
) -> None:
    answer = server.call("/receive?name=large", "POST", chunks(MB, 20))
    assert_problem(answer, 413, "too_large")


def test_a_client_that_asks_first_is_refused_before_it_sends_too_much(server: Server) -> None:
    with server.connect() as client:
        client.sendall(
            b"POST /show HTTP/1.1\r\nHost: a\r\nContent-Length: 99000000\r\n"
            b"Expect: 100-continue\r\n\r\n"
        )
        assert_problem(one_answer(client), 413, "too_large")


def test_a_client_that_asks_first_is_told_to_go_on(server: Server) -> None:
    with server.connect() as client:
        client.sendall(
            b"POST /show HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
        )
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert one_answer(client).json()["length"] == 3


def test_a_body_in_chunks_arrives_whole(server: Server) -> None:
    answer = server.call("/show", "POST", chunks(1000, 500)).json()
    assert (answer["length"], answer["CONTENT_LENGTH"]) == (500_000, "500000")


@pytest.mark.parametrize(
    ("name", "framing", "sent"),
    [
        ("short", b"Content-Length: 9", b"abc"),
        ("long", b"Content-Length: 200000", b"x" * 150_000),
        ("between-chunks", b"Transfer-Encoding: chunked", b"3\r\nabc\r\n"),
        ("within-a-chunk", b"Transfer-Encoding: chunked", b"9\r\nabc"),
        ("before-the-end", b"Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n"),
        ("nothing", b"Transfer-Encoding: chunked", b""),
        ("not-a-chunk", b"Transfer-Encoding: chunked", b"3\r\nabc\r\nzz\r\n"),
    ],
)
def test_a_body_that_breaks_off_never_reaches_a_view(
    server: Server, name: str, framing: bytes, sent: bytes
) -> None:
    with server.connect() as client:
        target = f"POST /receive?name={name} HTTP/1.1\r\nHost: a\r\n".encode()
        client.sendall(target + framing + b"\r\n\r\n" + sent)
        client.shutdown(socket.SHUT_WR)
        answer = one_answer(client)
    assert_problem(answer, 422, "invalid")
    assert name not in server.call("/received").json()


def test_a_body_with_trailers_is_refused(server: Server) -> None:
    with server.connect() as client:
        client.sendall(
            b"POST /receive?name=trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
        )
        assert_problem(one_answer(client), 422, "invalid")
    assert "trailers" not in server.call("/received").json()


def test_a_body_that_is_packed_is_refused(server: Server) -> None:
    for coding in ("gzip, chunked", "gzip"):
        answer = server.send(
            f"POST /receive?name=packed HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {coding}\r\n"
            "Connection: close\r\n\r\n0\r\n\r\n".encode()
        )
        assert answer.split(b" ")[1] in (b"400", b"422")
    assert "packed" not in server.call("/received").json()


def test_bodies_beyond_what_is_held_for_all_clients_are_answered_503(
    start: Callable[..., Server],
) -> None:
    server = start(limits={"held_bytes": 400_000})

    def refused_beside_another() -> bool:
        with server.connect() as other:
            other.sendall(b"POST /show HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n")
            other.sendall(b"x" * 250_000)
            server.call("/healthz")
            answer = server.call("/show", "POST", b"x" * 200_000)
            if answer.status == 200:  # the other's part was not all there yet
                return False
            assert_problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"] == "1"
            other.sendall(b"x" * 50_000)
            assert one_answer(other).json()["length"] == 300_000
            return True

    until(refused_beside_another)
    until(lambda: server.call("/show", "POST", b"x" * 390_000).status == 200)
