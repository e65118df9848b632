"""Retention policies in the console: seen by those who see sessions, changed by administrators."""

import pytest
from django.test import Client

from memory_app.models import AgentSession, RetentionPolicy
from memory_app.moments import DAY, NEVER
from memory_app.operations.intervening import restore_session
from memory_app.operations.keys import Caller
from memory_app.operations.sessions import expire_session
from tests.console.scenes import person, scene
from tests.factories import make_caller, make_session

pytestmark = pytest.mark.django_db

FORM = {
    "namespace": "support",
    "prefix": "",
    "idle_for": "30d",
    "max_age": "365d",
    "grace": "7d",
    "on_expired": "restart",
}


@pytest.fixture
def agent() -> Caller:
    return make_caller("support")


@pytest.fixture
def adam(agent: Caller) -> Client:
    return person("administrator", name="adam")


def test_an_administrator_sees_what_a_change_does_and_then_does_it(
    agent: Caller, adam: Client
) -> None:
    make_session(agent, "chat")
    assert "Change the policy of support" in adam.get("/policies/").text
    form = FORM | {"idle_for": "1d", "max_age": "never"}
    shown = adam.post("/policies/change/", form | {"do": "preview"})
    assert "<b>1</b><span>sooner than before" in shown.text
    assert "Yes, shorten the idle time" in shown.text
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    unsure = adam.post("/policies/change/", form | {"do": "apply"})
    assert unsure.status_code == 422
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    done = adam.post("/policies/change/", form | {"do": "apply", "confirmed": "yes"})
    assert done["Location"] == "/policies/"
    policy = RetentionPolicy.objects.get()
    assert (policy.idle_for, policy.max_age) == (DAY, NEVER)
    assert AgentSession.objects.get().idle_for == DAY


def test_a_prefix_gets_a_policy_of_its_own(agent: Caller, adam: Client) -> None:
    form = FORM | {"prefix": "org-1/", "idle_for": "60d", "do": "apply"}
    assert adam.post("/policies/change/", form).status_code == 303
    assert "org-1/" in adam.get("/policies/").text
    edit = adam.get("/policies/change/?namespace=support&prefix=org-1/").text
    assert 'value="60d"' in edit


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"prefix": "org-1"}, "org-1/"),
        ({"idle_for": "a while"}, "idle time"),
        ({"grace": "never"}, "grace period"),
        ({"on_expired": "perhaps"}, "one of"),
    ],
)
def test_what_cannot_be_a_policy_is_said_and_what_was_typed_stays(
    adam: Client, wrong: dict[str, str], said: str
) -> None:
    answer = adam.post("/policies/change/", FORM | wrong | {"do": "apply"})
    assert answer.status_code == 422
    assert said in answer.text
    assert 'value="365d"' in answer.text
    assert RetentionPolicy.objects.count() == 1


@pytest.mark.parametrize("role", ["viewer", "operator", "privacy_officer"])
def test_others_see_policies_and_change_none(agent: Caller, role: str) -> None:
    client = person(role)
    shown = client.get("/policies/")
    assert "30 days" in shown.text
    assert "/policies/change/" not in shown.text
    assert client.get("/policies/change/").status_code == 403
    assert client.post("/policies/change/", FORM | {"do": "apply"}).status_code == 403


def test_an_administrator_of_another_namespace_neither_sees_nor_changes(agent: Caller) -> None:
    make_caller("claims")
    client = person("administrator", "claims")
    assert "support" not in client.get("/policies/").text
    assert client.post("/policies/change/", FORM | {"do": "apply"}).status_code == 404


def test_a_session_says_which_policy_decides(agent: Caller, adam: Client) -> None:
    uid = scene(agent)
    vera = person("viewer", name="vera")
    assert "support, all ids" in vera.get(f"/sessions/{uid}/").text
    adam.post("/policies/change/", FORM | {"prefix": "org-1/", "do": "apply"})
    assert ">org-1/</a>: idle" in vera.get(f"/sessions/{uid}/").text


def test_the_side_bar_of_an_administrator_leads_to_the_policies(adam: Client) -> None:
    assert 'href="/policies/"' in adam.get("/policies/").text


def test_a_session_says_when_and_why_it_was_restored(agent: Caller) -> None:
    uid = scene(agent)
    expire_session(caller=agent, session_id="org-1/ann")
    restore_session(uid=uid, reason="Ann asked for it")
    shown = person("operator", name="olaf").get(f"/sessions/{uid}/").text
    assert '<span class="word">Restored</span>' in shown
    assert "Ann asked for it" in shown
    hidden = person("viewer", name="vera").get(f"/sessions/{uid}/").text
    assert '<span class="word">Restored</span>' in hidden
    assert "Ann asked for it" not in hidden
