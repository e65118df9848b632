"""What the administrator's commands say of scrubs and backups, and how they end."""

import io
import json
import os
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from config import env
from memory_app.conf import scrub_window
from memory_app.errors import Unavailable
from memory_app.models import AuditEntry
from memory_app.operations.purging import delete_session
from memory_app.storage import files
from tests.factories import make_caller, make_session
from tests.installations import client_programs

pytestmark = pytest.mark.django_db(transaction=True)


def cleanup(*arguments: str) -> str:
    said = io.StringIO()
    call_command("cleanup", *arguments, stdout=said)
    return said.getvalue()


def status(*arguments: str) -> tuple[int, str]:
    with pytest.raises(CommandError) as refused:
        call_command(*arguments, stdout=io.StringIO())
    return refused.value.returncode, str(refused.value)


def remove_something() -> None:
    ann = make_caller()
    make_session(ann, "chat-1", "Hi")
    delete_session(caller=ann, session_id="chat-1")


def test_cleanup_says_that_a_scrub_is_due_and_whether_it_was_done() -> None:
    assert "scrub" not in cleanup()
    remove_something()
    assert "scrub due, waits for cleanup --scrub, since LETHE_SCRUB_WINDOW is never" in cleanup()
    assert json.loads(cleanup("--json"))["scrubbed"] is False
    assert json.loads(cleanup("--json", "--scrub"))["scrubbed"] is True
    assert "scrub" not in cleanup()


def test_a_person_who_asks_gets_a_scrub_also_when_nothing_was_removed() -> None:
    assert "; scrubbed in " in cleanup("--scrub")


def test_a_scrub_that_could_not_be_done_is_status_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object, **__: object) -> str:
        raise Unavailable("readers are in the way")

    monkeypatch.setattr(type(files()), "scrub", busy)
    assert status("cleanup", "--scrub") == (3, "not scrubbed: readers are in the way")


@pytest.mark.parametrize("other", [["--dry-run"], ["--every", "5m"]])
def test_a_scrub_is_asked_for_once_and_now(other: list[str]) -> None:
    assert status("cleanup", "--scrub", *other)[0] == 2


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("02:00-05:00", (120, 300)),
        ("22:30-04:15", (1350, 255)),
        ("always", (0, 1440)),
        ("never", None),
        ("", (120, 300)),
    ],
)
def test_the_window_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, window: tuple[int, int] | None
) -> None:
    monkeypatch.setenv("LETHE_SCRUB_WINDOW", text)
    assert env.window("LETHE_SCRUB_WINDOW", "02:00-05:00") == window


@pytest.mark.parametrize(
    "text", ["2-5", "02:00", "24:00-05:00", "02:00-02:00", "nights", "2:00-5:00"]
)
def test_a_window_that_is_none_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("LETHE_SCRUB_WINDOW", text)
    with pytest.raises(
        ImproperlyConfigured, match=r"LETHE_SCRUB_WINDOW must be HH:MM-HH:MM \(UTC\)"
    ):
        env.window("LETHE_SCRUB_WINDOW", "02:00-05:00")


def test_tests_are_not_scrubbed_by_the_hour() -> None:
    assert scrub_window() is None


def test_a_folder_that_is_not_there_is_status_1(tmp_path: Path) -> None:
    code, said = status("backup", str(tmp_path / "nowhere" / "backup"))
    assert (code, "No such file or directory" in said) == (1, True)


def test_a_journal_with_lines_that_cannot_be_read_is_status_3(tmp_path: Path) -> None:
    journal = tmp_path / "erasures.jsonl"
    journal.write_text("half a li\n")
    assert status("replay_erasures", str(journal)) == (3, "1 line could not be read")
    assert status("replay_erasures", str(tmp_path / "none"))[0] == 1


def test_a_backup_is_entered_into_the_audit_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", client_programs() + os.environ["PATH"])
    call_command("backup", str(tmp_path / "copy"), stdout=io.StringIO())
    entry = AuditEntry.objects.get(act="database.backup")
    assert (entry.actor, entry.object_id) == ("command", None)
    assert json.loads(entry.counts) == {"bytes": (tmp_path / "copy").stat().st_size}
