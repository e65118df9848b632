"""The password is asked for again before what cannot be undone, and what lets others in."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from memory_app import moments
from memory_app.console import confirming
from memory_app.models import AgentSession, ApiKey, AuditEntry, Operator, OperatorRole
from tests.console.scenes import PART, ask_to_purge, person, scene
from tests.people import PASSWORD, make_person, sign_in, signed_in

pytestmark = pytest.mark.django_db


def grow_old(client: Client, by: int = confirming.RECENT + moments.SECOND) -> None:
    """Let the password of this browser have been given so long ago."""
    session = client.session
    session[confirming.GIVEN_AT] = moments.process_clock() - by
    session.save()


def sent_again(answer: Any, password: str) -> dict[str, list[str]]:
    """Fill the question in; return what its form sends."""
    fields: dict[str, list[str]] = {"own_password": [password]}
    for name, value in re.findall(
        r'<input type="hidden" name="([^"]+)" value="([^"]*)">', answer.text
    ):
        if name != "csrfmiddlewaretoken":
            fields.setdefault(name, []).append(html.unescape(value))
    return fields


@pytest.fixture
def petra() -> Client:
    scene()
    return person("privacy_officer")


@pytest.fixture
def purge(petra: Client) -> str:
    """Return where a purge of Ann's session waits to be confirmed."""
    return f"/purges/{ask_to_purge(petra, AgentSession.objects.get().uid)}/"


WORDS = {"typed": "purge 1", "reason": 'Asked for by "A & B"'}


def test_a_purge_waits_for_the_password_and_nothing_is_typed_twice(
    petra: Client, purge: str
) -> None:
    grow_old(petra)
    asked = petra.post(purge, WORDS)
    assert asked.status_code == 200
    assert "Is it you, privacy_officer?" in asked.text
    assert AgentSession.objects.get().purge_receipt is None
    done = petra.post(purge, sent_again(asked, PASSWORD))
    assert done["Location"].startswith("/receipts/")
    assert "Asked for by &quot;A &amp; B&quot;" in petra.get(done["Location"]).text


def test_a_password_of_a_moment_ago_is_enough(petra: Client, purge: str) -> None:
    grow_old(petra, confirming.RECENT - moments.MINUTE)
    assert petra.post(purge, WORDS)["Location"].startswith("/receipts/")


def test_it_is_asked_once_in_a_quarter_of_an_hour(petra: Client, purge: str) -> None:
    grow_old(petra)
    wrong = {"typed": "purge", "reason": "Asked for"}
    again = petra.post(purge, sent_again(petra.post(purge, wrong), PASSWORD))
    assert again.status_code == 422
    assert "own_password" not in again.text
    assert petra.post(purge, WORDS)["Location"].startswith("/receipts/")


def test_a_wrong_password_does_nothing_is_audited_and_paused(petra: Client, purge: str) -> None:
    grow_old(petra)
    for _ in range(4):
        refused = petra.post(purge, WORDS | {"own_password": "guessed-by-mallory"})
        assert refused.status_code == 422
        assert "This is not your password." in refused.text
        assert "guessed-by-mallory" not in refused.text
    assert petra.post(purge, WORDS | {"own_password": "guessed"}).status_code == 429
    assert petra.post(purge, WORDS | {"own_password": PASSWORD}).status_code == 429
    assert AgentSession.objects.get().purge_receipt is None
    assert AuditEntry.objects.filter(act="person.sign_in_failed").exists()


def test_the_password_of_somebody_else_is_not_it(petra: Client, purge: str) -> None:
    other = make_person("ben", privacy_officer="*")
    other.set_password("four unusual words here")
    other.save()
    grow_old(petra)
    given = WORDS | {"own_password": "four unusual words here", "username": "ben"}
    assert petra.post(purge, given).status_code == 422


def test_the_way_back_leads_to_the_page_however_often_it_is_asked() -> None:
    scene()
    olga = signed_in("olga", administrator="*")
    grow_old(olga)
    page = f"/keys/{ApiKey.objects.get().prefix}/"
    act = f"{page}rotate/"
    asked = olga.post(act, {"overlap": "0"}, headers={"Referer": f"http://testserver{page}"})
    for _ in range(2):
        assert f'<a class="btn" href="{page}" data-close>Leave it' in asked.text
        sent = sent_again(asked, "guessed")
        asked = olga.post(act, sent, headers={"Referer": f"http://testserver{act}"})
    elsewhere = sent | {"own_way_back": "https://evil.example/"}
    assert "evil" not in olga.post(act, elsewhere).text


def test_a_part_of_the_page_is_a_dialog_in_its_place(petra: Client, purge: str) -> None:
    grow_old(petra)
    answer = petra.post(purge, WORDS, headers=PART)
    assert answer.text.lstrip().startswith('<dialog id="again"')
    assert (answer["HX-Retarget"], answer["HX-Reswap"]) == ("#modal-slot", "innerHTML")


def test_an_erasure_waits_for_it(petra: Client) -> None:
    grow_old(petra)
    form = {"namespace": "support", "user_id": "ann", "typed": "erase 1", "reason": "Asked for"}
    asked = petra.post("/subjects/erase/confirm/", form)
    assert "Is it you" in asked.text
    assert AgentSession.objects.get().purge_receipt is None
    done = petra.post("/subjects/erase/confirm/", sent_again(asked, PASSWORD))
    assert done["Location"].startswith("/receipts/")


ACTS = [
    ("/people/", {"username": "mallory", "role": "privacy_officer"}),
    ("/people/{ben}/roles/", {"namespace": "*", "role": "privacy_officer"}),
    ("/people/{ben}/act/", {"do": "link"}),
    ("/people/{ben}/act/", {"do": "deactivate"}),
    (
        "/keys/new/",
        {"namespace": "support", "scope": ["read", "purge"], "lasts": "never", "once": "0" * 32},
    ),
    ("/keys/{key}/rotate/", {"overlap": str(moments.DAY), "once": "1" * 32}),
]


def state() -> list[Any]:
    return [
        *Operator.objects.order_by("id").values_list("id", "is_active"),
        *OperatorRole.objects.order_by("id").values_list("operator", "role"),
        *ApiKey.objects.order_by("id").values_list("id", "expires_at"),
        *AuditEntry.objects.values_list("act", flat=True),
    ]


@pytest.mark.parametrize(("path", "form"), ACTS)
def test_what_lets_others_in_waits_for_it(path: str, form: dict[str, Any]) -> None:
    scene()
    ben = make_person("ben", viewer="*")
    olga = signed_in("olga", administrator="*")
    grow_old(olga)
    there = path.format(ben=ben.pk, key=ApiKey.objects.get().prefix)
    before = state()
    asked = olga.post(there, form)
    assert "Is it you, olga?" in asked.text
    assert state() == before
    assert olga.post(there, sent_again(asked, PASSWORD)).status_code in (200, 303)
    assert state() != before


def test_signing_in_gives_the_password(client: Client) -> None:
    make_person("olga", administrator="*")
    client.post("/sign-in/", {"username": "olga", "password": PASSWORD})
    answer = client.post("/people/", {"username": "ben", "role": "viewer"})
    assert "Is it you" not in answer.text
    assert Operator.objects.filter(username="ben").exists()


def test_to_look_is_no_act(petra: Client, purge: str) -> None:
    grow_old(petra)
    assert "own_password" not in petra.get(purge).text
    olga = sign_in(Client(), make_person("olga", administrator="*"))
    grow_old(olga)
    for path in ("/people/", "/keys/new/"):
        assert "own_password" not in olga.get(path).text
