"""The whole table of scopes and operations: which key each operation of the API lets in.

An operation that is added needs a line in TABLE.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Any, NamedTuple

import pytest

from memory_app import moments
from memory_app.api import api as door
from memory_app.models import AgentSession, Erasure, Message, Preview, Receipt
from tests.conftest import Api
from tests.factories import ALL_SCOPES, make_key

pytestmark = pytest.mark.django_db

UNKNOWN = f"prv_{'0' * 32}"


class Scene(NamedTuple):
    """Whoever calls, and ids of what was made before by a key that may do everything."""

    caller: Api
    receipt: str
    purge: str

    def token(self) -> str:
        """Return a preview of the caller, who alone can use it."""
        shown = self.caller.post("purges/preview", filter={"prefix": "a/"})
        return str(shown.json().get("token", UNKNOWN))


class Line(NamedTuple):
    """The scope that an operation needs, and what is sent to it."""

    scope: str
    fields: Callable[[Scene], dict[str, Any]]


MESSAGE = {"role": "user", "content": "More"}


def chat(**more: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda _: {"session_id": "a/chat"} | more


def only(**fields: Any) -> Callable[[Scene], dict[str, Any]]:
    return lambda _: fields


TABLE = {
    "post memory/add": Line("write", chat(message=MESSAGE)),
    "post memory/add_list": Line("write", chat(events=[{"message": MESSAGE}])),
    "get memory/list": Line("read", chat()),
    "get memory/retrieve": Line("read", chat(query="Hello")),
    "post memory/retrieve": Line("read", chat(query="Hello")),
    "get memory/search": Line("read", only(query="Hello")),
    "post memory/search": Line("read", only(query="Hello")),
    "get memory/get": Line("read", chat(id="m-1")),
    "get memory/count": Line("read", chat()),
    "post memory/update": Line("write", chat(id="m-1", content="New")),
    "post memory/delete": Line("write", chat(id="m-1")),
    "post memory/pop": Line("write", chat()),
    "post memory/clear": Line("write", chat()),
    "get sessions/list": Line("read", only()),
    "get sessions/tree": Line("read", only()),
    "get sessions/get": Line("read", chat()),
    "post sessions/create": Line("write", only(session_id="new")),
    "post sessions/update": Line("write", chat(title="New")),
    "post sessions/expire": Line("write", chat()),
    "post sessions/extend": Line("write", chat(expires_at=None)),
    "post sessions/fork": Line("write", chat()),
    "post sessions/delete": Line("purge", chat()),
    "get subjects/get": Line("purge", only(user_id="ann")),
    "get subjects/export": Line("purge", only(user_id="ann")),
    "post subjects/erase": Line("purge", only(user_id="ann", reason="Asked for")),
    "post purges/preview": Line("purge", only(filter={"prefix": "a/"})),
    "post purges/execute": Line("purge", lambda s: {"token": s.token(), "reason": "Old"}),
    "get purges/get": Line("purge", lambda s: {"id": s.purge}),
    "post purges/cancel": Line("purge", lambda s: {"id": s.purge}),
    "get receipts/get": Line("purge", lambda s: {"id": s.receipt}),
    "get receipts/list": Line("purge", only()),
}
KEYS = [scopes for size in (1, 2, 3) for scopes in combinations(ALL_SCOPES, size)]


def test_every_operation_has_a_line_in_the_table_and_every_line_an_operation() -> None:
    paths = door.get_openapi_schema()["paths"]
    operations = {
        f"{method} {path.removeprefix('/api/v1/')}" for path, ops in paths.items() for method in ops
    }
    assert set(TABLE) == operations


@pytest.fixture
def made() -> dict[str, str]:
    """Make a session of Ann's, a receipt and a purge that is done, in `support`."""
    owner = Api(make_key())
    for name in ("gone", "b/1"):
        owner.add(name, "Hello")
    receipt = owner.post("sessions/delete", session_id="gone").json()["receipt"]["id"]
    token = owner.post("purges/preview", filter={"prefix": "b/"}).json()["token"]
    purge = owner.post("purges/execute", token=token, reason="Old").json()["purge"]["id"]
    owner.add("a/chat", "Hello", id="m-1")
    owner.post("sessions/update", session_id="a/chat", user_id="ann")
    return {"receipt": receipt, "purge": purge}


def everything() -> list[Any]:
    """Return all that an operation may change."""
    fields = ("id", "revision", "expires_at", "ended_at", "purge_receipt", "message_count")
    counted = (Message, Receipt, Erasure, Preview)
    sessions = AgentSession.objects.order_by("id").values_list(*fields)
    return [*sessions, *(model.objects.count() for model in counted)]


@pytest.mark.parametrize("scopes", KEYS, ids=",".join)
@pytest.mark.parametrize("operation", TABLE)
def test_an_operation_takes_the_keys_that_have_its_scope_and_no_other(
    made: dict[str, str], operation: str, scopes: tuple[str, ...]
) -> None:
    line = TABLE[operation]
    caller = Api(make_key(scopes=scopes))
    fields = line.fields(Scene(caller, **made))
    if operation == "post sessions/extend":
        until = AgentSession.objects.get(session_id="a/chat").idle_until
        fields["expires_at"] = moments.to_rfc3339(until + 1)
    before = everything()
    method, name = operation.split()
    answer = getattr(caller, method)(name, **fields)
    if line.scope in scopes:
        assert answer.status_code < 300, answer.content
    else:
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert everything() == before


@pytest.mark.parametrize("operation", TABLE)
def test_no_operation_takes_a_caller_without_a_key(made: dict[str, str], operation: str) -> None:
    stranger = Api("lethe_00000000_unknown")
    fields = TABLE[operation].fields(Scene(Api(make_key()), **made))
    before = everything()
    method, name = operation.split()
    assert getattr(stranger, method)(name, **fields).status_code == 401
    assert everything() == before
