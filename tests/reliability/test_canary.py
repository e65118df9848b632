"""After a purge and a scrub no byte of what callers gave is left anywhere.

A word that occurs nowhere else is put into every field that a caller or a person can fill, every
operation is called with it, errors are provoked with it, it is imported, exported and backed up.
Then it is purged and scrubbed and looked for: in the database's files and rows, the data folder
(journal and exports), the temporary folder, and everything that was logged or printed. A reason is
kept on its receipt on purpose, so it has a word of its own that must be nowhere else. The backup
made before still holds the content, as docs/erasure.md says.
"""

import io
import json
import logging
import os
import random
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from config.logs import JsonFormatter
from memory_app import conf, moments
from memory_app.models import Message, Receipt
from memory_app.moments import DAY
from memory_app.operations.browsing import SessionFilter
from memory_app.operations.cleaning import clean_up
from memory_app.operations.indexing import index_pending
from memory_app.operations.previewing import execute, preview
from memory_app.operations.purging import delete_session
from memory_app.operations.scrubbing import scrub
from memory_app.storage import engine
from tests.conftest import Api
from tests.contract import OPERATIONS, SESSION
from tests.factories import make_caller, make_key, make_session
from tests.people import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

# How many messages stay while a tenth as many are purged; `make prove` takes 20,000.
STAY = int(os.environ.get("LETHE_PROVE_MESSAGES", "4000"))
WORD = f"qzx{secrets.token_hex(8)}"
REASON = f"qzy{secrets.token_hex(8)}"
NOW = moments.process_clock()


@pytest.fixture
def output(capfd: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Yield what returns all that was logged, through the product's formatter, and printed."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: (stream.getvalue() + "".join(capfd.readouterr())).encode()
    root.removeHandler(handler)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def database_files() -> list[Path]:
    if connection.vendor != "sqlite":
        return []
    name = Path(str(connection.settings_dict["NAME"]))
    return [path for path in name.parent.glob(f"*{name.name}*") if path.is_file()]


def server_logs() -> list[Path]:
    """Return what the PostgreSQL server of the tests itself writes."""
    log = Path(connection.settings_dict["HOST"]) / "log"
    return [log] if connection.vendor == "postgresql" and log.is_file() else []


def places(temporary: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every place where bytes could have stayed."""
    for folder in (conf.data_dir(), temporary):
        for path in folder.rglob("*"):
            if path.is_file():
                yield str(path), path.read_bytes()
    for path in (*database_files(), *server_logs()):
        yield path.name, path.read_bytes()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                yield f"table {table}", _bytes(row)
        if connection.vendor == "postgresql":
            cursor.execute("SELECT tablename, attname, * FROM pg_stats WHERE schemaname = 'public'")
            for row in cursor.fetchall():
                yield f"statistics of {row[0]}.{row[1]}", _bytes(row)


def _bytes(row: tuple[Any, ...]) -> bytes:
    values = [
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for value in row
    ]
    return b"\n".join(values)


def found(temporary: Path, word: str) -> set[str]:
    return {place for place, content in places(temporary) if word.encode() in content.lower()}


def named(field: str) -> str:
    return f"{WORD}-{field}"


def body(number: int) -> dict[str, Any]:
    """Return a message with the word in everything a message can hold."""
    return {
        "id": named(f"id-{number}"),
        "role": "assistant",
        "content": [{"type": "text", "text": named("part")}, {named("key"): named("value")}],
        "name": named("name"),
        "tool_calls": [
            {
                "id": named("call"),
                "function": {"name": named("tool"), "arguments": json.dumps({"a": named("arg")})},
            }
        ],
        "tool_call_id": named("call"),
        named("unknown"): {"deep": [named("unknown value")]},
    }


def fill_everything(api: Api, session_id: str, number: int) -> None:
    document = {named("member"): named("member value")}
    event = {"message": body(number), "state": document}
    patch = {
        "title": named("title"),
        "tags": [named("tag")],
        "metadata": document,
        "state": document,
    }
    added = api.post("memory/add", session_id=session_id, session_patch=patch, **event)
    assert added.status_code == 201, added.content
    more = [{"message": body(number + n), "state": document} for n in range(1, 6)]
    added = api.post("memory/add_list", session_id=session_id, user_id=named("user"), events=more)
    assert added.status_code == 201, added.content


def call_everything(api: Api) -> set[int]:
    """Call every operation as the contract shows it, then wrongly; return the statuses."""
    statuses = set()
    for operation in OPERATIONS:
        text = json.dumps(operation.arguments).replace(SESSION, named("session"))
        arguments = json.loads(text)
        if operation.name.startswith("subjects") or "query" in arguments:
            arguments |= {"query": named("part")} if "query" in arguments else {}
        call = api.get if operation.method == "get" else api.post
        wrong = {named("field"): named("field value")}
        words = dict.fromkeys(arguments, WORD)
        if "reason" in words:
            words["reason"] = REASON  # stays on the receipt, as its author is told
        for one in (arguments, arguments | wrong, wrong, words):
            statuses.add(call(operation.name, **one).status_code)
    twice, zero = f'{{"a": "{WORD}", "a": 1}}', f'{{"x": "{WORD}\\u0000"}}'
    for raw in (f"{{{WORD}", f'"{WORD}"', twice, zero):
        statuses.add(api.post("memory/add", raw).status_code)
    statuses.add(api.post(f"memory/{WORD}").status_code)
    statuses.add(Api(f"lethe_{WORD}").get("memory/list", session_id=WORD).status_code)
    return statuses


def use_everything_else(temporary: Path, monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"what failed quotes {WORD}")

    monkeypatch.setattr(type(engine()), "append", broken)
    assert api.post("memory/add", session_id=WORD, message=body(90)).status_code == 500
    monkeypatch.undo()
    people = signed_in("ann", privacy_officer="*")
    for client in (Client(raise_request_exception=False), people):
        client.get("/sessions/", {"q": WORD, "user": WORD, "tag": WORD, WORD: WORD})
        client.get(f"/{WORD}/", headers={"user-agent": WORD, "referer": f"http://x/{WORD}"})
        client.post("/sign-in/", {"username": WORD, "password": WORD, "next": f"/{WORD}"})
    lines = temporary.parent / "in.jsonl"
    line = {"session_id": named("imported"), "namespace": WORD, "messages": [body(80)]}
    lines.write_text(json.dumps(line) + "\n" + json.dumps({"session_id": WORD, WORD: 1}) + "\n")
    with pytest.raises(CommandError):
        call_command("import_sessions", str(lines), namespace="canary", stdout=io.StringIO())
    exported = temporary.parent / "out.jsonl"
    call_command("export_sessions", str(exported), namespace="canary", stdout=io.StringIO())
    assert WORD in exported.read_text()


def purge_everything() -> None:
    """Purge by key, by preview and by cleanup, until nothing of the namespace is left."""
    ann = make_caller("canary")
    delete_session(caller=ann, session_id=named("session"))
    wanted = SessionFilter(prefix=f"{WORD}-", user_id=named("user"), status="any")
    shown = preview(actor=ann, namespace="canary", wanted=wanted)
    execute(actor=ann, token=shown.token, reason=f"asked for: {REASON}")
    preview(actor=ann, namespace="canary", wanted=wanted)  # shown, and never used
    clean_up(namespace="canary", now=NOW + 400 * DAY)


def test_no_byte_of_a_canary_is_left_after_purge_and_scrub(
    tmp_path: Path,
    temporary: Path,
    output: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_session(make_caller("bystanders"), "stays", "here before", now=NOW)
    api = Api(make_key("canary"))
    for number, name in enumerate(("session", "forked", "expired"), 1):
        fill_everything(api, named(name), number * 10)
    api.post("sessions/update", session_id=named("forked"), title=named("newer"), metadata=None)
    api.post("memory/update", session_id=named("forked"), id=named("id-20"), content=WORD)
    statuses = call_everything(api)
    assert {200, 404, 422} <= statuses
    assert max(statuses) < 500
    fill_everything(api, named("session"), 40)
    assert index_pending() > 0
    assert api.get("memory/search", query=WORD).json()["items"], "the index holds the word"
    # Some wait in the queue while they are purged.
    fill_everything(api, named("session"), 60)
    use_everything_else(temporary, monkeypatch, api)
    if connection.vendor == "sqlite":
        backup = tmp_path / "backup"
        call_command("backup", str(backup), stdout=io.StringIO())
        assert WORD.encode() in backup.read_bytes(), "backups made before keep the content"
    assert found(temporary, WORD), "the look-out sees nothing at all"

    purge_everything()
    if connection.vendor == "sqlite":
        assert found(temporary, WORD), "there was nothing for a scrub to do"
    assert scrub(asked=True).done
    assert found(temporary, WORD) == set()
    said = output()
    assert b"RuntimeError" in said, "the look-out hears nothing at all"
    assert WORD.encode() not in said.lower()
    reasons = {place for place in found(temporary, REASON) if place.startswith("table")}
    assert reasons == {"table receipt"}
    assert all(one.scrubbed_at for one in Receipt.objects.all())
    assert "here before" in Message.objects.get().payload


def test_sessions_purged_among_many_that_stay_leave_no_byte(temporary: Path) -> None:
    """Deleting one session's rows moves another's; where those were is not zeroed by SQLite."""
    ann, bob = make_caller("canary"), make_caller("bystanders")
    chance = random.Random(7)  # noqa: S311
    size = 20
    going = [f"{WORD}-{number}" for number in range(STAY // 10 // size)]
    staying = [f"stays-{number}" for number in range(STAY // size)]
    order = [(ann, name) for name in going] + [(bob, name) for name in staying]
    chance.shuffle(order)
    for caller, name in order:
        text = WORD if caller is ann else "bystander"
        contents = [
            f"{text} " * (1_200 if chance.random() < 0.05 else chance.randint(1, 40))
            for _ in range(size)
        ]
        make_session(caller, name, *contents, now=NOW)
    before = Message.objects.count()
    index_pending()
    for name in going:
        delete_session(caller=ann, session_id=name)
    assert Message.objects.count() == before - len(going) * size == len(staying) * size
    assert scrub(asked=True).done
    assert found(temporary, WORD) == set()
