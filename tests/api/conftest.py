"""What only tests of the API ask for."""

from collections.abc import Iterator

import pytest

from tests.conftest import Api


@pytest.fixture
def watched(api: Api) -> Iterator[Api]:
    """Return an agent with one message, which is all there may be in the end."""
    api.add("default", "Hi", id="m-1")
    before = api.get("memory/list").content
    yield api
    assert api.get("memory/list").content == before
    assert len(api.get("sessions/list").json()["items"]) == 1
