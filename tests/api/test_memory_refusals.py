"""Bad input: refused with the named code at the named place, and nothing of it stored."""

import json
from typing import Any

import pytest

from memory_app import conf
from memory_app.models import AgentSession
from tests.api.refusals import assert_refused
from tests.conftest import Api

GETS: dict[str, dict[str, str]] = {
    "list": {},
    "retrieve": {"query": "x"},
    "get": {"id": "m-1"},
    "count": {},
}
POSTS: dict[str, dict[str, Any]] = {
    "add": {"message": {"role": "user"}},
    "add_list": {"events": [{"message": {"role": "user"}}]},
    "retrieve": {"query": "x"},
    "update": {"id": "m-1", "content": "x"},
    "delete": {"id": "m-1"},
    "pop": {},
    "clear": {"session_id": "default"},
}
MEMORY = "/api/v1/memory/"


@pytest.fixture
def watched(api: Api) -> Any:
    """Return an agent with one message, which is all there may be in the end."""
    api.add("default", "Hi", id="m-1")
    before = api.get("memory/list").content
    yield api
    assert api.get("memory/list").content == before
    assert len(api.get("sessions/list").json()["items"]) == 1


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


MESSAGES: list[tuple[Any, list[Any]]] = [
    (None, []),
    ("Hi", []),
    ([], []),
    (5, []),
    ({}, ["role"]),
    ({"role": None}, ["role"]),
    ({"role": "User"}, ["role"]),
    ({"role": "bot"}, ["role"]),
    ({"role": ["user"]}, ["role"]),
    ({"role": "user", "content": 5}, ["content"]),
    ({"role": "user", "content": 1.5}, ["content"]),
    ({"role": "user", "content": True}, ["content"]),
    ({"role": "user", "content": False}, ["content"]),
    ({"role": "user", "name": 5}, ["name"]),
    ({"role": "user", "tool_call_id": []}, ["tool_call_id"]),
    ({"role": "user", "tool_calls": {}}, ["tool_calls"]),
    ({"role": "user", "tool_calls": ["c"]}, ["tool_calls"]),
    ({"role": "user", "timestamp": 1_700_000_000}, ["timestamp"]),
    ({"role": "user", "timestamp": "yesterday"}, ["timestamp"]),
    ({"role": "user", "timestamp": {}}, ["timestamp"]),
]


@pytest.mark.parametrize(("message", "loc"), MESSAGES)
def test_a_wrong_message_is_refused_where_it_is_wrong(
    watched: Api, message: Any, loc: list[Any]
) -> None:
    assert_refused(
        watched.post("memory/add", message=message), "invalid", ["body", "message", *loc]
    )
    good = {"message": {"role": "user"}}
    events = [good, good, good, {"message": message}]
    response = watched.post("memory/add_list", events=events)
    assert_refused(response, "invalid", ["body", "events", 3, "message", *loc])


def test_every_fault_of_a_message_is_named(watched: Api) -> None:
    message = {"role": "x", "content": 5, "name": 5, "id": "", "timestamp": ""}
    response = watched.post("memory/add", message=message)
    places = [["body", "message", name] for name in ("role", "content", "name", "id", "timestamp")]
    assert_refused(response, "invalid", *places)


@pytest.mark.parametrize("state", ["x", 5, True, [], [{}], 0, ""])
def test_a_state_is_an_object_or_null(watched: Api, state: Any) -> None:
    response = watched.post("memory/add", message={"role": "user"}, state=state)
    assert_refused(response, "invalid", ["body", "state"])
    events = [{"message": {"role": "user"}}, {"message": {"role": "user"}, "state": state}]
    response = watched.post("memory/add_list", events=events)
    assert_refused(response, "invalid", ["body", "events", 1, "state"])


@pytest.mark.parametrize(
    ("operation", "fields", "loc"),
    [
        ("add", {}, ["message"]),
        ("add_list", {}, ["events"]),
        ("add_list", {"events": None}, ["events"]),
        ("add_list", {"events": {}}, ["events"]),
        ("add_list", {"events": [[]]}, ["events", 0]),
        ("add_list", {"events": [{}]}, ["events", 0, "message"]),
        ("add_list", {"events": [{"message": {"role": "user"}, "x": 1}]}, ["events", 0, "x"]),
        ("add_list", {"events": [], "message": {"role": "user"}}, ["message"]),
        ("add", {"message": {"role": "user"}, "events": []}, ["events"]),
        ("add", {"message": {"role": "user"}, "create": 1}, ["create"]),
        ("add", {"message": {"role": "user"}, "create": "false"}, ["create"]),
        ("add", {"message": {"role": "user"}, "create": None}, ["create"]),
        ("add", {"message": {"role": "user"}, "uid": "x"}, ["uid"]),
        ("retrieve", {}, ["query"]),
        ("retrieve", {"query": 5}, ["query"]),
        ("retrieve", {"query": None}, ["query"]),
        ("update", {"content": "x"}, ["id"]),
        ("pop", {"index": 0}, ["index"]),
        ("pop", {"uid": "x"}, ["uid"]),
        ("clear", {}, ["session_id"]),
        ("clear", {"session_id": "default", "everything": True}, ["everything"]),
    ],
)
def test_a_wrong_body_is_refused_where_it_is_wrong(
    watched: Api, operation: str, fields: dict[str, Any], loc: list[Any]
) -> None:
    assert_refused(watched.post(f"memory/{operation}", **fields), "invalid", ["body", *loc])


def test_what_was_sent_is_not_repeated_in_a_refusal(watched: Api) -> None:
    secret = "the-secret-of-Mira"
    for operation, fields in (
        ("add", {"message": {"role": secret, "content": 5, "name": [secret]}}),
        ("add", {"message": secret}),
        ("add", {"message": {"role": "user"}, "create": secret, "expected_revision": secret}),
        ("add", {"message": {"role": "user"}, "session_patch": {"tags": [{"x": secret}]}}),
        ("add", {"message": {"role": "user"}, "user_id": [secret]}),
        ("delete", {"index": secret}),
        ("update", {"id": "m-1", "message": {"role": "user", "id": secret}}),
        ("retrieve", {"query": secret, "limit": secret}),
    ):
        response = watched.post(f"memory/{operation}", **fields)
        assert secret.encode() not in response.content
        assert_refused(response, "invalid", *[one["loc"] for one in response.json()["errors"]])
    for query in ({"limit": secret}, {"role": secret}, {"order": secret}, {"last": secret}):
        assert secret.encode() not in watched.get("memory/list", **query).content
    conflict = watched.post("memory/add", message={"id": "m-1", "role": "user", "content": secret})
    assert secret.encode() not in conflict.content


def test_the_name_of_an_unknown_field_is_cut_and_the_faults_are_counted_out(watched: Api) -> None:
    fields = {f"{number:03}{'x' * 100_000}": 1 for number in range(50)}
    response = watched.post("memory/pop", **fields)
    assert response.status_code == 422
    assert len(response.content) < 10_000
    assert response.json()["errors"][0]["loc"] == ["body", "000" + "x" * 61 + "…"]


@pytest.mark.parametrize("operation", GETS)
def test_an_unknown_or_repeated_parameter_is_refused(watched: Api, operation: str) -> None:
    query = "&".join(f"{name}={value}" for name, value in GETS[operation].items())
    for extra, loc in (
        ("limt=5", ["query", "limt"]),
        ("Session_id=x", ["query", "Session_id"]),
        ("session_id[]=x", ["query", "session_id[]"]),
        ("expected_revision=1", ["query", "expected_revision"]),
        ("=x", ["query", ""]),
        ("session_id=a&session_id=a", ["query", "session_id"]),
        ("session_id=a&session_id=b", ["query", "session_id"]),
        ("session_id=a&session%5Fid=b", ["query", "session_id"]),
        ("session_id=a&session_id=", ["query", "session_id"]),
    ):
        response = watched.client.get(
            f"{MEMORY}{operation}?{query}&{extra}", headers=watched.headers
        )
        assert_refused(response, "invalid", loc)


@pytest.mark.parametrize("operation", POSTS)
def test_a_call_with_a_body_takes_no_parameters(watched: Api, operation: str) -> None:
    for extra, loc in (("session_id=x", "session_id"), ("a=1&a=2", "a"), ("x", "x")):
        response = watched.post(f"memory/{operation}?{extra}", **POSTS[operation])
        assert_refused(response, "invalid", ["query", loc])


@pytest.mark.parametrize("count", [64, 2_000])
def test_a_query_of_very_many_parameters_is_refused(watched: Api, count: int) -> None:
    query = "&".join(f"p{number}=1" for number in range(count + 1))
    response = watched.client.get(f"{MEMORY}list?{query}", headers=watched.headers)
    assert (response.status_code, response.json()["code"]) == (422, "invalid")
    assert response["Content-Type"] == "application/problem+json"
    response = watched.post(f"memory/pop?{query}")
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


@pytest.mark.parametrize("operation", [*GETS, *POSTS])
@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer lethe_x",
        "Basic eDp5",
        "lethe_aaaaaaaa_" + "a" * 43,
        "Bearer lethe_aaaaaaaa_" + "a" * 43,
        "Bearer \u00e9",
        "Bearer lethe_aaaaaaaa_" + "a" * 9_999,
    ],
)
def test_without_a_valid_key_nothing_is_answered(
    watched: Api, operation: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    if operation in GETS:
        response = watched.client.get(MEMORY + operation, GETS[operation], headers=headers)
        assert_refused(response, "unauthenticated")
        assert response["WWW-Authenticate"] == "Bearer"
    if operation in POSTS:
        for body in (json.dumps(POSTS[operation]), "spoiled"):
            response = watched.client.post(
                MEMORY + operation, body, content_type="application/json", headers=headers
            )
            assert_refused(response, "unauthenticated")


def test_a_full_session_is_refused_with_its_own_code(api: Api) -> None:
    api.add("chat", id="m-1")
    AgentSession.objects.update(last_seq=conf.MAX_SEQ - 1)
    events = [{"message": {"id": name, "role": "user"}} for name in ("a", "b")]
    assert_refused(api.post("memory/add_list", session_id="chat", events=events), "session_full")
    # The one that is there already needs no place.
    hello = {"message": {"id": "m-1", "role": "user", "content": "Hello"}}
    answer = api.post("memory/add_list", session_id="chat", events=[hello, events[0]])
    assert [item["seq"] for item in answer.json()["items"]] == [1, conf.MAX_SEQ]
    response = api.post("memory/add", session_id="chat", message={"role": "user"})
    assert_refused(response, "session_full")
    assert api.get("memory/list", session_id="chat").json()["items"][1]["seq"] == conf.MAX_SEQ
    assert api.post("memory/pop", session_id="chat").json()["item"]["id"] == "a"
