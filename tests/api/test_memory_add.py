"""memory/add and add_list keep what they are sent, in order, under the session they name."""

import json
import re
from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api, conversations
from tests.factories import make_key

SESSION_FIELDS = {
    "uid",
    "session_id",
    "namespace",
    "user_id",
    "title",
    "tags",
    "status",
    "revision",
    "message_count",
    "token_count",
    "size_bytes",
    "held",
    "created_at",
    "last_activity_at",
    "expires_at",
    "expires_because",
    "purge_after",
    "ended_at",
}
MICROSECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def listed(api: Api, session_id: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = api.get("memory/list", session_id=session_id).json()["items"]
    return items


def test_add_answers_with_the_place_and_the_session_without_its_documents(api: Api) -> None:
    response = api.post(
        "memory/add",
        session_id="chat",
        user_id="ann",
        message={"id": "m-1", "role": "user", "content": "Hi"},
    )
    assert response.status_code == 201
    answer = response.json()
    assert set(answer) == {"id", "seq", "duplicate", "session"}
    assert (answer["id"], answer["seq"], answer["duplicate"]) == ("m-1", 1, False)
    session = answer["session"]
    assert set(session) == SESSION_FIELDS
    assert session["session_id"] == "chat"
    assert session["namespace"] == "support"
    assert session["user_id"] == "ann"
    assert session["status"] == "active"
    assert session["revision"] == session["message_count"] == 1
    assert session["expires_because"] == "idle"
    assert session["ended_at"] is None
    for name in ("created_at", "last_activity_at", "expires_at", "purge_after"):
        assert MICROSECONDS.fullmatch(session[name])


def test_an_event_is_shown_with_exactly_its_fields(api: Api) -> None:
    api.post("memory/add", session_id="chat", message={"role": "user"}, state={"step": 1})
    (event,) = listed(api, "chat")
    assert set(event) == {"id", "seq", "message", "state", "created_at", "tokens"}
    assert event["state"] == {"step": 1}
    assert MICROSECONDS.fullmatch(event["created_at"])
    assert event["tokens"] > 0


@pytest.mark.parametrize(
    "text",
    [
        '{"role":"assistant", "content": null, "price": 1.10, "z": 1, "a": [1e5, -0.0, 1E+2]}',
        '{ "z" : {} , "id":"m-1","content":[ ] ,"role":"user" }',
        '{"id":"m-1","role":"tool","tool_call_id":"c","name":"f","content":"\\u00e9\\/\\n"}',
        '{"id":"m-1","role":"system"}',
        '{"id":"m-1","role":"developer","content":{"type":"text","text":"x"}}',
        '{"id":"m-1","role":"user","content":""}',
        '{"id":"m-1","role":"user","n":[9223372036854775807,-9223372036854775808,-0]}',
        '{"id":"m-1","role":"user","content":"👩‍👩‍👧 \u202eabc\u202c \u2028 \ufeff <script>"}',
        '{"id":"m-1","role":"user","tool_calls":[],"timestamp":null,"name":null,"x":{"id":null}}',
    ],
)
def test_a_message_is_kept_as_it_was_received(api: Api, text: str) -> None:
    response = api.post("memory/add", f'{{"session_id": "chat", "message": {text}}}')
    assert response.status_code == 201, response.content
    body = api.get("memory/list", session_id="chat").content.decode()
    message_id = response.json()["id"]
    expected = text if '"id":"m-1"' in text else f'{{"id":"{message_id}",{text[1:]}'
    assert f'"message":{expected},' in body
    got = api.get("memory/get", session_id="chat", id=message_id).content.decode()
    assert f'"message":{expected},' in got


def test_a_state_is_kept_as_it_was_received_and_null_is_none(api: Api) -> None:
    message = '{"role":"user","content":"Hi"}'
    state = '{ "b":1.50, "a" : null }'
    api.post("memory/add", f'{{"session_id":"chat","message":{message},"state":{state}}}')
    api.post("memory/add", f'{{"session_id":"chat","message":{message},"state":null}}')
    assert f'"state":{state},' in api.get("memory/list", session_id="chat").content.decode()
    assert [event["state"] for event in listed(api, "chat")] == [{"b": 1.5, "a": None}, None]


def test_without_an_id_the_server_makes_one_that_no_other_message_has(api: Api) -> None:
    for message in (
        '{"role":"user"}',
        '{"id":null,"role":"user","content":"Hi"}',
        '{"role":"user"}',
    ):
        assert api.post("memory/add", f'{{"message":{message}}}').status_code == 201
    items = listed(api, "default")
    assert len({item["id"] for item in items}) == 3
    assert all(item["message"]["id"] == item["id"] for item in items)
    assert items[1]["message"] == {"id": items[1]["id"], "role": "user", "content": "Hi"}


def test_without_a_session_id_it_is_the_session_default(api: Api) -> None:
    for body in ('{"message":{"role":"user"}}', '{"session_id":null,"message":{"role":"user"}}'):
        assert api.post("memory/add", body).json()["session"]["session_id"] == "default"
    assert api.get("memory/count").json() == api.get("memory/count", session_id="default").json()
    assert api.get("memory/count").json() == {"count": 2}


def test_a_list_of_messages_gets_places_in_its_order(api: Api) -> None:
    api.add("chat", "first")
    events = [{"message": {"id": f"m-{n}", "role": "user"}, "state": {"n": n}} for n in range(3)]
    response = api.post("memory/add_list", session_id="chat", events=events)
    assert response.status_code == 201
    answer = response.json()
    assert set(answer) == {"items", "session"}
    assert answer["items"] == [{"id": f"m-{n}", "seq": n + 2, "duplicate": False} for n in range(3)]
    assert set(answer["session"]) == SESSION_FIELDS
    assert answer["session"]["revision"] == 2
    assert [event["state"] for event in listed(api, "chat")] == [None, {"n": 0}, {"n": 1}, {"n": 2}]


def test_an_empty_list_changes_nothing(api: Api) -> None:
    response = api.post("memory/add_list", session_id="chat", events=[])
    assert (response.status_code, response.json()) == (200, {"items": [], "session": None})
    before = api.add("chat")["session"]
    response = api.post(
        "memory/add_list",
        session_id="chat",
        user_id="ann",
        events=[],
        session_patch={"title": "No"},
        expected_revision=77,
        create=False,
    )
    assert response.json() == {"items": [], "session": before}
    assert_refused(
        api.post("memory/add_list", session_id="", events=[]), "invalid", ["body", "session_id"]
    )


def test_a_thousand_messages_go_in_one_call(api: Api) -> None:
    events = [{"message": {"id": str(n), "role": "user"}} for n in range(1_000)]
    answer = api.post("memory/add_list", session_id="chat", events=events).json()
    assert [item["seq"] for item in answer["items"]] == list(range(1, 1_001))
    again = api.post("memory/add_list", session_id="chat", events=events)
    assert again.status_code == 200
    assert all(item["duplicate"] for item in again.json()["items"])
    assert again.json()["session"] == answer["session"]


def test_one_bad_message_keeps_the_whole_list_out(api: Api) -> None:
    events = [{"message": {"role": "user"}}, {"message": {"role": "user", "content": 5}}]
    assert_refused(
        api.post("memory/add_list", session_id="chat", events=events),
        "invalid",
        ["body", "events", 1, "message", "content"],
    )
    assert api.get("memory/list", session_id="chat").json()["session"] is None


def test_create_false_answers_not_found_instead_of_beginning(api: Api) -> None:
    for operation, content in (
        ("memory/add", {"message": {"role": "user"}}),
        ("memory/add_list", {"events": [{"message": {"role": "user"}}]}),
    ):
        assert_refused(api.post(operation, session_id="chat", create=False, **content), "not_found")
    assert api.get("memory/list", session_id="chat").json()["session"] is None
    api.add("chat")
    response = api.post("memory/add", session_id="chat", create=False, message={"role": "user"})
    assert response.status_code == 201


def test_the_counters_of_the_session_follow_its_messages(api: Api) -> None:
    api.add("chat", "é" * 100, id="m-1")
    answer = api.post(
        "memory/add", session_id="chat", message={"id": "m-2", "role": "user"}, state={"a": 1}
    ).json()
    items = listed(api, "chat")
    assert answer["session"]["message_count"] == 2
    assert answer["session"]["token_count"] == sum(item["tokens"] for item in items)
    sizes = ['{"role": "user", "content": "' + "é" * 100 + '", "id": "m-1"}']
    sizes += ['{"id": "m-2", "role": "user"}', '{"a": 1}']
    assert answer["session"]["size_bytes"] == sum(len(text.encode()) for text in sizes)


def test_sessions_of_two_namespaces_with_one_id_are_apart(api: Api) -> None:
    other = Api(make_key("sales"))
    api.add("chat", "for support", id="m-1")
    assert other.get("memory/list", session_id="chat").json()["session"] is None
    assert other.add("chat", "for sales", id="m-1")["duplicate"] is False
    assert [item["message"]["content"] for item in listed(api, "chat")] == ["for support"]


def test_real_conversations_come_back_as_they_were_sent(api: Api) -> None:
    for session in conversations("agent-frameworks.jsonl.gz"):
        events = []
        for message in session["messages"]:
            state = message.pop("state", None)
            events.append({"message": message, "state": state})
        ids = [event["message"]["id"] for event in events]
        if len(set(ids)) < len(ids):
            continue  # one recording names two messages alike, which only an import may do
        raw = json.dumps({"session_id": session["session_id"], "events": events})
        assert api.post("memory/add_list", raw).status_code == 201
        items = listed(api, session["session_id"])
        assert [item["message"] for item in items] == [event["message"] for event in events]
        assert [item["state"] for item in items] == [event["state"] for event in events]
