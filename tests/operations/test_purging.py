"""A purge in several batches, interrupted and finished."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from memory_app.errors import Held
from memory_app.models import AgentSession, AuditEntry, Erasure, HoldKind, Message, Receipt
from memory_app.moments import DAY
from memory_app.operations import emptying, purging
from memory_app.operations.browsing import SessionFilter, list_sessions
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import Caller, verify_key
from memory_app.operations.purging import delete_session, finish_purges
from memory_app.storage import Database
from memory_app.storage.engine import Row
from tests.batches import in_batches_of
from tests.conftest import Api
from tests.factories import begin_session, make_caller, make_session
from tests.refusals import refused

# What Ann wrote: more than three batches of three.
WORDS = [f"word {number}" for number in range(10)]


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def caller(api: Api) -> Caller:
    return verify_key(api.key)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    in_batches_of(3, monkeypatch)


@pytest.fixture
def kill_in_batch(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the n-th batch die after its rows were deleted and before it is committed."""
    done = 0

    def arm(batch: int) -> None:
        def dying(delete: Callable[..., Any]) -> Callable[..., Any]:
            def delete_and_die(*arguments: Any) -> Any:
                nonlocal done
                done += 1
                result = delete(*arguments)
                if done == batch:
                    raise Killed
                return result

            return delete_and_die

        for name in ("delete_messages", "delete_sessions"):
            monkeypatch.setattr(emptying, name, dying(getattr(emptying, name)))

    return arm


def test_many_batches_make_one_receipt(caller: Caller) -> None:
    sessions = [
        make_session(caller, "chat", *WORDS, now=n * 400 * 86_400_000_000 + 1) for n in (1, 3)
    ]
    deleted = delete_session(caller=caller, session_id="chat")
    assert deleted.sessions == 2
    assert deleted.receipt is not None
    assert deleted.receipt.counts["messages"] == 20
    assert deleted.receipt.counts["bytes"] == sum(
        s.session.size_bytes for s in sessions if s.session
    )
    assert deleted.receipt.verification is not None
    assert deleted.receipt.verification["result"] == "clear"
    assert AgentSession.objects.count() == Message.objects.count() == 0


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 6, 7])
def test_a_session_of_any_size_is_purged_to_the_last_message(caller: Caller, size: int) -> None:
    if size:
        make_session(caller, "chat", *WORDS[:size])
    make_session(caller, "next", *WORDS[:2])
    delete_session(caller=caller, session_id="chat")
    assert AgentSession.objects.get().session_id == "next"
    assert Message.objects.count() == 2


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_an_interrupted_purge_is_closed_at_every_door_until_it_is_finished(
    api: Api, caller: Caller, kill_in_batch: Callable[[int], None], batch: int
) -> None:
    session = make_session(caller, "chat", *WORDS).session
    assert session is not None
    kill_in_batch(batch)
    with pytest.raises(Killed):
        delete_session(caller=caller, session_id="chat")
    if batch == 1:
        # Nothing was committed: the session lives on, whole.
        assert api.get("memory/count", session_id="chat").json() == {"count": 10}
        return
    assert Message.objects.count() == 10 - 3 * (batch - 1)
    by_id, by_uid = {"session_id": "chat"}, {"uid": session.uid}
    for which in (by_id, by_uid):
        refused(api.get("sessions/get", **which), "not_found")
        assert api.get("memory/list", **which).json()["session"] is None
        assert api.get("memory/list", **which).json()["items"] == []
        assert api.get("memory/count", **which).json() == {"count": 0}
        assert api.get("memory/retrieve", query="word", **which).json()["items"] == []
        refused(api.get("memory/get", id="m-9", **which), "not_found")
    for operation, more in (
        ("sessions/update", {"title": "T"}),
        ("sessions/expire", {}),
        ("sessions/extend", {"expires_at": "2999-01-01T00:00:00Z"}),
        ("memory/update", {"id": "m-9", "content": "x"}),
    ):
        refused(api.post(operation, session_id="chat", **more), "not_found")
    assert api.post("memory/pop", session_id="chat").json() == {"item": None, "session": None}
    assert api.post("memory/clear", session_id="chat").json()["deleted"] == 0
    listed = api.get("sessions/list", status="any").json()["items"]
    assert [(item["uid"], item["status"]) for item in listed] == [(session.uid, "purging")]
    assert "title" not in listed[0]
    assert not api.get("sessions/list").json()["items"]

    assert Receipt.objects.get().purged_at is None
    assert finish_purges() == 1
    receipt = Receipt.objects.get()
    assert receipt.purged_at is not None
    assert receipt.counts["sessions"] == 1
    assert receipt.counts["messages"] == 10
    assert receipt.counts["bytes"] == session.size_bytes
    assert AgentSession.objects.count() == Message.objects.count() == 0
    assert finish_purges() == 0


def test_the_call_can_be_repeated_after_an_interruption(
    caller: Caller, kill_in_batch: Callable[[int], None]
) -> None:
    make_session(caller, "chat", *WORDS)
    kill_in_batch(2)
    with pytest.raises(Killed):
        delete_session(caller=caller, session_id="chat")
    deleted = delete_session(caller=caller, session_id="chat")
    assert deleted.sessions == 1
    assert deleted.receipt is not None
    assert deleted.receipt.counts["messages"] == 10
    assert deleted.receipt.purged_at is not None
    assert Receipt.objects.count() == 1
    assert Message.objects.count() == 0
    assert delete_session(caller=caller, session_id="chat").receipt is None


def test_what_began_since_an_interruption_goes_too(
    caller: Caller, kill_in_batch: Callable[[int], None]
) -> None:
    make_session(caller, "chat", *WORDS)
    kill_in_batch(2)
    with pytest.raises(Killed):
        delete_session(caller=caller, session_id="chat")
    make_session(caller, "chat", "New")
    deleted = delete_session(caller=caller, session_id="chat")
    assert deleted.sessions == 1
    assert AgentSession.objects.count() == Message.objects.count() == 0
    assert Receipt.objects.filter(purged_at=None).count() == 0


def test_every_batch_is_in_the_journal(
    caller: Caller, kill_in_batch: Callable[[int], None]
) -> None:
    """Also of a purge that never finished: a restored backup forgets what was removed."""
    session = make_session(caller, "chat", *WORDS).session
    kill_in_batch(3)
    with pytest.raises(Killed):
        delete_session(caller=caller, session_id="chat")
    rows = Erasure.objects.order_by("id")
    assert [json.loads(row.ranges) for row in rows] == [[[1, 3]], [[1, 6]]]
    finish_purges()
    assert json.loads(rows.reverse()[0].ranges) == "all"
    assert session is not None
    assert {row.uid for row in rows} == {session.uid}
    assert not Erasure.objects.filter(filed=False).exists()


def test_a_purge_does_not_touch_another_namespace(caller: Caller) -> None:
    other = make_caller("billing")
    make_session(caller, "chat", *WORDS)
    make_session(other, "chat", *WORDS)
    delete_session(caller=caller, session_id="chat")
    kept = list_sessions(caller=other, wanted=SessionFilter())
    assert [session.message_count for session in kept.items] == [10]
    assert Message.objects.count() == 10


def test_an_id_with_very_many_ended_sessions_is_deleted_in_steps(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        make_session(caller, "chat", "Hello", now=(number + 1) * 400 * DAY)
    in_batches_of(8, monkeypatch)
    closed: list[int] = []
    close = purging.close

    def counting(db: Database, receipt: str, namespace: int, rows: list[Row], now: int) -> None:
        closed.append(len(rows))
        close(db, receipt, namespace, rows, now)

    monkeypatch.setattr(purging, "close", counting)
    deleted = delete_session(caller=caller, session_id="chat")
    assert deleted.receipt is not None
    counts = deleted.receipt.counts
    assert (deleted.sessions, counts["previewed"], counts["messages"]) == (9, 9, 9)
    assert deleted.receipt.verification is not None
    assert sum(closed) == 9
    assert max(closed) == 2
    assert not AgentSession.objects.exists()
    assert json.loads(AuditEntry.objects.get(act="session.delete").counts) == {"sessions": 9}


def test_one_held_session_of_very_many_keeps_them_all(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        user = "bob" if number else "ann"
        begin_session(caller, "chat", user_id=user, now=(number + 1) * 400 * DAY)
    in_batches_of(8, monkeypatch)
    hold = NewHold(namespace="support", kind=HoldKind.SUBJECT, target="ann", matter="M", reason="R")
    place_hold(hold=hold)
    with pytest.raises(Held):
        delete_session(caller=caller, session_id="chat")
    assert AgentSession.objects.filter(purge_receipt=None).count() == 9
    assert not Receipt.objects.exists()
