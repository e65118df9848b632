"""An operator's way through the console: list, transcript, purge, receipt."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from memory_app.models import Role
from memory_app.operations.keys import Caller
from tests.browser import scenes
from tests.browser.conftest import SignIn, admit
from tests.console.scenes import HOSTILE, scene
from tests.factories import make_caller, make_session
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


def titles(page: Page) -> list[str]:
    return page.locator("tbody .title a").all_inner_texts()


def chats(agent: Caller, number: int) -> None:
    for one in range(number):
        make_session(agent, f"chat-{one}", f"Question {one}")


def walk(page: Page, url: str) -> None:
    """Go from the list through a transcript to a purge and its receipt, by what one sees."""
    page.goto(f"{url}/sessions/")
    page.get_by_role("link", name="RefundOfAnn").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("RefundOfAnn")
    expect(page.locator("#m-1 .words")).to_have_text("WordsOfAnn")
    page.get_by_role("button", name="Purge…").click()
    expect(page.get_by_role("heading", name="Purge 1 session for good?")).to_be_visible()
    page.get_by_label("Reason (on the receipt)").fill("Asked by Ann")
    page.get_by_label("to confirm").fill("purge 2")
    page.get_by_role("button", name="Purge 1 session").click()
    expect(page.get_by_text("Type “purge 1” to confirm.")).to_be_visible()
    expect(page.get_by_label("Reason (on the receipt)")).to_have_value("Asked by Ann")
    page.get_by_label("to confirm").fill("purge 1")
    page.get_by_role("button", name="Purge 1 session").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Purge of 1 session")
    expect(page.get_by_text("Asked by Ann")).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Sessions").click()
    expect(page.get_by_text("No sessions yet")).to_be_visible()


def test_from_the_list_to_the_receipt(visit: Open, agent: Caller, problems: list[str]) -> None:
    scene(agent)
    page = visit("/sessions/")
    walk(page, page.url.removesuffix("/sessions/"))
    assert problems == []


def test_from_the_list_to_the_receipt_without_javascript(
    plain_page: Page, agent: Caller, live_server: Any
) -> None:
    scene(agent)
    admit(plain_page.context, live_server.url, make_person("ann", privacy_officer="*"))
    walk(plain_page, live_server.url)


def test_selected_sessions_are_expired_and_restored_without_javascript(
    plain_page: Page, agent: Caller, live_server: Any
) -> None:
    scene(agent)
    admit(plain_page.context, live_server.url, make_person("ann", operator="*"))
    plain_page.goto(f"{live_server.url}/sessions/")
    plain_page.get_by_label("Select org-1/ann").check()
    plain_page.get_by_role("button", name="Expire").click()
    expect(plain_page.get_by_text("1 session expired.")).to_be_visible()
    plain_page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(plain_page.get_by_text("1 session as before, and not expired.")).to_be_visible()


def test_a_filter_is_in_the_address_and_back_takes_it_out(visit: Open, agent: Caller) -> None:
    scene(agent)
    chats(agent, 3)
    page = visit("/sessions/")
    page.keyboard.press("f")
    page.keyboard.type("user:ann", delay=20)
    expect(page).to_have_url(re.compile(r"/sessions/\?q=user%3Aann$"))
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("#live")).to_have_text("1 session matches")
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("user:ann")
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.go_back()
    expect(page).to_have_url(re.compile(r"/sessions/$"))
    expect(page.locator("tbody tr")).to_have_count(4)


def test_metadata_that_one_filters_by_is_in_no_address(visit: Open, agent: Caller) -> None:
    scene(agent)
    chats(agent, 2)
    page = visit("/sessions/")
    page.keyboard.press("f")
    page.keyboard.type("meta.plan:MetaGold", delay=20)
    expect(page).to_have_url(re.compile(r"/sessions/\?kept=sch_[0-9a-f]{32}$"))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("#q")).to_have_value("meta.plan:MetaGold")
    page.get_by_role("link", name="Messages", exact=True).click()
    expect(page).to_have_url(re.compile(r"\?kept=sch_[0-9a-f]{32}&sort=-message_count$"))
    expect(page.locator("tbody tr")).to_have_count(1)
    page.go_back()
    page.go_back()
    expect(page).to_have_url(re.compile(r"/sessions/$"))
    expect(page.locator("tbody tr")).to_have_count(3)


def test_a_filter_applies_without_scripts(
    plain_page: Page, live_server: Any, agent: Caller
) -> None:
    scene(agent)
    chats(agent, 2)
    admit(plain_page.context, live_server.url, make_person("ann", operator="*"))
    plain_page.goto(f"{live_server.url}/sessions/")
    plain_page.locator("#q").fill("user:ann meta.plan:MetaGold")
    plain_page.locator("#q").press("Enter")
    expect(plain_page.locator("tbody tr")).to_have_count(1)
    expect(plain_page).to_have_url(re.compile(r"/sessions/\?q=user%3Aann&kept=sch_[0-9a-f]{32}$"))


def test_a_filter_that_cannot_be_read_leaves_list_and_address(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/sessions/")
    page.locator("#q").fill("usr:ann")
    expect(page.get_by_role("alert")).to_contain_text("There is no filter usr:")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"/sessions/$"))
    page.locator("#q").fill("user:ann")
    expect(page.get_by_role("alert")).to_have_count(0)


def pages(page: Page) -> None:
    """Go through the pages of a list of 105 sessions and back again."""
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.get_by_role("link", name="Question 54", exact=True)).to_be_visible()
    page.get_by_role("link", name="Next", exact=True).click()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("link", name="Question 54", exact=True)).to_be_visible()
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("link", name="Question 104", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Previous")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("link", name="Question 54", exact=True)).to_be_visible()
    page.reload()
    expect(page.get_by_role("link", name="Question 54", exact=True)).to_be_visible()
    expect(page.locator("tbody tr")).to_have_count(50)


def test_pages_lead_on_and_back_in_place(visit: Open, agent: Caller, problems: list[str]) -> None:
    chats(agent, 105)
    page = visit("/sessions/")
    page.get_by_role("link", name="Next", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="105 sessions match")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("link", name="Question 104", exact=True)).to_be_visible()
    pages(page)
    page.get_by_role("link", name="First").click()
    expect(page.get_by_role("link", name="Question 104", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("/sessions/$"))
    assert problems == []


def test_pages_lead_on_and_back_without_javascript(
    plain_page: Page, agent: Caller, live_server: Any
) -> None:
    chats(agent, 105)
    admit(plain_page.context, live_server.url, make_person("ann", operator="*"))
    plain_page.goto(f"{live_server.url}/sessions/")
    plain_page.get_by_role("link", name="Next", exact=True).click()
    plain_page.go_back()
    pages(plain_page)


@pytest.mark.parametrize("how", ["500", "lost"])
def test_a_failed_request_leaves_list_and_address(visit: Open, agent: Caller, how: str) -> None:
    chats(agent, 2)
    page = visit("/sessions/")

    def fail(route: Route) -> None:
        route.fulfill(status=500, body="broken") if how == "500" else route.abort()

    page.route("**/sessions/?*", fail)
    page.get_by_role("link", name="Messages").click()
    expect(page.locator(".toast-error")).to_contain_text("Nothing was changed on this page")
    assert titles(page) == ["Question 1", "Question 0"]
    expect(page).to_have_url(re.compile(r"/sessions/$"))
    page.unroute("**/sessions/?*")
    page.get_by_role("button", name="Retry").click()
    expect(page).to_have_url(re.compile(r"sort=-message_count"))


def test_keys_switch_live_refresh_and_open_a_row(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/sessions/")
    page.keyboard.press("R")
    expect(page.locator("html")).to_have_attribute("data-live", "off")
    expect(page.locator(".toast")).to_contain_text("Live refresh of this page is off.")
    page.keyboard.press("R")
    expect(page.locator("html")).to_have_attribute("data-live", "on")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(r"/sessions/$"))
    page.keyboard.press("j")
    page.keyboard.press("o")
    expect(page).to_have_url(re.compile(r"/sessions/[0-9a-f]{32}/"))


def test_a_selection_survives_a_refresh_and_ends_with_another_filter(
    visit: Open, agent: Caller
) -> None:
    chats(agent, 3)
    page = visit("/sessions/")
    page.get_by_label("Select chat-1").check()
    make_session(agent, "chat-9", "Question 9")
    page.keyboard.press("r")
    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page.get_by_label("Select chat-1")).to_be_focused()
    expect(page.locator("#live")).to_have_text("")
    expect(page.get_by_label("Select chat-1")).to_be_checked()
    expect(page.locator("[data-selcount]")).to_have_text("1")
    page.locator("#q").fill("chat-")
    expect(page.locator(".chip")).to_have_count(1)
    expect(page.get_by_label("Select chat-1")).not_to_be_checked()
    expect(page.locator(".bulk")).to_be_hidden()


def test_a_selection_stays_after_an_act_that_can_be_undone(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/sessions/")
    page.get_by_label("Select chat-1").check()
    page.get_by_role("button", name="Expire").click()
    expect(page.get_by_text("1 session expired.")).to_be_visible()
    expect(page.locator("#results .badge-expired")).to_have_count(1)
    expect(page.get_by_label("Select chat-1")).to_be_checked()


def test_all_that_match_are_selected_and_the_number_is_kept(visit: Open, agent: Caller) -> None:
    chats(agent, 55)
    page = visit("/sessions/")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-selcount]")).to_have_text("50")
    page.get_by_role("button", name="Select all 55 that match").click()
    expect(page.get_by_text("All 55 that match are selected")).to_be_visible()
    make_session(agent, "late")
    page.get_by_role("button", name="Purge…").click()
    expect(page.get_by_role("heading", name="Purge 55 sessions for good?")).to_be_visible()


def test_the_dialog_begins_at_the_safe_choice_and_gives_the_focus_back(
    visit: Open, agent: Caller
) -> None:
    chats(agent, 1)
    page = visit("/sessions/")
    page.get_by_label("Select chat-0").check()
    page.get_by_role("button", name="Purge…").click()
    expect(page.get_by_role("link", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Purge…")).to_be_focused()
    expect(page.get_by_label("Select chat-0")).to_be_checked()
    page.get_by_role("button", name="Purge…").click()
    page.get_by_role("link", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/sessions/$"))


def test_enter_with_the_wrong_words_keeps_the_dialog(visit: Open, agent: Caller) -> None:
    chats(agent, 1)
    page = visit("/sessions/")
    page.get_by_label("Select chat-0").check()
    page.get_by_role("button", name="Purge…").click()
    page.get_by_label("Reason (on the receipt)").fill("Test data")
    page.get_by_label("to confirm").fill("purge")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Type “purge 1” to confirm.")).to_be_visible()
    expect(page.get_by_label("to confirm")).to_be_focused()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_rows_are_walked_and_selected_by_keys(visit: Open, agent: Caller) -> None:
    chats(agent, 3)
    page = visit("/sessions/")
    for key in ("j", "j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_role("link", name="Question 1")).to_be_focused()
    expect(page.get_by_label("Select chat-1")).to_be_checked()
    expect(page.locator("input[name=sel]:checked")).to_have_count(1)
    page.keyboard.press("k")
    expect(page.get_by_role("link", name="Question 2")).to_be_focused()
    page.keyboard.press("X")
    expect(page.locator("input[name=sel]:checked")).to_have_count(2)
    page.keyboard.press("x")
    page.keyboard.press("/")
    page.keyboard.press("f")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("#q")).to_have_value("x")
    expect(page.locator("input[name=sel]:checked")).to_have_count(1)


def test_the_order_changes_in_place_and_keeps_the_focus(visit: Open, agent: Caller) -> None:
    scene(agent)
    make_session(agent, "chat-0", "Question 0")
    page = visit("/sessions/")
    assert titles(page)[0] == "Question 0"
    page.get_by_role("link", name="Messages").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Messages")
    assert titles(page)[0] == "RefundOfAnn"
    expect(page.get_by_role("link", name="Messages")).to_be_focused()
    expect(page.locator("#live")).to_have_text("2 sessions match, most messages first")


# Whether what has the focus can be seen whole: nothing that sticks lies over it.
UNCOVERED = """() => {
  const box = document.activeElement.getBoundingClientRect();
  const middle = (box.left + box.right) / 2;
  return [box.top + 1, box.bottom - 1].every((edge) =>
    document.activeElement.contains(document.elementFromPoint(middle, edge)));
}"""


@pytest.mark.parametrize("width", [1440, 390])
def test_what_has_the_focus_is_never_covered(visit: Open, agent: Caller, width: int) -> None:
    chats(agent, 25)
    long = make_session(agent, "long", *(f"Message {n}" for n in range(25))).session
    assert long is not None
    page = visit("/sessions/")
    page.set_viewport_size({"width": width, "height": 700})
    page.get_by_label("Select chat-3", exact=True).check()
    for path, steps in (("", 26), (f"{long.uid}/", 25)):
        if path:
            page = visit(f"/sessions/{path}")
        for key in ["j"] * steps + ["k"] * steps:
            page.keyboard.press(key)
            assert page.evaluate(UNCOVERED), f"{path} {key}"


def test_states_are_seen_in_forced_colours(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/sessions/")
    page.emulate_media(forced_colors="active")
    page.get_by_label("Select chat-1").check()
    look = "(one, what) => getComputedStyle(one)[what]"
    assert page.get_by_label("Select chat-1").evaluate(look, "appearance") == "auto"
    assert page.locator(".badge").first.evaluate(look, "borderTopStyle") == "solid"
    assert page.locator(".side [aria-current]").first.evaluate(look, "outlineStyle") == "solid"


def test_what_messages_hold_does_nothing(visit: Open, agent: Caller, problems: list[str]) -> None:
    asked: list[str] = []
    uid = scene(agent, HOSTILE)
    page = visit("/receipts/")
    page.on("request", lambda request: asked.append(request.url))
    for path in (
        "/sessions/",
        f"/sessions/{uid}/",
        f"/sessions/{uid}/?view=raw",
        f"/sessions/{uid}/states/",
        f"/sessions/{uid}/branch/?in=4.w0",
        f"/sessions/{uid}/messages/4/",
    ):
        visit(path)
        page.wait_for_load_state("networkidle")
    visit(f"/sessions/{uid}/").locator("#find").fill("bold")
    page.keyboard.press("Enter")
    expect(page.locator("mark")).to_have_text(["bold"])
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if url.endswith("/x") or "img" in url] == []
    assert page.locator("main b[hx-get], main script, main img").count() == 0
    assert problems == []


def test_reading_a_transcript_leaves_nothing_in_the_browser(visit: Open, agent: Caller) -> None:
    uid = scene(agent)
    page = visit("/sessions/")
    page.locator("#q").fill("user:ann")
    expect(page).to_have_url(re.compile("user"))
    page.get_by_role("link", name="RefundOfAnn").click()
    expect(page).to_have_url(re.compile(uid))
    page.go_back()
    kept = page.evaluate("[localStorage.length, sessionStorage.length]")
    assert kept == [0, 0]
    assert page.evaluate("caches.keys()") == []


def test_a_match_is_looked_for_marked_and_stepped_through(visit: Open, agent: Caller) -> None:
    texts = [
        f"Message {number}" + (" refund" if number % 40 == 0 else "") for number in range(1, 130)
    ]
    made = make_session(agent, "chat-1", *texts).session
    assert made is not None
    page = visit(f"/sessions/{made.uid}/")
    page.keyboard.press("f")
    page.keyboard.type("REFUND")
    page.keyboard.press("Enter")
    expect(page.locator(".found")).to_have_text("1 of 3 messages")
    expect(page.locator(".msg.here mark")).to_be_in_viewport()
    page.keyboard.press("Tab")
    page.keyboard.press("n")
    expect(page.locator(".found")).to_have_text("2 of 3 messages")
    expect(page.locator("#m-80 mark")).to_be_in_viewport()


def test_a_link_to_a_message_shows_that_message(visit: Open, agent: Caller) -> None:
    made = make_session(agent, "chat-1", *(f"Message {n}" for n in range(1, 130))).session
    assert made is not None
    page = visit(f"/sessions/{made.uid}/?at=100#m-100")
    expect(page.locator("#m-100")).to_be_in_viewport()
    assert page.evaluate("document.querySelector('#m-100').matches(':target')")


def test_a_message_is_copied_as_it_reads(visit: Open, agent: Caller) -> None:
    made = make_session(agent, "chat-1", "Where is\n  my refund?").session
    assert made is not None
    page = visit(f"/sessions/{made.uid}/")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy message 1").click()
    expect(page.locator("#live")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "Where is\n  my refund?"


def test_viewers_have_nothing_to_select_or_press(
    as_person: SignIn, agent: Caller, live_server: Any
) -> None:
    scenes.everything(agent)
    page = as_person(Role.VIEWER)
    page.goto(f"{live_server.url}/sessions/")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("main form input[name=sel], [data-select-all], .bulk")).to_have_count(0)
    page.get_by_role("link", name="org-1/ann").click()
    expect(page.get_by_text("Its content is not yours to read")).to_be_visible()
    expect(page.locator("main .actions button")).to_have_count(0)
