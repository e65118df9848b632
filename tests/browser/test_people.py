"""Inviting, entering by a link, and being put out, in a browser with JavaScript and without."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, Request, expect

from memory_app.models import Operator
from tests.browser.conftest import admit, look, watch
from tests.people import make_person

WORDS = "four unusual words here"


@pytest.fixture
def invited(either: Page, live_server: Any) -> str:
    """Return the link that an administrator gets for Zoë, in a browser of either kind."""
    admit(either.context, live_server.url, make_person("olga", administrator="*"))
    either.goto(f"{live_server.url}/people/")
    either.locator("#username").fill("zoë")
    either.get_by_label("Role there").select_option("viewer")
    either.get_by_role("button", name="Invite").click()
    expect(either.get_by_role("heading", name="A link for zoë")).to_be_visible()
    look(either, "link")
    link = (either.locator("#link").text_content() or "").strip()
    assert link.startswith(f"{live_server.url}/join/#inv_")
    either.context.clear_cookies()
    return link


def test_an_invited_person_enters_by_the_link_and_signs_in(
    either: Page, live_server: Any, invited: str
) -> None:
    problems = watch(either)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    either.on("request", note)
    either.goto(invited)
    if either.get_by_label("The link you were given").is_visible():
        # Without JavaScript nothing reads what stands behind the #: it is pasted.
        either.get_by_label("The link you were given").fill(invited)
        either.get_by_role("button", name="Go on").click()
    expect(either.get_by_role("heading", name="Welcome, zoë")).to_be_visible()
    assert either.url == f"{live_server.url}/join/"
    either.get_by_label("New password").fill(WORDS)
    either.get_by_label("The same again").fill(WORDS)
    either.get_by_role("button", name="Set the password").click()
    expect(either.get_by_text("Sign in as zoë.")).to_be_visible()
    either.get_by_label("Name").fill("zoë")
    either.get_by_label("Password").fill(WORDS)
    with either.expect_navigation():
        either.keyboard.press("Enter")
    expect(either.get_by_label("Account: zoë")).to_be_visible()
    secret = invited.rpartition("#")[2]
    # Playwright shows the address as it was typed; the part behind # is not sent.
    assert [url for url in asked if secret in url.partition("#")[0]] == []
    assert problems == []


def test_a_link_that_was_used_says_so(either: Page, live_server: Any, invited: str) -> None:
    Client().post("/join/", {"link": invited, "password": WORDS, "again": WORDS})
    either.goto(f"{live_server.url}/join/")
    either.get_by_label("The link you were given").fill(invited)
    either.get_by_role("button", name="Go on").click()
    expect(either.get_by_role("alert")).to_contain_text("used already")
    expect(either.get_by_label("The link you were given")).to_have_value("")


def test_the_page_with_a_link_is_accessible(
    administrator: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    administrator.goto(f"{live_server.url}/people/")
    administrator.locator("#username").fill("zoë")
    administrator.get_by_role("button", name="Invite").click()
    expect(administrator.get_by_role("button", name="Copy the link")).to_be_visible()
    assert axe() == []
    for width in (1440, 390, 320):
        administrator.set_viewport_size({"width": width, "height": 900})
        assert administrator.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def test_roles_are_given_and_somebody_is_deactivated(
    either: Page, live_server: Any, browser: Browser
) -> None:
    ann = make_person("ann", viewer="*")
    admit(either.context, live_server.url, make_person("olga", administrator="*"))
    context = browser.new_context()
    admit(context, live_server.url, ann)
    open_page = context.new_page()
    open_page.goto(f"{live_server.url}/sessions/")

    either.goto(f"{live_server.url}/people/")
    either.get_by_role("link", name="ann", exact=True).click()
    either.get_by_label("Everywhere", exact=True).select_option("operator")
    either.get_by_role("button", name="Save the roles everywhere").click()
    expect(either.get_by_text("ann is Operator everywhere now.")).to_be_visible()
    either.get_by_role("button", name="Deactivate").click()
    expect(either.get_by_text("ann is deactivated, and signed out everywhere.")).to_be_visible()
    expect(either.get_by_role("button", name="Reactivate")).to_be_visible()

    open_page.evaluate("document.body.dispatchEvent(new CustomEvent('console:tick'))")
    open_page.wait_for_url(f"{live_server.url}/sign-in/?next=%2Fsessions%2F")
    context.close()


def test_the_last_administrator_is_told_that_they_stay(either: Page, live_server: Any) -> None:
    olga = make_person("olga", administrator="*")
    admit(either.context, live_server.url, olga)
    either.goto(f"{live_server.url}/people/{olga.pk}/")
    either.get_by_label("Administrator").first.uncheck()
    either.get_by_role("button", name="Save the roles everywhere").click()
    expect(either.get_by_role("alert")).to_contain_text("Without olga, the last administrator")
    assert Operator.objects.get().roles.count() == 1
