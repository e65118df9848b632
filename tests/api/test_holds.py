"""A legal hold as agents meet it: what it refuses, what it lets go on, and where it is shown."""

from typing import Any

import pytest

from memory_app.models import HoldKind
from memory_app.moments import DAY, from_rfc3339, to_rfc3339
from memory_app.operations.holding import HoldView, NewHold, place_hold, release_hold
from tests.conftest import Api
from tests.factories import make_key
from tests.refusals import refused

TARGETS = {
    HoldKind.SESSION: "org-1/ann",
    HoldKind.SUBJECT: "ann",
    HoldKind.PREFIX: "org-1/",
}
REFUSED: dict[str, dict[str, Any]] = {
    "memory/update": {"id": "m-1", "content": "Other words"},
    "memory/delete": {"id": "m-1"},
    "memory/pop": {},
    "memory/clear": {},
    "sessions/update": {"title": "Another title"},
    "sessions/delete": {},
}
# Each with the status that it is answered with.
GO_ON: dict[str, tuple[dict[str, Any], int]] = {
    "memory/add": ({"message": {"role": "user", "content": "More"}}, 201),
    "memory/add_list": ({"events": [{"message": {"role": "user", "content": "More"}}]}, 201),
    "sessions/create": ({"if_exists": "return"}, 200),
    "sessions/expire": ({}, 200),
}


def hold(kind: HoldKind = HoldKind.SESSION, target: str = "") -> HoldView:
    asked = NewHold(
        namespace="support",
        kind=kind,
        target=target or TARGETS[kind],
        matter="Miller v. Example",
        reason="Asked by counsel",
    )
    return place_hold(hold=asked)


@pytest.fixture
def chat(api: Api) -> dict[str, Any]:
    """Begin Ann's session, and return what there is of it."""
    api.post(
        "sessions/create",
        session_id="org-1/ann",
        user_id="ann",
        title="Refund",
        tags=["vip"],
        metadata={"plan": {"name": "gold"}},
    )
    api.add("org-1/ann", "Where is my refund?", id="m-1")
    return there(api)


def there(api: Api) -> dict[str, Any]:
    listed: dict[str, Any] = api.get("memory/list", session_id="org-1/ann").json()
    return listed


@pytest.mark.parametrize("kind", HoldKind)
@pytest.mark.parametrize("operation", REFUSED)
def test_a_hold_refuses_whatever_removes_or_overwrites(
    api: Api, chat: dict[str, Any], operation: str, kind: HoldKind
) -> None:
    placed = hold(kind)
    problem = refused(api.post(operation, session_id="org-1/ann", **REFUSED[operation]), "held")
    assert "Miller" not in str(problem)
    chat["session"]["held"] = True
    assert there(api) == chat
    release_hold(hold_id=placed.id, reason="Settled")
    answer = api.post(operation, session_id="org-1/ann", **REFUSED[operation])
    # Nothing is purged for a day after the release.
    assert answer.status_code == (423 if operation == "sessions/delete" else 200)


@pytest.mark.parametrize("kind", HoldKind)
@pytest.mark.parametrize("operation", GO_ON)
def test_a_hold_lets_agents_go_on(
    api: Api, chat: dict[str, Any], operation: str, kind: HoldKind
) -> None:
    hold(kind)
    fields, status = GO_ON[operation]
    answer = api.post(operation, session_id="org-1/ann", **fields)
    assert answer.status_code == status, answer.content
    if operation != "sessions/expire":
        assert answer.json()["session"]["held"] is True


def test_a_held_session_can_be_extended(api: Api, chat: dict[str, Any]) -> None:
    hold()
    later = to_rfc3339(from_rfc3339(chat["session"]["expires_at"]) + DAY)
    answer = api.post("sessions/extend", session_id="org-1/ann", expires_at=later)
    assert answer.json()["session"]["expires_at"] == later


@pytest.mark.parametrize(
    "patch",
    [
        {"title": "Another"},
        {"title": None},
        {"tags": []},
        {"metadata": {"plan": None}},
        {"metadata": {"plan": {"name": "silver"}}},
        {"metadata": None},
    ],
)
def test_an_append_may_add_to_a_held_session_and_not_overwrite_it(
    api: Api, chat: dict[str, Any], patch: dict[str, Any]
) -> None:
    hold()
    message = {"role": "user", "content": "More"}
    refused(
        api.post("memory/add", session_id="org-1/ann", message=message, session_patch=patch), "held"
    )
    assert there(api)["items"] == chat["items"]
    adds = {"tags": ["vip", "late"], "metadata": {"plan": {"since": 1}}, "state": {"step": 1}}
    answer = api.post("memory/add", session_id="org-1/ann", message=message, session_patch=adds)
    assert answer.status_code == 201, answer.content
    assert there(api)["session"]["metadata"] == {"plan": {"name": "gold", "since": 1}}


def test_every_answer_says_whether_the_session_is_held(api: Api, chat: dict[str, Any]) -> None:
    uid = chat["session"]["uid"]

    def answers() -> list[bool]:
        one = {"session_id": "org-1/ann"}
        sessions = [
            api.get("memory/list", **one).json()["session"],
            api.get("memory/list", uid=uid).json()["session"],
            api.get("memory/get", id="m-1", **one).json()["session"],
            api.get("memory/retrieve", query="refund", **one).json()["session"],
            api.get("sessions/get", **one).json()["session"],
            api.get("sessions/list").json()["items"][0],
            api.add("org-1/ann", "Where is my refund?", id="m-1")["session"],
            api.add("org-1/ann", "More")["session"],
        ]
        return [session["held"] for session in sessions]

    assert answers() == [False] * 8
    placed = hold()
    assert answers() == [True] * 8
    release_hold(hold_id=placed.id, reason="Settled")
    assert answers() == [False] * 8


def test_a_list_can_be_of_what_is_held(api: Api, chat: dict[str, Any]) -> None:
    api.add("org-2/bob")
    hold()
    for held, ids in (("true", ["org-1/ann"]), ("false", ["org-2/bob"])):
        listed = api.get("sessions/list", held=held, total="true").json()
        assert [item["session_id"] for item in listed["items"]] == ids
        assert listed["total"] == 1


def test_a_hold_of_another_namespace_changes_nothing(api: Api, chat: dict[str, Any]) -> None:
    other = Api(make_key("claims"))
    other.add("org-1/ann")
    for kind in HoldKind:
        hold(kind)
    assert other.get("sessions/get", session_id="org-1/ann").json()["session"]["held"] is False
    assert other.post("sessions/delete", session_id="org-1/ann").json()["deleted"] == 1


def test_an_unknown_session_under_a_hold_is_unknown(api: Api) -> None:
    hold(HoldKind.PREFIX)
    assert api.post("memory/pop", session_id="org-1/ann").json()["item"] is None
    assert api.post("memory/clear", session_id="org-1/ann").json()["deleted"] == 0
    assert api.post("sessions/delete", session_id="org-1/ann").json()["deleted"] == 0
    refused(api.post("sessions/update", session_id="org-1/ann", title="T"), "not_found")
