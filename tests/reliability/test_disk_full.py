"""A full disk stops what adds, and nothing else; it is over when there is room again."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from tests.conftest import Api
from tests.factories import make_key
from tests.reliability.writers import Agent, read_all
from tests.served import manage, new_environment, serving

LARGE = "x" * 100_000

pytestmark = pytest.mark.skipif(
    "connection.vendor != 'sqlite'", reason="PostgreSQL's disk is another machine's"
)


@pytest.fixture
def no_more_pages(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield what bounds the database to its present size, and what lifts that again."""
    options = connection.settings_dict["OPTIONS"]
    usual = options["init_command"]

    def bound(full: bool) -> None:
        # Other tests left free pages behind, which adds would use first.
        connection.cursor().execute("VACUUM")
        pages = connection.cursor().execute("PRAGMA page_count").fetchone()[0] if full else 2**30
        limit = f"PRAGMA max_page_count={pages}"
        # Also for connections that are opened after a refusal.
        monkeypatch.setitem(options, "init_command", f"{usual};{limit}" if full else usual)
        connection.cursor().execute(limit)

    yield bound
    bound(False)


def test_adds_get_507_and_the_rest_goes_on_until_there_is_room(no_more_pages: Any) -> None:
    api = Api(make_key())
    for number in range(5):
        api.add("chat", LARGE, id=f"m-{number}")
    api.add("other", "kept")
    no_more_pages(True)
    message = {"id": "late", "role": "user", "content": LARGE}
    for _ in range(3):
        refused = api.post("memory/add", session_id="chat", message=message)
        assert (refused.status_code, refused.json()["code"]) == (507, "storage_full")
        assert refused.headers["Retry-After"]
        assert api.get("memory/count", session_id="chat").json()["count"] == 5
    assert len(api.get("memory/list", session_id="chat").json()["items"]) == 5
    assert api.post("sessions/delete", session_id="other").json()["deleted"] == 1
    assert api.post("memory/delete", session_id="chat", id="m-0").json()["deleted"] == 1
    no_more_pages(False)
    assert api.post("memory/add", session_id="chat", message=message).json()["seq"] == 6


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder that is a disk of 160 MB; only root may make one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(folder: Path) -> Path:
    """Leave not a byte on a disk, as another program would."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        return filler


def test_a_disk_without_a_free_byte_still_reads_and_purges(small_disk: Path) -> None:
    installation = new_environment(small_disk, None)
    manage(installation, "migrate", "--verbosity", "0")
    with serving(installation) as served:
        agent = Agent(served.url, served.key)

        def add(number: int) -> int:
            message = {"id": f"m-{number}", "role": "user", "content": LARGE}
            body = {"session_id": f"s-{number % 4}", "message": message}
            return agent.call("memory/add", body)[0]

        stored: list[str] = []
        while (status := add(len(stored))) == 201:
            stored.append(f"m-{len(stored)}")
        assert status == 507
        filler = fill_up(small_disk)
        assert add(len(stored)) == 507
        kept = [item["id"] for n in range(4) for item in read_all(agent, f"s-{n}")]
        assert sorted(kept) == sorted(stored)
        status, answer = agent.call("sessions/delete", {"session_id": "s-3"})
        assert (status, answer.get("deleted")) == (200, 1), answer
        assert agent.call("memory/count?session_id=s-3")[1]["count"] == 0
        filler.unlink()
        deadline = time.monotonic() + 5
        while add(len(stored)) != 201:
            assert time.monotonic() < deadline, "there is room, and still nothing is added"
