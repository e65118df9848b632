"""What the journal names is removed again, and nothing else, however often it is replayed."""

import json
from pathlib import Path

import pytest

from memory_app import moments
from memory_app.errors import Unavailable
from memory_app.models import AgentSession, AuditEntry, Erasure, Message, Receipt
from memory_app.moments import SECOND
from memory_app.operations.holding import HoldKind, NewHold, place_hold
from memory_app.operations.journal import journal_path
from memory_app.operations.purging import delete_session
from memory_app.operations.removing import Target, clear_messages, delete_message
from memory_app.operations.replacing import replace_message
from memory_app.operations.replaying import replay_erasures
from memory_app.strict_json import Keep, decode
from tests.factories import make_caller, make_session

pytestmark = pytest.mark.django_db

NOW = moments.from_rfc3339("2026-11-01T12:00:00Z")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "erasures.jsonl"


def write(journal: Path, *removals: tuple[str, object], at: int = NOW + SECOND) -> None:
    with journal.open("a") as file:
        for uid, seqs in removals:
            line = {"at": moments.to_rfc3339(at), "namespace": "support", "uid": uid, "seqs": seqs}
            file.write(json.dumps(line) + "\n")


def uid_of(session_id: str) -> str:
    return str(AgentSession.objects.get(session_id=session_id).uid)


def contents() -> list[str]:
    return [json.loads(one.payload)["content"] for one in Message.objects.order_by("id")]


def test_a_session_that_was_erased_is_erased_again(journal: Path) -> None:
    ann = make_caller()
    make_session(ann, "gone", "one", "two", now=NOW)
    make_session(ann, "stays", "three", now=NOW)
    write(journal, (uid_of("gone"), "all"))
    done = replay_erasures(path=journal)
    assert (done.lines, done.sessions, done.messages) == (1, 1, 2)
    assert (contents(), AgentSession.objects.get().session_id) == (["three"], "stays")
    receipt = Receipt.objects.get()
    assert (receipt.kind, receipt.actor) == ("cleanup", "replay")
    assert receipt.counts["previewed"] == receipt.counts["sessions"] == 1
    assert receipt.verification["result"] == "clear"
    entry = AuditEntry.objects.get(act="purge.execute")
    assert (entry.actor, entry.namespace, entry.counts) == ("replay", "support", '{"sessions": 1}')
    assert (entry.object_kind, entry.object_id) == ("receipt", receipt.id)


def test_a_hold_that_the_backup_brought_back_does_not_bring_content_back(journal: Path) -> None:
    make_session(make_caller(), "gone", "one", now=NOW)
    hold = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target="gone",
        matter="Miller v. Example",
        reason="Released before the session was purged",
    )
    place_hold(hold=hold)
    write(journal, (uid_of("gone"), "all"))
    done = replay_erasures(path=journal)
    assert (done.sessions, done.messages, contents()) == (1, 1, [])


def test_places_are_erased_again_and_the_counters_follow(journal: Path) -> None:
    make_session(make_caller(), "chat", "one", "two", "three", "four", now=NOW)
    write(journal, (uid_of("chat"), [[1, 2], [4, 4]]))
    assert replay_erasures(path=journal).messages == 3
    session = AgentSession.objects.get()
    left = Message.objects.get()
    assert contents() == ["three"]
    assert (session.message_count, session.token_count, session.size_bytes) == (
        1,
        left.tokens,
        left.size_bytes,
    )
    assert not Receipt.objects.exists()


def test_the_second_replay_finds_nothing(journal: Path) -> None:
    ann = make_caller()
    make_session(ann, "gone", "one", now=NOW)
    make_session(ann, "chat", "two", "three", now=NOW)
    write(journal, (uid_of("gone"), "all"), (uid_of("chat"), [[1, 1]]))
    replay_erasures(path=journal)
    revision = AgentSession.objects.get().revision
    again = replay_erasures(path=journal)
    assert (again.lines, again.sessions, again.messages) == (2, 0, 0)
    assert (Receipt.objects.count(), AgentSession.objects.get().revision) == (1, revision)


def test_a_message_that_a_backup_has_unredacted_goes(journal: Path) -> None:
    make_session(make_caller(), "chat", "a secret", now=NOW)
    write(journal, (uid_of("chat"), [[1, 1]]))
    replay_erasures(path=journal)
    assert contents() == []


def test_what_replaced_a_message_stays_in_a_database_that_has_it(journal: Path) -> None:
    ann = make_caller()
    make_session(ann, "chat", "a secret", "fine", "a secret too", now=NOW)
    body = decode('{"content": "[redacted]"}', {"content": Keep})
    replace_message(
        caller=ann,
        target=Target(session_id="chat"),
        message_id="m-2",
        content=body["content"],
        replaces_content=True,
        now=NOW + SECOND,
    )
    # That very replacement, and a removal of everything before it.
    write(journal, (uid_of("chat"), [[2, 2]]), (uid_of("chat"), [[1, 3]]), at=NOW + SECOND)
    assert replay_erasures(path=journal).messages == 2
    assert contents() == ["[redacted]"]
    # It was deleted later on.
    write(journal, (uid_of("chat"), [[2, 2]]), at=NOW + 2 * SECOND)
    assert replay_erasures(path=journal).messages == 1


def test_a_place_that_was_erased_is_never_given_out_again(journal: Path) -> None:
    """The backup may be older than the message; what comes now must not take its place."""
    ann = make_caller()
    make_session(ann, "chat", "one", now=NOW)
    write(journal, (uid_of("chat"), [[5, 5]]))
    replay_erasures(path=journal)
    make_session(ann, "chat", "one", "after the restore", now=NOW)
    replay_erasures(path=journal)
    assert contents() == ["one", "after the restore"]
    assert AgentSession.objects.get().last_seq == 6


def test_the_journal_of_every_kind_of_removal_is_understood(journal: Path) -> None:
    ann = make_caller()
    for name in ("deleted", "cleared", "purged"):
        make_session(ann, name, "one", "two", now=NOW)
    journal_path().unlink(missing_ok=True)
    delete_message(caller=ann, target=Target(session_id="deleted"), message_id="m-1")
    clear_messages(caller=ann, target=Target(session_id="cleared"))
    delete_session(caller=ann, session_id="purged")
    done = replay_erasures(path=journal_path())
    assert (done.lines, done.unreadable, done.sessions, done.messages) == (3, 0, 0, 0)


def test_what_a_replay_removes_is_journalled_so_that_a_scrub_is_due(journal: Path) -> None:
    make_session(make_caller(), "chat", "one", "two", now=NOW)
    write(journal, (uid_of("chat"), [[1, 1]]))
    replay_erasures(path=journal)
    assert Erasure.objects.get().filed
    assert json.loads(Erasure.objects.get().ranges) == [[1, 1]]


@pytest.mark.parametrize(
    "line",
    ['{"at": "2026-01', "[]", '{"at": "2026-11-01T12:00:00Z", "uid": "a", "seqs": [[2, 1]]}', ""],
)
def test_lines_that_cannot_be_read_are_counted_and_spoil_no_other(journal: Path, line: str) -> None:
    make_session(make_caller(), "chat", "one", now=NOW)
    journal.write_text(line + "\n")
    write(journal, (uid_of("chat"), "all"))
    done = replay_erasures(path=journal)
    assert (done.lines, done.unreadable, done.sessions) == (2, 1, 1)


def test_a_journal_that_is_not_there_is_refused(journal: Path) -> None:
    with pytest.raises(Unavailable):
        replay_erasures(path=journal)
