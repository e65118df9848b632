"""What somebody tries who is not who they say, or asks from elsewhere."""

from typing import Any

import pyotp
import pytest
from django.test import Client

from memory_app.operations.codes import WRONG_CODES
from tests.people import PASSWORD, enrol, make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db


def give_password(client: Client, name: str = "ann", password: str = PASSWORD) -> Any:
    return client.post("/sign-in/", {"username": name, "password": password})


def give_code(client: Client, code: str) -> Any:
    return client.post("/sign-in/code/", {"code": code})


def test_codes_cannot_be_guessed_from_ever_new_addresses() -> None:
    secret, codes = enrol(make_person("ann"))
    for number in range(WRONG_CODES):
        elsewhere = Client(REMOTE_ADDR=f"192.0.2.{number}")
        give_password(elsewhere)
        assert give_code(elsewhere, "000000").status_code == 422
    last = Client(REMOTE_ADDR="198.51.100.1")
    give_password(last)
    assert "a recovery code lets you in" in last.get("/sign-in/code/").text
    assert give_code(last, pyotp.TOTP(secret).now()).status_code == 422
    assert give_code(last, codes[0]).status_code == 303


def test_one_network_of_ipv6_is_one_client() -> None:
    make_person("ann")
    for number in range(4):
        there = Client(REMOTE_ADDR=f"2001:db8:1:2:{number}::1")
        assert give_password(there, password="wrong").status_code == 422
    there = Client(REMOTE_ADDR="2001:db8:1:2:ffff::1")
    assert give_password(there, password="wrong").status_code == 429
    assert give_password(there).status_code == 429
    assert give_password(Client(REMOTE_ADDR="2001:db8:1:3::1")).status_code == 303


@pytest.mark.parametrize("said", ["unknown", "192.0.2.1:4711", "x" * 300, "::1%eth0", "[::1]"])
def test_what_a_proxy_says_that_is_no_address_breaks_nothing(said: str, settings: Any) -> None:
    settings.LETHE_TRUSTED_PROXIES = 1
    make_person("ann")
    client = Client(headers={"X-Forwarded-For": said})
    for _ in range(4):
        assert give_password(client, password="wrong").status_code == 422
    assert give_password(client, password="wrong").status_code == 429


def test_other_spellings_of_a_name_are_paused_together() -> None:
    make_person("ann")
    for name in ("ann", " ann", "ann ", "ａｎｎ", "ann"):
        last = give_password(Client(), name, "wrong")
    assert last.status_code == 429
    assert give_password(Client(), "ａｎｎ").status_code == 429


def test_a_cookie_from_before_the_password_or_before_the_code_opens_nothing() -> None:
    secret, _ = enrol(make_person("ann"))
    client = Client()
    client.get("/sign-in/")
    give_password(client)
    halfway = client.cookies["sessionid"].value
    assert give_code(client, pyotp.TOTP(secret).now()).status_code == 303
    assert client.cookies["sessionid"].value != halfway
    for planted in (halfway, ""):
        other = Client()
        other.cookies["sessionid"] = planted
        assert other.get("/account/").status_code == 302
        assert other.get("/sign-in/code/")["Location"] == "/sign-in/"


def test_a_copied_cookie_opens_nothing_after_signing_out() -> None:
    client = signed_in("ann")
    copied = client.cookies["sessionid"].value
    client.post("/sign-out/")
    other = Client()
    other.cookies["sessionid"] = copied
    assert other.get("/account/").status_code == 302


def test_a_role_that_is_taken_is_gone_with_the_next_click_and_so_is_a_deactivated_person() -> None:
    ben = make_person("ben", privacy_officer="support")
    tab = sign_in(Client(), ben)
    assert tab.get("/purges/new/").status_code == 200
    olga = signed_in("olga", administrator="*")
    olga.post(f"/people/{ben.pk}/roles/", {"namespace": "support", "role": "viewer"})
    assert tab.get("/purges/new/").status_code == 403
    olga.post(f"/people/{ben.pk}/act/", {"do": "deactivate"})
    answer = tab.post("/sessions/act/", {"do": "purge"})
    assert (answer.status_code, answer["Location"]) == (302, "/sign-in/")
    # Whoever is let in again signs in again: the open tab stays out.
    olga.post(f"/people/{ben.pk}/act/", {"do": "reactivate"})
    assert tab.get("/sessions/").status_code == 302


ELSEWHERE = (
    "/a\nLocation: https://evil.example",
    "/a\r\nSet-Cookie: sessionid=x",
    "/\x00",
    "/\t/evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "http://testserver.evil.example/",
    "http://testserver@evil.example/",
    "data:text/html,x",
)


@pytest.mark.parametrize("by_htmx", [False, True])
@pytest.mark.parametrize("path", ELSEWHERE)
def test_an_act_never_leads_elsewhere(path: str, by_htmx: bool) -> None:
    client = signed_in("ann", viewer="*")
    headers = {"HX-Request": "true"} if by_htmx else {}
    answer = client.post("/preferences/", {"next": path}, headers=headers)
    assert answer.get("HX-Redirect" if by_htmx else "Location") == "/"


def test_a_path_in_another_script_leads_where_it_says() -> None:
    client = signed_in("ann", viewer="*")
    answer = client.post("/preferences/", {"next": "/é/"}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == "/%C3%A9/"


def test_an_open_page_whose_path_looks_like_a_host_is_a_path() -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver//evil.example/x"}
    answer = Client().get("/sessions/", headers=headers)
    assert answer["HX-Redirect"] == "/sign-in/?next=%2Fevil.example%2Fx"
