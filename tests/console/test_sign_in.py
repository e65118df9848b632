"""Who gets in, how they stay in, and what stops those who guess."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session
from django.test import Client

from memory_app import moments
from memory_app.console import middleware
from memory_app.models import Operator
from tests.people import PASSWORD, make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db

HOUR = 60 * 60 * moments.SECOND


def attempt(client: Client, name: str = "ann", password: str = PASSWORD, **more: Any) -> Any:
    return client.post("/sign-in/", {"username": name, "password": password, **more})


def test_the_right_name_and_password_lead_in(client: Client) -> None:
    make_person("ann")
    answer = attempt(client)
    assert (answer.status_code, answer["Location"]) == (303, "/")
    assert client.get("/").status_code == 200


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(client: Client) -> None:
    make_person("ann")
    wrong, unknown = attempt(client, password="wrong"), attempt(client, "ben")
    assert wrong.status_code == unknown.status_code == 422
    assert b"do not match" in wrong.content

    def told(answer: Any) -> str:
        text = re.sub(r'csrfmiddlewaretoken" value="\w+"|<code>\w{16}</code>', "", answer.text)
        return text.replace('value="ann"', "").replace('value="ben"', "")

    assert told(wrong) == told(unknown)


def test_a_password_is_never_sent_back(client: Client) -> None:
    assert b"hunter2-hunter2" not in attempt(client, password="hunter2-hunter2").content


def test_a_deactivated_person_cannot_sign_in(client: Client) -> None:
    make_person("ann")
    Operator.objects.update(is_active=False)
    assert attempt(client).status_code == 422


def test_a_person_deactivated_meanwhile_is_out_at_once() -> None:
    client = signed_in("ann")
    Operator.objects.update(is_active=False)
    answer = client.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")


def test_passwords_are_kept_by_argon2() -> None:
    assert make_person("ann").password.startswith("argon2$")


def test_signing_in_leads_back_to_where_one_wanted_to_go(client: Client) -> None:
    make_person("ann")
    assert attempt(client, next="/sessions/?user=u-1")["Location"] == "/sessions/?user=u-1"


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "///x"],
)
def test_signing_in_never_leads_to_another_site(client: Client, elsewhere: str) -> None:
    make_person("ann")
    assert attempt(client, next=elsewhere)["Location"] == "/"
    assert elsewhere not in client.get("/sign-in/", {"next": elsewhere}).text


def test_the_session_key_changes_when_someone_signs_in(client: Client) -> None:
    make_person("ann")
    attempt(client, password="wrong")
    client.cookies["sessionid"] = "chosen-by-another"
    attempt(client)
    assert client.cookies["sessionid"].value != "chosen-by-another"


def test_a_form_without_its_token_signs_nobody_in() -> None:
    make_person("ann")
    client = Client(enforce_csrf_checks=True)
    answer = attempt(client)
    assert answer.status_code == 403
    assert b"This form is out of date" in answer.content
    assert client.get("/").status_code == 302


def test_five_failures_pause_a_name_even_for_the_right_password(client: Client) -> None:
    make_person("ann")
    for _ in range(4):
        assert attempt(client, password="wrong").status_code == 422
    assert attempt(client, password="wrong").status_code == 429
    paused = attempt(client)
    assert paused.status_code == 429
    assert paused["Retry-After"] == "900"
    assert b"15 minutes" in paused.content


def test_the_pause_is_for_one_name_from_one_address(client: Client) -> None:
    make_person("ann")
    make_person("ben")
    for _ in range(5):
        attempt(client, password="wrong")
    assert attempt(client, "ben").status_code == 303
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    assert attempt(elsewhere).status_code == 303


def test_an_invented_forwarded_address_does_not_lift_the_pause(client: Client) -> None:
    make_person("ann")
    for n in range(5):
        attempt(Client(headers={"X-Forwarded-For": f"192.0.2.{n}"}), password="wrong")
    assert attempt(client).status_code == 429


def test_behind_a_proxy_the_address_is_the_one_that_the_proxy_saw(
    client: Client, settings: Any
) -> None:
    settings.LETHE_TRUSTED_PROXIES = 1
    make_person("ann")
    for n in range(5):
        forwarded = f"203.0.113.{n}, 192.0.2.1"
        attempt(Client(headers={"X-Forwarded-For": forwarded}), password="wrong")
    assert attempt(Client(headers={"X-Forwarded-For": "192.0.2.1"})).status_code == 429
    assert attempt(Client(headers={"X-Forwarded-For": "192.0.2.2"})).status_code == 303


def test_a_success_forgets_the_failures_before_it(client: Client) -> None:
    make_person("ann")
    for _ in range(4):
        attempt(client, password="wrong")
    attempt(client)
    assert attempt(Client(), password="wrong").status_code == 422


def test_neither_names_nor_passwords_are_kept_of_a_failure(client: Client) -> None:
    client.post(
        "/sign-in/?next=/sessions/%3Fuser=secret-user",
        {"username": "secret-typed-into-name", "password": "secret-word", "next": "/secret-next"},
    )
    kept = " ".join(str(value) for row in AccessAttempt.objects.values_list() for value in row)
    assert AccessAttempt.objects.count() == 1
    assert "secret" not in kept


def test_an_idle_person_is_signed_out_after_half_an_hour(client: Client) -> None:
    sign_in(client, make_person("ann"))
    seen(client, ago=HOUR // 2 - 10 * moments.SECOND)
    assert client.get("/").status_code == 200
    seen(client, ago=HOUR // 2 + moments.SECOND)
    answer = client.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
    assert b"You were signed out" in client.get("/sign-in/").content


def test_each_act_begins_the_half_hour_anew(client: Client) -> None:
    sign_in(client, make_person("ann"))
    for _ in range(3):
        seen(client, ago=HOUR // 3)
        assert client.get("/").status_code == 200
    assert moments.process_clock() - client.session[middleware.SEEN_AT] < HOUR // 60


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(client: Client) -> None:
    sign_in(client, make_person("ann"))
    seen(client, ago=HOUR // 3)
    before = client.session[middleware.SEEN_AT]
    assert client.get("/", headers={"HX-Request": "true", "HX-Tick": "true"}).status_code == 200
    assert client.session[middleware.SEEN_AT] == before


def test_nobody_stays_signed_in_longer_than_twelve_hours(client: Client) -> None:
    sign_in(client, make_person("ann"))
    session = client.session
    session[middleware.SIGNED_IN_AT] -= 12 * HOUR + moments.SECOND
    session.save()
    assert client.get("/").status_code == 302


def test_another_password_signs_a_person_out_everywhere(client: Client) -> None:
    person = make_person("ann")
    sign_in(client, person)
    person.set_password("another long passphrase")
    person.save()
    assert client.get("/").status_code == 302


def test_whoever_is_signed_in_is_led_past_the_form() -> None:
    assert signed_in("ann").get("/sign-in/").status_code == 303


def seen(client: Client, *, ago: int) -> None:
    session = client.session
    session[middleware.SEEN_AT] = moments.process_clock() - ago
    session.save()


def test_signing_in_clears_sessions_that_ended_unnoticed(client: Client) -> None:
    make_person("ann")
    Session.objects.create(
        session_key="old", session_data="", expire_date=datetime(2020, 1, 1, tzinfo=UTC)
    )
    attempt(client)
    assert not Session.objects.filter(session_key="old").exists()
