"""Each form of the console that is refused says beside the field what is wrong with it."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import resolve

from memory_app.models import HoldKind
from memory_app.operations.holding import NewHold, place_hold
from tests.console.scenes import PART, ask_to_purge, scene
from tests.factories import make_caller
from tests.people import PASSWORD, signed_in
from tests.served import ROOT

pytestmark = pytest.mark.django_db

TEMPLATES = ROOT / "templates"


class Form(NamedTuple):
    """Where a form is sent, what is wrong in it, and the fields that are then in error."""

    url: str
    given: Mapping[str, Any]
    fields: tuple[str, ...]


HOLD = {"namespace": "support", "kind": "session", "target": "a", "matter": "M", "reason": "R"}
KEY = {"namespace": "support", "scope": "read", "lasts": "never", "once": "0" * 32}
POLICY = {"namespace": "support", "prefix": "a/", "idle_for": "1d", "max_age": "2d", "grace": "1d"}
POLICY |= {"on_expired": "restart", "do": "preview"}
ERASURE = {"namespace": "support", "user_id": "ann"}
INVITED = {"username": "bob", "namespace": "support", "role": "viewer"}
FORMS = (
    Form("/holds/new/", HOLD | {"matter": ""}, ("matter",)),
    Form("/holds/new/", HOLD | {"reason": " "}, ("reason",)),
    Form("/holds/new/", HOLD | {"target": ""}, ("target",)),
    Form("/holds/new/", HOLD | {"kind": "prefix", "target": "org-1"}, ("target",)),
    Form("/holds/new/", HOLD | {"kind": "all"}, ("kind",)),
    Form("/holds/new/", HOLD | {"review": "soon"}, ("review",)),
    Form("/holds/new/", HOLD | {"review": "9" * 5_000}, ("review",)),
    Form("/holds/{hold}/release/", {"reason": ""}, ("reason",)),
    Form(
        "/sessions/hold/", {"do": "hold", "sel": "{uid}", "matter": "", "reason": "R"}, ("matter",)
    ),
    Form(
        "/sessions/hold/", {"do": "hold", "sel": "{uid}", "matter": "M", "reason": ""}, ("reason",)
    ),
    Form("/purges/new/", {"namespace": "support", "q": ""}, ("q",)),
    Form("/purges/new/", {"namespace": "support", "q": "held:perhaps"}, ("q",)),
    Form("/purges/{preview}/", {"typed": "", "reason": ""}, ("reason", "typed")),
    Form("/subjects/erase/confirm/", ERASURE | {"typed": "", "reason": ""}, ("reason", "typed")),
    Form("/reasons/", {"namespace": "demanding", "reason": ""}, ("reason",)),
    Form("/keys/new/", KEY | {"label": "x" * 201}, ("label",)),
    Form("/keys/new/", KEY | {"scope": []}, ("scope",)),
    Form("/keys/new/", KEY | {"lasts": "long"}, ("lasts",)),
    Form("/keys/new/", KEY | {"rate_limit": "many"}, ("rate_limit",)),
    Form("/namespaces/new/", {"name": "", "on_expired": "restart"}, ("name",)),
    Form("/namespaces/new/", {"name": "support", "on_expired": "restart"}, ("name",)),
    Form("/namespaces/new/", {"name": "new", "on_expired": "never"}, ("on_expired",)),
    Form("/namespaces/support/change/", {"on_expired": "reject"}, ("confirmed",)),
    Form("/policies/change/", POLICY | {"idle_for": ""}, ("idle_for",)),
    Form("/policies/change/", POLICY | {"max_age": "a year"}, ("max_age",)),
    Form("/policies/change/", POLICY | {"grace": "-"}, ("grace",)),
    Form("/policies/change/", POLICY | {"prefix": "org-1"}, ("prefix",)),
    Form("/people/", INVITED | {"username": ""}, ("username",)),
    Form("/people/", INVITED | {"username": "ann"}, ("username",)),
    Form("/people/", INVITED | {"role": "king"}, ("role",)),
    Form("/account/password/", {"present": "wrong"}, ("present",)),
    Form("/account/password/", {"present": PASSWORD, "new": "short", "again": "short"}, ("new",)),
    Form("/account/password/", {"present": PASSWORD, "new": "x", "again": "y"}, ("again",)),
    Form("/account/second-factor/", {"do": "begin", "password": "wrong"}, ("password",)),
    Form("/sessions/views/", {"do": "save", "name": "", "query": "status=active"}, ("name",)),
)


@pytest.fixture
def client() -> Client:
    make_caller("support")
    return signed_in("ann", privacy_officer="*", administrator="*")


@pytest.fixture
def things(client: Client) -> dict[str, str]:
    uid = scene()
    held = NewHold(
        namespace="support", kind=HoldKind.SESSION, target="other", matter="M", reason="R"
    )
    client.post(
        "/namespaces/new/", {"name": "demanding", "on_expired": "restart", "demands_reason": "yes"}
    )
    return {"uid": uid, "hold": place_hold(hold=held).id, "preview": ask_to_purge(client, uid)}


def send(client: Client, form: Form, things: Mapping[str, str], **more: Any) -> str:
    given = {
        name: value.format(**things) if isinstance(value, str) else value
        for name, value in form.given.items()
    }
    answer = client.post(form.url.format(**things), given, **more)
    assert answer.status_code == 422, (answer.status_code, answer.headers, answer.text)
    return answer.text


def marked(page: str) -> dict[str, str]:
    """Return what is said beside each field in error, by its name."""
    said = {}
    for field in re.findall(r"<(?:input|select)[^>]*aria-invalid=\"true\"[^>]*>", page):
        name = re.search(r' name="([^"]+)"', field)
        described = re.search(r'aria-describedby="([^"]+)"', field)
        assert name, field
        assert described, field
        beside = re.search(
            rf'id="{described[1].split()[0]}"[^>]*>(.*?)</(?:p|span|div)>', page, re.S
        )
        assert beside, f"{described[1]} is on the page"
        said[name[1]] = re.sub(r"<[^>]+>", "", beside[1]).strip()
    return said


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.url} {form.fields}")
def test_the_field_is_marked_and_a_sentence_stands_beside_it(
    client: Client, things: dict[str, str], form: Form
) -> None:
    page = send(client, form, things)
    said = marked(page)
    assert tuple(sorted(said)) == form.fields
    assert all(one[:1].isupper() and one.endswith(".") for one in said.values()), said


@pytest.mark.parametrize("form", FORMS, ids=lambda form: f"{form.url} {form.fields}")
def test_without_a_script_the_focus_is_there(
    client: Client, things: dict[str, str], form: Form
) -> None:
    page = send(client, form, things)
    focused = re.findall(r"<(?:input|select)[^>]*\bautofocus\b[^>]*>", page)
    assert focused
    assert all('aria-invalid="true"' in field for field in focused)


def test_a_policy_that_is_refused_in_place_names_its_field(
    client: Client, things: dict[str, str]
) -> None:
    form = Form("/policies/change/", POLICY | {"grace": "-"}, ("grace",))
    assert 'data-fault="grace"' in send(client, form, things, headers=PART)


# Forms of choices alone, of which none can be wrong; signing in has tests of its own, and so have
# the filters of lists.
WITHOUT_FAULTS = {"preferences", "roles", "rotate_key", "sign_in", "sign_in_code", "join"}
FILTERS = {"search", "sessions"}


def test_every_form_with_a_field_is_in_this_table(things: dict[str, str]) -> None:
    here = {resolve(form.url.format(**things)).url_name for form in FORMS}
    found = set()
    for path in TEMPLATES.rglob("*.html"):
        for form in re.findall(r'<form[^>]*method="post".*?</form>', path.read_text(), re.S):
            view = re.search(r"""action="\{% url '(?:console:)?(\w+)'""", form)
            if view and re.search(r'<(?:input|select|textarea)[^>]*class="field', form):
                found.add(view[1])
    assert found - WITHOUT_FAULTS - FILTERS <= here
    assert here <= {*found, "hold_sessions", "purge", "new_namespace", "namespace"}
