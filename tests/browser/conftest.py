"""A real browser, and what every browser test asks of it.

The browser is the distribution's Chromium (`apt-get install chromium`), driven by Playwright. This
folder is a pytest process of its own, on SQLite, because Playwright runs a loop in this thread and
Django then refuses its ORM unless told otherwise.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from memory_app.models import Role
from tests.people import make_person, sign_in

os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

HERE = Path(__file__).parent
LOOKS = HERE.parent.parent / "test-results" / "looks"
TOUR = LOOKS.with_name("tour")
AXE = (HERE / "axe.min.js").read_text()
CHROMIUM = os.environ.get("LETHE_CHROMIUM") or shutil.which("chromium")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

SignIn = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say so when there is no browser; where tests must be complete, that is an error."""
    if CHROMIUM:
        return
    if os.environ.get("CI") == "true":
        pytest.exit("browser tests need Chromium: apt-get install chromium", returncode=1)
    for item in items:
        item.add_marker(pytest.mark.skip(reason="no Chromium here: apt-get install chromium"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Drive the distribution's browser, which fetches nothing by itself."""
    options = ["--disable-gpu", "--disable-quic", "--no-first-run"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": options}


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let the server's threads have connections of their own: an SQLite in memory has but one."""
    from django.conf import settings

    database = settings.DATABASES["default"]
    database.setdefault("TEST", {})["NAME"] = str(tmp_path_factory.mktemp("db") / "test.sqlite3")


@pytest.fixture(autouse=True)
def _database(transactional_db: None) -> None:
    """Let the server see what the test writes."""


@pytest.fixture
def problems(page: Page) -> list[str]:
    """Return what the browser complains of: scripts that fail, and breaches of the CSP."""
    return watch(page)


def watch(page: Page) -> list[str]:
    """Collect a page's complaints. That a page has an error status is none."""
    seen: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            seen.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: seen.append(str(error)))
    return seen


@pytest.fixture
def axe(page: Page) -> Callable[..., list[str]]:
    """Return a check of the page, or of a part, for accessibility; it names what is wrong."""

    def check(part: str | None = None) -> list[str]:
        # Through the debugger, so that the CSP need not be loosened.
        if not page.evaluate("'axe' in window"):
            page.evaluate(AXE)
        found: list[str] = page.evaluate(_VIOLATIONS, [part, RULES])
        return found

    return check


# Only what is wrong leaves the browser: all that is right took two thirds of the time.
_VIOLATIONS = """async ([part, rules]) => {
  const options = {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']};
  const {violations} = await axe.run(part || document, options);
  return violations.flatMap(one => one.nodes.map(node => `${one.id}: ${node.target}`));
}"""


@pytest.fixture
def as_person(page: Page, live_server: Any) -> SignIn:
    """Return a function that signs a person of a role in, everywhere or in one namespace."""

    def enter(role: str | None = Role.PRIVACY_OFFICER, namespace: str = "*") -> Page:
        roles = {} if role is None else {str(role): namespace}
        admit(page.context, live_server.url, make_person("ann", **roles))
        return page

    return enter


def admit(context: BrowserContext, url: str, person: Any) -> None:
    """Give a browser the cookie of someone who has signed in."""
    cookie = sign_in(Client(), person).cookies["sessionid"]
    context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": url}])


@pytest.fixture
def viewer(as_person: SignIn) -> Page:
    """Return a page on which a viewer is signed in."""
    return as_person(Role.VIEWER)


@pytest.fixture
def operator(as_person: SignIn) -> Page:
    """Return a page on which an operator is signed in."""
    return as_person(Role.OPERATOR)


@pytest.fixture
def privacy_officer(as_person: SignIn) -> Page:
    """Return a page on which a privacy officer is signed in."""
    return as_person(Role.PRIVACY_OFFICER)


@pytest.fixture
def administrator(as_person: SignIn) -> Page:
    """Return a page on which an administrator is signed in."""
    return as_person(Role.ADMINISTRATOR)


@pytest.fixture
def plain_page(browser: Browser) -> Iterator[Page]:
    """Return a page in a browser without JavaScript."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.fixture(params=["with JavaScript", "without JavaScript"])
def either(request: pytest.FixtureRequest) -> Page:
    """Return a page in a browser of each kind."""
    found: Page = request.getfixturevalue("page" if "out" not in request.param else "plain_page")
    return found


def look(page: Page, name: str, folder: Path = LOOKS) -> Path:
    """Write what the page looks like into a folder of test-results, for people's eyes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path)
    return path
