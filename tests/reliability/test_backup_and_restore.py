"""A backup taken under load is one moment's; what was erased after it stays erased."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.installations import client_programs
from tests.reliability.writers import Agent, Written, at_once, read_all
from tests.served import ROOT, Served, serving

WRITERS = 4


@pytest.fixture(autouse=True)
def _client_programs(installation: dict[str, str]) -> None:
    """Put the client programs of the server that the tests run into the path."""
    installation["PATH"] = client_programs() + installation["PATH"]


def manage(
    installation: dict[str, str], *arguments: str, status: int = 0
) -> "subprocess.CompletedProcess[str]":
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=installation,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done


def add(agent: Agent, session_id: str, name: str, content: str = "Hi") -> dict[str, Any]:
    message = {"id": name, "role": "user", "content": content}
    status, answer = agent.call("memory/add", {"session_id": session_id, "message": message})
    assert status == 201, answer
    return answer  # type: ignore[no-any-return]


def contents(agent: Agent, session_id: str) -> list[str]:
    return [item["message"]["content"] for item in read_all(agent, session_id)]


@contextlib.contextmanager
def writers_about(served: Served, written: Written) -> Iterator[None]:
    """Let writers add to a session each, without pause, while the block runs."""
    finished = threading.Event()

    def write(number: int) -> None:
        agent = Agent(served.url, served.key)
        place = 0
        while not finished.is_set():
            place += 1
            message = {"id": f"{number}-{place}", "role": "user", "content": "x" * 300}
            body = {"session_id": f"w-{number}", "message": message}
            written.note([agent.insist("memory/add", body, written.statuses)])

    threads = at_once([lambda n=number: write(n) for number in range(WRITERS)], written)  # type: ignore[misc]
    try:
        yield
    finally:
        finished.set()
        for thread in threads:
            thread.join()


def test_a_backup_under_load_is_one_moment_s_and_stops_no_writer(
    installation: dict[str, str], tmp_path: Path
) -> None:
    written = Written()
    backup = tmp_path / "backup"
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        for number in range(WRITERS):
            add(agent, f"w-{number}", f"{number}-0")
        with writers_about(served, written):
            for _ in range(2):
                before = len(written.statuses)
                manage(installation, "backup", str(backup))
                assert len(written.statuses) > before, "nobody wrote meanwhile"
    assert written.problems == []
    assert {status for status in written.statuses if status >= 500} == set()
    assert backup.stat().st_mode & 0o077 == 0, "others may not read it"
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []

    manage(installation, "restore", str(backup), "--yes")
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        for number in range(WRITERS):
            items = read_all(agent, f"w-{number}")
            _, count = agent.call(f"memory/count?session_id=w-{number}")
            assert [item["id"] for item in items] == [f"{number}-{n}" for n in range(len(items))]
            assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
            assert count["count"] == len(items) > 0


def test_what_was_erased_after_a_backup_stays_erased(
    installation: dict[str, str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        for name in ("stays", "purged", "cleared", "thinned", "redacted"):
            for number in range(3):
                add(agent, name, f"m-{number}", f"{name} {number}")
        manage(installation, "backup", str(backup))
        add(agent, "stays", "late", "after the backup")
        add(agent, "thinned", "m-3", "after the backup")
        for operation, body in (
            ("sessions/delete", {"session_id": "purged"}),
            ("memory/clear", {"session_id": "cleared"}),
            ("memory/delete", {"session_id": "thinned", "id": "m-1"}),
            ("memory/pop", {"session_id": "thinned"}),
            ("memory/update", {"session_id": "redacted", "id": "m-1", "content": "█"}),
        ):
            status, answer = agent.call(operation, body)
            assert status == 200, answer

    said = manage(installation, "restore", str(backup), "--yes").stdout
    assert "1 sessions and 8 messages had to be removed again" in said
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        assert contents(agent, "stays") == [f"stays {n}" for n in range(3)]
        assert contents(agent, "purged") == []
        assert contents(agent, "cleared") == []
        assert contents(agent, "thinned") == ["thinned 0", "thinned 2"]
        assert contents(agent, "redacted") == ["redacted 0", "redacted 2"]
        # The place of what was erased after the backup is not given out again.
        assert add(agent, "thinned", "new")["seq"] == 5
        journal = Path(installation["LETHE_DATA_DIR"]) / "erasures.jsonl"
        assert (
            "0 sessions and 0 messages"
            in manage(installation, "replay_erasures", str(journal)).stdout
        )
    if served.environment["DATABASE_URL"].startswith("sqlite"):
        raw = b"".join(path.read_bytes() for path in tmp_path.glob("lethe.sqlite3*"))
        assert b"stays 0" in raw
        assert b"purged 0" not in raw
        assert b"redacted 1" not in raw


def test_nothing_is_overwritten_without_a_yes_nor_under_a_server(
    installation: dict[str, str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        add(agent, "chat", "m-1", "before")
        manage(installation, "backup", str(backup))
        add(agent, "chat", "m-2", "after")
        refused = manage(installation, "restore", str(backup), "--yes", status=1)
        assert "stop" in refused.stderr
        assert contents(agent, "chat") == ["before", "after"]
    assert "--yes" in manage(installation, "restore", str(backup), status=1).stderr
    with serving(installation) as served:
        assert contents(Agent(served.url, served.key), "chat") == ["before", "after"]


def test_what_is_no_backup_leaves_the_database_as_it_was(
    installation: dict[str, str], tmp_path: Path
) -> None:
    backup, torn, other = tmp_path / "backup", tmp_path / "torn", tmp_path / "other"
    with serving(installation) as served:
        agent = Agent(served.url, served.key)
        for number in range(200):
            add(agent, "chat", f"m-{number}", os.urandom(900).hex())
    manage(installation, "backup", str(backup))
    torn.write_bytes(backup.read_bytes()[: backup.stat().st_size * 2 // 3])
    other.write_text(json.dumps({"session_id": "chat"}))
    for wrong in (torn, other, tmp_path / "nothing"):
        assert manage(installation, "restore", str(wrong), "--yes", status=1).stderr
    with serving(installation) as served:
        assert len(read_all(Agent(served.url, served.key), "chat")) == 200


def test_a_restore_that_was_killed_is_served_by_nobody(
    installation: dict[str, str], tmp_path: Path
) -> None:
    """SQLite's database is replaced at the end; PostgreSQL's is marked until then."""
    if installation["DATABASE_URL"].startswith("sqlite"):
        pytest.skip("the old database is still there")
    backup = tmp_path / "backup"
    key = manage(installation, "create_key", "support").stdout[:14]
    manage(installation, "backup", str(backup))
    manage(installation, "revoke_key", key)
    keep = "from memory_app.operations.staying_closed import keep_doors; keep_doors()"
    manage(installation, "shell", "--no-imports", "-c", keep)
    on_server(installation, "CREATE TABLE restoring (); UPDATE api_key SET revoked_at = NULL")
    for command in (["create_key", "support"], ["cleanup"], ["serve"]):
        assert "run restore again" in manage(installation, *command, status=1).stderr
    manage(installation, "restore", str(backup), "--yes")
    listed = "from memory_app.models import ApiKey; print(ApiKey.objects.filter(revoked_at=None))"
    assert manage(installation, "shell", "--no-imports", "-c", listed).stdout == "<QuerySet []>\n"
    on_server(installation, "CREATE TABLE restoring ()")
    said = manage(installation, "restore", str(backup), "--yes", status=3).stderr
    assert "keys, people and passkeys that were ended since may be open again" in said


def on_server(installation: dict[str, str], statements: str) -> None:
    with psycopg.connect(installation["DATABASE_URL"], autocommit=True) as server:
        server.execute(statements)


def test_a_restore_touches_no_table_that_is_not_lethe_s(
    installation: dict[str, str], tmp_path: Path
) -> None:
    if installation["DATABASE_URL"].startswith("sqlite"):
        pytest.skip("a file is Lethe's alone")
    backup = tmp_path / "backup"
    manage(installation, "create_key", "support")
    manage(installation, "backup", str(backup))
    with psycopg.connect(installation["DATABASE_URL"], autocommit=True) as server:
        server.execute("CREATE TABLE invoices (id int); INSERT INTO invoices VALUES (7)")
        server.execute("CREATE VIEW keys_of_all AS SELECT prefix FROM api_key")
        manage(installation, "create_key", "travel")
    refused = manage(installation, "restore", str(backup), "--yes", status=1)
    assert "invoices, keys_of_all" in refused.stderr
    with psycopg.connect(installation["DATABASE_URL"], autocommit=True) as server:
        assert server.execute("SELECT id FROM invoices").fetchall() == [(7,)]
        assert server.execute("SELECT count(*) FROM keys_of_all").fetchone() == (2,)
        server.execute("CREATE SCHEMA books; ALTER TABLE invoices SET SCHEMA books")
        server.execute("DROP VIEW keys_of_all")
    manage(installation, "restore", str(backup), "--yes")
    with psycopg.connect(installation["DATABASE_URL"], autocommit=True) as server:
        assert server.execute("SELECT id FROM books.invoices").fetchall() == [(7,)]
        assert server.execute("SELECT name FROM namespace").fetchall() == [("support",)]


_LET_IN = """
from memory_app.operations.inviting import invite_person
from memory_app.operations.rights import Person
from memory_app.operations.sign_ins import Place, begin_sign_in
olga = Person(1, "olga", {"*": frozenset({"administrator"})})
invite_person(person=olga, username="zoe", roles=["viewer"])
begin_sign_in(username="olga", place=Place("Firefox", "192.0.2.1"))
"""
_WAYS_IN = """
from memory_app.models import Invitation, SignIn
print(SignIn.objects.count(), Invitation.objects.count())
"""


def test_a_restore_opens_no_door_that_may_have_been_closed_since(
    installation: dict[str, str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    manage(installation, "create_operator", "olga", "--role", "administrator")
    manage(installation, "shell", "--no-imports", "-c", _LET_IN)
    assert manage(installation, "shell", "--no-imports", "-c", _WAYS_IN).stdout == "1 1\n"
    manage(installation, "backup", str(backup))
    manage(installation, "restore", str(backup), "--yes")
    assert manage(installation, "shell", "--no-imports", "-c", _WAYS_IN).stdout == "0 0\n"


_OPEN = """
import pyotp
from memory_app import moments
from memory_app.models import Operator, Passkey
from memory_app.operations.rights import find_person
from memory_app.operations.second_factor import begin_factor, confirm_factor
olga = Operator.objects.get(username="olga")
person = find_person(operator_id=olga.pk, username="olga")
secret = begin_factor(person=person, issuer="Lethe").secret
print(confirm_factor(person=person, code=pyotp.TOTP(secret).now())[0])
for name in ("blue", "green"):
    Passkey.objects.create(operator=olga, credential_id=name, credential=b"", sign_count=0,
        name=name, created_at=moments.process_clock())
"""
_CLOSE = """
from memory_app.models import Operator, Passkey
from memory_app.operations.codes import check_code
olga = Operator.objects.get(username="olga")
assert check_code(operator_id=olga.pk, username="olga", code="{code}")
Passkey.objects.filter(name="blue").delete()
Operator.objects.filter(username="ben").update(is_active=False)
"""
_STILL_OPEN = """
from memory_app.models import ApiKey, Operator, Passkey, RecoveryCode
print(*ApiKey.objects.filter(revoked_at=None).order_by("id").values_list("label", flat=True))
print(*Operator.objects.filter(is_active=True).values_list("username", flat=True))
print(*Passkey.objects.values_list("name", flat=True), RecoveryCode.objects.count())
print(ApiKey.objects.get(label="rotated").rotated_to is None)
"""


def test_what_was_ended_after_a_backup_stays_ended(
    installation: dict[str, str], tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    for name in ("olga", "ben"):
        manage(installation, "create_operator", name)
    keys = {
        label: manage(installation, "create_key", "support", "--label", label).stdout[:14]
        for label in ("kept", "revoked", "rotated")
    }
    code = manage(installation, "shell", "--no-imports", "-c", _OPEN).stdout.strip()
    manage(installation, "backup", str(backup))
    manage(installation, "revoke_key", keys["revoked"])
    manage(installation, "rotate_key", keys["rotated"], "--overlap", "1h")
    manage(installation, "shell", "--no-imports", "-c", _CLOSE.format(code=code))
    manage(installation, "restore", str(backup), "--yes")
    found = manage(installation, "shell", "--no-imports", "-c", _STILL_OPEN).stdout
    assert found.splitlines() == ["kept rotated", "olga", "green 9", "True"]
    ends = "from memory_app.models import ApiKey; from memory_app.moments import *;"
    ends += "print(ApiKey.objects.get(label='rotated').expires_at < process_clock() + 2 * HOUR)"
    assert manage(installation, "shell", "--no-imports", "-c", ends).stdout == "True\n"


_NOTE = """
from memory_app.models import LastBackup
print([(one.began_at > 0, one.size_bytes) for one in LastBackup.objects.all()])
"""


def test_a_backup_is_noted_and_a_restore_brings_back_no_older_note(
    installation: dict[str, str], tmp_path: Path
) -> None:
    def note() -> str:
        return manage(installation, "shell", "--no-imports", "-c", _NOTE).stdout.strip()

    backup = tmp_path / "backup"
    manage(installation, "create_key", "support")
    assert note() == "[]"
    manage(installation, "backup", str(backup))
    manage(installation, "backup", str(backup))
    assert note() == f"[(True, {backup.stat().st_size})]"
    # The second copy holds the note of the first, which is no copy of what was restored.
    manage(installation, "restore", str(backup), "--yes")
    assert note() == "[]"


def test_a_restore_makes_a_database_where_there_is_none(
    installation: dict[str, str], tmp_path: Path
) -> None:
    if not installation["DATABASE_URL"].startswith("sqlite"):
        pytest.skip("a database of a server is made by its administrator")
    backup = tmp_path / "backup"
    with serving(installation) as served:
        add(Agent(served.url, served.key), "chat", "m-1", "kept")
    manage(installation, "backup", str(backup))
    for path in tmp_path.glob("lethe.sqlite3*"):
        path.unlink()
    manage(installation, "restore", str(backup))
    with serving(installation) as again:
        assert contents(Agent(again.url, served.key), "chat") == ["kept"]


def test_a_backup_says_which_program_it_lacks(installation: dict[str, str], tmp_path: Path) -> None:
    if installation["DATABASE_URL"].startswith("sqlite"):
        pytest.skip("SQLite needs none")
    refused = manage(
        installation | {"PATH": str(tmp_path)}, "backup", str(tmp_path / "backup"), status=1
    )
    assert "pg_dump is not installed" in refused.stderr
    assert not (tmp_path / "backup").exists()


def test_a_backup_never_overwrites_the_database(
    installation: dict[str, str], tmp_path: Path
) -> None:
    if not installation["DATABASE_URL"].startswith("sqlite"):
        pytest.skip("the database is no file")
    manage(installation, "backup", str(tmp_path / "lethe.sqlite3"), status=1)
    manage(installation, "create_key", "support")
