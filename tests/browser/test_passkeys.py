"""Passkeys in a real browser, with a device that Chromium plays."""

import re
from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Page, expect

from memory_app import moments
from memory_app.models import AuditEntry, Operator, Passkey
from memory_app.operations.rights import find_person
from memory_app.operations.second_factor import begin_factor, confirm_factor
from tests.browser.conftest import admit, look, watch
from tests.people import PASSWORD, make_person

# Enrolled in the past, so that the code of now was never used.
PAST = moments.from_rfc3339("2026-06-01T12:00:00Z")


class Device:
    """A security key that is always at hand, or is told not to be."""

    def __init__(self, page: Page) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        options = {"protocol": "ctap2", "transport": "usb", "hasUserVerification": False}
        options |= {"hasResidentKey": False, "automaticPresenceSimulation": True}
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id = made["authenticatorId"]

    def send(self, command: str, **more: Any) -> Any:
        return self.session.send(f"WebAuthn.{command}", {"authenticatorId": self.id, **more})


@pytest.fixture
def at(live_server: Any, settings: Any) -> str:
    """Return the address of a console of which browsers have passkeys."""
    url = live_server.url.replace("127.0.0.1", "localhost")
    settings.LETHE_PUBLIC_URL = url
    return str(url)


@pytest.fixture
def secret(at: str, page: Page) -> str:
    """Let Ann in, who has an app; return the app's secret."""
    ann = make_person("ann", viewer="*")
    known = find_person(operator_id=ann.pk, username="ann")
    secret = begin_factor(person=known, issuer="Lethe", now=PAST).secret
    confirm_factor(person=known, code=pyotp.TOTP(secret).at(PAST // moments.SECOND), now=PAST)
    admit(page.context, at, ann)
    return secret


def add(page: Page, at: str, name: str) -> None:
    page.goto(f"{at}/account/second-factor/")
    page.get_by_label("What you call it").fill(name)
    page.locator("#passkey-password").fill(PASSWORD)
    page.get_by_role("button", name="Add a passkey").click()
    page.get_by_role("button", name="Make it").click()


def give_password(page: Page, at: str) -> None:
    page.context.clear_cookies()
    page.goto(f"{at}/sign-in/?next=/account/")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="One more step, ann")).to_be_visible()


def test_passkeys_are_added_named_used_and_removed(
    page: Page, at: str, secret: str, axe: Callable[..., list[str]]
) -> None:
    problems = watch(page)
    Device(page)
    add(page, at, "blue key")
    expect(page.get_by_text("The passkey blue key is added.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="blue key")).to_contain_text("never used")
    assert axe() == []
    look(page, "passkeys")

    give_password(page, at)
    assert axe() == []
    look(page, "sign-in-passkey")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{at}/account/")

    page.goto(f"{at}/account/second-factor/")
    expect(page.get_by_role("listitem").filter(has_text="blue key")).to_contain_text("last used")
    page.get_by_role("button", name="Remove the passkey blue key").click()
    expect(page.get_by_text("The passkey blue key is not taken any more.")).to_be_visible()
    give_password(page, at)
    expect(page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    acts = AuditEntry.objects.filter(act__startswith="passkey").order_by("n")
    assert list(acts.values_list("act", flat=True)) == ["passkey.add", "passkey.remove"]
    assert problems == []


def test_several_devices_have_one_each(page: Page, at: str, secret: str) -> None:
    first = Device(page)
    add(page, at, "blue key")
    expect(page.get_by_text("The passkey blue key is added.")).to_be_visible()
    add(page, at, "the same key")
    expect(page.get_by_text("This device has a passkey here already.")).to_be_visible()
    first.send("removeVirtualAuthenticator")
    Device(page)
    add(page, at, "green key")
    expect(page.get_by_text("The passkey green key is added.")).to_be_visible()
    assert Passkey.objects.count() == 2
    give_password(page, at)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{at}/account/")


def test_without_the_device_a_code_still_lets_in(page: Page, at: str, secret: str) -> None:
    device = Device(page)
    add(page, at, "blue key")
    expect(page.get_by_text("The passkey blue key is added.")).to_be_visible()
    device.send("removeVirtualAuthenticator")
    Device(page)
    give_password(page, at)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("#toasts")).to_contain_text("No passkey was used")
    page.get_by_label("Code from your app").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{at}/account/")


def test_a_copied_passkey_is_not_taken(page: Page, at: str, secret: str) -> None:
    Device(page)
    add(page, at, "blue key")
    expect(page.get_by_text("The passkey blue key is added.")).to_be_visible()
    # Its twin has counted further already.
    Passkey.objects.update(sign_count=1_000)
    give_password(page, at)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("This passkey was not taken.")
    assert AuditEntry.objects.filter(act="person.sign_in_failed").exists()


def test_an_answer_works_once_and_in_no_other_browser(page: Page, at: str, secret: str) -> None:
    Device(page)
    add(page, at, "blue key")
    expect(page.get_by_text("The passkey blue key is added.")).to_be_visible()
    give_password(page, at)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.post_data or ""))
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(f"{at}/account/")
    answer = next(re.findall(r"answer=([^&]+)", one)[0] for one in sent if "answer=" in one)
    give_password(page, at)
    page.evaluate(
        """answer => { const form = document.querySelector('[data-passkey]');
            form.elements.answer.value = decodeURIComponent(answer.replaceAll('+', ' '));
            form.submit(); }""",
        answer,
    )
    expect(page.get_by_role("alert")).to_contain_text("This passkey was not taken.")


def test_without_javascript_there_are_codes(
    plain_page: Page, at: str, page: Page, secret: str
) -> None:
    Device(page)
    add(page, at, "blue key")
    expect(page.get_by_text("The passkey blue key is added.")).to_be_visible()
    give_password(plain_page, at)
    expect(plain_page.get_by_role("button", name="Use a passkey")).to_have_count(0)
    plain_page.get_by_label("Code from your app").fill(pyotp.TOTP(secret).now())
    plain_page.get_by_role("button", name="Sign in").click()
    expect(plain_page).to_have_url(f"{at}/account/")


def test_where_browsers_have_none_the_page_says_so(page: Page, live_server: Any) -> None:
    ann = make_person("ann", viewer="*")
    known = find_person(operator_id=ann.pk, username="ann")
    secret = begin_factor(person=known, issuer="Lethe", now=PAST).secret
    confirm_factor(person=known, code=pyotp.TOTP(secret).at(PAST // moments.SECOND), now=PAST)
    url = live_server.url.replace("localhost", "127.0.0.1")
    admit(page.context, url, Operator.objects.get())
    page.goto(f"{url}/account/second-factor/")
    expect(page.get_by_text("Passkeys are not offered at this address")).to_be_visible()
    expect(page.get_by_role("button", name="Add a passkey")).to_have_count(0)
