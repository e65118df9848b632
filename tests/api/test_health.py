"""/healthz and /readyz: alive, and able to serve."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from memory_app.version import VERSION
from tests.counting import counted_statements

ROOT = Path(__file__).resolve().parent.parent.parent

ASK = """
import django, json
django.setup()
from django.test import Client
client = Client(headers={"host": "localhost"})
for path in ("/healthz", "/readyz"):
    response = client.get(path)
    print(json.dumps([response.status_code, response["Content-Type"], response.json()]))
"""


def test_healthz_touches_nothing(db: None) -> None:
    with counted_statements() as sent:
        response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Content-Type"] == "application/json"
    assert sent == []


def test_readyz_says_that_everything_is_well(db: None) -> None:
    response = Client().get("/readyz")
    assert response.status_code == 200
    answer = response.json()
    # Whether cleanup is overdue depends on what ran before, and is promised elsewhere.
    assert isinstance(answer.pop("degraded"), list)
    assert answer == {
        "status": "ok",
        "version": VERSION,
        "database": "ok",
        "migrations": "applied",
    }


def test_readyz_needs_the_tables_of_this_version(db: None) -> None:
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("memory_app")
    MigrationRecorder(connection).record_unapplied(*newest)
    response = Client().get("/readyz")
    assert response.status_code == 503
    answer = response.json()
    assert (answer["status"], answer["database"], answer["migrations"]) == (
        "unavailable",
        "ok",
        "pending",
    )


def test_neither_is_kept_by_caches_or_needs_a_key(db: None) -> None:
    for path in ("/healthz", "/readyz"):
        response = Client().get(path)
        assert response["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in response


@pytest.mark.parametrize("kind", ["a server that is away", "no such folder", "not a database"])
def test_readyz_answers_503_when_the_database_cannot_serve(tmp_path: Path, kind: str) -> None:
    broken = tmp_path / "broken.sqlite3"
    broken.write_text("This is a letter, not a database. " * 100)
    url = {
        "a server that is away": "postgres://nobody@127.0.0.1:1/nothing",
        "no such folder": f"sqlite:///{tmp_path}/none/lethe.sqlite3",
        "not a database": f"sqlite:///{broken}",
    }[kind]
    environment = os.environ | {
        "DATABASE_URL": url,
        "LETHE_DATA_DIR": str(tmp_path / "data"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    ran = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    alive, ready = map(json.loads, ran.stdout.splitlines())
    assert alive == [200, "application/json", {"status": "ok"}]
    assert ready == [
        503,
        "application/json",
        {
            "status": "unavailable",
            "version": VERSION,
            "database": "unreachable",
            "migrations": "unknown",
            "degraded": [],
        },
    ]
    assert "letter" not in ran.stderr
