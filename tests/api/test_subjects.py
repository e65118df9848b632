"""subjects/: what there is about a person, taken out, and erased."""

import io
import json
from typing import Any

import pytest

from memory_app.models import (
    AgentSession,
    AuditEntry,
    LegalHold,
    Message,
    Preview,
    Receipt,
)
from memory_app.moments import DAY, process_clock
from memory_app.operations import previewing, purging
from memory_app.operations.cleaning import clean_up
from memory_app.operations.importing import import_sessions
from memory_app.operations.session_lines import split_lines
from tests.batches import in_batches_of
from tests.conftest import Api
from tests.factories import make_key
from tests.refusals import at, refused

REASON = "Asked for by letter"
EXACT = '{"id":"m-9","role":"user","content":"1","n":1.10,"x":null}'


def say(api: Api, session_id: str, user_id: str, content: str = "Hi") -> dict[str, Any]:
    message = {"role": "user", "content": content}
    response = api.post("memory/add", session_id=session_id, user_id=user_id, message=message)
    assert response.status_code == 201, response.content
    session: dict[str, Any] = response.json()["session"]
    return session


@pytest.fixture
def agent(api: Api) -> Api:
    """Return an agent with Ann's sessions, live, expired and ended, and one of Bob's."""
    say(api, "org-1/ann", "ann")
    say(api, "org-1/ann", "ann")
    say(api, "restarted", "ann")
    api.post("sessions/expire", session_id="restarted")
    say(api, "restarted", "ann")
    say(api, "expired", "ann")
    api.post("sessions/expire", session_id="expired")
    say(api, "bob", "bob")
    return api


def subject(api: Api, user_id: str) -> dict[str, Any]:
    response = api.get("subjects/get", user_id=user_id)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def lines(api: Api, user_id: str) -> list[dict[str, Any]]:
    response = api.get("subjects/export", user_id=user_id)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/jsonl"
    return [json.loads(line) for line in response.getvalue().splitlines()]


def erase(api: Api, user_id: str) -> dict[str, Any]:
    response = api.post("subjects/erase", user_id=user_id, reason=REASON)
    assert response.status_code == 200, response.content
    receipt: dict[str, Any] = response.json()["receipt"]
    return receipt


def hold(kind: str, target: str) -> LegalHold:
    return LegalHold.objects.create(
        id=f"hld_{target}",
        namespace=AgentSession.objects.all()[0].namespace,
        kind=kind,
        target=target,
        matter="Case 7",
        reason="A suit",
        placed_by="ann",
        placed_at=1,
        review_at=2,
    )


def test_all_about_a_person_is_counted(agent: Api) -> None:
    sessions = AgentSession.objects.filter(user_id="ann")
    answer = subject(agent, "ann")
    assert answer == {
        "user_id": "ann",
        "sessions": 4,
        "messages": 5,
        "bytes": sum(session.size_bytes for session in sessions),
        "held": 0,
        "first_at": answer["first_at"],
        "last_at": answer["last_at"],
    }
    assert answer["first_at"] < answer["last_at"]
    hold("session", "org-1/ann")
    assert subject(agent, "ann")["held"] == 1


def test_an_unknown_person_counts_nothing(agent: Api) -> None:
    nothing = {"sessions": 0, "messages": 0, "bytes": 0, "held": 0}
    for name in ("Ann", "an", "ann ", "nobody"):
        assert subject(agent, name) == {
            "user_id": name,
            **nothing,
            "first_at": None,
            "last_at": None,
        }
        assert lines(agent, name) == []


def test_an_export_holds_every_session_to_the_letter(agent: Api) -> None:
    agent.post("memory/add", f'{{"session_id":"org-1/ann","message":{EXACT},"state":{{"s":1.50}}}}')
    found = lines(agent, "ann")
    assert [line["session_id"] for line in found] == [
        "org-1/ann",
        "restarted",
        "restarted",
        "expired",
    ]
    assert [len(line["messages"]) for line in found] == [3, 1, 1, 1]
    assert {line["user_id"] for line in found} == {"ann"}
    text = agent.get("subjects/export", user_id="ann").getvalue().decode()
    assert EXACT[:-1] + ',"state":{"s":1.50}' in text


def test_an_export_is_read_by_an_import(agent: Api) -> None:
    exported = agent.get("subjects/export", user_id="bob").getvalue()
    reports: list[Any] = []
    import_sessions(
        namespace="copy",
        lines=split_lines(io.BytesIO(exported)),
        report=lambda *said: reports.append(said),
    )
    assert reports == []
    assert AgentSession.objects.filter(namespace__name="copy", user_id="bob").count() == 1


def test_an_erasure_takes_all_about_the_person_and_nothing_else(agent: Api) -> None:
    agent.post("sessions/fork", session_id="org-1/ann", new_session_id="forked")
    other = Api(make_key("billing"))
    say(other, "org-1/ann", "ann")
    receipt = erase(agent, "ann")
    assert (receipt["kind"], receipt["reason"], receipt["namespace"]) == (
        "erasure",
        REASON,
        "support",
    )
    assert receipt["counts"] == receipt["counts"] | {"previewed": 5, "sessions": 5, "messages": 7}
    assert receipt["purged_at"] is not None
    assert receipt["verification"]["result"] == "clear"
    left = AgentSession.objects.order_by("id").values_list("namespace__name", "user_id")
    assert list(left) == [("support", "bob"), ("billing", "ann")]
    assert Message.objects.count() == 2
    assert not Preview.objects.exists()
    assert subject(agent, "ann")["sessions"] == 0


def test_nothing_found_has_a_receipt_that_says_so(agent: Api) -> None:
    receipt = erase(agent, "nobody")
    assert set(receipt["counts"].values()) == {0}
    assert (receipt["kind"], receipt["verification"]["result"]) == ("erasure", "clear")
    found = agent.get("receipts/list", user_id="nobody", kind="erasure").json()["items"]
    assert found == [receipt]


def test_the_receipt_is_found_by_the_person_and_by_each_session(agent: Api) -> None:
    receipt = erase(agent, "ann")
    for query in ({"user_id": "ann"}, {"session_id": "restarted"}, {"session_id": "expired"}):
        assert agent.get("receipts/list", **query).json()["items"] == [receipt]
    assert agent.get("receipts/list", user_id="bob").json()["items"] == []
    assert "ann" not in json.dumps(receipt | {"reason": ""})


@pytest.mark.parametrize("call", [1, 2, 3])
@pytest.mark.parametrize("step", ["close_next", "delete_closed"])
def test_an_erasure_that_died_is_finished_whole(
    agent: Api, monkeypatch: pytest.MonkeyPatch, step: str, call: int
) -> None:
    in_batches_of(4, monkeypatch)
    work, calls = getattr(purging, step), []

    def work_and_die(*arguments: Any, **named: Any) -> Any:
        result = work(*arguments, **named)
        calls.append(result)
        if len(calls) == call:
            raise RuntimeError("the process ends here")
        return result

    monkeypatch.setattr(purging, step, work_and_die)
    response = agent.post("subjects/erase", user_id="ann", reason=REASON)
    assert response.status_code == 500
    assert purging.finish_purges() == 1
    assert list(AgentSession.objects.values_list("user_id")) == [("bob",)]
    (receipt,) = agent.get("receipts/list").json()["items"]
    assert receipt["counts"] == receipt["counts"] | {"previewed": 4, "sessions": 4, "messages": 5}
    assert erase(agent, "ann")["counts"]["sessions"] == 0


def test_what_changes_meanwhile_goes_too(agent: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unlike a purge an erasure is of a person, not of what was shown."""
    close = purging.close_next
    calls = 0

    def write_between(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            say(agent, "begun later", "ann")
        return close(*arguments)

    in_batches_of(8, monkeypatch)
    monkeypatch.setattr(purging, "close_next", write_between)
    assert erase(agent, "ann")["counts"]["sessions"] == 5
    assert subject(agent, "ann")["sessions"] == 0


def test_held_parts_stay_closed_at_every_door_and_go_after_the_release(agent: Api) -> None:
    held = hold("session", "org-1/ann")
    uid = AgentSession.objects.get(session_id="org-1/ann").uid
    receipt = erase(agent, "ann")
    assert receipt["counts"] == receipt["counts"] | {"previewed": 4, "sessions": 3, "held": 1}
    assert agent.get("memory/list", session_id="org-1/ann").json()["items"] == []
    refused(agent.get("sessions/get", uid=uid), "not_found")
    assert lines(agent, "ann") == []
    assert Message.objects.count() == 3
    now = process_clock()
    clean_up(now=now)
    assert Message.objects.count() == 3
    LegalHold.objects.filter(pk=held.pk).update(released_at=now)
    AgentSession.objects.filter(uid=uid).update(purge_not_before=now + DAY)
    clean_up(now=now + DAY - 1)
    assert Message.objects.count() == 3
    clean_up(now=now + DAY)
    assert Message.objects.count() == 1
    finished = agent.get("receipts/get", id=receipt["id"]).json()["receipt"]
    assert finished["counts"] == receipt["counts"] | {
        "sessions": 4,
        "held": 0,
        "messages": 5,
        "bytes": finished["counts"]["bytes"],
    }
    assert finished["purged_at"] > receipt["purged_at"]


def test_a_purge_that_waits_cannot_bring_back_what_was_erased(
    agent: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previewing, "MOST_SESSIONS_AT_ONCE", 0)
    token = agent.post("purges/preview", filter={"prefix": "org-1/"}).json()["token"]
    purge = agent.post("purges/execute", token=token, reason=REASON).json()["purge"]
    assert purge["state"] == "queued"
    assert erase(agent, "ann")["counts"]["sessions"] == 3
    assert agent.post("purges/cancel", id=purge["id"]).json()["purge"]["state"] == "done"
    assert not AgentSession.objects.filter(user_id="ann").exists()


def test_exports_and_erasures_are_in_the_audit_log_without_the_person(agent: Api) -> None:
    say(agent, "canary/1", "canary")
    agent.get("subjects/export", user_id="canary").getvalue()
    receipt = erase(agent, "canary")
    entries = AuditEntry.objects.filter(act__startswith="subject").order_by("n")
    assert [entry.act for entry in entries] == ["subject.export", "subject.erase"]
    assert entries[1].object_id == receipt["id"]
    assert "canary" not in repr(list(entries.values()))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"user_id": "", "reason": "x"}, "user_id"),
        ({"user_id": "x" * 513, "reason": "x"}, "user_id"),
        ({"user_id": 7, "reason": "x"}, "user_id"),
        ({"user_id": None, "reason": "x"}, "user_id"),
        ({"reason": "x"}, "user_id"),
        ({"user_id": "ann"}, "reason"),
        ({"user_id": "ann", "reason": " "}, "reason"),
        ({"user_id": "ann", "reason": "x" * 501}, "reason"),
        ({"user_id": "ann", "reason": "x", "prefix": "a/"}, "prefix"),
    ],
)
def test_a_wrong_erasure_is_refused_by_name(agent: Api, fields: dict[str, Any], name: str) -> None:
    problem = refused(agent.post("subjects/erase", **fields), "invalid")
    assert at(problem) == [["body", name]]
    assert AgentSession.objects.count() == 5
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("operation", ["subjects/get", "subjects/export"])
@pytest.mark.parametrize("query", [{}, {"user_id": ""}, {"user_id": "x" * 513}])
def test_a_person_must_be_named(agent: Api, operation: str, query: dict[str, str]) -> None:
    assert at(refused(agent.get(operation, **query), "invalid")) == [["query", "user_id"]]
