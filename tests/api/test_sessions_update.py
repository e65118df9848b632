"""sessions/update: what a session is besides its messages, changed by merge patch."""

from typing import Any

import pytest

from memory_app import moments
from memory_app.models import AgentSession, OnExpired, RetentionPolicy
from memory_app.moments import DAY, SECOND
from memory_app.operations.keys import Caller, verify_key
from memory_app.operations.receiving import SessionChange
from memory_app.operations.sessions import SessionAt, update_session
from tests.conftest import Api
from tests.factories import begin_session
from tests.refusals import at, refused

NOW = moments.process_clock()


@pytest.fixture
def caller(api: Api) -> Caller:
    return verify_key(api.key)


def time(moment: int) -> str:
    return moments.to_rfc3339(moment)


def updated(api: Api, **fields: Any) -> dict[str, Any]:
    response = api.post("sessions/update", session_id="chat", **fields)
    assert response.status_code == 200, response.content
    session: dict[str, Any] = response.json()["session"]
    assert api.get("sessions/get", session_id="chat").json() == {"session": session}
    return session


def test_what_is_not_sent_stays(api: Api, caller: Caller) -> None:
    begin_session(
        caller,
        "chat",
        user_id="ann",
        title="Refund",
        tags=["vip"],
        metadata={"a": 1},
        state={"b": 2},
    )
    session = updated(api, title="Return")
    assert session["title"] == "Return"
    assert (session["user_id"], session["tags"]) == ("ann", ["vip"])
    assert (session["metadata"], session["state"]) == ({"a": 1}, {"b": 2})


@pytest.mark.parametrize("name", ["metadata", "state"])
def test_a_document_is_merged_as_rfc_7396_says(api: Api, caller: Caller, name: str) -> None:
    before = {"a": "b", "c": {"d": "e", "f": "g"}, "list": [1, 2], "gone": 1}
    begin_session(caller, "chat", **{name: before})
    patch = {"a": "z", "c": {"f": None, "new": {"x": None, "y": 1}}, "list": [3], "gone": None}
    session = updated(api, **{name: patch})
    assert session[name] == {"a": "z", "c": {"d": "e", "new": {"y": 1}}, "list": [3]}


def test_numbers_that_a_patch_leaves_alone_keep_their_spelling(api: Api) -> None:
    api.post("sessions/create", '{"session_id": "chat", "metadata": {"price": 1.10}}')
    response = api.post("sessions/update", '{"session_id": "chat", "metadata": {"tax": 2.50}}')
    assert '"price":1.10,"tax":2.50' in response.content.decode().replace(": ", ":")


@pytest.mark.parametrize(
    ("name", "empty"),
    [("user_id", None), ("title", None), ("tags", []), ("metadata", {}), ("state", {})],
)
def test_null_clears(api: Api, caller: Caller, name: str, empty: Any) -> None:
    values = {
        "user_id": "ann",
        "title": "T",
        "tags": ["t"],
        "metadata": {"a": 1},
        "state": {"a": 1},
    }
    begin_session(caller, "chat", **values)
    session = updated(api, **{name: None})
    assert session[name] == empty
    assert session["revision"] == 2
    assert {key: session[key] for key in values if key != name} == {
        key: value for key, value in values.items() if key != name
    }
    assert updated(api, **{name: None})["revision"] == 2


def test_filters_follow_a_change(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat", tags=["vip", "old"], metadata={"plan": "gold"})
    updated(api, tags=["vip", "new"], metadata={"plan": "silver", "more": 1})

    def found(**query: str) -> int:
        return len(api.get("sessions/list", **query).json()["items"])

    assert (found(tags="old"), found(tags="new"), found(tags="vip")) == (0, 1, 1)
    assert found(metadata='{"plan": "gold"}') == 0
    assert found(metadata='{"plan": "silver"}') == 1
    updated(api, tags=None, metadata=None)
    assert (found(tags="vip"), found(metadata='{"plan": "silver"}')) == (0, 0)


def test_one_call_raises_the_revision_by_one(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat")
    session = updated(api, title="T", tags=["t"], user_id="ann", metadata={"a": 1}, state={"b": 1})
    assert session["revision"] == 2


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"title": "T"},
        {"user_id": "ann"},
        {"tags": ["a", "b"]},
        {"tags": ["a", "b", "a"]},
        {"metadata": {}},
        {"metadata": {"n": 1.0}},
        {"metadata": {"list": [{"y": 2, "x": 1}]}},
        {"metadata": {"never there": None}},
        {"state": {}},
        {"state": None},
    ],
)
def test_a_change_to_the_same_prolongs_but_does_not_raise_the_revision(
    api: Api, caller: Caller, same: dict[str, Any]
) -> None:
    begin_session(
        caller,
        "chat",
        title="T",
        user_id="ann",
        tags=["a", "b"],
        metadata={"n": 1.0, "list": [{"x": 1, "y": 2}]},
        now=NOW - DAY,
    )
    session = updated(api, **same)
    assert session["revision"] == 1
    assert session["last_activity_at"] >= time(NOW)
    assert session["expires_at"] >= time(NOW + 30 * DAY)


@pytest.mark.parametrize(
    "other", [{"metadata": {"n": 1}}, {"metadata": {"n": True}}, {"tags": ["b", "a"]}]
)
def test_types_and_order_make_a_change(api: Api, caller: Caller, other: dict[str, Any]) -> None:
    begin_session(caller, "chat", metadata={"n": 1.0}, tags=["a", "b"])
    assert updated(api, **other)["revision"] == 2


def test_another_user_is_refused_and_nothing_else_is_changed(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat", user_id="ann")
    fields = {"session_id": "chat", "user_id": "bob", "title": "T", "metadata": {"a": 1}}
    refused(api.post("sessions/update", **fields), "user_conflict")
    session = api.get("sessions/get", session_id="chat").json()["session"]
    assert (session["user_id"], session["title"], session["metadata"]) == ("ann", None, {})
    assert session["revision"] == 1
    assert updated(api, user_id="ann")["revision"] == 1


def test_a_user_can_be_set_later_and_cleared(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat")
    assert updated(api, user_id="ann")["user_id"] == "ann"
    assert updated(api, user_id=None)["user_id"] is None
    assert updated(api, user_id="bob")["user_id"] == "bob"


def test_the_expected_revision_makes_the_call_conditional(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat")
    for wrong in (0, 2):
        call = {"session_id": "chat", "title": "T", "expected_revision": wrong}
        assert refused(api.post("sessions/update", **call), "revision_conflict")["revision"] == 1
    assert updated(api, title="T", expected_revision=1)["revision"] == 2
    call = {"session_id": "nobody", "title": "T", "expected_revision": 1}
    assert refused(api.post("sessions/update", **call), "revision_conflict")["revision"] == 0


@pytest.mark.parametrize("revision", [-1, "1", 1.0, True])
def test_a_revision_is_a_whole_number_from_0(api: Api, revision: Any) -> None:
    call = {"session_id": "chat", "expected_revision": revision}
    assert at(refused(api.post("sessions/update", **call), "invalid")) == [
        ["body", "expected_revision"]
    ]


def test_an_explicit_end_is_set_moved_and_cleared(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat")
    session = updated(api, expires_at=time(NOW + DAY))
    assert (session["expires_at"], session["expires_because"]) == (time(NOW + DAY), "explicit")
    assert session["revision"] == 1
    assert updated(api, expires_at=time(NOW + 2 * DAY))["expires_at"] == time(NOW + 2 * DAY)
    assert updated(api, title="T")["expires_at"] == time(NOW + 2 * DAY)
    assert updated(api, expires_at=None)["expires_because"] == "idle"


def test_an_explicit_end_stays_in_the_future_and_within_the_maximum_age(
    api: Api, caller: Caller
) -> None:
    begin_session(caller, "chat", now=NOW - 5 * DAY)
    past = {"session_id": "chat", "expires_at": time(NOW - SECOND)}
    assert at(refused(api.post("sessions/update", **past), "invalid")) == [["body", "expires_at"]]
    late = {"session_id": "chat", "expires_at": time(NOW + 360 * DAY + 1)}
    problem = refused(api.post("sessions/update", **late), "invalid")
    assert problem["latest"] == time(NOW + 360 * DAY)
    updated(api, expires_at=problem["latest"])


def update_at(caller: Caller, now: int, **more: Any) -> SessionAt:
    return update_session(caller=caller, session_id="chat", change=SessionChange(), now=now, **more)


def test_an_update_prolongs_up_to_the_maximum_age(api: Api, caller: Caller) -> None:
    RetentionPolicy.objects.update(idle_for=2 * DAY, max_age=3 * DAY)
    begin_session(caller, "chat", now=NOW)
    first = update_at(caller, NOW + DAY).session
    assert (first.expires_at, first.expires_because) == (NOW + 3 * DAY, "max_age")
    second = update_at(caller, NOW + 2 * DAY).session
    assert (second.expires_at, second.expires_because) == (NOW + 3 * DAY, "max_age")


def test_an_update_does_not_make_an_operators_end_its_own(api: Api, caller: Caller) -> None:
    begin_session(caller, "chat")
    AgentSession.objects.update(explicit_until=NOW + DAY, explicit_because="operator")
    assert updated(api, title="T")["expires_because"] == "operator"


@pytest.mark.parametrize("on_expired", OnExpired.values)
def test_an_unknown_and_an_expired_session_are_not_found(
    api: Api, caller: Caller, on_expired: str
) -> None:
    begin_session(caller, "over", now=NOW - 31 * DAY)
    RetentionPolicy.objects.update(on_expired=on_expired)
    for session_id in ("nobody", "over"):
        call = {"session_id": session_id, "title": "T"}
        refused(api.post("sessions/update", **call), "not_found")
    refused(api.get("sessions/get", session_id="nobody"), "not_found")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "x" * 201),
        ("tags", [7]),
        ("tags", ["x"] * 33),
        ("metadata", [1]),
        ("state", "on"),
        ("user_id", ""),
        ("expires_at", "soon"),
        ("if_exists", "return"),
        ("revision", 1),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused_by_name(
    api: Api, caller: Caller, name: str, value: Any
) -> None:
    begin_session(caller, "chat")
    problem = refused(api.post("sessions/update", session_id="chat", **{name: value}), "invalid")
    assert at(problem)[0][:2] == ["body", name]
    assert api.get("sessions/get", session_id="chat").json()["session"]["revision"] == 1


@pytest.mark.parametrize("name", ["metadata", "state"])
def test_patches_together_stay_within_256_kb(api: Api, caller: Caller, name: str) -> None:
    begin_session(caller, "chat", **{name: {"a": "x" * 200_000}})
    call = {"session_id": "chat", "title": "T", name: {"b": "x" * 100_000}}
    refused(api.post("sessions/update", **call), "too_large")
    session = api.get("sessions/get", session_id="chat").json()["session"]
    assert (session["title"], set(session[name])) == (None, {"a"})
