"""The journal of removals leaves the database before anything is reported done."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from memory_app import moments
from memory_app.models import Erasure
from memory_app.operations import journal
from memory_app.operations.journal import (
    ALL,
    JournalEntry,
    enter_removals,
    file_removals,
    journal_path,
)
from memory_app.storage import engine

NOW = moments.process_clock()


@pytest.fixture(autouse=True)
def path(db: None) -> Iterator[Path]:
    journal_path().unlink(missing_ok=True)
    yield journal_path()
    journal_path().unlink(missing_ok=True)


def enter(uid: str, ranges: journal.Ranges = ALL) -> None:
    removals = [JournalEntry(uid, ranges)]
    engine().write(lambda db: enter_removals(db, namespace="support", removals=removals, now=NOW))


def uids(path: Path) -> list[str]:
    return [json.loads(line)["uid"] for line in path.read_text().splitlines()]


def test_a_line_holds_time_namespace_uid_and_places_and_nothing_else(path: Path) -> None:
    enter("a")
    enter("b", [(1, 3), (7, 7)])
    file_removals()
    at = moments.to_rfc3339(NOW)
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"at": at, "namespace": "support", "uid": "a", "seqs": "all"},
        {"at": at, "namespace": "support", "uid": "b", "seqs": [[1, 3], [7, 7]]},
    ]


def test_what_is_filed_once_is_not_filed_again(path: Path) -> None:
    enter("a")
    file_removals()
    enter("b")
    file_removals()
    file_removals()
    assert uids(path) == ["a", "b"]
    assert not Erasure.objects.filter(filed=False).exists()


def test_what_a_killed_process_left_is_filed_by_the_next(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_AT_ONCE", 2)
    for uid in "abcde":
        enter(uid)
    file_removals()
    assert uids(path) == list("abcde")


def test_a_line_that_a_killed_process_left_half_written_spoils_no_other(path: Path) -> None:
    path.write_text('{"at": "2026-01-31T12:00:00.000000Z", "uid": "to')
    enter("a")
    file_removals()
    torn, whole = path.read_text().splitlines()
    with pytest.raises(json.JSONDecodeError):
        json.loads(torn)
    assert json.loads(whole)["uid"] == "a"


def test_a_removal_that_is_undone_is_not_in_the_journal(path: Path) -> None:
    def undone(db: object) -> None:
        enter("a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        engine().write(undone)
    file_removals()
    assert path.read_text() == ""


@pytest.mark.django_db(transaction=True)
def test_many_who_file_at_once_write_whole_lines_and_leave_none_out(path: Path) -> None:
    def remove(number: int) -> None:
        enter(f"uid-{number}")
        file_removals()
        assert f"uid-{number}" in uids(path)
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(remove, range(20)))
    assert set(uids(path)) == {f"uid-{number}" for number in range(20)}
