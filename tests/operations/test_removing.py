"""Removals are complete, counted, and written into the journal before they are reported done."""

import json
from typing import Any

import pytest

from memory_app.errors import MessageConflict, NotFound, RevisionConflict, Unavailable
from memory_app.models import Message
from memory_app.moments import DAY, SECOND, to_rfc3339
from memory_app.operations import removing, replacing
from memory_app.operations.journal import journal_path
from memory_app.operations.keys import Caller
from memory_app.operations.reading import ListQuery, Which, list_messages
from memory_app.operations.recording import Recorded, Recording, add_events
from memory_app.operations.removing import (
    Target,
    clear_messages,
    delete_message,
    pop_message,
)
from memory_app.operations.replacing import replace_message
from memory_app.strict_json import Verbatim
from tests.batches import in_batches_of
from tests.factories import make_caller, make_event, make_session

NOON = 1_780_000_000 * SECOND
CHAT = Target(session_id="chat")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty_journal() -> None:
    journal_path().unlink(missing_ok=True)


def journal() -> list[dict[str, Any]]:
    if not journal_path().exists():
        return []
    return [json.loads(line) for line in journal_path().read_text().splitlines()]


def entry(session_uid: str, first: int, last: int) -> dict[str, Any]:
    return {
        "at": to_rfc3339(NOON),
        "namespace": "support",
        "uid": session_uid,
        "seqs": [[first, last]],
    }


def begin(caller: Caller, *contents: str) -> str:
    recorded: Recorded = make_session(caller, "chat", *contents, now=NOON)
    assert recorded.session is not None
    return recorded.session.uid


def redact(caller: Caller, message_id: str, text: str) -> replacing.Replaced:
    return replace_message(
        caller=caller,
        target=CHAT,
        message_id=message_id,
        content=Verbatim(text, json.dumps(text)),
        replaces_content=True,
        now=NOON,
    )


def test_each_removal_is_in_the_journal_by_places_only() -> None:
    caller = make_caller()
    uid = begin(caller, "the secret of Ann", "b", "c", "d")
    delete_message(caller=caller, target=CHAT, message_id="m-2", now=NOON)
    assert journal() == [entry(uid, 2, 2)]
    pop_message(caller=caller, target=CHAT, now=NOON)
    redact(caller, "m-1", "[redacted]")
    clear_messages(caller=caller, target=CHAT, now=NOON)
    assert journal()[1:] == [entry(uid, 4, 4), entry(uid, 1, 1), entry(uid, 1, 3)]
    text = journal_path().read_text()
    assert "secret" not in text
    assert "chat" not in text
    assert "m-1" not in text


def test_what_removes_nothing_writes_nothing_into_the_journal() -> None:
    caller = make_caller()
    begin(caller, "a")
    delete_message(caller=caller, target=CHAT, message_id="nobody", now=NOON)
    delete_message(caller=caller, target=CHAT, index=7, now=NOON)
    redact(caller, "m-1", "a")
    for session_id in ("nobody", "chat"):
        target = Target(session_id=session_id)
        with pytest.raises(RevisionConflict):
            pop_message(
                caller=caller, target=Target(session_id=session_id, expected_revision=9), now=NOON
            )
        if session_id == "nobody":
            pop_message(caller=caller, target=target, now=NOON)
            clear_messages(caller=caller, target=target, now=NOON)
    assert journal() == []


def test_a_removal_whose_journal_failed_is_filed_when_the_call_is_repeated() -> None:
    caller = make_caller()
    uid = begin(caller, "a", "b")
    journal_path().mkdir()
    with pytest.raises(Unavailable):
        delete_message(caller=caller, target=CHAT, message_id="m-1", now=NOON)
    journal_path().rmdir()
    again = delete_message(caller=caller, target=CHAT, message_id="m-1", now=NOON)
    assert again.deleted == 0
    assert journal() == [entry(uid, 1, 1)]


def test_a_long_session_is_cleared_in_steps_that_count_as_one_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_batches_of(3, monkeypatch)
    for count in (1, 2, 3, 4, 6, 7):
        caller = make_caller(f"space-{count}")
        make_session(caller, "chat", *map(str, range(count)), now=NOON)
        cleared = clear_messages(caller=caller, target=CHAT, now=NOON)
        assert cleared.deleted == count
        session = cleared.session
        assert session is not None
        assert (session.message_count, session.token_count, session.size_bytes) == (0, 0, 0)
        assert (session.revision, session.last_seq) == (2, count)
    assert Message.objects.count() == 0


def test_a_session_that_begins_between_two_steps_of_a_clear_keeps_its_messages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caller = make_caller()
    begin(caller, "a", "b", "c")
    lock_live, steps = removing.lock_live, []

    def restarted(*arguments: Any) -> Any:
        steps.append(arguments)
        if len(steps) == 2:
            make_session(caller, "chat", "new", "newer", now=NOON + 31 * DAY)
        return lock_live(*arguments)

    in_batches_of(2, monkeypatch)
    monkeypatch.setattr(removing, "lock_live", restarted)
    cleared = clear_messages(caller=caller, target=CHAT, now=NOON)
    assert (len(steps), cleared.deleted) == (2, 2)
    listed = list_messages(
        caller=caller, which=Which("chat"), query=ListQuery(), now=NOON + 31 * DAY
    )
    assert [event.message()["content"] for event in listed.items] == ["new", "newer"]


def test_what_is_removed_is_gone_from_the_table() -> None:
    caller = make_caller()
    begin(caller, "the secret of Ann", "the secret of Bob", "the secret of Cleo")
    redact(caller, "m-1", "[redacted]")
    delete_message(caller=caller, target=CHAT, message_id="m-2", now=NOON)
    popped = pop_message(caller=caller, target=CHAT, now=NOON)
    assert popped.item is not None
    assert "Cleo" in popped.item.payload
    assert [json.loads(row.payload)["content"] for row in Message.objects.all()] == ["[redacted]"]


def test_the_counters_are_those_of_the_messages_left() -> None:
    caller = make_caller()
    begin(caller, "a" * 100, "b" * 50, "c", "d" * 10)
    delete_message(caller=caller, target=CHAT, index=1, now=NOON)
    redact(caller, "m-1", "short")
    pop_message(caller=caller, target=CHAT, now=NOON)
    listed = list_messages(caller=caller, which=Which("chat"), query=ListQuery(), now=NOON)
    session = listed.session
    assert session is not None
    assert [event.message_id for event in listed.items] == ["m-1", "m-3"]
    assert session.message_count == 2
    assert session.token_count == sum(event.tokens for event in listed.items)
    assert session.size_bytes == sum(event.size_bytes for event in listed.items)


def test_no_removal_reaches_another_session() -> None:
    caller, other = make_caller(), make_caller("sales")
    begin(caller, "a", "b")
    make_session(caller, "chat-2", "a", "b", now=NOON)
    make_session(other, "chat", "a", "b", now=NOON)
    clear_messages(caller=caller, target=CHAT, now=NOON)
    delete_message(caller=caller, target=CHAT, message_id="m-1", now=NOON)
    pop_message(caller=caller, target=CHAT, now=NOON)
    with pytest.raises(NotFound):
        redact(caller, "m-1", "x")
    for who, session_id in ((caller, "chat-2"), (other, "chat")):
        listed = list_messages(caller=who, which=Which(session_id), query=ListQuery(), now=NOON)
        assert [event.message_id for event in listed.items] == ["m-1", "m-2"]


def test_after_a_redaction_a_retry_of_the_old_body_cannot_bring_it_back() -> None:
    caller = make_caller()
    begin(caller, "the secret of Ann")
    redact(caller, "m-1", "[redacted]")
    old = make_event("the secret of Ann", id="m-1")
    for batch in (False, True):
        with pytest.raises(MessageConflict):
            add_events(
                caller=caller,
                recording=Recording(session_id="chat", events=[old], batch=batch),
                now=NOON,
            )
    assert "secret" not in Message.objects.get().payload
