"""Settings: facts for administrators, and no secret."""

from typing import Any

import pytest
from django.conf import settings as now_set

from memory_app.models import LastBackup, Scrub
from memory_app.moments import process_clock
from memory_app.version import VERSION
from tests.console.scenes import SECRETS, person, scene

pytestmark = pytest.mark.django_db


def test_an_administrator_sees_what_runs_and_its_limits() -> None:
    text = person("administrator").get("/settings/").text
    assert f"Lethe {VERSION}" in text
    assert "LETHE_SCRUB_WINDOW" in text
    assert "<dt>Message</dt><dd>4 MB</dd>" in text
    assert "none yet" in text


def test_no_secret_and_no_content_is_on_it(settings: Any) -> None:
    scene()
    settings.LETHE_METRICS_TOKEN = "a-token-that-stays-here"
    text = person("administrator").get("/settings/").text
    assert "with the token" in text
    password = str(now_set.DATABASES["default"].get("PASSWORD") or "no-password-is-set")
    for secret in (now_set.SECRET_KEY, "a-token-that-stays-here", password, *SECRETS):
        assert secret not in text


@pytest.mark.parametrize("role", ["viewer", "operator", "privacy_officer"])
def test_others_are_refused(role: str) -> None:
    client = person(role)
    assert client.get("/settings/").status_code == 403
    assert 'href="/settings/"' not in client.get("/overview/").text


def test_a_scrub_that_was_not_finished_is_told() -> None:
    Scrub.objects.create(
        started_at=process_clock(),
        finished_at=process_clock(),
        asked=False,
        removals_through=0,
        size_before=1,
        problem="a reader was in the way",
    )
    text = person("administrator").get("/settings/").text
    assert "not finished: a reader was in the way" in text


def test_the_last_backup_is_shown_with_its_moment_and_size() -> None:
    adam = person("administrator")
    assert "none yet, or none since a restore" in adam.get("/settings/").text
    LastBackup.objects.create(id=1, began_at=1_764_000_000_000_000, size_bytes=3 * 2**20)
    last = adam.get("/settings/").text.split("<dt>Last backup</dt>")[1].split("</dd>")[0]
    assert "2025-11-24T16:00:00" in last
    assert "3.0 MB" in last


@pytest.mark.parametrize(
    ("window", "said"),
    [(None, "never by itself"), ((0, 1440), "at any time"), ((120, 300), "02:00 to 05:00 UTC")],
)
def test_the_window_is_said_in_words(settings: Any, window: Any, said: str) -> None:
    settings.LETHE_SCRUB_WINDOW = window
    assert said in person("administrator").get("/settings/").text
