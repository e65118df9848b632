"""Changing, making and removing retention policies in a browser, with JavaScript and without."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.models import AgentSession, RetentionPolicy
from memory_app.moments import DAY, NEVER, process_clock
from tests.browser.conftest import admit, look, watch
from tests.factories import make_caller, make_session
from tests.people import make_person


@pytest.fixture
def either(either: Page, live_server: Any) -> Page:
    """Return a page of Ada, who administers."""
    admit(either.context, live_server.url, make_person("ada", administrator="*"))
    return either


@pytest.fixture
def sessions() -> None:
    """Begin two sessions, one of which was quiet for twenty days."""
    agent = make_caller("support")
    make_session(agent, "chat-1")
    make_session(agent, "chat-2", now=process_clock() - 20 * DAY)


HERE = "/policies/change/?namespace=support&prefix="


@pytest.mark.usefixtures("sessions")
def test_a_change_is_previewed_confirmed_in_words_and_done(either: Page, live_server: Any) -> None:
    problems = watch(either)
    either.goto(f"{live_server.url}/policies/")
    either.get_by_role("link", name="Change the policy of support").click()
    either.get_by_label("Idle time").fill("10d")
    either.get_by_role("button", name="Preview").click()
    expect(either.locator("#effect")).to_contain_text("1would expire now")
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    either.get_by_role("button", name="Change the policy").click()
    expect(either.get_by_role("heading", name="Shorten the idle time?")).to_be_visible()
    either.get_by_label("Type shorten support to confirm").fill("shorten it")
    either.get_by_label("Type shorten support to confirm").press("Enter")
    expect(either.get_by_text("Type “shorten support” to confirm.")).to_be_visible()
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    either.get_by_label("Type shorten support to confirm").fill("shorten support")
    either.get_by_role("button", name="Shorten it").click()
    expect(either).to_have_url(f"{live_server.url}/policies/")
    expect(either.get_by_text("Of its live sessions 1 expired, 1 expire sooner")).to_be_visible()
    assert RetentionPolicy.objects.get().idle_for == 10 * DAY
    assert problems == []


@pytest.mark.usefixtures("sessions")
def test_what_would_expire_is_said_while_one_types_and_the_focus_stays(
    administrator: Page, live_server: Any
) -> None:
    administrator.goto(live_server.url + HERE)
    field = administrator.get_by_label("Idle time")
    field.fill("")
    field.press_sequentially("10d")
    expect(administrator.locator("#effect")).to_contain_text("1would expire now")
    expect(administrator.locator("#live")).to_contain_text("1 session would expire now")
    expect(field).to_be_focused()
    field.fill("a while")
    expect(administrator.locator("#effect").get_by_role("alert")).to_contain_text("idle time is")
    field.fill("40d")
    expect(administrator.locator("#effect")).to_contain_text("2later than before")
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    assert administrator.url == live_server.url + HERE


@pytest.mark.usefixtures("sessions")
def test_a_prefix_that_is_proposed_is_taken_with_one_press(either: Page, live_server: Any) -> None:
    either.goto(f"{live_server.url}/policies/")
    either.get_by_role("link", name="New policy").click()
    either.get_by_label("Prefix").fill("chat")
    either.get_by_role("button", name="Preview").click()
    either.get_by_role("button", name="Take chat/").click()
    expect(either.get_by_label("Prefix")).to_have_value("chat/")
    either.get_by_role("checkbox", name="for ever").first.check()
    either.get_by_role("button", name="Make the policy").click()
    expect(either.get_by_text("The policy of support, chat/ is made.")).to_be_visible()
    assert RetentionPolicy.objects.get(prefix="chat/").idle_for == NEVER


@pytest.mark.usefixtures("sessions")
def test_a_policy_of_a_prefix_is_removed_with_a_preview(either: Page, live_server: Any) -> None:
    either.goto(f"{live_server.url}/policies/change/?namespace=support&prefix=chat-")
    either.get_by_label("Idle time").fill("60d")
    either.get_by_role("button", name="Make the policy").click()
    expect(either).to_have_url(f"{live_server.url}/policies/")
    assert set(AgentSession.objects.values_list("idle_for", flat=True)) == {60 * DAY}
    either.get_by_role("link", name="Change the policy of support, chat-").click()
    either.get_by_role("link", name="Remove…").click()
    expect(either.get_by_text(re.compile("2sooner than before|2 sooner"))).to_be_visible()
    either.get_by_label("Type remove chat- to confirm").fill("remove chat-")
    either.get_by_role("button", name="Remove the policy").click()
    expect(either.get_by_text("The policy of support, chat- is removed.")).to_be_visible()
    assert set(AgentSession.objects.values_list("idle_for", flat=True)) == {30 * DAY}


@pytest.mark.usefixtures("sessions")
def test_the_question_puts_the_focus_on_the_safe_answer_and_gives_it_back(
    administrator: Page, live_server: Any, axe: Callable[..., list[str]]
) -> None:
    administrator.goto(live_server.url + HERE)
    administrator.get_by_label("Idle time").fill("1d")
    administrator.get_by_role("button", name="Change the policy").click()
    expect(administrator.get_by_role("link", name="Keep it as it is")).to_be_focused()
    look(administrator, "policy-shorten")
    assert axe() == []
    administrator.keyboard.press("Escape")
    expect(administrator.get_by_role("button", name="Change the policy")).to_be_focused()
    expect(administrator.get_by_label("Idle time")).to_have_value("1d")
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY


@pytest.mark.usefixtures("sessions")
def test_enter_in_a_field_previews_and_changes_nothing(either: Page, live_server: Any) -> None:
    either.goto(live_server.url + HERE)
    either.get_by_label("Idle time").fill("40d")
    either.get_by_label("Idle time").press("Enter")
    expect(either.locator("#effect")).to_contain_text("2later than before")
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY


@pytest.mark.usefixtures("sessions")
def test_going_back_shows_a_whole_page_again(page: Page, live_server: Any) -> None:
    admit(page.context, live_server.url, make_person("ada", administrator="*"))
    page.goto(live_server.url + HERE)
    page.get_by_label("Idle time").fill("40d")
    expect(page.locator("#effect")).to_contain_text("2later than before")
    page.get_by_role("link", name="Cancel").click()
    expect(page.get_by_role("heading", name="Retention policies")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="support")).to_be_visible()
    expect(page.get_by_role("button", name="Change the policy")).to_be_visible()


def test_the_page_follows_how_far_a_change_is_applied(
    administrator: Page, live_server: Any
) -> None:
    make_caller("support")
    RetentionPolicy.objects.update(applied=False, sessions_to_change=10, sessions_changed=3)
    administrator.goto(f"{live_server.url}/policies/")
    expect(administrator.get_by_text("3 of 10 sessions")).to_be_visible()
    RetentionPolicy.objects.update(sessions_changed=7)
    expect(administrator.get_by_text("7 of 10 sessions")).to_be_visible()
    RetentionPolicy.objects.update(applied=True)
    expect(administrator.get_by_text("Every live session follows its policy")).to_be_visible()
