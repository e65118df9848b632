"""The overview and the runs of cleanup, as one works with them."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import scenes
from tests.browser.conftest import admit, look
from tests.people import make_person


def test_the_overview_refreshes_and_keeps_what_one_has_open(
    privacy_officer: Page, live_server: Any, monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    page = privacy_officer
    page.goto(live_server.url + scenes.overdue(monkeypatch))
    page.get_by_text("Show as table").click()
    page.get_by_role("link", name="All runs").focus()
    expect(page.locator(".kpi .v").first).to_have_text("1")
    scenes.one_run(monkeypatch)
    page.evaluate("document.body.dispatchEvent(new CustomEvent('console:tick'))")
    expect(page.locator(".kpi .v").first).to_have_text("0")
    expect(page.get_by_role("table", name="Sessions created, expired")).to_be_visible()
    expect(page.get_by_role("link", name="All runs")).to_be_focused()
    page.set_viewport_size({"width": 390, "height": 844})
    top = "selector => document.querySelector(selector).getBoundingClientRect().top"
    order = [page.evaluate(top, one) for one in (".matters", ".kpis", ".only-narrow")]
    assert order == sorted(order), "on a phone what needs attention comes first"
    assert problems == []


def test_the_refresh_is_paused_and_goes_on(privacy_officer: Page, live_server: Any) -> None:
    page = privacy_officer
    page.goto(f"{live_server.url}/overview/")
    page.get_by_role("button", name="pause the refresh").click()
    page.wait_for_selector("html[data-live=off]")
    page.get_by_role("button", name="Paused: refresh every").click()
    page.wait_for_selector("html:not([data-live=off])")


def test_the_next_run_is_counted_in_place_and_said(
    privacy_officer: Page, live_server: Any, monkeypatch: pytest.MonkeyPatch, problems: list[str]
) -> None:
    page = privacy_officer
    scenes.overdue(monkeypatch)
    page.goto(f"{live_server.url}/runs/")
    page.get_by_role("link", name="Count").click()
    expect(page.locator("#next")).to_contain_text("The next run would purge 1 session")
    expect(page.locator("#live")).to_have_text("The next run would purge 1 session")
    expect(page.get_by_role("link", name="Count again")).to_be_focused()
    look(page, "next-run")
    assert problems == []


def test_a_run_at_once_leads_to_what_came_of_it(
    privacy_officer: Page, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = privacy_officer
    scenes.overdue(monkeypatch)
    page.goto(f"{live_server.url}/runs/")
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url(re.compile(r"/runs/\d+/$"))
    expect(page.locator("#toasts")).to_contain_text("Purged 1 session with 1 message.")
    page.get_by_role("link", name=re.compile("rct_")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Cleanup")


def test_all_of_it_works_without_javascript(
    plain_page: Page, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes.overdue(monkeypatch)
    admit(plain_page.context, live_server.url, make_person("ann", privacy_officer="*"))
    plain_page.goto(f"{live_server.url}/overview/")
    plain_page.get_by_text("Show as table").click()
    plain_page.get_by_role("link", name="See the runs").click()
    plain_page.get_by_role("link", name="Count").click()
    expect(plain_page.locator("#next")).to_contain_text("would purge 1 session")
    plain_page.get_by_role("button", name="Run now").click()
    expect(plain_page.get_by_role("heading", name=re.compile(r"Run \d+"))).to_be_visible()
