"""Writers wait for another process only so long, and are told to come again."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from django.db import connection, connections

from memory_app.storage import sqlite
from tests.conftest import Api
from tests.factories import make_key

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="only SQLite has one writer"),
]

PATIENCE = 0.6
WRITERS = 6


def test_each_writer_waits_as_long_as_the_patience_and_gets_503(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqlite, "_PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", PATIENCE)
    key = make_key()
    Api(key).add("chat-1", "before")
    answers: list[tuple[int, str, float]] = []

    def write(number: int) -> None:
        # One after the other: those who come while the first waits do not wait twice as long.
        time.sleep(number * PATIENCE / 4)
        message = {"id": f"m-{number}", "role": "user", "content": "Hi"}
        begun = time.monotonic()
        response = Api(key).post("memory/add", session_id="chat-1", message=message)
        waited = time.monotonic() - begun
        answers.append((response.status_code, response.headers.get("Retry-After", ""), waited))
        connections.close_all()

    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as scrub:
        scrub.execute("BEGIN IMMEDIATE")
        writers = [threading.Thread(target=write, args=[number]) for number in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        scrub.execute("ROLLBACK")
    assert {status for status, _, _ in answers} == {503}
    assert all(retry_after for _, retry_after, _ in answers)
    assert min(waited for _, _, waited in answers) > PATIENCE / 2
    assert max(waited for _, _, waited in answers) < PATIENCE * 1.7
    assert Api(key).add("chat-1", "after")["seq"] == 2


def test_a_writer_whose_turn_comes_in_time_is_served() -> None:
    key = make_key()
    Api(key).add("chat-1", "before")
    with closing(
        sqlite3.connect(
            connection.settings_dict["NAME"], isolation_level=None, check_same_thread=False
        )
    ) as scrub:
        scrub.execute("BEGIN IMMEDIATE")
        ending = threading.Timer(0.4, scrub.execute, ["ROLLBACK"])
        ending.start()
        assert Api(key).add("chat-1", "after")["seq"] == 2
        ending.join()
