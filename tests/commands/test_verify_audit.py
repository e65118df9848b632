"""verify_audit and export_audit: what they print, what they write and how they end."""

import json
import stat
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from memory_app.models import AuditCheckpoint, AuditEntry
from memory_app.operations.attesting import checkpoints_path, public_key
from tests.factories import make_key


@pytest.fixture(autouse=True)
def _log(db: None) -> Iterator[None]:
    """Make a log of three keys and a checkpoint."""
    checkpoints_path().unlink(missing_ok=True)
    for namespace in ("support", "billing", "sales"):
        make_key(namespace)
    run("verify_audit", "--sign")
    yield
    checkpoints_path().unlink(missing_ok=True)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def broken(*arguments: str) -> tuple[int, str, str]:
    """Return the exit status, what was printed and what was said of the fault."""
    out = StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(*arguments, stdout=out)
    return caught.value.returncode, out.getvalue(), str(caught.value)


def test_an_intact_log_is_said_to_be_and_the_public_key_shown() -> None:
    assert run("verify_audit") == (
        "The audit log is intact: 4 entries, 1 to 4, and 1 checkpoint.\n"
        f"Public key: {public_key()}\n"
    )


def test_a_broken_log_ends_with_status_1_and_names_the_entry() -> None:
    AuditEntry.objects.filter(n=2).update(actor="somebody else")
    status, printed, said = broken("verify_audit")
    assert (status, printed) == (1, "")
    assert said.startswith("the audit log is broken at entry 2 (changed): ")


def test_json_is_one_line_intact_or_not() -> None:
    intact: dict[str, Any] = json.loads(run("verify_audit", "--json"))
    assert intact == {
        "intact": True,
        "entries": 4,
        "first": 1,
        "last": 4,
        "checkpoints": 1,
        "public_key": public_key(),
        "fault": None,
    }
    AuditEntry.objects.filter(n=3).delete()
    status, printed, _ = broken("verify_audit", "--json")
    fault = json.loads(printed)["fault"]
    assert (status, fault["n"], fault["kind"]) == (1, 3, "missing")


def test_a_log_is_signed_when_it_is_intact_only() -> None:
    make_key("hr")
    run("verify_audit")
    assert AuditCheckpoint.objects.count() == 1
    run("verify_audit", "--sign")
    assert AuditCheckpoint.objects.count() == 2
    make_key("it")
    AuditEntry.objects.filter(n=2).update(actor="somebody else")
    broken("verify_audit", "--sign")
    assert AuditCheckpoint.objects.count() == 2


def test_a_copy_of_the_checkpoints_proves_what_the_data_folder_no_longer_does(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(checkpoints_path().read_bytes())
    AuditCheckpoint.objects.all().delete()
    AuditEntry.objects.filter(n=4).delete()
    checkpoints_path().unlink()
    status, _, said = broken("verify_audit", "--checkpoints", str(copy))
    assert status == 1
    assert "at entry 4 (checkpoint_missing)" in said


def test_an_export_is_checked_without_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an auditor does, on another machine and with the key that was noted."""
    file, key = tmp_path / "audit.jsonl", public_key()
    assert run("export_audit", str(file)) == "4 entries written.\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def away(*_: Any) -> None:
        raise AssertionError("the database was asked")

    monkeypatch.setattr(connection, "ensure_connection", away)
    check = ("verify_audit", "--export", str(file), "--public-key", str(key))
    assert run(*check).startswith("The audit log is intact: 4 entries")
    file.write_text(file.read_text().replace("billing", "hr"))
    status, _, said = broken(*check)
    assert status == 1
    assert "at entry 2 (changed)" in said
    monkeypatch.undo()


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    file.write_text("kept")
    assert broken("export_audit", str(file))[0] == 1
    assert file.read_text() == "kept"


@pytest.mark.parametrize("option", ["--export", "--checkpoints"])
def test_a_file_that_is_not_there_is_said(option: str, tmp_path: Path) -> None:
    assert broken("verify_audit", option, str(tmp_path / "missing"))[0] == 1
