"""Signing out ends the session and empties the browser."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from tests.people import make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db


def test_signing_out_ends_the_session_on_the_server() -> None:
    client = signed_in("ann")
    cookie = client.cookies["sessionid"].value
    answer = client.post("/sign-out/")
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/")
    assert not Session.objects.filter(session_key=cookie).exists()
    client.cookies["sessionid"] = cookie
    assert client.get("/").status_code == 302


def test_signing_out_tells_the_browser_to_forget() -> None:
    assert signed_in("ann").post("/sign-out/")["Clear-Site-Data"] == '"cache", "storage"'


def test_a_link_signs_nobody_out() -> None:
    client = signed_in("ann")
    answer = client.get("/sign-out/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert client.get("/").status_code == 200


def test_a_form_of_another_site_signs_nobody_out() -> None:
    client = sign_in(Client(enforce_csrf_checks=True), make_person("ann"))
    assert client.post("/sign-out/").status_code == 403
    assert client.get("/").status_code == 200
