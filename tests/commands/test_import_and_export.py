"""import_sessions and export_sessions: files in, files out, and honest exit statuses."""

import gzip
import io
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from memory_app.models import AuditEntry
from memory_app.operations import exporting
from tests.conftest import DATA
from tests.imports import message, run_export, run_import, session, text

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]


def call(name: str, *arguments: object, **options: Any) -> tuple[str, str]:
    """Run a command; return what it wrote to both streams."""
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *map(str, arguments), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def test_files_are_imported_packed_or_not_with_one_line_to_say_so(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_bytes(text([session("a", message(1))]))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(text([session("b", message(1))])))
    out, err = call(
        "import_sessions", tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz", namespace="support"
    )
    assert out.count("\n") == 1
    assert out.startswith("2 sessions imported into support")
    assert (err, capfd.readouterr().err) == ("", "")
    assert [line["session_id"] for line in run_export()] == ["a", "b"]


def test_without_a_namespace_sessions_go_to_the_first_one(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(text([session("a", message(1))]))
    call("import_sessions", tmp_path / "a.jsonl")
    assert len(run_export("default")) == 1


def test_faulty_lines_are_named_by_file_and_number_and_the_status_is_3(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    file.write_bytes(text([session("a", message(1)), b"{secret}", session("b", message(1, 7))]))
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("import_sessions", str(file), stdout=out, stderr=err)
    assert raised.value.returncode == 3
    assert [line.split(": ")[0] for line in err.getvalue().splitlines()] == [
        f"{file}:2",
        f"{file}:3",
    ]
    assert "secret" not in err.getvalue()
    assert out.getvalue().startswith("1 sessions imported")


def test_a_file_that_is_missing_stops_everything_before_it_begins(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(text([session("a", message(1))]))
    with pytest.raises(CommandError) as raised:
        call("import_sessions", tmp_path / "a.jsonl", tmp_path / "b.jsonl", namespace="support")
    assert raised.value.returncode == 1
    call("import_sessions", os.devnull, namespace="support")
    assert run_export() == []


@pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"x" * 10_000)[:-9]])
def test_a_damaged_archive_is_reported(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(content)
    with pytest.raises(CommandError) as raised:
        call("import_sessions", tmp_path / "a.jsonl.gz")
    assert raised.value.returncode == 3


def test_an_export_is_a_file_of_its_owner_and_twice_the_same(tmp_path: Path) -> None:
    run_import(*(session(f"s-{n}", message(1)) for n in range(45)))
    out, _ = call("export_sessions", tmp_path / "a.jsonl", namespace="support")
    assert out.startswith("45 sessions exported from support")
    call("export_sessions", tmp_path / "b.jsonl.gz", namespace="support")
    call("export_sessions", tmp_path / "c.jsonl.gz", namespace="support")
    packed = (tmp_path / "b.jsonl.gz").read_bytes()
    assert packed == (tmp_path / "c.jsonl.gz").read_bytes()
    assert gzip.decompress(packed) == (tmp_path / "a.jsonl").read_bytes()
    assert stat.S_IMODE((tmp_path / "a.jsonl").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.jsonl",
        "b.jsonl.gz",
        "c.jsonl.gz",
    ]


def test_an_export_is_in_the_audit_log_before_its_first_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_import(session("org-1/a", message(1)), session("b", message(1)))
    call("export_sessions", tmp_path / "a.jsonl", namespace="support", prefix="org-1/")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(exporting, "write_session", killed)
    with pytest.raises(CommandError):
        call("export_sessions", "-", namespace="support")
    entries = AuditEntry.objects.filter(act="session.export").order_by("n")
    assert [(one.actor, one.namespace, one.counts) for one in entries] == [
        ("command", "support", '{"sessions": 1}'),
        ("command", "support", '{"sessions": 2}'),
    ]
    assert "org-1" not in str([(one.object_kind, one.object_id) for one in entries])


def test_an_interrupted_export_never_passes_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_import(*(session(f"s-{n}", message(1)) for n in range(45)))
    file = tmp_path / "a.jsonl"
    call("export_sessions", file, namespace="support")
    whole = file.read_bytes()
    write, calls = exporting.write_session, []

    def write_some(*arguments: Any) -> int:
        calls.append(1)
        if len(calls) == 30:
            raise KeyboardInterrupt
        return write(*arguments)

    monkeypatch.setattr(exporting, "write_session", write_some)
    with pytest.raises(CommandError) as raised:
        call("export_sessions", file, namespace="support")
    assert raised.value.returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert file.read_bytes() == whole
    # What a killed export leaves behind is in nobody's way.
    (tmp_path / ".a.jsonl.part").write_bytes(b"x" * 100_000)
    call("export_sessions", file, namespace="support")
    assert file.read_bytes() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_two_exports_do_not_write_into_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_import(session("s", message(1)))
    file = tmp_path / "a.jsonl"
    write = exporting.write_session

    def meanwhile(*arguments: Any) -> int:
        monkeypatch.setattr(exporting, "write_session", write)
        with pytest.raises(CommandError, match="another export"):
            call("export_sessions", file, namespace="support")
        return write(*arguments)

    monkeypatch.setattr(exporting, "write_session", meanwhile)
    call("export_sessions", file, namespace="support")
    assert json.loads(file.read_bytes())["session_id"] == "s"


def test_standard_streams_are_named_by_a_dash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / "in").write_bytes(text([session("a", message(1, "é"))]))
    with (tmp_path / "in").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        call("import_sessions", "-", namespace="support")
    with (tmp_path / "out").open("w") as stdout:
        monkeypatch.setattr(sys, "stdout", stdout)
        out, err = call("export_sessions", "-", namespace="support")
    assert json.loads((tmp_path / "out").read_bytes())["messages"] == [message(1, "é")]
    assert (out, err.count("\n")) == ("", 1)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["export_sessions", "x.jsonl", "--namespace", "unknown"], 1),
        (["export_sessions", "no/such/folder/x.jsonl", "--namespace", "support"], 1),
        (["import_sessions", "x.jsonl", "--namespace", "No Name"], 1),
        (["export_sessions", "x.jsonl", "--namespace", "support", "--prefix", ""], 2),
    ],
)
def test_what_could_not_run_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int
) -> None:
    run_import(session("s", message(1)))
    monkeypatch.chdir(tmp_path)
    if arguments[0] == "import_sessions":
        Path("x.jsonl").write_bytes(text([session("s", message(1))]))
    with pytest.raises(CommandError) as raised:
        call(*arguments)
    assert raised.value.returncode == status
    assert not Path("x.jsonl").exists() or arguments[0] == "import_sessions"


@pytest.mark.parametrize(
    "arguments", [["import_sessions"], ["export_sessions", "x.jsonl"], ["export_sessions"]]
)
def test_wrong_usage_has_the_status_2(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments], capture_output=True, check=False
    )
    assert done.returncode == 2


def test_an_id_that_a_real_conversation_repeats_is_reported_and_nothing_is_left_out() -> None:
    out, err = call("import_sessions", DATA / "agent-frameworks.jsonl.gz", namespace="real")
    assert out.startswith("17 sessions imported into real, 17 of them begun: 355 messages stored")
    assert err.count("\n") == 1
    assert f"{DATA / 'agent-frameworks.jsonl.gz'}:13: messages.5: " in err
