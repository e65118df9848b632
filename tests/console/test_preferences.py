"""What a person chooses is kept for them, in the database, and every page follows it."""

import re
from typing import Any

import pytest
from django.test import Client

from memory_app import moments
from memory_app.errors import Invalid
from memory_app.models import Operator
from memory_app.operations.preferences import (
    COLUMNS,
    DEFAULT_COLUMNS,
    DEFAULTS,
    find_preferences,
    read_preferences,
    set_preferences,
    time_zones,
)
from tests.console.scenes import scene
from tests.factories import make_caller, make_session
from tests.people import acting, make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db

# 1 July 2026, half past eleven at night in UTC.
LATE = moments.from_rfc3339("2026-07-01T23:30:00Z")


def test_what_was_never_chosen_is_as_it_is_for_all() -> None:
    assert find_preferences(operator_id=acting().id) == DEFAULTS
    assert set(DEFAULT_COLUMNS) <= set(COLUMNS)


def test_a_choice_leaves_the_others_as_they_are() -> None:
    ann, ben = acting("ann"), acting("ben")
    set_preferences(person=ann, density="compact", keys=False)
    set_preferences(person=ann, theme="dark", columns=["expires", "user"])
    chosen = find_preferences(operator_id=ann.id)
    assert (chosen.density, chosen.theme, chosen.keys) == ("compact", "dark", False)
    assert chosen.columns == ("expires", "user")
    assert chosen.live
    assert find_preferences(operator_id=ben.id) == DEFAULTS


def test_a_choice_taken_back_is_not_kept() -> None:
    ann = acting("ann")
    set_preferences(person=ann, theme="dark", live=False)
    assert set_preferences(person=ann, theme="system", live=True) == DEFAULTS
    assert Operator.objects.get().preferences == "{}"


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ({"theme": "pink"}, "system or light or dark"),
        ({"density": "tight"}, "comfortable or compact"),
        ({"clock": "swatch"}, "utc or local"),
        ({"time_zone": "../etc/passwd"}, "Europe/Zurich"),
        ({"time_zone": "Etc/GMT+3"}, "Europe/Zurich"),
        ({"columns": ["status", "secret"]}, "status, namespace"),
        ({"columns": ["status", "status"]}, "at most once"),
    ],
)
def test_what_cannot_be_chosen_is_refused_with_what_can(wrong: Any, right: str) -> None:
    ann = acting("ann")
    with pytest.raises(Invalid, match=right):
        set_preferences(person=ann, **wrong)
    assert find_preferences(operator_id=ann.id) == DEFAULTS


def test_what_a_newer_version_kept_does_no_harm() -> None:
    kept = read_preferences('{"sound": "loud", "columns": ["user", "mood"], "density": "compact"}')
    assert kept.columns == ("user",)
    assert kept.density == "compact"
    assert read_preferences('{"theme": "pink"}') == DEFAULTS


def test_a_theme_follows_its_person_into_another_browser_and_stays_theirs() -> None:
    ann = make_person("ann")
    first, second = sign_in(Client(), ann), sign_in(Client(), ann)
    first.post("/preferences/", {"theme": "dark", "density": "compact"})
    assert '<html lang="en" data-theme="dark" data-density="compact">' in second.get("/").text
    assert '<html lang="en">' in signed_in("ben").get("/").text


def test_shortcuts_and_live_refresh_can_be_switched_off_and_on() -> None:
    client = signed_in("ann")
    client.post("/preferences/", {"keys": "off", "live": "off"})
    assert '<html lang="en" data-keys="off" data-live="off">' in client.get("/").text
    client.post("/preferences/", {"keys": "on", "live": "on"})
    assert '<html lang="en">' in client.get("/").text


def test_a_stranger_chooses_a_theme_and_nothing_else(client: Client) -> None:
    client.post("/preferences/", {"theme": "dark", "density": "compact"})
    assert '<html lang="en" data-theme="dark">' in client.get("/sign-in/").text


def test_no_column_may_be_left() -> None:
    client = signed_in("ann")
    client.post("/preferences/", {"columns": [""]})
    assert find_preferences(operator_id=Operator.objects.get().pk).columns == ()


def test_times_are_in_utc_until_a_person_chooses_their_own() -> None:
    client = a_late_session()
    assert 'title="2026-07-01 23:30:00 UTC"' in client.get("/sessions/").text
    client.post("/preferences/", {"time_zone": "Asia/Tokyo"})
    assert 'title="2026-07-01 23:30:00 UTC"' in client.get("/sessions/").text
    client.post("/preferences/", {"clock": "local"})
    page = client.get("/sessions/").text
    assert 'title="2026-07-02 08:30:00 JST"' in page
    assert "Times in Asia/Tokyo" in page


def test_the_zone_of_one_person_is_not_that_of_the_next() -> None:
    client = a_late_session()
    client.post("/preferences/", {"clock": "local", "time_zone": "Asia/Tokyo"})
    client.get("/sessions/")
    other = signed_in("ben", viewer="*").get("/sessions/").text
    assert 'title="2026-07-01 23:30:00 UTC"' in other


def test_days_of_a_transcript_follow_the_zone() -> None:
    agent = make_caller("support")
    uid = scene(agent)
    client = signed_in("ann", operator="*")
    there = client.get(f"/sessions/{uid}/").text
    assert re.search(r'title="[\d-]+ [\d:]+ UTC"', there)
    client.post("/preferences/", {"clock": "local", "time_zone": "Asia/Tokyo"})
    assert " JST" in client.get(f"/sessions/{uid}/").text


def test_lists_can_show_the_time_itself_instead_of_how_long_ago() -> None:
    client = a_late_session()
    assert "data-relative" in client.get("/sessions/").text
    client.post("/preferences/", {"relative": "off"})
    page = client.get("/sessions/").text
    assert "data-relative" not in page
    assert ">2026-07-01 23:30:00 UTC</time>" in page


def test_every_zone_that_is_offered_can_be_chosen() -> None:
    ann = acting("ann")
    assert time_zones()[0] == "UTC"
    for name in time_zones()[:: len(time_zones()) // 8]:
        assert set_preferences(person=ann, clock="local", time_zone=name).zone.key == name


def a_late_session() -> Client:
    make_session(make_caller("support"), "chat-1", "Hi", now=LATE)
    return signed_in("ann", viewer="*")
