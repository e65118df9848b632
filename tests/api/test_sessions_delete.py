"""sessions/delete: all sessions of an id are gone, and a receipt remains."""

import json
from typing import Any

import pytest

from memory_app import moments
from memory_app.models import (
    AgentSession,
    Erasure,
    Message,
    Receipt,
    ReceiptSubject,
    SessionDocument,
    SessionFacet,
)
from memory_app.moments import DAY
from memory_app.operations.journal import journal_path
from memory_app.operations.keys import Caller, verify_key
from tests.conftest import Api
from tests.factories import begin_session, make_session
from tests.refusals import at, refused

NOW = moments.process_clock()


@pytest.fixture
def caller(api: Api) -> Caller:
    return verify_key(api.key)


@pytest.fixture(autouse=True)
def _empty_journal(api: Api) -> None:
    journal_path().unlink(missing_ok=True)


def deleted(api: Api, session_id: str = "chat") -> dict[str, Any]:
    response = api.post("sessions/delete", session_id=session_id)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def journal() -> list[dict[str, Any]]:
    return [json.loads(line) for line in journal_path().read_text().splitlines()]


def test_all_sessions_of_the_id_go_the_expired_and_the_ended_too(api: Api, caller: Caller) -> None:
    for days in (90, 50):
        make_session(caller, "chat", "Hello", "Again", now=NOW - days * DAY)
    api.post("sessions/update", session_id="nobody")
    begin_session(caller, "other", tags=["vip"], metadata={"a": 1}, state={"b": 1})
    api.add("chat", "Live")
    api.post("sessions/update", session_id="chat", tags=["vip"], metadata={"a": 1}, state={"b": 1})
    answer = deleted(api)
    assert answer["deleted"] == 3
    assert answer["receipt"]["counts"]["messages"] == 5
    assert [s.session_id for s in AgentSession.objects.all()] == ["other"]
    assert Message.objects.count() == 0
    assert SessionDocument.objects.count() == 1
    assert SessionFacet.objects.count() == 2
    refused(api.get("sessions/get", session_id="chat"), "not_found")


def test_only_that_very_id_goes(api: Api) -> None:
    names = ["chat", "Chat", "chat/", "chat/1", "cha", "chat "]
    for name in names:
        api.add(name)
    assert deleted(api, "chat")["deleted"] == 1
    left = {item["session_id"] for item in api.get("sessions/list").json()["items"]}
    assert left == set(names) - {"chat"}


def test_the_receipt_says_how_much_by_whom_and_when(api: Api, caller: Caller) -> None:
    first = make_session(caller, "chat", "Hello", "Again", now=NOW - 40 * DAY).session
    second = api.add("chat", "Live")["session"]
    assert first is not None
    receipt = deleted(api)["receipt"]
    assert set(receipt) == {
        "id",
        "namespace",
        "kind",
        "reason",
        "actor",
        "requested_at",
        "purged_at",
        "scrubbed_at",
        "counts",
        "method",
        "verification",
    }
    assert (receipt["namespace"], receipt["kind"]) == ("support", "deletion")
    assert receipt["actor"] == f"key {caller.prefix}"
    assert receipt["reason"] is None
    assert receipt["scrubbed_at"] is None
    assert moments.to_rfc3339(NOW) <= receipt["requested_at"] <= receipt["purged_at"]
    counts = receipt["counts"]
    assert set(counts) == {
        "previewed",
        "sessions",
        "messages",
        "bytes",
        "index_rows",
        "held",
        "changed",
        "gone",
    }
    assert (counts["previewed"], counts["sessions"], counts["messages"]) == (2, 2, 3)
    assert (counts["held"], counts["changed"], counts["gone"]) == (0, 0, 0)
    assert counts["bytes"] == first.size_bytes + second["size_bytes"]
    assert receipt["verification"] == {
        "checked_at": receipt["purged_at"],
        "remaining": 0,
        "result": "clear",
    }


def test_nothing_there_is_no_error_and_leaves_no_receipt(api: Api) -> None:
    assert deleted(api) == {"deleted": 0, "receipt": None}
    api.add("chat")
    assert deleted(api)["deleted"] == 1
    assert deleted(api) == {"deleted": 0, "receipt": None}
    assert Receipt.objects.count() == 1


def test_no_id_and_no_content_is_left_in_clear(api: Api) -> None:
    api.add("org-canary/chat", "canary", id="canary-1")
    api.post(
        "sessions/update",
        session_id="org-canary/chat",
        user_id="ann-canary",
        title="canary",
        tags=["canary"],
        metadata={"canary": "canary"},
    )
    response = api.post("sessions/delete", session_id="org-canary/chat")
    assert b"canary" not in response.content
    rows = [
        *Receipt.objects.values_list(),
        *ReceiptSubject.objects.values_list(),
        *Erasure.objects.values_list(),
    ]
    assert rows
    assert "canary" not in repr(rows)
    assert "canary" not in journal_path().read_text()


def test_the_journal_has_every_session_before_it_is_reported_done(api: Api) -> None:
    uid = api.add("chat")["session"]["uid"]
    receipt = deleted(api)["receipt"]
    (row,) = Erasure.objects.all()
    assert (row.uid, row.namespace, json.loads(row.ranges), row.filed) == (
        uid,
        "support",
        "all",
        True,
    )
    assert journal() == [
        {"at": receipt["purged_at"], "namespace": "support", "uid": uid, "seqs": "all"}
    ]


def test_a_deletion_is_not_reported_done_when_the_journal_cannot_be_written(api: Api) -> None:
    uid = api.add("chat")["session"]["uid"]
    journal_path().mkdir()
    try:
        refused(api.post("sessions/delete", session_id="chat"), "unavailable")
    finally:
        journal_path().rmdir()
    assert deleted(api) == {"deleted": 0, "receipt": None}
    assert [line["uid"] for line in journal()] == [uid]


def test_the_id_is_free_and_its_past_is_forgotten(api: Api) -> None:
    for content in ("One", "Two"):
        old = api.add("chat", content, id=content)["session"]
    deleted(api)
    new = api.add("chat", "Three", id="One")
    assert (new["seq"], new["duplicate"]) == (1, False)
    assert new["session"]["uid"] != old["uid"]
    assert (new["session"]["revision"], new["session"]["message_count"]) == (1, 1)


def test_the_id_must_be_given(api: Api) -> None:
    api.add("default")
    for body in ({}, {"session_id": None}, {"session_id": ""}, {"session_id": 7}):
        problem = refused(api.post("sessions/delete", json.dumps(body)), "invalid")
        assert at(problem) == [["body", "session_id"]]
    refused(api.post("sessions/delete", session_id="default", reason="x"), "invalid")
    refused(api.post("sessions/delete", uid="x"), "invalid")
    assert api.get("memory/count").json() == {"count": 1}
    assert deleted(api, "default")["deleted"] == 1
