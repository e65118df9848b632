"""What differs between two states that messages carry."""

from typing import Any

import pytest

from memory_app.errors import Forbidden, NotFound
from memory_app.models import AuditEntry
from memory_app.operations import comparing
from memory_app.operations.comparing import Compared, Difference, compare_states, differences
from memory_app.operations.keys import Caller
from memory_app.operations.recording import Recording, add_events
from memory_app.operations.rights import Person
from memory_app.operations.unfolding import open_value
from tests.factories import make_caller, make_event, make_session
from tests.people import acting


def told(before: str, after: str) -> list[tuple[list[str | int], str, Any, Any]]:
    found = differences(open_value(before), open_value(after))
    return [(list(one.path), one.kind, one.before, one.after) for one in found]


def test_what_was_added_changed_and_removed_is_told_by_its_path() -> None:
    before = '{"order": {"id": 1, "refund": "none"}, "tries": 1, "old": true}'
    after = '{"order": {"id": 1, "refund": "queued", "note": null}, "tries": 2}'
    assert told(before, after) == [
        (["order", "refund"], "changed", "none", "queued"),
        (["order", "note"], "added", None, None),
        (["tries"], "changed", "1", "2"),
        (["old"], "removed", True, None),
    ]


def test_lists_are_compared_place_by_place() -> None:
    assert told('{"plan": [1, 2]}', '{"plan": [1, 3, 4]}') == [
        (["plan", 1], "changed", "2", "3"),
        (["plan", 2], "added", None, "4"),
    ]
    assert told("[1, 2]", "[1]") == [([1], "removed", "2", None)]


@pytest.mark.parametrize(
    ("before", "after"), [("1", '"1"'), ("1", "true"), ("1", "1.0"), ("[]", "{}"), ("null", "0")]
)
def test_types_and_spellings_count(before: str, after: str) -> None:
    assert [kind for _, kind, _, _ in told(before, after)] == ["changed"]


def test_equal_states_do_not_differ_whatever_the_order_of_keys() -> None:
    assert told('{"a": 1, "b": [2]}', '{"b": [2], "a": 1}') == []


@pytest.fixture
def agent(db: None) -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Person:
    return acting("olga", operator="support")


@pytest.fixture
def uid(agent: Caller) -> str:
    events = [
        make_event("One"),
        make_event("Two", state={"step": 1}),
        make_event("Three"),
        make_event("Four", state={"step": 2}),
        make_event("Five", state={"step": 2, "done": True}),
    ]
    recording = Recording(session_id="chat-1", events=events, batch=True)
    made = add_events(caller=agent, recording=recording).session
    assert made is not None
    return made.uid


def places(found: Compared) -> tuple[int | None, int | None]:
    return (found.before and found.before.seq, found.after and found.after.seq)


def test_the_newest_state_is_compared_with_the_one_before(olga: Person, uid: str) -> None:
    found = compare_states(person=olga, uid=uid)
    assert places(found) == (4, 5)
    assert found.differences == [Difference(("done",), "added", None, True)]
    assert found.after is not None
    assert (found.after.previous, found.after.following) == (4, None)


def test_any_two_messages_can_be_chosen(olga: Person, uid: str) -> None:
    assert places(compare_states(person=olga, uid=uid, before=3, after=4)) == (2, 4)
    assert places(compare_states(person=olga, uid=uid, before=5, after=2)) == (5, 2)
    first = compare_states(person=olga, uid=uid, after=2)
    assert places(first) == (None, 2)
    assert [one.kind for one in first.differences] == ["added"]
    assert places(compare_states(person=olga, uid=uid, before=0, after=2**40)) == (None, 5)


def test_a_session_without_states_has_none_to_compare(agent: Caller, olga: Person) -> None:
    made = make_session(agent, "plain").session
    assert made is not None
    found = compare_states(person=olga, uid=made.uid)
    assert (places(found), found.differences) == ((None, None), [])


def test_differences_are_capped(
    agent: Caller, olga: Person, uid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST_DIFFERENCES", 1)
    found = compare_states(person=olga, uid=uid, before=2, after=5)
    assert (len(found.differences), found.capped) == (1, True)


def test_comparing_is_a_reveal_and_for_readers_only(agent: Caller, olga: Person, uid: str) -> None:
    compare_states(person=olga, uid=uid)
    assert AuditEntry.objects.filter(act="session.reveal", object_id=uid).count() == 1
    with pytest.raises(Forbidden):
        compare_states(person=acting("vera", viewer="support"), uid=uid)
    with pytest.raises(NotFound):
        compare_states(person=acting("carl", operator="claims"), uid=uid)
