"""Bodies that two readers could understand differently, or that are too large, are refused."""

import json
from typing import Any

import pytest

from memory_app import conf
from tests.api.memory_calls import MEMORY, POSTS
from tests.api.refusals import assert_refused
from tests.conftest import Api


def send(
    api: Api, operation: str, body: bytes | str, content_type: str = "application/json"
) -> Any:
    return api.client.post(MEMORY + operation, body, content_type=content_type, headers=api.headers)


SPOILED = {
    "cut off": b'{"message": {"role": "user"}',
    "byte order mark": b'\xef\xbb\xbf{"message": {"role": "user"}}',
    "invalid UTF-8": b'{"message": {"role": "user", "content": "\xff\xfe"}}',
    "UTF-16": '{"message": {"role": "user"}}'.encode("utf-16"),
    "raw NUL": b'{"message": {"role": "user", "content": "a\x00b"}}',
    "escaped NUL": b'{"message": {"role": "user", "content": "a\\u0000b"}}',
    "NUL in a key": b'{"message": {"role": "user", "a\\u0000": 1}}',
    "lone surrogate": b'{"message": {"role": "user", "content": "\\ud83d"}}',
    "surrogate as UTF-8": b'{"message": {"role": "user", "content": "\xed\xa0\xbd"}}',
    "NaN": b'{"message": {"role": "user", "x": NaN}}',
    "Infinity": b'{"message": {"role": "user", "x": -Infinity}}',
    "1e400": b'{"message": {"role": "user", "x": 1e400}}',
    "65 bits": b'{"message": {"role": "user", "x": 18446744073709551616}}',
    "2^63": b'{"message": {"role": "user", "x": 9223372036854775808}}',
    "10^400": b'{"message": {"role": "user", "x": 1' + b"0" * 400 + b"}}",
    "duplicate key": b'{"message": {"role": "user"}, "message": {"role": "user"}}',
    "duplicate key in a message": b'{"message": {"role": "user", "role": "tool"}}',
    "duplicate key in a part": b'{"message": {"role": "user", "content": [{"a": 1, "a": 2}]}}',
    "duplicate key in a state": b'{"message": {"role": "user"}, "state": {"a": 1, "\\u0061": 1}}',
    "duplicate key in a patch": (
        b'{"message": {"role": "user"}, "session_patch": {"state": {"a": 1, "a": 1}}}'
    ),
    "two values": b'{"message": {"role": "user"}} {}',
    "65 levels": (b'{"message": {"role": "user", "content": ' + b"[" * 63 + b"]" * 63 + b"}}"),
    "10,000 levels": b'{"message": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "single quotes": b"{'message': {'role': 'user'}}",
    "a trailing comma": b'{"message": {"role": "user"},}',
    "not an object": b'[{"message": {"role": "user"}}]',
    "null": b"null",
    "a number": b"5",
    "empty": b"",
    "white space": b"  \n",
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_body_is_refused(watched: Api, kind: str) -> None:
    assert_refused(send(watched, "add", SPOILED[kind]), "invalid", ["body"])
    in_a_list = b'{"events": [' + SPOILED[kind] + b"]}"
    if kind in ("not an object", "null", "a number"):
        loc = ["body", "events", 0]
        assert_refused(send(watched, "add_list", in_a_list), "invalid", loc)
    elif kind not in ("empty", "white space"):
        assert_refused(send(watched, "add_list", in_a_list), "invalid", ["body"])


def test_64_levels_are_taken(api: Api) -> None:
    body = b'{"message": {"role": "user", "content": ' + b"[" * 62 + b"]" * 62 + b"}}"
    assert send(api, "add", body).status_code == 201
    assert len(api.get("memory/list").json()["items"]) == 1
    assert api.get("memory/retrieve", query="x").json()["total"] == 0


@pytest.mark.parametrize("operation", POSTS)
def test_every_operation_reads_its_body_strictly(watched: Api, operation: str) -> None:
    body = json.dumps(POSTS[operation])
    doubled = body[:-1] + (", " if len(body) > 2 else "") + '"z": 1, "z": 1}'
    assert_refused(send(watched, operation, doubled), "invalid", ["body"])
    unknown = body[:-1] + (", " if len(body) > 2 else "") + '"Mira": "secret"}'
    problem = assert_refused(send(watched, operation, unknown), "invalid", ["body", "Mira"])
    assert "secret" not in str(problem)
    for spoiled in (b"\xff", b"[]", b"null", b'"x"', b""):
        assert_refused(send(watched, operation, spoiled), "invalid", ["body"])


@pytest.mark.parametrize("operation", POSTS)
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json-patch+json",
        "application/octet-stream",
        "*/*",
        "json",
    ],
)
def test_a_body_of_another_type_is_refused(watched: Api, operation: str, content_type: str) -> None:
    response = send(watched, operation, json.dumps(POSTS[operation]), content_type)
    assert_refused(response, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"]
)
def test_json_is_told_by_its_type_in_any_spelling(api: Api, content_type: str) -> None:
    response = send(api, "add", '{"message":{"role":"user","content":"é"}}'.encode(), content_type)
    assert response.status_code == 201
    assert api.get("memory/list").json()["items"][0]["message"]["content"] == "é"


def test_more_than_16_mb_are_too_large(watched: Api) -> None:
    fits = b'{"message": {"role": "x"}}'
    padded = fits + b" " * (conf.MAX_BODY_BYTES - len(fits))
    assert_refused(send(watched, "add", padded), "invalid", ["body", "message", "role"])
    assert_refused(send(watched, "add", padded + b" "), "too_large")
    assert_refused(send(watched, "add", b"\xff" * (20 * conf.MB)), "too_large")


def message_of(size: int, **more: str) -> str:
    text = json.dumps({"role": "user", **more, "content": ""})
    return f'{text[:-2]}{"x" * (size - len(text))}"}}'


def test_a_message_has_at_most_4_mb_and_so_has_a_state(api: Api) -> None:
    assert len(message_of(conf.MAX_MESSAGE_BYTES)) == conf.MAX_MESSAGE_BYTES
    for more in ({}, {"id": "m-1"}):
        fits, over = (message_of(conf.MAX_MESSAGE_BYTES + n, **more) for n in (0, 1))
        for name, body in (("add", '{"message":%s}'), ("add_list", '{"events":[{"message":%s}]}')):
            assert_refused(send(api, name, body % over), "too_large")
            assert send(api, name, body % fits).status_code in (200, 201)
    state = '{"message":{"role":"user"},"state":%s}'
    assert_refused(send(api, "add", state % message_of(conf.MAX_MESSAGE_BYTES + 1)), "too_large")
    assert send(api, "add", state % message_of(conf.MAX_MESSAGE_BYTES)).status_code == 201
    assert api.get("memory/count").json() == {"count": 4}


def test_bytes_are_counted_not_characters(watched: Api) -> None:
    content = "é" * (conf.MAX_MESSAGE_BYTES // 2)
    body = json.dumps({"message": {"role": "user", "content": content}}, ensure_ascii=False)
    assert_refused(send(watched, "add", body.encode()), "too_large")


def test_more_than_1000_events_are_refused(watched: Api) -> None:
    events = [{"message": {"role": "user"}}] * 1_001
    assert_refused(watched.post("memory/add_list", events=events), "invalid", ["body", "events"])
