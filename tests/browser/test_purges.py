"""Purging by a filter in a browser: preview, words, progress, cancelling; also without scripts."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.models import AgentSession, Receipt, Role
from memory_app.operations import previewing, purging
from tests.browser import scenes
from tests.browser.conftest import admit
from tests.factories import make_caller, make_session
from tests.people import make_person


@pytest.fixture(autouse=True)
def _sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin sessions, three of which are so many that their purge waits for cleanup."""
    monkeypatch.setattr(previewing, "MOST_SESSIONS_AT_ONCE", 2)
    agent = make_caller("support")
    for number in range(3):
        make_session(agent, f"org-1/{number}", "Hello")


def ask(page: Page, url: str) -> None:
    page.goto(f"{url}/purges/new/")
    page.get_by_role("textbox", name=re.compile("^Filter")).fill("org-1/")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("heading", name="Purge 3 sessions for good?")).to_be_visible()


def confirm(page: Page, words: str = "purge 3") -> None:
    page.get_by_label("Reason").fill("Contract ended")
    page.get_by_label("to confirm").fill(words)
    page.get_by_role("button", name="Purge 3 sessions").click()


def test_a_purge_is_followed_in_place_until_its_receipt(
    privacy_officer: Page, live_server: Any, problems: list[str]
) -> None:
    page = privacy_officer
    ask(page, live_server.url)
    confirm(page)
    expect(page.get_by_role("heading", name="Waiting for cleanup: 3 sessions")).to_be_visible()
    page.evaluate("document.body.dataset.same = 'page'")
    purging.finish_purges()
    expect(page.get_by_role("heading", name="Done: 3 sessions purged")).to_be_visible()
    assert page.evaluate("document.body.dataset.same") == "page"
    expect(page.locator("#live")).to_have_text("Done: 3 sessions purged")
    assert page.locator("[hx-trigger*=every]").count() == 0
    page.get_by_role("link", name="Receipt", exact=True).click()
    expect(page.locator(".reckoning tfoot")).to_contain_text("3")
    page.go_back()
    expect(page.get_by_role("heading", name="Done: 3 sessions purged")).to_be_visible()
    assert problems == []


def test_nobody_asks_while_the_page_is_hidden(privacy_officer: Page, live_server: Any) -> None:
    page = privacy_officer
    page.clock.install()
    page.goto(live_server.url + scenes.purge_queued(pytest.MonkeyPatch()))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_load_state("networkidle")
    asked.clear()
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.clock.run_for(10_000)
    assert asked == []
    page.evaluate("delete document.hidden")
    with page.expect_request(re.compile("/purges/prg_"), timeout=8000):
        page.clock.run_for(10_000)


def test_wrong_words_keep_what_was_typed_and_put_the_focus_there(
    privacy_officer: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    page = privacy_officer
    ask(page, live_server.url)
    confirm(page, "purge 4")
    expect(page.get_by_text("Type “purge 3” to confirm.")).to_be_visible()
    expect(page.get_by_label("Reason")).to_have_value("Contract ended")
    assert axe() == []
    assert AgentSession.objects.count() == 3


def test_a_purge_is_cancelled_with_the_keyboard_alone(
    privacy_officer: Page, live_server: Any
) -> None:
    page = privacy_officer
    ask(page, live_server.url)
    confirm(page)
    button = page.get_by_role("button", name="Cancel the purge")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cancelled before it started")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("The purge is cancelled")
    assert AgentSession.objects.filter(purge_receipt=None).count() == 3


def test_keeping_them_is_no_submit_button(privacy_officer: Page, live_server: Any) -> None:
    page = privacy_officer
    ask(page, live_server.url)
    keep = page.get_by_role("link", name="Keep them")
    expect(keep).to_be_visible()
    page.get_by_label("to confirm").press("Enter")
    expect(page.get_by_text("Type “purge 3” to confirm.")).to_be_visible()


def test_the_whole_way_works_without_javascript(plain_page: Page, live_server: Any) -> None:
    page = plain_page
    admit(page.context, live_server.url, make_person("ann", **{Role.PRIVACY_OFFICER.value: "*"}))
    ask(page, live_server.url)
    confirm(page)
    expect(page.get_by_role("heading", name="Waiting for cleanup: 3 sessions")).to_be_visible()
    purging.finish_purges()
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("heading", name="Done: 3 sessions purged")).to_be_visible()
    page.get_by_role("link", name="Receipt", exact=True).click()
    assert page.url.endswith(f"/receipts/{Receipt.objects.get().id}/")


def test_a_receipt_is_printed_without_the_frame_and_taken_as_a_file(
    privacy_officer: Page, live_server: Any
) -> None:
    page = privacy_officer
    page.goto(live_server.url + scenes.one_receipt(pytest.MonkeyPatch()))
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON").click()
    assert re.fullmatch(r"rct_[0-9a-f]{32}\.json", download.value.suggested_filename)
    page.emulate_media(media="print")
    expect(page.locator(".side")).to_be_hidden()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.locator(".reckoning")).to_be_visible()
