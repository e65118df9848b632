"""A person's own account in a browser, with JavaScript and without."""

import re
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from playwright.sync_api import Page, expect

from memory_app import moments
from memory_app.operations.sign_ins import IDLE
from tests.browser import scenes
from tests.browser.conftest import SignIn, admit, look, watch
from tests.people import PASSWORD, make_person, sign_in

WORDS = "four unusual words here"


@pytest.fixture
def account(either: Page, live_server: Any) -> Page:
    """Return Ann's account page in a browser of either kind."""
    admit(either.context, live_server.url, make_person("ann", viewer="*"))
    either.goto(f"{live_server.url}/account/")
    return either


def test_what_is_chosen_is_kept_and_shown(account: Page, live_server: Any) -> None:
    account.locator("#own-theme").select_option("dark")
    account.get_by_label("Density of lists").select_option("compact")
    account.get_by_label("Times are in").select_option("local")
    account.get_by_label("My time zone").select_option("Asia/Tokyo")
    account.get_by_label("Single keys are shortcuts").uncheck()
    account.get_by_role("button", name="Save").click()
    expect(account.get_by_text("Kept.")).to_be_visible()
    page = account.locator("html")
    for name, value in (("theme", "dark"), ("density", "compact"), ("keys", "off")):
        expect(page).to_have_attribute(f"data-{name}", value)
    expect(account.locator(".side")).to_contain_text("Times in Asia/Tokyo")
    expect(account.get_by_label("Single keys are shortcuts")).not_to_be_checked()
    expect(account.get_by_label("Pages refresh themselves")).to_be_checked()


def test_the_password_is_changed_and_other_places_are_ended(
    account: Page, live_server: Any
) -> None:
    account.get_by_label("Current password").fill("wrong")
    account.get_by_label("New password", exact=True).fill(WORDS)
    account.get_by_label("New password again").fill(WORDS)
    account.get_by_role("button", name="Change the password").click()
    expect(account.get_by_role("alert")).to_contain_text("not your current password")
    expect(account.get_by_label("Current password")).to_be_focused()
    account.get_by_label("Current password").fill(PASSWORD)
    account.get_by_label("New password", exact=True).fill(WORDS)
    account.get_by_label("New password again").fill(WORDS)
    account.get_by_role("button", name="Change the password").click()
    expect(account.get_by_text("Your password is changed.")).to_be_visible()
    account.reload()
    expect(account.get_by_role("heading", name="Your account")).to_be_visible()


def test_another_place_is_signed_out(account: Page, live_server: Any) -> None:
    other = sign_in(Client(), scenes.Operator.objects.get())
    account.reload()
    account.get_by_role("button", name=re.compile("Sign out of")).click()
    expect(account.get_by_text("You are signed out there.")).to_be_visible()
    assert other.get("/account/").status_code == 302


def test_a_second_factor_is_added_and_then_asked_for(account: Page, live_server: Any) -> None:
    problems = watch(account)
    account.get_by_role("link", name="Add a second factor").click()
    account.get_by_label("Your password").fill(PASSWORD)
    account.get_by_role("button", name="Begin").click()
    expect(account.get_by_role("img", name="QR code")).to_be_visible()
    secret = (account.locator("#secret").text_content() or "").replace(" ", "")
    account.get_by_label("The code that the app shows now").fill(pyotp.TOTP(secret).now())
    account.get_by_role("button", name="Confirm").click()
    expect(account.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    look(account, "recovery-codes")
    codes = account.locator("#recovery li").all_text_contents()
    assert len(codes) == 10

    account.context.clear_cookies()
    account.goto(f"{live_server.url}/sign-in/")
    account.get_by_label("Name").fill("ann")
    account.get_by_label("Password").fill(PASSWORD)
    with account.expect_navigation():
        account.keyboard.press("Enter")
    expect(account.get_by_role("heading", name="One more step, ann")).to_be_visible()
    account.get_by_label("Code from your app").fill("000000")
    with account.expect_navigation():
        account.keyboard.press("Enter")
    expect(account.get_by_role("alert")).to_contain_text("not the one that your app shows")
    expect(account.get_by_label("Code from your app")).to_be_focused()
    account.get_by_label("Code from your app").fill(codes[0])
    with account.expect_navigation():
        account.keyboard.press("Enter")
    expect(account.get_by_label("Account: ann")).to_be_visible()
    assert problems == []


def test_the_second_step_is_accessible(
    page: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    make_person("ann")
    scenes.enrol()
    page.goto(f"{live_server.url}/sign-in/")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    look(page, "second-step")
    assert axe() == []
    page.get_by_label("Code from your app").fill("0")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    look(page, "second-step-refused")
    assert axe() == []


# --- idle ----------------------------------------------------------------------------------------


def let_pass(page: Page, span: int) -> None:
    """Let nothing happen for so long: in the browser and for the server."""
    cookie = next(one for one in page.context.cookies() if one["name"] == "sessionid")
    session = SessionStore(cookie["value"])
    session["seen_at"] -= span
    session.save()
    page.clock.fast_forward(span // 1000)


@pytest.fixture
def idle(as_person: SignIn, live_server: Any) -> Page:
    """Return a page at which nobody did anything for 28 minutes and a half."""
    page = as_person("viewer")
    page.clock.install()
    page.goto(f"{live_server.url}/account/")
    let_pass(page, IDLE - 90 * moments.SECOND)
    return page


def test_a_page_asks_before_it_signs_somebody_out(
    idle: Page, axe: Callable[..., list[str]]
) -> None:
    dialog = idle.get_by_role("dialog", name="Are you still there?")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Stay signed in")).to_be_focused()
    look(idle, "still-there")
    assert axe() == []


def test_whoever_answers_stays_signed_in_where_they_were(idle: Page) -> None:
    idle.get_by_role("button", name="Stay signed in").click()
    expect(idle.get_by_role("dialog")).to_have_count(0)
    let_pass(idle, 3 * moments.MINUTE)
    expect(idle.get_by_role("dialog")).to_have_count(0)
    idle.get_by_role("button", name="Save").click()
    expect(idle.get_by_text("Kept.")).to_be_visible()


def test_whoever_does_not_answer_is_signed_out_and_the_page_goes(
    idle: Page, live_server: Any
) -> None:
    expect(idle.get_by_role("dialog", name="Are you still there?")).to_be_visible()
    let_pass(idle, 2 * moments.MINUTE)
    idle.wait_for_url(f"{live_server.url}/sign-in/?next=%2Faccount%2F")
    expect(idle.get_by_text("You were signed out.")).to_be_visible()
