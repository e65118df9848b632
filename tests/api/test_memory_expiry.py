"""An expired session is unknown to agents; the next add begins anew, or is refused."""

from typing import Any

import pytest

from memory_app.models import RetentionPolicy
from memory_app.moments import DAY, SECOND, process_clock
from memory_app.operations.reading import Which, count_messages
from tests.api.refusals import assert_refused
from tests.conftest import Api
from tests.factories import make_caller, make_session

STUB = {
    "uid",
    "session_id",
    "status",
    "revision",
    "created_at",
    "last_activity_at",
    "expires_at",
    "expires_because",
    "purge_after",
}

READS: list[tuple[str, dict[str, Any]]] = [
    ("list", {}),
    ("list", {"last": 5}),
    ("list", {"max_tokens": 100}),
    ("list", {"max_tokens": 100, "limit": 3}),
    ("retrieve", {"query": "hi"}),
    ("get", {"id": "m-1"}),
    ("count", {}),
]
WRITES: list[tuple[str, dict[str, Any]]] = [
    ("update", {"id": "m-1", "content": "x"}),
    ("delete", {"id": "m-1"}),
    ("delete", {"index": 0}),
    ("pop", {}),
    ("clear", {}),
]


@pytest.fixture
def expired_uid(api: Api) -> str:
    """Return the uid of the session `chat`, idle for 31 days."""
    recorded = make_session(make_caller(), "chat", "Hi", "Ho", now=process_clock() - 31 * DAY)
    assert recorded.session is not None
    return recorded.session.uid


def reject() -> None:
    RetentionPolicy.objects.update(on_expired="reject")


def test_reads_see_an_unknown_session_and_list_adds_its_stub(api: Api, expired_uid: str) -> None:
    for named in ({"session_id": "chat"}, {"uid": expired_uid}):
        for query in ({}, {"last": 5}, {"max_tokens": 9}, {"max_tokens": 9, "limit": 1}):
            listed = api.get("memory/list", **named, **query).json()
            assert (listed["items"], listed["total"], listed["truncated"]) == ([], 0, False)
            assert set(listed["session"]) == STUB
            assert listed["session"]["uid"] == expired_uid
            assert listed["session"]["status"] == "expired"
            assert listed["session"]["expires_because"] == "idle"
        found = api.get("memory/retrieve", query="hi", **named).json()
        assert (found["items"], found["total"]) == ([], 0)
        assert_refused(api.get("memory/get", id="m-1", **named), "not_found")
        assert api.get("memory/count", **named).json() == {"count": 0}


def test_removals_see_an_unknown_session(api: Api, expired_uid: str) -> None:
    for operation, fields in WRITES:
        response = api.post(f"memory/{operation}", session_id="chat", **fields)
        if operation == "update":
            assert_refused(response, "not_found")
        else:
            assert response.status_code == 200
            nothing = {"item": None} if operation == "pop" else {"deleted": 0}
            assert response.json() == nothing | {"session": None}


def test_the_next_add_begins_a_new_session_and_what_expired_stays_invisible(
    api: Api, expired_uid: str
) -> None:
    answer = api.post(
        "memory/add", session_id="chat", message={"id": "m-1", "role": "user", "content": "New"}
    ).json()
    assert (answer["seq"], answer["duplicate"]) == (1, False)
    assert answer["session"]["uid"] != expired_uid
    assert answer["session"]["message_count"] == 1
    listed = api.get("memory/list", session_id="chat").json()
    assert [item["message"]["content"] for item in listed["items"]] == ["New"]
    old = api.get("memory/list", uid=expired_uid).json()
    assert old["items"] == []
    assert set(old["session"]) == STUB


def test_create_false_does_not_begin_anew(api: Api, expired_uid: str) -> None:
    response = api.post("memory/add", session_id="chat", create=False, message={"role": "user"})
    assert_refused(response, "not_found")


@pytest.mark.parametrize(("operation", "query"), READS)
def test_where_the_policy_rejects_a_read_is_refused(
    api: Api, expired_uid: str, operation: str, query: dict[str, Any]
) -> None:
    reject()
    for named in ({"session_id": "chat"}, {"uid": expired_uid}):
        assert_refused(api.get(f"memory/{operation}", **named, **query), "session_expired")


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        *WRITES,
        ("add", {"message": {"role": "user"}}),
        ("add", {"message": {"role": "user"}, "create": False}),
        ("add", {"message": {"role": "user"}, "expected_revision": 0}),
        ("add_list", {"events": [{"message": {"role": "user"}}]}),
        ("pop", {"expected_revision": 7}),
    ],
)
def test_where_the_policy_rejects_a_write_is_refused(
    api: Api, expired_uid: str, operation: str, fields: dict[str, Any]
) -> None:
    reject()
    response = api.post(f"memory/{operation}", session_id="chat", **fields)
    assert_refused(response, "session_expired")


def test_where_the_policy_rejects_unknown_ids_begin_as_ever(api: Api) -> None:
    reject()
    assert api.get("memory/list", session_id="new").json()["session"] is None
    assert api.add("new")["seq"] == 1


def test_stored_appends_prolong_and_nothing_else_does(api: Api) -> None:
    made = make_session(make_caller(), "chat", "Hi", "Ho", now=process_clock() - 29 * DAY)
    assert made.session is not None

    def limits() -> tuple[str, str]:
        session = api.get("memory/list", session_id="chat").json()["session"]
        return session["last_activity_at"], session["expires_at"]

    before = limits()
    hi = {"role": "user", "content": "Hi", "id": "m-1"}
    for operation, fields in (
        ("add", {"message": hi, "session_patch": {"title": "x"}}),
        ("add_list", {"events": [{"message": hi}]}),
        ("add_list", {"events": []}),
        ("update", {"id": "m-2", "content": "x"}),
        ("delete", {"id": "m-2"}),
        ("pop", {}),
        ("clear", {}),
    ):
        assert api.post(f"memory/{operation}", session_id="chat", **fields).status_code == 200
        assert limits() == before, operation
    for operation, query in READS:
        api.get(f"memory/{operation}", session_id="chat", **query)
    assert limits() == before
    api.add("chat")
    after = limits()
    assert after > before
    assert after[1] > before[1]


def test_a_session_expires_at_its_very_instant(api: Api) -> None:
    caller = make_caller()
    made = make_session(caller, "chat", "Hi", now=process_clock() - 20 * DAY).session
    assert made is not None
    which = Which("chat")
    assert count_messages(caller=caller, which=which, now=made.expires_at - 1) == 1
    assert count_messages(caller=caller, which=which, now=made.expires_at) == 0
    appended = make_session(caller, "chat", "Hi", now=made.expires_at + SECOND).session
    assert appended is not None
    assert appended.uid != made.uid
