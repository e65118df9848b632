"""The command palette, by keyboard alone and without JavaScript."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import admit, look
from tests.console.scenes import scene
from tests.people import make_person


@pytest.fixture
def page_with_session(privacy_officer: Page, live_server: Any) -> Page:
    scene()
    privacy_officer.goto(f"{live_server.url}/policies/")
    return privacy_officer


def test_a_session_is_reached_by_a_few_letters_of_its_id(
    page_with_session: Page, problems: list[str], axe: Callable[..., list[str]]
) -> None:
    page = page_with_session
    page.keyboard.press("Control+k")
    expect(page.locator("#jump-q")).to_be_focused()
    expect(page.locator("#jump-found a").first).to_contain_text("Overview")
    look(page, "palette")
    assert axe("#jump") == []
    page.keyboard.type("org-1")
    expect(page.locator("#jump-found a")).to_have_count(1)
    expect(page.locator("#jump [data-live]")).to_have_text("1 place found")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/sessions/[0-9a-f]{32}/"))
    assert problems == []


def test_enter_waits_for_what_was_typed(page_with_session: Page) -> None:
    page = page_with_session
    page.keyboard.press("Control+k")
    page.keyboard.type("legal")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/holds/$"))


def test_arrows_choose_among_the_places(page_with_session: Page) -> None:
    page = page_with_session
    page.keyboard.press("Control+k")
    places = page.locator("#jump-found a")
    expect(page.locator("#jump [data-live]")).to_contain_text("places found")
    page.keyboard.press("ArrowDown")
    expect(places.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(places.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#jump-q")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/sessions/$"))


def test_escape_closes_it_and_the_focus_returns(page_with_session: Page) -> None:
    page = page_with_session
    account = page.get_by_label("Account: ann")
    account.focus()
    page.keyboard.press("Control+k")
    expect(page.locator("#jump-q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#jump")).to_be_hidden()
    expect(account).to_be_focused()


def test_it_opens_while_one_types_elsewhere_and_by_its_button(
    page_with_session: Page, live_server: Any
) -> None:
    page = page_with_session
    page.goto(f"{live_server.url}/sessions/")
    page.locator("#q").focus()
    page.keyboard.press("Control+k")
    expect(page.locator("#jump-q")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_be_focused()
    page.get_by_role("link", name="Jump to").click()
    expect(page.locator("#jump-q")).to_be_focused()


def test_it_is_a_page_without_javascript(plain_page: Page, live_server: Any) -> None:
    scene()
    admit(plain_page.context, live_server.url, make_person("ann", viewer="*"))
    plain_page.goto(f"{live_server.url}/policies/")
    plain_page.get_by_role("link", name="Jump to").click()
    plain_page.get_by_label("A page, or the beginning of an id").fill("org-1")
    plain_page.get_by_role("button", name="Find").click()
    plain_page.get_by_role("link", name="org-1/ann").click()
    expect(plain_page).to_have_url(re.compile("/sessions/[0-9a-f]{32}/"))
