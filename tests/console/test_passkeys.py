"""Passkeys on the pages of the console: who may add one, and how guesses are counted."""

import html
import json
import re
from typing import Any

import pyotp
import pytest
from axes.models import AccessAttempt
from django.test import Client

from memory_app import moments
from memory_app.models import AuditEntry, Operator, Passkey
from memory_app.operations.rights import find_person
from memory_app.operations.second_factor import begin_factor, confirm_factor
from tests.device import SoftwareKey
from tests.people import PASSWORD, make_person, sign_in

pytestmark = pytest.mark.django_db

PAST = moments.from_rfc3339("2026-06-01T12:00:00Z")
PAGE = "/account/second-factor/"


@pytest.fixture
def key(settings: Any) -> SoftwareKey:
    settings.LETHE_PUBLIC_URL = "https://lethe.example.org"
    settings.ALLOWED_HOSTS = ["testserver"]
    return SoftwareKey()


@pytest.fixture
def ann(key: SoftwareKey) -> Client:
    """Return Ann's browser; she has an app."""
    made = make_person("ann")
    known = find_person(operator_id=made.pk, username="ann")
    secret = begin_factor(person=known, issuer="Lethe", now=PAST).secret
    confirm_factor(person=known, code=pyotp.TOTP(secret).at(PAST // moments.SECOND), now=PAST)
    return sign_in(Client(), made)


def asked(answer: Any) -> Any:
    """Return what a page asks the browser for."""
    found = re.search(r'data-passkey="([^"]+)"', answer.text)
    assert found, answer.text
    return json.loads(html.unescape(found.group(1)))


def ask(client: Client, **more: str) -> Any:
    return client.post(PAGE, {"do": "ask", "name": "blue key", "password": PASSWORD, **more})


def add(client: Client, key: SoftwareKey) -> Any:
    return client.post(PAGE, {"do": "add", "answer": key.create(asked(ask(client)))})


def give_password(client: Client) -> Any:
    client.post("/sign-in/", {"username": "ann", "password": PASSWORD})
    return client.get("/sign-in/code/")


def answer_with(client: Client, answer: str) -> Any:
    return client.post("/sign-in/code/", {"answer": answer})


def test_an_unlocked_screen_is_not_enough_to_add_one(ann: Client, key: SoftwareKey) -> None:
    refused = ask(ann, password="wrong")
    assert refused.status_code == 422
    assert "data-passkey" not in refused.text
    assert ann.post(PAGE, {"do": "add", "answer": "{}"}).status_code == 422
    assert not Passkey.objects.exists()


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"do": "ask", "name": "blue key", "password": "wrong"}, "passkey-password"),
        ({"do": "ask", "name": " ", "password": PASSWORD}, "passkey-name"),
        ({"do": "codes", "password": "wrong"}, "own-password"),
        ({"passkey": "77"}, None),
        ({"do": "add", "answer": "{}"}, None),
    ],
)
def test_the_field_in_error_is_that_of_the_form_that_was_sent(
    ann: Client, sent: dict[str, str], field: str | None
) -> None:
    refused = ann.post(PAGE, sent)
    assert refused.status_code == 422
    assert 'role="alert" id="problem"' in refused.text
    wrong = re.findall(r'<input[^>]*id="([^"]+)"[^>]*aria-invalid="true" autofocus', refused.text)
    assert wrong == ([field] if field else [])


def test_it_is_added_used_for_signing_in_and_removed(ann: Client, key: SoftwareKey) -> None:
    assert add(ann, key).status_code == 303
    other = Client()
    assert answer_with(other, key.get(asked(give_password(other)))).status_code == 303
    assert other.get("/account/").status_code == 200
    number = str(Passkey.objects.get().pk)
    assert ann.post(PAGE, {"passkey": number}).status_code == 303
    assert not Passkey.objects.exists()
    for wrong in (number, "", "x", "9" * 400):
        assert ann.post(PAGE, {"passkey": wrong}).status_code == 422


def test_what_was_asked_is_answered_once_and_soon(ann: Client, key: SoftwareKey) -> None:
    question = asked(ask(ann))
    session = ann.session
    session["passkey"] = session["passkey"] | {"at": moments.process_clock() - 601 * moments.SECOND}
    session.save()
    late = ann.post(PAGE, {"do": "add", "answer": key.create(question)})
    assert "this was asked a while ago" in late.text.lower()
    add(ann, key)
    other = Client()
    answer = key.get(asked(give_password(other)))
    assert answer_with(other, "{}").status_code == 422
    # The page asked anew: what answers the question before is not taken.
    assert answer_with(other, answer).status_code == 422


def test_a_question_of_signing_in_is_no_question_of_adding(ann: Client, key: SoftwareKey) -> None:
    add(ann, key)
    question = asked(give_password(Client()))
    session = ann.session
    session["passkey"] = {
        "state": {"challenge": question["challenge"], "user_verification": None},
        "at": moments.process_clock(),
    }
    session.save()
    made = SoftwareKey().create(question | {"rp": {"id": "lethe.example.org"}})
    assert ann.post(PAGE, {"do": "add", "answer": made}).status_code == 422
    assert Passkey.objects.count() == 1


def test_wrong_answers_are_paused_with_codes_and_audited_and_not_kept(
    ann: Client, key: SoftwareKey
) -> None:
    add(ann, key)
    other = Client()
    give_password(other)
    for _ in range(4):
        assert answer_with(other, '{"id": "secret-answer"}').status_code == 422
    assert answer_with(other, "{}").status_code == 429
    assert AuditEntry.objects.filter(act="person.sign_in_failed").exists()
    kept = " ".join(str(value) for row in AccessAttempt.objects.values_list() for value in row)
    assert "secret-answer" not in kept


def test_without_the_password_or_after_deactivation_a_passkey_opens_nothing(
    ann: Client, key: SoftwareKey
) -> None:
    add(ann, key)
    assert answer_with(Client(), "{}")["Location"] == "/sign-in/"
    other = Client()
    question = asked(give_password(other))
    Operator.objects.update(is_active=False)
    assert answer_with(other, key.get(question))["Location"] == "/sign-in/"


def test_where_browsers_have_none_none_is_added(ann: Client, settings: Any) -> None:
    settings.LETHE_PUBLIC_URL = "http://lethe.example.org"
    assert "Passkeys are not offered at this address" in ann.get(PAGE).text
    assert ask(ann).status_code == 422


def test_the_name_of_a_passkey_is_text(ann: Client, key: SoftwareKey) -> None:
    ann.post(PAGE, {"do": "add", "answer": key.create(asked(ask(ann, name="<b>key</b>")))})
    page = ann.get(PAGE, follow=True).text
    assert "&lt;b&gt;key&lt;/b&gt;" in page
    assert "<b>key" not in page
