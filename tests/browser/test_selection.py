"""What an operator does to many sessions at once, in the browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from memory_app.operations.keys import Caller
from tests.browser.conftest import SignIn, admit
from tests.factories import begin_session, make_caller, make_session
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


def chats(agent: Caller, number: int) -> None:
    for one in range(number):
        make_session(agent, f"chat-{one}", f"Question {one}")


def select(page: Page, *names: str) -> None:
    for name in names:
        page.get_by_label(f"Select {name}", exact=True).check()


def bulk(page: Page, button: str) -> None:
    page.get_by_role("region", name="Selected sessions").get_by_role(
        "button", name=button, exact=True
    ).click()


def test_an_act_is_undone_in_place_and_the_selection_stays(visit: Open, agent: Caller) -> None:
    chats(agent, 3)
    page = visit("/sessions/")
    select(page, "chat-0", "chat-1")
    bulk(page, "Expire")
    expect(page.locator(".badge-expired")).to_have_count(2)
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".badge-expired")).to_have_count(0)
    expect(page.get_by_text("2 sessions as before, and not expired.")).to_be_visible()
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    expect(page.locator("input[name=sel]:checked")).to_have_count(2)
    # The button that was pressed is gone, and its focus went back to where it had come from.
    expect(page.get_by_role("button", name="Expire", exact=True)).to_be_focused()
    expect(page).to_have_url(re.compile("/sessions/$"))


def test_enter_on_a_box_does_nothing_to_what_is_selected(
    either: Page, agent: Caller, live_server: Any
) -> None:
    chats(agent, 2)
    admit(either.context, live_server.url, make_person("ann", privacy_officer="*"))
    acts: list[str] = []
    either.on(
        "request",
        lambda sent: acts.extend(re.findall(r"\bdo=([a-z0-9-]+)", sent.post_data or "")),
    )
    for box in ("Select chat-0", "Select all on this page"):
        either.goto(f"{live_server.url}/sessions/")
        select(either, "chat-0")
        either.get_by_label(box, exact=True).press("Enter")
        # Whatever that has sent was sent before this.
        either.get_by_role("link", name="Retention policies").first.click()
        either.wait_for_url("**/policies/")
    assert set(acts) <= {"clear"}


@pytest.mark.parametrize("width", [1440, 390])
def test_a_menu_closes_once_its_act_is_done(visit: Open, agent: Caller, width: int) -> None:
    chats(agent, 1)
    page = visit("/sessions/")
    page.set_viewport_size({"width": width, "height": 844})
    select(page, "chat-0")
    unfold = page.get_by_role("button", name="Actions")
    if unfold.is_visible():
        unfold.click()
    extend = page.locator("summary", has_text="Extend")
    extend.click()
    bulk(page, "By at least 7 days")
    expect(page.locator(".toast")).to_contain_text("1 session extended")
    expect(page.locator("details.menu[open]")).to_have_count(0)
    expect(extend.or_(unfold).locator("visible=true")).to_be_focused()


@pytest.mark.parametrize("width", [390, 320])
def test_menus_beside_a_heading_stay_on_the_screen_of_a_phone(
    visit: Open, agent: Caller, width: int
) -> None:
    made = make_session(agent, "chat-1", "Hello").session
    assert made is not None
    for path in ("/sessions/", f"/sessions/{made.uid}/"):
        page = visit(path)
        page.set_viewport_size({"width": width, "height": 844})
        menus = page.locator(".head details.menu")
        assert menus.count() == 2
        for menu in menus.all():
            menu.locator("summary").click()
            box = menu.locator(".pop").bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width


def test_a_set_of_all_that_match_stays_selected_through_acts(visit: Open, agent: Caller) -> None:
    chats(agent, 55)
    page = visit("/sessions/?q=chat-")
    page.get_by_label("Select all on this page").check()
    bulk(page, "Select all 55 that match")
    expect(page.get_by_text("All 55 that match are selected")).to_be_visible()
    bulk(page, "Expire")
    expect(page.get_by_text("55 sessions expired.")).to_be_visible()
    expect(page.get_by_text("All 55 that match are selected")).to_be_visible()
    bulk(page, "Restore")
    expect(page.get_by_text("55 sessions restored.")).to_be_visible()
    page.locator("#q").fill("chat-1")
    expect(page.locator(".bulk")).to_be_hidden()


def test_sessions_are_held_in_a_dialog_and_let_go(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/sessions/")
    select(page, "chat-0", "chat-1")
    page.keyboard.press("h")
    expect(page.get_by_role("heading", name="Hold 2 sessions")).to_be_visible()
    expect(page.get_by_role("link", name="Do not hold")).to_be_focused()
    page.get_by_label("Matter").fill("Miller v. Example")
    page.get_by_label("Matter").press("Enter")
    expect(page.get_by_text("Give a reason")).to_be_visible()
    expect(page.get_by_label("Reason")).to_be_focused()
    expect(page.get_by_label("Matter")).to_have_value("Miller v. Example")
    page.get_by_label("Reason").fill("Asked by counsel")
    page.get_by_role("button", name="Hold 2 sessions").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("tbody .badge-held")).to_have_count(2)
    expect(page.locator("input[name=sel]:checked")).to_have_count(2)
    page.keyboard.press(".")
    expect(page.get_by_role("button", name="Release holds…")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Reason").fill("Settled")
    page.get_by_role("button", name="Release", exact=True).click()
    expect(page.locator("tbody .badge-held")).to_have_count(0)
    page.locator(".toast").filter(has_text="let go").get_by_role("button", name="Undo").click()
    expect(page.locator("tbody .badge-held")).to_have_count(2)


def test_an_export_is_handed_over_as_lines_and_as_a_table(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/sessions/")
    select(page, "chat-0", "chat-1")
    page.keyboard.press(".")
    page.get_by_role("button", name="Export…").click()
    expect(page.get_by_role("heading", name="Export 2 sessions")).to_be_visible()
    for button, name in (("JSON Lines", "sessions.jsonl"), ("CSV", "sessions.csv")):
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        assert download.value.suggested_filename == name
        text = download.value.path().read_text()
        assert "chat-0" in text
        assert ("Question 0" in text) == (button == "JSON Lines")
    page.keyboard.press("Escape")
    expect(page.locator("input[name=sel]:checked")).to_have_count(2)


def test_keys_select_clear_and_extend(visit: Open, agent: Caller) -> None:
    chats(agent, 4)
    page = visit("/sessions/")
    for key in ("j", "x", "j", "j", "X"):
        page.keyboard.press(key)
    expect(page.locator("input[name=sel]:checked")).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.locator("input[name=sel]:checked")).to_have_count(0)
    page.keyboard.press("e")
    expect(page.locator("details.menu[open]")).to_have_count(0)
    page.keyboard.press("a")
    page.keyboard.press("e")
    expect(page.get_by_role("button", name="By at least 7 days")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("input[name=sel]:checked")).to_have_count(4)
    page.keyboard.press("e")
    page.get_by_role("button", name="By at least 90 days").click()
    expect(page.get_by_text("4 sessions extended, at least to")).to_be_visible()


def test_a_range_is_selected_with_shift(visit: Open, agent: Caller) -> None:
    chats(agent, 5)
    page = visit("/sessions/")
    select(page, "chat-4")
    page.get_by_label("Select chat-1").click(modifiers=["Shift"])
    expect(page.locator("[data-selcount]")).to_have_text("4")


def test_what_counts_slowly_is_counted_after_the_page_is_there(visit: Open, agent: Caller) -> None:
    chats(agent, 55)
    page = visit("/sessions/?q=held:no")
    expect(page.locator("#counted")).to_have_text("55 sessions")
    page.get_by_role("link", name="Messages").click()
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Messages")
    expect(page.locator("#counted")).to_have_text("55 sessions")
    page.evaluate("document.body.dispatchEvent(new CustomEvent('console:tick'))")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#counted")).to_have_text("55 sessions")


def test_many_are_held_and_exported_without_javascript(
    plain_page: Page, agent: Caller, live_server: Any
) -> None:
    chats(agent, 2)
    admit(plain_page.context, live_server.url, make_person("ann", privacy_officer="*"))
    plain_page.goto(f"{live_server.url}/sessions/?q=chat-")
    select(plain_page, "chat-0", "chat-1")
    bulk(plain_page, "Hold…")
    plain_page.get_by_label("Matter").fill("Miller")
    plain_page.get_by_label("Reason").fill("Asked by counsel")
    plain_page.get_by_role("button", name="Hold 2 sessions").click()
    expect(plain_page.locator("tbody .badge-held")).to_have_count(2)
    expect(plain_page).to_have_url(re.compile(r"\?q=prefix%3Achat-"))
    select(plain_page, "chat-0")
    plain_page.locator("#more-button").click()
    plain_page.get_by_role("button", name="Export…").click()
    with plain_page.expect_download() as download:
        plain_page.get_by_role("button", name="CSV").click()
    assert "chat-0" in download.value.path().read_text()


def test_a_list_is_saved_as_a_view_and_found_again(visit: Open, agent: Caller) -> None:
    chats(agent, 3)
    page = visit("/sessions/")
    page.locator("#q").fill("chat-1")
    expect(page).to_have_url(re.compile("q=prefix"))
    page.get_by_text("Views", exact=True).click()
    page.get_by_label("Save this list as").fill("Only one")
    page.get_by_role("button", name="Save view").click()
    views = page.get_by_role("navigation", name="Views")
    expect(views.get_by_role("link", name="Only one")).to_have_attribute("aria-current", "true")
    expect(page.get_by_text("The view Only one is saved.")).to_be_visible()
    page.locator("#q").fill("")
    expect(views.get_by_role("link", name="All")).to_have_attribute("aria-current", "true")
    views.get_by_role("link", name="Only one").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_text("Views", exact=True).click()
    page.get_by_role("link", name="Your views").click()
    page.get_by_role("button", name="Remove the view Only one").click()
    expect(page.get_by_text("No saved views yet")).to_be_visible()


def test_columns_and_density_are_chosen_and_kept(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/sessions/?status=active")
    high = page.locator("tbody tr").first.bounding_box()
    page.get_by_text("Columns", exact=True).first.click()
    page.get_by_label("Tokens").check()
    page.get_by_label("User").uncheck()
    page.get_by_label("Compact").check()
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("columnheader", name="Tokens")).to_be_visible()
    expect(page.get_by_role("columnheader", name="User")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?status=active$"))
    low = page.locator("tbody tr").first.bounding_box()
    assert high is not None
    assert low is not None
    assert low["height"] < high["height"]


def test_ids_are_browsed_level_by_level(visit: Open, agent: Caller) -> None:
    for name in ("org-1/team-1/ann", "org-1/team-1/bob", "org-2/cleo"):
        make_session(agent, name)
    page = visit("/sessions/")
    page.get_by_role("link", name="Browse ids").click()
    page.get_by_role("link", name="org-1/", exact=True).click()
    expect(page).to_have_url(re.compile("prefix=org-1%2F$"))
    page.get_by_role("link", name="team-1/", exact=True).click()
    expect(page.locator(".tree li")).to_have_count(2)
    page.go_back()
    expect(page.get_by_role("link", name="team-1/", exact=True)).to_be_visible()
    page.get_by_role("link", name="List the sessions in team-1/").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("navigation", name="Levels of the id").get_by_role(
        "link", name="Any id"
    ).click()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_the_filter_box_suggests_what_it_can_go_on_with(visit: Open, agent: Caller) -> None:
    begin_session(agent, "org-1/ann", user_id="anna")
    page = visit("/sessions/")
    page.locator("#q").fill("user:a")
    expect(page.locator("#suggestions option")).to_have_attribute("value", "user:anna")
    page.locator("#q").fill("user:")
    expect(page.get_by_role("alert")).to_contain_text("User: needs a value")
    expect(page.locator("#suggestions option")).to_have_count(1)
    expect(page.locator("tbody tr")).to_have_count(0)


def test_one_goes_back_from_an_act_in_one_step(visit: Open, agent: Caller) -> None:
    chats(agent, 2)
    page = visit("/holds/")
    page.goto(page.url.replace("/holds/", "/sessions/"))
    select(page, "chat-0")
    bulk(page, "Expire")
    expect(page.locator(".badge-expired")).to_have_count(1)
    page.go_back()
    expect(page).to_have_url(re.compile("/holds/$"))
