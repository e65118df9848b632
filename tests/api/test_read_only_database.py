"""A database that only reads (a standby, a server that is being moved) refuses writes as away."""

from collections.abc import Iterator

import pytest
from django.db import connection

from memory_app.operations.health import check_readiness
from tests.conftest import Api
from tests.factories import make_key
from tests.refusals import refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def agent() -> Iterator[Api]:
    """Return an agent whose session was begun before the database became read-only."""
    api = Api(make_key())
    api.add("chat", "Hello")
    on, off = (
        ("PRAGMA query_only = ON", "PRAGMA query_only = OFF")
        if connection.vendor == "sqlite"
        else ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off")
    )
    with connection.cursor() as cursor:
        cursor.execute(on)
    yield api
    with connection.cursor() as cursor:
        cursor.execute(off)


@pytest.mark.parametrize(
    ("operation", "fields"),
    [
        ("memory/add", {"message": {"role": "user", "content": "More"}}),
        ("memory/add_list", {"events": [{"message": {"role": "user", "content": "More"}}]}),
        ("memory/clear", {"session_id": "chat"}),
        ("sessions/delete", {"session_id": "chat"}),
    ],
)
def test_a_write_is_refused_and_can_be_repeated(
    agent: Api, operation: str, fields: dict[str, object]
) -> None:
    response = agent.post(operation, **{"session_id": "chat"} | fields)
    refused(response, "unavailable")
    assert response["Retry-After"]


def test_reads_go_on(agent: Api) -> None:
    assert agent.get("memory/count", session_id="chat").json() == {"count": 1}
    assert len(agent.get("memory/list", session_id="chat").json()["items"]) == 1
    assert check_readiness().database == "ok"
