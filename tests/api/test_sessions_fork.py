"""sessions/fork: a copy that is a session of its own."""

import json
from typing import Any

import pytest

from memory_app.models import AgentSession, Message, RetentionPolicy
from tests.conftest import Api
from tests.counting import counted_statements
from tests.factories import make_key
from tests.refusals import at, refused

EXACT = '{"id":"m-2","role":"assistant","content":[{"n":1.10}],"x":null,  "y":12345678901234567}'


@pytest.fixture
def agent(api: Api) -> Api:
    """Return an agent whose session has three messages, a user and a state."""
    api.add("source", "One", id="m-1")
    api.post("memory/add", f'{{"session_id":"source","message":{EXACT},"state":{{"step":1.50}}}}')
    api.add("source", "Three", id="m-3")
    api.post(
        "sessions/update",
        '{"session_id":"source","user_id":"ann","title":"T","tags":["t"],"metadata":{"m":1},'
        '"state":{"b":1.10,"a":[]}}',
    )
    return api


def fork(api: Api, **fields: Any) -> dict[str, Any]:
    response = api.post("sessions/fork", **({"session_id": "source"} | fields))
    assert response.status_code == 201, response.content
    session: dict[str, Any] = response.json()["session"]
    return session


def messages(api: Api, session_id: str) -> Any:
    return api.get("memory/list", session_id=session_id).json()["items"]


def test_a_fork_has_the_events_the_user_and_the_state(agent: Api) -> None:
    source = agent.get("sessions/get", session_id="source").json()["session"]
    forked = fork(agent, new_session_id="copy")
    assert messages(agent, "copy") == messages(agent, "source")
    for name in ("user_id", "state", "message_count", "token_count", "size_bytes"):
        assert forked[name] == source[name], name
    assert forked["uid"] != source["uid"]
    assert (forked["title"], forked["tags"], forked["metadata"]) == (None, [], {})
    assert agent.get("sessions/get", session_id="copy").json()["session"] == forked


def test_messages_are_copied_to_the_letter(agent: Api) -> None:
    fork(agent, new_session_id="copy")
    text = agent.get("memory/list", session_id="copy").content.decode()
    assert EXACT.replace('"id":"m-2",', "") in text.replace('"id":"m-2",', "")
    assert '"state":{"step":1.50}' in text
    assert '"state":{"b":1.10,"a":[]}' in agent.get(
        "sessions/get", session_id="copy"
    ).content.decode().replace(" ", "")


def test_a_fork_counts_its_own_revision_and_goes_on_from_its_last_place(agent: Api) -> None:
    assert fork(agent, new_session_id="copy")["revision"] == 1
    assert agent.add("copy", "Four")["seq"] == 4
    assert agent.get("sessions/get", session_id="source").json()["session"]["revision"] == 4


@pytest.mark.parametrize(
    ("up_to", "kept"), [(0, 0), (1, 1), (2, 2), (3, 3), (9, 3), (2**63 - 1, 3)]
)
def test_a_fork_ends_where_it_is_told_to(agent: Api, up_to: int, kept: int) -> None:
    forked = fork(agent, new_session_id="copy", up_to_seq=up_to)
    items = messages(agent, "copy")
    assert [item["seq"] for item in items] == [1, 2, 3][:kept]
    assert forked["message_count"] == kept
    assert forked["token_count"] == sum(item["tokens"] for item in items)
    assert agent.add("copy", "Next")["seq"] == kept + 1


def test_places_and_gaps_are_kept(agent: Api) -> None:
    agent.post("memory/delete", session_id="source", id="m-2")
    fork(agent, new_session_id="copy")
    assert [item["seq"] for item in messages(agent, "copy")] == [1, 3]


def test_a_message_is_repeated_in_the_fork_as_in_the_source(agent: Api) -> None:
    fork(agent, new_session_id="copy")
    assert agent.add("copy", "One", id="m-1")["duplicate"] is True


def test_the_source_is_neither_changed_nor_prolonged(agent: Api) -> None:
    before = agent.get("sessions/get", session_id="source").content
    fork(agent, new_session_id="copy")
    assert agent.get("sessions/get", session_id="source").content == before


def test_a_fork_lives_by_its_own_time_and_policy(agent: Api) -> None:
    AgentSession.objects.update(created_at=1, last_activity_at=1)
    policy = RetentionPolicy.objects.get()
    policy.pk, policy.prefix, policy.idle_for = None, "short/", 60_000_000
    policy.save(force_insert=True)
    fork(agent, new_session_id="short/copy")
    copy = AgentSession.objects.get(session_id="short/copy")
    assert copy.created_at > 1
    assert copy.expires_at == copy.created_at + 60_000_000


def test_a_fork_stays_when_its_source_is_purged_and_the_other_way_round(agent: Api) -> None:
    fork(agent, new_session_id="copy")
    fork(agent, new_session_id="other")
    agent.post("sessions/delete", session_id="source")
    assert len(messages(agent, "copy")) == 3
    agent.post("sessions/delete", session_id="copy")
    assert len(messages(agent, "other")) == 3
    assert Message.objects.count() == 3


def test_an_id_is_made_when_none_is_given(agent: Api) -> None:
    first, second = fork(agent), fork(agent, new_session_id=None)
    assert first["session_id"] != second["session_id"]
    assert first["session_id"].startswith("ses_")


def test_an_id_that_is_live_is_refused(agent: Api) -> None:
    agent.add("taken", "Mine")
    before = messages(agent, "taken")
    for name in ("taken", "source"):
        response = agent.post("sessions/fork", session_id="source", new_session_id=name)
        refused(response, "session_exists")
    assert messages(agent, "taken") == before
    assert AgentSession.objects.count() == 2


def test_a_fork_takes_the_id_of_an_expired_session(agent: Api) -> None:
    agent.add("old")
    agent.post("sessions/expire", session_id="old")
    assert fork(agent, new_session_id="old")["revision"] == 2
    assert len(messages(agent, "old")) == 3


def test_an_expired_id_is_refused_where_the_policy_rejects(agent: Api) -> None:
    agent.add("old")
    agent.post("sessions/expire", session_id="old")
    RetentionPolicy.objects.update(on_expired="reject")
    response = agent.post("sessions/fork", session_id="source", new_session_id="old")
    refused(response, "session_expired")


def test_a_source_that_is_not_there_or_expired_is_not_found(agent: Api) -> None:
    refused(agent.post("sessions/fork", session_id="nobody"), "not_found")
    refused(agent.post("sessions/fork"), "not_found")
    agent.post("sessions/expire", session_id="source")
    refused(agent.post("sessions/fork", session_id="source"), "not_found")
    assert AgentSession.objects.count() == 1


def test_a_session_of_another_namespace_cannot_be_forked(agent: Api) -> None:
    other = Api(make_key("billing"))
    refused(other.post("sessions/fork", session_id="source"), "not_found")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("new_session_id", ""),
        ("new_session_id", "a\nb"),
        ("new_session_id", "x" * 513),
        ("new_session_id", 1),
        ("session_id", ""),
        ("up_to_seq", -1),
        ("up_to_seq", "1"),
        ("up_to_seq", 1.0),
        ("up_to_seq", True),
        ("title", "x"),
    ],
)
def test_wrong_fields_are_refused_by_name(agent: Api, name: str, value: Any) -> None:
    response = agent.post("sessions/fork", json.dumps({"session_id": "source", name: value}))
    assert at(refused(response, "invalid")) == [["body", name]]
    assert AgentSession.objects.count() == 1


def test_the_messages_do_not_pass_through_this_process(agent: Api) -> None:
    with counted_statements() as few:
        fork(agent, new_session_id="copy")
    for number in range(40):
        agent.add("source", "x" * 1000, id=f"more-{number}")
    with counted_statements() as many:
        fork(agent, new_session_id="other")
    assert len(many) == len(few)
