"""delete, pop and clear remove messages at once and for good; the session stays."""

from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api
from tests.factories import make_key


@pytest.fixture
def five(api: Api) -> Api:
    """Return an agent with a session `chat` of five messages, whose second was removed."""
    events = [{"message": {"id": f"m-{n}", "role": "user"}, "state": {"n": n}} for n in range(6)]
    api.post("memory/add_list", session_id="chat", events=events)
    api.post("memory/delete", session_id="chat", id="m-1")
    return api


def ids(api: Api) -> list[str]:
    return [item["id"] for item in api.get("memory/list", session_id="chat").json()["items"]]


def check_counters(api: Api) -> None:
    listed = api.get("memory/list", session_id="chat").json()
    session = listed["session"]
    assert session["message_count"] == listed["total"] == len(listed["items"])
    assert api.get("memory/count", session_id="chat").json() == {"count": listed["total"]}
    assert session["token_count"] == sum(item["tokens"] for item in listed["items"])
    assert (session["size_bytes"] == 0) == (listed["items"] == [])


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ({"id": "m-3"}, ["m-0", "m-2", "m-4", "m-5"]),
        ({"index": 0}, ["m-2", "m-3", "m-4", "m-5"]),
        ({"index": 1}, ["m-0", "m-3", "m-4", "m-5"]),
        ({"index": 4}, ["m-0", "m-2", "m-3", "m-4"]),
        ({"id": None, "index": 4}, ["m-0", "m-2", "m-3", "m-4"]),
    ],
)
def test_delete_removes_one_message_by_id_or_by_index(
    five: Api, fields: dict[str, Any], left: list[str]
) -> None:
    response = five.post("memory/delete", session_id="chat", **fields)
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"deleted", "session"}
    assert (answer["deleted"], answer["session"]["message_count"]) == (1, 4)
    assert ids(five) == left
    assert answer["session"] == five.get("memory/list", session_id="chat").json()["session"]
    check_counters(five)
    if fields.get("id"):
        again = five.post("memory/delete", session_id="chat", **fields).json()
        assert again == answer | {"deleted": 0}


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "m-1"},
        {"id": "M-0"},
        {"id": "nobody"},
        {"index": 5},
        {"index": -1},
        {"index": -(2**63)},
        {"index": 2**63 - 1},
        {"index": 2**32},
    ],
)
def test_a_miss_deletes_nothing(five: Api, fields: dict[str, Any]) -> None:
    before = five.get("memory/list", session_id="chat").json()
    response = five.post("memory/delete", session_id="chat", **fields)
    assert response.status_code == 200
    assert response.json() == {"deleted": 0, "session": before["session"]}
    assert five.get("memory/list", session_id="chat").json() == before


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({}, []),
        ({"id": "m-0", "index": 0}, []),
        ({"id": None, "index": None}, []),
        ({"index": "0"}, ["index"]),
        ({"index": 0.0}, ["index"]),
        ({"index": True}, ["index"]),
        ({"index": [0]}, ["index"]),
        ({"id": 5}, ["id"]),
        ({"id": ""}, ["id"]),
        ({"id": ["m-0"]}, ["id"]),
        ({"id": "x" * 513}, ["id"]),
        ({"id": "m-0", "ids": ["m-2"]}, ["ids"]),
        ({"id": "m-0", "uid": "x"}, ["uid"]),
    ],
)
def test_delete_names_exactly_one_message(
    five: Api, fields: dict[str, Any], loc: list[Any]
) -> None:
    response = five.post("memory/delete", session_id="chat", **fields)
    assert_refused(response, "invalid", ["body", *loc])
    assert len(ids(five)) == 5


def test_an_index_beyond_64_bits_is_refused(five: Api) -> None:
    body = '{"session_id":"chat","index":9223372036854775808}'
    assert_refused(five.post("memory/delete", body), "invalid", ["body"])


def test_pop_removes_and_returns_the_newest(five: Api) -> None:
    newest = five.get("memory/list", session_id="chat").json()["items"][-1]
    response = five.post("memory/pop", session_id="chat")
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"item", "session"}
    assert answer["item"] == newest
    assert answer["session"] == five.get("memory/list", session_id="chat").json()["session"]
    check_counters(five)
    popped = [five.post("memory/pop", session_id="chat").json()["item"]["id"] for _ in range(4)]
    assert popped == ["m-4", "m-3", "m-2", "m-0"]
    empty = five.post("memory/pop", session_id="chat").json()
    assert empty["item"] is None
    assert empty["session"]["message_count"] == 0


def test_clear_removes_all_messages_and_keeps_the_session(five: Api) -> None:
    five.post(
        "memory/add",
        session_id="chat",
        user_id="ann",
        message={"role": "user"},
        session_patch={"title": "T", "state": {"a": 1}, "tags": ["t"]},
    )
    before = five.get("memory/list", session_id="chat").json()["session"]
    response = five.post("memory/clear", session_id="chat")
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"deleted", "session"}
    assert answer["deleted"] == 6
    changed = {"revision": before["revision"] + 1, "message_count": 0}
    assert answer["session"] == before | changed | {"token_count": 0, "size_bytes": 0}
    check_counters(five)
    assert five.post("memory/clear", session_id="chat").json() == answer | {"deleted": 0}
    # Places are never given twice.
    assert five.add("chat")["seq"] == 8


def test_clear_must_name_its_session(five: Api) -> None:
    five.add("default")
    for body in ("{}", '{"session_id":null}', '{"session_id":5}'):
        response = five.post("memory/clear", body)
        assert_refused(response, "invalid", ["body", "session_id"])
    assert_refused(
        five.post("memory/clear", '{"session_id":""}'), "invalid", ["body", "session_id"]
    )
    for body in ("", "null", "[]", '"chat"'):
        assert_refused(five.post("memory/clear", body), "invalid", ["body"])
    assert five.get("memory/count").json() == {"count": 1}
    assert five.post("memory/clear", session_id="default").json()["deleted"] == 1
    assert len(ids(five)) == 5


def test_the_other_removals_mean_the_session_default_when_none_is_named(api: Api) -> None:
    for name in ("m-1", "m-2", "m-3"):
        api.add("default", id=name)
    assert api.post("memory/pop", "{}").json()["item"]["id"] == "m-3"
    assert api.post("memory/delete", '{"session_id":null,"index":0}').json()["deleted"] == 1
    assert [item["id"] for item in api.get("memory/list").json()["items"]] == ["m-2"]


def test_where_no_session_is_nothing_is_removed_and_none_is_begun(api: Api) -> None:
    other = Api(make_key("sales"))
    other.add("chat", id="m-1")
    for operation, fields, nothing in (
        ("delete", {"id": "m-1"}, {"deleted": 0, "session": None}),
        ("delete", {"index": 0}, {"deleted": 0, "session": None}),
        ("pop", {}, {"item": None, "session": None}),
        ("clear", {}, {"deleted": 0, "session": None}),
    ):
        response = api.post(f"memory/{operation}", session_id="chat", **fields)
        assert (response.status_code, response.json()) == (200, nothing)
    assert api.get("memory/list", session_id="chat").json()["session"] is None
    assert other.get("memory/count", session_id="chat").json() == {"count": 1}


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("add", {"message": {"role": "user"}}),
        ("add_list", {"events": []}),
        ("update", {"id": "m-0", "content": "x"}),
        ("delete", {"id": "m-0"}),
        ("pop", {}),
        ("clear", {}),
    ],
)
def test_a_change_takes_the_scope_write(five: Api, operation: str, fields: dict[str, Any]) -> None:
    for scopes in (("read",), ("purge",), ("read", "purge")):
        other = Api(make_key(scopes=scopes))
        response = other.post(f"memory/{operation}", session_id="chat", **fields)
        assert_refused(response, "forbidden")
    assert len(ids(five)) == 5
    writer = Api(make_key(scopes=("write",)))
    assert writer.post(f"memory/{operation}", session_id="chat", **fields).status_code < 300


@pytest.mark.parametrize(
    ("operation", "query"),
    [("list", {}), ("retrieve", {"query": "x"}), ("get", {"id": "m-0"}), ("count", {})],
)
def test_a_read_takes_the_scope_read(five: Api, operation: str, query: dict[str, Any]) -> None:
    writer = Api(make_key(scopes=("write", "purge")))
    response = writer.get(f"memory/{operation}", session_id="chat", **query)
    assert_refused(response, "forbidden")
    reader = Api(make_key(scopes=("read",)))
    assert reader.get(f"memory/{operation}", session_id="chat", **query).status_code == 200
