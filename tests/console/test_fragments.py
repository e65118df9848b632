"""The same view answers with a page or with a part of it."""

from typing import Any

import pytest
from django.test import Client

from tests.people import signed_in

pytestmark = pytest.mark.django_db

PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.console.site"


@pytest.fixture
def ann() -> Client:
    return signed_in("ann")


def test_a_person_gets_a_page_and_htmx_its_part(ann: Client) -> None:
    assert "<html" in ann.get("/speaking/").text
    part = ann.get("/speaking/", headers=PART).text
    assert "<html" not in part
    assert "<select" in part


@pytest.mark.parametrize(
    "more", [{"HX-History-Restore-Request": "true"}, {"HX-Request-Type": "full"}]
)
def test_going_back_in_history_gets_a_page(ann: Client, more: dict[str, str]) -> None:
    assert "<html" in ann.get("/speaking/", headers=PART | more).text


def test_caches_are_told_that_the_two_differ_and_keep_neither(ann: Client) -> None:
    answer = ann.get("/speaking/")
    assert answer["Cache-Control"] == "no-store"
    assert {"Cookie", "HX-Request", "HX-Request-Type"} <= set(answer["Vary"].split(", "))


def test_the_address_bar_changes_by_the_answer_to_a_part_only(ann: Client) -> None:
    assert ann.get("/speaking/", headers=PART)["HX-Push-Url"] == "/pushed/"
    assert "HX-Push-Url" not in ann.get("/speaking/")


def test_what_is_said_appears_once_with_page_and_with_part(ann: Client) -> None:
    said = "Three &lt;b&gt;sessions&lt;/b&gt; extended"
    assert ann.get("/speaking/").text.count(said) == 1
    part = ann.get("/speaking/", headers=PART).text
    assert part.count(said) == 1
    assert '<hx-partial hx-target="#toasts" hx-swap="beforeend">' in part
    assert said not in ann.get("/").text


def test_an_act_redirects_people_with_303_and_htmx_by_its_header(ann: Client) -> None:
    answer = ann.post("/moving/")
    assert (answer.status_code, answer["Location"]) == (303, "/elsewhere/")
    answer = ann.post("/moving/", headers=PART)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/elsewhere/")
