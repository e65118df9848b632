"""A request means the same to Lethe as to whoever sent it on."""

import json

import pytest

from tests.serving.server import HEALTH, LAST, Server, one_answer


def shown(answer: bytes) -> dict[str, str]:
    found: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


def test_a_connection_serves_many_requests(server: Server) -> None:
    with server.connect() as client:
        for _ in range(5):
            client.sendall(HEALTH)
            assert one_answer(client).status == 200


def test_requests_sent_ahead_are_answered_in_order(server: Server) -> None:
    ahead = b"".join(b"GET /show?n=%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(20))
    answer = server.send(ahead + LAST)
    places = [answer.index(f'"QUERY_STRING": "n={n}"'.encode()) for n in range(20)]
    assert places == sorted(places)


def test_head_is_answered_without_a_body(server: Server) -> None:
    answer = server.send(b"HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n" + LAST)
    assert answer.count(b"HTTP/1.1 200") == 2
    assert answer.lower().count(b"content-length: 16") == 2
    assert answer.count(b'{"status": "ok"}') == 1


def test_an_answer_without_content_leaves_the_connection_usable(server: Server) -> None:
    answer = server.send(b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + LAST)
    assert answer.startswith(b"HTTP/1.1 204")
    assert answer.endswith(b'\r\n\r\n{"status": "ok"}')


def test_an_old_client_gets_one_answer_and_the_end(server: Server) -> None:
    answer = server.send(b"GET /show HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 200")
    assert shown(answer)["SERVER_PROTOCOL"] == "HTTP/1.0"


def test_a_header_with_an_underscore_cannot_pose_as_another(server: Server) -> None:
    seen = server.call("/show", headers={"X_Forwarded_For": "6.6.6.6", "X-Real": "yes"}).json()
    assert "HTTP_X_FORWARDED_FOR" not in seen
    assert (seen["HTTP_X_REAL"], seen["REMOTE_ADDR"]) == ("yes", "127.0.0.1")


def test_headers_of_one_name_are_joined(server: Server) -> None:
    seen = shown(
        server.send(
            b"GET /show HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-A: 2\r\nCookie: a=1\r\nCookie: b=2\r\n"
            b"Connection: close\r\n\r\n"
        )
    )
    assert (seen["HTTP_X_A"], seen["HTTP_COOKIE"]) == ("1,2", "a=1; b=2")


def test_a_path_is_decoded_and_a_query_is_not(server: Server) -> None:
    seen = shown(
        server.send(
            b"GET http://other.example/sh%6Fw?a=%20b HTTP/1.1\r\nHost: a\r\n"
            b"Connection: close\r\n\r\n"
        )
    )
    assert (seen["PATH_INFO"], seen["QUERY_STRING"]) == ("/show", "a=%20b")
    assert seen["HTTP_HOST"] == "other.example"
    assert (seen["SERVER_NAME"], seen["SERVER_PORT"]) == ("127.0.0.1", str(server.port))


def test_a_query_that_is_not_escaped_arrives_as_it_was_sent(server: Server) -> None:
    query = "session_id=你好é/%20"
    seen = shown(
        server.send(f"GET /show?{query} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    )
    assert seen["QUERY_STRING"].encode("latin-1").decode() == query
    broken = server.send(b"GET /show?a=\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert broken.startswith(b"HTTP/1.1 400")


def test_two_cookies_are_two_headers(server: Server) -> None:
    answer = server.send(b"GET /cookies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert answer.lower().count(b"set-cookie: ") == 2


def test_where_length_and_chunks_disagree_the_chunks_count(server: Server) -> None:
    """A second request inside the body of the first is not taken for a request (RFC 9112, 6.3)."""
    hidden = b"GET /receive?name=hidden HTTP/1.1\r\nHost: a\r\n\r\n"
    answer = server.send(
        b"POST /show HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)
    )
    assert shown(answer)["length"] == len(hidden)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert "hidden" not in server.call("/received").json()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET /show\r\n\r\n",
        b"GET /sh ow HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /show HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n",
        b"GET /show HTTP/1.1\r\nHost: a\r\nA: b\r\n folded\r\n\r\n",
        b"POST /show HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        b"POST /show HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /show HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /show HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /show HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /show HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
)
def test_what_is_not_proper_http_is_refused_and_the_connection_ends(
    server: Server, request_bytes: bytes
) -> None:
    answer = server.send(request_bytes + LAST)
    assert answer.split(b" ")[1] in (b"400", b"431")
    assert answer.count(b"HTTP/1.") == 1
