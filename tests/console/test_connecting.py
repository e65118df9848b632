"""The programs that the console offers to copy run, as they are, against a real server."""

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from memory_app.console.connecting import examples, placeholder
from tests.served import Served, manage, serving


@pytest.fixture
def served(installation: dict[str, str]) -> Iterator[Served]:
    with serving(installation) as server:
        yield server


def text_of(served: Served, name: str, key: str, *scopes: str) -> str:
    texts = {one.id: one.text for one in examples(base=served.url, key=key, scopes=scopes)}
    return texts[name]


def commands(name: str, text: str, folder: Path) -> list[str]:
    """Return how a person runs a program that they copied."""
    if name == "curl":
        return ["sh", "-c", text]
    if name == "python":
        return [sys.executable, "-c", text]
    # What the text has of TypeScript is JavaScript too, so that nothing has to be compiled.
    program = folder / "first.mjs"
    program.write_text(text)
    return ["node", str(program)]


def run(name: str, text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if name == "typescript" and not shutil.which("node"):
        pytest.skip("no node here: the TypeScript text was not run")
    return subprocess.run(
        commands(name, text, folder), capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("name", ["curl", "python", "typescript"])
def test_a_program_does_the_first_thing_that_its_key_may_do(
    served: Served, tmp_path: Path, name: str
) -> None:
    done = run(name, text_of(served, name, served.key, "read", "write"), tmp_path)
    assert done.returncode == 0, done.stderr
    assert stored(served) == ["Hello, Lethe"]
    for scope in ("read", "purge"):
        key = manage(served.environment, "create_key", "bench", "--scopes", scope).strip()
        done = run(name, text_of(served, name, key, scope), tmp_path)
        assert done.returncode == 0, done.stderr
        assert "items" in done.stdout
    unknown = run(name, text_of(served, name, placeholder("lethe_abcdefgh"), "write"), tmp_path)
    said = unknown.stdout + unknown.stderr
    assert "401" in said or "unauthenticated" in said


def stored(served: Served) -> list[str]:
    request = urllib.request.Request(
        f"{served.url}/api/v1/memory/list?session_id=hello",
        headers={"Authorization": f"Bearer {served.key}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return [item["message"]["content"] for item in json.load(answer)["items"]]
