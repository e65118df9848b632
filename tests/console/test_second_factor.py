"""Signing in with a second factor, adding it, losing it."""

import re
from typing import Any

import pyotp
import pytest
from axes.models import AccessAttempt
from django.test import Client

from memory_app import moments
from memory_app.models import AuditEntry, Operator, SecondFactor
from tests.people import PASSWORD, enrol, make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db


def give_password(client: Client, **more: str) -> Any:
    return client.post("/sign-in/", {"username": "ann", "password": PASSWORD, **more})


def give_code(client: Client, code: str) -> Any:
    return client.post("/sign-in/code/", {"code": code})


def now_code(secret: str) -> str:
    return pyotp.TOTP(secret).now()


def test_the_password_alone_opens_nothing(client: Client) -> None:
    enrol(make_person("ann"))
    answer = give_password(client)
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/code/")
    assert client.get("/").status_code == 302
    assert not AuditEntry.objects.filter(act="person.sign_in").exists()


def test_password_and_code_lead_in_and_to_where_one_wanted_to_go(client: Client) -> None:
    secret, _ = enrol(make_person("ann"))
    give_password(client, next="/account/")
    assert "One more step, ann" in client.get("/sign-in/code/").text
    answer = give_code(client, now_code(secret))
    assert (answer.status_code, answer["Location"]) == (303, "/account/")
    assert client.get("/account/").status_code == 200


def test_a_code_that_was_used_does_not_lead_in_again(client: Client) -> None:
    secret, _ = enrol(make_person("ann"))
    give_password(client)
    code = now_code(secret)
    assert give_code(client, code).status_code == 303
    other = Client()
    give_password(other)
    assert give_code(other, code).status_code == 422
    assert other.get("/").status_code == 302


def test_a_recovery_code_leads_in_once(client: Client) -> None:
    _, codes = enrol(make_person("ann"))
    give_password(client)
    assert give_code(client, codes[0]).status_code == 303
    other = Client()
    give_password(other)
    assert give_code(other, codes[0]).status_code == 422


def test_without_the_password_there_is_nothing_to_give_a_code_for(client: Client) -> None:
    secret, _ = enrol(make_person("ann"))
    assert client.get("/sign-in/code/")["Location"] == "/sign-in/"
    assert give_code(client, now_code(secret))["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_wrong_codes_are_paused_like_passwords_and_together_with_them(client: Client) -> None:
    secret, _ = enrol(make_person("ann"))
    client.post("/sign-in/", {"username": "ann", "password": "wrong"})
    give_password(client)
    for _ in range(3):
        assert give_code(client, "000000").status_code == 422
    # The password, right once more, does not forget the wrong codes.
    give_password(client)
    assert give_code(client, "000000").status_code == 429
    assert give_code(client, now_code(secret)).status_code == 429
    assert give_password(client).status_code == 429


def test_a_wrong_code_is_audited_and_not_kept(client: Client) -> None:
    person = make_person("ann")
    enrol(person)
    give_password(client)
    give_code(client, "424242")
    entry = AuditEntry.objects.latest("n")
    assert (entry.act, entry.object_id) == ("person.sign_in_failed", str(person.pk))
    kept = " ".join(str(value) for row in AccessAttempt.objects.values_list() for value in row)
    assert "424242" not in kept
    assert "424242" not in give_code(client, "424242").text


def test_the_wait_for_a_code_ends_after_ten_minutes_and_with_another_password(
    client: Client,
) -> None:
    person = make_person("ann")
    secret, _ = enrol(person)
    give_password(client)
    session = client.session
    session["awaited"] = session["awaited"] | {"at": moments.process_clock() - 601 * moments.SECOND}
    session.save()
    assert give_code(client, now_code(secret))["Location"] == "/sign-in/"
    give_password(client)
    person.set_password("four unusual words here")
    person.save()
    assert give_code(client, now_code(secret))["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_a_deactivated_person_is_not_let_in_by_a_code(client: Client) -> None:
    secret, _ = enrol(make_person("ann"))
    give_password(client)
    Operator.objects.update(is_active=False)
    assert give_code(client, now_code(secret))["Location"] == "/sign-in/"


def do(client: Client, act: str, **given: str) -> Any:
    return client.post("/account/second-factor/", {"do": act, "password": PASSWORD, **given})


def test_a_factor_is_added_with_the_password_and_a_first_code() -> None:
    client = signed_in("ann")
    assert do(client, "begin").status_code == 303
    page = client.get("/account/second-factor/").text
    secret = re.findall(r'data-copy="([A-Z2-7]{32})"', page)[0]
    assert '<svg class="qr"' in page
    assert "style=" not in page
    assert do(client, "confirm", code="000000").status_code == 422
    assert SecondFactor.objects.get().confirmed_at is None
    shown = do(client, "confirm", code=now_code(secret)).text
    codes = re.findall(
        r"<li data-copied data-secret>([a-z2-8]{4}-[a-z2-8]{4}-[a-z2-8]{4})\s", shown
    )
    assert len(set(codes)) == 10
    later = client.get("/account/second-factor/").text
    assert secret not in later
    assert not [code for code in codes if code in later]


@pytest.mark.parametrize("act", ["begin", "codes", "remove"])
def test_an_unlocked_screen_is_not_enough_to_change_the_factor(act: str) -> None:
    client = signed_in("ann")
    if act != "begin":
        enrol(Operator.objects.get())
    before = list(SecondFactor.objects.values())
    answer = do(client, act, password="wrong")
    assert answer.status_code == 422
    assert "This is not your password" in answer.text
    assert list(SecondFactor.objects.values()) == before


def test_a_factor_is_removed_with_the_password() -> None:
    client = signed_in("ann")
    enrol(Operator.objects.get())
    do(client, "remove")
    assert not SecondFactor.objects.exists()
    assert give_password(Client())["Location"] == "/"


def test_where_all_must_have_one_nothing_else_opens_before_it_is_added(settings: Any) -> None:
    settings.LETHE_REQUIRE_SECOND_FACTOR = True
    client = signed_in("ann", viewer="*")
    for path in ("/", "/sessions/", "/account/", "/people/"):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (303, "/account/second-factor/")
    assert "Everyone here must have one" in client.get("/account/second-factor/").text
    do(client, "begin")
    page = client.get("/account/second-factor/").text
    secret = re.findall(r'data-copy="([A-Z2-7]{32})"', page)[0]
    do(client, "confirm", code=now_code(secret))
    assert client.get("/sessions/").status_code == 200
    assert do(client, "remove").status_code == 422
    assert SecondFactor.objects.exists()


def test_where_all_must_have_one_everybody_can_still_sign_out(settings: Any) -> None:
    settings.LETHE_REQUIRE_SECOND_FACTOR = True
    client = sign_in(Client(), make_person("ann"))
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
