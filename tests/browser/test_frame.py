"""The frame around every page: menus, theme, keys, toasts, dialogs."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.models import Operator
from tests.browser.conftest import SignIn, look


@pytest.fixture
def parts(as_person: SignIn, live_server: Any, settings: Any) -> Page:
    """Return a page with links that htmx answers in place."""
    settings.ROOT_URLCONF = "tests.console.site"
    page = as_person()
    page.goto(f"{live_server.url}/parts/")
    return page


def test_the_skip_link_leads_past_the_frame(parts: Page) -> None:
    parts.keyboard.press("Tab")
    look(parts, "skip-link")
    expect(parts.get_by_role("link", name="Skip to main content")).to_be_focused()
    parts.keyboard.press("Enter")
    expect(parts.locator("#main")).to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_theme_is_chosen_at_once_and_kept(parts: Page, theme: str) -> None:
    parts.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    parts.get_by_label("Theme").first.select_option(theme)
    parts.wait_for_selector(f"html[data-theme={theme}]")
    scheme = parts.evaluate("getComputedStyle(document.documentElement).colorScheme")
    assert scheme == theme
    parts.reload()
    parts.wait_for_selector(f"html[data-theme={theme}]")


def test_a_theme_is_chosen_without_javascript(plain_page: Page, live_server: Any) -> None:
    plain_page.goto(f"{live_server.url}/sign-in/")
    plain_page.get_by_label("Theme").select_option("dark")
    plain_page.get_by_role("button", name="Apply").click()
    expect(plain_page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_account_menu_opens_and_closes_by_keyboard(parts: Page) -> None:
    account = parts.get_by_label("Account: ann")
    account.focus()
    parts.keyboard.press("Enter")
    expect(parts.get_by_role("button", name="Sign out")).to_be_visible()
    look(parts, "account-menu")
    parts.keyboard.press("Tab")
    parts.keyboard.press("Escape")
    expect(parts.get_by_role("button", name="Sign out")).to_be_hidden()
    expect(account).to_be_focused()


def test_a_click_elsewhere_closes_a_menu(parts: Page) -> None:
    parts.get_by_label("Account: ann").click()
    parts.get_by_role("heading", name="Parts").click()
    expect(parts.get_by_role("button", name="Sign out")).to_be_hidden()


def test_on_a_phone_the_side_bar_is_a_menu(parts: Page, axe: Callable[..., list[str]]) -> None:
    parts.set_viewport_size({"width": 390, "height": 844})
    expect(parts.locator(".side")).to_be_hidden()
    parts.get_by_label("Menu").click()
    expect(parts.locator(".mnav .theme")).to_be_visible()
    look(parts, "phone-menu")
    assert axe() == []
    assert parts.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_part_is_swapped_in_and_what_is_said_is_shown(parts: Page, problems: list[str]) -> None:
    parts.get_by_role("link", name="/speaking/").click()
    expect(parts.locator("#toasts")).to_contain_text("Three <b>sessions</b> extended")
    expect(parts.locator("#results select")).to_be_visible()
    expect(parts).to_have_url(re.compile(r"/pushed/$"))
    look(parts, "toast")
    parts.get_by_role("button", name="Dismiss").click()
    expect(parts.locator(".toast")).to_have_count(0)
    assert problems == []


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("/broken/", "Something failed in Lethe"),
        ("/refusing/?code=forbidden", "Your role does not allow this"),
        ("/nothing/", "There is nothing here"),
    ],
)
def test_a_failure_is_said_once_and_leaves_the_page_as_it_was(
    parts: Page, axe: Callable[..., list[str]], link: str, said: str
) -> None:
    before = parts.url
    parts.get_by_role("link", name=link).click()
    expect(parts.locator(".toast")).to_contain_text(said)
    expect(parts.locator(".toast")).to_have_count(1)
    expect(parts.locator("#results")).to_have_text("Rows as they were")
    assert parts.url == before
    look(parts, "toast-error")
    assert axe() == []


def test_a_lost_connection_is_said_with_a_way_to_retry(parts: Page) -> None:
    parts.context.set_offline(True)
    parts.get_by_role("link", name="/speaking/").click()
    expect(parts.locator(".toast")).to_contain_text("could not be reached")
    expect(parts.locator("#results")).to_have_text("Rows as they were")
    parts.context.set_offline(False)
    parts.get_by_role("button", name="Retry").click()
    expect(parts.locator("#toasts")).to_contain_text("Three <b>sessions</b> extended")


def test_an_answer_of_something_in_between_is_not_taken_for_ours(parts: Page) -> None:
    parts.route(
        "**/speaking/", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>")
    )
    parts.get_by_role("link", name="/speaking/").click()
    expect(parts.locator(".toast")).to_contain_text("The server answered 502")
    expect(parts.locator("#results")).to_have_text("Rows as they were")


def test_a_session_that_ended_leads_to_sign_in_and_back(parts: Page, live_server: Any) -> None:
    Operator.objects.update(is_active=False)
    parts.get_by_role("link", name="/speaking/").click()
    parts.wait_for_url(f"{live_server.url}/sign-in/?next=%2Fparts%2F")


def test_a_dialog_takes_the_focus_to_the_safe_choice_and_gives_it_back(
    parts: Page, axe: Callable[..., list[str]]
) -> None:
    ask = parts.get_by_role("link", name="Ask")
    ask.focus()
    parts.keyboard.press("Enter")
    expect(parts.get_by_role("link", name="Keep it")).to_be_focused()
    look(parts, "dialog")
    assert axe() == []
    parts.keyboard.press("Escape")
    expect(parts.get_by_role("dialog")).to_have_count(0)
    expect(ask).to_be_focused()


def test_the_safe_choice_closes_the_dialog_and_leaves_nothing_behind(parts: Page) -> None:
    ask = parts.get_by_role("link", name="Ask")
    ask.click()
    parts.get_by_role("link", name="Keep it").click()
    expect(parts.locator("#modal-slot dialog")).to_have_count(0)
    expect(ask).to_be_focused()
    assert parts.url.endswith("/parts/")


def test_what_is_refused_in_a_dialog_is_said_above_it_and_can_be_dismissed(parts: Page) -> None:
    parts.get_by_role("link", name="Ask").click()
    parts.get_by_role("button", name="Refused").click()
    expect(parts.locator(".toast")).to_contain_text("Your role does not allow this")
    look(parts, "toast-above-dialog")
    parts.get_by_role("button", name="Dismiss").click()
    expect(parts.locator(".toast")).to_have_count(0)
    expect(parts.get_by_role("dialog")).to_be_visible()


def test_an_act_that_is_done_closes_its_dialog_and_the_focus_is_not_lost(parts: Page) -> None:
    ask = parts.get_by_role("link", name="Ask")
    ask.click()
    parts.get_by_role("button", name="Purge").click()
    expect(parts.get_by_role("dialog")).to_have_count(0)
    expect(ask).to_be_focused()


def test_shortcuts_are_listed_under_their_own_key(
    parts: Page, axe: Callable[..., list[str]], problems: list[str]
) -> None:
    parts.keyboard.press("?")
    expect(parts.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    look(parts, "keys")
    assert axe() == []
    parts.keyboard.press("Escape")
    expect(parts.get_by_role("dialog")).to_have_count(0)
    expect(parts.get_by_role("button", name="Shortcuts")).to_be_focused()
    assert problems == []


def test_shortcuts_can_be_switched_off_and_on(parts: Page) -> None:
    parts.keyboard.press("?")
    parts.get_by_role("button", name="Switch shortcuts off").click()
    parts.wait_for_selector("html[data-keys=off]")
    parts.keyboard.press("?")
    expect(parts.get_by_role("dialog")).to_have_count(0)
    parts.get_by_role("button", name="Shortcuts").click()
    parts.get_by_role("button", name="Switch shortcuts on").click()
    parts.wait_for_selector("html:not([data-keys])")


def test_a_key_changes_the_theme(parts: Page) -> None:
    for theme in ("light", "dark"):
        parts.keyboard.press("t")
        parts.wait_for_selector(f"html[data-theme={theme}]")
    parts.keyboard.press("t")
    parts.wait_for_selector("html:not([data-theme])")


def test_a_key_pair_leads_to_a_page_of_the_side_bar(parts: Page, live_server: Any) -> None:
    parts.keyboard.press("g")
    parts.keyboard.press("s")
    parts.wait_for_url(f"{live_server.url}/sessions/")
