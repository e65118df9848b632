"""Servers in processes of their own, for tests from outside.

They show how HTTP is handled, which has nothing to do with the database: they run on SQLite only.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.served import manage, new_environment
from tests.serving.server import Server

if os.environ.get("LETHE_TEST_DATABASE", "sqlite") != "sqlite":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of an installation that is ready to be served."""
    folder: Path = tmp_path_factory.mktemp("served")
    environment = new_environment(folder, None, "tests.serving.settings")
    manage(environment, "migrate", "--verbosity", "0")
    return environment


@pytest.fixture(scope="session")
def server(environment: dict[str, str]) -> Iterator[Server]:
    """Return a server with four threads that all tests share."""
    with closing(Server(environment, threads=4)) as server:
        yield server


@pytest.fixture
def start(environment: dict[str, str]) -> Iterator[Callable[..., Server]]:
    """Return a way to start a server of one's own."""
    with ExitStack() as stack:

        def started(**arguments: Any) -> Server:
            return stack.enter_context(closing(Server(environment, **arguments)))

        yield started
