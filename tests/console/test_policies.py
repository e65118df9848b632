"""Retention policies in the console: seen by those who see sessions, changed by administrators."""

import re

import pytest
from django.test import Client

from memory_app import moments
from memory_app.console.views import policies as views
from memory_app.models import AgentSession, AuditEntry, RetentionPolicy
from memory_app.moments import DAY, HOUR, NEVER
from memory_app.operations import applying as operation
from memory_app.operations import foreseeing
from memory_app.operations.cleaning import clean_up
from memory_app.operations.intervening import restore_session
from memory_app.operations.keys import Caller
from memory_app.operations.sessions import expire_session
from tests.console.scenes import PART, person, scene
from tests.counting import counted_statements
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
    assert "<b>1 day</b>" in shown.text
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    unsure = adam.post("/policies/change/", form | {"do": "apply"})
    assert "Shorten the idle time?" in unsure.text
    assert "<code>shorten support</code>" in unsure.text
    wrong = adam.post("/policies/change/", form | {"do": "apply", "typed": "shorten"})
    assert wrong.status_code == 422
    assert RetentionPolicy.objects.get().idle_for == 30 * DAY
    done = adam.post("/policies/change/", form | {"do": "apply", "typed": "shorten support"})
    assert done["Location"] == "/policies/"
    policy = RetentionPolicy.objects.get()
    assert (policy.idle_for, policy.max_age) == (DAY, NEVER)
    assert AgentSession.objects.get().idle_for == DAY


def test_the_question_carries_what_was_typed_so_that_it_can_be_answered(
    agent: Caller, adam: Client
) -> None:
    form = FORM | {"prefix": "org-1/", "idle_for": "1d", "max_age": "", "max_age_never": "yes"}
    asked = adam.post("/policies/change/", form | {"do": "apply"})
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', asked.text))
    assert hidden["do"] == "apply"
    adam.post("/policies/change/", hidden | {"typed": " shorten support  org-1/ "})
    made = RetentionPolicy.objects.get(prefix="org-1/")
    assert (made.idle_for, made.max_age) == (DAY, NEVER)


def test_for_ever_must_be_chosen(agent: Caller, adam: Client) -> None:
    empty = adam.post("/policies/change/", FORM | {"idle_for": "", "do": "apply"})
    assert empty.status_code == 422
    assert "choose for ever" in empty.text
    grace = adam.post("/policies/change/", FORM | {"grace": "", "do": "apply"})
    assert "Write the grace period" in grace.text
    assert "choose for ever" not in grace.text
    form = FORM | {"idle_for_never": "yes", "max_age_never": "yes"}
    warned = adam.post("/policies/change/", form | {"do": "preview"})
    assert "never expire by themselves" in warned.text
    assert adam.post("/policies/change/", form | {"do": "apply"}).status_code == 303
    policy = RetentionPolicy.objects.get()
    assert policy.idle_for == policy.max_age == NEVER
    edit = adam.get("/policies/change/?namespace=support&prefix=").text
    assert 'name="idle_for_never" value="yes" checked' in edit


def test_a_preview_in_place_is_a_part_with_the_numbers(agent: Caller, adam: Client) -> None:
    make_session(agent, "chat")
    answer = adam.post(
        "/policies/change/", FORM | {"idle_for": "1d", "do": "preview"}, headers=PART
    )
    assert "<html" not in answer.text
    assert "data-say>0 sessions would expire now, 1 sooner" in answer.text
    refused = adam.post("/policies/change/", FORM | {"prefix": "org-1"}, headers=PART)
    assert refused.status_code == 422
    assert refused["HX-Retarget"] == "#effect"


def test_a_prefix_that_is_proposed_is_taken_with_one_press(agent: Caller, adam: Client) -> None:
    refused = adam.post("/policies/change/", FORM | {"prefix": "org-1", "do": "apply"})
    assert refused.status_code == 422
    assert 'name="take" value="org-1/"' in refused.text
    taken = adam.post("/policies/change/", FORM | {"prefix": "org-1", "take": "org-1/"})
    assert taken.status_code == 200
    assert 'name="prefix" value="org-1/"' in taken.text
    assert RetentionPolicy.objects.count() == 1


def test_a_preview_that_stops_counting_says_so(
    agent: Caller, adam: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        make_session(agent, f"chat-{number}")
        make_session(agent, f"org-1/{number}")
    monkeypatch.setattr(views, "_LOOKED_AT", 3)
    for prefix in ("", "org-1/"):
        form = FORM | {"prefix": prefix, "idle_for": "1d", "do": "preview"}
        shown = adam.post("/policies/change/", form).text
        assert "At least 0 sessions would expire now" in shown
        assert re.search(r"<b>4\+</b><span>sooner than before", shown)
    # What is changed is counted whole before.
    asked = adam.post("/policies/change/", FORM | {"idle_for": "1d", "do": "apply"}).text
    assert "<b>8</b><span>sooner than before" in asked


def test_the_policy_of_a_prefix_is_removed_and_its_sessions_follow_the_next(
    agent: Caller, adam: Client
) -> None:
    adam.post("/policies/change/", FORM | {"prefix": "org-1/", "idle_for": "60d", "do": "apply"})
    make_session(agent, "org-1/ann")
    assert AgentSession.objects.get().idle_for == 60 * DAY
    where = "/policies/remove/?namespace=support&prefix=org-1/"
    asked = adam.get(where)
    assert "<b>1</b><span>sooner than before" in asked.text
    named = {"namespace": "support", "prefix": "org-1/"}
    assert adam.post("/policies/remove/", named).status_code == 200
    assert adam.post("/policies/remove/", named | {"typed": "remove"}).status_code == 422
    assert RetentionPolicy.objects.count() == 2
    done = adam.post("/policies/remove/", named | {"typed": "remove org-1/"}, follow=True)
    assert "is removed" in done.text
    assert RetentionPolicy.objects.get().prefix == ""
    assert AgentSession.objects.get().idle_for == 30 * DAY
    assert AuditEntry.objects.filter(act="policy.remove", actor="adam").count() == 1
    assert "Removed a retention policy" in adam.get("/audit/").text
    assert adam.get(where).status_code == 404


def test_the_policy_of_a_whole_namespace_stays(adam: Client) -> None:
    named = {"namespace": "support", "prefix": "", "typed": "remove "}
    assert adam.get("/policies/remove/?namespace=support&prefix=").status_code == 422
    assert adam.post("/policies/remove/", named).status_code == 422
    assert RetentionPolicy.objects.count() == 1


def test_the_list_says_what_each_policy_covers_and_does_next(agent: Caller, adam: Client) -> None:
    adam.post("/policies/change/", FORM | {"prefix": "org-1/", "idle_for": "60d", "do": "apply"})
    now = moments.process_clock()
    make_session(agent, "chat-1", now=now - 30 * DAY + HOUR)
    make_session(agent, "chat-2", now=now)
    make_session(agent, "org-1/ann", now=now)
    make_session(agent, "gone", now=now - 31 * DAY)
    text = re.sub(r"<[^>]+>", " ", adam.get("/policies/").text)
    assert re.search(r"support\s+all other ids.*?Covers\s+2\s+Next 24 h:\s+1\s", text, re.DOTALL)
    assert re.search(r"org-1/\s+support.*?Covers\s+1\s+Next 24 h:\s+0\s", text, re.DOTALL)
    assert re.search(r"org-1/\s+support.*?Next expiry\s+in 59d", text, re.DOTALL)


def test_a_list_that_stops_counting_says_so(
    agent: Caller, adam: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    adam.post("/policies/change/", FORM | {"prefix": "org-1/", "idle_for": "60d", "do": "apply"})
    now = moments.process_clock()
    for number in range(4):
        make_session(agent, f"chat-{number}", now=now - 29 * DAY - 12 * HOUR)
    make_session(agent, "org-1/ann", now=now)
    monkeypatch.setattr(foreseeing, "LOOKED_AT", 3)
    monkeypatch.setattr(foreseeing, "_LEAST", 3)
    text = re.sub(r"<[^>]+>", " ", adam.get("/policies/").text)
    assert re.search(r"all other ids.*?Covers\s+3\+\s+Next 24 h:\s+3\+\s", text, re.DOTALL)
    assert re.search(r"org-1/.*?Covers\s+0\+\s+.*?Next expiry\s+after\s+in", text, re.DOTALL)


def test_a_list_asks_no_more_with_more_policies_and_goes_on(agent: Caller, adam: Client) -> None:
    with counted_statements() as few:
        adam.get("/policies/")
    RetentionPolicy.objects.bulk_create(
        RetentionPolicy(namespace_id=agent.namespace_id, prefix=f"org-{number:02}/")
        for number in range(60)
    )
    with counted_statements() as many:
        first = adam.get("/policies/")
    assert len(many) == len(few)
    assert "org-48/" in first.text
    assert "org-49/" not in first.text
    following = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert following
    assert "org-49/" in adam.get(following.group(1).replace("&amp;", "&")).text


def test_what_takes_longer_is_left_to_cleanup_and_its_progress_is_shown(
    agent: Caller, adam: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operation, "_AT_ONCE", 2)
    monkeypatch.setattr(views, "_SECONDS", -1.0)
    for number in range(5):
        make_session(agent, f"chat-{number}")
    form = FORM | {"idle_for": "60d", "do": "apply"}
    told = adam.post("/policies/change/", form, follow=True).text
    assert "cleanup goes on with it" in told
    assert "0 of 5 sessions" in told
    vera = person("viewer", name="vera")
    assert "0 of 5 sessions" in vera.get("/policies/applying/", headers=PART).text
    assert "0 of 5" not in person("viewer", "claims", name="cleo").get("/policies/").text
    clean_up()
    assert set(AgentSession.objects.values_list("idle_for", flat=True)) == {60 * DAY}
    finished = adam.get("/policies/applying/", headers=PART).text
    assert "Every live session follows its policy now" in finished
    assert "hx-trigger" not in finished
    changed = RetentionPolicy.objects.get(namespace_id=agent.namespace_id)
    assert changed.sessions_changed == 5


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
