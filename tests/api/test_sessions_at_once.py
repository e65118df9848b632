"""Many agents at one session at the same moment."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse

from memory_app import moments
from memory_app.models import AgentSession, Message, Receipt
from memory_app.moments import DAY
from memory_app.operations.keys import verify_key
from tests.batches import in_batches_of
from tests.conftest import Api
from tests.factories import begin_session, make_key, make_session

AGENTS = 8

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent() -> Api:
    return Api(make_key())


def all_at_once(agent: Api, call: Callable[[Api, int], HttpResponse]) -> list[HttpResponse]:
    """Let every agent call in a thread of its own."""

    def one(number: int) -> HttpResponse:
        try:
            return call(Api(agent.key), number)
        finally:
            connection.close()

    with ThreadPoolExecutor(AGENTS) as threads:
        return list(threads.map(one, range(AGENTS)))


def statuses(responses: list[HttpResponse]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


def sessions_of(responses: list[HttpResponse]) -> set[str]:
    return {response.json()["session"]["uid"] for response in responses}  # type: ignore[attr-defined]


@pytest.mark.parametrize("after_expiry", [False, True])
def test_one_of_many_begins_the_session(agent: Api, after_expiry: bool) -> None:
    if after_expiry:
        begin_session(verify_key(agent.key), "chat", now=moments.process_clock() - 31 * DAY)
    responses = all_at_once(
        agent, lambda api, number: api.post("sessions/create", session_id="chat")
    )
    assert statuses(responses) == {201: 1, 409: AGENTS - 1}
    assert AgentSession.objects.filter(ended_at=None).count() == 1


@pytest.mark.parametrize("after_expiry", [False, True])
def test_all_who_accept_an_existing_session_get_the_same(agent: Api, after_expiry: bool) -> None:
    if after_expiry:
        begin_session(verify_key(agent.key), "chat", now=moments.process_clock() - 31 * DAY)
    responses = all_at_once(
        agent,
        lambda api, number: api.post("sessions/create", session_id="chat", if_exists="return"),
    )
    assert statuses(responses) == {201: 1, 200: AGENTS - 1}
    assert len(sessions_of(responses)) == 1


def test_one_of_many_changes_a_revision(agent: Api) -> None:
    agent.post("sessions/create", session_id="chat")
    responses = all_at_once(
        agent,
        lambda api, number: api.post(
            "sessions/update", session_id="chat", title=f"T{number}", expected_revision=1
        ),
    )
    assert statuses(responses) == {200: 1, 409: AGENTS - 1}
    session = agent.get("sessions/get", session_id="chat").json()["session"]
    assert session["revision"] == 2


def test_no_patch_of_many_is_lost(agent: Api) -> None:
    agent.post("sessions/create", session_id="chat")
    responses = all_at_once(
        agent,
        lambda api, number: api.post(
            "sessions/update", session_id="chat", metadata={f"k{number}": number}
        ),
    )
    assert statuses(responses) == {200: AGENTS}
    session = agent.get("sessions/get", session_id="chat").json()["session"]
    assert session["metadata"] == {f"k{number}": number for number in range(AGENTS)}
    assert session["revision"] == 1 + AGENTS


def test_one_of_many_sets_the_user(agent: Api) -> None:
    agent.post("sessions/create", session_id="chat")
    responses = all_at_once(
        agent,
        lambda api, number: api.post(
            "sessions/update", session_id="chat", user_id=f"user-{number}"
        ),
    )
    assert statuses(responses) == {200: 1, 409: AGENTS - 1}


@pytest.mark.parametrize("batch", [2_000, 3])
def test_many_who_delete_are_all_told_when_it_is_done(
    agent: Api, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    in_batches_of(batch, monkeypatch)
    make_session(verify_key(agent.key), "chat", *[f"word {number}" for number in range(20)])
    left: list[int] = []

    def delete(api: Api, number: int) -> HttpResponse:
        response = api.post("sessions/delete", session_id="chat")
        left.append(Message.objects.count())
        return response

    responses = all_at_once(agent, delete)
    assert statuses(responses) == {200: AGENTS}
    assert left == [0] * AGENTS
    receipt = Receipt.objects.get()
    for response in responses:
        answer = response.json()  # type: ignore[attr-defined]
        if answer["receipt"] is None:
            assert answer["deleted"] == 0
        else:
            assert (answer["deleted"], answer["receipt"]["id"]) == (1, receipt.pk)
            assert answer["receipt"]["purged_at"] is not None
    assert receipt.counts["messages"] == 20
    assert AgentSession.objects.count() == 0


def test_what_is_added_while_others_delete_is_whole_or_gone(agent: Api) -> None:
    def add_or_delete(api: Api, number: int) -> Any:
        if number % 2:
            return api.post("sessions/delete", session_id="chat")
        message = {"role": "user", "content": "Hello"}
        for _ in range(5):
            response = api.post("memory/add", session_id="chat", message=message)
            assert response.status_code == 201
        return response

    responses = all_at_once(agent, add_or_delete)
    assert statuses(responses).keys() <= {200, 201}
    deleted = sum(receipt.counts["messages"] for receipt in Receipt.objects.all())
    assert deleted + Message.objects.count() == 5 * AGENTS // 2
    for session in AgentSession.objects.all():
        assert session.purge_receipt is None
        assert session.message_count == Message.objects.count()
