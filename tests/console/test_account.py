"""A person's own account: password, places, and what is done there is done for them alone."""

import re
from typing import Any

import pytest
from django.test import Client

from memory_app import moments
from memory_app.console import middleware
from memory_app.models import AuditEntry, Operator, SignIn
from memory_app.operations.sign_ins import ABSOLUTE, IDLE
from tests.people import PASSWORD, make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db

WORDS = "four unusual words here"


def change(client: Client, **given: str) -> Any:
    form = {"present": PASSWORD, "new": WORDS, "again": WORDS, **given}
    return client.post("/account/password/", form)


def places(client: Client) -> list[str]:
    return re.findall(r'name="sign_in" value="(sgn_\w+)"', client.get("/account/").text)


@pytest.mark.parametrize("roles", [{}, {"viewer": "*"}, {"administrator": "*"}])
def test_everybody_has_an_account_page(roles: dict[str, str]) -> None:
    page = signed_in("ann", **roles).get("/account/")
    assert page.status_code == 200
    assert "Where you are signed in" in page.text


def test_another_password_leaves_this_browser_in_and_ends_the_others() -> None:
    ann = make_person("ann")
    here, there = sign_in(Client(), ann), sign_in(Client(), ann)
    assert change(here).status_code == 303
    assert here.get("/").status_code == 200
    assert there.get("/").status_code == 302
    assert Operator.objects.get().check_password(WORDS)
    assert Operator.objects.get().password.startswith("argon2")
    assert AuditEntry.objects.get().act == "person.password"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"present": "wrong"}, "This is not your current password"),
        ({"again": "another one entirely"}, "The two new passwords differ"),
        ({"new": "short", "again": "short"}, "too short"),
        ({"new": "password1234", "again": "password1234"}, "too common"),
        ({"new": PASSWORD, "again": PASSWORD}, "This is the current password; choose another"),
    ],
)
def test_a_refused_password_is_said_and_changes_nothing(given: dict[str, str], said: str) -> None:
    client = signed_in("ann")
    answer = change(client, **given)
    assert answer.status_code == 422
    assert said in answer.text
    assert Operator.objects.get().check_password(PASSWORD)
    assert not [word for word in given.values() if f'value="{word}"' in answer.text]


def test_guessing_the_present_password_is_paused_like_signing_in() -> None:
    client = signed_in("ann")
    for _ in range(4):
        assert change(client, present="wrong").status_code == 422
    assert change(client, present="wrong").status_code == 429
    assert change(client).status_code == 429
    assert Operator.objects.get().check_password(PASSWORD)


def test_where_one_is_signed_in_is_listed_in_words(client: Client) -> None:
    make_person("ann")
    agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
    client.post(
        "/sign-in/", {"username": "ann", "password": PASSWORD}, headers={"User-Agent": agent}
    )
    page = client.get("/account/").text
    assert "Firefox on Windows" in page
    assert "From 127.0.0.1" in page
    assert agent not in page
    assert "this browser" in page


def test_one_place_is_ended_and_answers_with_sign_in() -> None:
    ann = make_person("ann")
    here, there, third = (sign_in(Client(), ann) for _ in range(3))
    ended = there.session[middleware.SIGN_IN]
    assert ended in places(here)
    here.post("/account/sign-ins/end/", {"sign_in": ended})
    assert ended not in places(here)
    assert there.get("/").status_code == 302
    assert third.get("/").status_code == here.get("/").status_code == 200


def test_all_other_places_are_ended_at_once() -> None:
    ann = make_person("ann")
    here, there, third = (sign_in(Client(), ann) for _ in range(3))
    other = signed_in("ben")
    answer = here.post("/account/sign-ins/end/", {"sign_in": "others"}, follow=True)
    assert "You are signed out of 2 other browsers." in answer.text
    assert there.get("/").status_code == third.get("/").status_code == 302
    assert here.get("/").status_code == other.get("/").status_code == 200


def test_nobody_ends_the_sign_in_of_somebody_else() -> None:
    ann, ben = signed_in("ann"), signed_in("ben")
    ann.post("/account/sign-ins/end/", {"sign_in": ben.session[middleware.SIGN_IN]})
    assert ben.get("/").status_code == 200


def test_signing_out_removes_the_place() -> None:
    client = signed_in("ann")
    client.post("/sign-out/")
    assert not SignIn.objects.exists()


def test_a_copied_cookie_opens_nothing_after_its_sign_in_is_ended() -> None:
    client = signed_in("ann")
    cookie = client.cookies["sessionid"].value
    SignIn.objects.all().delete()
    assert client.get("/").status_code == 302
    client.cookies["sessionid"] = cookie
    assert client.get("/").status_code == 302


def test_places_left_long_ago_are_not_kept(client: Client) -> None:
    ann = make_person("ann")
    old = moments.process_clock() - ABSOLUTE - moments.SECOND
    SignIn.objects.create(id="sgn_old", operator=ann, began_at=old, seen_at=old)
    client.post("/sign-in/", {"username": "ann", "password": PASSWORD})
    assert not SignIn.objects.filter(id="sgn_old").exists()


def age(client: Client, **ago: int) -> None:
    session = client.session
    for name, span in ago.items():
        session[name] = moments.process_clock() - span
    session.save()


def test_the_page_asks_before_somebody_is_signed_out_and_asking_keeps_nobody_in() -> None:
    client = signed_in("ann")
    tick = {"HX-Request": "true", "HX-Tick": "true"}
    assert "dialog" not in client.get("/account/staying/", headers=tick).text
    age(client, seen_at=IDLE - 90 * moments.SECOND)
    asked = client.get("/account/staying/", headers=tick).text
    assert "Are you still there?" in asked
    assert "Stay signed in" in asked
    assert moments.process_clock() - client.session["seen_at"] > IDLE - 100 * moments.SECOND


def test_the_answer_keeps_them_in_and_the_question_goes() -> None:
    client = signed_in("ann")
    age(client, seen_at=IDLE - 90 * moments.SECOND)
    answer = client.post("/account/staying/", headers={"HX-Request": "true"}).text
    assert "dialog" not in answer
    assert moments.process_clock() - client.session["seen_at"] < moments.MINUTE
    assert int(re.findall(r'data-left="(\d+)"', answer)[0]) > 1700


def test_without_scripts_the_answer_is_a_whole_page() -> None:
    answer = signed_in("ann").post("/account/staying/")
    assert "You are still signed in" in answer.text


def test_the_limit_of_twelve_hours_is_said_and_cannot_be_put_off() -> None:
    client = signed_in("ann")
    age(client, signed_in_at=ABSOLUTE - 90 * moments.SECOND)
    tick = {"HX-Request": "true", "HX-Tick": "true"}
    asked = client.get("/account/staying/", headers=tick).text
    assert "cannot be put off" in asked
    assert "Stay signed in" not in asked
    age(client, signed_in_at=ABSOLUTE + moments.SECOND)
    assert client.post("/account/staying/").status_code == 302


def test_a_question_that_comes_too_late_leads_to_sign_in() -> None:
    client = signed_in("ann")
    age(client, seen_at=IDLE + moments.SECOND)
    headers = {
        "HX-Request": "true",
        "HX-Tick": "true",
        "HX-Current-URL": "http://testserver/sessions/",
    }
    answer = client.get("/account/staying/", headers=headers)
    assert (answer.status_code, answer["HX-Redirect"]) == (401, "/sign-in/?next=%2Fsessions%2F")
