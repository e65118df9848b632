"""A call that names its messages can be repeated: what is there already is not stored again."""

import json
from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api


def add(api: Api, message: str, state: str = "null", **more: Any) -> Any:
    fields = "".join(f',"{name}":{json.dumps(value)}' for name, value in more.items())
    return api.post(
        "memory/add", f'{{"session_id":"chat","message":{message},"state":{state}{fields}}}'
    )


MESSAGE = '{"id":"m-1","role":"user","content":"Hi","n":1.10,"o":{"a":1,"b":[true,null]}}'


def test_a_repeated_message_is_stored_once(api: Api) -> None:
    first = add(api, MESSAGE)
    again = add(api, MESSAGE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() | {"duplicate": False}
    assert again.json()["duplicate"] is True
    assert api.get("memory/count", session_id="chat").json() == {"count": 1}


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (
            '{"o":{"b":[true,null],"a":1},"n":1.1,\n"content":"H\\u0069","id":"m-1","role":"user"}',
            '{"s":2.0}',
        ),
        (MESSAGE.replace("1.10", "11e-1"), '{ "s" : 20e-1 }'),
    ],
)
def test_spelling_order_and_white_space_make_no_other_message(
    api: Api, message: str, state: str
) -> None:
    add(api, MESSAGE, '{"s":2.0}')
    again = add(api, message, state)
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    kept = api.get("memory/get", session_id="chat", id="m-1").content.decode()
    assert f'"message":{MESSAGE},"state":{{"s":2.0}},' in kept


@pytest.mark.parametrize(
    ("message", "state"),
    [
        (MESSAGE.replace('"Hi"', '"hi"'), "null"),
        (MESSAGE.replace('"role":"user"', '"role":"system"'), "null"),
        (MESSAGE.replace('"a":1', '"a":1.0'), "null"),
        (MESSAGE.replace('"a":1', '"a":true'), "null"),
        (MESSAGE.replace('"a":1', '"a":"1"'), "null"),
        (MESSAGE.replace("[true,null]", "[null,true]"), "null"),
        (MESSAGE.replace('"content":"Hi",', '"content":"Hi","name":null,'), "null"),
        (MESSAGE, "{}"),
        (MESSAGE, '{"user_id":"ann"}'),
    ],
)
def test_another_body_under_the_same_id_is_a_conflict(api: Api, message: str, state: str) -> None:
    add(api, MESSAGE)
    problem = assert_refused(add(api, message, state), "message_conflict")
    assert "index" not in problem
    assert api.get("memory/count", session_id="chat").json() == {"count": 1}


def test_a_state_that_was_there_counts(api: Api) -> None:
    add(api, MESSAGE, '{"a":1}')
    assert_refused(add(api, MESSAGE), "message_conflict")
    assert_refused(add(api, MESSAGE, '{"a":1.0}'), "message_conflict")
    assert add(api, MESSAGE, '{ "a":1 }').json()["duplicate"] is True


def test_of_a_duplicate_nothing_else_is_checked_or_applied(api: Api) -> None:
    before = add(api, MESSAGE, user_id="ann").json()["session"]
    again = add(
        api,
        MESSAGE,
        user_id="bob",
        expected_revision=99,
        create=False,
        session_patch={"title": "No", "state": {"a": 1}},
    )
    assert (again.status_code, again.json()["duplicate"]) == (200, True)
    assert again.json()["session"] == before
    assert api.get("memory/list", session_id="chat").json()["session"]["state"] == {}
    # A call that breaks a rule is refused whatever it repeats.
    assert_refused(add(api, MESSAGE, user_id=""), "invalid", ["body", "user_id"])


def test_a_conflict_is_found_before_the_other_conditions(api: Api) -> None:
    add(api, MESSAGE, user_id="ann")
    other = MESSAGE.replace("Hi", "Ho")
    assert_refused(add(api, other, user_id="bob", expected_revision=99), "message_conflict")


def add_list(api: Api, *messages: dict[str, Any], **more: Any) -> Any:
    events = [{"message": {"role": "user", **message}} for message in messages]
    return api.post("memory/add_list", session_id="chat", events=events, **more)


def test_a_repeated_list_is_stored_once_and_a_longer_one_stores_the_rest(api: Api) -> None:
    add_list(api, {"id": "a"}, {"id": "b"})
    again = add_list(api, {"id": "a"}, {"id": "b"}, expected_revision=0, user_id="ann")
    assert again.status_code == 200
    assert [item["duplicate"] for item in again.json()["items"]] == [True, True]
    assert again.json()["session"]["user_id"] is None

    mixed = add_list(api, {"id": "c"}, {"id": "b"}, {}, {"id": "a"}, {"id": "d"})
    assert mixed.status_code == 201
    items = mixed.json()["items"]
    assert [(item["seq"], item["duplicate"]) for item in items] == [
        (3, False),
        (2, True),
        (4, False),
        (1, True),
        (5, False),
    ]
    assert mixed.json()["session"]["message_count"] == 5
    assert mixed.json()["session"]["revision"] == 2


def test_the_rest_of_a_mixed_list_applies(api: Api) -> None:
    add_list(api, {"id": "a"})
    assert_refused(
        add_list(api, {"id": "a"}, {"id": "b"}, expected_revision=0), "revision_conflict"
    )
    answer = add_list(
        api,
        {"id": "a"},
        {"id": "b"},
        expected_revision=1,
        user_id="ann",
        session_patch={"title": "T"},
    ).json()
    assert (answer["session"]["user_id"], answer["session"]["title"]) == ("ann", "T")


def test_a_list_that_names_one_message_twice_stores_it_once(api: Api) -> None:
    answer = add_list(api, {"id": "a"}, {"id": "b"}, {"id": "a"}).json()
    assert [(item["seq"], item["duplicate"]) for item in answer["items"]] == [
        (1, False),
        (2, False),
        (1, True),
    ]
    assert answer["session"]["message_count"] == 2


def test_a_conflict_in_a_list_names_its_index_and_stores_nothing(api: Api) -> None:
    inside = add_list(api, {"id": "a"}, {"id": "b"}, {"id": "a", "content": "other"})
    assert assert_refused(inside, "message_conflict")["index"] == 2
    assert api.get("memory/list", session_id="chat").json()["session"] is None
    add_list(api, {"id": "a"})
    there = add_list(api, {"id": "c"}, {"id": "a", "content": "other"})
    assert assert_refused(there, "message_conflict")["index"] == 1
    first = add_list(api, {"id": "a", "content": "other"})
    assert assert_refused(first, "message_conflict")["index"] == 0
    assert api.get("memory/count", session_id="chat").json() == {"count": 1}


def test_the_same_id_in_another_session_is_another_message(api: Api) -> None:
    assert api.add("one", "Hi", id="m-1")["duplicate"] is False
    assert api.add("two", "Ho", id="m-1")["duplicate"] is False


def test_after_an_update_the_current_body_counts(api: Api) -> None:
    add(api, MESSAGE)
    api.post("memory/update", session_id="chat", id="m-1", content="Ho")
    assert_refused(add(api, MESSAGE), "message_conflict")
    again = add(api, MESSAGE.replace("Hi", "Ho"))
    assert (again.json()["duplicate"], again.json()["seq"]) == (True, 1)


@pytest.mark.parametrize(
    ("operation", "fields"),
    [("delete", {"id": "m-1"}), ("delete", {"index": 0}), ("pop", {}), ("clear", {})],
)
def test_after_a_removal_the_id_is_free_and_the_place_is_not(
    api: Api, operation: str, fields: dict[str, Any]
) -> None:
    add(api, MESSAGE)
    api.post(f"memory/{operation}", session_id="chat", **fields)
    again = add(api, MESSAGE.replace("Hi", "Ho")).json()
    assert (again["duplicate"], again["seq"]) == (False, 2)


def test_an_id_that_the_server_made_is_an_id_as_any_other(api: Api) -> None:
    made = api.add("chat", "Hi")["id"]
    again = api.add("chat", "Hi", id=made)
    assert (again["duplicate"], again["seq"]) == (True, 1)
    assert_refused(
        api.post("memory/add", session_id="chat", message={"role": "user", "id": made}),
        "message_conflict",
    )
