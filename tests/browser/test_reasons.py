"""Giving a reason in a browser: content opens where one was, with and without JavaScript."""

from typing import Any

from playwright.sync_api import Page, expect

from memory_app import moments
from memory_app.models import Namespace, StatedReason
from memory_app.moments import SECOND
from tests.browser.conftest import admit
from tests.console.scenes import scene
from tests.factories import make_caller
from tests.people import make_person


def walk(page: Page, url: str) -> None:
    """Go from the list to a closed session, be asked, and read; then come to it by other ways."""
    uid = scene(make_caller("support"))
    Namespace.objects.update(demands_reason=True)
    admit(page.context, url, make_person("petra", privacy_officer="*"))
    page.goto(f"{url}/sessions/")
    expect(page.get_by_text("RefundOfAnn")).to_have_count(0)
    page.get_by_role("link", name="org-1/ann").click()
    expect(page.get_by_role("heading", name="Its content is closed")).to_be_visible()
    page.get_by_label("Why do you open it?").fill("Ticket 7")
    page.get_by_role("button", name="Open for 15 minutes").click()
    expect(page.locator("#m-1 .words")).to_have_text("WordsOfAnn")
    assert page.url.startswith(f"{url}/sessions/{uid}/")
    page.reload()
    expect(page.locator("#m-1 .words")).to_have_text("WordsOfAnn")
    page.goto(f"{url}/sessions/")
    expect(page.get_by_text("RefundOfAnn")).to_have_count(0)
    page.goto(f"{url}/sessions/{uid}/")
    expect(page.get_by_text("open to you until")).to_be_visible()
    # A moment before its 15 minutes are over.
    StatedReason.objects.update(open_until=moments.process_clock() + SECOND)
    page.goto(f"{url}/sessions/{uid}/messages/1/")
    expect(page.locator(".words")).to_have_text("WordsOfAnn")
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "support asks why its content is opened", timeout=10_000
    )
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Its content is closed")).to_be_visible()
    expect(page.get_by_text("WordsOfAnn")).to_have_count(0)


def test_content_closes_when_a_computer_wakes_after_its_time(page: Page, live_server: Any) -> None:
    uid = scene(make_caller("support"))
    Namespace.objects.update(demands_reason=True)
    admit(page.context, live_server.url, make_person("petra", privacy_officer="*"))
    page.clock.install()
    page.goto(f"{live_server.url}/reasons/?namespace=support&next=/sessions/{uid}/")
    page.get_by_label("Why do you open it?").fill("Ticket 7")
    page.get_by_role("button", name="Open for 15 minutes").click()
    expect(page.locator("#m-1 .words")).to_have_text("WordsOfAnn")
    StatedReason.objects.update(open_until=moments.process_clock() - SECOND)
    # Its timers slept too: the time is another, and none of them has run.
    page.clock.set_system_time(page.evaluate("Date.now()") + 16 * 60_000)
    page.evaluate("document.dispatchEvent(new Event('visibilitychange', {bubbles: true}))")
    expect(page.get_by_role("heading", name="Its content is closed")).to_be_visible()
    expect(page.get_by_text("WordsOfAnn")).to_have_count(0)


def test_a_reason_opens_the_content(page: Page, live_server: Any, problems: list[str]) -> None:
    walk(page, live_server.url)
    assert problems == []


def test_a_reason_opens_the_content_without_javascript(plain_page: Page, live_server: Any) -> None:
    walk(plain_page, live_server.url)
