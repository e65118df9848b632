"""API keys in the console: shown once, made once, replaced with an overlap, ended at once."""

import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from memory_app.errors import Unauthenticated
from memory_app.models import ApiKey, AuditEntry, Namespace
from memory_app.moments import DAY, HOUR, NEVER, process_clock
from memory_app.operations.keys import create_key, forget_cached_keys, prefix_of, verify_key
from tests.console.scenes import HOSTILE, PART, ROLES, person
from tests.counting import counted_statements
from tests.factories import make_caller, make_key, make_session
from tests.people import signed_in

pytestmark = pytest.mark.django_db

TOKEN = re.compile(r"lethe_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")


@pytest.fixture
def adam() -> Client:
    make_key("support")
    return person("administrator", name="adam")


def form_in(answer: HttpResponse) -> str:
    found = re.search(r'name="once" value="([0-9a-f]{32})"', answer.text)
    assert found, answer.text
    return found.group(1)


def ask(client: Client, **more: Any) -> HttpResponse:
    """Fill in the form and send it."""
    fields = {
        "once": form_in(client.get("/keys/new/")),
        "namespace": "support",
        "label": "night shift",
        "scope": ["read", "write"],
        "lasts": "never",
    }
    return client.post("/keys/new/", fields | more)  # type: ignore[return-value]


def token_in(answer: HttpResponse) -> str:
    found = TOKEN.findall(answer.text)
    assert found, answer.text
    assert len(set(found)) == 1
    return str(found[0])


def entries() -> Iterator[tuple[str, str, str | None]]:
    yield from AuditEntry.objects.order_by("n").values_list("actor", "act", "object_id")


def test_a_key_is_shown_on_the_answer_and_works(adam: Client) -> None:
    answer = ask(adam)
    token = token_in(answer)
    assert verify_key(token).scopes == {"read", "write"}
    assert answer["Cache-Control"] == "no-store"
    key = ApiKey.objects.get(prefix=prefix_of(token))
    assert (key.label, key.created_by, key.expires_at) == ("night shift", "adam", NEVER)
    assert ("adam", "key.create", key.prefix) in entries()


def test_a_key_can_have_a_limit_of_calls_and_its_page_says_so(adam: Client) -> None:
    prefix = prefix_of(token_in(ask(adam, rate_limit=" 1200 ")))
    assert ApiKey.objects.get(prefix=prefix).rate_limit == 1200
    assert "1,200 calls a minute" in adam.get(f"/keys/{prefix}/").text
    free = prefix_of(token_in(ask(adam, rate_limit="")))
    assert ApiKey.objects.get(prefix=free).rate_limit is None
    assert "calls a minute" not in adam.get(f"/keys/{free}/").text


def test_a_key_is_shown_on_no_other_page(adam: Client) -> None:
    token = token_in(ask(adam))
    secret = token.removeprefix(prefix_of(token))
    for path in ("/keys/", f"/keys/{prefix_of(token)}/", f"/keys/{prefix_of(token)}/revoke/"):
        shown = adam.get(path)
        assert shown.status_code == 200
        assert secret not in shown.text
    assert not AuditEntry.objects.filter(counts__contains=secret).exists()


def test_a_form_sent_again_makes_no_second_key_and_shows_none(adam: Client) -> None:
    form = form_in(adam.get("/keys/new/"))
    token = token_in(ask(adam, once=form))
    again = ask(adam, once=form)
    assert again.status_code == 303
    assert again["Location"] == f"/keys/{prefix_of(token)}/"
    assert ApiKey.objects.filter(label="night shift").count() == 1
    assert "shown once, so not again" in adam.get(again["Location"]).text


def test_a_part_of_the_page_gets_the_address_of_the_key_that_reloads_without_it(
    adam: Client,
) -> None:
    fields = {
        "once": secrets.token_hex(16),
        "namespace": "support",
        "scope": "read",
        "lasts": "90d",
    }
    answer = adam.post("/keys/new/", fields, headers=PART)
    prefix = prefix_of(token_in(answer))
    assert "<html" not in answer.text
    assert answer["HX-Replace-Url"] == f"/keys/{prefix}/"
    assert DAY * 89 < ApiKey.objects.get(prefix=prefix).expires_at - process_clock() < DAY * 91


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scope": []}, "scopes are"),
        ({"scope": ["admin"]}, "scopes are"),
        ({"lasts": "soon"}, "choose when the key ends"),
        ({"label": "x" * 201}, "label has at most"),
        ({"label": "a\nb"}, "label has at most"),
        ({"rate_limit": "0"}, "a limit is 1 to 1,000,000 calls a minute"),
        ({"rate_limit": "many"}, "a limit is 1 to 1,000,000 calls a minute"),
        ({"rate_limit": "9" * 400}, "a limit is 1 to 1,000,000 calls a minute"),
        ({"once": "guessed"}, "open the form anew"),
    ],
)
def test_what_cannot_be_a_key_is_said_and_what_was_typed_stays(
    adam: Client, wrong: dict[str, Any], said: str
) -> None:
    answer = ask(adam, **wrong)
    assert answer.status_code == 422
    assert said in answer.text.lower()
    assert ApiKey.objects.count() == 1
    assert f'value="{wrong.get("label", "night shift")}"' in answer.text


def test_a_rotated_key_works_beside_its_successor_until_the_overlap_is_over(adam: Client) -> None:
    old = token_in(ask(adam))
    page = f"/keys/{prefix_of(old)}/"
    form = form_in(adam.get(page))
    sent = {"once": form, "overlap": str(HOUR)}
    new = token_in(adam.post(f"{page}rotate/", sent))
    forget_cached_keys()
    now = process_clock()
    assert verify_key(old, now=now + HOUR // 2)
    with pytest.raises(Unauthenticated):
        verify_key(old, now=now + 2 * HOUR)
    assert verify_key(new, now=now + 2 * HOUR)
    assert f'href="/keys/{prefix_of(new)}/"' in adam.get(page).text
    assert "replaced by" in adam.get("/keys/").text
    again = adam.post(f"{page}rotate/", sent)
    assert again["Location"] == f"/keys/{prefix_of(new)}/"
    assert ApiKey.objects.filter(label="night shift").count() == 2


def test_an_overlap_that_is_not_offered_is_refused(adam: Client) -> None:
    prefix = prefix_of(token_in(ask(adam)))
    form = form_in(adam.get(f"/keys/{prefix}/"))
    for overlap in ("", "0", "-1", "a while", str(NEVER), "9" * 5_000):
        answer = adam.post(f"/keys/{prefix}/rotate/", {"once": form, "overlap": overlap})
        assert answer.status_code == 422
    assert ApiKey.objects.filter(label="night shift").count() == 1


def test_a_key_is_revoked_after_the_page_says_what_stops(adam: Client) -> None:
    token = token_in(ask(adam))
    page = f"/keys/{prefix_of(token)}/revoke/"
    assert "refused within 3 seconds" in adam.get(page).text
    assert verify_key(token)
    answer = adam.post(page, follow=True)
    assert "is revoked" in answer.text
    with pytest.raises(Unauthenticated):
        verify_key(token)
    assert "night shift" not in adam.get("/keys/").text
    ended = adam.get("/keys/?state=ended").text
    assert "night shift" in ended
    assert "Revoked" in ended
    assert "This key has ended" in adam.get(f"/keys/{prefix_of(token)}/").text
    assert ("adam", "key.revoke", prefix_of(token)) in entries()
    assert "ended already" in adam.get(page).text


def test_states_are_said_in_words(adam: Client) -> None:
    now = process_clock()
    create_key(namespace="support", label="soon over", expires_at=now + DAY)
    create_key(namespace="support", label="over", expires_at=now - HOUR, now=now - DAY)
    valid = adam.get("/keys/").text
    assert "Expiring" in valid
    assert "soon over" in valid
    assert ">over<" not in valid
    assert "Expired" in adam.get("/keys/?state=ended").text


@pytest.mark.parametrize("role", [role for role in ROLES if role != "administrator"])
def test_only_administrators_reach_keys(adam: Client, role: str) -> None:
    other = person(role)
    prefix = ApiKey.objects.get().prefix
    assert other.get("/keys/").status_code == 403
    for path in (f"/keys/{prefix}/", f"/keys/{prefix}/received/", f"/keys/{prefix}/revoke/"):
        assert other.get(path).status_code == 404
    assert other.get("/keys/new/").status_code == 403
    for path in ("/keys/new/", f"/keys/{prefix}/rotate/", f"/keys/{prefix}/revoke/"):
        fields = {"once": "0" * 32, "overlap": str(DAY), "namespace": "support", "scope": "read"}
        assert other.post(path, fields | {"lasts": "never"}).status_code == 404
    assert ApiKey.objects.get().revoked_at is None
    assert 'href="/keys/"' not in other.get("/policies/").text


def test_an_administrator_of_another_namespace_sees_and_changes_nothing(adam: Client) -> None:
    make_key("claims")
    other = person("administrator", "claims", name="ida")
    theirs = ApiKey.objects.get(namespace__name="support").prefix
    assert theirs not in other.get("/keys/").text
    assert other.get("/keys/?namespace=support").status_code == 404
    assert other.get(f"/keys/{theirs}/").status_code == 404
    assert other.post(f"/keys/{theirs}/revoke/").status_code == 404
    assert ask(other).status_code == 404
    assert ApiKey.objects.count() == 2


def test_a_list_asks_no_more_with_more_keys_and_goes_on_page_by_page(adam: Client) -> None:
    with counted_statements() as few:
        adam.get("/keys/")
    for number in range(60):
        create_key(namespace="support", label=f"agent {number:02}")
    with counted_statements() as many:
        first = adam.get("/keys/")
    assert len(many) == len(few)
    assert "agent 59" in first.text
    assert "agent 00" not in first.text
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    assert "agent 00" in adam.get(following.group(1).replace("&amp;", "&")).text
    assert adam.get("/keys/?cursor=forged").status_code == 422


def test_a_label_is_shown_as_text(adam: Client) -> None:
    create_key(namespace="support", label=HOSTILE)
    assert "<script>alert" not in adam.get("/keys/").text
    prefix = ApiKey.objects.get(label=HOSTILE).prefix
    assert "<script>alert" not in adam.get(f"/keys/{prefix}/").text
    assert "<script>alert" not in adam.get(f"/keys/{prefix}/revoke/").text


def test_the_first_message_is_noticed_and_leads_to_the_session_for_those_who_may_see_it(
    adam: Client,
) -> None:
    agent = make_caller("support")
    page = f"/keys/{agent.prefix}/"
    assert adam.get(f"{page}received/", headers=PART).status_code == 204
    assert "Waiting for the first message" in adam.get(page).text
    # Another agent's message is not this one's.
    make_session(make_caller("support"), "of another")
    assert adam.get(f"{page}received/", headers=PART).status_code == 204
    uid = make_session(agent, "hello").session.uid
    answer = adam.get(f"{page}received/", headers=PART)
    assert "First message received" in answer.text
    # An administrator who may not see sessions learns no id.
    assert uid not in answer.text
    assert "hello" not in answer.text
    assert "hx-trigger" not in answer.text
    assert uid not in adam.get(page).text


def test_whoever_may_see_sessions_too_is_led_to_the_first_one(adam: Client) -> None:
    agent = make_caller("support")
    uid = make_session(agent, "hello").session.uid
    root = signed_in("root", administrator="*", privacy_officer="*")
    assert f'href="/sessions/{uid}/"' in root.get(f"/keys/{agent.prefix}/").text


def test_the_programs_name_the_address_by_which_the_page_was_reached(
    adam: Client, settings: Any
) -> None:
    prefix = ApiKey.objects.get().prefix
    assert "http://testserver/api/v1/memory/add" in adam.get(f"/keys/{prefix}/").text
    settings.LETHE_PUBLIC_URL = "https://lethe.example.org"
    assert "https://lethe.example.org/api/v1/memory/add" in adam.get(f"/keys/{prefix}/").text


def test_the_empty_page_leads_to_a_namespace_and_then_to_a_key() -> None:
    root = person("administrator", "*", name="root")
    assert 'href="/namespaces/new/"' in root.get("/keys/").text
    assert 'href="/namespaces/new/"' in root.get("/keys/new/").text
    Namespace.objects.all().delete()
    made = root.post("/namespaces/new/", {"name": "support", "on_expired": "restart"})
    assert made["Location"] == "/keys/new/?namespace=support"
    assert 'href="/keys/new/"' in root.get("/keys/").text
