"""Migrations go back and forward again on a filled database, and content stays as it was."""

import sqlite3
from pathlib import Path
from typing import Any

import psycopg

from tests.reliability.writers import Agent
from tests.served import manage, serving

_MIGRATIONS = Path(__file__).resolve().parents[2] / "memory_app" / "migrations"
BEFORE_THE_LAST = sorted(file.stem for file in _MIGRATIONS.glob("0*.py"))[-2]
FIRST = "0001"

# What was there from the first migration on, and holds content or counts it.
CONTENT = (
    (
        "SELECT id, message_id, role, payload, state, tokens, size_bytes, occurred_at, created_at,"
        " updated_at FROM message ORDER BY id"
    ),
    (
        "SELECT id, uid, session_id, user_id, title, tags, revision, last_seq, message_count,"
        " token_count, size_bytes, created_at, last_activity_at, ended_at, expires_at"
        " FROM agent_session ORDER BY id"
    ),
    "SELECT session_id, metadata, state FROM session_document ORDER BY session_id",
    "SELECT id, kind, actor, counts, purged_at FROM receipt ORDER BY id",
    "SELECT id, at, namespace, uid, ranges FROM erasure ORDER BY id",
)


def test_content_and_search_outlive_migrations_back_and_forward(
    installation: dict[str, str],
) -> None:
    manage(installation, "demo")
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        add(agent, "org/kept")
        add(agent, "org/purged")
        assert agent.call("sessions/delete", {"session_id": "org/purged"})[0] == 200
    manage(installation, "rebuild_search")
    before = content(installation)
    assert len(before[0]) > 3_000, "the database is filled"
    migrate(installation, BEFORE_THE_LAST)
    migrate(installation)
    assert content(installation) == before
    manage(installation, "rebuild_search", "--verify")
    migrate(installation, FIRST)
    assert content(installation) == before
    migrate(installation)
    assert content(installation) == before
    manage(installation, "rebuild_search")
    manage(installation, "rebuild_search", "--verify")
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        status, found = agent.call("memory/search?query=uber")
        assert (status, [item["session_id"] for item in found["items"]]) == (200, ["org/kept"])
        assert add(agent, "org/kept") == 2, "what stood there is counted on"
        assert agent.call("sessions/delete", {"session_id": "org/kept"})[1]["deleted"] == 1


def migrate(installation: dict[str, str], *target: str) -> None:
    """Migrate to a migration, or to the newest."""
    manage(installation, "migrate", "memory_app", *target, "--verbosity", "0")


def add(agent: Agent, session_id: str) -> int:
    """Append a message with everything that a call can bring, and return its place."""
    body = {
        "session_id": session_id,
        "user_id": "ann",
        "message": {"role": "user", "content": "Über 退款: refund", "n": 1.50},
        "state": {"step": [1, None]},
        "session_patch": {
            "title": "Über",
            "tags": ["vip"],
            "metadata": {"plan": 9007199254740993},
            "state": {"open": True},
        },
    }
    status, answer = agent.call("memory/add", body)
    assert status == 201, answer
    place: int = answer["seq"]
    return place


def content(installation: dict[str, str]) -> list[list[Any]]:
    """Return all rows of content, as the database holds them."""
    url = installation["DATABASE_URL"]
    connection: Any
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    else:
        connection = psycopg.connect(url)
    try:
        return [connection.execute(statement).fetchall() for statement in CONTENT]
    finally:
        connection.close()
