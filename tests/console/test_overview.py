"""The overview: whether all is well, in the numbers of what a person may see."""

import re

import pytest
from django.test import Client

from memory_app import moments
from memory_app.models import CleanupRun, HoldKind, LastBackup, Namespace
from memory_app.moments import DAY, HOUR
from memory_app.operations.cleaning import clean_up
from memory_app.operations.holding import NewHold, place_hold
from memory_app.operations.keys import create_key
from tests.console.scenes import PART, SECRETS, person, scene
from tests.counting import counted_statements
from tests.factories import make_caller, make_session
from tests.people import signed_in

pytestmark = pytest.mark.django_db


def tile(text: str, name: str) -> str:
    found = re.search(rf'id="kpi-{name}">.*?<div class="v">([^<]*)</div>', text, re.S)
    assert found, text
    return found.group(1)


def attention(text: str) -> str:
    part = text.split('id="matters"')[1].split("</section>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", part))


def hold(session_id: str, review_after: int = DAY, now: int | None = None) -> None:
    held = NewHold(
        namespace="support",
        kind=HoldKind.SESSION,
        target=session_id,
        matter="Miller v. Example",
        reason="Asked by counsel",
        review_after=review_after,
    )
    place_hold(hold=held, now=now)


def at(days: float) -> int:
    return moments.process_clock() + int(days * DAY)


def test_the_overview_is_the_first_page() -> None:
    assert person("viewer").get("/")["Location"] == "/overview/"


def test_all_is_well_after_a_cleanup_with_nothing_left() -> None:
    make_session(make_caller("support"), "chat")
    clean_up()
    text = person("viewer").get("/overview/").text
    assert "All is well." in text
    assert (tile(text, "overdue"), tile(text, "active"), tile(text, "messages")) == ("0", "1", "1")
    assert "Nothing. Cleanup keeps up" in attention(text)


def test_what_should_be_gone_already_comes_first() -> None:
    support = make_caller("support")
    for number in range(3):
        make_session(support, f"old-{number}", now=at(-38))
    make_session(support, "in-grace", now=at(-31))
    text = person("viewer").get("/overview/").text
    assert tile(text, "overdue") == "3"
    assert "3 sessions should have been purged" in attention(text)
    assert "need attention" in text
    clean_up()
    assert tile(person("viewer", name="vic").get("/overview/").text, "overdue") == "0"


def test_what_a_hold_protects_is_not_overdue() -> None:
    make_session(make_caller("support"), "old", now=at(-38))
    hold("old")
    assert tile(person("viewer").get("/overview/").text, "overdue") == "0"


def test_sessions_that_expire_within_a_day_are_counted() -> None:
    support = make_caller("support")
    make_session(support, "soon", now=at(-29.5))
    make_session(support, "later", now=at(-20))
    assert tile(person("viewer").get("/overview/").text, "expiring") == "1"


def test_each_person_sees_the_numbers_of_their_namespaces_alone() -> None:
    make_session(make_caller("support"), "chat", "Hi", "Ho")
    claims = make_caller("claims")
    for number in range(5):
        make_session(claims, f"claim-{number}")
    mine = person("viewer", "support").get("/overview/").text
    assert (tile(mine, "active"), tile(mine, "messages")) == ("1", "2")
    assert "claims" not in mine
    everywhere = person("viewer", "*", name="all").get("/overview/").text
    assert (tile(everywhere, "active"), tile(everywhere, "messages")) == ("6", "7")


@pytest.mark.parametrize("role", ["viewer", "administrator"])
def test_nobody_meets_content_there(role: str) -> None:
    scene()
    text = person(role).get("/overview/").text
    assert not [secret for secret in SECRETS if secret in text]


def test_an_administrator_sees_how_the_installation_fares_and_no_sessions() -> None:
    make_session(make_caller("support"), "chat")
    clean_up()
    text = person("administrator", "*").get("/overview/").text
    assert "Cleanup runs" in text
    assert "kpi-active" not in text
    assert "Stored by namespace" not in text


def test_who_has_no_role_is_refused() -> None:
    assert signed_in("nobody").get("/overview/").status_code == 403


def test_the_chart_has_its_numbers_in_words_and_in_a_table() -> None:
    make_session(make_caller("support"), "chat")
    text = person("viewer").get("/overview/").text
    assert 'role="img" aria-labelledby="wide-title wide-desc"' in text
    assert "Show as table" in text
    assert text.count("1 created, 0 expired, 0 purged") == 2
    assert 'style="' not in text


def test_a_failed_run_needs_attention_until_others_went_well() -> None:
    make_caller("support")
    now = moments.process_clock()
    failed = CleanupRun.objects.create(
        started_at=now - HOUR, finished_at=now - HOUR, problem="OperationalError"
    )
    vera = person("viewer")
    assert f"Run {failed.pk} failed" in attention(vera.get("/overview/").text)
    assert "1 thing needs attention." in vera.get("/overview/").text
    clean_up()
    text = vera.get("/overview/").text
    assert "1 run since went well" in attention(text)
    assert "All is well." in text


def test_a_hold_that_is_due_for_review_is_named() -> None:
    make_caller("support")
    hold("chat", review_after=HOUR, now=at(-1))
    assert "1 hold is due for review" in attention(person("viewer").get("/overview/").text)
    elsewhere = person("viewer", "claims", name="eve").get("/overview/").text
    assert "review" not in attention(elsewhere)


def test_keys_that_end_soon_are_named_to_those_who_rotate_them() -> None:
    create_key(namespace="support", expires_at=at(3))
    create_key(namespace="support", expires_at=at(300))
    assert "1 API key ends within 14 days" in attention(
        person("administrator").get("/overview/").text
    )
    assert "API key" not in attention(person("viewer").get("/overview/").text)


def test_a_scrub_that_waits_for_its_window_is_no_alarm(settings: pytest.FixtureRequest) -> None:
    settings.LETHE_SCRUB_WINDOW = None
    make_session(make_caller("support"), "old", now=at(-38))
    clean_up()
    text = person("viewer").get("/overview/").text
    assert "A scrub is due" in attention(text)
    assert "All is well." in text


def test_a_backup_that_is_old_is_named_to_administrators() -> None:
    make_caller("support")
    clean_up()
    adam, vera = person("administrator"), person("viewer")
    kept = LastBackup.objects.create(id=1, began_at=at(-6), size_bytes=1)
    assert "backup" not in attention(adam.get("/overview/").text)
    LastBackup.objects.filter(pk=kept.pk).update(began_at=at(-8))
    assert "The last backup is old" in attention(adam.get("/overview/").text)
    assert "1 thing needs attention." in adam.get("/overview/").text
    assert "backup" not in attention(vera.get("/overview/").text)


def test_an_installation_without_a_backup_is_reminded_after_a_week() -> None:
    make_caller("support")
    clean_up()
    adam = person("administrator")
    assert "backup" not in attention(adam.get("/overview/").text)
    Namespace.objects.update(created_at=at(-8))
    text = adam.get("/overview/").text
    assert "No backup was made" in attention(text)
    assert "All is well." in text


def test_it_refreshes_itself_by_the_part_that_it_shows(client: Client) -> None:
    make_session(make_caller("support"), "chat")
    vera = person("viewer")
    part = vera.get("/overview/", headers=PART).text
    assert part.lstrip().startswith('<div id="overview"')
    assert "<html" not in part
    assert 'hx-trigger="console:tick from:body"' in part


def test_its_queries_do_not_grow_with_what_there_is() -> None:
    vera = person("viewer", "*")
    make_session(make_caller("support"), "chat")
    clean_up()
    vera.get("/overview/")
    with counted_statements() as few:
        vera.get("/overview/")
    for namespace in ("claims", "travel", "orders"):
        agent = make_caller(namespace)
        for number in range(5):
            make_session(agent, f"chat-{number}", now=at(-number * 8))
    clean_up()
    with counted_statements() as many:
        vera.get("/overview/")
    assert len(many) == len(few)


@pytest.mark.parametrize("role", ["privacy_officer", "administrator"])
def test_every_page_says_that_cleanup_is_overdue_to_those_who_can_act(role: str) -> None:
    make_session(make_caller("support"), "old", now=at(-38))
    client = person(role)
    for path in ("/overview/", "/policies/", "/nothing-here"):
        assert "Cleanup is overdue." in client.get(path).text, path
    assert "Cleanup is overdue." not in client.get("/overview/", headers=PART).text
    clean_up()
    assert "Cleanup is overdue." not in client.get("/policies/").text


def test_those_who_cannot_act_are_not_alarmed_on_every_page() -> None:
    make_session(make_caller("support"), "old", now=at(-38))
    assert "Cleanup is overdue." not in person("viewer").get("/policies/").text
