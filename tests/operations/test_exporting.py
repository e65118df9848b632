"""An export gives back what was received, line by line."""

import gzip
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from memory_app.errors import NotFound
from memory_app.moments import from_rfc3339
from memory_app.operations.exporting import count_to_export, export_sessions
from memory_app.operations.importing import import_sessions
from memory_app.operations.session_lines import split_lines
from memory_app.strict_json import decode, same
from tests.conftest import DATA, Api
from tests.factories import make_key
from tests.imports import Import, export_lines, message, run_export, run_import, session

pytestmark = pytest.mark.django_db

ADDED = {"created_at", "expires_at", "expires_because"}
REAL = sorted(path.name for path in DATA.glob("*.jsonl.gz"))


@pytest.fixture(autouse=True)
def _namespace(db: None) -> None:
    make_key()


def test_the_example_of_the_documentation_comes_out_as_it_went_in() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "format.md").read_text()
    example = page.split("```json\n")[1].split("```")[0]
    now = from_rfc3339("2026-02-01T12:00:00Z")
    run_import(*example.encode().splitlines(), keep_times=True, now=now)
    exported = export_lines(now=now)
    for line, again in zip(example.splitlines(), exported, strict=True):
        assert same(decode(line), decode(again))
    assert "1.10" in exported[0]


@pytest.mark.parametrize("name", REAL)
def test_real_conversations_are_read_back_and_exported_as_they_were(api: Api, name: str) -> None:
    path = DATA / name
    one = Import()
    with gzip.open(path) as file:
        done = one.run(lines=split_lines(file))
    repeated = name.startswith("agent-frameworks")
    assert (done.refused, done.duplicates, done.repeated) == (0, 0, int(repeated))
    exported = iter(export_lines())
    with gzip.open(path) as file:
        for raw in file:
            line, again = decode(raw), decode(next(exported))
            assert again.keys() - line.keys() == ADDED
            assert all(same(line[name], again[name]) for name in line), line["session_id"]
            answer = decode(api.get("memory/list", session_id=line["session_id"]).content)
            assert answer["session"]["user_id"] == line["user_id"]
            assert len(answer["items"]) == len(line["messages"])
            for item, sent in zip(answer["items"], line["messages"], strict=True):
                state = sent.pop("state", None)
                assert same(item["message"], sent)
                assert same(item["state"], state)
                assert item["id"] in (sent["id"], f"{sent['id']}~2")
    assert next(exported, None) is None


def test_what_agents_sent_is_exported_and_imported_elsewhere_unchanged(api: Api) -> None:
    raw = '{"role":"user" ,\n  "content":"Hi\u2028\u0085 there","n":1.10,"state":null,"seq":"a"}'
    body = f'{{"session_id":"a b/c","user_id":"ann","message":{raw},"state":{{\r\n"x":[1E5]}}}}'
    assert api.post("memory/add", body).status_code == 201
    api.add("a b/c", "Second", id="m-2")
    api.add("a b/c", "Third", id="m-3", created_at=1_700_000_000)
    api.post("memory/delete", session_id="a b/c", id="m-2")
    api.post("sessions/update", session_id="a b/c", title="T\n", tags=["x"], state={"s": 1})
    [text] = export_lines()
    assert "\r" not in text
    line = decode(text)
    assert (line["title"], line["tags"], line["state"]) == ("T\n", ["x"], {"s": 1})
    assert [one.get("seq") for one in line["messages"]] == [None, 3]
    run_import(text.encode(), namespace="other", keep_times=True)
    assert export_lines("other") == [text]
    ours = decode(api.get("memory/list", session_id="a b/c").content)["items"]
    theirs = decode(Api(make_key("other")).get("memory/list", session_id="a b/c").content)["items"]
    assert same(ours, theirs)


def test_only_the_sessions_of_a_prefix_are_exported() -> None:
    run_import(*(session(name, message(1)) for name in ("org-1/a", "ORG-1/a", "org-1", "org-2/a")))
    assert [line["session_id"] for line in run_export(prefix="org-1/")] == ["org-1/a"]
    assert count_to_export(namespace="support", prefix="org-1/") == 1
    assert run_export(prefix="org-3/") == []


def test_expired_sessions_are_exported_and_ended_ones_are_not(api: Api) -> None:
    for name in ("kept", "begun again"):
        api.add(name, "Old")
        api.post("sessions/expire", session_id=name)
    api.add("begun again", "New")
    pieces: list[str] = []
    done = export_sessions(namespace="support", write=pieces.append)
    assert (done.sessions, done.messages, done.expired) == (2, 2, 1)
    lines = [json.loads(line) for line in "".join(pieces).split("\n")[:-1]]
    assert [line["messages"][0]["content"] for line in lines] == ["Old", "New"]


def test_an_unknown_namespace_is_not_an_empty_export() -> None:
    with pytest.raises(NotFound):
        run_export("unknown")


def test_an_expired_session_stays_expired_where_times_are_kept(api: Api) -> None:
    api.add("s", "Old")
    api.post("sessions/expire", session_id="s")
    lines = run_export()
    run_import(*lines, namespace="kept", keep_times=True)
    run_import(*lines, namespace="anew")
    assert json.loads(Api(make_key("kept")).get("memory/count", session_id="s").content) == {
        "count": 0
    }
    assert json.loads(Api(make_key("anew")).get("memory/count", session_id="s").content) == {
        "count": 1
    }


class Generated(io.RawIOBase):
    """A file that is made while it is read, so that it is never in memory itself."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Give the next bytes."""
        self._rest = self._rest or next(self._pieces, b"")
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _one_long_line(messages: int) -> Iterator[bytes]:
    yield b'{"session_id":"long","messages":['
    for number in range(messages):
        comma = b"," if number else b""
        yield comma + json.dumps(message(number, "x" * 8_000)).encode()
    yield b"]}\n"


def _many_lines(messages: int) -> Iterator[bytes]:
    for number in range(messages // 4):
        line = session(f"s-{number}", *(message(n, "x" * 8_000) for n in range(4)))
        yield json.dumps(line).encode() + b"\n"


def _peak(work: Any) -> int:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("lines", [_one_long_line, _many_lines])
def test_memory_is_flat_in_the_size_of_the_data(lines: Any) -> None:
    def both(namespace: str, messages: int) -> tuple[int, int]:
        source: IO[bytes] = io.BufferedReader(Generated(lines(messages)))  # type: ignore[assignment]
        written = [0]

        def write(text: str) -> None:
            written[0] += len(text)

        into = _peak(
            lambda: import_sessions(
                namespace=namespace, lines=split_lines(source), report=lambda *_: None
            )
        )
        out = _peak(lambda: export_sessions(namespace=namespace, write=write))
        assert written[0] > messages * 8_000
        return into, out

    both("warm", 600)
    few, many = both("few", 1_500), both("many", 4_500)  # 12 and 36 MB
    assert many[0] < few[0] * 1.2
    assert many[1] < few[1] * 1.2
