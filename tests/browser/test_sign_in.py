"""Signing in and out in a browser, with JavaScript and without."""

import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn, look, watch
from tests.people import PASSWORD, make_person


def fill(page: Page, name: str, password: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_a_person_signs_in_sees_their_name_and_signs_out(either: Page, live_server: Any) -> None:
    make_person("ann")
    problems = watch(either)
    either.goto(f"{live_server.url}/")
    expect(either).to_have_url(f"{live_server.url}/sign-in/")
    fill(either, "ann", PASSWORD)
    expect(either.get_by_role("heading", name="Welcome, ann")).to_be_visible()
    either.get_by_label("Account: ann").click()
    either.get_by_role("button", name="Sign out").click()
    expect(either).to_have_url(f"{live_server.url}/sign-in/")
    either.goto(f"{live_server.url}/")
    expect(either).to_have_url(f"{live_server.url}/sign-in/")
    assert problems == []


def test_a_wrong_password_is_said_next_to_the_fields_and_the_name_is_kept(
    either: Page, live_server: Any
) -> None:
    make_person("ann")
    either.goto(f"{live_server.url}/sign-in/")
    fill(either, "ann", "not the password")
    expect(either.get_by_role("alert")).to_contain_text("do not match")
    expect(either.get_by_label("Name")).to_have_value("ann")
    expect(either.get_by_label("Password")).to_have_value("")
    expect(either.get_by_label("Password")).to_be_focused()
    expect(either.get_by_label("Password")).to_have_attribute("aria-describedby", "problem")


def test_the_refusal_is_accessible(
    page: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    page.goto(f"{live_server.url}/sign-in/")
    fill(page, "ann", "not the password")
    expect(page.get_by_role("alert")).to_be_visible()
    look(page, "sign-in-refused")
    assert axe() == []


def test_five_failures_lead_to_a_page_that_says_how_long_to_wait(
    either: Page, live_server: Any
) -> None:
    make_person("ann")
    for _ in range(5):
        either.goto(f"{live_server.url}/sign-in/")
        fill(either, "ann", "not the password")
    expect(either.get_by_role("heading", name="Too many attempts")).to_be_visible()
    expect(either.get_by_text("paused here for 15 minutes")).to_be_visible()
    look(either, "too-many")


def test_signing_out_empties_the_browser(as_person: SignIn, live_server: Any) -> None:
    page = as_person(None)
    page.goto(f"{live_server.url}/")
    page.evaluate("localStorage.setItem('left', 'behind')")
    page.get_by_label("Account: ann").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_going_back_after_signing_out_shows_nothing(as_person: SignIn, live_server: Any) -> None:
    page = as_person(None)
    page.goto(f"{live_server.url}/")
    page.get_by_label("Account: ann").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_cookie_of_a_session_is_out_of_reach_of_scripts(
    as_person: SignIn, live_server: Any
) -> None:
    make_person("ben")
    page = as_person(None)
    page.context.clear_cookies()
    page.goto(f"{live_server.url}/sign-in/")
    fill(page, "ben", PASSWORD)
    expect(page.get_by_role("heading", name="Welcome, ben")).to_be_visible()
    assert page.evaluate("document.cookie") == ""
    kept = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert kept["sessionid"]["httpOnly"], json.dumps(kept)
    assert kept["sessionid"]["sameSite"] == "Lax"
