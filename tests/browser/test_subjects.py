"""Finding and erasing a data subject in a browser: steps, dialog, focus, without JavaScript."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.models import AgentSession, Role
from tests.browser import scenes
from tests.browser.conftest import admit
from tests.people import make_person


@pytest.fixture(autouse=True)
def _sessions(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes.subject(monkeypatch)


def find(page: Page, url: str) -> None:
    page.goto(f"{url}/subjects/")
    page.get_by_label("The exact user id").fill("ann")
    page.get_by_role("button", name="Find").click()
    expect(page.get_by_role("heading", name="4 sessions in 2 namespaces")).to_be_visible()


def test_a_person_is_found_previewed_confirmed_and_erased(
    privacy_officer: Page, live_server: Any, problems: list[str]
) -> None:
    page = privacy_officer
    find(page, live_server.url)
    page.get_by_role("link", name="Erase from claims").click()
    expect(page.get_by_text("support: 2 sessions")).to_be_visible()
    page.get_by_role("link", name="Go on to confirm").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Keep them")).to_be_focused()
    dialog.get_by_label("Reason").fill("Request 118")
    dialog.get_by_label("to confirm").fill("erase 3")
    dialog.get_by_label("to confirm").press("Enter")
    expect(dialog.get_by_text("Type “erase 2” to confirm")).to_be_visible()
    expect(dialog.get_by_label("to confirm")).to_be_focused()
    expect(dialog.get_by_label("Reason")).to_have_value("Request 118")
    dialog.get_by_label("to confirm").fill("erase 2")
    dialog.get_by_role("button", name="Erase 2 sessions").click()
    expect(page.get_by_role("heading", name="Erasure of 2 sessions")).to_be_visible()
    assert AgentSession.objects.filter(namespace__name="claims").count() == 0
    page.go_back()
    expect(page.get_by_text("0 sessions found")).to_be_visible()
    assert problems == []


def test_the_dialog_is_left_with_escape_and_the_focus_returns(
    privacy_officer: Page, live_server: Any
) -> None:
    page = privacy_officer
    find(page, live_server.url)
    page.get_by_role("link", name="Erase from claims").click()
    page.get_by_role("link", name="Go on to confirm").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("link", name="Go on to confirm")).to_be_focused()
    assert AgentSession.objects.count() == 4


def test_it_all_works_without_javascript(plain_page: Page, live_server: Any) -> None:
    page = plain_page
    admit(page.context, live_server.url, make_person("ann", **{Role.PRIVACY_OFFICER.value: "*"}))
    find(page, live_server.url)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export what claims keeps").click()
    assert len(download.value.path().read_text().splitlines()) == 2
    page.get_by_role("link", name="Erase from support").click()
    page.get_by_role("link", name="Go on to confirm").click()
    page.get_by_label("Reason").fill("Request 118")
    page.get_by_label("to confirm").fill("erase 2")
    page.get_by_role("button", name="Erase 2 sessions").click()
    expect(page.get_by_role("heading", name="Done but for what a hold keeps")).to_be_visible()
    page.goto(f"{live_server.url}/erasures/")
    expect(page.get_by_text("until a day after the hold is released")).to_be_visible()
