"""Which cookies a browser gets, by the URL under which people reach Lethe."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
ASK = """
import json
from django.conf import settings as s
names = [s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.LETHE_COOKIE_PREFIX + "theme"]
print(json.dumps([names, s.SESSION_COOKIE_SECURE and s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS]))
"""


def ask(url: str, tmp_path: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LETHE_PUBLIC_URL": url,
        "LETHE_DATA_DIR": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    return subprocess.run(
        [sys.executable, *(command or ("-c", ASK))],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "https://lethe.example.org",
            [["__Host-sid", "__Host-csrf", "__Host-theme"], True, 31536000],
        ),
        ("http://lethe.internal", [["sessionid", "csrftoken", "theme"], False, 0]),
        ("", [["sessionid", "csrftoken", "theme"], False, 0]),
    ],
)
def test_cookies_are_bound_to_the_host_where_the_address_is_https(
    url: str, expected: list[Any], tmp_path: Path
) -> None:
    assert json.loads(ask(url, tmp_path).stdout) == expected


def test_the_deployment_check_has_nothing_to_say(tmp_path: Path) -> None:
    told = ask("https://lethe.example.org", tmp_path, "manage.py", "check", "--deploy")
    assert "no issues" in told.stdout + told.stderr
