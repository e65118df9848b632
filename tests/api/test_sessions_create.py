"""sessions/create and sessions/get: how a session begins, and what is seen of it."""

import json
from typing import Any

import pytest

from memory_app import moments
from memory_app.models import OnExpired, RetentionPolicy
from memory_app.moments import DAY, NEVER, SECOND
from memory_app.operations.keys import Caller, verify_key
from tests.api.test_sessions_list import SESSION_FIELDS
from tests.conftest import Api
from tests.factories import begin_session
from tests.refusals import at, refused

NOW = moments.process_clock()


@pytest.fixture
def caller(api: Api) -> Caller:
    return verify_key(api.key)


def time(moment: int) -> str:
    return moments.to_rfc3339(moment)


def created(api: Api, **fields: Any) -> dict[str, Any]:
    response = api.post("sessions/create", **fields)
    assert response.status_code == 201, response.content
    session: dict[str, Any] = response.json()["session"]
    return session


def test_a_session_begins_with_what_was_sent(api: Api) -> None:
    session = created(
        api,
        session_id="org-1/ann",
        user_id="ann",
        title="Refund",
        tags=["vip", "refund", "vip"],
        metadata={"plan": "gold", "n": None},
        state={"step": 1},
    )
    assert set(session) == SESSION_FIELDS
    assert session["session_id"] == "org-1/ann"
    assert session["namespace"] == "support"
    assert session["user_id"] == "ann"
    assert session["title"] == "Refund"
    assert session["tags"] == ["vip", "refund"]
    assert session["metadata"] == {"plan": "gold", "n": None}
    assert session["state"] == {"step": 1}
    assert (session["status"], session["revision"], session["held"]) == ("active", 1, False)
    assert (session["message_count"], session["token_count"], session["size_bytes"]) == (0, 0, 0)
    assert session["ended_at"] is None
    assert api.get("sessions/get", session_id="org-1/ann").json() == {"session": session}
    assert api.get("sessions/get", uid=session["uid"]).json() == {"session": session}


def test_metadata_and_state_are_kept_as_they_were_received(api: Api) -> None:
    text = '{"z": 1.10, "a": [1e5, -0.0, 9007199254740993]}'
    body = f'{{"session_id": "exact", "metadata": {text}, "state": {text}}}'
    for response in (
        api.post("sessions/create", body),
        api.get("sessions/get", session_id="exact"),
    ):
        assert response.content.decode().count(text) == 2


def test_a_session_without_an_id_gets_one(api: Api) -> None:
    first, second = created(api), created(api, session_id=None)
    assert first["session_id"] != second["session_id"]
    assert len(first["session_id"]) > 20
    assert api.get("sessions/get", session_id=first["session_id"]).status_code == 200


def test_a_session_begins_with_the_limits_of_its_policy(api: Api, caller: Caller) -> None:
    begun = begin_session(caller, "chat", now=NOW)
    session = api.get("sessions/get", session_id="chat").json()["session"]
    assert session["created_at"] == session["last_activity_at"] == time(NOW)
    assert session["expires_at"] == time(NOW + 30 * DAY)
    assert session["expires_because"] == "idle"
    assert session["purge_after"] == time(NOW + 37 * DAY)
    assert session["uid"] == begun.session.uid


def test_a_live_id_is_refused_or_returned_as_asked(api: Api) -> None:
    first = created(api, session_id="chat", title="First")
    refused(api.post("sessions/create", session_id="chat"), "session_exists")
    refused(api.post("sessions/create", session_id="chat", if_exists="error"), "session_exists")
    response = api.post("sessions/create", session_id="chat", title="Second", if_exists="return")
    assert response.status_code == 200
    assert response.json() == {"session": first}


def test_a_session_of_another_user_is_not_returned(api: Api) -> None:
    first = created(api, session_id="chat", user_id="ann")
    again = {"session_id": "chat", "if_exists": "return"}
    refused(api.post("sessions/create", user_id="bob", **again), "user_conflict")
    assert api.post("sessions/create", user_id="ann", **again).json() == {"session": first}
    assert api.post("sessions/create", user_id=None, **again).json() == {"session": first}


def test_return_begins_a_session_where_none_is(api: Api) -> None:
    response = api.post("sessions/create", session_id="chat", if_exists="return")
    assert response.status_code == 201


def test_under_an_expired_id_a_new_and_empty_session_begins(api: Api, caller: Caller) -> None:
    old = begin_session(caller, "chat", title="Old", state={"s": 1}, now=NOW - 31 * DAY).session
    session = created(api, session_id="chat")
    assert session["uid"] != old.uid
    assert (session["title"], session["state"], session["metadata"]) == (None, {}, {})
    assert session["revision"] == old.revision + 1
    stub = api.get("sessions/get", uid=old.uid).json()["session"]
    assert (stub["uid"], stub["status"]) == (old.uid, "expired")
    assert at(refused(api.post("sessions/create", session_id="chat"), "session_exists")) == []


def test_under_an_expired_id_nothing_begins_where_the_policy_rejects(
    api: Api, caller: Caller
) -> None:
    begin_session(caller, "chat", now=NOW - 31 * DAY)
    RetentionPolicy.objects.update(on_expired=OnExpired.REJECT)
    for more in ({}, {"if_exists": "return"}):
        refused(api.post("sessions/create", session_id="chat", **more), "session_expired")
    assert api.get("sessions/get", session_id="chat").json()["session"]["status"] == "expired"


def test_an_explicit_end_comes_before_the_idle_limit(api: Api) -> None:
    session = created(api, session_id="chat", expires_at=time(NOW + DAY))
    assert session["expires_at"] == time(NOW + DAY)
    assert session["expires_because"] == "explicit"
    assert session["purge_after"] == time(NOW + 8 * DAY)


def test_an_explicit_end_after_the_idle_limit_does_not_prolong(api: Api, caller: Caller) -> None:
    begun = begin_session(caller, "chat", expires_at=NOW + 60 * DAY, now=NOW).session
    assert (begun.expires_at, begun.expires_because) == (NOW + 30 * DAY, "idle")


def test_an_explicit_end_is_in_the_future(api: Api) -> None:
    for moment in (NOW - DAY, NOW - SECOND):
        problem = refused(api.post("sessions/create", expires_at=time(moment)), "invalid")
        assert at(problem) == [["body", "expires_at"]]
        assert "latest" not in problem


def test_an_explicit_end_beyond_the_maximum_age_names_the_latest(api: Api, caller: Caller) -> None:
    wanted = time(NOW + 366 * DAY)
    problem = refused(api.post("sessions/create", expires_at=wanted), "invalid")
    assert at(problem) == [["body", "expires_at"]]
    latest = moments.from_rfc3339(problem["latest"])
    assert NOW + 365 * DAY <= latest <= moments.process_clock() + 365 * DAY
    created(api, session_id="latest", expires_at=problem["latest"])
    session = api.get("sessions/get", session_id="latest").json()["session"]
    assert session["expires_because"] == "idle"


def test_forever_is_written_as_null(api: Api) -> None:
    RetentionPolicy.objects.update(idle_for=NEVER, max_age=NEVER)
    session = created(api, session_id="chat")
    assert session["expires_at"] is None
    assert session["expires_because"] is None
    assert session["purge_after"] is None


@pytest.mark.parametrize(
    "session_id",
    [
        "a",
        "x" * 512,
        "org-1/team-2/user-3",
        "a b",
        "//",
        "日本語",
        "😀" * 512,
        "%2F",
        "../..",
        "?&=#",
    ],
)
def test_any_text_without_control_characters_names_a_session(api: Api, session_id: str) -> None:
    session = created(api, session_id=session_id)
    assert session["session_id"] == session_id
    assert api.get("sessions/get", session_id=session_id).json()["session"] == session


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("session_id", ""),
        ("session_id", "x" * 513),
        ("session_id", "a\nb"),
        ("session_id", "a\x7fb"),
        ("session_id", "a\x85b"),
        ("session_id", 7),
        ("session_id", ["a"]),
        ("user_id", ""),
        ("user_id", "x" * 513),
        ("user_id", 7),
        ("title", "x" * 201),
        ("title", 7),
        ("tags", "vip"),
        ("tags", [""]),
        ("tags", ["x" * 65]),
        ("tags", [7]),
        ("tags", [f"t{number}" for number in range(33)]),
        ("metadata", "gold"),
        ("metadata", ["gold"]),
        ("metadata", 7),
        ("state", "gold"),
        ("state", True),
        ("expires_at", "tomorrow"),
        ("expires_at", "2030-01-31"),
        ("expires_at", "2030-01-31T12:00:00"),
        ("expires_at", 1_900_000_000),
        ("expires_at", "2030-02-30T12:00:00Z"),
        ("if_exists", "replace"),
        ("if_exists", None),
        ("uid", "x"),
        ("namespace", "billing"),
        ("tag", ["vip"]),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused_by_name(api: Api, name: str, value: Any) -> None:
    fields = {"session_id": "chat", name: value}
    problem = refused(api.post("sessions/create", **fields), "invalid")
    assert at(problem)[0][:2] == ["body", name]
    refused(api.get("sessions/get", session_id="chat"), "not_found")


def test_a_title_and_tags_may_be_as_long_as_the_limits(api: Api) -> None:
    tags = [f"{number:064}" for number in range(32)]
    session = created(api, title="é" * 200, tags=tags)
    assert (session["title"], session["tags"]) == ("é" * 200, tags)


@pytest.mark.parametrize("name", ["metadata", "state"])
def test_metadata_and_state_have_at_most_256_kb(api: Api, name: str) -> None:
    room = 256 * 1024 - len('{"k": ""}')
    created(api, session_id="fits", **{name: {"k": "x" * room}})
    refused(api.post("sessions/create", **{name: {"k": "x" * (room + 1)}}), "too_large")
    refused(api.post("sessions/create", **{name: {"k": "é" * room}}), "too_large")


@pytest.mark.parametrize(
    "text",
    [
        '{"metadata": {"a": 1, "a": 2}}',
        '{"session_id": "a", "session_id": "b"}',
        '{"metadata": {"a": NaN}}',
        '{"metadata": {"a": -Infinity}}',
        '{"metadata": {"a": 1e400}}',
        '{"metadata": {"a": 9223372036854775808}}',
        '{"metadata": {"a": "\\u0000"}}',
        '{"title": "\\u0000"}',
        '{"title": "\\ud800"}',
        '{"tags": ["\\udfff"]}',
        '{"metadata": {"\\ud800": 1}}',
        '{"metadata": ' + '{"a":' * 64 + "1" + "}" * 64 + "}",
        "[]",
        "null",
        "7",
        "",
        "{",
        '{"title": "a"} {}',
        b'{"title": "\xff"}',
    ],
)
def test_a_body_that_two_readers_could_understand_differently_is_refused(
    api: Api, text: str | bytes
) -> None:
    refused(api.post("sessions/create", text), "invalid")
    assert api.get("sessions/list", status="any").json()["items"] == []


def test_a_body_that_is_not_json_is_refused_by_its_type(api: Api) -> None:
    response = api.client.post(
        "/api/v1/sessions/create", "a=1", content_type="text/plain", headers=api.headers
    )
    refused(response, "unsupported_media_type")


def test_a_body_over_16_mb_is_refused(api: Api) -> None:
    body = json.dumps({"metadata": {"k": "x" * 16 * 2**20}})
    refused(api.post("sessions/create", body), "too_large")


def test_get_needs_one_name_for_an_existing_session(api: Api) -> None:
    refused(api.get("sessions/get", session_id="nobody"), "not_found")
    refused(api.get("sessions/get", uid="0" * 32), "not_found")
    refused(api.get("sessions/get", session_id=""), "invalid")
    refused(api.get("sessions/get", uid=""), "invalid")
    refused(api.get("sessions/get", session_id="a", uid="b"), "invalid")
    refused(api.get("sessions/get", id="a"), "invalid")


def test_without_an_id_get_means_the_session_named_default(api: Api) -> None:
    refused(api.get("sessions/get"), "not_found")
    session = created(api, session_id="default")
    assert api.get("sessions/get").json() == {"session": session}


def test_a_query_string_on_a_post_is_refused(api: Api) -> None:
    response = api.client.post(
        "/api/v1/sessions/create?session_id=a",
        "{}",
        content_type="application/json",
        headers=api.headers,
    )
    assert at(refused(response, "invalid")) == [["query", "session_id"]]
