"""What is wrong with a form stands beside its field, and the focus is there."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import admit
from tests.factories import make_key
from tests.people import make_person


@pytest.fixture
def either(either: Page, live_server: Any) -> Page:
    """Return a page of Ada, who may do everything."""
    make_key("support")
    ada = make_person("ada", administrator="*", privacy_officer="*")
    admit(either.context, live_server.url, ada)
    return either


def test_of_a_new_key(either: Page, live_server: Any) -> None:
    either.goto(f"{live_server.url}/keys/new/")
    either.get_by_label("Calls a minute").fill("many")
    either.get_by_role("button", name="Make the key").click()
    field = either.get_by_label("Calls a minute")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")


def test_of_a_hold(either: Page, live_server: Any) -> None:
    either.goto(f"{live_server.url}/holds/new/")
    either.get_by_label("Its id").fill("org-1/ann")
    either.get_by_label("Matter").fill("Miller")
    either.get_by_role("button", name="Place the hold").click()
    expect(either.get_by_label("Reason")).to_be_focused()
    expect(either.get_by_role("alert")).to_contain_text("Give a reason")
    expect(either.get_by_label("Matter")).to_have_value("Miller")


def test_of_a_policy_that_is_previewed_while_one_types(page: Page, live_server: Any) -> None:
    make_key("support")
    admit(page.context, live_server.url, make_person("ada", administrator="*"))
    page.goto(f"{live_server.url}/policies/change/?namespace=support&prefix=")
    field = page.get_by_label("Grace period")
    field.fill("soon")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("grace")
    field.fill("8d")
    expect(field).not_to_have_attribute("aria-invalid", "true")
