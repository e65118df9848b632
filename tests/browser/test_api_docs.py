"""The API's documentation page, in a browser that reaches nothing but this server."""

from typing import Any

from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import look
from tests.factories import make_key


def test_the_page_shows_every_operation_and_reaches_no_other_host(
    page: Page, live_server: Any, problems: list[str]
) -> None:
    elsewhere: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((live_server.url, "data:")):
            elsewhere.append(request.url)

    page.on("request", note)
    page.goto(f"{live_server.url}/api/v1/docs")
    # It is drawn from the description by a megabyte of script: long, where other tests run beside.
    page.locator(".opblock-summary-path").first.wait_for()
    for name in ("memory/add", "sessions/list", "sessions/delete"):
        row = page.locator(".opblock-summary-path", has_text=f"/api/v1/{name}")
        expect(row.first).to_be_visible()
    look(page, "api-docs")
    assert elsewhere == []
    assert problems == []


def test_an_example_can_be_tried_with_a_key(
    page: Page, live_server: Any, problems: list[str]
) -> None:
    key = make_key()
    page.goto(f"{live_server.url}/api/v1/docs")
    page.get_by_role("button", name="Authorize").click()
    page.locator(".auth-container input").fill(key)
    page.locator(".auth-btn-wrapper .authorize").click()
    page.locator(".auth-btn-wrapper .btn-done").click()
    page.locator("#operations-memory-memory_add .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute", exact=True).click()
    answer = page.locator("#operations-memory-memory_add .live-responses-table .response")
    expect(answer.locator(".response-col_status").first).to_have_text("201")
    look(page, "api-docs-tried")
    assert problems == []
