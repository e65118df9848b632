"""Making, replacing and ending API keys in a browser, with JavaScript and without."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.models import ApiKey, Namespace
from memory_app.operations.keys import prefix_of, verify_key
from tests.browser.conftest import admit, look, watch
from tests.factories import make_caller, make_key, make_session
from tests.people import make_person


@pytest.fixture
def either(either: Page, live_server: Any) -> Page:
    """Return a page of Ada, who administers and may see sessions."""
    ada = make_person("ada", administrator="*", privacy_officer="*")
    admit(either.context, live_server.url, ada)
    return either


def make(page: Page, url: str, label: str = "night shift") -> str:
    """Fill in the form as a person does; return the key that is shown."""
    page.goto(f"{url}/keys/")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Label").fill(label)
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_role("heading", name="Your new API key")).to_be_visible()
    return page.locator("#secret").inner_text()


def test_a_key_is_shown_once_and_never_again(either: Page, live_server: Any) -> None:
    make_key("support")
    problems = watch(either)
    token = make(either, live_server.url)
    assert verify_key(token).namespace == "support"
    look(either, f"issued-{'js' if either.evaluate('Boolean(window.htmx)') else 'plain'}")
    assert token in either.locator("#example-curl pre").inner_text()
    either.get_by_role("link", name="I have stored it").click()
    expect(either.get_by_role("heading", name="night shift")).to_be_visible()
    assert token not in either.content()
    either.get_by_role("link", name="API keys").last.click()
    assert token not in either.content()
    assert problems == []


def test_a_reload_makes_no_second_key_and_shows_none(either: Page, live_server: Any) -> None:
    make_key("support")
    token = make(either, live_server.url)
    either.reload()
    expect(either).to_have_url(f"{live_server.url}/keys/{prefix_of(token)}/")
    expect(either.get_by_role("heading", name="night shift")).to_be_visible()
    assert token not in either.content()
    assert ApiKey.objects.filter(label="night shift").count() == 1


def test_going_back_to_the_answer_does_not_bring_the_key_back(page: Page, live_server: Any) -> None:
    make_key("support")
    admit(page.context, live_server.url, make_person("ada", administrator="*"))
    token = make(page, live_server.url)
    page.goto(f"{live_server.url}/policies/")
    page.go_back()
    expect(page.get_by_role("heading", name="night shift")).to_be_visible()
    assert token not in page.content()
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert token not in page.url
    assert ApiKey.objects.filter(label="night shift").count() == 1


def test_the_focus_follows_to_the_answer_which_is_accessible(
    administrator: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    make_key("support")
    make(administrator, live_server.url)
    expect(administrator.get_by_role("heading", name="Your new API key")).to_be_focused()
    for width in (1440, 390, 320):
        administrator.set_viewport_size({"width": width, "height": 900})
        look(administrator, f"issued-{width}")
        assert axe() == []
        sideways = administrator.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert sideways <= 0


def test_a_refusal_stands_by_the_form_and_what_was_typed_stays(
    either: Page, live_server: Any
) -> None:
    make_key("support")
    either.goto(f"{live_server.url}/keys/new/")
    either.get_by_label("Label").fill("night shift")
    for scope in ("Read", "Write"):
        either.get_by_role("checkbox", name=re.compile(f"^{scope}")).uncheck()
    either.get_by_role("button", name="Make the key").click()
    expect(either.get_by_role("alert")).to_contain_text("Scopes are read, write, purge")
    expect(either.get_by_label("Label")).to_have_value("night shift")
    assert ApiKey.objects.count() == 1


def test_a_key_is_rotated_and_the_old_page_leads_to_the_new_one(
    either: Page, live_server: Any
) -> None:
    agent = make_caller("support")
    either.goto(f"{live_server.url}/keys/{agent.prefix}/")
    either.get_by_label("This key still works for").select_option("1 hour")
    either.get_by_role("button", name="Make the successor").click()
    token = either.locator("#secret").inner_text()
    assert verify_key(token).scopes == agent.scopes
    either.goto(f"{live_server.url}/keys/{agent.prefix}/")
    either.get_by_role("link", name=prefix_of(token)).click()
    expect(either).to_have_url(f"{live_server.url}/keys/{prefix_of(token)}/")


def test_a_key_is_revoked_after_a_question_that_can_be_left(either: Page, live_server: Any) -> None:
    agent = make_caller("support")
    here = f"{live_server.url}/keys/{agent.prefix}/"
    either.goto(here)
    either.get_by_role("link", name="Revoke…").click()
    expect(either.get_by_role("heading", name="Revoke this key?")).to_be_visible()
    either.get_by_role("link", name="Keep it").click()
    expect(either).to_have_url(here)
    either.get_by_role("link", name="Revoke…").click()
    either.get_by_role("button", name="Revoke the key").click()
    expect(either).to_have_url(f"{live_server.url}/keys/")
    expect(either.get_by_text("is revoked. Calls with it are refused")).to_be_visible()
    assert ApiKey.objects.get().revoked_at is not None


def test_the_question_is_asked_with_the_focus_on_the_safe_answer(
    administrator: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    agent = make_caller("support")
    administrator.goto(f"{live_server.url}/keys/{agent.prefix}/")
    administrator.get_by_role("link", name="Revoke…").click()
    expect(administrator.get_by_role("link", name="Keep it")).to_be_focused()
    look(administrator, "revoke-key-dialog")
    assert axe() == []
    administrator.keyboard.press("Escape")
    expect(administrator.get_by_role("link", name="Revoke…")).to_be_focused()


def test_the_page_notices_the_first_message_by_itself(page: Page, live_server: Any) -> None:
    agent = make_caller("support")
    admit(page.context, live_server.url, make_person("ada", administrator="*", operator="*"))
    page.goto(f"{live_server.url}/keys/{agent.prefix}/")
    expect(page.get_by_text("Waiting for the first message")).to_be_visible()
    make_session(agent, "hello")
    expect(page.get_by_text("First message received")).to_be_visible(timeout=10_000)
    page.get_by_role("link", name="Open the session hello").click()
    expect(page).to_have_url(re.compile(r"/sessions/[0-9a-f]{32}/"))


def test_a_namespace_is_made_and_changed(either: Page, live_server: Any) -> None:
    either.goto(f"{live_server.url}/namespaces/")
    either.get_by_role("link", name="Make a namespace").click()
    either.get_by_role("textbox", name=re.compile("^Name")).fill("Support Agent")
    either.get_by_role("button", name="Make the namespace").click()
    expect(either.get_by_role("alert")).to_contain_text("perhaps support-agent")
    either.get_by_role("textbox", name=re.compile("^Name")).fill("support-agent")
    either.get_by_role("button", name="Make the namespace").click()
    expect(either.get_by_role("heading", name="New API key")).to_be_visible()
    expect(either.get_by_label("Namespace")).to_have_value("support-agent")
    either.goto(f"{live_server.url}/namespaces/support-agent/change/")
    either.get_by_role("checkbox", name=re.compile("No shared session")).check()
    either.get_by_role("button", name="Change the namespace").click()
    either.get_by_role("checkbox", name=re.compile("Yes, change it")).check()
    either.get_by_role("button", name="Change the namespace").click()
    expect(either.get_by_text("The namespace support-agent is changed.")).to_be_visible()
    assert not Namespace.objects.get().shares_default


def test_g_and_k_lead_to_the_keys(administrator: Page, live_server: Any) -> None:
    administrator.goto(f"{live_server.url}/policies/")
    administrator.keyboard.press("g")
    administrator.keyboard.press("k")
    expect(administrator).to_have_url(f"{live_server.url}/keys/")
