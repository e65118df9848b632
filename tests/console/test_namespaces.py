"""Namespaces in the console: what is in each, making one, and what holds for its sessions."""

import json

import pytest
from django.test import Client

from memory_app.models import AuditEntry, Namespace, RetentionPolicy
from memory_app.operations import namespaces
from memory_app.operations.keys import create_key
from tests.conftest import Api
from tests.console.scenes import ROLES, person
from tests.counting import counted_statements
from tests.factories import make_caller, make_key, make_session
from tests.people import acting

pytestmark = pytest.mark.django_db

RULES = {"on_expired": "restart"}


@pytest.fixture
def adam() -> Client:
    return person("administrator", "*", name="adam")


def test_a_namespace_is_made_with_its_rules_and_entered(adam: Client) -> None:
    fields = {
        "name": "claims",
        "demands_reason": "yes",
        "refuses_default": "yes",
        "on_expired": "reject",
    }
    assert adam.post("/namespaces/new/", fields).status_code == 303
    made = Namespace.objects.get()
    assert (made.name, made.demands_reason, made.shares_default) == ("claims", True, False)
    assert RetentionPolicy.objects.get().on_expired == "reject"
    entry = AuditEntry.objects.get(act="namespace.create")
    assert (entry.actor, entry.namespace, entry.object_id) == ("adam", "claims", str(made.pk))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Support Agent", "perhaps support-agent"),
        ("", "1 to 64 lowercase letters"),
        ("-support", "perhaps support"),
        ("x" * 65, "1 to 64"),
        ("подержка", "1 to 64"),
        ("support", "there is a namespace support already"),
    ],
)
def test_a_name_that_cannot_be_is_refused_by_name(adam: Client, name: str, said: str) -> None:
    make_key("support")
    answer = adam.post("/namespaces/new/", RULES | {"name": name})
    assert answer.status_code == 422
    assert said in answer.text.replace("There is", "there is")
    assert Namespace.objects.count() == 1


def test_refusing_the_shared_session_is_confirmed_and_then_holds_for_agents(
    adam: Client, api: Api
) -> None:
    assert api.post("memory/add", message={"role": "user", "content": "Hi"}).status_code == 201
    change = RULES | {"refuses_default": "yes"}
    unsure = adam.post("/namespaces/support/change/", change)
    assert unsure.status_code == 422
    assert "as some here do, will be refused" in unsure.text
    assert Namespace.objects.get().shares_default
    done = adam.post("/namespaces/support/change/", change | {"confirmed": "yes"})
    assert done.status_code == 303
    assert not Namespace.objects.get().shares_default
    assert AuditEntry.objects.filter(act="namespace.change", actor="adam").count() == 1


def test_demanding_a_reason_needs_no_confirmation_and_ceasing_to_does(adam: Client) -> None:
    make_key("support")
    page = "/namespaces/support/change/"
    assert adam.post(page, RULES | {"demands_reason": "yes"}).status_code == 303
    assert Namespace.objects.get().demands_reason
    unsure = adam.post(page, RULES)
    assert "without a written reason" in unsure.text
    assert unsure.status_code == 422
    assert adam.post(page, RULES | {"confirmed": "yes"}).status_code == 303
    assert not Namespace.objects.get().demands_reason


def test_refusing_to_begin_anew_is_confirmed(adam: Client) -> None:
    make_key("support")
    page = "/namespaces/support/change/"
    assert adam.post(page, {"on_expired": "reject"}).status_code == 422
    assert adam.post(page, {"on_expired": "perhaps", "confirmed": "yes"}).status_code == 422
    assert adam.post(page, {"on_expired": "reject", "confirmed": "yes"}).status_code == 303
    assert RetentionPolicy.objects.get().on_expired == "reject"


def test_the_log_says_what_was_changed_in_a_namespace_and_how(adam: Client) -> None:
    make_key("support")
    page = "/namespaces/support/change/"
    adam.post(page, {"on_expired": "reject", "demands_reason": "yes", "confirmed": "yes"})
    adam.post(page, {"on_expired": "restart", "confirmed": "yes"})
    told = [entry.counts for entry in AuditEntry.objects.filter(act="namespace.change")]
    assert [sorted(json.loads(counts)) for counts in told] == [
        ["turned_on_demands_reason", "turned_to_reject"],
        ["turned_off_demands_reason", "turned_to_restart"],
    ]
    assert "turned on demands reason" in adam.get("/audit/").text


def test_a_change_that_changes_nothing_is_not_entered(adam: Client) -> None:
    make_key("support")
    assert adam.post("/namespaces/support/change/", RULES).status_code == 303
    assert not AuditEntry.objects.filter(act="namespace.change").exists()


def test_the_list_counts_what_is_there_and_says_where_it_stopped(
    adam: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = make_caller("support")
    for number in range(4):
        make_session(agent, f"chat-{number}", "Hello", "there")
    text = " ".join(adam.get("/namespaces/").text.split())
    assert '<td class="num">4<' in text
    assert '<td class="num">8<' in text
    monkeypatch.setattr(namespaces, "COUNTED", 3)
    monkeypatch.setattr(namespaces, "_LEAST", 3)
    text = " ".join(adam.get("/namespaces/").text.split())
    assert "3+</span>" in text
    assert "8+" in text


def test_a_list_asks_no_more_with_more_namespaces_and_goes_on(adam: Client) -> None:
    root = acting("root", administrator="*")
    create_key(namespace="ns-00")
    with counted_statements() as few:
        namespaces.list_namespaces(person=root)
    for number in range(1, 60):
        create_key(namespace=f"ns-{number:02}")
    with counted_statements() as many:
        namespaces.list_namespaces(person=root)
    assert len(many) == len(few)
    first = adam.get("/namespaces/").text
    assert "ns-49" in first
    assert "ns-50" not in first
    assert "ns-50" in adam.get("/namespaces/?after=ns-49").text


@pytest.mark.parametrize("role", [role for role in ROLES if role != "administrator"])
def test_only_administrators_manage_namespaces(role: str) -> None:
    make_key("support")
    other = person(role)
    assert other.get("/namespaces/").status_code == 403
    assert other.get("/namespaces/support/change/").status_code == 404
    assert other.post("/namespaces/support/change/", RULES).status_code == 404
    assert other.post("/namespaces/new/", RULES | {"name": "mine"}).status_code == 403
    assert Namespace.objects.count() == 1


def test_an_administrator_of_one_namespace_changes_that_one_and_makes_none() -> None:
    make_key("support")
    make_key("claims")
    ida = person("administrator", "claims", name="ida")
    shown = ida.get("/namespaces/").text
    assert "claims" in shown
    assert "support" not in shown
    assert "/namespaces/new/" not in shown
    assert ida.get("/namespaces/support/change/").status_code == 404
    assert ida.post("/namespaces/new/", RULES | {"name": "mine"}).status_code == 403
    assert ida.post("/namespaces/claims/change/", RULES).status_code == 303


def test_deleting_a_namespace_is_not_offered(adam: Client) -> None:
    make_key("support")
    shown = adam.get("/namespaces/").text + adam.get("/namespaces/support/change/").text
    assert "elete" not in shown
