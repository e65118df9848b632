"""Reading one session: finding in it, its branches, its states, what is done to it."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.models import Namespace
from memory_app.operations.keys import Caller
from memory_app.operations.purging import delete_session
from memory_app.operations.recording import Recording, add_events
from tests.browser import scenes
from tests.browser.conftest import SignIn, admit, look
from tests.console.scenes import HOSTILE, scene
from tests.factories import make_caller, make_event, make_session
from tests.people import make_person

Open = Callable[[str], Page]


@pytest.fixture
def agent(_database: None) -> Caller:
    return make_caller("support")


@pytest.fixture
def visit(as_person: SignIn, live_server: Any) -> Open:
    """Return a function that opens an address as a privacy officer."""
    page = as_person()

    def go(path: str) -> Page:
        page.goto(live_server.url + path)
        return page

    return go


def long_session(agent: Caller) -> str:
    texts = [f"Message {n}" + (" refund" if n % 40 == 0 else "") for n in range(1, 130)]
    made = make_session(agent, "chat-1", *texts).session
    assert made is not None
    return made.uid


def find(page: Page, what: str) -> None:
    page.locator("#find").fill(what)
    page.keyboard.press("Enter")
    expect(page.locator(".found")).to_be_visible()


def test_what_is_looked_for_is_announced_and_stays_out_of_the_address(
    visit: Open, agent: Caller, problems: list[str]
) -> None:
    asked: list[str] = []
    uid = long_session(agent)
    page = visit(f"/sessions/{uid}/")
    page.on("request", lambda request: asked.append(request.url))
    find(page, "ReFund")
    expect(page.locator("#live")).to_have_text("Match 1 of 3, in message 40")
    expect(page.locator("#find")).to_be_focused()
    page.get_by_role("link", name="Next match").click()
    expect(page.locator("#live")).to_have_text("Match 2 of 3, in message 80")
    expect(page.get_by_role("link", name="Next match")).to_be_focused()
    page.keyboard.press("N")
    expect(page.locator("#live")).to_have_text("Match 1 of 3, in message 40")
    expect(page).to_have_url(re.compile(f"/sessions/{uid}/\\?find=sch_[0-9a-f]{{32}}&match=1$"))
    assert not [url for url in asked if "refund" in url.lower()]
    kept = page.evaluate("[localStorage.length, sessionStorage.length, history.state]")
    assert "efund" not in str(kept)
    assert problems == []


def test_what_was_found_is_there_again_after_a_reload_and_on_the_way_back(
    visit: Open, agent: Caller
) -> None:
    uid = long_session(agent)
    page = visit(f"/sessions/{uid}/")
    find(page, "refund")
    page.get_by_role("link", name="Next match").click()
    expect(page.locator(".found")).to_have_text("2 of 3 messages")
    for again in (page.reload, lambda: page.goto(page.url)):
        again()
        expect(page.locator(".msg.here mark")).to_be_in_viewport()
        expect(page.locator("#find")).to_have_value("refund")
        expect(page.locator(".found")).to_have_text("2 of 3 messages")
    page.get_by_role("link", name="Message 80 as it was received").click()
    page.go_back()
    expect(page.locator("#m-80 mark")).to_have_text("refund")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#m-80 mark")).to_have_text("refund")
    page.go_back()
    expect(page).to_have_url(re.compile(f"/sessions/{uid}/$"))
    expect(page.locator("#m-1")).to_be_visible()
    expect(page.locator("mark")).to_have_count(0)


def test_what_is_found_in_a_folded_text_is_unfolded_and_seen(visit: Open, agent: Caller) -> None:
    made = make_session(agent, "long", "word " * 1_000 + "refund").session
    assert made is not None
    page = visit(f"/sessions/{made.uid}/")
    find(page, "refund")
    expect(page.locator("mark")).to_be_in_viewport()


def test_finding_needs_no_javascript(plain_page: Page, agent: Caller, live_server: Any) -> None:
    uid = long_session(agent)
    admit(plain_page.context, live_server.url, make_person("ann", operator="*"))
    plain_page.goto(f"{live_server.url}/sessions/{uid}/?from=sort%3Dcreated_at")
    find(plain_page, "refund")
    expect(plain_page.locator(".found")).to_have_text("1 of 3 messages")
    plain_page.get_by_role("link", name="Next match").click()
    expect(plain_page.locator("#m-80 mark")).to_have_text("refund")
    plain_page.reload()
    expect(plain_page.locator("#m-80 mark")).to_have_text("refund")
    expect(plain_page.get_by_label("This is the first session of the list")).to_be_visible()
    assert "refund" not in plain_page.url
    plain_page.get_by_text("Roles").click()
    plain_page.get_by_label("User").uncheck()
    plain_page.get_by_role("button", name="Show these").click()
    expect(plain_page.locator(".found")).to_have_text("no match")
    plain_page.get_by_role("link", name="Stop finding").click()
    expect(plain_page.locator(".found")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_match_is_accessible_and_fits(
    visit: Open, agent: Caller, axe: Callable[..., list[str]], scheme: Any
) -> None:
    uid = scenes.everything(agent)
    page = visit(f"/sessions/{uid}/?from=")
    page.emulate_media(color_scheme=scheme)
    find(page, "o")
    for width in (1440, 1024, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        look(page, f"match-{scheme}-{width}")
        assert axe() == [], f"at {width} pixels"
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_one_steps_through_messages_and_results_by_keys(visit: Open, agent: Caller) -> None:
    uid = scene(agent)
    page = visit(f"/sessions/{uid}/")
    here = "document.activeElement.closest('[data-row]').id"
    seen = []
    for _ in range(4):
        page.keyboard.press("j")
        seen.append(page.evaluate(here))
    assert seen == ["m-1", "m-2", "m-3", "m-4"]
    page.keyboard.press("k")
    assert page.evaluate(here) == "m-3"


def test_a_key_copies_the_id_or_the_message_one_is_at(visit: Open, agent: Caller) -> None:
    page = visit(f"/sessions/{scene(agent)}/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.keyboard.press("c")
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "org-1/ann"
    page.keyboard.press("j")
    page.keyboard.press("c")
    page.wait_for_function("navigator.clipboard.readText().then(text => text === 'WordsOfAnn')")


def test_keys_lead_to_the_sessions_beside_in_the_list(visit: Open, agent: Caller) -> None:
    for number in range(3):
        make_session(agent, f"chat-{number}", f"Question {number}")
    page = visit("/sessions/?sort=created_at")
    page.get_by_role("link", name="Question 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 1")
    page.keyboard.press("[")
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 2")
    page.keyboard.press("]")
    page.wait_for_url(re.compile("sessions"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Question 1")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/sessions/\?sort=created_at$"))


def test_a_link_to_a_message_of_another_page_finds_its_page(visit: Open, agent: Caller) -> None:
    page = visit(f"/sessions/{long_session(agent)}/#m-100")
    expect(page.locator("#m-100")).to_be_in_viewport()
    expect(page).to_have_url(re.compile(r"\?at=100#m-100$"))


def test_a_branch_is_fetched_when_it_is_opened(
    visit: Open, agent: Caller, problems: list[str]
) -> None:
    rows = [{"n": n, "inner": list(range(60))} for n in range(40)] + [{"last": {"deep": HOSTILE}}]
    made = make_session(agent, "big", {"rows": rows}).session
    assert made is not None
    page = visit(f"/sessions/{made.uid}/")
    tree = page.get_by_label("content of message 1")
    tree.get_by_text("41 items").click()
    last = tree.locator(":scope > details > .in > details > .in > details").last
    expect(last).not_to_contain_text("last")
    last.locator(":scope > summary").click()
    expect(last).to_contain_text("last")
    last.locator("details summary").click()
    expect(last).to_contain_text("<b hx-get=/x")
    assert page.locator("main b[hx-get], main script").count() == 0
    assert problems == []


def test_the_whole_of_a_huge_message_is_shown_on_request(visit: Open, agent: Caller) -> None:
    made = make_session(agent, "big", "begin " + "x" * 500_000 + " end").session
    assert made is not None
    page = visit(f"/sessions/{made.uid}/")
    page.get_by_text("Show more of its 500,010 characters").click()
    page.get_by_role("link", name="Show the other 480,010 characters").click()
    expect(page.locator("#m-1 .fold .words")).to_contain_text(" end")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy message 1").click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText().then(text => text.length)") == 500_010


def test_the_rest_has_a_page_of_its_own_without_javascript(
    plain_page: Page, agent: Caller, live_server: Any
) -> None:
    made = make_session(agent, "big", {"rows": list(range(150))}).session
    assert made is not None
    admit(plain_page.context, live_server.url, make_person("ann", operator="*"))
    plain_page.goto(f"{live_server.url}/sessions/{made.uid}/")
    plain_page.get_by_text("150 items").click()
    plain_page.get_by_role("link", name="Show 50 more").click()
    expect(plain_page.get_by_role("heading", level=1)).to_have_text("Part of message 1")
    expect(plain_page.get_by_label("The part as a tree")).to_contain_text("149")
    plain_page.get_by_role("link", name="In the transcript").click()
    expect(plain_page.locator("#m-1")).to_be_visible()


def test_states_are_compared_from_the_message_that_carries_one(visit: Open, agent: Caller) -> None:
    events = [make_event("One", state={"step": 1}), make_event("Two", state={"step": 2})]
    made = add_events(
        caller=agent, recording=Recording(session_id="chat-1", events=events, batch=True)
    ).session
    assert made is not None
    page = visit(f"/sessions/{made.uid}/")
    page.locator("#m-2 .state summary").first.click()
    page.get_by_role("link", name="What changed since the state before").click()
    expect(page.locator("del")).to_have_text("1")
    expect(page.locator("ins")).to_have_text("2")
    page.get_by_label("From message").fill("0")
    page.get_by_label("to message").fill("1")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator(".sub.added")).to_have_count(1)
    page.go_back()
    expect(page.locator("del")).to_have_text("1")


def hold_and_release(page: Page) -> None:
    page.get_by_role("link", name="Hold", exact=True).click()
    expect(page.get_by_text("session covered now")).to_be_visible()
    page.get_by_role("button", name="Place the hold").click()
    expect(page.get_by_role("alert")).to_contain_text("Name the matter")
    page.get_by_label("Matter").fill("Miller v. Example")
    page.get_by_label("Reason").fill("Asked by counsel")
    page.get_by_role("button", name="Place the hold").click()
    expect(page.get_by_text("On legal hold for Miller v. Example")).to_be_visible()
    page.get_by_role("link", name="Release the hold for Miller v. Example").click()
    page.get_by_label("Reason for the release").fill("Settled")
    page.get_by_role("button", name="Release the hold").click()
    expect(page.get_by_text("The hold for Miller v. Example is released.")).to_be_visible()
    expect(page.get_by_text("On legal hold")).to_have_count(0)


def test_a_session_is_held_and_released_from_its_page(
    visit: Open, agent: Caller, problems: list[str]
) -> None:
    hold_and_release(visit(f"/sessions/{scene(agent)}/"))
    assert problems == []


def test_a_session_is_held_and_released_without_javascript(
    plain_page: Page, agent: Caller, live_server: Any
) -> None:
    admit(plain_page.context, live_server.url, make_person("ann", privacy_officer="*"))
    plain_page.goto(f"{live_server.url}/sessions/{scene(agent)}/")
    hold_and_release(plain_page)


def test_a_session_is_expired_restored_and_extended_on_its_page(visit: Open, agent: Caller) -> None:
    page = visit(f"/sessions/{scene(agent)}/")
    page.get_by_role("button", name="Expire").click()
    expect(page.locator(".timeline")).to_contain_text("a person expired it")
    expect(page.locator(".badge-expired")).to_be_visible()
    page.locator("main").get_by_role("button", name="Restore").click()
    expect(page.locator(".timeline")).to_contain_text("Restored")
    page.get_by_text("Extend", exact=True).click()
    page.get_by_role("button", name="By at least 90 days").click()
    expect(page.locator(".toast").first).to_contain_text("extended")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.locator(".feed")).to_contain_text("Extended a session")


def test_a_purged_session_leads_to_its_receipt(visit: Open, agent: Caller) -> None:
    page = visit(scenes.gone(None))  # type: ignore[arg-type]
    expect(page.get_by_role("heading", level=1)).to_have_text("This session was purged")
    page.get_by_role("link", name="Open the receipt").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Deletion of 1 session")


def test_a_find_in_what_was_purged_meanwhile_leads_to_its_receipt(
    visit: Open, agent: Caller
) -> None:
    page = visit(f"/sessions/{scene(agent, 'gone')}/")
    find(page, "words")
    delete_session(caller=agent, session_id="gone")
    page.locator("#find").fill("order")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("This session was purged")
    expect(page.locator("#transcript")).to_have_count(0)


def test_a_find_after_the_reason_has_run_out_asks_again(visit: Open, agent: Caller) -> None:
    page = visit(f"/sessions/{scene(agent)}/")
    Namespace.objects.update(demands_reason=True)
    page.locator("#find").fill("words")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Its content is closed")).to_be_visible()
    page.get_by_label("Why do you open it?").fill("Ticket 7")
    page.get_by_role("button", name="Open for 15 minutes").click()
    expect(page.locator("#m-1 .words")).to_have_text("WordsOfAnn")
    expect(page.locator("#m-1 mark")).to_have_text("Words")
