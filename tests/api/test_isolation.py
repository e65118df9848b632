"""Namespaces: what belongs to another is answered like what does not exist, byte for byte."""

import json
import re
from typing import Any

import pytest
from django.http import HttpResponse

from memory_app.models import AgentSession, Message, Namespace
from memory_app.operations.keys import forget_cached_keys
from tests.conftest import Api
from tests.contract import OPERATIONS, SESSION, Operation
from tests.factories import make_key
from tests.refusals import at, refused

# As long as one another, so that a difference in length is none of theirs.
FOREIGN, MISSING = "org-1/ann-7", "org-1/bob-8"
BY_UID = ("memory/list", "memory/get", "memory/count", "memory/retrieve", "sessions/get")


@pytest.fixture
def support(api: Api) -> Api:
    """Return Ann's agent, which has a session of the id FOREIGN about the user FOREIGN."""
    message = {"id": "m-1", "role": "user", "content": "hello canary"}
    api.post("memory/add", session_id=FOREIGN, user_id=FOREIGN, message=message)
    patch = {"title": "canary", "tags": ["canary"], "metadata": {"canary": 1}}
    api.post("sessions/update", session_id=FOREIGN, state={"canary": 1}, **patch)
    return api


@pytest.fixture
def billing(db: None) -> Api:
    """Return Bob's agent, in another namespace."""
    return Api(make_key("billing"))


def call(api: Api, operation: Operation, name: str, instead: str = SESSION) -> HttpResponse:
    """Call an operation for this id."""
    text = json.dumps(operation.arguments).replace(instead, name)
    if operation.method == "post":
        return api.post(operation.name, text)
    return api.get(operation.name, **json.loads(text))


def told(response: HttpResponse, name: str) -> tuple[int, str, list[str]]:
    """Return what an answer tells, without its own id, its time and the name that was asked for."""
    text = response.getvalue().decode()
    text = text.replace(response["X-Request-ID"], "REQUEST").replace(name, "NAME")
    text = re.sub(r"rct_[0-9a-f]+", "RECEIPT", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", text)
    headers = [f"{key}: {value}" for key, value in response.items() if key != "X-Request-ID"]
    return response.status_code, text, headers


NAMED = [operation for operation in OPERATIONS if SESSION in json.dumps(operation.arguments)]


@pytest.mark.parametrize("operation", NAMED, ids=str)
def test_a_foreign_id_is_answered_like_a_missing_one(
    support: Api, billing: Api, operation: Operation
) -> None:
    before = everything(support)
    foreign = told(call(billing, operation, FOREIGN), FOREIGN)
    assert foreign == told(call(billing, operation, MISSING), MISSING)
    assert foreign[0] != 422
    assert "canary" not in foreign[1]
    assert everything(support) == before


@pytest.mark.parametrize("name", BY_UID)
def test_a_foreign_uid_is_answered_like_a_missing_one(
    support: Api, billing: Api, name: str
) -> None:
    uid = AgentSession.objects.get().uid
    more = next(o.arguments for o in OPERATIONS if o.name == name and o.method == "get")
    query = {key: value for key, value in more.items() if key != "session_id"}
    foreign = told(billing.get(name, uid=uid, **query), uid)
    assert foreign == told(billing.get(name, uid="0" * len(uid), **query), "0" * len(uid))
    assert "canary" not in foreign[1]
    assert support.get(name, uid=uid, **query).status_code == 200


def test_a_foreign_receipt_is_answered_like_a_missing_one(support: Api, billing: Api) -> None:
    receipt = support.post("sessions/delete", session_id=FOREIGN).json()["receipt"]["id"]
    missing = receipt[:-4] + ("0000" if receipt[-4:] != "0000" else "1111")
    refused(billing.get("receipts/get", id=receipt), "not_found")
    foreign = told(billing.get("receipts/get", id=receipt), receipt)
    assert foreign == told(billing.get("receipts/get", id=missing), missing)
    assert billing.get("receipts/list", session_id=FOREIGN).json()["items"] == []
    assert support.get("receipts/get", id=receipt).status_code == 200


def everything(api: Api) -> tuple[Any, ...]:
    """Return all that a namespace holds."""
    sessions = api.get("sessions/list", status="any", total="true").json()
    return sessions, api.get("memory/list", session_id=FOREIGN).json()


def test_the_same_id_is_another_session_in_another_namespace(support: Api, billing: Api) -> None:
    before = everything(support)
    own = billing.add(FOREIGN, "Mine", id="m-1")
    assert (own["seq"], own["duplicate"], own["session"]["namespace"]) == (1, False, "billing")
    assert own["session"]["user_id"] is None
    assert len(billing.get("sessions/list").json()["items"]) == 1
    for operation, more in (
        ("memory/update", {"id": "m-1", "content": "Changed"}),
        ("memory/clear", {}),
        ("sessions/update", {"title": "Mine", "user_id": "bob"}),
        ("sessions/expire", {}),
        ("sessions/delete", {}),
    ):
        assert billing.post(operation, session_id=FOREIGN, **more).status_code == 200
    assert everything(support) == before
    assert Message.objects.count() == 1


def test_no_filter_reaches_into_another_namespace(support: Api, billing: Api) -> None:
    billing.add("own")
    for query in (
        {"prefix": FOREIGN},
        {"user_id": FOREIGN},
        {"tags": "canary"},
        {"metadata": '{"canary": 1}'},
    ):
        assert len(support.get("sessions/list", **query).json()["items"]) == 1
        page = billing.get("sessions/list", total="true", **query).json()
        assert (page["items"], page["total"]) == ([], 0)
    everything = billing.get("sessions/list", status="any", total="true").json()
    assert ([item["session_id"] for item in everything["items"]], everything["total"]) == (
        ["own"],
        1,
    )


def test_a_key_sees_no_other_namespace_even_of_a_similar_name(db: None) -> None:
    names = ["support", "support-2", "support.2", "s"]
    agents = {name: Api(make_key(name)) for name in names}
    for name, agent in agents.items():
        agent.add(f"only-{name}")
    for name, agent in agents.items():
        items = agent.get("sessions/list").json()["items"]
        assert [item["session_id"] for item in items] == [f"only-{name}"]


def test_a_namespace_may_refuse_to_share_one_default_session(api: Api) -> None:
    Namespace.objects.update(shares_default=False)
    forget_cached_keys()
    leave_out = [
        operation
        for operation in OPERATIONS
        if operation.arguments.get("session_id") == SESSION
        and operation.name not in ("memory/clear", "sessions/delete", "receipts/list")
    ]
    for operation in leave_out:
        arguments = {k: v for k, v in operation.arguments.items() if k != "session_id"}
        source = "query" if operation.method == "get" else "body"
        bodies = [arguments, arguments | {"session_id": None}]
        for given in bodies[: 1 if operation.method == "get" else 2]:
            send = api.get if operation.method == "get" else api.post
            problem = refused(send(operation.name, **given), "invalid")
            assert at(problem) == [[source, "session_id"]], operation
    assert api.post("sessions/create").status_code == 201
    assert api.add("default")["seq"] == 1
    assert api.get("sessions/list").status_code == 200
