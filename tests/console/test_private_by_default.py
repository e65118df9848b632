"""Every page is private unless it says otherwise."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

pytestmark = pytest.mark.django_db

PUBLIC = {
    "console:sign_in",
    "console:sign_in_code",
    "console:sign_out",
    "console:preferences",
    "console:join",
}
FOR_PROGRAMS = ("api/", "healthz", "readyz", "metrics")


def views(
    resolver: URLResolver, prefix: str = "", names: tuple[str, ...] = ()
) -> Iterator[tuple[str, str, Any]]:
    """Yield the name, the pattern and the view of every URL of the site."""
    for entry in resolver.url_patterns:
        where = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = (*names, entry.namespace) if entry.namespace else names
            yield from views(entry, where, inner)
        elif isinstance(entry, URLPattern):
            yield ":".join((*names, entry.name or "?")), where, entry.callback


def pages() -> list[tuple[str, str, Any]]:
    return [one for one in views(get_resolver()) if not one[1].startswith(FOR_PROGRAMS)]


def test_only_these_pages_say_otherwise() -> None:
    assert {name for name, _, view in pages() if getattr(view, "open_to_all", False)} == PUBLIC


@pytest.mark.parametrize("where", sorted(where for name, where, _ in pages() if name not in PUBLIC))
def test_a_page_sends_strangers_to_sign_in(client: Client, where: str) -> None:
    path = "/" + where.replace("<uuid:", "<").split("<")[0]
    for method in (client.get, client.post):
        answer = method(path)
        # A path cut before its first variable part may be no page at all.
        assert answer.status_code in (302, 404)
        if answer.status_code == 302:
            assert answer["Location"].startswith("/sign-in/")


def test_strangers_are_brought_back_to_what_they_wanted(
    client: Client, urls_with_page: str
) -> None:
    answer = client.get(f"{urls_with_page}?user=u-1")
    assert answer["Location"] == f"/sign-in/?next={urls_with_page.replace('/', '%2F')}%3Fuser%3Du-1"


def test_programs_are_never_sent_to_a_form(client: Client) -> None:
    answer = client.get("/api/v1/sessions/list")
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert "Set-Cookie" not in answer
    assert client.get("/healthz").status_code == 200


def test_a_part_asked_for_after_the_session_ended_leads_to_sign_in(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/sessions/?q=a"}
    answer = client.get("/", headers=headers)
    assert answer.status_code == 401
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Fsessions%2F%3Fq%3Da"
    assert answer.content == b""


def test_the_page_to_come_back_to_is_never_of_another_site(client: Client) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "https://evil.example/x"}
    assert client.get("/", headers=headers)["HX-Redirect"] == "/sign-in/"


@pytest.fixture
def urls_with_page(settings: Any) -> str:
    settings.ROOT_URLCONF = "tests.console.site"
    return "/broken/"
