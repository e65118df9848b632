"""What surrounds every page: security headers, the theme, the navigation, the templates' rules."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from memory_app.console import navigation
from memory_app.models import Role
from memory_app.operations.rights import Person
from tests.people import signed_in

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.django_db
def test_a_page_allows_nothing_but_its_own_files(client: Client) -> None:
    answer = client.get("/sign-in/")
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "data:" not in policy
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "same-origin"


@pytest.mark.django_db
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_chosen_theme_is_on_the_page_from_the_first_byte(client: Client, theme: str) -> None:
    answer = client.post("/preferences/", {"theme": theme, "next": "/sign-in/"})
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/")
    assert client.cookies["theme"]["httponly"]
    assert f'<html lang="en" data-theme="{theme}">' in client.get("/sign-in/").text


@pytest.mark.django_db
def test_no_theme_or_an_invented_one_follows_the_system(client: Client) -> None:
    client.post("/preferences/", {"theme": "dark"})
    client.post("/preferences/", {"theme": "system"})
    assert '<html lang="en">' in client.get("/sign-in/").text
    client.cookies["theme"] = '"><script>'
    assert '<html lang="en">' in client.get("/sign-in/").text


@pytest.mark.django_db
def test_the_choice_of_a_theme_never_leads_to_another_site(client: Client) -> None:
    answer = client.post("/preferences/", {"theme": "dark", "next": "//evil.example"})
    assert answer["Location"] == "/"


@pytest.mark.django_db
def test_a_person_without_a_role_is_told_so() -> None:
    answer = signed_in("ann").get("/")
    assert answer.status_code == 200
    assert "You have no role yet" in answer.text


@pytest.mark.django_db
def test_every_link_of_the_side_bar_leads_somewhere(client: Client) -> None:
    roles = frozenset(Role.values)
    client = signed_in("ann", **dict.fromkeys(roles, "*"))
    person = Person(1, "ann", {"*": roles})
    for _, links in navigation.links_for(person):
        for link in links:
            assert client.get(link.url).status_code == 200, link.url


def test_the_side_bar_shows_what_exists_and_the_person_may_open(settings: Any) -> None:
    everyone = frozenset(Role.values)
    shown = [
        link.label
        for _, links in navigation.links_for(Person(1, "ann", {"*": everyone}))
        for link in links
    ]
    assert len(shown) == len(set(shown))
    assert navigation.links_for(Person(1, "ben", {})) == []


def test_a_page_that_does_not_exist_has_no_url() -> None:
    assert navigation.url_of("no_such_page") == ""
    assert navigation.url_of("sign_in") == reverse("console:sign_in")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_template_has_nothing_inline_and_trusts_no_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r"hx-on|\bjs:|hx-boost|hx-push-url|hx-(delete|put|patch)=", text)
    assert not re.search(r"\|\s*safe\b|autoescape off|mark_safe", text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_form_that_changes_something_carries_its_token(path: Path) -> None:
    text = path.read_text()
    for form in re.findall(r"<form\b.*?</form>", text, flags=re.DOTALL):
        if re.search(r'method="?post|hx-post', form):
            assert "{% csrf_token %}" in form
        assert not ("hx-post" in form and 'method="post"' not in form), "it needs JavaScript"
