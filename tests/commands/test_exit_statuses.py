"""The commands as a shell sees them: standard output, standard error, exit status."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the variables of an installation of its own, on SQLite."""
    folder = tmp_path_factory.mktemp("installation")
    variables = dict(os.environ) | {"LETHE_DATA_DIR": str(folder)}
    variables.pop("DATABASE_URL", None)
    return variables


def manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_a_new_installation_is_prepared_once_however_often_it_is_started(
    environment: dict[str, str],
) -> None:
    at_once = [
        subprocess.Popen(
            [sys.executable, "manage.py", "first_run"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=120) for process in at_once]
    assert [process.returncode for process in at_once] == [0, 0, 0], answers
    assert [error for _, error in answers] == ["", "", ""]
    welcome, *silent = sorted((said for said, _ in answers), key=len, reverse=True)
    assert silent == ["", ""]
    assert welcome.count("lethe_") == 2
    assert welcome.count("password") == 1
    assert "http://127.0.0.1:8000/api/v1/docs" in welcome
    assert "curl http://127.0.0.1:8000/api/v1/memory/add" in welcome
    again = manage(environment, "first_run")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    key = manage(environment, "create_key", "support", "--scopes", "read")
    assert (key.returncode, key.stderr) == (0, "")
    assert key.stdout.startswith("lethe_")
    refused = manage(environment, "create_key", "Not A Name")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    for wrong in (
        ["create_key"],
        ["rotate_key", "lethe_00000000", "--overlap", "1 day"],
        ["create_operator"],
        ["serve", "--bind", "8000"],
    ):
        ran = manage(environment, *wrong)
        assert (ran.returncode, ran.stdout) == (2, ""), (wrong, ran)
        assert ran.stderr


def test_a_database_that_is_away_is_status_1(environment: dict[str, str]) -> None:
    away = environment | {"DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"}
    for command in (["create_key", "support"], ["first_run"], ["create_operator", "ann"]):
        ran = manage(away, *command)
        assert (ran.returncode, ran.stdout) == (1, "")
        assert "database" in ran.stderr
        assert "Traceback" not in ran.stderr


@pytest.mark.parametrize("url", ["nonsense", "postgress://ann:secret@db/lethe", "mysql://db/lethe"])
def test_a_database_url_that_names_none_is_said_in_one_line(
    environment: dict[str, str], url: str
) -> None:
    ran = manage(environment | {"DATABASE_URL": url}, "cleanup")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == "DATABASE_URL must name an SQLite or a PostgreSQL database.\n"


def test_more_hosts_are_allowed_beside_the_public_one(environment: dict[str, str]) -> None:
    hosts = {"LETHE_PUBLIC_URL": "https://lethe.example.org", "LETHE_ALLOWED_HOSTS": "a.lan, b.lan"}
    ran = manage(environment | hosts, "diffsettings")
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("ALLOWED_HOSTS")]
    for host in ("127.0.0.1", "localhost", "lethe.example.org", "a.lan", "b.lan"):
        assert f"'{host}'" in line
