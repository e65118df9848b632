"""What every page promises: tests/browser/pages.py lists them."""

import os
from collections.abc import Callable
from itertools import product
from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import TOUR, SignIn, look
from tests.browser.pages import PAGES, Screen

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (1440, 1024, 768, 390, 320)
# The checker takes longer than all the rest; colours are of a theme, and the layout of a width.
CHECKED = {("light", 1440), ("dark", 1440), ("dark", 390), ("light", 320)}

# `make tour` also writes what each looks like, ten pictures of every page.
TOURING = os.environ.get("LETHE_TOUR") == "1"

Open = Callable[[Screen], Page]


@pytest.fixture
def open_screen(
    page: Page, as_person: SignIn, live_server: Any, monkeypatch: pytest.MonkeyPatch
) -> Open:
    """Return a function that opens one of PAGES as the person who sees it."""

    def visit(screen: Screen) -> Page:
        if screen.signed_in:
            as_person(screen.role)
        address = screen.address
        page.goto(live_server.url + (address if isinstance(address, str) else address(monkeypatch)))
        page.wait_for_function("document.fonts.status === 'loaded'")
        return page

    return visit


@pytest.mark.parametrize("screen", PAGES, ids=lambda screen: screen.name)
def test_a_page_keeps_what_every_page_promises(
    open_screen: Open,
    axe: Callable[..., list[str]],
    problems: list[str],
    screen: Screen,
) -> None:
    # All of it at one opening: to lay out a scene and open it takes longer than most promises.
    page = open_screen(screen)
    has_one_title_and_named_landmarks(page)
    is_accessible_and_fits_at_every_width_in_both_themes(page, axe, screen.name)
    shows_every_stop_of_the_tab_key(page)
    leaves_nothing_in_the_browser(page)
    # Breaches of the content security policy are among them.
    assert problems == []


def has_one_title_and_named_landmarks(page: Page) -> None:
    assert page.title().endswith(" · Lethe")
    assert page.locator("h1").count() == 1
    assert page.locator("main#main").count() == 1


def is_accessible_and_fits_at_every_width_in_both_themes(
    page: Page, axe: Callable[..., list[str]], name: str
) -> None:
    for scheme, width in product(SCHEMES, WIDTHS):
        # Without motion: else colours are measured half-way from one theme to the other.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 900})
        if TOURING:
            look(page, f"{name}-{scheme}-{width}", TOUR)
        where = f"{scheme}, at {width} pixels"
        if (scheme, width) in CHECKED:
            assert axe() == [], where
        sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert sideways <= 0, f"{where}: the page scrolls {sideways} pixels sideways"


def leaves_nothing_in_the_browser(page: Page) -> None:
    kept = page.evaluate("[localStorage.length, sessionStorage.length]")
    assert kept == [0, 0]
    assert page.evaluate("caches.keys()") == []
    assert page.evaluate("indexedDB.databases()") == []


def shows_every_stop_of_the_tab_key(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    page.evaluate("document.body.tabIndex = -1; document.body.focus()")
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.className")
    stops = 0
    while page.evaluate("document.activeElement !== document.body") and stops < 60:
        where, seen = page.evaluate(_RING)
        assert seen, f"the focus on {where} cannot be seen"
        page.keyboard.press("Tab")
        stops += 1
    assert stops > 0
    assert first == "skip"


_RING = """() => {
  const here = document.activeElement;
  const ring = element => {
    const style = getComputedStyle(element);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  };
  // A search box shows the ring around itself and its icon.
  const seen = ring(here) || ring(here.parentElement);
  const box = here.getBoundingClientRect();
  return [here.outerHTML.slice(0, 80), seen && box.width > 0 && box.height > 0];
}"""
