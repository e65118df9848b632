"""The password is asked for again in a browser, with JavaScript and without."""

import re
from collections.abc import Callable
from typing import Any

from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Page, expect

from memory_app import moments
from memory_app.console import confirming
from memory_app.models import AgentSession
from tests.browser.conftest import admit, look, watch
from tests.console.scenes import scene
from tests.people import PASSWORD, make_person


def admit_petra(page: Page, url: str) -> Page:
    """Let Petra in, who gave her password an hour ago."""
    scene()
    admit(page.context, url, make_person("petra", privacy_officer="*"))
    [cookie] = [one for one in page.context.cookies() if one["name"] == "sessionid"]
    session = SessionStore(cookie["value"])
    session[confirming.GIVEN_AT] = moments.process_clock() - moments.HOUR
    session.save()
    return page


def choose(page: Page, url: str) -> None:
    """Choose Ann's session for a purge in the list, and confirm it in words."""
    page.goto(f"{url}/sessions/")
    page.locator("input[name=sel]").first.check()
    page.get_by_role("button", name="Purge…").first.click()
    page.get_by_label("Reason").fill("Asked for")
    page.get_by_label("to confirm").fill("purge 1")
    page.get_by_role("button", name="Purge 1 session").click()
    expect(page.get_by_role("heading", name="Is it you, petra?")).to_be_visible()


def test_a_purge_goes_on_after_the_password(either: Page, live_server: Any) -> None:
    page = admit_petra(either, live_server.url)
    problems = watch(page)
    choose(page, live_server.url)
    field = page.get_by_label("Your password")
    expect(field).to_be_focused()
    look(page, "is-it-you")
    field.fill("wrong")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    field.fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(re.compile(r"/receipts/rct_"))
    assert problems == []


def test_whoever_leaves_it_has_purged_nothing_and_the_dialog_is_accessible(
    page: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    admit_petra(page, live_server.url)
    choose(page, live_server.url)
    assert axe() == []
    page.get_by_role("link", name="Leave it").click()
    expect(page.get_by_role("heading", name="Is it you, petra?")).to_have_count(0)
    expect(page.locator("[name=sel]").first).to_be_visible()
    assert AgentSession.objects.get().purge_receipt is None
