"""Messages are appended by one clock, in one order, whatever the callers' clocks say."""

from collections.abc import Callable
from typing import Any

import pytest

from memory_app import conf
from memory_app.errors import Forbidden, MessageConflict, NotFound, StorageFull
from memory_app.models import Message
from memory_app.moments import DAY, SECOND
from memory_app.operations.keys import Caller
from memory_app.operations.reading import ListQuery, Which, list_messages
from memory_app.operations.recording import Recorded, Recording, add_events
from memory_app.storage import Engine, engine
from tests.factories import make_caller, make_event

NOON = 1_780_000_000 * SECOND
pytestmark = pytest.mark.django_db


def add(caller: Caller, *names: str, now: int, **conditions: Any) -> Recorded:
    events = [make_event(name, id=name) for name in names]
    recording = Recording(session_id="chat", events=events, batch=True, **conditions)
    return add_events(caller=caller, recording=recording, now=now)


def seqs(caller: Caller, now: int, **query: Any) -> list[int]:
    listed = list_messages(caller=caller, which=Which("chat"), query=ListQuery(**query), now=now)
    return [event.seq for event in listed.items]


def test_the_order_of_messages_is_that_of_their_places_also_when_the_clock_goes_back() -> None:
    caller = make_caller()
    add(caller, "a", now=NOON)
    add(caller, "b", now=NOON - 5 * SECOND)
    add(caller, "c", "d", now=NOON + SECOND)
    assert seqs(caller, NOON + 2 * SECOND) == [1, 2, 3, 4]
    listed = list_messages(
        caller=caller, which=Which("chat"), query=ListQuery(), now=NOON + 2 * SECOND
    )
    moments = [event.created_at for event in listed.items]
    assert moments == sorted(moments)
    assert listed.session is not None
    assert listed.session.last_activity_at == NOON + SECOND


def test_a_stored_append_prolongs_the_idle_limit_and_never_the_maximum_age() -> None:
    caller = make_caller()
    begun = add(caller, "a", now=NOON).session
    assert begun is not None
    assert begun.expires_at == NOON + 30 * DAY
    session = begun
    for day in range(29, 365, 29):
        appended = add(caller, f"day {day}", now=NOON + day * DAY).session
        assert appended is not None
        assert appended.uid == begun.uid
        session = appended
    assert session.expires_at == session.max_age_until == NOON + 365 * DAY
    assert session.expires_because == "max_age"
    after = add(caller, "a", now=NOON + 365 * DAY).session
    assert after is not None
    assert after.uid != begun.uid


def test_a_duplicate_prolongs_nothing() -> None:
    caller = make_caller()
    first = add(caller, "a", now=NOON)
    again = add(caller, "a", now=NOON + DAY)
    assert again.session == first.session
    assert again.items[0].duplicate


@pytest.mark.parametrize("count", [1, 2])
def test_one_message_and_many_take_the_same_path_to_the_same_session(count: int) -> None:
    caller = make_caller()
    add(caller, "first", now=NOON)
    names = [f"m-{number}" for number in range(count)]
    recorded = add(caller, *names, now=NOON + SECOND, user_id="ann", expected_revision=1)
    session = recorded.session
    assert session is not None
    assert (session.revision, session.user_id) == (2, "ann")
    assert (session.message_count, session.last_seq) == (count + 1, count + 1)
    assert session.last_activity_at == NOON + SECOND
    assert session.expires_at == NOON + SECOND + 30 * DAY


def test_nothing_is_stored_when_the_second_of_two_conflicts() -> None:
    caller = make_caller()
    add(caller, "a", now=NOON)
    other = [make_event("b", id="b"), make_event("not a", id="a")]
    with pytest.raises(MessageConflict) as refused:
        add_events(
            caller=caller,
            recording=Recording(session_id="chat", events=other, batch=True),
            now=NOON,
        )
    assert refused.value.index == 1
    assert seqs(caller, NOON) == [1]


def test_a_place_that_a_refused_call_would_have_taken_is_given_to_the_next() -> None:
    caller = make_caller()
    add(caller, "a", now=NOON)
    with pytest.raises(MessageConflict):
        add_events(
            caller=caller,
            recording=Recording(
                session_id="chat", events=[make_event("other", id="a")], batch=False
            ),
            now=NOON,
        )
    assert add(caller, "b", now=NOON).items[0].seq == 2


def test_more_messages_than_one_query_asks_for_are_looked_up() -> None:
    caller = make_caller()
    names = [str(number) for number in range(conf.MAX_BATCH)]
    add(caller, *names, now=NOON)
    again = add(caller, *reversed(names), now=NOON)
    assert [item.seq for item in again.items] == list(range(conf.MAX_BATCH, 0, -1))
    assert all(item.duplicate for item in again.items)


def test_a_caller_without_the_scope_is_refused_before_anything_is_looked_at() -> None:
    reader = make_caller(scopes=("read",))
    with pytest.raises(Forbidden):
        add(reader, "a", now=NOON)
    with pytest.raises(Forbidden):
        list_messages(
            caller=make_caller(scopes=("write",)), which=Which("chat"), query=ListQuery(), now=NOON
        )


def test_a_message_remembers_the_key_that_wrote_it() -> None:
    ann, bob = make_caller(), make_caller()
    add(ann, "a", now=NOON)
    add(bob, "b", now=NOON)
    add(bob, "c", "d", now=NOON)
    add(bob, "a", now=NOON)
    keys = [row.api_key_id for row in Message.objects.order_by("id")]
    assert keys == [ann.api_key_id, bob.api_key_id, bob.api_key_id, bob.api_key_id]


def test_on_a_full_disk_nothing_is_added_and_reading_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caller = make_caller()
    add(caller, "a", now=NOON)

    def refuse(self: Engine) -> None:
        raise StorageFull("the disk is full")

    monkeypatch.setattr(type(engine()), "require_space", refuse)
    for names in (["b"], ["b", "c"]):
        with pytest.raises(StorageFull):
            add(caller, *names, now=NOON)
    assert seqs(caller, NOON) == [1]


def test_create_false_finds_a_live_session_only() -> None:
    caller = make_caller()
    tries: list[Callable[[], Recorded]] = [
        lambda: add(caller, "a", now=NOON, create=False),
        lambda: add(caller, "a", "b", now=NOON, create=False),
    ]
    for attempt in tries:
        with pytest.raises(NotFound):
            attempt()
    add(caller, "a", now=NOON)
    assert add(caller, "b", now=NOON, create=False).items[0].seq == 2
    with pytest.raises(NotFound):
        add(caller, "c", now=NOON + 31 * DAY, create=False)
