"""What every test may ask for: an API client with a key, and real conversations."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from memory_app.operations.keys import forget_cached_keys
from memory_app.operations.limiting import forget_counted_calls
from tests.factories import make_key
from tests.installations import installation, migrated

__all__ = ["installation", "migrated"]

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


class Api:
    """Calls operations as an agent does, over Django's test client."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.client = Client(raise_request_exception=False)

    def get(self, operation: str, **query: Any) -> HttpResponse:
        """GET an operation with query parameters."""
        return self.client.get(f"/api/v1/{operation}", query, headers=self.headers)  # type: ignore[return-value]

    def post(self, operation: str, body: Any = None, **fields: Any) -> HttpResponse:
        """POST an operation: fields as JSON, or a body as it is."""
        raw = json.dumps(fields, ensure_ascii=False) if body is None else body
        return self.client.post(  # type: ignore[return-value]
            f"/api/v1/{operation}", raw, content_type="application/json", headers=self.headers
        )

    @property
    def headers(self) -> dict[str, str]:
        """Return the authorisation."""
        return {"authorization": f"Bearer {self.key}"}

    def add(self, session_id: str, content: Any = "Hello", **more: Any) -> dict[str, Any]:
        """Append a message of Ann's and return the answer."""
        message = {"role": "user", "content": content, **more}
        response = self.post("memory/add", session_id=session_id, message=message)
        assert response.status_code in (200, 201), response.content
        answer: dict[str, Any] = json.loads(response.content)
        return answer


# What a test asks for that has to do with a database, beside pytest-django's mark.
_DATABASE = {"db", "transactional_db", "live_server", "migrated", "durable"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what has nothing to do with a database once, on the process that has SQLite."""
    if connection.vendor == "sqlite":
        return
    kept: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        kept[item.get_closest_marker("django_db") is not None or bool(asked & _DATABASE)].append(
            item
        )
    items[:] = kept[True]
    config.hook.pytest_deselected(items=kept[False])


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Keep SQLite's test database in a file: one in memory locks tables, unlike the product's."""
    if connection.vendor == "sqlite":
        name = Path(connection.settings_dict["NAME"]).with_name("tests.sqlite3")
        connection.settings_dict["TEST"]["NAME"] = str(name)


@pytest.fixture(autouse=True)
def _no_cached_keys() -> Iterator[None]:
    forget_cached_keys()
    forget_counted_calls()
    yield
    forget_cached_keys()


@pytest.fixture(autouse=True)
def _empty_index(request: pytest.FixtureRequest) -> None:
    """Empty FTS5 before a test that commits: Django empties the tables after it, not the index."""
    if {"transactional_db", "live_server"} & set(request.fixturenames):
        request.getfixturevalue("transactional_db")
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO search_words(search_words) VALUES ('rebuild')")


@pytest.fixture
def api(db: None) -> Api:
    """Return an agent with all scopes in the namespace `support`."""
    return Api(make_key())


def conversations(name: str) -> Iterator[dict[str, Any]]:
    """Yield the sessions of one file of real conversations."""
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
