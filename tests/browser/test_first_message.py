"""From an empty installation to the first message, doing only what the pages say."""

import re
import subprocess
import time
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import look, watch
from tests.served import manage, serving

MOST_SECONDS = 180


def printed(text: str, what: str) -> str:
    """Return what `make run` printed beside a word."""
    found = re.search(rf"^ +{what} +(\S+)$", text, re.MULTILINE)
    assert found, text
    return found.group(1)


def test_the_pages_lead_to_the_first_message_in_under_three_minutes(
    either: Page, installation: dict[str, Any]
) -> None:
    begun = time.monotonic()
    problems = watch(either)
    told = manage(installation, "first_run")
    with serving(installation) as server:
        either.goto(server.url)
        either.get_by_label("Name").fill(printed(told, "name"))
        either.get_by_label("Password").fill(printed(told, "password"))
        either.get_by_role("button", name="Sign in").click()
        expect(either.get_by_role("heading", name="Let the first agent in")).to_be_visible()
        look(either, "first-steps")
        either.get_by_role("navigation").get_by_role("link", name="Sessions").first.click()
        expect(either.get_by_text("No sessions yet")).to_be_visible()
        either.get_by_role("link", name="Make an API key").click()
        either.get_by_label("Label").fill("my agent")
        either.get_by_role("button", name="Make the key").click()
        program = either.locator("#example-curl pre").inner_text()
        subprocess.run(["sh", "-c", program], check=True, capture_output=True, timeout=30)
        if either.evaluate("!window.htmx"):
            either.get_by_role("link", name="Look again").click()
        expect(either.get_by_text("First message received")).to_be_visible(timeout=10_000)
        look(either, "first-message")
        either.get_by_role("link", name="Open the session hello").click()
        expect(either.locator("#m-1").get_by_text("Hello, Lethe")).to_be_visible()
        either.goto(server.url)
        expect(either.get_by_role("heading", name="Overview")).to_be_visible()
        expect(either.get_by_role("heading", name="Let the first agent in")).to_have_count(0)
    assert time.monotonic() - begun < MOST_SECONDS
    assert problems == []
