"""A user id is also found within the ids of sessions that are not about that person."""

import pytest

from memory_app.models import AgentSession
from memory_app.operations import occurring
from memory_app.operations.rights import Person
from memory_app.operations.whereabouts import view_subject
from tests.factories import begin_session, make_caller
from tests.people import acting

pytestmark = pytest.mark.django_db


@pytest.fixture
def vera() -> Person:
    return acting("vera", viewer="support")


def found(person: Person, user_id: str = "user-42") -> dict[str, int]:
    return {
        one.session_id: one.sessions for one in view_subject(person=person, user_id=user_id).in_ids
    }


def begin(*ids: str, user_id: str | None = None) -> None:
    for name in ids:
        begin_session(make_caller("support"), name, user_id=user_id)


def test_as_the_first_part_or_the_second_and_below_it(vera: Person) -> None:
    begin("user-42", "user-42/a", "user-42/b/c", "org-1/user-42", "org-1/user-42/a")
    assert found(vera) == {"user-42": 3, "org-1/user-42": 2}


def test_further_on_where_the_persons_own_sessions_have_it(vera: Person) -> None:
    begin("org-1/team-2/user-42/a", user_id="user-42")
    begin("org-1/team-2/user-42/b", "org-1/team-3/user-42/b")
    assert found(vera) == {"org-1/team-2/user-42": 1}


def test_only_as_a_whole_part_with_its_case(vera: Person) -> None:
    begin("user-421", "user-42-x/a", "org-1/user-420/a", "my-user-42/a", "User-42/a", "user-42!")
    assert found(vera) == {}


def test_of_somebody_else_too_but_not_of_the_person(vera: Person) -> None:
    begin("user-42/a", user_id="user-42")
    begin("user-42/b", user_id="bob")
    assert found(vera) == {"user-42": 1}


def test_ended_ones_too_but_none_that_are_being_purged(vera: Person) -> None:
    begin("user-42/a", "user-42/b", "user-42/c")
    sessions = AgentSession.objects
    sessions.filter(session_id="user-42/a").update(ended_at=1)
    sessions.filter(session_id="user-42/b").update(ended_at=1, purge_receipt="rct_1")
    assert found(vera) == {"user-42": 2}


def test_only_where_one_may_see(vera: Person) -> None:
    begin("user-42/a")
    assert found(acting("cleo", viewer="claims")) == {}


def test_an_id_with_separators_of_its_own(vera: Person) -> None:
    begin("org-1/user-42/a")
    assert found(vera, "org-1/user-42") == {"org-1/user-42": 1}


def test_no_more_are_looked_at_than_a_page_can_wait_for(
    vera: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(occurring, "MOST_COUNTED", 2)
    begin("user-42/a", "user-42/b", "user-42/c")
    assert found(vera) == {"user-42": 2}


def test_ids_that_hold_the_user_id_hundreds_of_times_each_stop_nobody(vera: Person) -> None:
    """Of 40 ids 10,000 parts were looked for: more parameters than a statement takes."""
    begin(*(f"org-{number}/" + "u/" * 250 + "x" for number in range(40)), user_id="u")
    begin("org-7/u/other")
    assert found(vera, "u") == {"org-7/u": 1}
