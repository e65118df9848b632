"""What the README tells a newcomer to do works, as it stands there."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from tests.contract import OPERATIONS
from tests.installations import client_programs
from tests.served import ROOT, Served, serving

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def in_shell(command: str, served: Served) -> str:
    command = command.replace("http://127.0.0.1:8000", served.url)
    command = re.sub(r"^export LETHE_KEY=.*$", "", command, flags=re.MULTILINE)
    environment = {**os.environ, "LETHE_KEY": served.key, "LETHE_URL": served.url}
    return subprocess.run(
        ["bash", "-euc", command], env=environment, check=True, capture_output=True, text=True
    ).stdout


def test_the_first_call_stores_a_message_and_reads_it_back(installation: dict[str, str]) -> None:
    (commands,) = [block for block in blocks("sh") if "memory/add" in block]
    add, listing = [part for part in commands.split("\n\n") if part.startswith("curl")]
    with serving(installation) as served:
        assert json.loads(in_shell(add, served))["seq"] == 1
        (item,) = json.loads(in_shell(listing, served))["items"]
    assert item["message"]["content"] == "Where is my refund?"


def test_the_agent_loop_is_short_and_remembers(
    installation: dict[str, str], tmp_path: Path
) -> None:
    (loop,) = [block for block in blocks("python") if "def turn" in block]
    assert len([line for line in loop.splitlines() if line.strip()]) < 30
    script = tmp_path / "loop.py"
    script.write_text(loop)
    with serving(installation) as served:
        environment = {**os.environ, "LETHE_KEY": served.key, "LETHE_URL": served.url}
        said = [
            subprocess.run(
                [sys.executable, script],
                env=environment,
                check=True,
                capture_output=True,
                text=True,
            ).stdout.strip()
            for _ in range(2)
        ]
    assert said == ["I remember 1 messages.", "I remember 3 messages."]


def test_every_link_of_the_documentation_leads_to_a_file() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not link.startswith("http"):
                assert (page.parent / link).exists(), f"{page.name}: {link}"


def shell_lines() -> list[str]:
    """Return what an administrator types, in its order, but for what would stay and serve."""
    lines = "\n".join(blocks("sh")).splitlines()
    typed = [line for line in lines if line.startswith(".venv/bin/python manage.py ")]
    return [line for line in typed if " serve" not in line and " --every " not in line]


def test_the_administrators_commands_work_as_they_stand(
    installation: dict[str, str], tmp_path: Path
) -> None:
    environment = installation | {"PATH": client_programs() + installation["PATH"]}
    prefix = "lethe_abcd1234"
    lines = shell_lines()
    assert len(lines) > 15
    for line in lines:
        line = line.replace("lethe_abcd1234", prefix)
        done = subprocess.run(
            ["bash", "-euc", line.replace(".venv/bin/python manage.py", '"$PYTHON" "$MANAGE"')],
            env=environment | {"PYTHON": sys.executable, "MANAGE": str(ROOT / "manage.py")},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (line, done.stderr)
        if " create_key " in line:
            prefix = done.stdout[: len(prefix)]


def test_every_setting_and_no_other_is_in_its_table() -> None:
    read = re.findall(r'env\.\w+\(\s*"(\w+)"', (ROOT / "config" / "settings.py").read_text())
    named = re.findall(r"^\| `([A-Z_]+)` \|", README, re.M)
    assert sorted(named) == sorted(read)


def test_the_metrics_to_alert_on_are_there(installation: dict[str, str]) -> None:
    alerts = README[README.index("Alert on") : README.index("Logs are")]
    with serving(installation) as served, urllib.request.urlopen(f"{served.url}/metrics") as page:
        served_names = set(re.findall(r"^# TYPE (\w+)", page.read().decode(), re.M))
    named = set(re.findall(r"`(lethe_\w+)`", alerts))
    assert len(named) > 2
    assert named - served_names == set()


def test_every_command_is_named() -> None:
    folder = ROOT / "memory_app" / "management" / "commands"
    made = {path.stem for path in folder.glob("[a-z]*.py")} - {"createsuperuser", "changepassword"}
    assert {name for name in made if not re.search(rf"\b{name}\b", README)} == set()


def test_every_operation_is_in_its_table() -> None:
    table = README[
        README.index("what an agent can call") : README.index("Each is on the docs page")
    ]
    named = set(re.findall(r"\b[a-z_]+\b", table))
    memory_and_sessions = {
        one.name.partition("/")[2]
        for one in OPERATIONS
        if one.name.startswith(("memory/", "sessions/"))
    }
    assert memory_and_sessions - named == set()


def test_every_path_and_command_that_it_names_exists() -> None:
    named = set(re.findall(r"\]\(((?:docs|memory_app|tests)/[^)#]+)\)", README))
    assert [path for path in named if not (ROOT / path).exists()] == []
    targets = set(re.findall(r"`make (\w+)", README)) | set(
        re.findall(r"^make (\w+)", README, re.M)
    )
    rules = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    assert targets - rules == set()
    commands = set(re.findall(r"manage\.py ([a-z_]+)", README)) - {"migrate", "check"}
    folder = ROOT / "memory_app" / "management" / "commands"
    assert [name for name in commands if not (folder / f"{name}.py").exists()] == []
