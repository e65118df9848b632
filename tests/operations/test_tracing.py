"""What is known of a session by its uid: others of its id, and the receipt once it is gone."""

import pytest

from memory_app.errors import NotFound
from memory_app.moments import DAY, process_clock
from memory_app.operations import previewing, tracing
from memory_app.operations.keys import Caller
from memory_app.operations.purging import delete_session
from memory_app.operations.rights import Person
from memory_app.operations.tracing import find_namesakes, find_removed
from tests.factories import make_caller, make_session
from tests.people import acting

pytestmark = pytest.mark.django_db

NOW = process_clock()


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def petra(agent: Caller) -> Person:
    return acting("petra", privacy_officer="support")


def begin(agent: Caller, days_ago: int) -> str:
    made = make_session(agent, "chat-1", now=NOW - days_ago * DAY).session
    assert made is not None
    return made.uid


def test_ended_and_live_sessions_of_one_id_know_of_each_other(agent: Caller, petra: Person) -> None:
    first, second, third = (begin(agent, days) for days in (100, 50, 1))
    make_session(agent, "chat-2")
    make_session(make_caller("claims"), "chat-1")
    found = find_namesakes(person=petra, uid=second)
    assert [one.uid for one in found] == [third, first]
    assert [one.ended_at is None for one in found] == [True, False]


def test_the_others_are_at_most_so_many(
    agent: Caller, petra: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "MOST_NAMESAKES", 1)
    uids = [begin(agent, days) for days in (150, 100, 50)]
    assert len(find_namesakes(person=petra, uid=uids[0])) == 1


def test_a_purged_session_leads_to_its_receipt(agent: Caller, petra: Person) -> None:
    uid = begin(agent, 1)
    receipt = delete_session(caller=agent, session_id="chat-1").receipt
    assert receipt is not None
    found = find_removed(person=petra, uid=uid)
    assert (found.namespace, list(found.receipts)) == ("support", [receipt.id])
    assert found.removed_at is not None


def test_a_session_that_is_being_purged_leads_to_its_receipt(agent: Caller, petra: Person) -> None:
    uid = begin(agent, 1)
    token = previewing.preview(actor=petra, uids=[uid]).token
    receipt = previewing.execute(actor=petra, token=token, reason="over", seconds=-1)
    found = find_removed(person=petra, uid=uid)
    assert (found.removed_at, list(found.receipts)) == (None, [receipt.id])


def test_too_many_receipts_of_one_moment_name_none(
    agent: Caller, petra: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing, "_MOST_RECEIPTS", 0)
    uid = begin(agent, 1)
    delete_session(caller=agent, session_id="chat-1")
    assert list(find_removed(person=petra, uid=uid).receipts) == []


def test_others_and_the_unknown_are_not_there(agent: Caller, petra: Person) -> None:
    live = begin(agent, 1)
    gone = make_session(agent, "chat-2").session
    assert gone is not None
    delete_session(caller=agent, session_id="chat-2")
    carl = acting("carl", privacy_officer="claims")
    for person, uid in ((petra, live), (petra, "0" * 32), (carl, gone.uid)):
        with pytest.raises(NotFound):
            find_removed(person=person, uid=uid)
