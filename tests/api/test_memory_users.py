"""A session is about one person: the first that is named stays."""

import json
from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api

EVENT = {"message": {"role": "user"}}


def user_of(response: Any) -> Any:
    assert response.status_code == 201, response.content
    return response.json()["session"]["user_id"]


def test_the_first_user_stays_and_another_is_a_conflict(api: Api) -> None:
    assert user_of(api.post("memory/add", **EVENT)) is None
    assert user_of(api.post("memory/add", **EVENT, user_id="ann")) == "ann"
    assert user_of(api.post("memory/add", **EVENT, user_id=None)) == "ann"
    assert user_of(api.post("memory/add", **EVENT, user_id="ann")) == "ann"
    for user_id in ("bob", "Ann", "ann "):
        assert_refused(api.post("memory/add", **EVENT, user_id=user_id), "user_conflict")
        assert_refused(
            api.post("memory/add_list", events=[EVENT], user_id=user_id), "user_conflict"
        )
    assert api.get("memory/count").json() == {"count": 4}


@pytest.mark.parametrize(
    ("state", "user_id"),
    [
        ('{"user_id":"ann"}', "ann"),
        ('{"userId":"ann"}', "ann"),
        ('{"userId":"bob","user_id":"ann"}', "ann"),
        ('{"user_id":null,"userId":"ann"}', "ann"),
        ('{"user_id":4711}', "4711"),
        ('{"userId":-5}', "-5"),
        ('{"user_id":9223372036854775807}', "9223372036854775807"),
        ('{"user_id":true}', None),
        ('{"user_id":1.0}', None),
        ('{"user_id":""}', None),
        ('{"user_id":["ann"]}', None),
        ('{"user_id":{"id":"ann"}}', None),
        ('{"user":"ann"}', None),
        ('{"nested":{"user_id":"ann"}}', None),
        (json.dumps({"user_id": "a" * 513}), None),
        (json.dumps({"user_id": "a" * 512}), "a" * 512),
    ],
)
def test_a_session_without_a_user_takes_the_one_of_a_state(
    api: Api, state: str, user_id: str | None
) -> None:
    body = f'{{"message":{{"role":"user"}},"state":{state}}}'
    assert user_of(api.post("memory/add", body)) == user_id
    # The second message finds the session there already, which takes another way.
    api.add("chat")
    body = f'{{"session_id":"chat","message":{{"role":"user"}},"state":{state}}}'
    assert user_of(api.post("memory/add", body)) == user_id


def test_the_user_of_a_later_state_changes_nothing_and_is_no_conflict(api: Api) -> None:
    api.post("memory/add", **EVENT, user_id="ann")
    assert user_of(api.post("memory/add", **EVENT, state={"user_id": "bob"})) == "ann"
    events = [EVENT | {"state": {"user_id": "bob"}}]
    assert user_of(api.post("memory/add_list", events=events)) == "ann"


def test_a_user_named_by_the_call_comes_before_that_of_a_state(api: Api) -> None:
    response = api.post("memory/add", **EVENT, state={"user_id": "bob"}, user_id="ann")
    assert user_of(response) == "ann"


def test_of_a_list_the_first_state_with_a_user_counts(api: Api) -> None:
    states: list[Any] = [None, {"step": 1}, {"userId": 7}, {"user_id": "bob"}]
    events = [EVENT | {"state": state} for state in states]
    assert user_of(api.post("memory/add_list", events=events)) == "7"


def test_a_duplicate_sets_no_user(api: Api) -> None:
    api.add("chat", id="m-1")
    again = api.post(
        "memory/add",
        session_id="chat",
        user_id="ann",
        message={"role": "user", "content": "Hello", "id": "m-1"},
    )
    assert (again.json()["duplicate"], again.json()["session"]["user_id"]) == (True, None)


@pytest.mark.parametrize("user_id", ["x", "ü" * 512, "🧑🏽‍🚀", "a//b?c=%2F", "نور", " "])
def test_any_text_of_1_to_512_characters_names_a_user(api: Api, user_id: str) -> None:
    assert user_of(api.post("memory/add", **EVENT, user_id=user_id)) == user_id
    assert user_of(api.post("memory/add", **EVENT, user_id=user_id)) == user_id


@pytest.mark.parametrize("user_id", ["", "a" * 513, 5, True, 1.5, [], {}])
def test_another_user_id_is_refused(api: Api, user_id: Any) -> None:
    assert_refused(api.post("memory/add", **EVENT, user_id=user_id), "invalid", ["body", "user_id"])
    assert api.get("memory/list").json()["session"] is None
