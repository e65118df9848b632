"""How states differ, on a page."""

import pytest
from django.test import Client

from memory_app.console.views.states import write_path
from memory_app.operations.keys import Caller
from memory_app.operations.recording import Recording, add_events
from tests.console.scenes import HOSTILE, person
from tests.factories import make_caller, make_event, make_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def olga(agent: Caller) -> Client:
    return person("operator")


def uid(agent: Caller, *states: object) -> str:
    events = [make_event("Hi", state=state) for state in states]
    recording = Recording(session_id="chat-1", events=events, batch=True)
    made = add_events(caller=agent, recording=recording).session
    assert made is not None
    return made.uid


def test_paths_are_written_as_one_reads_them() -> None:
    assert write_path(["order", "items", 2, "a key", "é"]) == 'order.items[2]."a key".é'
    assert write_path([]) == "the whole state"


def test_differences_are_shown_by_path_before_and_after(agent: Caller, olga: Client) -> None:
    session = uid(agent, {"a": 1.5, "b": [1]}, {"a": 2, "b": [1, {"c": HOSTILE}]})
    text = olga.get(f"/sessions/{session}/states/").text
    assert "From the state with message 1 to the one with message 2" in text
    assert '<del class="mono" dir="auto">1.5</del>' in text
    assert '<ins class="mono" dir="auto">2</ins>' in text
    assert "b[1]" in text
    assert "2 differences" in text
    assert "<script>alert" not in text


def test_any_two_can_be_compared_and_one_steps_on(agent: Caller, olga: Client) -> None:
    session = uid(agent, {"a": 1}, {"a": 2}, {"a": 1})
    assert "No difference" in olga.get(f"/sessions/{session}/states/?a=1&b=3").text
    middle = olga.get(f"/sessions/{session}/states/?b=2").text
    assert "?b=1" in middle
    assert "?b=3" in middle
    for odd in ("a=x&b=y", "a=-1", "b=99999999999999", "a=3&b=1"):
        assert olga.get(f"/sessions/{session}/states/?{odd}").status_code == 200


def test_a_session_without_states_says_so(agent: Caller, olga: Client) -> None:
    made = make_session(agent, "plain").session
    assert made is not None
    assert "No message carries a state" in olga.get(f"/sessions/{made.uid}/states/").text
