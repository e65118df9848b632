"""The audit log in a browser: filtering in place, Back, and without JavaScript."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.models import Role
from tests.browser import scenes
from tests.browser.conftest import admit
from tests.people import make_person


def test_a_filter_swaps_the_list_keeps_the_address_and_back_undoes_it(
    privacy_officer: Page,
    live_server: Any,
    problems: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = privacy_officer
    page.goto(live_server.url + scenes.audit(monkeypatch))
    before = page.locator("tr[data-row]").count()
    page.get_by_label("Act").select_option("hold.place")
    expect(page.locator("tr[data-row]")).to_have_count(3)
    assert page.url.endswith("/audit/?act=hold.place")
    expect(page.locator("#live")).to_have_text("The newest entries")
    page.reload()
    expect(page.locator("tr[data-row]")).to_have_count(3)
    page.go_back()
    expect(page.locator("tr[data-row]")).to_have_count(before)
    assert problems == []


def test_the_log_is_taken_away_as_it_is_filtered(
    privacy_officer: Page, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = privacy_officer
    page.goto(live_server.url + scenes.audit(monkeypatch))
    page.get_by_label("Act").select_option("hold.place")
    expect(page.locator("tr[data-row]")).to_have_count(3)
    with page.expect_download() as download:
        page.get_by_role("link", name="JSON Lines").click()
    lines = download.value.path().read_text().splitlines()
    assert [json.loads(line)["act"] for line in lines] == ["hold.place"] * 3


def test_it_is_filtered_paged_and_verified_without_javascript(
    plain_page: Page, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = plain_page
    admit(page.context, live_server.url, make_person("ann", **{Role.PRIVACY_OFFICER.value: "*"}))
    page.goto(live_server.url + scenes.audit(monkeypatch))
    page.get_by_label("Act").select_option("hold.place")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tr[data-row]")).to_have_count(3)
    page.get_by_role("button", name="Verify now").click()
    expect(page.get_by_role("heading", name="Intact when last verified")).to_be_visible()
