"""An add may change its session, in the same transaction: both happen or neither."""

import json
from typing import Any

import pytest

from tests.api.refusals import assert_refused
from tests.conftest import Api

EVENT = {"message": {"role": "user"}}


def session_of(api: Api) -> Any:
    return api.get("memory/list").json()["session"]


def test_a_patch_sets_what_it_names_on_a_new_session_and_on_an_old_one(api: Api) -> None:
    response = api.post(
        "memory/add",
        **EVENT,
        session_patch={
            "title": "Refund",
            "tags": ["vip", "vip", "refund"],
            "metadata": {"plan": "gold", "note": None},
            "state": {"step": 1, "form": {"name": "Ann", "age": 5}},
        },
    )
    assert response.status_code == 201
    shown = response.json()["session"]
    assert (shown["title"], shown["tags"], shown["revision"]) == ("Refund", ["vip", "refund"], 1)
    assert "state" not in shown
    assert "metadata" not in shown
    session = session_of(api)
    assert session["metadata"] == {"plan": "gold"}
    assert session["state"] == {"step": 1, "form": {"name": "Ann", "age": 5}}

    api.post(
        "memory/add_list",
        events=[EVENT, EVENT],
        session_patch={"state": {"step": 2, "form": {"age": None, "city": "Köln"}}, "tags": ["x"]},
    )
    session = session_of(api)
    assert session["state"] == {"step": 2, "form": {"name": "Ann", "city": "Köln"}}
    assert (session["title"], session["tags"]) == ("Refund", ["x"])
    assert session["metadata"] == {"plan": "gold"}
    assert session["revision"] == 2


def test_null_clears(api: Api) -> None:
    full = {"title": "T", "tags": ["a"], "metadata": {"a": 1}, "state": {"b": 2}}
    api.post("memory/add", **EVENT, session_patch=full)
    api.post("memory/add", **EVENT, session_patch=dict.fromkeys(full))
    session = session_of(api)
    assert [session[name] for name in full] == [None, [], {}, {}]


def test_an_absent_null_or_empty_patch_changes_nothing(api: Api) -> None:
    api.post("memory/add", **EVENT, session_patch={"title": "T"})
    for patch in (None, {}):
        assert api.post("memory/add", **EVENT, session_patch=patch).status_code == 201
    assert session_of(api)["title"] == "T"


def test_numbers_of_a_document_stay_as_they_were_spelled(api: Api) -> None:
    patch = '{"state":{"price":1.10,"big":9007199254740993},"metadata":{"rate":1e5}}'
    api.post("memory/add", f'{{"message":{{"role":"user"}},"session_patch":{patch}}}')
    api.post("memory/add", '{"message":{"role":"user"},"session_patch":{"state":{"other":1}}}')
    body = api.get("memory/list").content.decode()
    assert '"price":1.10' in body
    assert '"big":9007199254740993' in body
    assert '"rate":1e5' in body


@pytest.mark.parametrize(
    ("patch", "loc"),
    [
        ({"title": "t" * 201}, ["title"]),
        ({"title": 5}, ["title"]),
        ({"tags": ["a"] * 33}, ["tags"]),
        ({"tags": ["a", ""]}, ["tags", 1]),
        ({"tags": ["t" * 65]}, ["tags", 0]),
        ({"tags": [None]}, ["tags", 0]),
        ({"tags": "a"}, ["tags"]),
        ({"metadata": []}, ["metadata"]),
        ({"metadata": "x"}, ["metadata"]),
        ({"state": 5}, ["state"]),
        ({"user_id": "ann"}, ["user_id"]),
        ([], []),
        ("x", []),
    ],
)
def test_a_wrong_patch_is_refused_and_nothing_is_stored(
    api: Api, patch: Any, loc: list[Any]
) -> None:
    for operation, content in (("add", EVENT), ("add_list", {"events": [EVENT]})):
        response = api.post(f"memory/{operation}", **content, session_patch=patch)
        assert_refused(response, "invalid", ["body", "session_patch", *loc])
    assert session_of(api) is None


def test_the_message_is_not_stored_when_the_merged_document_is_too_large(api: Api) -> None:
    half = {"session_patch": {"state": {"a": "x" * 200_000}}}
    assert api.post("memory/add", **EVENT, **half).status_code == 201
    other = {"session_patch": {"title": "No", "state": {"b": "x" * 200_000}}, "user_id": "ann"}
    assert_refused(api.post("memory/add", **EVENT, **other), "too_large")
    session = session_of(api)
    assert (session["message_count"], session["revision"]) == (1, 1)
    assert (session["title"], session["user_id"], list(session["state"])) == (None, None, ["a"])
    # The next message takes the place that was not used.
    assert api.post("memory/add", **EVENT).json()["seq"] == 2


@pytest.mark.parametrize("name", ["metadata", "state"])
def test_a_document_has_at_most_256_kb(api: Api, name: str) -> None:
    fits = json.dumps({"a": "x" * (256 * 1024 - len('{"a": ""}'))})
    assert len(fits) == 256 * 1024
    body = '{"message":{"role":"user"},"session_patch":{"%s":%s}}'
    assert api.post("memory/add", body % (name, fits)).status_code == 201
    over = fits.replace('"a"', '"aa"')
    body = body.replace('{"message"', '{"session_id":"other","message"')
    assert_refused(api.post("memory/add", body % (name, over)), "too_large")
    assert api.get("memory/list", session_id="other").json()["session"] is None


def test_a_conflict_keeps_the_patch_out(api: Api) -> None:
    api.post("memory/add", **EVENT, user_id="ann")
    for more in ({"user_id": "bob"}, {"expected_revision": 9}):
        api.post("memory/add", **EVENT, session_patch={"title": "No"}, **more)
    assert session_of(api)["title"] is None


def test_the_state_of_an_event_is_not_the_state_of_the_session(api: Api) -> None:
    api.post("memory/add", **EVENT, state={"a": 1}, session_patch={"state": {"b": 2}})
    listed = api.get("memory/list").json()
    assert listed["items"][0]["state"] == {"a": 1}
    assert listed["session"]["state"] == {"b": 2}
