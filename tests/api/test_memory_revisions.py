"""expected_revision makes a change conditional; the revision counts the calls that changed."""

from typing import Any

import pytest

from memory_app.moments import DAY, process_clock
from tests.api.refusals import assert_refused
from tests.conftest import Api
from tests.factories import make_caller, make_session

EVENT = {"message": {"role": "user"}}


def revision(api: Api) -> int:
    number: int = api.get("memory/list").json()["session"]["revision"]
    return number


def test_each_call_that_changes_raises_the_revision_by_one(api: Api) -> None:
    expected = 0
    for operation, fields, changes in (
        ("add", {"message": {"role": "user", "id": "a"}}, True),
        ("add", {"message": {"role": "user", "id": "a"}}, False),
        ("add_list", {"events": [EVENT, EVENT, EVENT]}, True),
        ("add_list", {"events": []}, False),
        ("add", {**EVENT, "session_patch": {"title": "T", "state": {"a": 1}}}, True),
        ("update", {"id": "a", "content": "x"}, True),
        ("update", {"id": "a", "content": "x"}, False),
        ("delete", {"id": "nobody"}, False),
        ("delete", {"index": 99}, False),
        ("delete", {"index": 0}, True),
        ("pop", {}, True),
        ("clear", {"session_id": "default"}, True),
        ("clear", {"session_id": "default"}, False),
        ("pop", {}, False),
    ):
        answer = api.post(f"memory/{operation}", **fields).json()
        expected += changes
        assert answer["session"]["revision"] == expected, operation
    api.get("memory/retrieve", query="x")
    assert revision(api) == expected


def test_zero_means_that_there_is_no_live_session(api: Api) -> None:
    assert api.post("memory/add", **EVENT, expected_revision=0).status_code == 201
    refused = api.post("memory/add", **EVENT, expected_revision=0)
    assert assert_refused(refused, "revision_conflict")["revision"] == 1


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("add", EVENT),
    ("add", EVENT | {"session_patch": {"title": "No"}}),
    ("add_list", {"events": [EVENT, EVENT]}),
    ("update", {"id": "m-1", "content": "other"}),
    ("delete", {"id": "m-1"}),
    ("delete", {"index": 0}),
    ("pop", {}),
    ("clear", {"session_id": "default"}),
]


@pytest.mark.parametrize(("operation", "fields"), CHANGES)
def test_a_change_is_made_only_at_the_expected_revision(
    api: Api, operation: str, fields: dict[str, Any]
) -> None:
    api.add("default", "Hi", id="m-1")
    api.add("default", "Ho", id="m-2")
    before = api.get("memory/list").content
    for stale in (0, 1, 3, 2**63 - 1):
        refused = api.post(f"memory/{operation}", **fields, expected_revision=stale)
        assert assert_refused(refused, "revision_conflict")["revision"] == 2
    assert api.get("memory/list").content == before
    done = api.post(f"memory/{operation}", **fields, expected_revision=2)
    assert done.status_code in (200, 201), done.content
    assert revision(api) == 3


@pytest.mark.parametrize(("operation", "fields"), CHANGES)
def test_where_no_session_is_the_conflict_carries_revision_0(
    api: Api, operation: str, fields: dict[str, Any]
) -> None:
    refused = api.post(f"memory/{operation}", **fields, expected_revision=1)
    assert assert_refused(refused, "revision_conflict")["revision"] == 0
    assert api.get("memory/list").json()["session"] is None


@pytest.mark.parametrize("wrong", [-1, True, 1.0, "1", 2**63, [], {}])
def test_a_revision_is_a_whole_number(api: Api, wrong: Any) -> None:
    loc = ["body"] if wrong == 2**63 else ["body", "expected_revision"]
    assert_refused(api.post("memory/add", **EVENT, expected_revision=wrong), "invalid", loc)
    assert_refused(api.post("memory/pop", expected_revision=wrong), "invalid", loc)


def test_an_expired_session_is_at_revision_0_and_its_successor_goes_on(api: Api) -> None:
    past = process_clock() - 31 * DAY
    begun = make_session(make_caller(), "default", "Hi", now=past)
    make_session(make_caller(), "default", "Hi", "Ho", now=past + 1)
    assert begun.session is not None
    refused = api.post("memory/add", **EVENT, expected_revision=2)
    assert assert_refused(refused, "revision_conflict")["revision"] == 0
    refused = api.post("memory/pop", expected_revision=2)
    assert assert_refused(refused, "revision_conflict")["revision"] == 0
    restarted = api.post("memory/add", **EVENT, expected_revision=0).json()
    assert restarted["session"]["revision"] == 3
    assert restarted["session"]["uid"] != begun.session.uid
    assert restarted["seq"] == 1
    # What was known of the predecessor cannot be taken for the successor's.
    refused = api.post("memory/add", **EVENT, expected_revision=2)
    assert assert_refused(refused, "revision_conflict")["revision"] == 3
