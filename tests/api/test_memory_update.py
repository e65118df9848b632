"""memory/get reads one message; memory/update replaces it in place: the way to redact."""

from typing import Any

import pytest

from memory_app import conf
from tests.api.refusals import assert_refused
from tests.conftest import Api
from tests.factories import make_key

TEXT = '{ "role":"user", "price": 1.10, "content":"My card is 4711", "id":"m-1", "z":{"a":1} }'


@pytest.fixture
def told(api: Api) -> Api:
    """Return an agent with a message to redact between two others."""
    api.add("chat", "first", id="m-0")
    api.post("memory/add", f'{{"session_id":"chat","message":{TEXT},"state":{{"card":4711}}}}')
    api.add("chat", "last", id="m-2")
    return api


def update(api: Api, **fields: Any) -> Any:
    return api.post("memory/update", session_id="chat", **fields)


def raw(api: Api, message_id: str = "m-1") -> str:
    return api.get("memory/get", session_id="chat", id=message_id).content.decode()


def test_get_answers_with_the_item_and_the_session(told: Api) -> None:
    answer = told.get("memory/get", session_id="chat", id="m-1").json()
    assert set(answer) == {"item", "session"}
    assert set(answer["item"]) == {"id", "seq", "message", "state", "created_at", "tokens"}
    assert (answer["item"]["id"], answer["item"]["seq"]) == ("m-1", 2)
    assert answer["session"] == told.get("memory/list", session_id="chat").json()["session"]


def test_a_missing_message_session_or_namespace_is_not_found_alike(told: Api) -> None:
    other = Api(make_key("sales"))
    missing = [
        told.get("memory/get", session_id="chat", id="m-9"),
        told.get("memory/get", session_id="nobody", id="m-1"),
        other.get("memory/get", session_id="chat", id="m-1"),
        update(told, id="m-9", content="x"),
        told.post("memory/update", session_id="nobody", id="m-1", content="x"),
        other.post("memory/update", session_id="chat", id="m-1", content="x"),
    ]
    problems = [assert_refused(response, "not_found") for response in missing]
    details = [{**problem, "request_id": ""} for problem in problems]
    assert details[1] == details[2]
    assert details[4] == details[5]
    assert told.get("memory/list", session_id="nobody").json()["session"] is None


def test_a_new_content_leaves_everything_else_as_it_was(told: Api) -> None:
    before = told.get("memory/list", session_id="chat").json()
    response = update(told, id="m-1", content="My card is [redacted]")
    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"item", "session"}
    item = answer["item"]
    assert item["updated_at"] > item["created_at"] == before["items"][1]["created_at"]
    assert (item["id"], item["seq"], item["state"]) == ("m-1", 2, {"card": 4711})
    assert list(item["message"]) == ["role", "price", "content", "id", "z"]
    assert '"price":1.10' in raw(told)
    after = told.get("memory/list", session_id="chat").json()
    assert after["items"][1] == item
    assert [after["items"][n] for n in (0, 2)] == [before["items"][n] for n in (0, 2)]
    assert "4711" not in str(after["items"][1]["message"])
    grown = len("[redacted]") - len("4711")
    assert answer["session"] == after["session"]
    assert item["tokens"] == after["items"][1]["tokens"]
    assert after["session"]["message_count"] == 3
    assert after["session"]["token_count"] == sum(one["tokens"] for one in after["items"])
    whitespace = TEXT.count(" ") - "My card is 4711".count(" ")
    assert after["session"]["size_bytes"] == before["session"]["size_bytes"] + grown - whitespace


@pytest.mark.parametrize(
    "content", [None, "", "x", [], [{"type": "text", "text": "y"}], {}, {"text": "z"}]
)
def test_every_kind_of_content_can_be_put_in(told: Api, content: Any) -> None:
    item = update(told, id="m-1", content=content).json()["item"]
    assert item["message"]["content"] == content
    assert "content" in item["message"]
    told.post("memory/add", session_id="chat", message={"id": "bare", "role": "assistant"})
    item = update(told, id="bare", content=content).json()["item"]
    assert item["message"] == {"id": "bare", "role": "assistant", "content": content}


def test_a_new_message_replaces_the_whole_and_keeps_the_id(told: Api) -> None:
    for given in ('"id":"m-1",', '"id":null,', ""):
        text = f'{{{given}"role":"tool","tool_call_id":"c","content":[1e2]}}'
        body = f'{{"session_id":"chat","id":"m-1","message":{text},"state":{{"a":1.50}}}}'
        item = told.post("memory/update", body).json()["item"]
        assert item["message"] == {
            "id": "m-1",
            "role": "tool",
            "tool_call_id": "c",
            "content": [100],
        }
        assert (item["seq"], item["state"]) == (2, {"a": 1.5})
        assert "1e2" in raw(told)
        assert "1.50" in raw(told)
        assert "4711" not in raw(told)
        update(told, id="m-1", content="again")
    listed = told.get("memory/list", session_id="chat", role="tool").json()
    assert [one["id"] for one in listed["items"]] == ["m-1"]
    assert "m-1" not in str(told.get("memory/list", session_id="chat", role="user").json()["items"])


def test_a_state_left_out_stays_and_null_removes_it(told: Api) -> None:
    message = {"role": "user", "content": "x"}
    assert update(told, id="m-1", message=message).json()["item"]["state"] == {"card": 4711}
    assert '"card":4711' in raw(told)
    gone = update(told, id="m-1", message=message, state=None).json()
    assert gone["item"]["state"] is None
    size = sum(
        len(one.split('"message":')[1].split(',"state":')[0].encode())
        for one in (raw(told, "m-0"), raw(told), raw(told, "m-2"))
    )
    assert gone["session"]["size_bytes"] == size


def test_an_equal_body_changes_nothing(told: Api) -> None:
    before = told.get("memory/list", session_id="chat").content
    whole = {
        "z": {"a": 1},
        "id": "m-1",
        "content": "My card is 4711",
        "role": "user",
        "price": 1.1,
    }
    for fields in (
        {"content": "My card is 4711"},
        {"message": whole},
        {"message": {key: whole[key] for key in whole if key != "id"}},
        {"message": whole, "state": {"card": 4711}},
    ):
        response = update(told, id="m-1", **fields)
        assert response.status_code == 200
        assert "updated_at" not in response.json()["item"]
        assert told.get("memory/list", session_id="chat").content == before
    assert "updated_at" in update(told, id="m-1", message=whole, state=None).json()["item"]


def test_a_redacted_message_is_sorted_by_the_time_of_its_new_body(told: Api) -> None:
    message = {"role": "user", "timestamp": "2020-01-01T00:00:00Z"}
    update(told, id="m-1", message=message)
    query = {"session_id": "chat", "after_timestamp": "2021-01-01T00:00:00Z"}
    seqs = [item["seq"] for item in told.get("memory/list", **query).json()["items"]]
    assert seqs == [1, 3]
    update(told, id="m-1", message={"role": "user"})
    assert len(told.get("memory/list", **query).json()["items"]) == 3


@pytest.mark.parametrize(
    ("fields", "loc"),
    [
        ({}, []),
        ({"content": "x", "message": {"role": "user"}}, []),
        ({"content": "x", "state": {}}, []),
        ({"state": {}}, []),
        ({"content": 5}, ["content"]),
        ({"content": True}, ["content"]),
        ({"message": None}, ["message"]),
        ({"message": "x"}, ["message"]),
        ({"message": {}}, ["message", "role"]),
        ({"message": {"role": "user", "content": 5}}, ["message", "content"]),
        ({"message": {"role": "user", "timestamp": "now"}}, ["message", "timestamp"]),
        ({"message": {"role": "user"}, "state": []}, ["state"]),
        ({"content": "x", "seq": 1}, ["seq"]),
    ],
)
@pytest.mark.parametrize("message_id", ["m-1", "m-9"])
def test_a_wrong_replacement_is_refused_whether_the_message_is_there_or_not(
    told: Api, fields: dict[str, Any], loc: list[Any], message_id: str
) -> None:
    before = told.get("memory/list", session_id="chat").content
    assert_refused(update(told, id=message_id, **fields), "invalid", ["body", *loc])
    assert told.get("memory/list", session_id="chat").content == before


def test_the_id_of_a_message_cannot_be_changed(told: Api) -> None:
    for given in ("m-9", "m-0", 5):
        response = update(told, id="m-1", message={"role": "user", "id": given})
        assert_refused(response, "invalid", ["body", "message", "id"])


def test_the_message_is_named_by_its_id(told: Api) -> None:
    for wrong in ("", "x" * 513, 5, None):
        assert_refused(update(told, id=wrong, content="x"), "invalid", ["body", "id"])
    assert_refused(update(told, content="x"), "invalid", ["body", "id"])
    assert_refused(update(told, uid="x", id="m-1", content="x"), "invalid", ["body", "uid"])


def test_a_replacement_has_at_most_4_mb(told: Api) -> None:
    before = told.get("memory/list", session_id="chat").content
    large = "x" * conf.MAX_MESSAGE_BYTES
    assert_refused(update(told, id="m-1", content=large), "too_large")
    assert_refused(update(told, id="m-1", message={"role": "user", "content": large}), "too_large")
    state = {"role": "user"}
    assert_refused(update(told, id="m-1", message=state, state={"a": large}), "too_large")
    # The content alone would fit, and does not with the rest of the message.
    assert_refused(update(told, id="m-1", content=large[:-20]), "too_large")
    assert told.get("memory/list", session_id="chat").content == before
    assert update(told, id="m-1", content=large[:-200]).status_code == 200
