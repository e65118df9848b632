"""What a day saw is counted once, and does not shrink when it is forgotten."""

import pytest

from memory_app import moments
from memory_app.models import DailyRemoval, Tally
from memory_app.moments import DAY
from memory_app.operations import tallying
from memory_app.operations.cleaning import clean_up
from memory_app.operations.keys import Caller
from memory_app.operations.purging import delete_session
from memory_app.operations.tallying import Counted, Day, Tallies, read_tallies
from memory_app.storage import engine
from tests.counting import counted_statements
from tests.factories import make_caller, make_session, say_more

pytestmark = pytest.mark.django_db

NOW = moments.from_rfc3339("2026-11-01T12:00:00Z")
TODAY = NOW // DAY


@pytest.fixture
def ann() -> Caller:
    return make_caller("support")


def tallies(*agents: Caller, now: int = NOW) -> Tallies:
    numbers = [agent.namespace_id for agent in agents]
    return engine().read(lambda db: read_tallies(db, numbers, now))


def days(*agents: Caller, now: int = NOW) -> dict[int, Day]:
    return {one.day: one for one in tallies(*agents, now=now).days}


def test_a_month_is_shown_with_the_days_on_which_nothing_happened(ann: Caller) -> None:
    make_session(ann, "chat", now=NOW - 2 * DAY)
    shown = tallies(ann).days
    assert [one.day for one in shown] == list(range(TODAY - 29, TODAY + 1))
    assert [one for one in shown if one != Day(one.day)] == [Day(TODAY - 2, created=1)]


def test_sessions_are_counted_by_what_has_become_of_them(ann: Caller) -> None:
    make_session(ann, "active", "Hi", "Ho", now=NOW)
    make_session(ann, "expired", now=NOW - 31 * DAY)
    make_session(make_caller("claims"), "another", now=NOW)
    counted = tallies(ann).namespaces[ann.namespace_id]
    assert (counted.active, counted.expired, counted.messages) == (1, 1, 3)


def test_a_day_keeps_what_it_saw_after_a_session_is_gone(ann: Caller) -> None:
    make_session(ann, "old", now=NOW - 37 * DAY)
    make_session(ann, "young", now=NOW - DAY)
    clean_up(now=NOW)
    delete_session(caller=ann, session_id="young", now=NOW)
    shown = days(ann)
    assert shown[TODAY] == Day(TODAY, purged=2)
    assert shown[TODAY - 1] == Day(TODAY - 1, created=1)
    assert shown[TODAY - 7] == Day(TODAY - 7, expired=1)


def test_what_was_removed_before_its_time_did_not_expire(ann: Caller) -> None:
    make_session(ann, "young", now=NOW)
    delete_session(caller=ann, session_id="young", now=NOW)
    assert days(ann, now=NOW + 31 * DAY)[(NOW + 30 * DAY) // DAY].expired == 0


def test_many_sessions_are_counted_by_cleanup_and_the_page_says_when(
    ann: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tallying, "COUNTED_AT_ONCE", 0)
    make_session(ann, "chat", now=NOW)
    assert (tallies(ann).counted_at, dict(tallies(ann).namespaces)) == (None, {})
    clean_up(now=NOW + 60)
    counted = tallies(ann)
    assert counted.counted_at == NOW + 60
    assert counted.namespaces[ann.namespace_id].active == 1
    assert counted.days[-1] == Day(TODAY, created=1)
    make_session(ann, "later", now=NOW + 120)
    assert tallies(ann).namespaces[ann.namespace_id].active == 1
    clean_up(now=NOW + 180)
    assert tallies(ann).days[-1] == Day(TODAY, created=2)
    assert Tally.objects.count() == 1


def test_only_the_namespaces_asked_for_are_counted(ann: Caller) -> None:
    bob = make_caller("claims")
    make_session(ann, "chat", now=NOW)
    make_session(bob, "claim", now=NOW)
    assert days(bob)[TODAY].created == 1
    assert days(ann, bob)[TODAY].created == 2
    nothing = tallies()
    assert (dict(nothing.namespaces), nothing.days[-1]) == ({}, Day(TODAY))


def test_an_add_writes_no_tally(ann: Caller) -> None:
    make_session(ann, "chat", now=NOW)
    with counted_statements() as sent:
        say_more(ann, "chat", now=NOW + 1)
        make_session(ann, "another", now=NOW)
    assert not [statement for statement in sent if "tally" in statement or "daily" in statement]


def test_a_namespace_without_sessions_counts_nothing(ann: Caller) -> None:
    assert tallies(ann).namespaces[ann.namespace_id] == Counted()
    assert DailyRemoval.objects.count() == 0
