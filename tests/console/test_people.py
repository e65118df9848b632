"""The pages on which administrators let people in and out, and the link by which one enters."""

import re
from typing import Any

import pytest
from django.test import Client

from memory_app.models import AuditEntry, Operator, SignIn
from memory_app.operations.namespaces import ensure_namespace
from memory_app.operations.rights import find_person
from tests.people import PASSWORD, make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db

WORDS = "four unusual words here"


@pytest.fixture
def olga() -> Client:
    """Return the browser of an administrator."""
    return signed_in("olga", administrator="*")


def invite(olga: Client, **given: str) -> Any:
    form = {"username": "zoë", "namespace": "*", "role": "viewer", **given}
    return olga.post("/people/", form)


def link_in(answer: Any) -> str:
    return re.findall(r"http://testserver/join/#inv_[\w-]{43}", answer.text)[0]


def roles_of(person: Operator) -> dict[str, set[str]]:
    held = find_person(operator_id=person.pk, username=person.username).roles
    return {place: set(roles) for place, roles in held.items()}


@pytest.mark.parametrize("role", ["viewer", "operator", "privacy_officer"])
def test_only_administrators_open_these_pages(role: str) -> None:
    client = signed_in("ann", **{role: "*"})
    number = Operator.objects.get().pk
    assert client.get("/people/").status_code == 403
    assert client.get(f"/people/{number}/").status_code == 403
    assert invite(client).status_code == 403
    assert client.post(f"/people/{number}/act/", {"do": "link"}).status_code == 403
    form = {"namespace": "*", "role": "privacy_officer"}
    assert client.post(f"/people/{number}/roles/", form).status_code == 403
    assert "People" not in re.findall(r'data-go="\w">.*?([A-Z]\w+)</a>', client.get("/").text)


def test_an_invited_person_enters_by_the_link_and_signs_in(olga: Client) -> None:
    link = link_in(invite(olga, role="operator"))
    client = Client()
    assert client.get("/join/").status_code == 200
    opened = client.post("/join/", {"link": link})
    assert "Welcome, zoë" in opened.text
    answer = client.post("/join/", {"link": link, "password": WORDS, "again": WORDS})
    assert (answer.status_code, answer["Location"]) == (303, "/sign-in/")
    client.post("/sign-in/", {"username": "zoë", "password": WORDS})
    assert client.get("/sessions/").status_code == 200
    assert roles_of(Operator.objects.get(username="zoë")) == {"*": {"operator"}}


def test_a_link_that_was_used_is_refused(olga: Client) -> None:
    link = link_in(invite(olga))
    form = {"link": link, "password": WORDS, "again": WORDS}
    Client().post("/join/", form)
    for again in (form, {"link": link}):
        answer = Client().post("/join/", again)
        assert answer.status_code == 422
        assert "This link was used already" in answer.text
        assert link.rpartition("#")[2] not in answer.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": WORDS, "again": "others"}, "The two passwords differ"),
    ],
)
def test_a_refused_password_leaves_the_link_open(
    olga: Client, given: dict[str, str], said: str
) -> None:
    link = link_in(invite(olga))
    answer = Client().post("/join/", {"link": link, **given})
    assert answer.status_code == 422
    assert said in answer.text
    assert Client().post("/join/", {"link": link}).status_code == 200


@pytest.mark.parametrize("nonsense", ["", "inv_x", "http://testserver/join/#", "#" * 3, "\x00"])
def test_what_is_no_link_is_refused(client: Client, nonsense: str) -> None:
    assert client.post("/join/", {"link": nonsense}).status_code == 422


def test_the_secret_of_a_link_is_never_part_of_an_address_that_is_sent(olga: Client) -> None:
    link = link_in(invite(olga))
    path, _, secret = link.partition("#")
    assert path == "http://testserver/join/"
    assert secret not in olga.get("/people/").text
    number = Operator.objects.get(username="zoë").pk
    assert secret not in olga.get(f"/people/{number}/").text


def test_links_begin_with_the_public_address(olga: Client, settings: Any) -> None:
    settings.LETHE_PUBLIC_URL = "https://lethe.example.org"
    assert "https://lethe.example.org/join/#inv_" in invite(olga).text


def test_a_refused_invitation_says_why_and_keeps_what_was_typed(olga: Client) -> None:
    answer = invite(olga, username="olga", role="privacy_officer")
    assert answer.status_code == 422
    assert "Somebody has this name already" in answer.text
    assert 'value="olga"' in answer.text
    assert '<option value="privacy_officer" selected>' in answer.text
    assert invite(olga, role="").status_code == 422


def test_a_hostile_name_is_only_text(olga: Client) -> None:
    invite(olga, username="<b hx-get=/x>zoë</b>")
    page = olga.get("/people/").text
    assert "<b hx-get" not in page
    assert "&lt;b hx-get=/x&gt;" in page


def test_roles_are_changed_in_one_place_and_hold_at_once(olga: Client) -> None:
    ensure_namespace(name="support", now=1)
    ann = make_person("ann", viewer="*")
    client = sign_in(Client(), ann)
    assert client.get("/people/").status_code == 403
    form = {"namespace": "support", "role": "operator", "administrator": "on"}
    said = olga.post(f"/people/{ann.pk}/roles/", form, follow=True)
    assert "ann is Operator and Administrator in support now." in said.text
    assert roles_of(ann) == {"*": {"viewer"}, "support": {"operator", "administrator"}}
    assert client.get("/people/").status_code == 200
    olga.post(f"/people/{ann.pk}/roles/", {"namespace": "support", "role": ""})
    assert roles_of(ann) == {"*": {"viewer"}}


def test_the_last_administrator_stays_and_the_page_says_why(olga: Client) -> None:
    number = Operator.objects.get().pk
    answer = olga.post(f"/people/{number}/roles/", {"namespace": "*", "role": ""})
    assert answer.status_code == 422
    assert "Without olga, the last administrator" in answer.text
    assert olga.get("/people/").status_code == 200


def test_nobody_gives_themselves_content(olga: Client) -> None:
    number = Operator.objects.get().pk
    form = {"namespace": "*", "role": "privacy_officer", "administrator": "on"}
    answer = olga.post(f"/people/{number}/roles/", form)
    assert answer.status_code == 403
    assert "Nobody gives themselves a role" in answer.text


def act(olga: Client, person: Operator, do: str) -> Any:
    return olga.post(f"/people/{person.pk}/act/", {"do": do}, follow=True)


def test_an_open_page_of_a_deactivated_person_answers_with_sign_in(olga: Client) -> None:
    ann = make_person("ann", viewer="*")
    client = sign_in(Client(), ann)
    assert "ann is deactivated" in act(olga, ann, "deactivate").text
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/sessions/"}
    part = client.get("/sessions/", headers=headers)
    assert (part.status_code, part["HX-Redirect"]) == (401, "/sign-in/?next=%2Fsessions%2F")
    assert client.get("/sessions/").status_code == 302
    form = {"username": "ann", "password": PASSWORD}
    assert Client().post("/sign-in/", form).status_code == 422
    act(olga, ann, "reactivate")
    assert client.get("/sessions/").status_code == 302, "the old sign-in stays ended"
    assert Client().post("/sign-in/", form).status_code == 303


def test_a_reset_link_gives_another_password_and_signs_out_everywhere(olga: Client) -> None:
    ann = make_person("ann")
    client = sign_in(Client(), ann)
    link = link_in(act(olga, ann, "link"))
    assert client.get("/").status_code == 200
    Client().post("/join/", {"link": link, "password": WORDS, "again": WORDS})
    assert client.get("/").status_code == 302
    form = {"username": "ann", "password": WORDS}
    assert Client().post("/sign-in/", form).status_code == 303


def test_whoever_signs_in_is_told_that_another_made_a_link_for_them(olga: Client) -> None:
    ann = make_person("ann", viewer="*")
    client = Client()
    form = {"username": "ann", "password": PASSWORD}
    assert "made a link" not in client.post("/sign-in/", form, follow=True).text
    assert "made a link" not in client.get("/account/").text
    act(olga, ann, "link")
    # Also the second time: the first may have been whoever used the link.
    for _ in range(2):
        told = Client().post("/sign-in/", form, follow=True).text
        assert "olga made a link by which your password can be chosen anew" in told
    assert "olga made a link" in client.get("/account/").text
    assert "made a link" not in olga.get("/account/").text
    assert "olga, <time" in olga.get(f"/people/{ann.pk}/").text
    AuditEntry.objects.update(at=1)
    assert "made a link" not in Client().post("/sign-in/", form, follow=True).text


def test_sign_ins_are_ended(olga: Client) -> None:
    ann = make_person("ann")
    client = sign_in(Client(), ann)
    assert "End their sign-ins" in olga.get(f"/people/{ann.pk}/").text
    assert "signed out of 1 browser." in act(olga, ann, "end_sign_ins").text
    assert client.get("/").status_code == 302
    assert not SignIn.objects.filter(operator=ann).exists()


def test_an_invented_act_is_refused_and_an_unknown_person_is_not_found(olga: Client) -> None:
    ann = make_person("ann")
    assert act(olga, ann, "delete").status_code == 422
    assert olga.get("/people/99999/").status_code == 404
    assert olga.post("/people/99999/act/", {"do": "deactivate"}).status_code == 404
    assert Operator.objects.filter(is_active=False).count() == 0


def test_an_administrator_of_one_namespace_sees_what_they_may_do() -> None:
    make_person("ann", operator="claims")
    client = signed_in("una", administrator="support")
    page = client.get("/people/").text
    assert "Invite somebody" not in page
    assert "in claims" not in page
    number = Operator.objects.get(username="ann").pk
    detail = client.get(f"/people/{number}/").text
    assert "Deactivate" not in detail
    assert "support" in detail
    assert "claims" not in detail


@pytest.mark.parametrize("number", ["9" * 18, str(2**63), "9" * 5_000])
def test_whom_no_database_could_number_is_not_there(number: str) -> None:
    client = signed_in("una", administrator="*", privacy_officer="*")
    for path in ("people", "runs"):
        assert client.get(f"/{path}/{number}/").status_code == 404


def test_no_word_of_a_person_or_link_enters_the_audit_log(olga: Client) -> None:
    link = link_in(invite(olga))
    Client().post("/join/", {"link": link, "password": WORDS, "again": WORDS})
    entries = list(AuditEntry.objects.values_list("act", "namespace", "object_id", "counts"))
    number = str(Operator.objects.get(username="zoë").pk)
    assert entries == [
        ("person.create", None, number, "{}"),
        ("person.password", None, number, "{}"),
    ]
