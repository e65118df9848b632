"""Message search in a browser: no word in an address or the history, and the way back works."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from memory_app.operations.indexing import index_pending
from tests.browser.conftest import admit
from tests.console.scenes import scene
from tests.factories import make_caller, make_session
from tests.people import make_person


@pytest.fixture
def url(live_server: Any) -> str:
    agent = make_caller("support")
    scene(agent)
    make_session(agent, "chat-1", "The refund of Zoë came late", "Thank you")
    make_session(agent, "chat-2", "我想要退款，谢谢")
    for number in range(60):
        make_session(agent, f"many-{number}", f"pages and pages {number}")
    index_pending()
    return f"{live_server.url}/search/"


def search(page: Page, words: str) -> None:
    page.get_by_label("Words to look for").fill(words)
    page.get_by_role("button", name="Search", exact=True).click()


def test_words_lead_to_the_message_and_back_again(
    operator: Page, url: str, problems: list[str]
) -> None:
    operator.goto(url)
    search(operator, "refund")
    found = operator.get_by_role("heading", name="1 message in 1 session")
    expect(found).to_be_visible()
    expect(operator.locator("#results mark")).to_have_text("refund")
    assert "refund" not in operator.url
    operator.get_by_role("link", name="The refund of Zoë came late").click()
    expect(operator).to_have_url(re.compile(r"\?at=1#m-1$"))
    operator.go_back()
    expect(found).to_be_visible()
    expect(operator.get_by_label("Words to look for")).to_have_value("refund")
    operator.reload()
    expect(found).to_be_visible()
    assert problems == []


def test_going_back_shows_the_search_before(operator: Page, url: str) -> None:
    operator.goto(url)
    search(operator, "refund")
    expect(operator.locator("#results mark")).to_have_text("refund")
    search(operator, "退款")
    expect(operator.locator("#results mark")).to_have_text("退款")
    operator.go_back()
    expect(operator.locator("#results mark")).to_have_text("refund")
    expect(operator.get_by_label("Words to look for")).to_have_value("refund")


def test_what_was_found_is_said_and_what_is_wrong_leaves_it(operator: Page, url: str) -> None:
    operator.goto(url)
    search(operator, "refund")
    expect(operator.locator("#live")).to_contain_text("1 message in 1 session")
    search(operator, "nowhere")
    expect(operator.locator("#live")).to_have_text("No message has this")
    search(operator, "refund")
    expect(operator.locator("#live")).to_contain_text("1 message in 1 session")
    search(operator, "-refund")
    expect(operator.get_by_role("alert")).to_contain_text("Name a word that must be there")
    expect(operator.locator("#results mark")).to_have_text("refund")
    search(operator, "refund")
    expect(operator.get_by_role("alert")).to_have_count(0)


def test_pages_follow_one_another(operator: Page, url: str) -> None:
    operator.goto(url)
    search(operator, "pages")
    expect(operator.locator("article")).to_have_count(50)
    operator.get_by_role("link", name="Next").click()
    expect(operator.locator("article")).to_have_count(10)
    operator.get_by_role("link", name="First").click()
    expect(operator.locator("article")).to_have_count(50)


def test_it_works_without_a_script(plain_page: Page, url: str, live_server: Any) -> None:
    admit(plain_page.context, live_server.url, make_person("ann", operator="*"))
    plain_page.goto(url)
    search(plain_page, '"came late"')
    expect(plain_page.locator("#results mark")).to_have_count(2)
    assert "late" not in plain_page.url
    plain_page.get_by_role("link", name="The refund of Zoë came late").click()
    assert plain_page.url.endswith("?at=1#m-1")


def test_an_address_that_was_passed_on_shows_no_words(
    operator: Page, url: str, browser: Browser, live_server: Any
) -> None:
    operator.goto(url)
    search(operator, "refund")
    expect(operator.locator("#results mark")).to_have_text("refund")
    context = browser.new_context()
    admit(context, live_server.url, make_person("ben", operator="*"))
    other = context.new_page()
    other.goto(operator.url)
    expect(other.get_by_role("heading", name="This search is another person’s")).to_be_visible()
    expect(other.get_by_label("Words to look for")).to_have_value("")
    context.close()


def test_the_filters_open_and_narrow(operator: Page, url: str) -> None:
    operator.goto(url)
    operator.get_by_text("Filters and order").click()
    operator.get_by_label("Session id begins with").fill("org-1/")
    operator.get_by_label("Role").select_option("assistant")
    search(operator, "ArgumentSku")
    expect(operator.locator("article")).to_have_count(1)
    expect(operator.locator("#results")).to_contain_text("session id begins with org-1/")
