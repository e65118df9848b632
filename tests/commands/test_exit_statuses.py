"""The commands as a shell sees them: standard output, standard error, exit status."""

import os
import re
import signal
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


def manage(
    environment: dict[str, str], *arguments: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        input=given,
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


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (["create_key", "Not A Name"], 1),
        (["cleanup", "--namespace", "nowhere"], 1),
        (["restore", "nowhere.backup", "--yes"], 1),
        (["set_policy", "nowhere", "--idle", "3d"], 1),
        (["import_sessions", "nowhere.jsonl"], 1),
        (["import_sessions", "-", "--namespace", "support"], 3),
        (["serve", "--workers", "0"], 2),
    ],
)
def test_a_refusal_is_a_plain_sentence_without_the_name_of_a_class(
    environment: dict[str, str], command: list[str], status: int
) -> None:
    manage(environment, "migrate", "--verbosity", "0")
    ran = manage(environment, *command, given="{bad\n")
    assert ran.returncode == status, ran
    last = ran.stderr.splitlines()[-1]
    assert not re.match(r"[A-Z]\w+: ", last), last
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    "command",
    [["place_hold", "a", "--matter", "m"], ["cleanup", "--every", "0s"], ["backup"]],
)
def test_wrong_usage_is_said_in_the_last_line_after_what_would_be_right(
    environment: dict[str, str], command: list[str]
) -> None:
    ran = manage(environment, *command)
    assert (ran.returncode, ran.stdout) == (2, "")
    usage, *_, last = ran.stderr.splitlines()
    assert usage.startswith("usage: ")
    assert f"{command[0]}: error: " in last


def test_a_reader_that_leaves_is_told_in_one_line(environment: dict[str, str]) -> None:
    manage(environment, "migrate", "--verbosity", "0")
    manage(environment, "create_key", "support")
    lines = "".join(f'{{"session_id": "s-{n}", "messages": []}}\n' for n in range(2_000))
    manage(environment, "import_sessions", "-", "--namespace", "support", given=lines)
    export = subprocess.Popen(
        [sys.executable, "manage.py", "export_sessions", "-", "--namespace", "support"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert export.stdout is not None
    assert export.stderr is not None
    export.stdout.read(10)
    export.stdout.close()
    assert export.stderr.read() == "-: Broken pipe\n"
    assert export.wait() == 1


def test_ctrl_c_ends_a_command_in_one_line(environment: dict[str, str]) -> None:
    manage(environment, "migrate", "--verbosity", "0")
    waits = subprocess.Popen(
        [sys.executable, "manage.py", "import_sessions", "-", "--namespace", "support"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What runs in the background of a shell ignores Ctrl-C, and so would this.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert waits.stdin is not None
    # Once it has read a line, it waits for the next.
    waits.stdin.write("{bad\n")
    waits.stdin.flush()
    assert waits.stderr is not None
    assert "not JSON" in waits.stderr.readline()
    waits.send_signal(signal.SIGINT)
    _, said = waits.communicate(timeout=30)
    assert waits.returncode == 1
    assert said == "interrupted; the same command run again goes on from there\n"


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
