"""Cleanup runs in the console: what they did, what the next will do, and one at once."""

import pytest

from memory_app import moments
from memory_app.models import AgentSession, AuditEntry, CleanupRun, Receipt
from memory_app.moments import DAY, HOUR
from memory_app.operations import running
from memory_app.operations.cleaning import clean_up
from memory_app.operations.running import foresee_run, run_now
from tests.console.scenes import PART, person
from tests.factories import make_caller, make_session
from tests.people import acting, signed_in

pytestmark = pytest.mark.django_db


def at(days: float) -> int:
    return moments.process_clock() + int(days * DAY)


def old(namespace: str = "support", count: int = 1) -> None:
    agent = make_caller(namespace)
    for number in range(count):
        make_session(agent, f"old-{number}", "Hi", now=at(-38))


def test_nothing_has_run_yet() -> None:
    make_caller("support")
    assert "No cleanup has run yet" in person("viewer").get("/runs/").text


def test_a_run_is_listed_and_its_page_leads_to_the_receipts() -> None:
    old()
    number = clean_up().run
    vera = person("viewer")
    assert f'href="/runs/{number}/"' in vera.get("/runs/").text
    text = vera.get(f"/runs/{number}/").text
    assert "<b>1</b><span>session purged" in text
    assert f"/receipts/{Receipt.objects.get().pk}/" in text


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"problem": "OperationalError", "ended": True}, "It ended by an error"),
        ({"complete": False, "ended": True}, "Its time was over"),
        ({"complete": True, "ended": True}, "Complete"),
        ({}, "its process was killed"),
    ],
)
def test_a_run_says_how_it_ended(fields: dict[str, object], said: str) -> None:
    make_caller("support")
    begun = at(-1)
    ended = begun + HOUR if fields.pop("ended", False) else None
    run = CleanupRun.objects.create(started_at=begun, finished_at=ended, **fields)
    assert said in person("viewer").get(f"/runs/{run.pk}/").text


def test_a_run_that_goes_on_says_so() -> None:
    make_caller("support")
    run = CleanupRun.objects.create(started_at=at(0))
    assert "It is under way" in person("viewer").get(f"/runs/{run.pk}/").text


def test_a_person_sees_the_numbers_of_their_namespaces_alone() -> None:
    old("support", 1)
    old("claims", 4)
    everything = clean_up().run
    old("claims", 2)
    of_claims = clean_up(namespace="claims").run
    sam = person("viewer", "support")
    text = sam.get(f"/runs/{everything}/").text
    assert "<b>1</b><span>session purged" in text
    assert "claims" not in text + sam.get("/runs/").text
    assert sam.get(f"/runs/{of_claims}/").status_code == 404
    assert (
        "<b>5</b><span>sessions purged"
        in person("viewer", "*", name="all").get(f"/runs/{everything}/").text
    )


def test_what_the_next_run_will_do_are_the_numbers_of_a_dry_one() -> None:
    old("support", 2)
    make_session(make_caller("support"), "young", now=at(-31))
    dry = clean_up(dry_run=True)
    foreseen = foresee_run(person=acting("vera", viewer="*"))
    assert (foreseen.expired, foreseen.due, foreseen.held) == (dry.expired, dry.purged, dry.held)
    assert foresee_run(person=acting("eve", viewer="claims")).due.sessions == 0
    assert AgentSession.objects.count() == 3


def test_the_next_run_is_counted_when_asked_as_a_page_and_as_a_part() -> None:
    old("support", 2)
    vera = person("viewer")
    assert "would purge" not in vera.get("/runs/").text
    page, part = vera.get("/runs/?next="), vera.get("/runs/?next=", headers=PART)
    for answer in (page, part):
        assert "The next run would purge 2 sessions" in answer.text
    assert part.text.lstrip().startswith('<section id="next"')
    assert "<html" in page.text


def test_a_privacy_officer_runs_cleanup_at_once_and_the_log_keeps_it() -> None:
    old("support", 2)
    pia = person("privacy_officer", "*", name="pia")
    answer = pia.post("/runs/now/")
    run = CleanupRun.objects.get()
    assert answer["Location"] == f"/runs/{run.pk}/"
    assert "Purged 2 sessions with 2 messages." in pia.get(answer["Location"]).text
    entry = AuditEntry.objects.get(act="cleanup.run")
    assert (entry.actor, entry.object_id) == ("pia", str(run.pk))
    assert not AgentSession.objects.exists()


def test_a_run_for_a_person_stays_in_the_namespaces_where_they_may_purge() -> None:
    old("support")
    old("claims")
    person("privacy_officer", "support").post("/runs/now/")
    assert [one.namespace.name for one in AgentSession.objects.all()] == ["claims"]
    assert CleanupRun.objects.get().namespace == "support"


def test_a_run_that_is_out_of_time_hands_over_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    old("support", 2)
    monkeypatch.setattr(running, "AT_ONCE_SECONDS", 1e-9)
    pia = person("privacy_officer")
    answer = pia.post("/runs/now/")
    assert "More is due: the next run goes on." in pia.get(answer["Location"]).text


def test_a_run_that_a_person_waits_for_does_not_scrub(settings: pytest.FixtureRequest) -> None:
    settings.LETHE_SCRUB_WINDOW = (0, 24 * 60)
    old()
    run_now(person=acting("pia", privacy_officer="*"))
    assert CleanupRun.objects.get().scrubbed is False


@pytest.mark.parametrize("role", ["viewer", "operator", "administrator"])
def test_others_run_nothing_and_are_offered_nothing(role: str) -> None:
    old()
    client = person(role)
    assert "Run now</button>" not in client.get("/runs/").text
    assert client.post("/runs/now/").status_code == 403
    assert AgentSession.objects.count() == 1


def test_a_run_is_never_started_by_a_link() -> None:
    old()
    assert person("privacy_officer").get("/runs/now/").status_code == 405
    assert AgentSession.objects.count() == 1


def test_older_runs_are_reached_page_by_page() -> None:
    make_caller("support")
    for number in range(60):
        CleanupRun.objects.create(started_at=at(-2) + number, finished_at=at(-2), complete=True)
    vera = person("viewer")
    numbers = [run.pk for run in CleanupRun.objects.order_by("-pk")]
    first = vera.get("/runs/").text
    assert f'href="/runs/{numbers[49]}/"' in first
    assert f'href="/runs/{numbers[50]}/"' not in first
    assert f'href="/runs/{numbers[50]}/"' in vera.get(f"/runs/?before={numbers[49]}").text
    assert vera.get("/runs/?before=x").status_code == 200


def test_who_has_no_role_sees_no_runs() -> None:
    clean_up()
    nobody = signed_in("nobody")
    assert nobody.get("/runs/").status_code == 403
    assert nobody.get(f"/runs/{CleanupRun.objects.get().pk}/").status_code == 403
